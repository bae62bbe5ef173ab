"""The exposure log of an experiment: which list each user got; written by a thread.

    log = ExposureLog(folder, experiment.definition, secret, metrics.registry)
    log.add(Exposed(…))     # on the event loop: appends to a queue, nothing else
    log.close()             # writes the rest

Every ``PAUSE`` seconds the thread hashes the users and writes what has been added, in one call. If
the disk is slow or full, exposures are dropped and counted; a request never waits. ``evaluation``
defines and reads the format.
"""

import logging
import os
import secrets
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from prometheus_client import CollectorRegistry, Counter

from prismrec.errors import ConfigError
from prismrec.evaluation import exposure_header, exposure_line, hash_user

PAUSE = 0.25
"""Seconds between two writes, and so the most that a process that is killed can lose."""
MOST = 20_000
"""Largest number of exposures that wait to be written; further ones are dropped."""
LARGEST = 64_000_000
"""Bytes of a file after which the next one begins; a new day (UTC) begins a file too."""
log = logging.getLogger("prismrec.service")


class Exposed(NamedTuple):
    """A list that a user got."""

    request: str
    time: int
    """Microseconds since 1970 UTC."""
    user: str
    variant: str
    overridden: bool
    items: list[str]


class ExposureLog:
    """Appends exposures to files of this process.

    Args:
        folder: Folder of the files; created if it does not exist.
        definition: The experiment, for the header of each file.
        secret: Users are hashed with it.
        registry: Gets the number of exposures that were written or dropped.

    Raises:
        ConfigError: The folder cannot be written.
    """

    def __init__(
        self, folder: Path, definition: Mapping[str, Any], secret: bytes,
        registry: CollectorRegistry,
    ) -> None:  # fmt: skip
        self.folder, self.definition, self.secret = folder, definition, secret
        counter = Counter(
            "prismrec_exposures",
            "Lists of an experiment, written to the exposure log or dropped.",
            ["end"],
            registry=registry,
        )
        self.written, self.dropped = counter.labels("written"), counter.labels("dropped")
        self.waiting: deque[Exposed] = deque()
        self.file: FileIO | None = None
        self.day, self.size, self.failing = "", 0, False
        # A process id comes again, in a container at each start; the files of the earlier process
        # may have been moved or compressed, so their names are not seen.
        self.process, self.number = f"{os.getpid()}-{secrets.token_hex(4)}", 0
        try:
            self._open_next(_day())
        except OSError as error:
            raise ConfigError(
                f"The exposure log cannot be written to {folder} ({error.strerror}); give another "
                "--exposures."
            ) from error
        self.closing = threading.Event()
        self.thread = threading.Thread(target=self._write_regularly, daemon=True)
        self.thread.start()

    def add(self, exposed: Exposed) -> None:
        """Add an exposure; if too many wait, drop and count it.

        Cost: about a microsecond.
        """
        if len(self.waiting) >= MOST:
            self.dropped.inc()
        else:
            self.waiting.append(exposed)

    def close(self) -> None:
        """Write what waits and close the file."""
        self.closing.set()
        self.thread.join()
        self._close_file()

    def _write_regularly(self) -> None:
        while not self.closing.wait(PAUSE):
            self._write_waiting()
        self._write_waiting()

    def _write_waiting(self) -> None:
        """Write the exposures that wait; after an error drop the rest and begin another file."""
        batch = [self.waiting.popleft() for _ in range(len(self.waiting))]
        if not batch:
            return
        text = b"".join(self._line(exposed) for exposed in batch)
        size, error = self._write(text)
        written = text.count(b"\n", 0, size)
        dropped = len(batch) - written
        self.written.inc(written)
        self.dropped.inc(dropped)
        if error:
            self._close_file()  # its last line may be cut off, so nothing may follow it
            if not self.failing:
                fields = {"reason": error.strerror, "dropped": dropped}
                log.error("exposures not written", extra={"fields": fields})
        self.failing = error is not None

    def _write(self, text: bytes) -> tuple[int, OSError | None]:
        """Write to the current file, or to a new one.

        A new one begins if the day changed, the file is too large, or somebody removed it: what is
        written to a removed file is lost.

        Returns:
            The number of bytes that were written, and the error if these are not all.
        """
        day = _day()
        file = self.file
        try:
            is_large = self.size + len(text) > LARGEST
            if file is None or day != self.day or is_large or _is_removed(file):
                self._close_file()
                file = self._open_next(day)
        except OSError as error:
            return 0, error
        return self._write_all(file, text)

    def _write_all(self, file: FileIO, text: bytes) -> tuple[int, OSError | None]:
        """Write a text; returns what ``_write`` does."""
        self.size += len(text)
        rest = memoryview(text)
        try:
            while rest:  # one call may write only a part
                rest = rest[file.write(rest) :]
        except OSError as error:
            return len(text) - len(rest), error
        return len(text), None

    def _line(self, exposed: Exposed) -> bytes:
        fields = exposed._asdict() | {
            "user": hash_user(exposed.user, self.secret),
            "experiment": self.definition["name"],
        }
        return orjson.dumps(exposure_line(**fields)) + b"\n"

    def _open_next(self, day: str) -> FileIO:
        """Create a file under a name that no process has used before, and write its header.

        The folder is created too, if it does not exist or does not exist any more.

        Raises:
            OSError: It cannot be written.
        """
        header = orjson.dumps(exposure_header(self.definition)) + b"\n"
        self.number += 1
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{self.definition['name']}-{day}-{self.process}-{self.number:04}.jsonl"
        path = self.folder / name
        # Without a buffer, a crash of this process loses nothing that was written.
        self.file = FileIO(path, "x", opener=_private)
        self.day, self.size = day, 0
        _, error = self._write_all(self.file, header)
        if error:
            path.unlink()  # otherwise a full disk gets an empty file at each attempt
            raise error
        return self.file

    def _close_file(self) -> None:
        file, self.file = self.file, None
        if file is not None:
            with suppress(OSError):  # a network file system reports a full disk here again
                file.close()


def _private(path: str, flags: int) -> int:
    """Open a file that only this user of the system can read."""
    return os.open(path, flags, 0o600)


def _is_removed(file: FileIO) -> bool:
    """Return whether an open file has no name any more."""
    return os.fstat(file.fileno()).st_nlink == 0


def _day() -> str:
    return time.strftime("%Y%m%d", time.gmtime())
