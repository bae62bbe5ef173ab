"""Base class of extractors: three sizes and a call.

An extractor gets the vectors of a history's items and returns K interests. It does not know the
catalog, the loss or the index. ``tests/contract/test_extractors.py`` tests its rules for every
entry of ``EXTRACTORS``.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from prismrec.errors import ConfigError, DataError, check_type, described, to_python
from prismrec.models.clustering import MOST_INTERESTS
from prismrec.types import Interests

LARGEST = {"dim": 1 << 16, "interests": MOST_INTERESTS, "max_len": 1 << 20}
"""Largest sizes of an extractor."""


class Extractor(nn.Module, ABC):
    """Computes interests from a history. Subclasses have keyword-only arguments.

    Args:
        dim: Width D of item and interest vectors.
        interests: Number K of interests.
        max_len: Longest history L; the caller cuts off older items.

    Raises:
        ConfigError: A size below 1 or above that of ``LARGEST``, or several interests for an
            extractor that computes one.
    """

    single: ClassVar[bool] = False
    """True for an extractor that computes exactly one interest."""

    options: dict[str, Any]
    """The keyword arguments of the constructor: the whole configuration, for the artifact."""

    def __new__(cls, **options: Any) -> "Extractor":
        """Store the keyword arguments as ``options``."""
        extractor = super().__new__(cls)
        object.__setattr__(extractor, "options", to_python(options))
        return extractor

    def __init__(self, *, dim: int, interests: int, max_len: int) -> None:
        super().__init__()
        for name, value in (("dim", dim), ("interests", interests), ("max_len", max_len)):
            if not 1 <= value <= LARGEST[name]:
                raise ConfigError(f"{name} is {value}; it must be from 1 to {LARGEST[name]:,}.")
        if self.single and interests != 1:
            raise ConfigError(
                f"interests is {interests}, but {type(self).__name__} computes one interest; "
                "set interests to 1, or use another extractor, for example 'sa'."
            )
        self.dim, self.interests, self.max_len = dim, interests, max_len

    def __repr__(self) -> str:
        """Return class and options in one line."""
        options = ", ".join(f"{name}={value!r}" for name, value in self.options.items())
        return f"{type(self).__name__}({options})"

    def __call__(self, *inputs: Any, **options: Any) -> Interests:
        """Return what ``forward`` returns, after a check of its types and shapes."""
        found: Interests = super().__call__(*inputs, **options)
        first = inputs[0] if inputs else options["items"]
        check_interests(self, found, len(first), first.shape[1])
        return found

    @abstractmethod
    def forward(self, items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"]) -> Interests:
        """Return the interests of each history; padding must not change them.

        The reasons of a recommended item are exact if the vector of an interest has the direction
        of its ``weights`` times its ``states`` (without states: times ``items``). Items of an
        interest of another direction have no reasons: no ``because``, and ``from_history`` is None.
        """

    def prefixes(self, items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"]) -> Interests:
        """Return the interests of every prefix of each history.

        Row ``b * L + t`` is the history that ends at slot t, inclusive, of row b. If slot t is
        padding, it is the empty history, whose vectors are 0. This plain version runs ``forward``
        on each prefix. An extractor that can do it in one pass overrides it; a contract test
        compares the two.

        Cost: O(L) times ``forward`` in time and memory.
        """
        repeated = items.repeat_interleave(items.shape[1], dim=0)  # [B * L, L, D]
        found = self(repeated, prefix_mask(mask).flatten(0, 1))
        return found._replace(states=None)

    def states_of(self, items: Float[Tensor, "B L D"]) -> Float[Tensor, "B L D"] | None:
        """Return what ``group_weights`` pools; None if this extractor does not weigh groups.

        An extractor of one interest overrides both if it can read parts of a history from the
        states of the whole one. Without it, ``form_interests`` runs ``forward`` on each group.
        """
        del items
        return None

    def group_weights(
        self, states: Float[Tensor, "B L D"], member: Bool[Tensor, "B C L"]
    ) -> Float[Tensor, "B C L"]:
        """Return the weights of groups of events, each as if it were a history of its own.

        Args:
            states: From ``states_of``, of the whole history.
            member: The events of each group; a group without any has weights of 0.

        Raises:
            NotImplementedError: ``states_of`` is overridden and this is not.
        """
        raise NotImplementedError(
            f"{type(self).__name__}.states_of returns states, but group_weights is missing; "
            "override both or neither."
        )

    def check_length(self, mask: Bool[Tensor, "B L"]) -> None:
        """Check that no history is longer than ``max_len``.

        Raises:
            DataError: One is.
        """
        if mask.shape[1] > self.max_len:
            raise DataError(
                f"Histories of {mask.shape[1]} slots were given to an extractor of max_len "
                f"{self.max_len}; cut off their oldest items, or increase max_len."
            )


def check_interests(extractor: Extractor, found: object, rows: int, length: int) -> None:
    """Check the types and shapes of what an extractor returned.

    Args:
        extractor: The extractor.
        found: What it returned.
        rows: Number of histories or prefixes.
        length: L.

    Raises:
        ConfigError: It is no ``Interests``, or a part has another type or shape.
    """
    kind = type(extractor).__name__
    check_type(f"What {kind}.forward returns", found, Interests, "Interests; see without_prior")
    shape = (rows, extractor.interests)
    needed = {
        "vectors": (*shape, extractor.dim), "weights": (*shape, length),
        "bias": shape, "active": shape,
    }  # fmt: skip
    for name, value in needed.items():
        part, is_active = getattr(found, name), name == "active"
        fits = isinstance(part, Tensor) and part.shape == value
        if not (fits and (part.dtype == torch.bool if is_active else part.is_floating_point())):
            words = described(part)
            if isinstance(part, Tensor):
                words = f"of shape {tuple(part.shape)} and type {part.dtype}"
            raise ConfigError(
                f"{kind} returned {name} {words} for {rows} histories, but must return "
                f"{'truth values' if is_active else 'floating point numbers'} of shape {value}."
            )


def prefix_mask(mask: Bool[Tensor, "B L"]) -> Bool[Tensor, "B L L"]:
    """Return which slots j belong to the prefix that ends at slot t: ``[b, t, j]``."""
    return (mask[:, None] & mask[:, :, None]).tril()


def without_prior(
    vectors: Float[Tensor, "B K D"],
    weights: Float[Tensor, "B K L"],
    states: Float[Tensor, "B L D"] | None = None,
) -> Interests:
    """Return ``Interests`` without a prior, all active; ``states`` are what the weights pool."""
    flat = vectors.detach()[..., 0]
    bias, active = torch.zeros_like(flat), torch.ones_like(flat).bool()
    return Interests(vectors, weights, bias, active, None if states is None else states[:, None])
