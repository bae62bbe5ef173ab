"""A moving average of the weights: less noise than the last step's, for evaluation and the end."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class ExponentialMovingAverage:
    """Each weight's exponential moving average over the steps.

    Args:
        model: Whose weights are followed, where they are now.
        decay: Share that the average keeps at each step; less over the first steps, so that the
            weights it started from do not linger.

    Cost: a copy of the weights; O(weights) a step.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.live = [v for v in model.state_dict().values() if v.is_floating_point()]
        names = [n for n, v in model.state_dict().items() if v.is_floating_point()]
        self.weights: dict[str, Tensor] = {
            name: value.clone() for name, value in zip(names, self.live, strict=True)
        }

    def update(self, step: int) -> None:
        """Move a little towards the weights after ``step`` steps."""
        kept = min(self.decay, step / (step + 9))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.weights.values()), self.live, 1 - kept)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Give the model its averages for a while."""
        own = [value.clone() for value in self.live]
        self.copy_to_model()
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(self.live, own)

    def copy_to_model(self) -> None:
        """Give the model its averages."""
        with torch.no_grad():
            torch._foreach_copy_(self.live, list(self.weights.values()))
