"""Hidden and new items: one file of lines that all workers follow and a restart reads again.

    journal = Journal(path)
    journal.append(Marked(kind="hide", items=["A"]))     # on the disk when it returns
    for change in journal.new(): …                       # what any process appended since

A line is one change in JSON. A line that was cut off by a crash was never acknowledged: it is
dropped when the next one is written.
"""

import fcntl
import os
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

from pydantic import AliasChoices, Field, TypeAdapter, ValidationError

from prismrec.errors import StoreError
from prismrec.service.schemas import Strict

BLOCK = 65_536
"""Bytes read at once where the end of the last line is looked for."""


# Not the bounds of requests: what was acknowledged under wider ones stays a change.
Name = Annotated[str, Field(min_length=1)]


class Marked(Strict):
    """Items that were hidden or unhidden."""

    kind: Literal["hide", "unhide"]
    items: list[Name]


class AddedItem(Strict):
    """A new item, or new title and categories of a known one: what is not given stays."""

    id: Name
    title: str | None = None
    categories: list[Name] | None = None
    related_to: list[Name] = Field(
        default_factory=list,
        validation_alias=AliasChoices("related_to", "taken_with"),  # as earlier versions wrote it
    )


class Added(Strict):
    """Items that were added or described anew, all in one call."""

    kind: Literal["add"] = "add"
    items: list[AddedItem]


class Reloaded(Strict):
    """An artifact that a process took up, for the others to follow."""

    kind: Literal["reload"] = "reload"
    artifact: str
    id: str
    """Of this reload: who made it knows it again."""


Change = Marked | Added | Reloaded
_LINE: TypeAdapter[Change] = TypeAdapter(Annotated[Change, Field(discriminator="kind")])


class Journal:
    """A file of changes, read from where this process stopped.

    Args:
        path: The file; made with the first change.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.read_to = path, 0
        self.stamp = (0, 0)  # the file's number, and when it was last written
        self.anew = False
        """Whether the last ``new`` began at the start though changes had been read: what these
        were is no longer so."""

    def append(self, change: Change) -> None:
        """Write one change; it is on the disk when this returns.

        Raises:
            StoreError: The file cannot be written.

        Cost: the change's own length, and what a crash left after the last line.
        """
        line = change.model_dump_json(exclude_none=True).encode() + b"\n"
        try:
            with self.path.open("a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                file.truncate(_end_of_lines(file))
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreError(
                f"A change of the catalog could not be written ({error.strerror}); free the disk "
                "and send it again."
            ) from error

    def new(self) -> list[Change]:
        """Give what was appended since the last call, by whichever process.

        A file that was removed, exchanged, or cut shorter than it was read, is read from its
        beginning, and ``anew`` tells so.

        Raises:
            StoreError: The file cannot be read, or a line is not one of ours; the next call reads
                the same again.

        Cost: a look at the file's size where nothing is new.
        """
        start, text = self.read_to, b""
        try:
            found = self.path.stat()
            stamp = (found.st_ino, found.st_mtime_ns)
            grown = found.st_size - start
            if stamp[0] != self.stamp[0] or grown < 0 or (grown == 0 and stamp != self.stamp):
                start = 0
            if found.st_size > start:
                with self.path.open("rb") as file:
                    file.seek(max(start - 1, 0))
                    if start and file.read(1) != b"\n":  # another file under the same number
                        start = file.seek(0)
                    text = file.read()
        except FileNotFoundError:
            start, stamp = 0, (0, 0)
        except OSError as error:
            raise StoreError(
                f"The file of changes {self.path} cannot be read ({error.strerror}); let this user "
                "read it, or move it away to start without changes."
            ) from error
        whole = text[: text.rfind(b"\n") + 1]
        changes = [self._read(line) for line in whole.splitlines()]
        self.anew = start < self.read_to
        self.stamp, self.read_to = stamp, start + len(whole)
        return changes

    def _read(self, line: bytes) -> Change:
        try:
            return _LINE.validate_json(line)
        except ValidationError as error:
            raise StoreError(
                f"The file of changes {self.path} holds a line that is no change ({line[:60]!r}); "
                "restore it, or move it away to start without changes."
            ) from error


def _end_of_lines(file: BinaryIO) -> int:
    """Give where the last whole line ends, looking back from the end of the file."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(end - BLOCK, 0)
        file.seek(start)
        at = file.read(end - start).rfind(b"\n")
        if at >= 0:
            return start + at + 1
        end = start
    return 0
