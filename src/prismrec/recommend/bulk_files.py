"""The files of ``recommend_file``: their columns, what may be replaced, and the folder of parts."""

import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from prismrec.errors import ConfigError, DataError
from prismrec.io import TEMPORARY, describe_write_errors, names_in, only_writer, temporary_path
from prismrec.recommend.batches import SCHEMA
from prismrec.recommend.history_files import is_among

PART_NAME = re.compile(r"\d{8,}\.parquet|plan\.json")
"""Names of the files in ``OUT.parts``; earlier versions wrote ``plan.json``."""


def check_paths(histories: Path, files: Sequence[Path], out: Path, parts: Path) -> None:
    """Check that writing the lists changes neither the histories nor anything that is no list.

    Args:
        histories: The path of the histories.
        files: Their files.
        out: The file of the lists.
        parts: The folder of its parts.

    Raises:
        ConfigError: It would change the histories, whatever path names them.
        DataError: ``out`` is something else than a file of lists.
    """
    if out.is_dir():
        raise ConfigError(f"Lists cannot be written to {out}, which is a folder; give a file name.")
    if is_among(out, histories):
        raise ConfigError(
            f"Lists cannot be written to {out}, which is in the folder of the histories, "
            f"{histories}; give a file outside of it."
        )
    if _identities(files) & _identities((out, temporary_path(out), *parts.glob("*"))):
        raise ConfigError(
            f"Lists cannot be written to {out}, which would overwrite {histories}; give "
            "another file to write."
        )
    if out.exists() and not _has_lists(out):
        raise DataError(
            f"{out} cannot be replaced, because it is something else than a file of lists; give "
            "another file to write, or move it."
        )


def _has_lists(out: Path) -> bool:
    """Return whether a file has lists, by the names of its columns, or is empty."""
    if not out.is_file():
        return False
    try:
        return out.stat().st_size == 0 or pq.read_schema(out).names == SCHEMA.names
    except (OSError, pa.ArrowException):
        return False


def _identities(paths: Iterable[Path]) -> set[tuple[int, int]]:
    """Return what is the same for two names of one file; another run may remove its files."""
    found = set()
    for path in paths:
        with suppress(FileNotFoundError):
            status = path.stat()
            found.add((status.st_dev, status.st_ino))
    return found


@contextmanager
def own_parts(parts: Path, out: Path) -> Iterator[None]:
    """Create the folder of parts, keep other runs out, and remove it if the block succeeds.

    Raises:
        DataError: The folder holds other files, it cannot be created or locked, or another run
            writes there.
    """
    if parts.is_symlink() or (parts.exists() and not _is_own(parts)):
        raise DataError(
            f"The parts of the lists cannot be kept in {parts}, which holds other files; give "
            "another file to write."
        )
    with ExitStack() as until_done:
        with describe_write_errors(out):
            parts.mkdir(parents=True, exist_ok=True)
            until_done.enter_context(only_writer(parts, out))
        yield
        shutil.rmtree(parts)


def _is_own(parts: Path) -> bool:
    """Return whether a folder has only files of such a run, by their names."""
    return parts.is_dir() and all(
        PART_NAME.fullmatch(name.removesuffix(TEMPORARY)) for name in names_in(parts)
    )
