"""A file format: the endings of its files and the function that reads them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prismrec.data.readers.table import Table


@dataclass(frozen=True, kw_only=True)
class Parsing:
    """Options for reading text."""

    delimiter: str | None = None
    """Character between fields. None: detect it in the header."""
    encoding: str = "utf-8"
    """Python's name of the encoding."""
    column_names: Sequence[str] = ()
    """Column names that the caller chose. A first line that contains one of them is a header."""
    other_names: Sequence[str] = ()
    """Names of further columns that are read; a header is not recognized by them."""
    reads_every_column: bool = False
    """Whether all columns are read."""
    layouts: Mapping[int, Sequence[str]] = field(default_factory=dict)
    """Column names of a file without a header, by its number of columns."""


@dataclass(frozen=True, kw_only=True)
class Reader:
    """The reader of one file format."""

    endings: tuple[str, ...]
    """File name endings in lower case, such as ``.parquet``. Empty: every other ending."""
    read: Callable[[str | Path, list[Path], Parsing], list[Table]]
    """Read files of this format. Its arguments are the source as the caller wrote it (for
    messages), the files, and the options."""
