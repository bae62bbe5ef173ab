"""TensorBoard scalars of a training run; needs the extra ``tensorboard``."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prismrec.errors import MissingExtra
from prismrec.training import Step


@contextmanager
def tensorboard_writer(folder: Path | None, name: str) -> Iterator[Callable[[Step], None] | None]:
    """Yield a function that writes the scalars of a step to ``folder/name``; None without a folder.

    Raises:
        MissingExtra: TensorBoard is not installed.
    """
    if folder is None:
        yield None
        return
    try:
        from torch.utils.tensorboard.writer import SummaryWriter
    except ImportError as error:
        raise MissingExtra.for_("--tensorboard", "tensorboard") from error
    with SummaryWriter(str(folder / name)) as writer:

        def write(step: Step) -> None:
            for term, value in step.losses.items():
                writer.add_scalar(f"train/{term}", value, step.step)
            writer.add_scalar("train/learning_rate", step.rate, step.step)
            if step.validation is not None:
                writer.add_scalar("valid", step.validation, step.step)

        yield write
