"""What is searched, and what is found: the query vectors of a batch, and its best items."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from prismrec.numerics import softmax
from prismrec.types import Interests

VectorsOf = Callable[[NDArray[np.int64]], NDArray[np.float32]]
"""Item numbers ``[N]`` → their vectors ``[N, W]``; W is D, or D + 1 with item biases."""


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

    @classmethod
    def joined(cls, queries: Sequence["Query"]) -> "Query":
        """Return the query of the users of several queries, which one model made."""

        def arrays(name: str) -> Any:
            parts = [getattr(query, name) for query in queries]
            return None if parts[0] is None else np.concatenate(parts)

        return cls(
            vectors=arrays("vectors"),
            prior=arrays("prior"),
            excluded=[excluded for query in queries for excluded in query.excluded],
            mixture=queries[0].mixture,
            parts=arrays("parts"),
            log_prior=arrays("log_prior"),
        )

    def rows(self, which: NDArray[np.int64]) -> "Query":
        """Return the query of some of the users; of all, in their order, this one."""
        if len(which) == len(self.excluded) and np.array_equal(which, np.arange(len(which))):
            return self
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

    def belongs(
        self, items: Int[np.ndarray, "B M"], vectors_of: VectorsOf
    ) -> Int[np.ndarray, "B M"]:
        """Return the interest that each item of each user belongs to; 0 for item 0.

        It is the interest with the best score. If interest 0 is the whole history, it is the one
        whose events add most to the score: through itself, and through the whole history.

        Cost: O(B M K D).
        """
        active = ~np.isneginf(self.prior)
        if not len(items) or (active.sum(axis=1) <= 1).all():
            return np.where(items > 0, active.argmax(axis=1)[:, None], 0)
        vectors = vectors_of(items.ravel()).reshape(*items.shape, -1)
        scores = self.scores_of(vectors)
        if self.parts is not None:
            responsible, dim = softmax(scores), self.parts.shape[2]
            content = vectors[:, :, :dim]
            alone = content @ self.vectors[:, :, :dim].transpose(0, 2, 1)
            in_whole = content @ self.parts.transpose(0, 2, 1)
            scores = responsible * alone + responsible[:, :, :1] * in_whole
            active[:, 0] &= active.sum(axis=1) == 1
            scores = np.where(active[:, None], scores, -np.inf)
        return np.where(items > 0, scores.argmax(axis=2), 0)
