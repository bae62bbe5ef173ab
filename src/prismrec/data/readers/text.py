"""The text of a file: decompressed, and converted to UTF-8 if it has another encoding."""

import codecs
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa

from prismrec.errors import ConfigError, DataError

COMPRESSED = (".gz", ".zst", ".bz2")
CHUNK = 1 << 20  # bytes decoded at a time


def read_text(path: Path, encoding: str) -> Path | bytes:
    """Return UTF-8 text: the path itself if the file is plain UTF-8, otherwise its bytes.

    Raises:
        DataError: The file cannot be read or decompressed; or a byte does not fit the encoding
            (the message has its offset).
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
        with pa.input_stream(str(path)) as file:  # decompressed according to the path's ending
            if utf8 and path.suffix not in COMPRESSED:
                _check_utf8(path.name, iter(lambda: file.read(CHUNK), b""))
                return path
            raw = cast(bytes, file.read())
    except OSError as error:
        advice = "check the file's permissions"
        if path.suffix in COMPRESSED:
            advice = f"compress it again, or rename it without {path.suffix}"
        raise DataError(f"{path.name} cannot be read ({error}); {advice}.") from error
    if utf8:
        _check_utf8(path.name, iter([raw]))
        return raw
    try:
        return raw.decode(encoding).encode()
    except UnicodeDecodeError as error:
        raise _wrong_encoding(path.name, encoding, error.start, raw[error.start]) from None


def first_lines(name: str, text: Path | bytes, count: int) -> list[tuple[int, str]]:
    """Return up to ``count`` first lines that are not blank, with line numbers from 1.

    Raises:
        DataError: Every line is blank.
    """
    lines: list[tuple[int, str]] = []
    with stream(text) as raw_lines:
        for number, raw in enumerate(raw_lines, start=1):
            line = raw.decode("utf-8").lstrip("\ufeff").rstrip("\r\n")
            if line.strip():
                lines.append((number, line))
            if len(lines) == count:
                break
    if not lines:
        raise DataError(f"{name} is empty; give a file with at least one line.")
    return lines


def stream(text: Path | bytes) -> BinaryIO:
    """Open text for reading from its beginning."""
    return BytesIO(text) if isinstance(text, bytes) else text.open("rb")


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
