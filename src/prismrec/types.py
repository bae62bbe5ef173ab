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
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, NamedTuple, TypedDict

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from prismrec.errors import ConfigError, DataError

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


class Interests(NamedTuple):
    """The output of an extractor: K query vectors, and the weights of each history item in them.

    ``weights`` sum to 1 over the history (attention) or over the interests (routing). An
    interest that is not ``active`` is never searched nor trained.
    """

    vectors: Float[Tensor, "B K D"]  # one query vector per interest
    weights: Float[Tensor, "B K L"]  # how much each history item contributes
    bias: Float[Tensor, "B K"]  # log prior, added to the interest's scores; 0 if none
    active: Bool[Tensor, "B K"]


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
    scores: Float[np.ndarray, "B M"]
    interest: Int[np.ndarray, "B M"]  # the interest with the best score; 0 with one interest

    def __repr__(self) -> str:
        return f"RankedItems({len(self.items):,} users, {self.items.shape[-1]:,} items each)"


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
        for field in fields(self):
            part = getattr(self, field.name)
            if part is not None and field.name != "history" and len(part) != len(self.scores):
                raise DataError(
                    f"A pool of {len(self.scores)} scores was given {field.name} of "
                    f"{len(part)} candidates; give one per score."
                )


MAX_STRENGTH = 1e300
"""Largest strength: beyond it, strength times a rank would overflow to infinity."""


@dataclass(frozen=True, kw_only=True)
class Diversity:
    """How diverse a list is, in one of three units; without any, the list is ranked by score alone.

    If the candidates cannot reach the target, the list is the most diverse one possible.

    Raises:
        ConfigError: More than one unit was given, or a value is out of its range.
    """

    strength: float | None = None
    """λ of controllable aggregation, on scores scaled to 0…1 per user. 0 ranks by score alone; 0.05
    to 0.5 makes the categories differ more and more. 0 if no unit is given."""
    target: float | None = None
    """Smallest share of the list's pairs that differ in category, from 0 to 1."""
    max_relevance_loss: float | None = None
    """Largest share of the list's relevance (the sum of its scaled scores) to give up, 0 to 1."""

    def __post_init__(self) -> None:
        """Check the unit and its range."""
        names = ("strength", "target", "max_relevance_loss")
        values = {n: getattr(self, n) for n in names if getattr(self, n) is not None}
        if len(values) > 1:
            raise ConfigError(f"Diversity was given {' and '.join(values)}; give one of them.")
        if not values:
            object.__setattr__(self, "strength", 0.0)
        if self.strength is not None:
            check_strength(self.strength)
        for name in names[1:]:
            share = values.get(name, 0)
            if isinstance(share, str) or not 0 <= share <= 1:
                raise ConfigError(f"The diversity {name} is {share!r}; give a share from 0 to 1.")

    @classmethod
    def of(cls, value: float | Diversity) -> Diversity:
        """Return ``value`` as a Diversity; a number is a strength."""
        return value if isinstance(value, Diversity) else cls(strength=value)

    @property
    def off(self) -> bool:
        """Whether every list is the ranking by score."""
        return not (self.strength or self.target or self.max_relevance_loss)

    @property
    def needs_frontier(self) -> bool:
        """Whether the strength follows from a target or a relevance budget."""
        return self.target is not None or self.max_relevance_loss is not None

    def at_least(self, strength: float) -> Diversity:
        """Return the same diversity with at least this strength; other units stay as they are."""
        if self.needs_frontier:
            return self
        return replace(self, strength=max(self.strength or 0.0, strength))


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which items a request may get. Ids that the catalog does not hold have no effect."""

    blocked: Sequence[str] = ()
    """Ids never to recommend."""
    allowed: Sequence[str] | None = None
    """The only ids to recommend; None for all."""
    categories: Sequence[str] | None = None
    """Recommend only items with at least one of these categories; None for all."""


@dataclass(frozen=True, kw_only=True)
class ListOptions:
    """What a list looks like: the same options in Python, on the command line and over HTTP.

    Raises:
        ConfigError: ``k`` is below 1, ``diversity`` is impossible, or it has a target with another
            re-ranker than ``category``, which alone has an exact frontier.
    """

    k: int = 20
    """Length of the list."""
    diversity: float | Diversity = 0.0
    """How diverse the list is; a number is the strength λ."""
    exclude_seen: bool = True
    """Leave out the items of the history."""
    filter: Filter = Filter()
    """Which items may be recommended."""
    rerank: str = "category"
    """The re-ranker: a name of ``RERANKERS``, or ``module:function``."""

    def __post_init__(self) -> None:
        """Check the values here, once for all callers."""
        check_length(self.k)
        object.__setattr__(self, "diversity", Diversity.of(self.diversity))
        if self.rerank != "category" and Diversity.of(self.diversity).needs_frontier:
            raise ConfigError(
                f"A diversity target was given with the re-ranker {self.rerank!r}, but only "
                "'category' can reach one exactly; give a strength, or the re-ranker 'category'."
            )


class ListKeywords(TypedDict, total=False):
    """The fields of ``ListOptions`` but ``k``, as keywords of ``Recommender.recommend``."""

    diversity: float | Diversity
    exclude_seen: bool
    filter: Filter
    rerank: str


def check_length(k: int) -> None:
    """Raise ConfigError for a list without items."""
    if k < 1:
        raise ConfigError(f"k is {k}; a list has at least 1 item.")


def check_strength(strength: object) -> None:
    """Raise ConfigError for a strength, λ, that cannot work."""
    if not (isinstance(strength, int | float | np.number) and 0 <= strength <= MAX_STRENGTH):
        raise ConfigError(
            f"The diversity strength, λ, is {strength!r}; give a number of 0 (by score alone) or "
            "more."
        )


Recommend = Callable[[Sequence[NDArray[np.int64]], int], RankedItems]
"""Full histories, oldest first, and k → ranked lists: the function that evaluation measures."""
