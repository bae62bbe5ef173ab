"""Counters of several workers, in files that all of them read; a full disk does not end a worker.

The client library of Prometheus maps sparse files into memory. On a full disk the system kills a
process that writes to a part of such a file without space, so the space is reserved first. A
counter without space only counts in its process, and is not in /metrics.
"""

import logging
import os
from pathlib import Path
from typing import Any

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

log = logging.getLogger("prismrec.service")
FIRST = 1 << 16
"""Bytes of a new file, those that the library uses."""
ENTRY = 64
"""Bytes of an entry beyond its key, at most."""


class ReservedFile(MmapedDict):
    """A file of counters without holes; see ``MmapedDict``.

    Raises:
        OSError: There is no space; the file is as before.
    """

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        path = Path(filename)
        try:
            with path.open("ab") as file:
                _reserve(file.fileno(), FIRST)
        except OSError:
            path.unlink(missing_ok=True)  # a reader expects the head of a file
            raise
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]

    def _init_value(self, key: str) -> None:
        if self._used + len(key.encode()) + ENTRY > self._capacity:
            _reserve(self._f.fileno(), 2 * self._capacity)
        super()._init_value(key)  # type: ignore[no-untyped-call]


def share_metrics() -> None:
    """Add the counters that this process creates from now on to those of other processes."""
    if "MmapedDict" not in vars(values) or "_init_value" not in vars(MmapedDict):
        log.warning(
            "a full disk may end a worker, because this version of prometheus-client stores its "
            "counters in another way; install version 0.26"
        )
        return
    values.MmapedDict = ReservedFile  # type: ignore[attr-defined]  # the library has no setting
    shared, logged = values.MultiProcessValue(), False  # type: ignore[no-untyped-call]

    def value(*own: Any, **more: Any) -> Any:
        nonlocal logged
        try:
            return shared(*own, **more)
        except OSError as error:
            if not logged:
                fields = {"reason": error.strerror}
                log.warning(
                    "some counters of this worker are not in /metrics until it is restarted",
                    extra={"fields": fields},
                )
            logged = True
            return values.MutexValue(*own, **more)  # type: ignore[no-untyped-call]

    values.ValueClass = value


def _reserve(file: int, size: int) -> None:
    """Append zeros, which need space at once, until a file has a size.

    Raises:
        OSError: There is no space; the file has its former size.
    """
    before = os.fstat(file).st_size
    try:
        while (left := size - os.fstat(file).st_size) > 0:
            os.write(file, bytes(left))
    except OSError:
        os.ftruncate(file, before)
        raise
