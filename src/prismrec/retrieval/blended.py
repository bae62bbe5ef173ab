"""Interests blended with a rule retriever: one source of candidates from both.

    rules, reason = fit_rule_retriever(recommender, split.train, split.valid)
    recommender = recommender.with_rules(rules)

An item vector of 64 numbers cannot represent every rare pair of items; a table of counts can. The
candidates of both are united, and each is scored by

    score = log( p_interests + weight · p_rules )

``p_interests`` is the softmax of the scores of the interests over their ``REFERENCE`` best items.
``p_rules`` is the scores of the rules divided by their sum. With weight 0 the order is that of the
interests. ``rules`` counts the rules.
"""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from prismrec.io import as_step
from prismrec.numerics import logsumexp, position_in_group, top_k
from prismrec.rerank import Ranking
from prismrec.retrieval.query import Found
from prismrec.retrieval.rules import RuleRetriever
from prismrec.retrieval.sources import InterestSource
from prismrec.types import Pool, RankedItems

CANDIDATES = 300
"""Candidates per user from the rules."""
REFERENCE = 512
"""Candidates of the interests over which ``p_interests`` is normalized."""


@dataclass(frozen=True, eq=False, repr=False)
class BlendedSource:
    """Candidates of the interests, blended with a rule retriever: a ``CandidateSource``."""

    base: InterestSource
    rules: RuleRetriever
    found: dict[bytes, tuple[NDArray[np.int64], NDArray[np.float64]]] = field(default_factory=dict)
    """What the rules found for some users; not counted again for their reasons."""

    def __len__(self) -> int:
        return len(self.base)

    @as_step("search")
    def search(self, rows: NDArray[np.int64], depth: int) -> Ranking:
        """See ``CandidateSource.search``.

        An item that is not returned scores at most as the last one that is: the interests are
        searched for at least ``depth`` items, with boosts for as many as these need, and blending
        never lowers the score of an item.
        """
        found = self.base.find(rows, max(depth, REFERENCE))
        total_of = logsumexp(found.scores[:, :REFERENCE].astype(np.float64), axis=1)
        boosts = self.base.boosts
        if boosts is not None:
            enough = self.base.enough_for_boosts(rows, depth, boosts, found)
            found = found if enough is found else _each_once(found, enough)
        # A pair of user and item is one number, its key, so that all users are blended at once.
        size = self.rules.table.shape[0]
        row, column = np.nonzero(found.items)
        key = row * size + found.items[row, column]
        by_key = np.argsort(key)
        key, row, column = key[by_key], row[by_key], column[by_key]
        rule_key, strength = self._candidates_of_rules(rows, size)
        position = np.searchsorted(key, rule_key)
        new = np.append(key, -1)[position] != rule_key
        p_rules = np.zeros(len(key))
        p_rules[position[~new]] = strength[~new]
        new_key = rule_key[new]
        new_scores = self._interest_scores(rows[new_key // size], new_key % size)
        key = np.concatenate([key, new_key])
        scores = np.concatenate([found.scores[row, column].astype(np.float64), new_scores])
        total = total_of[key // size]
        with np.errstate(divide="ignore"):  # log(0) of items without a rule
            log_rules = np.log(self.rules.weight * np.concatenate([p_rules, strength[new]]))
        blended = np.logaddexp(scores - total, log_rules)
        if boosts is not None:
            blended += boosts.at(key % size)
        by_key = np.argsort(key)
        items, best = _best(len(rows), depth, size, key[by_key], blended[by_key])
        ranked = RankedItems(items, best, self.base.belongs(rows, items))
        return Ranking(ranked, found.certified)

    def rule_shares(
        self,
        rows: NDArray[np.int64],
        items: Int[np.ndarray, "R k"],
        scores: Float[np.ndarray, "R k"],
    ) -> Float[np.ndarray, "R k"]:
        """Return the share of each item's blended probability that comes from the rules.

        Args:
            rows: Users.
            items: Their listed items; 0 for none.
            scores: From ``search``: log(p_interests + weight · p_rules), and what boosts add.
        """
        size = self.rules.table.shape[0]
        key, strength = self._candidates_of_rules(rows, size)
        wanted = np.arange(len(rows))[:, None] * size + items
        key, strength = np.append(key, -1), np.append(strength, 0.0)  # never empty
        at = np.searchsorted(key[:-1], wanted)
        found = (key[at] == wanted) & (items > 0)
        with np.errstate(divide="ignore"):  # log(0) of items without a rule
            log_rules = np.log(self.rules.weight * np.where(found, strength[at], 0.0))
        if self.base.boosts is not None:
            scores = scores - self.base.boosts.at(items)
        shares: NDArray[np.float64] = np.exp(np.minimum(log_rules - scores, 0.0))
        return shares

    def shares(self, rows: NDArray[np.int64]) -> Float[np.ndarray, "R K"]:
        """See ``CandidateSource.shares``."""
        return self.base.shares(rows)

    def pool(self, row: int, items: NDArray[np.int64], scores: NDArray[np.float64]) -> Pool:
        """See ``CandidateSource.pool``."""
        return self.base.pool(row, items, scores)

    def _candidates_of_rules(
        self, rows: NDArray[np.int64], size: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the strongest eligible items of the rules: keys, ascending, and strengths.

        The strengths of a user sum to 1.
        """
        known = self.found.get(rows.tobytes())
        if known is not None:
            return known
        scores = self.rules.scores([self.base.histories[row] for row in rows.tolist()])
        user = np.repeat(np.arange(len(rows)), np.diff(scores.indptr))
        key, strength = user * size + scores.indices, scores.data.astype(np.float64)
        excluded = [n * size + self.base.query.excluded[row] for n, row in enumerate(rows)]
        kept = ~np.isin(key, np.concatenate(excluded))
        if self.base.eligible is not None:
            kept &= self.base.eligible[scores.indices]
        key, strength = _strongest(key[kept], strength[kept], user[kept], len(rows))
        user = key // size
        total = np.bincount(user, strength, minlength=len(rows))
        self.found[rows.tobytes()] = key, strength / np.maximum(total, 1e-300)[user]
        return self.found[rows.tobytes()]

    def _interest_scores(
        self, rows: NDArray[np.int64], items: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return the joined score of each pair of user and item."""
        query, vectors = self.base.query, self.base.item_search.vectors_of(items)
        every = query.vectors.transpose(1, 0, 2)
        scores = np.array([np.einsum("nd,nd->n", vectors, part[rows]) for part in every])
        scores += query.prior[rows].T
        joined = logsumexp(scores, axis=0) if query.mixture else scores.max(axis=0)
        return np.asarray(joined, dtype=np.float64)


def _each_once(found: Found, more: Found) -> Found:
    """Return the items of both per user, each once."""
    items = np.concatenate([found.items, more.items], axis=1)
    scores = np.concatenate([found.scores, more.scores], axis=1)
    order = np.argsort(items, axis=1, kind="stable")
    items, scores = (np.take_along_axis(part, order, axis=1) for part in (items, scores))
    items[:, 1:][items[:, 1:] == items[:, :-1]] = 0
    return Found(items, scores, found.certified & more.certified)


def _strongest(
    key: NDArray[np.int64], strength: NDArray[np.float64], user: NDArray[np.int64], users: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the ``CANDIDATES`` strongest entries per user, ordered by key; ties go to the first.

    This is ``keep_strongest`` on a padded array: for a few users it is faster than sorting.
    """
    column, width = _columns(user, users)
    if width <= CANDIDATES:
        return key, strength
    every = np.full((users, width), -np.inf)
    every[user, column] = strength
    strongest = np.zeros(every.shape, dtype=bool)
    np.put_along_axis(strongest, top_k(every, CANDIDATES), values=True, axis=1)
    kept = strongest[user, column]
    return key[kept], strength[kept]


def _columns(user: NDArray[np.int64], users: int) -> tuple[NDArray[np.int64], int]:
    """Return the number of each entry within its user, and the largest number of entries.

    ``user`` ascends.
    """
    count = np.bincount(user, minlength=users)
    return position_in_group(count), int(count.max(initial=0))


def _best(
    users: int,
    depth: int,
    size: int,
    key: NDArray[np.int64],
    scores: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the best items per user and their scores, ties by item number; keys ascend."""
    user = key // size
    column, width = _columns(user, users)
    every = np.full((users, max(width, depth)), -np.inf)
    every[user, column] = scores
    chosen = top_k(every, depth)
    items = np.zeros(every.shape, dtype=np.int64)
    items[user, column] = key % size
    top_scores = np.take_along_axis(every, chosen, axis=1).astype(np.float32)
    return np.take_along_axis(items, chosen, axis=1), top_scores
