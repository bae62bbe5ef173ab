"""The journal: a file of hidden, new and changed items; all workers read it, and a restart too.

    journal = ChangeJournal(path)
    journal.append(Marked(kind="hide", items=["A"]))     # on disk when it returns
    for change in journal.new(): …                       # new changes, of all processes

One line is one change in JSON. A line that a crash cut off was never acknowledged; it is removed
when the next line is written. Prices and stocks change all day, so a start of the service rewrites
a long file with only the newest value of each attribute, and the newest mark of each item.
"""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, get_args

from pydantic import AliasChoices, Field, TypeAdapter, ValidationError

from prismrec.data import Cell
from prismrec.errors import StoreError
from prismrec.io import atomic_file, describe_write_errors, locked
from prismrec.service.strict import Strict

BLOCK = 65_536
"""Bytes read at once when the end of the last line is searched."""
LONG = 1 << 20
"""Bytes from which a file is rewritten, if that halves it."""
TOGETHER = 1_000
"""Items whose attributes are one line of a file that was rewritten."""


# Without the limits of requests: a change stays valid when these limits get smaller.
Name = Annotated[str, Field(min_length=1)]


Mark = Literal["hide", "unhide"]


class Marked(Strict):
    """Items that were hidden, or unhidden."""

    kind: Mark
    items: list[Name]


class AddedItem(Strict):
    """A new item, or a new title and new categories of a known item; None changes nothing."""

    id: Name
    title: str | None = None
    categories: list[Name] | None = None
    related_to: list[Name] = Field(
        default_factory=list,
        validation_alias=AliasChoices("related_to", "taken_with"),  # written by earlier versions
    )
    vector: list[float] | None = None
    new: Literal[True] | None = None
    """True if the artifact that answered did not have the item: an artifact that has it describes
    it better. None, which is not written, for an edit of an item of the artifact, which applies to
    later artifacts too; earlier versions can read such a line."""


class Added(Strict):
    """Items that were added or changed in one call."""

    kind: Literal["add"] = "add"
    items: list[AddedItem]


class UpdatedItem(Strict):
    """New values of some attributes of an item; None is no value."""

    id: Name
    attributes: dict[str, bool | float | str | list[str] | None]


class Updated(Strict):
    """Items whose attributes were changed in one call."""

    kind: Literal["attributes"] = "attributes"
    items: list[UpdatedItem]


class Reloaded(Strict):
    """A reload of the artifact by one process; the other processes follow."""

    kind: Literal["reload"] = "reload"
    artifact: str
    id: str
    """Of this reload, so that the process that made it recognizes it."""


Change = Marked | Added | Updated | Reloaded
_LINE: TypeAdapter[Change] = TypeAdapter(Annotated[Change, Field(discriminator="kind")])


def keep_newest(values: dict[str, dict[str, Cell]], changes: Iterable[Change]) -> None:
    """Set the newest value of each attribute of each item; what an item had is not changed."""
    for change in changes:
        if isinstance(change, Updated):
            for item in change.items:
                values[item.id] = {**values.get(item.id, {}), **item.attributes}


def marks_of(changes: Iterable[Change]) -> dict[str, Mark]:
    """Return by id whether the newest change of an item hides or unhides it."""
    marks: dict[str, Mark] = {}
    for change in changes:
        if isinstance(change, Marked):
            marks |= dict.fromkeys(change.items, change.kind)
    return marks


def marked(marks: Mapping[str, Mark]) -> list[Marked]:
    """Return the changes that hide or unhide these items: at most one of each kind."""
    kinds: tuple[Mark, ...] = get_args(Mark)
    ids = {kind: sorted(name for name, own in marks.items() if own == kind) for kind in kinds}
    return [Marked(kind=kind, items=names) for kind, names in ids.items() if names]


def joined(changes: Sequence[Change]) -> list[Change]:
    """Return changes with the same effect: new items in their order, then the newest marks.

    An id may be hidden before there is an item with this id; the item is then hidden. So marks do
    not depend on their place. Values of attributes and reloads are left out.
    """
    return [*(one for one in changes if isinstance(one, Added)), *marked(marks_of(changes))]


class ChangeJournal:
    """A file of changes that is read from the place where this process stopped.

    Args:
        path: The file; created with the first change.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.read_to = path, 0
        self.stamp = (0, 0)  # inode and time of the last write
        self.restarted = False
        """Whether the last ``new`` read the file from its start again: the changes that were read
        before are no longer valid."""

    def append(self, change: Change) -> None:
        """Append one change; it is on disk when this returns.

        Raises:
            StoreError: The file cannot be written.
        """
        line = _line(change)
        try:
            with locked(self.path, create=True), self.path.open("a+b") as file:
                file.truncate(_end_of_lines(file))
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreError(
                f"The change could not be written to the file of changes ({error.strerror}); free "
                "disk space, or make it writable for the user of the service, and send it again."
            ) from error

    def shorten(self) -> None:
        """Shorten a long file: leave out values, marks and reloads that newer ones replaced.

        Processes that have read the file read it again from its start.

        Raises:
            StoreError: A line is not a change.
            DataError: The file cannot be read, or its folder cannot be written.
        """
        with describe_write_errors(self.path):
            if not self.path.exists() or self.path.stat().st_size < LONG:
                return
            with locked(self.path, create=True), self.path.open("rb") as file:
                end = _end_of_lines(file)
                file.seek(0)
                changes = [self._read(line) for line in file.read(end).splitlines()]
                kept = b"".join(map(_line, _newest(changes)))
                if 2 * len(kept) > end:
                    return
                with atomic_file(self.path) as temporary:
                    shutil.copymode(self.path, temporary)
                    temporary.write_bytes(kept)

    def new(self) -> list[Change]:
        """Return the changes that any process appended since the last call.

        A file that was removed, replaced or truncated is read from its start, and ``restarted``
        is then True.

        Raises:
            StoreError: The file cannot be read, or a line is not a change; the next call reads
                the same lines again.

        Cost: one ``stat`` if nothing is new.
        """
        start, text = self.read_to, b""
        try:
            status = self.path.stat()
            stamp = (status.st_ino, status.st_mtime_ns)
            grown = status.st_size - start
            if stamp[0] != self.stamp[0] or grown < 0 or (grown == 0 and stamp != self.stamp):
                start = 0
            if status.st_size > start:
                with self.path.open("rb") as file:
                    file.seek(max(start - 1, 0))
                    if start and file.read(1) != b"\n":  # another file with the same inode
                        start = file.seek(0)
                    text = file.read()
        except FileNotFoundError:
            start, stamp = 0, (0, 0)
        except OSError as error:
            raise StoreError(
                f"The file of changes {self.path} cannot be read ({error.strerror}); make it "
                "readable for this user, or move it away to start without changes."
            ) from error
        whole = text[: text.rfind(b"\n") + 1]
        changes = [self._read(line) for line in whole.splitlines()]
        self.restarted = start < self.read_to
        self.stamp, self.read_to = stamp, start + len(whole)
        return changes

    def _read(self, line: bytes) -> Change:
        try:
            return _LINE.validate_json(line)
        except ValidationError as error:
            raise StoreError(
                f"The file of changes {self.path} has a line that is no change ({line[:60]!r}); "
                "restore it, or move it away to start without changes."
            ) from error


def write_fault(path: Path) -> str | None:
    """Return why a file of changes cannot be written, without creating it; None if it can."""
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    if path.exists() and not path.is_file():
        return "it is not a file"
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        return "this user may not write there"
    return None


def _line(change: Change) -> bytes:
    text = change.model_dump_json(exclude_none=not isinstance(change, Updated))
    return text.encode() + b"\n"


def _newest(changes: Sequence[Change]) -> Iterator[Change]:
    """Yield changes with the same effect: the newest reload, mark and value of each attribute.

    Values do not depend on the place of the other changes (``KnownChanges``), so they are the last.
    """
    yield from [one for one in changes if isinstance(one, Reloaded)][-1:]
    yield from joined(changes)
    values: dict[str, dict[str, Cell]] = {}
    keep_newest(values, changes)
    items = [UpdatedItem.model_validate({"id": k, "attributes": v}) for k, v in values.items()]
    for start in range(0, len(items), TOGETHER):
        yield Updated(items=items[start : start + TOGETHER])


def _end_of_lines(file: BinaryIO) -> int:
    """Return the position after the last whole line, searched from the end of the file."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(end - BLOCK, 0)
        file.seek(start)
        at = file.read(end - start).rfind(b"\n")
        if at >= 0:
            return start + at + 1
        end = start
    return 0
