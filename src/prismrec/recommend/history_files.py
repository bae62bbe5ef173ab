"""Histories to recommend for: a Parquet file, the folder of a data warehouse, or a data set.

source = open_histories(Path("histories.parquet"))
for batch in source.batches(4_096): ...             # the columns user and history
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import lru_cache, partial
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from prismrec.data import load_dataset, parquet_paths, read_dataset_manifest
from prismrec.errors import DataError
from prismrec.recommend.file_states import State, check_unchanged, file_states
from prismrec.recommend.history_columns import check_columns, without_views
from prismrec.recommend.history_users import count_repeated_users, first_without_user


class HistorySource(Protocol):
    """Histories, always in the same order."""

    files: list[Path]
    """What is read."""
    users: int
    """Number of histories."""
    states: list[State]
    """The state of each file before anything was read."""

    def batches(self, size: int) -> Iterator[pa.RecordBatch]:
        """Yield batches of the columns user and history, at most ``size`` rows each.

        Raises:
            DataError: A file is damaged.
        """

    def parts(self, rows: int) -> list["HistoryPart"]:
        """Divide the histories into parts of at most ``rows``, for other processes to read."""

    def first_without_user(self) -> str:
        """Return the place of the first row without a user, such as ``row 3 of b.parquet``."""

    def repeated_users(self) -> int:
        """Return the number of rows whose user has an earlier row."""

    def check_unchanged(self) -> None:
        """Raise DataError if the histories changed after they were opened."""


@dataclass(frozen=True)
class HistoryPart:
    """Consecutive histories of one file or of a data set; another process can read them."""

    path: Path
    """The file, or the folder of the data set."""
    start: int
    stop: int
    fingerprint: str = ""
    """That of the data set; "" for a file."""

    @classmethod
    def divide(
        cls, path: Path, count: int, rows: int, fingerprint: str = ""
    ) -> "list[HistoryPart]":
        """Divide ``count`` histories into parts of at most ``rows``."""
        place = path.resolve()
        return [cls(place, at, min(at + rows, count), fingerprint) for at in range(0, count, rows)]

    def batches(self, size: int) -> Iterator[pa.RecordBatch]:
        """Yield batches as ``HistorySource.batches``.

        Raises:
            DataError: The file is damaged or has fewer rows than before, or the data set was
                replaced.
        """
        of_data_set = self.fingerprint and _open_users(self.path, self.fingerprint)
        read = of_data_set.read if of_data_set else partial(_read, self.path)
        rows = 0
        for batch in read(self.start, self.stop, size):
            rows += len(batch)
            yield batch
        if rows < self.stop - self.start:
            raise DataError(
                f"{self.path} has fewer rows than when it was opened first; wait until it is "
                "complete, and run the same command again."
            )


def open_histories(path: Path) -> HistorySource:
    """Open a file, a folder or a glob of histories.

    Raises:
        DataError: There is no file, or one is not Parquet or lacks a column.
    """
    return DatasetUsers(path) if (path / "indptr.npy").is_file() else ParquetFiles(path)


class ParquetFiles:
    """Parquet files with the columns user and history. A ``HistorySource``."""

    def __init__(self, path: Path) -> None:
        self.files = parquet_paths(path)
        self.states = file_states(self.files)
        self.rows = [_opened(file).metadata.num_rows for file in self.files]
        self.users = sum(self.rows)

    def batches(self, size: int) -> Iterator[pa.RecordBatch]:
        """See ``HistorySource.batches``; a batch is of one file."""
        for file, rows in zip(self.files, self.rows, strict=True):
            yield from _read(file, 0, rows, size)

    def parts(self, rows: int) -> list[HistoryPart]:
        """See ``HistorySource.parts``."""
        files = zip(self.files, self.rows, strict=True)
        return [part for file, count in files for part in HistoryPart.divide(file, count, rows)]

    def first_without_user(self) -> str:
        """See ``HistorySource.first_without_user``."""
        return first_without_user(self.files)

    def repeated_users(self) -> int:
        """See ``HistorySource.repeated_users``."""
        return count_repeated_users(self.files, self.users)

    def check_unchanged(self) -> None:
        """See ``HistorySource.check_unchanged``."""
        check_unchanged(self.files, self.states)


class DatasetUsers:
    """All users of a data set folder, with their whole histories. A ``HistorySource``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files = sorted(file for file in path.iterdir() if file.is_file())
        self.states = file_states(self.files)
        self.fingerprint: str = read_dataset_manifest(path)["fingerprint"]
        self.dataset = load_dataset(path)
        self.users = len(self.dataset.histories)

    def batches(self, size: int) -> Iterator[pa.RecordBatch]:
        """See ``HistorySource.batches``."""
        return self.read(0, self.users, size)

    def parts(self, rows: int) -> list[HistoryPart]:
        """See ``HistorySource.parts``."""
        return HistoryPart.divide(self.path, self.users, rows, self.fingerprint)

    def first_without_user(self) -> str:
        """See ``HistorySource.first_without_user``: every row has a user."""
        return ""

    def repeated_users(self) -> int:
        """See ``HistorySource.repeated_users``: every user has one row."""
        return 0

    def check_unchanged(self) -> None:
        """See ``HistorySource.check_unchanged``: the files that were opened are read to the end."""

    def read(self, start: int, stop: int, size: int) -> Iterator[pa.RecordBatch]:
        """Yield the histories of consecutive users, by their numbers."""
        for at in range(start, min(stop, self.users), size):
            yield self._batch(range(at, min(at + size, stop)))

    def _batch(self, numbers: range) -> pa.RecordBatch:
        names, histories = self.dataset.catalog.items, self.dataset.histories
        rows = [names.external(histories[number].tolist()) for number in numbers]
        columns = [
            pa.array(self.dataset.users.external(numbers), pa.string()),
            pa.array(rows, pa.list_(pa.string())),
        ]
        return pa.record_batch(columns, names=["user", "history"])


def is_among(path: Path, histories: Path) -> bool:
    """Return whether a file or folder would be read with a folder or a glob of histories."""
    place, source = path.resolve(), histories.resolve()
    if not histories.exists():  # a glob; its ``*`` matches several folders too
        return fnmatch(str(place), str(source).replace("**/", "*"))
    return histories.is_dir() and source in place.parents


def _opened(histories: Path) -> pq.ParquetFile:
    """Open one file of histories and check its columns."""
    try:
        source = pq.ParquetFile(histories)
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            f"{histories} does not read as a Parquet file of histories ({error}); give one "
            "with the columns user and history."
        ) from error
    check_columns(source.schema_arrow, str(histories))
    return source


def _read(file: Path, start: int, stop: int, size: int) -> Iterator[pa.RecordBatch]:
    """Yield consecutive rows of a file; row groups that have none of them are not read.

    Raises:
        DataError: The file is damaged or missing.
    """
    try:
        with pq.ParquetFile(file) as source:
            after, groups = 0, []
            for group in range(source.num_row_groups):
                first, after = after, after + source.metadata.row_group(group).num_rows
                if first < stop and start < after:
                    groups.append((group, first))
            at = groups[0][1] if groups else 0
            numbers = [group for group, _ in groups]
            for batch in source.iter_batches(size, numbers, columns=["user", "history"]):
                own = batch[max(start - at, 0) : max(stop - at, 0)]
                at += len(batch)
                if len(own):
                    yield without_views(own)
    except FileNotFoundError as error:
        raise DataError(
            f"{file} was opened before, but is missing now or on this machine; wait until the "
            "histories are complete, on a disk that every machine sees, and run the same command "
            "again."
        ) from error
    except (OSError, pa.ArrowException) as error:
        reason = str(error).strip().partition("\n")[0]
        raise DataError(f"{file} is damaged ({reason}); write it again.") from error


@lru_cache(maxsize=1)
def _open_users(folder: Path, fingerprint: str) -> DatasetUsers:
    """Open a data set once per process; the fingerprint changes if another one replaces it.

    Raises:
        DataError: It is not the data set that the driver opened.
    """
    users = DatasetUsers(folder)
    if users.fingerprint != fingerprint:
        raise DataError(
            f"The data set {folder} of a worker is not that of the driver; run the same command "
            "again when it is complete, and use a file system that all machines share."
        )
    return users
