"""SIGHUP before the service can reload: it is remembered, and the service reloads when it can."""

import signal
import threading

_early: list[int] = []


def remember_hangups() -> None:
    """Record SIGHUP, which would end this process, until the service handles it."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGHUP, lambda number, _: _early.append(number))


def pop_hangups() -> bool:
    """Return whether SIGHUP arrived before it was handled, and forget it."""
    found = bool(_early)
    _early.clear()
    return found
