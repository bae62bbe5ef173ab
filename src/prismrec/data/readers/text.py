"""The text of a file: decompressed, and UTF-8 whatever it was."""

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
    """Give UTF-8 text: the path itself where it holds that, else its bytes made so.

    Raises:
        DataError: The file does not read or unpack; or a byte is not of the encoding, the message
            has its offset.
        ConfigError: No such encoding.
    """
    try:
        utf8 = codecs.lookup(encoding).name == "utf-8"
        "a".encode(encoding)  # "rot13" is a codec, but none that makes bytes of text
    except (LookupError, ValueError):
        raise ConfigError(
            f"encoding is {encoding!r}, which Python does not know for text; "
            'give one such as "utf-8" or "latin-1".'
        ) from None
    try:
        with pa.input_stream(str(path)) as file:  # compression by the path's ending
            if utf8 and path.suffix not in COMPRESSED:
                _check_utf8(path.name, iter(lambda: file.read(CHUNK), b""))
                return path
            raw = cast(bytes, file.read())
    except OSError as error:
        packed = path.suffix in COMPRESSED
        do = f"pack it again, or name it without {path.suffix}" if packed else "check its rights"
        raise DataError(f"{path.name} does not read ({error}); {do}.") from error
    if utf8:
        _check_utf8(path.name, iter([raw]))
        return raw
    try:
        return raw.decode(encoding).encode()
    except UnicodeDecodeError as error:
        raise _not_of(path.name, encoding, error.start, raw[error.start]) from None


def first_lines(name: str, text: Path | bytes, count: int) -> list[tuple[int, str]]:
    """Give the first lines that are not blank, with their numbers from 1; at least one.

    Raises:
        DataError: There is none.
    """
    found: list[tuple[int, str]] = []
    with stream(text) as lines:
        for number, raw in enumerate(lines, start=1):
            line = raw.decode("utf-8").lstrip("\ufeff").rstrip("\r\n")
            if line.strip():
                found.append((number, line))
            if len(found) == count:
                break
    if not found:
        raise DataError(f"{name} is empty; give a file with at least one line.")
    return found


def stream(text: Path | bytes) -> BinaryIO:
    """Open text, to be read from its beginning."""
    return BytesIO(text) if isinstance(text, bytes) else text.open("rb")


def _check_utf8(name: str, chunks: Iterator[bytes]) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    read = 0
    for chunk in chunks:
        held = len(decoder.getstate()[0])  # bytes of a character that the last chunk began
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError as error:
            raise _not_of(
                name, "utf-8", read - held + error.start, error.object[error.start]
            ) from None
        read += len(chunk)
    begun = decoder.getstate()[0]
    if begun:
        raise _not_of(name, "utf-8", read - len(begun), begun[0])


def _not_of(name: str, encoding: str, offset: int, byte: int) -> DataError:
    return DataError(
        f"{name} is not {encoding}: byte 0x{byte:02X} at offset {offset:,}; "
        'say what it is with the encoding option, such as encoding="latin-1".'
    )
