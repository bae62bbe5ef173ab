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

from pydantic import Field, TypeAdapter, ValidationError

from prismrec.errors import StoreError
from prismrec.service.schemas import Id, ItemIn, Strict

BLOCK = 65_536
"""Bytes read at once where the end of the last line is looked for."""


class Marked(Strict):
    """Items that were hidden or unhidden."""

    kind: Literal["hide", "unhide"]
    items: list[Id]


class Added(Strict):
    """Items that were added or described anew, all in one call."""

    kind: Literal["add"] = "add"
    items: list[ItemIn]


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
        self.path, self.read_to, self.file = path, 0, 0

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

        A file that was exchanged, or cut shorter than it was read, is read from its beginning.

        Raises:
            StoreError: The file cannot be read, or a line is not one of ours; the next call reads
                the same again.

        Cost: a look at the file's size where nothing is new.
        """
        try:
            found = self.path.stat()
            if found.st_ino != self.file or found.st_size < self.read_to:
                self.file, self.read_to = found.st_ino, 0
            if found.st_size <= self.read_to:
                return []
            with self.path.open("rb") as file:
                file.seek(max(self.read_to - 1, 0))
                if self.read_to and file.read(1) != b"\n":  # another file under the same number
                    self.read_to = file.seek(0)
                text = file.read()
        except FileNotFoundError:
            self.file = 0
            return []
        except OSError as error:
            raise StoreError(
                f"The file of changes {self.path} cannot be read ({error.strerror}); let this user "
                "read it, or move it away to start without changes."
            ) from error
        whole = text[: text.rfind(b"\n") + 1]
        changes = [self._read(line) for line in whole.splitlines()]
        self.read_to += len(whole)
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
