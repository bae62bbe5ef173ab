"""The text of a file: decompressed, and converted to UTF-8 if it has another encoding."""

import codecs
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from prismrec.data.readers.signatures import (
    HEAD,
    check_has_no_zero_bytes,
    check_is_text,
    compression_of,
    marked_encoding,
)
from prismrec.errors import ConfigError, DataError

COMPRESSED = (".gz", ".zst", ".bz2")
CHUNK = 1 << 20  # bytes decoded at a time
SAMPLE = 100  # lines from which the layout, or the keys of JSON lines, are found
_BLANK_LINE = re.compile(rb"\n[ \t]*\r?\n")
LONGEST_LINE = 1 << 26
"""Largest length of a line in bytes, 64 MiB: a longer one is no row of a table."""


def read_text(path: Path, encoding: str) -> Path | bytes:
    """Return UTF-8 text: the path itself if the file is plain UTF-8, otherwise its bytes.

    Compression and UTF-16 with a byte-order mark are recognized by the first bytes.

    Raises:
        DataError: The file cannot be read or decompressed, or is not text; a line is longer than
            ``LONGEST_LINE``; or a byte does not fit the encoding (the message has its offset).
        ConfigError: Unknown encoding.
    """
    try:
        utf8 = codecs.lookup(encoding).name == "utf-8"
        "a".encode(encoding)  # "rot13" is a codec, but it does not encode text as bytes
    except (LookupError, ValueError):
        raise ConfigError(
            f"encoding is {encoding!r}, which is not a text encoding of Python; "
            'give one such as "utf-8" or "latin-1".'
        ) from None
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
        check_is_text(path.name, head)
        compression = compression_of(head)
        is_plain = compression is None and path.suffix.lower() not in COMPRESSED
        # Without a known signature, the ending decides: Arrow then reports the damage.
        with pa.input_stream(str(path), compression=compression or "detect") as file:
            chunks = _with_short_lines(path.name, iter(lambda: file.read(CHUNK), b""))
            if utf8 and is_plain and marked_encoding(head) is None:
                check_has_no_zero_bytes(path.name, head)
                _check_utf8(path.name, chunks)
                return path
            written = BytesIO()
            written.writelines(chunks)
            raw = written.getvalue()
    except OSError as error:
        advice = "check the file's permissions"
        if path.suffix in COMPRESSED:
            advice = f"compress it again, or rename it without {path.suffix}"
        raise DataError(f"{path.name} cannot be read ({error}); {advice}.") from error
    return _decode(path.name, raw, None if utf8 else encoding)


def _decode(name: str, raw: bytes, encoding: str | None) -> bytes:
    """Return bytes as UTF-8. An encoding of None is UTF-8; a byte-order mark takes precedence."""
    check_is_text(name, raw[:HEAD])
    encoding = marked_encoding(raw[:HEAD]) or encoding
    if encoding is None:
        text = raw
        _check_utf8(name, iter([raw]))
    else:
        try:
            text = raw.decode(encoding).encode()
        except UnicodeDecodeError as error:
            raise _wrong_encoding(name, encoding, error.start, raw[error.start]) from None
    check_has_no_zero_bytes(name, text)
    return text


def first_lines(name: str, text: Path | bytes) -> list[tuple[int, str]]:
    """Return up to ``SAMPLE`` first lines that are not blank, with line numbers from 1.

    Raises:
        DataError: Every line is blank.
    """
    lines: list[tuple[int, str]] = []
    with stream(text) as raw_lines:
        for number, raw in enumerate(raw_lines, start=1):
            line = raw.decode("utf-8").lstrip("\ufeff").rstrip("\r\n")
            if line.strip():
                lines.append((number, line))
            if len(lines) == SAMPLE:
                break
    if not lines:
        raise DataError(f"{name} is empty; give a file with at least one line.")
    return lines


def has_quote(text: Path | bytes) -> bool:
    """Return whether a text has a quote. Reads up to the first one."""
    with stream(text) as file:
        return any(b'"' in chunk for chunk in iter(lambda: file.read(CHUNK), b""))


def has_blank_line(text: Path | bytes) -> bool:
    """Return whether a line after the first one is blank. Reads up to the first such line."""
    end = b""  # what follows the last line feed before a chunk, if it may be a blank line
    with stream(text) as file:
        for chunk in iter(lambda: file.read(CHUNK), b""):
            if _BLANK_LINE.search(end + chunk):
                return True
            place = chunk.rfind(b"\n")
            end = chunk[place:] if place >= 0 else end + chunk
            end = b"" if end.strip() else end
    return end not in (b"", b"\n")


def stream(text: Path | bytes) -> BinaryIO:
    """Open text for reading from its beginning."""
    return BytesIO(text) if isinstance(text, bytes) else text.open("rb")


def _with_short_lines(name: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the chunks of a text; a compressed file may be a thousand times as long as its size.

    Raises:
        DataError: A line is longer than ``LONGEST_LINE``; the message has its number.
    """
    number, length = 1, 0  # of the line that a chunk begins with
    for chunk in chunks:
        end = chunk.find(b"\n")
        if length + (len(chunk) if end < 0 else end) > LONGEST_LINE:
            raise DataError(
                f"{name} has more than {LONGEST_LINE:,} bytes in line {number:,}; end each row "
                "with a line feed, or remove that line."
            )
        number += chunk.count(b"\n")
        length = length + len(chunk) if end < 0 else len(chunk) - chunk.rfind(b"\n") - 1
        yield chunk


def _check_utf8(name: str, chunks: Iterator[bytes]) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    read = 0
    for chunk in chunks:
        pending = len(decoder.getstate()[0])  # bytes of a character begun in the last chunk
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError as error:
            offset = read - pending + error.start
            raise _wrong_encoding(name, "utf-8", offset, error.object[error.start]) from None
        read += len(chunk)
    incomplete = decoder.getstate()[0]
    if incomplete:
        raise _wrong_encoding(name, "utf-8", read - len(incomplete), incomplete[0])


def _wrong_encoding(name: str, encoding: str, offset: int, byte: int) -> DataError:
    return DataError(
        f"{name} is not {encoding}: byte 0x{byte:02X} at offset {offset:,}; "
        'give its encoding with the encoding option, such as encoding="latin-1".'
    )
