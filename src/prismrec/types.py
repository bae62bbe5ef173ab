"""The values that pass between stages, and nothing else.

Letters for dimensions, here and in every shape of this package:

    B  users in a batch      L  items in a history, padded   K  interests
    T  prefixes per row      P  B * T real prefixes          D  vector width
    N  negatives             S  1 + N, target first          Q  queries per prefix: 1 or K
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

    ``target[t]`` is the item that came next after the prefix ``history[..t]``, inclusive; 0
    where that prefix is not trained. A batch of one target per row has it at the row's last
    item.
    """

    history: Int[Tensor, "B L"]  # oldest first, padded on the right with 0
    mask: Bool[Tensor, "B L"]  # True where ``history`` holds an item
    target: Int[Tensor, "B L"]  # 0: no target here
    weight: Float[Tensor, "B L"] | None = None  # of each target; None: all count alike
    disliked: Int[Tensor, "B L"] | None = None  # an item that the user disliked; 0: none


class Interests(NamedTuple):
    """The output of an extractor: K query vectors, and the weights of each history item in them.

    ``weights`` sum to 1 over the history (attention) or over the interests (routing). An
    interest that is not ``active`` is never searched nor trained.

    The last three fields are for serving, and are None in training. With ``parts``, interest 0 is
    the whole history: it scores items, but each item belongs to one of the other interests.
    """

    vectors: Float[Tensor, "B K D"]
    """One query vector per interest; with item biases a model appends a 1 to each, so that they
    have D + 1 numbers."""
    weights: Float[Tensor, "B K L"]
    """How much each history item contributes."""
    bias: Float[Tensor, "B K"]
    """Log prior, added to the interest's scores; 0 if none."""
    active: Bool[Tensor, "B K"]
    """Whether the history has the interest."""
    states: Float[Tensor, "B S L D"] | None = None
    """What the weights pool, per event: interest k pools ``states[min(k, S - 1)]``, and its vector
    has the direction of the sum, exactly or (for an extractor that is not linear) about."""
    parts: Float[Tensor, "B K D"] | None = None
    """How much of vector 0 comes from the events of each interest; row 0 is 0."""
    log_prior: Float[Tensor, "B K"] | None = None
    """Where ``bias`` has a normalizer too: the log prior alone, -inf where not active."""

    def rows(self, chosen: Tensor) -> Interests:
        """Return the interests of some rows of the batch."""
        chosen = chosen.to(self.vectors.device)
        return Interests._make(None if part is None else part[chosen] for part in self)

    @property
    def shown(self) -> Bool[Tensor, "B K"]:
        """Whether an interest is active and not the whole history: items belong to these."""
        if self.parts is None:
            return self.active
        others = self.active.clone()
        others[:, 0] = False
        return others


class Negatives(NamedTuple):
    """Sampled items to score a target against, shared by a batch."""

    items: Int[Tensor, " N"]  # never 0
    log_q: Float[Tensor, " N"]  # natural log of the expected count in the sample


class Candidates(NamedTuple):
    """The search results for each interest, best first; item 0 where there are fewer than M."""

    items: Int[np.ndarray, "B K M"]
    scores: Float[np.ndarray, "B K M"]


class RankedItems(NamedTuple):
    """Ranked items of B users: distinct within a row, best first, item 0 where there are fewer.

    The score of a missing item is -inf among candidates and 0 in a list.
    """

    items: Int[np.ndarray, "B M"]
    """Item numbers; 0 for none."""
    scores: Float[np.ndarray, "B M"]
    """The score of each item; compares items of one user only."""
    interest: Int[np.ndarray, "B M"]
    """Number of the interest that each item belongs to, from 0: see ``Item.interest``."""

    def __repr__(self) -> str:
        return f"RankedItems({len(self.items):,} users, {self.items.shape[-1]:,} items each)"

    def best(self, rows: NDArray[np.int64], depth: int) -> "RankedItems":
        """Return the ``depth`` best items of some users."""
        return RankedItems(*(part[rows, :depth] for part in self))


@dataclass(frozen=True, kw_only=True, eq=False)
class Pool:
    """One user's M candidates, as a re-ranker sees them; each re-ranker reads the parts it needs.

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

    def __repr__(self) -> str:
        names = [f.name for f in fields(self) if getattr(self, f.name) is not None]
        return f"Pool({len(self.scores):,} candidates: {', '.join(names)})"

    def __post_init__(self) -> None:
        """Check that the parts belong together."""
        if np.isnan(self.scores).any():
            raise DataError("A candidate's score is NaN; look for NaN in the model's vectors.")
        for named in fields(self):
            part = getattr(self, named.name)
            if part is not None and named.name != "history" and len(part) != len(self.scores):
                raise DataError(
                    f"A pool of {len(self.scores)} scores was given {named.name} of "
                    f"{len(part)} candidates; give one per score."
                )


Recommend = Callable[[Sequence[NDArray[np.int64]], int], RankedItems]
"""Full histories, oldest first, and k → ranked lists: the function that evaluation measures."""
