"""Retrieval from a small catalog: the scores of all items are computed at once."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from prismrec.numerics import at_columns, top_k
from prismrec.retrieval.index.exact import ExactIndex
from prismrec.retrieval.query import Found, Query

MAX_SCORES = 1 << 19
"""Scores in memory at once, 2 MiB: they stay in the cache."""
LEAST = -87.0
"""Log of the smallest normal number in single precision: less likely items are scored again."""


def retrieve_from_all_scores(
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
        of_block = query.vectors[block], query.prior[block]
        scores = _all_scores(index, *of_block, mixture=query.mixture)
        _exclude(scores, ids, query.excluded[block], eligible)
        chosen = top_k(scores, min(depth, len(ids)))
        best = at_columns(scores, chosen)
        if query.mixture and (rows := np.flatnonzero((best == LEAST).any(axis=1))).size:
            again = _exact_scores(index, *(part[rows] for part in of_block))
            _exclude(again, ids, [query.excluded[start + row] for row in rows.tolist()], eligible)
            chosen[rows] = top_k(again, chosen.shape[1])
            best[rows] = at_columns(again, chosen[rows])
        present = ~np.isneginf(best)
        parts.append((np.where(present, ids[chosen], 0), best, np.ones(len(best), dtype=bool)))
    return Found(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _exclude(
    scores: Float[np.ndarray, "B N"],
    ids: Int[np.ndarray, " N"],
    excluded: Sequence[NDArray[np.int64]],
    eligible: Bool[np.ndarray, " V"] | None,
) -> None:
    """Set the scores of excluded items, and of those that are not eligible, to -inf, in place."""
    if eligible is not None:
        scores[:, ~eligible[ids]] = -np.inf
    numbers = np.concatenate(excluded)
    row = np.repeat(np.arange(len(excluded)), [len(own) for own in excluded])
    column = np.minimum(np.searchsorted(ids, numbers), len(ids) - 1)
    present = ids[column] == numbers
    scores[row[present], column[present]] = -np.inf


def _exact_scores(
    index: ExactIndex, vectors: Float[np.ndarray, "B K D"], prior: Float[np.ndarray, "B K"]
) -> Float[np.ndarray, "B N"]:
    """Compute the log probability of every item, however unlikely; slower than ``_all_scores``."""
    rows = [
        torch.logsumexp(torch.from_numpy(v) @ index.vectors.T + torch.from_numpy(p)[:, None], dim=0)
        for v, p in zip(vectors, prior, strict=True)
    ]
    found: NDArray[np.float32] = torch.stack(rows).numpy()
    return found


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
    # The first interest of every user, then the second of those with two, and so on.
    with_more = np.arange(counts.max(initial=0))[:, None] < counts[users]
    number, place = with_more.nonzero()
    row = users[place]
    interest = first[row, number]
    scores = torch.from_numpy(vectors[row, interest]) @ index.vectors.T
    scores += torch.from_numpy(prior[row, interest])[:, None]
    # A mixture of several log probabilities is summed as probabilities.
    summed = mixture and len(with_more) > 1
    if summed:
        scores.exp_()
    joined = torch.full((len(prior), len(index)), 0.0 if summed else -torch.inf)
    for part in torch.split(scores, with_more.sum(axis=1).tolist()):
        some = joined[: len(part)]
        torch.add(some, part, out=some) if summed else torch.maximum(some, part, out=some)
    if summed:
        joined.log_().clamp_(min=LEAST)
    back = np.empty_like(users)
    back[users] = np.arange(len(users))
    found: NDArray[np.float32] = joined.numpy()[back]
    return found
