"""A training run in Weights & Biases; needs the extra ``wandb``.

wandb reads WANDB_API_KEY, WANDB_PROJECT and WANDB_MODE from the environment.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from prismrec.cli._numbers import Write
from prismrec.errors import MissingExtra, TrainingError

FAILED, INTERRUPTED = 1, 255
"""Exit codes with which a run ends; wandb itself uses the second one after Ctrl-C."""


@contextmanager
def wandb_run(name: str, settings: Mapping[str, Any]) -> Iterator[Write]:
    """Start a run, send its settings, and yield a function that sends the numbers of a step.

    Raises:
        MissingExtra: wandb is not installed.
        TrainingError: wandb cannot start the run.
    """
    try:
        import wandb
    except ImportError as error:
        raise MissingExtra.for_("--track wandb", "wandb") from error
    try:
        run = wandb.init(name=name, config=dict(settings))
    except wandb.Error as error:
        raise TrainingError.of_tracker("Weights & Biases", error, "WANDB_API_KEY") from error

    def write(numbers: Mapping[str, float], step: int) -> None:
        run.log(dict(numbers), step=step)

    exit_code = FAILED
    try:
        yield write
        exit_code = 0
    except KeyboardInterrupt:
        exit_code = INTERRUPTED
        raise
    finally:
        run.finish(exit_code=exit_code)
