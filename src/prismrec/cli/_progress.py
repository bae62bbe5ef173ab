"""A progress bar for training: loss, pairs a second, validation and the time left, on stderr."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from prismrec.training import Step


@contextmanager
def bar_of_users(name: str) -> Iterator[Callable[[int, int], None]]:
    """Draw a bar of users done, on a terminal only; gives what is told of them."""
    bar = Bar(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed:,}/{task.total:,} users"),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task(name, total=1)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class Progress:
    """Told of every step; draws a bar on a terminal, a line a validation elsewhere.

    Args:
        name: What is trained.
        quiet: Draw nothing.
        also: Told of every step as well: TensorBoard.
    """

    def __init__(
        self, name: str, *, quiet: bool = False, also: Callable[[Step], None] | None = None
    ) -> None:
        self.name, self.quiet, self.also = name, quiet, also
        self.console = Console(stderr=True, quiet=quiet)
        self.bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=12),
            TextColumn("{task.completed}/{task.total}"),
            TextColumn("{task.fields[told]}"),
            TimeRemainingColumn(compact=True),
            console=self.console,
            transient=True,
            disable=quiet or not sys.stderr.isatty(),
        )
        self.pairs, self.loss, self.best = 0, 0.0, ""
        self.began = 0.0

    def __enter__(self) -> "Progress":
        self.bar.start()
        self.task = self.bar.add_task(self.name, total=None, told="", visible=False)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.stop()

    def step(self, step: Step) -> None:
        """Draw one step; the bar is gone after the last."""
        if self.began:
            self.pairs += step.pairs
        else:  # what was made before the first step is none of the steps' speed
            self.began = time.perf_counter()
        loss = step.losses["loss"]
        self.loss = loss if not self.loss else 0.98 * self.loss + 0.02 * loss
        rate = self.pairs / max(time.perf_counter() - self.began, 1e-9)
        if step.validation is not None:
            self.best = f"  valid {step.validation:.4f}"
            if self.bar.disable and not self.quiet:
                print(
                    f"{self.name}: step {step.step}/{step.steps}  loss {self.loss:.3f}"
                    f"  {rate:,.0f} pairs/s{self.best}",
                    file=sys.stderr,
                )
        told = f"loss {self.loss:.3f}  {rate:,.0f} pairs/s{self.best}"
        self.bar.update(self.task, total=step.steps, completed=step.step, told=told, visible=True)
        if step.step == step.steps:
            self.bar.stop()
        if self.also:
            self.also(step)
