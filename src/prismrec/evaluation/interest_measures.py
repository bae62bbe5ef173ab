"""Measure the interests of one batch of users: usage, similarity, and their effect on the list."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import xlogy

from prismrec.data import Case
from prismrec.evaluation.evaluate import list_digest
from prismrec.evaluation.interest_use import INTEREST_LENGTH, measure_interest_use
from prismrec.evaluation.metrics import Answers
from prismrec.evaluation.metrics.recall import recall
from prismrec.evaluation.metrics.subtopic_recall import subtopic_recall
from prismrec.numerics import normalize
from prismrec.recommend import Recommender
from prismrec.rerank import Filter, ListOptions
from prismrec.retrieval import Query

NOTHING = np.empty(0, dtype=np.int64)


class InterestMeasures(NamedTuple):
    """Measures of each user; NaN if undefined."""

    formed: Bool[np.ndarray, " U"]
    """Whether interest 0 is the whole history."""
    active: Bool[np.ndarray, "U K"]
    """Whether items can belong to the interest."""
    best_targets: Int[np.ndarray, "U K"]
    """Number of targets that belong to each interest."""
    effective_items: Float[np.ndarray, "U K"]
    marginal_recall: Float[np.ndarray, "U K"]
    read_items: Int[np.ndarray, " U"]
    cosine: Float[np.ndarray, " U"]
    overlap: Float[np.ndarray, " U"]
    recall: Float[np.ndarray, " U"]
    pool_recall: Float[np.ndarray, " U"]
    pool_items: Int[np.ndarray, " U"]
    largest_share: Float[np.ndarray, " U"]
    interests_used: Float[np.ndarray, " U"]
    subtopic_recall: Float[np.ndarray, " U"]
    lists: NDArray[np.object_]
    """A digest of the served list."""


def measure_interests(
    recommender: Recommender,
    cases: Sequence[Case],
    k: int,
    exclude_seen: bool,
    categories: sparse.csr_array,
) -> InterestMeasures:
    """Measure one batch of users who all have a history.

    The model runs once: the served lists and the lists per interest are made from the same
    interests. Rules are part of the served lists only. Where interest 0 is the whole history, it is
    part of what is searched, but is not measured: no item belongs to it.

    Args:
        recommender: The recommender.
        cases: The users.
        k: Length of the lists.
        exclude_seen: Leave out the items of the history.
        categories: The table of ``category_table``.
    """
    model, retriever = recommender.model, recommender.retriever
    histories = [case.history for case in cases]
    targets = [np.unique(case.targets) for case in cases]
    interests = model.interests_of(histories)
    shown, weights = interests.shown.cpu().numpy(), interests.weights.float().cpu().numpy()
    excluded = histories if exclude_seen else [NOTHING] * len(cases)
    query = Query.of(interests, excluded, mixture=retriever.mixture)
    eligible = recommender.eligible(Filter())
    options = ListOptions(k=k, exclude_seen=exclude_seen)
    served = retriever.lists(retriever.parts(histories, interests, options, eligible))
    use = measure_interest_use(served.items, served.interest)

    def recall_of(lists: Int[np.ndarray, "B M"]) -> Float[np.ndarray, " B"]:
        return recall(Answers(lists, targets), lists.shape[1])

    def lists_of(some: Query) -> Int[np.ndarray, "R k"]:
        return retriever.item_search.find(some, k, eligible).items

    per_interest = _lists_per_interest(query, k, lists_of)
    # The served list has items of the rule retriever, which the lists per interest lack.
    pool = np.concatenate([per_interest.reshape(len(cases), -1), served.items], axis=1)
    answers = Answers(served.items, targets, histories, categories)
    return InterestMeasures(
        formed=np.full(len(cases), interests.parts is not None),
        active=shown,
        best_targets=_best_targets(recommender, query, targets),
        effective_items=np.where(shown, _effective(weights), np.nan),
        marginal_recall=_marginal_recall(query, shown, lambda some: recall_of(lists_of(some))),
        read_items=np.minimum([len(history) for history in histories], model.extractor.max_len),
        # A vector may have one number more than ``dim``, for the item bias.
        cosine=_over_pairs(_cosines(query.vectors[:, :, : model.extractor.dim]), shown),
        overlap=_over_pairs(_overlaps(per_interest), shown),
        recall=recall_of(served.items),
        pool_recall=recall_of(pool),
        pool_items=_distinct(pool),
        largest_share=use.largest_share,
        interests_used=use.interests_used,
        subtopic_recall=subtopic_recall(answers, INTEREST_LENGTH),
        lists=np.array([list_digest(row).hex() for row in served.items], dtype=object),
    )


def _lists_per_interest(
    query: Query, k: int, lists_of: Callable[[Query], Int[np.ndarray, "R k"]]
) -> Int[np.ndarray, "B K k"]:
    """Return the list of each active interest alone; empty for one that is not active."""
    user, number = np.nonzero(~np.isneginf(query.prior))
    excluded = [query.excluded[row] for row in user.tolist()]
    alone = Query.equal(query.vectors[user, number][:, None], excluded)
    found = lists_of(alone)
    lists = np.zeros((*query.prior.shape, k), dtype=np.int64)
    lists[user, number, : found.shape[1]] = found
    return lists


def _marginal_recall(
    query: Query,
    shown: Bool[np.ndarray, "B K"],
    recall_of: Callable[[Query], Float[np.ndarray, " B"]],
) -> Float[np.ndarray, "B K"]:
    """Return the recall that is lost without each interest; NaN if it is not shown."""
    lost = np.full(shown.shape, recall_of(query)[:, None])
    for number in np.flatnonzero(shown.any(axis=0)).tolist():
        lost[:, number] -= recall_of(_without(query, number))
    return np.where(shown, lost, np.nan)


def _without(query: Query, number: int) -> Query:
    """Return the query without one of its interests."""
    prior = query.prior.copy()
    prior[:, number] = -np.inf
    return replace(query, prior=prior)


def _best_targets(
    recommender: Recommender, query: Query, targets: Sequence[NDArray[np.int64]]
) -> Int[np.ndarray, "B K"]:
    """Count the targets that would belong to each interest if they were in the list."""
    user = np.repeat(np.arange(len(targets)), [len(row) for row in targets])
    items = np.concatenate(targets)[:, None]
    number = query.rows(user).belongs(items, recommender.model.vectors_as_numpy)[:, 0]
    counts = np.zeros(query.prior.shape, dtype=np.int64)
    np.add.at(counts, (user, number), 1)
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
