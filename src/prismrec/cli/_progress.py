"""Progress bars on stderr."""

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
    """Draw a bar of finished users on a terminal; yield the function that updates it."""
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
    """Progress of a training run: a bar on a terminal, one line per validation elsewhere.

    Args:
        name: What is trained.
        quiet: Draw nothing.
        also: Another function that gets every step, such as a TensorBoard writer.
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
            TextColumn("{task.fields[numbers]}"),
            TimeRemainingColumn(compact=True),
            console=self.console,
            transient=True,
            disable=quiet or not sys.stderr.isatty(),
        )
        self.pairs, self.loss, self.best = 0, 0.0, ""
        self.began = 0.0

    def __enter__(self) -> "Progress":
        self.bar.start()
        self.task = self.bar.add_task(self.name, total=None, numbers="", visible=False)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.stop()

    def step(self, step: Step) -> None:
        """Draw one step; remove the bar after the last one."""
        if self.began:
            self.pairs += step.pairs
        else:  # the time before the first step is set-up and does not count as speed
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
        numbers = f"loss {self.loss:.3f}  {rate:,.0f} pairs/s{self.best}"
        self.bar.update(
            self.task, total=step.steps, completed=step.step, numbers=numbers, visible=True
        )
        if step.step == step.steps:
            self.bar.stop()
        if self.also:
            self.also(step)
