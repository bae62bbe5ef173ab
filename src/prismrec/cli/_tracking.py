"""Where the numbers of a training go, other than the terminal: TensorBoard and servers.

To add a tracker: write a context manager like ``mlflow_run`` in a file of its own and add a line to
``TRACKERS``.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

from prismrec.cli._mlflow import mlflow_run
from prismrec.cli._numbers import Write, numbers_of
from prismrec.cli._tensorboard import tensorboard_run
from prismrec.cli._wandb import wandb_run
from prismrec.training import Step

Tracker = Literal["mlflow", "wandb"]
TRACKERS: dict[Tracker, Callable[[str, Mapping[str, Any]], AbstractContextManager[Write]]] = {
    "mlflow": mlflow_run,
    "wandb": wandb_run,
}


@contextmanager
def tracking(
    name: str, settings: Mapping[str, Any], *, board: Path | None, track: Tracker | None
) -> Iterator[Callable[[Step], None] | None]:
    """Yield a function that gets every step of a training; None if nothing is tracked.

    Args:
        name: Name of the run.
        settings: Settings of the run; those that are None are left out.
        board: Folder for TensorBoard.
        track: Name of a tracker.

    Raises:
        MissingExtra: A package is not installed.
        TrainingError: A tracker cannot start a run.
    """
    with ExitStack() as stack:
        writers = []
        if board is not None:
            writers.append(stack.enter_context(tensorboard_run(board / name)))
        if track is not None:
            chosen = {key: value for key, value in settings.items() if value is not None}
            writers.append(stack.enter_context(TRACKERS[track](name, chosen)))

        def write_all(step: Step) -> None:
            numbers = numbers_of(step)
            for write in writers:
                write(numbers, step.step)

        yield write_all if writers else None
