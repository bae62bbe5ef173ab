"""Diagnostics: are the K interests of a model different, used and useful? Measured on served lists.

    found = diagnose(recommender, split.test, k=50)
    found.usage          # (0.41, 0.33, 0.25, 0.01): share of the targets per interest
    found.largest_share  # 0.75: share of the list that the largest interest of a user brings
    found.notes          # warnings, one sentence each

An interest that is not active for a user is left out of every number of that user. So is the whole
history where interests are formed from it when asked: it scores items, but no item belongs to it.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import xlogy

from prismrec.data import Case, html_table
from prismrec.errors import ConfigError, DataError, check_type, check_whole_number
from prismrec.evaluation.arguments import check_cases, check_items
from prismrec.evaluation.evaluate import SAME, category_table
from prismrec.evaluation.interest_measures import InterestMeasures, measure_interests
from prismrec.evaluation.interest_use import INTEREST_LENGTH, median
from prismrec.io import track
from prismrec.recommend import Recommender

UNUSED, COPIES = 0.01, 0.9
"""Limits of the notes: smallest usage, largest mean cosine."""


@dataclass(frozen=True, repr=False)
class Diagnostics:
    """Measures of the interests of a model. A tuple has one number per interest, from interest 0.

    A value is ``None`` if it is undefined: ``usage_entropy``, ``cosine`` and ``overlap`` of a
    single interest, or any measure of an interest that is not active for any user. With ``formed``,
    interest 0 is the whole history and counts as not active.
    """

    k: int
    """Length of the lists."""
    users: int
    """Number of users; those with an empty history have no interests and are left out."""
    formed: bool
    """Whether interests are formed from each history when asked. An interest of the same number is
    then another one for each user, so that usage shows how many interests histories have."""
    active: tuple[float, ...]
    """Share of the users for whom the interest is active."""
    usage: tuple[float, ...]
    """Share of all targets that belong to the interest: for a model that computes its interests,
    those that score highest with it; sums to 1."""
    usage_entropy: float | None
    """Entropy of ``usage`` / log K, in [0, 1]; 1 if all interests are used equally. K does not
    count the whole history."""
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
    """Recall of the candidates, which are the top-k lists of all interests and the served list
    together: the most that a later ranker can reach."""
    pool_items: float
    """Mean number of distinct candidates, from k to (K + 1) · k."""
    distinct_lists: float
    """Distinct lists / users, in (0, 1]."""
    largest_share: float | None
    """Median over users of the share of the first 20 items of the served list, or of all k if k is
    smaller, that belong to the user's largest interest, in (0, 1]."""
    interests_used: float | None
    """Median number of different interests that these items belong to."""
    subtopic_recall: float | None
    """Mean share of the categories of the targets that these items cover, in [0, 1]; ``None`` where
    targets have no category."""

    @property
    def present(self) -> tuple[int, ...]:
        """Interests, from 0, that are active for a user."""
        return tuple(number for number, share in enumerate(self.active) if share > 0)

    @property
    def unused(self) -> tuple[int, ...]:
        """Interests that are active for a user but have less than 1 % of the targets.

        Empty if they are ``formed``: few histories have many interests, which is no fault.
        """
        if self.formed:
            return ()
        return tuple(number for number in self.present if self.usage[number] < UNUSED)

    @property
    def notes(self) -> tuple[str, ...]:
        """Warnings about the interests, one sentence each."""
        return tuple(_notes(self))

    def __repr__(self) -> str:
        parts = [
            f"{len(self.present)} interests",
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
                f"{100 * self.usage[number]:.1f} %",
                _text(self.effective_items[number], ".1f"),
                _text(self.marginal_recall[number], "+.4f"),
            )
            for number in self.present
        ]
        summary = f"recall@{self.k} {self.recall:.4f}, {self.users:,} users"
        return html_table(head, rows, caption=". ".join([summary, *self._use(), *self.notes]))

    def _use(self) -> Iterator[str]:
        """Yield what the interests bring to the list of a user, one phrase each."""
        length = min(self.k, INTEREST_LENGTH)
        if self.largest_share is not None:
            yield (
                f"First {length} items: the largest interest brings "
                f"{100 * self.largest_share:.0f} %, {self.interests_used:g} interests bring an "
                "item (medians)"
            )
        if self.subtopic_recall is not None:
            yield f"subtopic_recall@{length} {self.subtopic_recall:.4f}"

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
        ConfigError: An argument has another type, ``k`` or ``batch_size`` is below 1, or the model
            was trained further, so that the index does not fit it.
        DataError: No case has a history, or the catalog lacks an item of a case.

    Cost: one forward pass and K + 3 searches per batch: the served lists, those of each interest
        alone, of all together, and of all but one.
    """
    needed = "a Recommender; pass the whole recommender, not one of its functions"
    check_type("recommender", recommender, Recommender, needed)
    recommender.check_weights()
    known = _with_history(cases, k, batch_size)
    check_items(known, recommender.catalog.size)
    categories = category_table(recommender.catalog)
    starts = range(0, len(known), batch_size)
    parts = [
        measure_interests(
            recommender, known[start : start + batch_size], k, exclude_seen, categories
        )
        for start in track(starts, "diagnosing interests", len(starts))
    ]
    users = InterestMeasures(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    usage = users.best_targets.sum(axis=0) / max(users.best_targets.sum(), 1)
    formed = bool(users.formed.any())
    interests = len(usage) - formed
    return Diagnostics(
        k=k,
        users=len(known),
        formed=formed,
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
        largest_share=median(users.largest_share),
        interests_used=median(users.interests_used),
        subtopic_recall=_mean(users.subtopic_recall),
    )


def _with_history(cases: Sequence[Case], k: int, batch_size: int) -> list[Case]:
    """Return the cases that have a history, after a check of the options of ``diagnose``."""
    check_cases(cases)
    check_whole_number("k", k, "a whole number; write for example k=50")
    check_whole_number("batch_size", batch_size, "a whole number of histories, such as 256")
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
    return known


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
    if found.largest_share == 1 and len(found.present) > 1:
        yield (
            "One interest brings the whole list for the median user: several interests add nothing "
            "to see here."
        )
    if found.distinct_lists < SAME and found.users > 1:
        yield (
            f"Only {100 * found.distinct_lists:.1f} % of the lists are distinct: many users get "
            "the same list, so the history has little effect."
        )
