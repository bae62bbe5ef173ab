"""Measure the interests of one batch of users: usage, similarity, and their effect on the list."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from scipy.special import xlogy

from prismrec.data import Case
from prismrec.evaluation.evaluate import list_digest
from prismrec.evaluation.metrics import Answers
from prismrec.evaluation.metrics.recall import recall
from prismrec.numerics import normalize
from prismrec.recommend import Recommender
from prismrec.retrieval import Query, merge_candidates
from prismrec.types import Candidates, Filter, ListOptions


class InterestMeasures(NamedTuple):
    """Measures of each user; NaN if undefined."""

    active: Bool[np.ndarray, "U K"]
    best_targets: Int[np.ndarray, "U K"]
    """Number of targets that score highest with each interest."""
    effective_items: Float[np.ndarray, "U K"]
    marginal_recall: Float[np.ndarray, "U K"]
    read_items: Int[np.ndarray, " U"]
    cosine: Float[np.ndarray, " U"]
    overlap: Float[np.ndarray, " U"]
    recall: Float[np.ndarray, " U"]
    pool_recall: Float[np.ndarray, " U"]
    pool_items: Int[np.ndarray, " U"]
    lists: NDArray[np.object_]
    """A digest of the served list."""


def measure_interests(
    recommender: Recommender, cases: Sequence[Case], k: int, exclude_seen: bool
) -> InterestMeasures:
    """Measure one batch of users who all have a history.

    The model runs once: the served lists and the lists per interest are made from the same
    interests. Rules are part of the served lists only.
    """
    model, histories = recommender.model, [case.history for case in cases]
    targets = [np.unique(case.targets) for case in cases]
    interests = model.interests_of(histories)
    active, weights = interests.active.cpu().numpy(), interests.weights.float().cpu().numpy()
    hidden = np.array(sorted(recommender.hidden), dtype=np.int64)
    query = Query.of(
        interests, [np.union1d(row, hidden) if exclude_seen else hidden for row in histories]
    )
    found = recommender.index.search(query.vectors, k + max(map(len, query.excluded)))

    def lists_of(numbers: Sequence[int]) -> Int[np.ndarray, "B k"]:
        """Return the lists of some interests together."""
        some = Candidates(found.items[:, numbers], found.scores[:, numbers])
        prior = query.prior[:, numbers]
        return merge_candidates(some, prior, k, excluded=query.excluded).items

    def recall_of(lists: Int[np.ndarray, "B M"]) -> Float[np.ndarray, " B"]:
        return recall(Answers(lists, targets), lists.shape[1])

    every = range(active.shape[1])
    per_interest = np.stack([lists_of([one]) for one in every], axis=1)  # [B, K, k]
    eligible = recommender.eligible(Filter())
    options = ListOptions(k=k, exclude_seen=exclude_seen)
    served = recommender.retriever.lists(histories, interests, options, eligible).items
    whole = recall_of(lists_of(every))
    others = [[j for j in every if j != one] for one in every]
    without = [recall_of(lists_of(rest)) if rest else np.zeros(len(cases)) for rest in others]
    pool = per_interest.reshape(len(cases), -1)
    return InterestMeasures(
        active=active,
        best_targets=_best_targets(recommender, query, targets),
        effective_items=np.where(active, _effective(weights), np.nan),
        marginal_recall=np.where(active, whole[:, None] - np.stack(without, axis=1), np.nan),
        read_items=np.minimum([len(history) for history in histories], model.extractor.max_len),
        # A vector may have one number more than ``dim``, for the item bias.
        cosine=_over_pairs(_cosines(query.vectors[:, :, : model.extractor.dim]), active),
        overlap=_over_pairs(_overlaps(per_interest), active),
        recall=recall_of(served),
        pool_recall=recall_of(pool),
        pool_items=_distinct(pool),
        lists=np.array([list_digest(row).hex() for row in served], dtype=object),
    )


def _best_targets(
    recommender: Recommender, query: Query, targets: Sequence[NDArray[np.int64]]
) -> Int[np.ndarray, "B K"]:
    """Count the targets that score highest with each interest; ties go to the earlier interest."""
    user = np.repeat(np.arange(len(targets)), [len(row) for row in targets])
    items = recommender.model.vectors_as_numpy(np.concatenate(targets))
    scores = np.einsum("tkd,td->tk", query.vectors[user], items) + query.prior[user]
    counts = np.zeros(query.prior.shape, dtype=np.int64)
    np.add.at(counts, (user, scores.argmax(axis=1)), 1)
    return counts


def _effective(weights: Float[np.ndarray, "B K L"]) -> Float[np.ndarray, "B K"]:
    """Compute exp(entropy) of the weights of each interest, scaled to sum 1; NaN if all are 0."""
    total = weights.sum(axis=2, keepdims=True, dtype=np.float64)
    share = weights / np.where(total > 0, total, np.nan)
    effective: Float[np.ndarray, "B K"] = np.exp(-xlogy(share, share).sum(axis=2))
    return effective


def _cosines(vectors: Float[np.ndarray, "B K D"]) -> Float[np.ndarray, "B K K"]:
    """Compute the cosine of each pair of interests; 0 for a vector of length 0."""
    unit = normalize(vectors)
    cosines: Float[np.ndarray, "B K K"] = unit @ unit.transpose(0, 2, 1)
    return cosines


def _overlaps(lists: Int[np.ndarray, "B K k"]) -> Float[np.ndarray, "B K K"]:
    """Compute the Jaccard index of each pair of lists; NaN if both are empty."""
    interests = lists.shape[1]
    jaccard = np.full((len(lists), interests, interests), np.nan)
    for i, j in zip(*np.triu_indices(interests, 1), strict=True):
        union = _distinct(np.concatenate([lists[:, i], lists[:, j]], axis=1))
        common = (lists[:, [i, j]] > 0).sum(axis=(1, 2)) - union
        jaccard[:, i, j] = np.where(union > 0, common / np.maximum(union, 1), np.nan)
    return jaccard


def _distinct(items: Int[np.ndarray, "B M"]) -> Int[np.ndarray, " B"]:
    """Count the distinct items of each row, without padding."""
    ordered = np.sort(items, axis=1)
    new = np.ones(items.shape, dtype=bool)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    count: Int[np.ndarray, " B"] = (new & (ordered > 0)).sum(axis=1)
    return count


def _over_pairs(
    values: Float[np.ndarray, "B K K"], active: Bool[np.ndarray, "B K"]
) -> Float[np.ndarray, " B"]:
    """Average over the pairs i < j of active interests; NaN without such a pair."""
    first, second = np.triu_indices(active.shape[1], 1)
    pairs = values[:, first, second]
    defined = active[:, first] & active[:, second] & ~np.isnan(pairs)
    count = defined.sum(axis=1)
    mean = np.where(defined, pairs, 0).sum(axis=1) / np.maximum(count, 1)
    return np.where(count > 0, mean, np.nan)
