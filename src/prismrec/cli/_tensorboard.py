"""TensorBoard scalars of a training run; needs the extra ``tensorboard``."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from prismrec.cli._numbers import Write
from prismrec.errors import MissingExtra


@contextmanager
def tensorboard_run(folder: Path) -> Iterator[Write]:
    """Yield a function that writes the numbers of a step to a folder.

    Raises:
        MissingExtra: TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard.writer import SummaryWriter
    except ImportError as error:
        raise MissingExtra.for_("--tensorboard", "tensorboard") from error
    with SummaryWriter(str(folder)) as writer:

        def write(numbers: Mapping[str, float], step: int) -> None:
            for name, value in numbers.items():
                writer.add_scalar(name, value, step)

        yield write
