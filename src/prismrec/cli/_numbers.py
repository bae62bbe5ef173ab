"""The numbers of a training step, as every tracker of runs gets them."""

from collections.abc import Callable, Mapping

from prismrec.training import Step

Write = Callable[[Mapping[str, float], int], None]
"""Writes numbers by name for one step; the step counts from 1."""


def numbers_of(step: Step) -> dict[str, float]:
    """Return the losses, the learning rate and, if there is one, the validation metric."""
    numbers = {f"train/{term}": value for term, value in step.losses.items()}
    numbers["train/learning_rate"] = step.rate
    if step.validation is not None:
        numbers["valid"] = step.validation
    return numbers
