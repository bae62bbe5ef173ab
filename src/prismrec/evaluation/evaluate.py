"""Evaluate any function from histories to lists on test cases.

    report = evaluate(recommender.ranked, split.test, ks=(20, 50), how=split.how)
    print(report)           # recall@20 0.0812 ± 0.0011   ndcg@20 …   60,112 users
    print(report.card())    # the protocol of the numbers

Every evaluation covers all users and ranks the whole catalog, never a sample of it. The lists are
the lists that are served: one call for max(ks), cut for smaller k.
"""

import hashlib
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from prismrec.data import Case, Catalog
from prismrec.errors import ConfigError, DataError, UnknownName, check_type
from prismrec.evaluation.arguments import (
    Recommending,
    as_ranked,
    check_inputs,
    check_items,
    check_lengths,
    check_lists,
    check_needs,
    check_values,
)
from prismrec.evaluation.interest_use import measure_interest_use, median
from prismrec.evaluation.metric_report import Report, half_width
from prismrec.evaluation.metrics import METRICS, Answers, coverage, split_metric
from prismrec.io import track
from prismrec.types import RankedItems

SAME = 0.2
"""Share of distinct lists below which a report, or the diagnostics, have a note."""
ALL_EMPTY = "Every list is empty: the histories contain all items that could be recommended."
PROBABLY_SEEN = (
    "Every list is empty: each history contains all items of the cases, so probably all that could "
    "be recommended; pass the catalog to be sure."
)
_MISSING = {
    "weights": "the targets have no weights; prepare the data set with --weight-column or "
    "--event-weights",
    "categories": "there are no categories; pass a catalog with categories",
    "counts": "there are no counts of training events; pass counts",
    "size": "the number of items is not known; pass the catalog",
}
"""What is wrong if a metric needs data that is not given, and what to do."""


def evaluate(
    recommend: Recommending, cases: Sequence[Case], *, ks: Sequence[int] = (20, 50),
    catalog: Catalog | None = None, counts: NDArray[np.int64] | None = None,
    only: Collection[str] = (), batch_size: int = 512, how: str = "",
) -> Report:  # fmt: skip
    """Evaluate a recommender on every case.

    Args:
        recommend: Function of whole histories, oldest first, and k, such as
            ``recommender.ranked``; returns ``RankedItems``, or the item numbers of distinct items
            alone: an integer array ``[B, k]``, padded with 0.
        cases: The users: ``split.valid`` or ``split.test``.
        ks: Lengths of the lists.
        catalog: Catalog for coverage and the metrics of categories; None leaves them out.
        counts: ``[V]`` *training* events per item, for novelty and popularity rank.
        only: Names of ``METRICS`` to compute; empty for all that the data allows.
        batch_size: Histories per call; it changes no number.
        how: The protocol in words, for the card: split, kept or excluded seen items.

    Returns:
        Means, 95 % intervals, and the values of each user.

    Raises:
        ConfigError: An argument has another type, a k or ``batch_size`` is below 1, or a metric
            returns something else than one number per user.
        UnknownName: A name in ``only`` is not a metric.
        DataError: There are no cases, or a metric in ``only`` needs data that is not given; the
            catalog lacks an item of a case; a list has a repeated item, padding between items, more
            than k items or an item outside the catalog; or every list is empty, although a history
            does not have the whole catalog (without a catalog: all items of the cases).

    Cost: the recommender's; to measure 60,000 lists of 50 items takes seconds.
    """
    ks = check_lengths(ks, batch_size)
    check_inputs(recommend, cases, catalog)
    has_weights = all(case.weights is not None for case in cases)
    names = select_metrics(only, catalog, counts, weights=has_weights)
    size = catalog.size if catalog else len(counts) if counts is not None else None
    shared: dict[str, Any] = {"categories": category_table(catalog)} if catalog else {}
    if counts is not None:
        shared["counts"] = counts
    totals = Totals(size or 0, ks)
    parts: list[dict[str, NDArray[np.float64]]] = []
    starts = range(0, len(cases), batch_size)
    for start in track(starts, "evaluating", len(starts)):
        batch = cases[start : start + batch_size]
        histories = [case.history for case in batch]
        check_items(batch, size)
        ranked = as_ranked(recommend(histories, ks[-1]))
        items = check_lists(ranked.items, len(batch), ks[-1], size)
        if has_weights:
            shared["target_weights"] = [case.weights for case in batch]
        answers = Answers(items, [case.targets for case in batch], histories, **shared)
        parts.append({f"{n}@{k}": _measure(n, answers, k) for n in names for k in ks})
        totals.add(batch, ranked)
    per_user = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    with_coverage = bool(size) and (not only or "coverage" in only)
    return totals.report(per_user, how, totals.coverages() if with_coverage else {})


def evaluate_metric(recommend: Recommending, cases: Sequence[Case], metric: str) -> Report:
    """Evaluate one metric, such as ``recall@50``: see ``evaluate``."""
    name, length = split_metric(metric)
    return evaluate(recommend, cases, ks=(length,), only=(name,))


def _measure(name: str, answers: Answers, k: int) -> NDArray[np.float64]:
    """Return a metric of each user, ``[B]``, after a check of it."""
    return check_values(name, METRICS[name].measure(answers, k), len(answers.lists))


def select_metrics(
    only: Collection[str], catalog: Catalog | None, counts: NDArray[np.int64] | None,
    *, weights: bool = False,
) -> list[str]:  # fmt: skip
    """Return the names of the metrics in ``only``, or of all metrics that the data allows.

    Raises:
        UnknownName: A name is not a metric.
        ConfigError: ``only`` is no list of names, or a metric of the table needs unknown data.
        DataError: A metric in ``only`` needs data that is not given.
    """
    available = {"targets", "weights"} if weights else {"targets"}
    if catalog is not None and catalog.category_names:
        available.add("categories")
    if counts is not None:
        available.add("counts")
    if catalog is not None or counts is not None:
        available.add("size")
    check_type("only", only, Collection, "a list of metrics; write only=['recall']")
    if isinstance(only, str):
        raise ConfigError(f"only is the text {only!r}, but must be a list; write [{only!r}].")
    check_needs(METRICS, ("targets", *_MISSING))
    for name in only:
        if name not in METRICS and name != "coverage":
            raise UnknownName.among("metric", name, [*METRICS, "coverage"])
        needs = METRICS[name].needs if name in METRICS else "size"
        if needs not in available:
            raise DataError(f"{name} was asked for, but {_MISSING[needs]}.")
    return [n for n, m in METRICS.items() if m.needs in available and (not only or n in only)]


def category_table(catalog: Catalog) -> sparse.csr_array:
    """Build the categories of each item, ``[V, C]``; a row sums to 1 or is empty."""
    size = np.diff(catalog.category_indptr)
    weights = 1 / np.repeat(size, size)
    parts = (weights, catalog.category_ids, catalog.category_indptr)
    return sparse.csr_array(parts, shape=(catalog.size, len(catalog.category_names)))


class Totals:
    """Counts over all lists, updated batch by batch.

    Args:
        size: V, or 0 without coverage.
        ks: Lengths of the lists.
    """

    def __init__(self, size: int, ks: Sequence[int]) -> None:
        self.ks = ks
        self.shown = np.zeros((len(ks), size), dtype=bool)
        self.lists: set[bytes] = set()
        self.users = self.repeats = 0
        self.empty, self.fewest = True, math.inf
        self.known: set[int] = set()
        self.cases = hashlib.blake2b(digest_size=16)
        self.largest: list[NDArray[np.float64]] = []
        self.used: list[NDArray[np.float64]] = []

    def add(self, batch: Sequence[Case], ranked: RankedItems) -> None:
        """Add one batch of cases and their lists."""
        items = ranked.items
        for case in batch:
            for row in (case.history, case.targets):
                self.cases.update(len(row).to_bytes(8, "little") + row.tobytes())
            history = set(case.history.tolist())
            self.repeats += not set(case.targets.tolist()).isdisjoint(history)
            self.fewest = min(self.fewest, len(history))
            if not self.shown.size:
                self.known.update(history, case.targets.tolist())
        self.lists.update(list_digest(row) for row in items)
        if self.shown.size:
            for seen, k in zip(self.shown, self.ks, strict=True):
                seen[items[:, :k]] = True
        self.users += len(items)
        self.empty &= not items.any()
        # A list without a history shows popular items, which belong to no interest.
        known = np.array([len(case.history) > 0 for case in batch], dtype=bool)
        largest, used = measure_interest_use(items[known], ranked.interest[known])
        self.largest.append(largest)
        self.used.append(used)

    def coverages(self) -> dict[str, float]:
        """Compute coverage at each k."""
        return {f"coverage@{k}": coverage(s) for k, s in zip(self.ks, self.shown, strict=True)}

    def report(
        self, per_user: dict[str, NDArray[np.float64]], how: str, more: Mapping[str, float]
    ) -> Report:
        """Build the report from the values of each user.

        Raises:
            DataError: All lists are empty, and not since the histories have all items.
        """
        items, note = self.shown.shape[1] - 1, ALL_EMPTY
        if not self.shown.size:
            items, note = len(self.known), PROBABLY_SEEN
        if self.empty and self.fewest < items:
            raise DataError(
                f"The recommender returned an empty list to each of {self.users} users, so there "
                "is nothing to measure; check its index and its filters."
            )
        defined = {name: v[~np.isnan(v)] for name, v in per_user.items()}
        distinct = len(self.lists) / self.users
        return Report(
            metrics={n: float(v.mean()) for n, v in defined.items() if len(v)} | dict(more),
            interval={n: half_width(v) for n, v in defined.items() if len(v) > 1},
            users=self.users,
            how=how,
            cases=self.cases.hexdigest(),
            repeat_users=self.repeats,
            distinct_lists=distinct,
            largest_share=median(np.concatenate(self.largest)),
            interests_used=median(np.concatenate(self.used)),
            excluded={n: self.users - len(v) for n, v in defined.items() if len(v) < self.users},
            notes=(note,) if self.empty else tuple(_notes(distinct, self.users)),
            per_user=per_user,
        )


def list_digest(items: NDArray[np.int64]) -> bytes:
    """Return a digest of one list, independent of its padding."""
    return hashlib.blake2b(items[items > 0].tobytes(), digest_size=16).digest()


def _notes(distinct: float, users: int) -> Iterator[str]:
    if distinct < SAME and users > 1:
        yield (
            f"Only {100 * distinct:.1f} % of the lists are distinct: many users get the same list. "
            "This is normal for popularity, but an error for a personalized model."
        )
