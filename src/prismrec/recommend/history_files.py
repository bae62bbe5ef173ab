"""Histories to recommend for: a Parquet file, the folder of a data warehouse, or a data set.

source = open_histories(Path("histories.parquet"))
for batch in source.batches(4_096): ...             # the columns user and history
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from prismrec.data import find_paths, load_dataset
from prismrec.errors import DataError


class HistorySource(Protocol):
    """Histories, always in the same order."""

    files: list[Path]
    """What is read."""
    users: int
    """Number of histories."""

    def batches(self, size: int) -> Iterator[pa.RecordBatch]:
        """Yield batches of the columns user and history, at most ``size`` rows each.

        Raises:
            DataError: A file is damaged.
        """


def open_histories(path: Path) -> HistorySource:
    """Open a file or a folder of histories.

    Raises:
        DataError: It is none, or lacks a column.
    """
    return DatasetUsers(path) if (path / "indptr.npy").is_file() else ParquetFiles(path)


class ParquetFiles:
    """Parquet files with the columns user and history. A ``HistorySource``."""

    def __init__(self, path: Path) -> None:
        self.files = find_paths(path)
        self.users = sum(_opened(file).metadata.num_rows for file in self.files)

    def batches(self, size: int) -> Iterator[pa.RecordBatch]:
        """See ``HistorySource.batches``; a batch is of one file."""
        for file in self.files:
            try:
                with pq.ParquetFile(file) as source:
                    yield from source.iter_batches(size, columns=["user", "history"])
            except (OSError, pa.ArrowException) as error:
                reason = str(error).strip().partition("\n")[0]
                raise DataError(f"{file} is damaged ({reason}); write it again.") from error


class DatasetUsers:
    """All users of a data set folder, with their whole histories. A ``HistorySource``."""

    def __init__(self, path: Path) -> None:
        self.files = sorted(file for file in path.iterdir() if file.is_file())
        self.dataset = load_dataset(path)
        self.users = len(self.dataset.histories)

    def batches(self, size: int) -> Iterator[pa.RecordBatch]:
        """See ``HistorySource.batches``."""
        for start in range(0, self.users, size):
            yield self.batch(range(start, min(start + size, self.users)))

    def batch(self, numbers: range) -> pa.RecordBatch:
        """Return the histories of some users, by their numbers."""
        names, histories = self.dataset.catalog.items, self.dataset.histories
        rows = [names.external(histories[number].tolist()) for number in numbers]
        columns = [
            pa.array(self.dataset.users.external(numbers), pa.string()),
            pa.array(rows, pa.list_(pa.string())),
        ]
        return pa.record_batch(columns, names=["user", "history"])


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


def check_columns(schema: pa.Schema, where: str) -> None:
    """Check that there are the columns user and history, of types that hold ids."""
    fields = {field.name: field.type for field in schema}
    history = fields.get("history")
    if "user" not in fields or not _is_history(history):
        raise DataError(
            f"{where} needs the columns user and history (lists of item ids), but "
            f"it has {', '.join(f'{n!r} ({t})' for n, t in fields.items())}; write one row per "
            "user, with the item ids in time order as a list."
        )
    if not _is_id(fields["user"]):
        raise DataError(
            f"The column user of {where} is {fields['user']}, which is no type of ids; "
            "write it as whole numbers or text."
        )


def with_plain_texts(batch: pa.RecordBatch | pa.Table) -> pa.RecordBatch | pa.Table:
    """Return the same batch without texts as views, of which Arrow cannot take some rows."""
    fields = [field.with_type(_without_views(field.type)) for field in batch.schema]
    schema = pa.schema(fields)
    return batch if schema.equals(batch.schema) else batch.cast(schema)


def _without_views(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_string_view(kind):
        return pa.large_string()
    for is_list, made in ((pa.types.is_list, pa.list_), (pa.types.is_large_list, pa.large_list)):
        if is_list(kind):
            return made(_without_views(kind.value_type))
    return kind


def _is_history(kind: pa.DataType | None) -> bool:
    """Return whether a type holds lists of ids; null is the type of histories without any value."""
    if kind is None or pa.types.is_null(kind):
        return kind is not None
    types = pa.types
    lists = (types.is_list, types.is_large_list, types.is_fixed_size_list)
    return any(holds(kind) for holds in lists) and _is_id(kind.value_type)


def _is_id(kind: pa.DataType) -> bool:
    """Return whether a type holds ids exactly; null is the type of an empty column."""
    types = pa.types
    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_decimal(kind):  # NUMBER of a warehouse, and HUGEINT of DuckDB
        return bool(kind.scale == 0)
    text = (types.is_string, types.is_large_string, types.is_string_view)
    return any(holds(kind) for holds in (*text, types.is_integer, types.is_null))
