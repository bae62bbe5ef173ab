"""The best items of each user: search each interest, join the scores, and leave out items.

    found = retrieve(index, query, 200, eligible=None, vectors_of=vectors_of)    # Found [B, 200]

The scores of the interests are joined in one of two ways: an item scores as with its best interest,
or, as a mixture, log Σ exp over all interests, which is its log probability if the scores of each
interest are log probabilities.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from prismrec.numerics import top_k
from prismrec.retrieval.index.base import Index
from prismrec.retrieval.index.exact import ExactIndex
from prismrec.retrieval.merge import is_excluded, merge_candidates
from prismrec.types import Candidates, Interests

VectorsOf = Callable[[NDArray[np.int64]], NDArray[np.float32]]
"""Item numbers ``[N]`` → their vectors ``[N, W]``; W is D, or D + 1 with item biases."""
SMALL = 1 << 16
"""Largest exact index for which all scores of a user are computed at once."""
MAX_SCORES = 1 << 19
"""Scores in memory at once, 2 MiB: they stay in the cache."""
LEAST = -103.0
"""Smallest log probability in single precision; an item is never lost because it is less likely."""
FEW = 8
"""If less than one item in ``FEW`` is eligible, only the eligible items are searched."""
MAX_DEPTH = 4_096
"""Largest number of candidates per interest of a mixture; beyond, a list is not certified."""
DEEPER = 4
"""Factor on the number of candidates per interest, if a list is not certified."""


class Found(NamedTuple):
    """The best items per user, best first; item 0 and score -inf where there are fewer."""

    items: Int[np.ndarray, "B M"]
    scores: Float[np.ndarray, "B M"]
    certified: Bool[np.ndarray, " B"]  # no other item scores more; with an approximate index, up
    # to its recall


@dataclass(frozen=True, eq=False, repr=False)
class Query:
    """The query vectors of a batch of users, and the items that each user must not get."""

    vectors: Float[np.ndarray, "B K D"]
    prior: Float[np.ndarray, "B K"]
    """Added to the scores of each interest: its log prior, minus its log normalizer if it has one;
    -inf for one that is not active."""
    excluded: Sequence[NDArray[np.int64]]
    """Item numbers that a user must not get, per user."""
    mixture: bool = False
    """Whether scores are joined as log Σ exp; otherwise an item scores as with its best interest.
    """
    parts: Float[np.ndarray, "B K D"] | None = None
    """``Interests.parts``."""
    log_prior: Float[np.ndarray, "B K"] | None = None
    """``Interests.log_prior``; None where ``prior`` has no normalizer."""

    @classmethod
    def of(
        cls,
        interests: Interests,
        excluded: Sequence[NDArray[np.int64]],
        *,
        mixture: bool = False,
    ) -> "Query":
        """Return the query of a batch of interests."""
        prior = np.where(interests.active.cpu(), interests.bias.float().cpu(), -np.inf)
        parts, log_prior = (
            None if part is None else part.float().cpu().numpy()
            for part in (interests.parts, interests.log_prior)
        )
        vectors = interests.vectors.float().cpu().numpy()
        return cls(vectors, prior.astype(np.float32), excluded, mixture, parts, log_prior)

    @classmethod
    def equal(
        cls, vectors: Float[np.ndarray, "B K D"], excluded: Sequence[NDArray[np.int64]]
    ) -> "Query":
        """Return a query in which all vectors have the same prior."""
        return cls(vectors, np.zeros(vectors.shape[:2], dtype=np.float32), excluded)

    def rows(self, which: NDArray[np.int64]) -> "Query":
        """Return the query of some of the users."""
        excluded = [self.excluded[row] for row in which]
        parts, log_prior = (
            None if part is None else part[which] for part in (self.parts, self.log_prior)
        )
        vectors, prior = self.vectors[which], self.prior[which]
        return Query(vectors, prior, excluded, self.mixture, parts, log_prior)

    def scores_of(self, vectors: Float[np.ndarray, "B M D"]) -> Float[np.ndarray, "B M K"]:
        """Return the score of each item for each interest, with its prior."""
        scores: NDArray[np.float32] = vectors @ self.vectors.transpose(0, 2, 1)
        scores += self.prior[:, None]
        return scores


def retrieve(
    index: Index,
    query: Query,
    depth: int,
    *,
    eligible: Bool[np.ndarray, " V"] | None,
    vectors_of: VectorsOf,
) -> Found:
    """Retrieve the ``depth`` best eligible items per user; fewer only if there are no more.

    Args:
        index: An index of the whole catalog.
        query: Interests and excluded items of each user.
        depth: M, the number of candidates per user.
        eligible: Items that may be recommended to anyone; None for all.
        vectors_of: Returns item vectors; used if few items are eligible, and for a mixture.

    Cost: one search for ``depth`` + excluded items, and deeper searches if many items are not
        eligible or a mixture is not certified; if few items are eligible, an exact search of these.
    """
    if isinstance(index, ExactIndex) and len(index) <= SMALL:
        return _retrieve_from_all_scores(index, query, depth, eligible)
    ineligible = 0
    if eligible is not None:
        every = index.ids
        numbers = every[eligible[every]]
        ineligible = len(every) - len(numbers)
        if ineligible and len(numbers) * FEW < len(every):
            index, ineligible = ExactIndex.build(vectors_of(numbers), numbers), 0
    wanted = depth + max((len(np.unique(numbers)) for numbers in query.excluded), default=0)
    m = wanted + min(ineligible, wanted)
    while True:
        found = _search_eligible(index, query, (m, wanted, wanted + ineligible), eligible)
        if not query.mixture:
            best = merge_candidates(found, query.prior, depth, excluded=query.excluded)
            return Found(best.items, best.scores, np.ones(len(best.items), dtype=bool))
        joined = _join_candidates(found, query, depth, vectors_of)
        m = found.items.shape[2]
        if joined.certified.all() or m >= min(MAX_DEPTH, len(index)):
            return joined._replace(certified=joined.certified | (m >= len(index)))
        m = min(DEEPER * m, max(MAX_DEPTH, wanted), len(index))


def _search_eligible(
    index: Index,
    query: Query,
    depths: tuple[int, int, int],
    eligible: Bool[np.ndarray, " V"] | None,
) -> Candidates:
    """Search each interest, deeper until it has enough eligible items; others become item 0.

    Args:
        index: An index of the whole catalog, or of the eligible items.
        query: Interests of each user.
        depths: Depth of the first search, number of eligible items that are enough, and the depth
            at which there are certainly so many.
        eligible: Items that may be recommended to anyone; None for all.
    """
    first, enough, most = depths
    deepest = max(min(max(most, first), len(index)), 1)
    m = min(first, deepest)
    while True:
        found = index.search(query.vectors, m)
        if eligible is None or most == enough:
            return found
        found = Candidates(np.where(eligible[found.items], found.items, 0), found.scores)
        short = (found.items > 0).sum(axis=2) < enough
        if m >= deepest or not (short & ~np.isneginf(query.prior)).any():
            return found
        m = min(DEEPER * m, deepest)


def _join_candidates(found: Candidates, query: Query, depth: int, vectors_of: VectorsOf) -> Found:
    """Score the candidates of all interests as a mixture.

    An item outside the candidates scores at most as the last candidate with every interest.
    """
    users, interests, m = found.items.shape
    inactive = np.isneginf(query.prior)
    items = np.where(inactive[:, :, None], 0, found.items).reshape(users, -1)
    items = np.sort(np.where(is_excluded(items, query.excluded), 0, items), axis=1)
    items[:, 1:][items[:, 1:] == items[:, :-1]] = 0
    vectors = vectors_of(items.ravel()).reshape(*items.shape, -1)
    scores = np.logaddexp.reduce(query.scores_of(vectors), axis=2)
    scores = np.where(items > 0, scores, -np.inf).astype(np.float32)
    chosen = top_k(scores, min(depth, interests * m))
    best = np.take_along_axis(scores, chosen, axis=1)
    present = ~np.isneginf(best)
    # Where an interest has fewer candidates than asked for, it has found all items.
    last = np.where(inactive, -np.inf, found.scores[:, :, -1] + query.prior)
    bound = np.logaddexp.reduce(last, axis=1)
    return Found(
        np.where(present, np.take_along_axis(items, chosen, axis=1), 0),
        best,
        best[:, -1] >= bound if best.shape[1] else np.ones(users, dtype=bool),
    )


def _retrieve_from_all_scores(
    index: ExactIndex,
    query: Query,
    depth: int,
    eligible: Bool[np.ndarray, " V"] | None,
) -> Found:
    """Retrieve from a small catalog: compute all scores, and return the best eligible items."""
    ids = index.ids
    step = max(MAX_SCORES // max(len(ids), 1), 1)
    parts = []
    for start in range(0, len(query.excluded), step):
        block = slice(start, start + step)
        scores = _all_scores(index, query.vectors[block], query.prior[block], mixture=query.mixture)
        if eligible is not None:
            scores[:, ~eligible[ids]] = -np.inf
        for row, excluded in enumerate(query.excluded[block]):
            if len(excluded):
                column = np.minimum(np.searchsorted(ids, excluded), len(ids) - 1)
                scores[row, column[ids[column] == excluded]] = -np.inf
        chosen = top_k(scores, min(depth, len(ids)))
        best = np.take_along_axis(scores, chosen, axis=1)
        present = ~np.isneginf(best)
        parts.append((np.where(present, ids[chosen], 0), best, np.ones(len(best), dtype=bool)))
    return Found(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _all_scores(
    index: ExactIndex,
    vectors: Float[np.ndarray, "B K D"],
    prior: Float[np.ndarray, "B K"],
    *,
    mixture: bool,
) -> Float[np.ndarray, "B N"]:
    """Compute the joined score of every item of an index; only active interests cost time.

    Users are ordered by their number of active interests, so that the users with at least n of them
    are the first ones.
    """
    active = ~np.isneginf(prior)
    counts = active.sum(axis=1)
    users = np.argsort(-counts, kind="stable")
    first = np.argsort(~active, axis=1, kind="stable")  # active interests before the others
    # A mixture of several log probabilities is summed as probabilities.
    summed = mixture and counts.max(initial=0) > 1
    joined = torch.full((len(prior), len(index)), 0.0 if summed else -torch.inf)
    for number in range(counts.max(initial=0)):
        some = users[: np.count_nonzero(counts > number)]
        interest = first[some, number]
        queries = torch.from_numpy(vectors[some, interest])
        scores = queries @ index.vectors.T
        scores += torch.from_numpy(prior[some, interest])[:, None]
        part = joined[: len(some)]
        if summed:
            part += scores.exp_()
        else:
            torch.maximum(part, scores, out=part)
    if summed:
        joined.log_().clamp_(min=LEAST)
    back = np.empty_like(users)
    back[users] = np.arange(len(users))
    found: NDArray[np.float32] = joined.numpy()[back]
    return found
