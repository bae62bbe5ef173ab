"""What every extractor is: three sizes and a call.

An extractor gets the vectors of a history's items and gives K interests. It never sees the
catalog, the loss or the index. What it must hold to is executable:
``tests/contract/test_extractors.py`` runs over every entry of ``EXTRACTORS``.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from prismrec.errors import ConfigError, DataError
from prismrec.types import Interests


class Extractor(nn.Module, ABC):
    """Turns a history into interests. Subclasses take keyword arguments only.

    Args:
        dim: Width D of item and interest vectors.
        interests: Number K of interests.
        max_len: Longest history L; older items are cut off before they get here.

    Raises:
        ConfigError: A size below 1, or several interests from an extractor that gives one.
    """

    single: ClassVar[bool] = False
    """True for an extractor that gives one interest and no other number."""

    options: dict[str, Any]
    """The keyword arguments it was made with: its whole configuration, for the artifact."""

    def __new__(cls, **options: Any) -> "Extractor":
        """Remember what it is made with."""
        made = super().__new__(cls)
        object.__setattr__(made, "options", dict(options))
        return made

    def __init__(self, *, dim: int, interests: int, max_len: int) -> None:
        super().__init__()
        for name, value in (("dim", dim), ("interests", interests), ("max_len", max_len)):
            if value < 1:
                raise ConfigError(f"{name} is {value}; it must be at least 1.")
        if self.single and interests != 1:
            raise ConfigError(
                f"interests is {interests}, but {type(self).__name__} gives one interest; "
                "set interests to 1 or take another extractor, for example 'sa'."
            )
        self.dim, self.interests, self.max_len = dim, interests, max_len

    @abstractmethod
    def forward(self, items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"]) -> Interests:
        """Give the interests of each history; padding must not change them."""

    def prefixes(self, items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"]) -> Interests:
        """Give the interests of every prefix of each history.

        Row ``b * L + t`` is the history that ends at slot t, inclusive, of row b; where slot t
        is padding it is the empty history, whose vectors are 0. This plain version runs
        ``forward`` on each; an extractor that can do it in one pass overrides it and is held
        to this one by a contract test.

        Cost: O(L) times ``forward`` in time and memory.
        """
        repeated = items.repeat_interleave(items.shape[1], dim=0)  # [B * L, L, D]
        return self.forward(repeated, prefix_mask(mask).flatten(0, 1))

    def check_length(self, mask: Bool[Tensor, "B L"]) -> None:
        """Refuse histories longer than ``max_len``.

        Raises:
            DataError: They are.
        """
        if mask.shape[1] > self.max_len:
            raise DataError(
                f"Histories of {mask.shape[1]} slots were given to an extractor of max_len "
                f"{self.max_len}; cut off their oldest items, or raise max_len."
            )


def prefix_mask(mask: Bool[Tensor, "B L"]) -> Bool[Tensor, "B L L"]:
    """Say which slots the prefix that ends at slot t holds, ``[b, t, j]``: j ≤ t, both real."""
    return (mask[:, None] & mask[:, :, None]).tril()


def without_prior(vectors: Float[Tensor, "B K D"], weights: Float[Tensor, "B K L"]) -> Interests:
    """Make ``Interests`` with no prior and every interest active."""
    flat = vectors.detach()[..., 0]
    return Interests(vectors, weights, torch.zeros_like(flat), torch.ones_like(flat).bool())
