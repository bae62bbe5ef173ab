"""The values that pass between stages, and nothing else.

Letters for dimensions, here and in every shape of this package:

    B  users in a batch      L  items in a history, padded   K  interests
    T  prefixes a row        P  B * T real prefixes          D  vector width
    N  negatives             S  1 + N, target first          Q  queries a prefix: 1 or K
    M  candidates            V  catalog size + 1             k  length of a list

Item ids are dense ``int64`` from 1 to V - 1; 0 is padding and never an item.
What passes through training is tensors; what leaves an index is NumPy, so that evaluation and
re-ranking read it without torch.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from prismrec.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor


class Batch(NamedTuple):
    """Training examples: histories, and the targets of their prefixes.

    Slot ``t`` of ``target`` is what came after the prefix that ends at slot ``t`` of
    ``history``, inclusive; 0 where that prefix is not trained. A batch of one target a row has
    it at the row's last real slot.
    """

    history: Int[Tensor, "B L"]  # oldest first, padded on the right with 0
    mask: Bool[Tensor, "B L"]  # True where ``history`` holds an item
    target: Int[Tensor, "B L"]  # 0: no target here


class Interests(NamedTuple):
    """What an extractor makes of a history: K query vectors and how they came about.

    ``weights`` sum to 1 over the history (attention) or over the interests (routing). An
    interest that is not ``active`` is never searched nor trained.
    """

    vectors: Float[Tensor, "B K D"]  # one query vector an interest
    weights: Float[Tensor, "B K L"]  # how much each item of the history made of it
    bias: Float[Tensor, "B K"]  # log prior, added to the interest's scores; 0 if none
    active: Bool[Tensor, "B K"]


class Negatives(NamedTuple):
    """Items to score a target against, shared by a batch."""

    items: Int[Tensor, " N"]  # never 0
    log_q: Float[Tensor, " N"]  # natural log of the expected count in the sample


class Candidates(NamedTuple):
    """What an index found for each interest, best first; 0 where there are fewer than M."""

    items: Int[np.ndarray, "B K M"]
    scores: Float[np.ndarray, "B K M"]


class RankedItems(NamedTuple):
    """Ranked items of B users: distinct within a row, best first, item 0 where there are fewer.

    The score of a missing item is -inf among candidates and 0 in a list.
    """

    items: Int[np.ndarray, "B M"]
    scores: Float[np.ndarray, "B M"]
    interest: Int[np.ndarray, "B M"]  # the interest with the best score; 0 with one interest


@dataclass(frozen=True, kw_only=True, eq=False)
class Pool:
    """One user's M candidates, and what a re-ranker may know of them: each reads its own part.

    Raises:
        DataError: A score is NaN, or a part is not of M candidates.
    """

    scores: NDArray[np.floating]
    """``[M]``, in any order; -inf for no candidate, which is never chosen."""
    category: NDArray[np.integer] | None = None
    """``[M]``: one category each; -1 for none, which differs from every other."""
    categories: Sequence[Collection[int]] | None = None
    """M sets: none, one or several categories each."""
    vectors: NDArray[np.floating] | None = None
    """``[M, D]``: item vectors."""
    interest_scores: NDArray[np.floating] | None = None
    """``[M, K]``: each candidate's score for each interest; -inf where not active."""
    history: Sequence[Collection[int]] | None = None
    """The categories of each item of the user's history, as in ``categories``."""

    def __post_init__(self) -> None:
        """Refuse parts that do not belong together."""
        if np.isnan(self.scores).any():
            raise DataError("A candidate's score is NaN; look for NaN in the model's vectors.")
        for field in fields(self):
            part = getattr(self, field.name)
            if part is not None and field.name != "history" and len(part) != len(self.scores):
                raise DataError(
                    f"A pool of {len(self.scores)} scores was given {field.name} of "
                    f"{len(part)} candidates; give one each."
                )


Recommend = Callable[[Sequence[NDArray[np.int64]], int], RankedItems]
"""Histories, whole, oldest first, and k → lists: what is evaluated, whoever makes them."""
