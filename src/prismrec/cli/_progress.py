"""Progress on stderr: bars on a terminal, lines elsewhere, so that no command is silent for long.

    with Progress("prism", quiet=quiet) as progress:
        fit(split, catalog, on_step=progress.step)

It shows the steps of a training, and every stage that the work reports by ``io.track``, with the
time left. A log gets a line at each validation, and a line for every ``SILENT`` seconds of work.
"""

import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from prismrec.cli._output import one_line, print_note
from prismrec.io import duration, listening

if TYPE_CHECKING:  # torch is slow to import, and not every command needs it
    from prismrec.training import Step

SILENT = 15.0
"""Largest number of seconds between two lines of a log."""
KNOWN = 0.02
"""Share of a stage from which its speed is known well enough to state the time left."""


class Progress:
    """Shows the progress of one command or of one training.

    Args:
        name: What is done, such as the name of the artifact.
        quiet: Show nothing.
        also: Another function that gets every step, such as a TensorBoard writer.
    """

    def __init__(
        self, name: str, *, quiet: bool = False, also: Callable[["Step"], None] | None = None
    ) -> None:
        name = one_line(name)
        self.name, self.quiet, self.also = name, quiet, also
        self.on_terminal = sys.stderr.isatty() and not quiet
        self.training, self.stages = _Training(name), _Stages()
        self.context, self.ended = ExitStack(), threading.Event()
        self.written = time.monotonic()

    def __enter__(self) -> "Progress":
        self.context.enter_context(listening(self.stage))
        if self.on_terminal:
            bars = Group(self.training.bar, self.stages.bar)
            console = Console(stderr=True)
            self.context.enter_context(Live(bars, console=console, transient=True))
        elif not self.quiet:
            thread = threading.Thread(target=self._write_regularly, daemon=True)
            thread.start()
            self.context.callback(thread.join)
            self.context.callback(self.ended.set)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.context.close()

    def step(self, step: "Step") -> None:
        """Show one step of a training."""
        self.training.show(step)
        if step.validation is not None and not self.on_terminal:
            self._write(self.training.line())
        if self.also:
            self.also(step)

    def stage(self, name: str, share: float) -> None:
        """Show how much of a stage is done; a long one gets a line when it ends."""
        self.stages.show(name, share)
        if share >= 1 and self.stages.seconds > SILENT and not self.on_terminal:
            self._write(f"{self.name}: {name}, {duration(self.stages.seconds)}")

    def _write_regularly(self) -> None:
        """Write a line whenever none was written for ``SILENT`` seconds, until the end."""
        while not self.ended.wait(min(1.0, SILENT / 4)):
            if time.monotonic() - self.written < SILENT:
                continue
            if state := self.stages.line():
                self._write(f"{self.name}: {state}")
            elif self.training.last < self.training.steps:
                self._write(self.training.line())

    def _write(self, line: str) -> None:
        if line and not self.quiet:
            self.written = time.monotonic()
            print_note(line)


class _Training:
    """The steps of a training."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=12),
            TextColumn("{task.completed}/{task.total}"),
            TextColumn("{task.fields[numbers]}"),
            TimeRemainingColumn(compact=True),
        )
        self.task = self.bar.add_task(name, total=None, numbers="", visible=False)
        self.began, self.pairs, self.loss, self.best = 0.0, 0, 0.0, ""
        self.first, self.last, self.steps = 0, 0, 0

    def show(self, step: "Step") -> None:
        """Show one step; hide the bar after the last one."""
        if self.began:
            self.pairs += step.pairs
        else:  # the time before the first step is set-up and does not count as speed
            self.began, self.first = time.monotonic(), step.step
        self.last, self.steps = step.step, step.steps
        loss = step.losses["loss"]
        self.loss = loss if not self.loss else 0.98 * self.loss + 0.02 * loss
        if step.validation is not None:
            self.best = f"  valid {step.validation:.4f}"
        self.bar.update(
            self.task,
            total=step.steps,
            completed=step.step,
            numbers=self.numbers(),
            visible=step.step < step.steps,
        )

    def numbers(self) -> str:
        """Return the loss, the speed and the last validation metric."""
        rate = self.pairs / max(time.monotonic() - self.began, 1e-9)
        speed = f"{rate:,.0f}" if self.pairs else "–"  # unknown until the second step
        return f"loss {self.loss:.3f}  {speed} pairs/s{self.best}"

    def line(self) -> str:
        """Return a line for a log; "" before the first step."""
        if not self.began:
            return ""
        line = f"{self.name}: step {self.last}/{self.steps}  {self.numbers()}"
        if self.last in {self.steps, self.first}:
            return line
        elapsed = time.monotonic() - self.began
        left = elapsed * (self.steps - self.last) / (self.last - self.first)
        return f"{line}  {duration(left)} left"


class _Stages:
    """The stage in progress."""

    def __init__(self) -> None:
        self.bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=12),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TimeRemainingColumn(compact=True),
        )
        self.task = self.bar.add_task("", total=1.0, visible=False)
        self.name, self.share, self.began, self.seconds = "", 1.0, 0.0, 0.0

    def show(self, name: str, share: float) -> None:
        """Show how much of a stage is done; its share never falls until it ends."""
        if name != self.name or self.share >= 1:
            self.name, self.share, self.began = name, 0.0, time.monotonic()
            self.bar.reset(self.task, description=name)
        self.share = max(self.share, share)
        self.seconds = time.monotonic() - self.began
        self.bar.update(self.task, completed=self.share, visible=self.share < 1)

    def line(self) -> str:
        """Return the rest of a line for a log: the stage and its time; "" without a stage."""
        if self.share >= 1:
            return ""
        elapsed = time.monotonic() - self.began
        if self.share < KNOWN:
            return f"{self.name} for {duration(elapsed)}"
        left = elapsed * (1 - self.share) / self.share
        return f"{self.name} {100 * self.share:.0f} %, {duration(left)} left"
