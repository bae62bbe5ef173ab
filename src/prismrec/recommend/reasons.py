"""Exact reasons: what each event of a history adds to the score of a recommended item.

    contributions = event_contributions(query, interests, row, vectors)      # [M, L]

An interest is a weighted sum of states, one per event, so the inner product with an item is a sum
over events as well. With several interests each one counts by its probability given the item, or,
without a mixture, the best one alone. This is exact for extractors that pool linearly up to the
length of the result: prism, sa, mean, dr, and mind without its projection. For gru, and a
transformer with one interest, the whole interest is read at the newest event. An interest that has
another direction than the weighted sum of its states, as of mind with its projection, cannot be
divided among events: then there are no contributions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from prismrec.data import Catalog
from prismrec.numerics import softmax
from prismrec.recommend.results import Contribution, Reason
from prismrec.retrieval import Query, RuleRetriever, VectorsOf
from prismrec.types import Interests

MOST = 3
"""Events named as the reasons of an item, at most."""
PARALLEL = 1e-4
"""Largest difference from 1 of the cosine of an interest with the sum of its states."""
PARTNERS = 2
"""Items of the history named as those that an item goes with, at most."""


@dataclass(frozen=True)
class ItemReasons:
    """The fields of ``Item`` that are its reasons."""

    because: tuple[Contribution, ...] = ()
    from_history: float | None = None
    from_rules: float = 0.0
    goes_with: tuple[Reason, ...] = ()


@dataclass(frozen=True, eq=False)
class Reasons:
    """Finds the reasons of the items in the lists of a batch."""

    catalog: Catalog
    query: Query
    interests: Interests
    vectors_of: VectorsOf
    longest: int
    """How many of the newest events the model reads."""
    rules: RuleRetriever | None = None
    rule_shares: NDArray[np.float64] | None = field(default=None, repr=False)
    """``[B, k]``: share of each item's probability that comes from the rules."""

    def of_items(
        self, row: int, items: Sequence[int], history: NDArray[np.int64]
    ) -> list[ItemReasons]:
        """Return the reasons of the items of one user, in their order.

        Args:
            row: The user.
            items: Item numbers.
            history: Item numbers, oldest first.
        """
        if not len(items) or not len(history):
            return [ItemReasons()] * len(items)
        vectors = self.vectors_of(np.array(items))
        parts = event_contributions(self.query, self.interests, row, vectors)
        because: list[tuple[Contribution, ...]] = [()] * len(items)
        total: list[float | None] = [None] * len(items)
        if parts is not None:
            because = reasons_of(self.catalog, history[-self.longest :], parts)
            total = parts.sum(axis=1).tolist()
        shares = [0.0] * len(items)
        partners: list[tuple[Reason, ...]] = [()] * len(items)
        if self.rules is not None and self.rule_shares is not None:
            shares = self.rule_shares[row, : len(items)].tolist()
            partners = self._partners(self.rules, items, history)
        return [ItemReasons(*one) for one in zip(because, total, shares, partners, strict=True)]

    def _partners(
        self, rules: RuleRetriever, items: Sequence[int], history: NDArray[np.int64]
    ) -> list[tuple[Reason, ...]]:
        """Return, per item, the items of the history from which the rules find it."""
        numbers = np.unique(history).tolist()
        ids = self.catalog.items.external(numbers)
        titles = [self.catalog.title(number) for number in numbers]
        named = {at: (ids[n], titles[n]) for n, at in enumerate(numbers)}
        found = [
            (best[:PARTNERS].tolist(), shares[:PARTNERS].tolist())
            for best, shares in rules.reasons(history, items)
        ]
        return [
            tuple(Reason(*named[number], share) for number, share in zip(*one, strict=True))
            for one in found
        ]


def event_contributions(
    query: Query, interests: Interests, row: int, vectors: Float[np.ndarray, "M W"]
) -> Float[np.ndarray, "M L"] | None:
    """Return what each event adds to the score of each of M items, for one user.

    It is None if an active interest has another direction than the weighted sum of its states.

    A row sums to the inner product of the item with its interests, weighted by their probability
    given the item; item biases, priors and normalizers are no part of it.

    Args:
        query: Of the batch of the user.
        interests: Of the same batch, with ``states``.
        row: The user.
        vectors: Item vectors, as searched.

    Cost: O(M L (D + K)).
    """
    if interests.states is None:
        return None
    states = interests.states[row].double().cpu().numpy()  # [S, L, D]
    weights = interests.weights[row].double().cpu().numpy()
    dim, last = states.shape[2], len(states) - 1
    own = query.rows(np.array([row]))
    queries, content = own.vectors[0, :, :dim].astype(np.float64), vectors[:, :dim]
    scores = own.scores_of(vectors[None])[0].astype(np.float64)
    best = scores.argmax(axis=1)
    responsible = softmax(scores) if own.mixture else np.eye(len(weights))[best]
    active = interests.active[row].cpu().numpy()
    total = np.zeros((len(vectors), weights.shape[1]))
    for number, some in enumerate(states):
        pooling = [k for k in range(len(weights)) if min(k, last) == number]
        pooled = weights[pooling] @ some
        # Scaling by the temperature or to unit length changes all contributions alike.
        size, common = (pooled * pooled).sum(axis=1), (pooled * queries[pooling]).sum(axis=1)
        lengths = np.sqrt(size) * np.linalg.norm(queries[pooling], axis=1)
        if (active[pooling] & (np.abs(common) < (1 - PARALLEL) * lengths)).any():
            return None
        scale = np.divide(common, size, where=size > 0, out=np.zeros(len(pooling)))
        total += ((responsible[:, pooling] * scale) @ weights[pooling]) * (content @ some.T)
    return total


def reasons_of(
    catalog: Catalog, read: NDArray[np.int64], contributions: Float[np.ndarray, "M L"]
) -> list[tuple[Contribution, ...]]:
    """Return the items of the history that add most to each of M items, largest first.

    An item that is in the history several times is one reason, with the sum of its contributions.
    If the history as a whole lowers the score of an item, it has no reasons: no event is why it is
    in the list.

    Args:
        catalog: For ids and titles.
        read: Item numbers that the model read, oldest first.
        contributions: From ``event_contributions``; columns beyond are padding.
    """
    distinct, position = np.unique(read, return_inverse=True)
    summed = np.zeros((len(distinct), len(contributions)))
    np.add.at(summed, position, contributions[:, : len(read)].T)
    positive = np.maximum(summed, 0)
    shares = positive / np.maximum(positive.sum(axis=0), 1e-300)
    summed[:, summed.sum(axis=0) <= 0] = 0
    names = catalog.items.external(distinct.tolist())
    titles = [catalog.title(item) for item in distinct.tolist()]
    most = np.argsort(-summed, axis=0, kind="stable")[:MOST]
    parts = (most, *(np.take_along_axis(part, most, axis=0) for part in (summed, shares)))
    return [
        tuple(
            Contribution(names[at], titles[at], added, share)
            for at, added, share in zip(*own, strict=True)
            if added > 0
        )
        for own in zip(*(part.T.tolist() for part in parts), strict=True)
    ]
