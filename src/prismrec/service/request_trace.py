"""Which trace the work of a request belongs to. No OpenTelemetry here; see ``tracing``.

A request that is traced has a ``RequestTrace`` in its context. Threads do not see this context, so
what hands work to a thread reads the trace before, and wraps the work with ``traced``.
"""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import partial
from typing import Any, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class RequestTrace(Protocol):
    """The trace of one request."""

    context: Any
    """Where its spans belong."""

    def run(self, work: "Work", function: Callable[[], T]) -> T:
        """Run a function, and report the time that it takes, also to the other requests."""


class Work:
    """What a thread does for one or several requests.

    Args:
        name: What it is.
        traces: The trace of each list or other result; None if its request is not traced.
    """

    def __init__(self, name: str, traces: Sequence[RequestTrace | None]) -> None:
        self.name, self.requests = name, len(traces)
        # A request for several lists may have more than one in a group.
        self.traces = [trace for trace in dict.fromkeys(traces) if trace is not None]


current_trace: ContextVar[RequestTrace | None] = ContextVar("trace of the request", default=None)
"""The trace of the request that is answered; None if it is not traced."""


def traced(
    name: str, traces: Sequence[RequestTrace | None], function: Callable[P, T]
) -> Callable[P, T]:
    """Return a function that reports to the traces of its requests; itself if there are none."""
    if not any(traces):
        return function
    work = Work(name, traces)

    def reported(*args: P.args, **kwargs: P.kwargs) -> T:
        return work.traces[0].run(work, partial(function, *args, **kwargs))

    return reported
