"""Steps of an answer: where its time goes, reported to a listener.

    @as_step("search")                                        # in the work
    def search(...): ...
    with listening_to_steps(listener): recommend(...)         # in a service

A listener gets the name of a step and returns the context in which the step runs. Where nobody
listens, and in other threads, a step costs less than a microsecond.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
StepListener = Callable[[str], AbstractContextManager[object]]
"""Called with the name of a step; the step runs in the context that it returns."""

_listeners: ContextVar[tuple[StepListener, ...]] = ContextVar("step listeners", default=())


@contextmanager
def listening_to_steps(listener: StepListener) -> Iterator[None]:
    """Report all steps of the block to a listener, before those that listen already.

    Its context is around theirs: a trace does not count what a later listener waits for.
    """
    token = _listeners.set((*_listeners.get(), listener))
    try:
        yield
    finally:
        _listeners.reset(token)


def as_step(name: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Return a decorator that reports every call of a function as a step.

    Args:
        name: What is done, such as "search".
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def reported(*args: P.args, **kwargs: P.kwargs) -> T:
            listeners = _listeners.get()
            if not listeners:
                return function(*args, **kwargs)
            with ExitStack() as stack:
                for listener in reversed(listeners):
                    stack.enter_context(listener(name))
                return function(*args, **kwargs)

        return reported

    return decorate
