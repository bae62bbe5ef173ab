"""Keeps Python's search for garbage away from what is loaded.

A search goes through all objects that may be part of a cycle. Those of the artifact, the framework
and the libraries are some 250,000, none of them is garbage, and a search takes 90 ms in which no
request is answered.
"""

import gc
import threading

DONE = threading.Event()
"""Set where ``exclude_loaded`` was called; a program that uses the library may not want it."""


def exclude_loaded() -> None:
    """Remove all objects that exist now from later searches; the service does it when it starts.

    Cost: one search of everything.
    """
    DONE.set()
    gc.unfreeze()  # so that a former artifact is found
    gc.collect()
    gc.freeze()


def exclude_reloaded() -> None:
    """Remove a new artifact from later searches, if the process has called ``exclude_loaded``."""
    if DONE.is_set():
        exclude_loaded()
