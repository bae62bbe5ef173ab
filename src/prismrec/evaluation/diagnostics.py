"""Diagnostics: are the K interests of a model different, used and useful? Measured on served lists.

    found = diagnose(recommender, split.test, k=50)
    found.usage          # (0.41, 0.33, 0.25, 0.01): share of the targets per interest
    found.notes          # warnings, one sentence each

An interest that is not active for a user is left out of every number of that user.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import xlogy

from prismrec.data import Case
from prismrec.errors import ConfigError, DataError
from prismrec.evaluation.evaluate import SAME
from prismrec.evaluation.html_table import html_table
from prismrec.evaluation.interest_measures import InterestMeasures, measure_interests
from prismrec.recommend import Recommender

UNUSED, COPIES = 0.01, 0.9
"""Limits of the notes: smallest usage, largest mean cosine."""


@dataclass(frozen=True, repr=False)
class Diagnostics:
    """Measures of the interests of a model. A tuple has one number per interest, from interest 0.

    A value is ``None`` if it is undefined: ``usage_entropy``, ``cosine`` and ``overlap`` of a
    single interest, or any measure of an interest that is not active for any user.
    """

    k: int
    """Length of the lists."""
    users: int
    """Number of users; those with an empty history have no interests and are left out."""
    active: tuple[float, ...]
    """Share of the users for whom the interest is active."""
    usage: tuple[float, ...]
    """Share of all targets that score highest with the interest; sums to 1."""
    usage_entropy: float | None
    """Entropy of ``usage`` / log K, in [0, 1]; 1 if all interests are used equally."""
    effective_items: tuple[float | None, ...]
    """exp(entropy of the weights over the history), mean over users: from 1 to ``read_items``."""
    read_items: float
    """Mean number of history items that the model reads."""
    cosine: float | None
    """Mean cosine of the pairs of interest vectors, in [-1, 1]."""
    overlap: float | None
    """Mean Jaccard index of the pairs of top-k lists per interest, in [0, 1]."""
    marginal_recall: tuple[float | None, ...]
    """recall@k that is lost without the interest, rules left out; negative if the list is better
    without it. For a single interest it is the whole recall."""
    recall: float
    """recall@k of the served list, with the rule retriever if there is one."""
    pool_recall: float
    """Recall of the top-k lists of all interests together, the most that a later ranker can
    reach."""
    pool_items: float
    """Mean number of distinct items in these lists together, from k to K · k."""
    distinct_lists: float
    """Distinct lists / users, in (0, 1]."""

    @property
    def unused(self) -> tuple[int, ...]:
        """Interests, from 0, that are active for a user but have less than 1 % of the targets."""
        shares = zip(self.usage, self.active, strict=True)
        return tuple(n for n, (used, active) in enumerate(shares) if used < UNUSED and active > 0)

    @property
    def notes(self) -> tuple[str, ...]:
        """Warnings about the interests, one sentence each."""
        return tuple(_notes(self))

    def __repr__(self) -> str:
        parts = [
            f"{len(self.usage)} interests",
            f"recall@{self.k} {self.recall:.4f}",
            f"{self.users:,} users",
            *([f"{len(self.notes)} notes"] if self.notes else []),
        ]
        return f"Diagnostics({', '.join(parts)})"

    def _repr_html_(self) -> str:
        """Return one row per interest as an HTML table, for notebooks."""
        head = ("interest", "active", "usage", "effective items", "marginal recall")
        rows = [
            (
                str(number),
                f"{100 * self.active[number]:.1f} %",
                f"{100 * share:.1f} %",
                _text(self.effective_items[number], ".1f"),
                _text(self.marginal_recall[number], "+.4f"),
            )
            for number, share in enumerate(self.usage)
        ]
        summary = f"recall@{self.k} {self.recall:.4f}, {self.users:,} users"
        return html_table(". ".join([summary, *self.notes]), head, rows)

    def to_json(self) -> str:
        """Return all numbers, the unused interests and the notes as one JSON object."""
        content = asdict(self) | {"unused": self.unused, "notes": self.notes}
        return json.dumps(content, ensure_ascii=False, allow_nan=False)


def diagnose(
    recommender: Recommender, cases: Sequence[Case], *, k: int = 50, exclude_seen: bool = True,
    batch_size: int = 256,
) -> Diagnostics:  # fmt: skip
    """Measure what each interest of a recommender contributes.

    Args:
        recommender: A recommender; its model computes the interests, its index finds their items.
        cases: Users with targets, such as ``split.test``.
        k: Length of the served list, and of the list of each interest.
        exclude_seen: Leave out the items of the history, as in ``Recommender.ranked``.
        batch_size: Users at a time; it changes no number.

    Raises:
        ConfigError: ``k`` or ``batch_size`` is below 1.
        DataError: No case has a history.

    Cost: one forward pass and two searches per batch, and K + 1 merges of the candidates.
    """
    if k < 1 or batch_size < 1:
        raise ConfigError(
            f"diagnose got k {k} and batch_size {batch_size}, but each must be at least 1; use "
            "for example k=50."
        )
    known = [case for case in cases if len(case.history)]
    if not known:
        raise DataError(
            f"The interests of {len(cases)} users cannot be diagnosed, because none has a history; "
            "use cases with a history."
        )
    starts = range(0, len(known), batch_size)
    parts = [
        measure_interests(recommender, known[start : start + batch_size], k, exclude_seen)
        for start in starts
    ]
    users = InterestMeasures(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    usage = users.best_targets.sum(axis=0) / max(users.best_targets.sum(), 1)
    interests = len(usage)
    return Diagnostics(
        k=k,
        users=len(known),
        active=tuple(users.active.mean(axis=0).tolist()),
        usage=tuple(usage.tolist()),
        usage_entropy=_entropy(usage) / float(np.log(interests)) if interests > 1 else None,
        effective_items=tuple(_mean(column) for column in users.effective_items.T),
        read_items=float(users.read_items.mean()),
        cosine=_mean(users.cosine),
        overlap=_mean(users.overlap),
        marginal_recall=tuple(_mean(column) for column in users.marginal_recall.T),
        recall=float(users.recall.mean()),
        pool_recall=float(users.pool_recall.mean()),
        pool_items=float(users.pool_items.mean()),
        distinct_lists=len(set(users.lists.tolist())) / len(known),
    )


def _entropy(share: Float[np.ndarray, " K"]) -> float:
    return float(-xlogy(share, share).sum()) + 0.0  # not -0.0


def _mean(values: Float[np.ndarray, " U"]) -> float | None:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else None


def _text(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _notes(found: Diagnostics) -> Iterator[str]:
    if len(found.unused) == 1:
        yield (
            f"Interest {found.unused[0]} is hardly used: less than 1 % of the targets score "
            "highest with it."
        )
    elif found.unused:
        numbers = ", ".join(str(number) for number in found.unused)
        yield (
            f"Interests {numbers} are hardly used: less than 1 % of the targets score highest with "
            "each of them."
        )
    if found.cosine is not None and found.cosine > COPIES:
        yield (
            f"The interests are almost equal: the mean cosine of their vectors is "
            f"{found.cosine:.2f}."
        )
    if found.distinct_lists < SAME and found.users > 1:
        yield (
            f"Only {100 * found.distinct_lists:.1f} % of the lists are distinct: many users get "
            "the same list, so the history has little effect."
        )
