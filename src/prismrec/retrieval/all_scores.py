"""Retrieval from a small catalog: the scores of all items are computed at once."""

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from prismrec.numerics import top_k
from prismrec.retrieval.index.exact import ExactIndex
from prismrec.retrieval.query import Found, Query

MAX_SCORES = 1 << 19
"""Scores in memory at once, 2 MiB: they stay in the cache."""
LEAST = -103.0
"""Smallest log probability in single precision; an item is never lost because it is less likely."""


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
