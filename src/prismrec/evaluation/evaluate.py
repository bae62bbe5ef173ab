"""Evaluation: any function from histories to lists, measured on cases.

    report = evaluate(recommender.ranked, split.test, ks=(20, 50), how=split.how)
    print(report)           # recall@20 0.0812 ± 0.0011   ndcg@20 …   60 112 users
    print(report.card())    # the protocol behind the numbers

All users, always, over the whole catalog, never against sampled candidates. The lists are
those that are served: one call for max(ks), cut for the smaller ones.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from prismrec.data import Case, Catalog
from prismrec.errors import ConfigError, DataError, UnknownName
from prismrec.evaluation.metrics import METRICS, Answers, coverage
from prismrec.types import Recommend

DEPTHS = (10, 20, 50, 100, 200, 500, 1000)
"""Where the depth curve is read: retrieval feeds a ranker, and several interests pay in depth."""


@dataclass(frozen=True)
class Report:
    """What an evaluation found. Metrics are named ``recall@20``."""

    metrics: dict[str, float]
    """Means over the users for whom the metric is defined; ``coverage`` over all lists."""
    interval: dict[str, float]
    """95 % half-widths of the means over users; none with one user, none of ``coverage``."""
    users: int
    how: str
    """The protocol in words."""
    cases: str
    """Fingerprint of the users evaluated: two reports compare only where it is the same."""
    repeat_users: int
    """Users with a target that is in their history: filtering what is seen costs them hits."""
    distinct_lists: float
    """Distinct lists / users, in (0, 1]."""
    excluded: dict[str, int]
    """Users left out of a metric that is undefined for them, where there are any."""
    notes: tuple[str, ...] = ()
    """What a reader should know, a sentence each."""
    per_user: dict[str, NDArray[np.float64]] = field(default_factory=dict, compare=False)
    """``[users]`` in the order of the cases; NaN where undefined. Not written to JSON."""

    def __str__(self) -> str:
        numbers = [f"{name} {self.shown(name)}" for name in self.metrics]
        return "   ".join([*numbers, f"{self.users:,} users".replace(",", " "), *self.notes])

    def shown(self, name: str) -> str:
        """Give one metric as it is printed: ``0.0812 ± 0.0011``."""
        if name not in self.metrics:
            raise UnknownName.among("metric", name, self.metrics)
        spread = f" ± {self.interval[name]:.4f}" if name in self.interval else ""
        return f"{self.metrics[name]:.4f}{spread}"

    def card(self) -> str:
        """Give the protocol card: all that changes a number, a line each."""
        lines = {
            "protocol": self.how or "not stated",
            "users": f"{self.users:,}, all; {self.repeat_users:,} have a target in their history",
            "ranking": "over the whole catalog; ties go to the smaller item number",
            "±": "95 % half-width over users, 1.96 · standard deviation / √users",
            "lists": f"{100 * self.distinct_lists:.1f} % distinct",
            "left out": ", ".join(f"{name}: {n:,}" for name, n in self.excluded.items())
            or "nobody",
        }
        return "\n".join([*(f"{name:<9} {text}" for name, text in lines.items()), *self.notes])

    def to_json(self) -> str:
        """Give everything but ``per_user`` as one JSON object."""
        content = {name: value for name, value in asdict(self).items() if name != "per_user"}
        return json.dumps(content, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "Report":
        """Read what ``to_json`` wrote; ``per_user`` is empty.

        Raises:
            DataError: It is not a report.
        """
        try:
            content = json.loads(text)
            return cls(**{**content, "notes": tuple(content["notes"])})
        except (ValueError, TypeError, KeyError) as error:
            raise DataError(
                f"A report was to be read from JSON, but {error}; give what evaluate wrote."
            ) from error


def evaluate(
    recommend: Recommend, cases: Sequence[Case], *, ks: Sequence[int] = (20, 50),
    catalog: Catalog | None = None, counts: NDArray[np.int64] | None = None,
    only: Collection[str] = (), batch_size: int = 512, how: str = "",
) -> Report:  # fmt: skip
    """Measure a recommender on every case.

    Args:
        recommend: Histories, whole, oldest first, and k → lists of distinct items.
        cases: The users: ``split.valid`` or ``split.test``.
        ks: Lengths at which the lists are read.
        catalog: For the metrics of categories and coverage; without it they are left out.
        counts: ``[V]`` events of each item in *training*, for novelty and popularity rank.
        only: Names of ``METRICS`` to compute; all that can be if empty.
        batch_size: Histories a call; changes no number.
        how: The protocol in words, for the card: split, keep or filter, longest history.

    Returns:
        Means, intervals, and the numbers of each user.

    Raises:
        ConfigError: ``ks`` or ``batch_size`` below 1.
        UnknownName: A name in ``only`` that is no metric.
        DataError: No cases; a list with a repeat, with padding between items, longer than k or
            with an item outside the catalog; or every list empty.

    Cost: the recommender's; measuring 60 000 lists of 50 takes seconds.
    """
    ks = sorted(set(ks))
    if not ks or ks[0] < 1 or batch_size < 1:
        raise ConfigError(
            f"evaluate was given ks {ks} and batch_size {batch_size}; each must be at least 1."
        )
    if not cases:
        raise DataError("evaluate was given no cases; the split left nobody to test.")
    names = chosen(only, catalog, counts)
    size = catalog.size if catalog else len(counts) if counts is not None else None
    shared = {"categories": category_table(catalog)} if catalog else {}
    if counts is not None:
        shared["counts"] = counts
    tally = Tally(size or 0, ks)
    parts: list[dict[str, NDArray[np.float64]]] = []
    for start in range(0, len(cases), batch_size):
        batch = cases[start : start + batch_size]
        histories = [case.history for case in batch]
        items = checked(recommend(histories, ks[-1]).items, len(batch), ks[-1], size)
        answers = Answers(items, [case.targets for case in batch], histories, **shared)
        parts.append({f"{n}@{k}": METRICS[n].measure(answers, k) for n in names for k in ks})
        tally.add(batch, items)
    per_user = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    with_coverage = bool(size) and (not only or "coverage" in only)
    return tally.report(per_user, how, tally.coverages() if with_coverage else {})


def chosen(
    only: Collection[str], catalog: Catalog | None, counts: NDArray[np.int64] | None
) -> list[str]:
    """Give the names of the metrics asked for, or of all that what is given allows."""
    for name in only:
        if name not in METRICS and name != "coverage":
            raise UnknownName.among("metric", name, [*METRICS, "coverage"])
    given = {"targets"}
    if catalog is not None and catalog.category_names:
        given.add("categories")
    if counts is not None:
        given.add("counts")
    return [n for n, m in METRICS.items() if m.needs in given and (not only or n in only)]


def category_table(catalog: Catalog) -> sparse.csr_array:
    """Give each item's categories as a row that shares out 1 among them, ``[V, C]``."""
    size = np.diff(catalog.category_indptr)
    weights = 1 / np.repeat(size, size)
    parts = (weights, catalog.category_ids, catalog.category_indptr)
    return sparse.csr_array(parts, shape=(catalog.size, len(catalog.category_names)))


def checked(
    items: NDArray[np.int64], users: int, k: int, size: int | None
) -> NDArray[np.int64]:  # fmt: skip
    """Give the lists back if they are lists; a faulty recommender is not measured."""
    fault = ""
    if items.ndim != 2 or len(items) != users or items.shape[1] > k:
        fault = f"an array of shape {items.shape} for {users} histories and k {k}"
    elif items.min(initial=0) < 0 or (size is not None and items.max(initial=0) >= size):
        wrong = items[(items < 0) | (items >= (size or np.inf))][0]
        fault = f"the item {wrong}, which is not in the catalog"
    elif ((items[:, 1:] > 0) & (items[:, :-1] == 0)).any():
        fault = "a list with padding between its items"
    else:
        ordered = np.sort(items, axis=1)
        twice = ordered[:, 1:][(ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] > 0)]
        if len(twice):
            fault = f"a list that holds the item {twice[0]} twice"
    if fault:
        raise DataError(
            f"The recommender was asked for lists of distinct items but gave {fault}; "
            "mend it before it is measured."
        )
    return items


class Tally:
    """What is counted over all lists, batch by batch."""

    def __init__(self, size: int, ks: Sequence[int]) -> None:
        self.ks = ks
        self.shown = np.zeros((len(ks), size), dtype=bool)
        self.lists: set[bytes] = set()
        self.users = self.repeats = 0
        self.empty = True
        self.cases = hashlib.blake2b(digest_size=16)

    def add(self, batch: Sequence[Case], items: NDArray[np.int64]) -> None:
        """Count one batch."""
        for case in batch:
            for row in (case.history, case.targets):
                self.cases.update(len(row).to_bytes(8, "little") + row.tobytes())
            self.repeats += not set(case.targets.tolist()).isdisjoint(case.history.tolist())
        self.lists.update(hashlib.blake2b(row, digest_size=16).digest() for row in rows(items))
        if self.shown.size:
            for seen, k in zip(self.shown, self.ks, strict=True):
                seen[items[:, :k]] = True
        self.users += len(items)
        self.empty &= not items.any()

    def coverages(self) -> dict[str, float]:
        """Give coverage at each k."""
        return {f"coverage@{k}": coverage(s) for k, s in zip(self.ks, self.shown, strict=True)}

    def report(
        self, per_user: dict[str, NDArray[np.float64]], how: str, more: Mapping[str, float]
    ) -> Report:
        """Sum up."""
        if self.empty:
            raise DataError(
                f"The recommender gave an empty list to each of {self.users} users; there is "
                "nothing to measure: look at its index and its filters."
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
            excluded={n: self.users - len(v) for n, v in defined.items() if len(v) < self.users},
            notes=tuple(notes(distinct, self.users)),
            per_user=per_user,
        )


def rows(items: NDArray[np.int64]) -> Iterator[bytes]:
    """Give each list as bytes, whatever padding follows it."""
    return (row[row > 0].tobytes() for row in items)


def half_width(values: NDArray[np.float64]) -> float:
    """Give the 95 % half-width of the mean of independent values, at least two."""
    return float(1.96 * values.std(ddof=1) / np.sqrt(len(values)))


def notes(distinct: float, users: int) -> Iterator[str]:
    """Say what is odd about the lists."""
    if distinct < 0.2 and users > 1:
        yield (
            f"Only {100 * distinct:.1f} % of the lists are distinct: nearly everyone gets the same "
            "one, which is right for popularity and a fault of anything personal."
        )
