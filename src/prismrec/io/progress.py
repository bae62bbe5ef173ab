"""Progress of long work: stages report how far they are, and a command shows it.

    for batch in track(batches, "evaluating", len(cases), size=len): ...    # in the work
    with listening(show): fit(split, catalog)                               # in a command

A stage inside another one moves the share of the outer one, whose name is shown. Where nobody
listens, and in other threads, nothing is called.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TypeVar

T = TypeVar("T")
Listener = Callable[[str, float], None]
"""Called with the name of a stage and the share of it that is done, from 0 to 1."""


NEARLY = 0.999
"""Largest share of a stage that has not ended."""


def _ignore(_name: str, _share: float) -> None:
    """Return without any effect."""


_listener: ContextVar[Listener] = ContextVar("listener", default=_ignore)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Report all stages of the block to a listener."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def track(
    items: Iterable[T], name: str, total: int, *, size: Callable[[T], int] = lambda _: 1
) -> Iterator[T]:
    """Yield items, and report a stage: how much is done before and after each of them.

    Args:
        items: What is worked on.
        name: Name of the stage: what is done, such as "evaluating".
        total: Sum of the sizes of all items.
        size: Returns the size of an item.
    """
    outer, done = _listener.get(), 0
    outer(name, 0.0)
    for item in items:
        first, done = done / max(total, 1), done + size(item)
        last = done / max(total, 1)
        _listener.set(partial(_report_inside, outer, name, first, last))
        try:
            yield item
        finally:
            _listener.set(outer)
        outer(name, last)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Report a stage of one item: work in a library that reports nothing, or several stages."""
    for _ in track((None,), name, 1):
        yield


@contextmanager
def part_of_stage(first: float, last: float) -> Iterator[None]:
    """Report the stages of the block as a part of the stage around it.

    Args:
        first: Share of the stage that is done before the block.
        last: Share of it that is done after the block.
    """
    outer = _listener.get()
    _listener.set(partial(_report_inside, outer, "", first, last))
    try:
        yield
    finally:
        _listener.set(outer)


def _report_inside(
    outer: Listener, name: str, first: float, last: float, _inner: str, share: float
) -> None:
    """Report the share of an inner stage as a part of the outer one, which reports its own end."""
    outer(name, min(first + share * (last - first), NEARLY))


def duration(seconds: float) -> str:
    """Return a duration in words: ``45 s``, ``12 min`` or ``3.5 h``."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
