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
from prismrec.cli._output import print_note
from prismrec.cli._tensorboard import tensorboard_run
from prismrec.cli._wandb import wandb_run
from prismrec.errors import reason_of
from prismrec.training import Step

Tracker = Literal["mlflow", "wandb"]
Run = Callable[[str, Mapping[str, Any]], AbstractContextManager[Write]]
TRACKERS: dict[Tracker, tuple[str, Run]] = {
    "mlflow": ("MLflow", mlflow_run),
    "wandb": ("Weights & Biases", wandb_run),
}
"""The name of each program, and what starts a run there."""


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

    A tracker that fails after the start does not end the training; see ``guarded``.

    Raises:
        MissingExtra: A package is not installed.
        TrainingError: A tracker cannot start a run.
    """
    with ExitStack() as stack:
        writers = []
        if board is not None:
            writers.append(
                stack.enter_context(guarded("TensorBoard", tensorboard_run(board / name)))
            )
        if track is not None:
            chosen = {key: value for key, value in settings.items() if value is not None}
            program, run = TRACKERS[track]
            writers.append(stack.enter_context(guarded(program, run(name, chosen))))

        def write_all(step: Step) -> None:
            numbers = numbers_of(step)
            for write in writers:
                write(numbers, step.step)

        yield write_all if writers else None


@contextmanager
def guarded(program: str, run: AbstractContextManager[Write]) -> Iterator[Write]:
    """Start a run and yield its function; a failure after the start is a warning, printed once.

    After the first one no more numbers are sent, because each could wait for a server that is away.
    """
    failures: list[Exception] = []

    @contextmanager
    def noting() -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 -- of a library and of a network: any
            if not failures:
                print_note(
                    f"{program} failed ({reason_of(error)}), so the run there is not complete; "
                    "the training and its model are not affected."
                )
            failures.append(error)

    def write(numbers: Mapping[str, float], step: int) -> None:
        if not failures:
            with noting():
                send(numbers, step)

    def end(*raised: Any) -> None:
        with noting():
            run.__exit__(*raised)

    send = run.__enter__()
    with ExitStack() as stack:
        stack.push(end)
        yield write
