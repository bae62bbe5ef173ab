"""Diagnostics: whether K interests are K interests, measured on what is served. METHODS §7.

    found = diagnose(recommender, split.test, k=50)
    found.usage          # (0.41, 0.33, 0.25, 0.01): who wins the targets
    found.notes          # what is wrong, a sentence each
    points = tradeoff(recommender, split.test, (0, 0.1, 0.3))     # recall and diversity by λ

An interest that is not active for a user is left out of every number of that user.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from scipy.special import xlogy

from prismrec.data import Case
from prismrec.errors import ConfigError, DataError
from prismrec.evaluation.evaluate import evaluate, rows
from prismrec.evaluation.metrics import Answers
from prismrec.evaluation.metrics.recall import recall
from prismrec.numerics import normalize
from prismrec.recommend import Recommender
from prismrec.retrieval import merge_candidates
from prismrec.types import Candidates

DEAD, COPIES, SAME = 0.01, 0.9, 0.2


@dataclass(frozen=True)
class Diagnostics:
    """What the interests of a model do. Tuples hold one number an interest, from interest 0.

    ``None`` stands where there is nothing to measure: ``usage_entropy``, ``cosine`` and
    ``overlap`` of a single interest, or an interest that is active for nobody.
    """

    k: int
    """Length of the lists."""
    users: int
    """Users measured; those with an empty history have no interests and are left out."""
    active: tuple[float, ...]
    """Share of the users for whom the interest is active."""
    usage: tuple[float, ...]
    """Share of all targets that score highest with the interest; sums to 1."""
    usage_entropy: float | None
    """Entropy of ``usage`` / log K, in [0, 1]: 1 if all are used alike."""
    effective_items: tuple[float | None, ...]
    """exp(entropy of the weights over the history), mean over users: from 1 to ``read_items``."""
    read_items: float
    """Mean number of history items that the model reads."""
    cosine: float | None
    """Mean cosine of the pairs of interest vectors, in [-1, 1]."""
    overlap: float | None
    """Mean Jaccard index of the pairs of interests' own lists, in [0, 1]."""
    marginal_recall: tuple[float | None, ...]
    """recall@k lost without the interest, rules aside; below 0 if the list is better without it. Of
    a single interest it is the whole recall."""
    recall: float
    """recall@k of the list as it is served, with the rules beside the interests, if any."""
    pool_recall: float
    """Recall of all interests' own lists together: what a ranker after them can reach."""
    pool_items: float
    """Mean number of distinct items in that pool, from k to K · k."""
    distinct_lists: float
    """Distinct lists / users, in (0, 1]."""

    @property
    def dead(self) -> tuple[int, ...]:
        """Interests, from 0, that win less than 1 % of the targets though active for someone."""
        shares = zip(self.usage, self.active, strict=True)
        return tuple(n for n, (used, active) in enumerate(shares) if used < DEAD and active > 0)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know, a sentence each."""
        return tuple(_notes(self))

    def to_json(self) -> str:
        """Give all numbers, the dead and the notes as one JSON object."""
        content = asdict(self) | {"dead": self.dead, "notes": self.notes}
        return json.dumps(content, ensure_ascii=False, allow_nan=False)


class Point(NamedTuple):
    """One setting of the diversity dial."""

    strength: float
    recall: float
    diversity: float


def diagnose(
    recommender: Recommender, cases: Sequence[Case], *, k: int = 50, exclude_seen: bool = True,
    batch_size: int = 256,
) -> Diagnostics:  # fmt: skip
    """Measure what each interest contributes.

    Args:
        recommender: Its model is asked for interests, its index for their items.
        cases: Users with targets, such as ``split.test``.
        k: Length of the list, and of each interest's own.
        filter_seen: Leave out every item of the history, as in ``Recommender.ranked``.
        batch_size: Users at a time; changes no number.

    Raises:
        ConfigError: ``k`` or ``batch_size`` below 1.
        DataError: Nobody has a history.

    Cost: an evaluation, one search more, and K + 1 merges of all its candidates.
    """
    if k < 1 or batch_size < 1:
        raise ConfigError(
            f"diagnose was given k {k} and batch_size {batch_size}; each must be at least 1."
        )
    known = [case for case in cases if len(case.history)]
    if not known:
        raise DataError(
            f"Interests of {len(cases)} users were to be diagnosed, but none has a history; "
            "give cases with one."
        )
    starts = range(0, len(known), batch_size)
    parts = [_measure(recommender, known[s : s + batch_size], k, exclude_seen) for s in starts]
    seen = _Measured(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    usage = seen.won.sum(axis=0) / max(seen.won.sum(), 1)
    interests = len(usage)
    return Diagnostics(
        k=k,
        users=len(known),
        active=tuple(seen.active.mean(axis=0).tolist()),
        usage=tuple(usage.tolist()),
        usage_entropy=_entropy(usage) / float(np.log(interests)) if interests > 1 else None,
        effective_items=tuple(_mean(column) for column in seen.effective_items.T),
        read_items=float(seen.read_items.mean()),
        cosine=_mean(seen.cosine),
        overlap=_mean(seen.overlap),
        marginal_recall=tuple(_mean(column) for column in seen.marginal_recall.T),
        recall=float(seen.recall.mean()),
        pool_recall=float(seen.pool_recall.mean()),
        pool_items=float(seen.pool_items.mean()),
        distinct_lists=len(set(seen.lists.tolist())) / len(known),
    )


def tradeoff(
    recommender: Recommender, cases: Sequence[Case], strengths: Sequence[float], *, k: int = 50,
    exclude_seen: bool = True,
) -> list[Point]:  # fmt: skip
    """Measure recall@k and diversity@k at several settings of the diversity dial.

    Args:
        recommender: What is measured; its catalog must have categories.
        cases: Users with targets.
        strengths: Values of ``diversity`` of ``Recommender.ranked``; 0 is the plain list.
        k: Length of the lists, at least 2.
        filter_seen: Leave out every item of the history.

    Raises:
        DataError: Diversity is undefined: a catalog without categories, or lists of one item.

    Cost: an evaluation a strength.
    """
    points = []
    for strength in strengths:
        recommend = partial(recommender.ranked, exclude_seen=exclude_seen, diversity=strength)
        only = ("recall", "diversity")
        report = evaluate(recommend, cases, ks=(k,), catalog=recommender.catalog, only=only)
        if f"diversity@{k}" not in report.metrics:
            raise DataError(
                f"Relevance against diversity@{k} was asked for, but no list of this catalog has "
                "one; give k of at least 2 and a catalog with categories."
            )
        recalled, diverse = (report.metrics[f"{name}@{k}"] for name in only)
        points.append(Point(float(strength), recalled, diverse))
    return points


class _Measured(NamedTuple):
    """What is measured of each user; NaN where undefined."""

    active: Bool[np.ndarray, "U K"]
    won: Int[np.ndarray, "U K"]
    effective_items: Float[np.ndarray, "U K"]
    marginal_recall: Float[np.ndarray, "U K"]
    read_items: Int[np.ndarray, " U"]
    cosine: Float[np.ndarray, " U"]
    overlap: Float[np.ndarray, " U"]
    recall: Float[np.ndarray, " U"]
    pool_recall: Float[np.ndarray, " U"]
    pool_items: Int[np.ndarray, " U"]
    lists: NDArray[np.object_]  # a digest of each


def _measure(
    recommender: Recommender, cases: Sequence[Case], k: int, exclude_seen: bool
) -> _Measured:
    """Measure one batch: the list as it is served, and what the interests do, rules aside."""
    histories = [case.history for case in cases]
    targets = [np.unique(case.targets) for case in cases]
    interests = recommender.model.interests_of(histories)
    active = interests.active.cpu().numpy()
    prior = np.where(active, interests.bias.float().cpu().numpy(), -np.inf)
    vectors, weights = (part.float().cpu().numpy() for part in interests[:2])
    hidden = np.array(sorted(recommender.hidden), dtype=np.int64)
    excluded = [np.union1d(own, hidden) if exclude_seen else hidden for own in histories]
    dim = recommender.model.extractor.dim  # one number more is how an item's bias is met
    found = recommender.index.search(vectors, k + max(map(len, excluded)))

    def listed(kept: Sequence[int]) -> Int[np.ndarray, "B k"]:
        some = Candidates(found.items[:, kept], found.scores[:, kept])
        return merge_candidates(some, prior[:, kept], k, excluded=excluded).items

    def recalled(lists: Int[np.ndarray, "B M"]) -> Float[np.ndarray, " B"]:
        return recall(Answers(lists, targets), lists.shape[1])

    every = range(active.shape[1])
    own = np.stack([listed([one]) for one in every], axis=1)  # [B, K, k]
    served = recommender.ranked(histories, k, exclude_seen=exclude_seen).items
    whole = recalled(listed(every))
    others = [[j for j in every if j != one] for one in every]
    without = [recalled(listed(rest)) if rest else np.zeros(len(cases)) for rest in others]
    pool = own.reshape(len(cases), -1)
    digests = [hashlib.blake2b(row, digest_size=16).hexdigest() for row in rows(served)]
    return _Measured(
        active=active,
        won=_won(recommender, vectors, prior, targets),
        effective_items=np.where(active, _effective(weights), np.nan),
        marginal_recall=np.where(active, whole[:, None] - np.stack(without, axis=1), np.nan),
        read_items=np.minimum([len(h) for h in histories], recommender.model.extractor.max_len),
        cosine=_over_pairs(_cosines(vectors[:, :, :dim]), active),
        overlap=_over_pairs(_overlaps(own), active),
        recall=recalled(served),
        pool_recall=recalled(pool),
        pool_items=_distinct(pool),
        lists=np.array(digests, dtype=object),
    )


def _won(
    recommender: Recommender,
    vectors: Float[np.ndarray, "B K D"],
    prior: Float[np.ndarray, "B K"],
    targets: Sequence[NDArray[np.int64]],
) -> Int[np.ndarray, "B K"]:
    """Count the targets that score highest with each interest; ties go to the earlier one."""
    owner = np.repeat(np.arange(len(targets)), [len(row) for row in targets])
    wanted = torch.from_numpy(np.concatenate(targets)).to(recommender.model.device)
    with torch.no_grad():
        items = recommender.model.vectors_of(wanted).float().cpu().numpy()
    scores = np.einsum("tkd,td->tk", vectors[owner], items) + prior[owner]
    won = np.zeros(prior.shape, dtype=np.int64)
    np.add.at(won, (owner, scores.argmax(axis=1)), 1)
    return won


def _effective(weights: Float[np.ndarray, "B K L"]) -> Float[np.ndarray, "B K"]:
    """Give exp(H) of each interest's weights, brought to sum 1; NaN where all are 0."""
    total = weights.sum(axis=2, keepdims=True, dtype=np.float64)
    share = weights / np.where(total > 0, total, np.nan)
    effective: Float[np.ndarray, "B K"] = np.exp(-xlogy(share, share).sum(axis=2))
    return effective


def _cosines(vectors: Float[np.ndarray, "B K D"]) -> Float[np.ndarray, "B K K"]:
    """Give the cosine of each pair of interests; 0 with a vector of length 0."""
    unit = normalize(vectors)
    cosines: Float[np.ndarray, "B K K"] = unit @ unit.transpose(0, 2, 1)
    return cosines


def _overlaps(own: Int[np.ndarray, "B K k"]) -> Float[np.ndarray, "B K K"]:
    """Give the Jaccard index of each pair of interests' own lists; NaN if both are empty."""
    interests = own.shape[1]
    jaccard = np.full((len(own), interests, interests), np.nan)
    for i, j in zip(*np.triu_indices(interests, 1), strict=True):
        union = _distinct(np.concatenate([own[:, i], own[:, j]], axis=1))
        common = (own[:, [i, j]] > 0).sum(axis=(1, 2)) - union
        jaccard[:, i, j] = np.where(union > 0, common / np.maximum(union, 1), np.nan)
    return jaccard


def _distinct(items: Int[np.ndarray, "B M"]) -> Int[np.ndarray, " B"]:
    """Count the distinct items of each row, padding aside."""
    ordered = np.sort(items, axis=1)
    new = np.ones(items.shape, dtype=bool)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    count: Int[np.ndarray, " B"] = (new & (ordered > 0)).sum(axis=1)
    return count


def _over_pairs(
    values: Float[np.ndarray, "B K K"], active: Bool[np.ndarray, "B K"]
) -> Float[np.ndarray, " B"]:
    """Average over the pairs i < j of which both are active; NaN without such a pair."""
    first, second = np.triu_indices(active.shape[1], 1)
    pairs = values[:, first, second]
    there = active[:, first] & active[:, second] & ~np.isnan(pairs)
    count = there.sum(axis=1)
    mean = np.where(there, pairs, 0).sum(axis=1) / np.maximum(count, 1)
    return np.where(count > 0, mean, np.nan)


def _entropy(share: Float[np.ndarray, " K"]) -> float:
    return float(-xlogy(share, share).sum()) + 0.0  # not -0.0


def _mean(values: Float[np.ndarray, " U"]) -> float | None:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else None


def _notes(found: Diagnostics) -> Iterator[str]:
    if found.dead:
        numbers = ", ".join(str(number) for number in found.dead)
        many = len(found.dead) > 1
        yield (
            f"{'Interests' if many else 'Interest'} {numbers} {'each win' if many else 'wins'} "
            "less than 1 % of the targets and might as well not be there."
        )
    if found.cosine is not None and found.cosine > COPIES:
        yield (
            f"The interests are near-copies of one another (mean cosine {found.cosine:.2f}): "
            "they point almost the same way."
        )
    if found.distinct_lists < SAME and found.users > 1:
        yield (
            f"Only {100 * found.distinct_lists:.1f} % of the lists are distinct: nearly everyone "
            "gets the same, so the history hardly counts."
        )
