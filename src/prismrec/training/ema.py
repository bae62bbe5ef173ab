"""Exponential moving average (EMA) of the weights: less noisy than the weights of the last step.

A step with sparse gradients changes few rows of a table. The average of the other rows is computed
later, for many steps at once, so that a step costs the same with any number of items:

    average = ExponentialMovingAverage(model, 0.98, sparse=[table.weight])
    average.catch_up(step, table.weight, rows)     # before a step changes these rows
    average.update(step + 1)                       # after the step: all other weights
    with average.applied(): ...                    # every row is up to date
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class ExponentialMovingAverage:
    """The exponential moving average of each weight over the steps.

    Args:
        model: The model; it must already be on its device.
        decay: Factor on the average at each step, from 0 to below 1. It is smaller in the first
            steps, so that the initial weights lose their influence.
        sparse: Tables of the model whose rows change only where ``catch_up`` is called before.

    Cost: a copy of the weights; O(weights) per step, without those of ``sparse``.
    """

    def __init__(self, model: nn.Module, decay: float, *, sparse: Sequence[Tensor] = ()) -> None:
        self.decay, self.step = decay, 0
        values = {n: v for n, v in model.state_dict().items() if v.is_floating_point()}
        own = {id(table) for table in sparse}
        of_tables = [name for name, value in model.named_parameters() if id(value) in own]
        self.live = list(values.values())
        self.weights: dict[str, Tensor] = {name: value.clone() for name, value in values.items()}
        self.steps = {
            name: torch.zeros(len(values[name]), dtype=torch.int64, device=values[name].device)
            for name in of_tables
        }
        """The step up to which the average of each row of a sparse table is computed."""
        self.names = {values[name].data_ptr(): name for name in of_tables}
        self.rest = [name for name in values if name not in self.steps]

    @property
    def state(self) -> dict[str, Tensor]:
        """All that a checkpoint needs besides the number of steps, by name."""
        return self.weights | {f"{name}.steps": steps for name, steps in self.steps.items()}

    def update(self, step: int) -> None:
        """Update the averages with the weights after ``step`` steps."""
        self.step = step
        if not self.rest:
            return
        values = dict(zip(self.weights, self.live, strict=True))
        with torch.no_grad():
            torch._foreach_lerp_(
                [self.weights[name] for name in self.rest],
                [values[name] for name in self.rest],
                1 - self._decay_of(step),
            )

    def catch_up(self, step: int, table: Tensor, rows: Tensor) -> None:
        """Compute the average of rows of a sparse table up to ``step``, before they change.

        Args:
            step: Steps so far.
            table: One of ``sparse``.
            rows: Row numbers, without repetitions.
        """
        name = self.names[table.data_ptr()]
        average, steps = self.weights[name], self.steps[name]
        with torch.no_grad():
            kept = self._kept(steps[rows], step)[:, None]
            average[rows] = torch.lerp(table[rows], average[rows], kept.to(average.dtype))
            steps[rows] = step

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Copy the averages into the model, and restore its weights afterwards."""
        saved = [value.clone() for value in self.live]
        self.copy_to_model()
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(self.live, saved)

    def copy_to_model(self) -> None:
        """Copy the averages into the model."""
        for name, value in zip(self.weights, self.live, strict=True):
            if name in self.steps:
                self.catch_up(self.step, value, torch.arange(len(value), device=value.device))
        with torch.no_grad():
            torch._foreach_copy_(self.live, list(self.weights.values()))

    def _decay_of(self, step: int) -> float:
        return min(self.decay, step / (step + 9))

    def _kept(self, first: Tensor, last: int) -> Tensor:
        """Return the product of the decays of the steps after ``first``, up to ``last``."""
        # log of the product of step / (step + 9) from 1 to n is log of n! 9! / (n + 9)!.
        limit = int(9 * self.decay / (1 - self.decay))  # from here on the decay is constant
        start, end = first.clamp(max=limit).double(), min(last, limit)
        growing = _log_rising(start) - _log_rising(torch.full_like(start[:1], end))
        constant = (last - end) - (first - first.clamp(max=limit))
        return growing.exp() * torch.pow(self.decay, constant.double())


def _log_rising(step: Tensor) -> Tensor:
    """Return log((step + 9)! / step!)."""
    return torch.lgamma(step + 10) - torch.lgamma(step + 1)
