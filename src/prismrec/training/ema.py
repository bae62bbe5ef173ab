"""Exponential moving average (EMA) of the weights: less noisy than the weights of the last step."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class ExponentialMovingAverage:
    """The exponential moving average of each weight over the steps.

    Args:
        model: The model; it must already be on its device.
        decay: Factor on the average at each step, from 0 to below 1. It is smaller in the first
            steps, so that the initial weights lose their influence.

    Cost: a copy of the weights; O(weights) per step.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.live = [v for v in model.state_dict().values() if v.is_floating_point()]
        names = [n for n, v in model.state_dict().items() if v.is_floating_point()]
        self.weights: dict[str, Tensor] = {
            name: value.clone() for name, value in zip(names, self.live, strict=True)
        }

    def update(self, step: int) -> None:
        """Update the averages with the weights after ``step`` steps."""
        decay = min(self.decay, step / (step + 9))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.weights.values()), self.live, 1 - decay)

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
        with torch.no_grad():
            torch._foreach_copy_(self.live, list(self.weights.values()))
