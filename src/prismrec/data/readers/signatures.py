"""Recognize file formats by their first bytes, so that a wrong ending does not mislead."""

import codecs
from pathlib import Path

from prismrec.errors import DataError

HEAD = 4096  # bytes inspected

_COMPRESSIONS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
_UNPACK = "unpack it and give the file inside"
_SAVE = "save the sheet as CSV"
_EXPORT = "export the table as CSV or Parquet"
_FOREIGN = {
    _UNPACK: {
        b"PK\x03\x04": "a zip archive",
        b"PK\x05\x06": "an empty zip archive",
        b"7z\xbc\xaf\x27\x1c": "a 7z archive",
        b"Rar!\x1a": "a rar archive",
        b"\xfd7zXZ\x00": "an xz archive",
        b"\x04\x22\x4d\x18": "an lz4 archive",
    },
    _SAVE: {b"\xd0\xcf\x11\xe0": "an old Excel workbook (xls)"},
    _EXPORT: {
        b"SQLite format 3\x00": "an SQLite database",
        b"ARROW1\x00": "an Arrow (Feather) file",
        b"Obj\x01": "an Avro file",
        b"\x89HDF": "an HDF5 file",
        b"\x93NUMPY": "a NumPy array",
        b"%PDF-": "a PDF document",
    },
}
"""First bytes of formats that are not text, by what to do with such a file."""
_SHEETS = (b"xl/", b"[Content_Types].xml")  # names of files in the archive that is a workbook


def is_parquet(path: Path) -> bool:
    """Return whether a file begins as a Parquet file does."""
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def compression_of(head: bytes) -> str | None:
    """Return Arrow's name of the compression of a file with these first bytes; None: none."""
    if head[:3] == b"BZh" and head[4:10] == b"1AY&SY":  # an id may begin with BZh
        return "bz2"
    return next((name for start, name in _COMPRESSIONS.items() if head.startswith(start)), None)


def marked_encoding(head: bytes) -> str | None:
    """Return the encoding that a byte-order mark names; None for UTF-8 or without a mark."""
    return next((name for mark, name in _MARKS.items() if head.startswith(mark)), None)


def check_is_text(name: str, head: bytes) -> None:
    """Raise if a file is in another format than text.

    Raises:
        DataError: The first bytes belong to another format, which the message names.
    """
    if head.startswith(b"PK\x03\x04") and any(sheet in head for sheet in _SHEETS):
        raise DataError(f"{name} is an Excel workbook (xlsx), not text; {_SAVE}.")
    for advice, formats in _FOREIGN.items():
        for start, what in formats.items():
            if head.startswith(start):
                raise DataError(f"{name} is {what}, not text; {advice}.")
    if head[257:262] == b"ustar":
        raise DataError(f"{name} is a tar archive, not text; {_UNPACK}.")


def check_has_no_zero_bytes(name: str, text: bytes) -> None:
    """Raise if decoded text has zero bytes: it is binary, or UTF-16 without a byte-order mark.

    Raises:
        DataError: There is a zero byte among the first ones.
    """
    head = text[:HEAD]
    if b"\x00" not in head:
        return
    even, odd = head[::2].count(0), head[1::2].count(0)
    if 4 * max(even, odd) > len(head):
        encoding = "utf-16-le" if odd > even else "utf-16-be"
        raise DataError(
            f"{name} seems to be UTF-16 without a byte-order mark: every second byte is zero; "
            f'give encoding="{encoding}".'
        )
    raise DataError(f"{name} is not text: it has zero bytes; give CSV, TSV, JSON lines or Parquet.")
