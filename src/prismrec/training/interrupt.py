"""Ctrl-C between two steps, not within one."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interrupt_noted() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into a flag, so that no step is cut in half; the second raises.

    Only the main thread may set handlers; elsewhere the flag is never set.
    """
    noted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield noted
        return
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: object) -> None:
        del number, frame
        if noted.is_set():
            raise KeyboardInterrupt
        noted.set()

    signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)
