"""Hidden and new items: one file of lines that all workers follow and a restart reads again.

    journal = Journal(path)
    journal.append({"kind": "hide", "items": ["A"]})     # on the disk when it returns
    for change in journal.new(): …                       # what any process appended since

A line is one change in JSON. A line that was cut off by a crash was never acknowledged: it is
dropped when the next one is written.
"""

import fcntl
import json
import os
from pathlib import Path
from typing import Any

from prismrec.errors import DataError, StoreError


class Journal:
    """A file of changes, read from where this process stopped.

    Args:
        path: The file; made with the first change.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.read_to = path, 0

    def append(self, change: dict[str, Any]) -> None:
        """Write one change; it is on the disk when this returns.

        Raises:
            StoreError: The file cannot be written.
        """
        line = json.dumps(change, ensure_ascii=True, allow_nan=False).encode() + b"\n"
        try:
            with self.path.open("a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                file.seek(0)
                whole = file.read()
                file.truncate(whole.rfind(b"\n") + 1)
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreError(
                f"A change of the catalog could not be written ({error.strerror}); free the disk "
                "and send it again."
            ) from error

    def new(self) -> list[dict[str, Any]]:
        """Give what was appended since the last call, by whichever process.

        Raises:
            DataError: A line is not one of ours.

        Cost: a look at the file's size where nothing is new.
        """
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            return []
        if size <= self.read_to:
            return []
        with self.path.open("rb") as file:
            file.seek(self.read_to)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        try:
            changes = [dict(json.loads(line)) for line in whole.splitlines()]
        except (ValueError, TypeError) as error:
            raise DataError(
                f"The file of changes {self.path} holds a line that is no change; restore it, or "
                "move it away to start without changes."
            ) from error
        self.read_to += len(whole)
        return changes
