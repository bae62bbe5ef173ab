"""Evaluate models and all baselines on the same users: shared by ``evaluate`` and ``demo``.

    benchmark = Benchmark(split=split, cases=split.test, catalog=catalog, ks=(20, 50))
    lists, entries, skipped = measure_baselines(benchmark)
    entries.append(benchmark.entry("prism", "K=4", lists_of(recommender)))

Every recommender is evaluated twice: with the items of the history kept in the lists, and with them
left out (``exclude_seen``).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from prismrec.data import Case, Catalog, Split
from prismrec.errors import DataError
from prismrec.evaluation.baselines import BASELINES, break_ties, by_score
from prismrec.evaluation.diagnostics import diagnose
from prismrec.evaluation.diversity_tradeoff import TradeoffPoint, tradeoff
from prismrec.evaluation.environment import describe_environment
from prismrec.evaluation.evaluate import evaluate
from prismrec.evaluation.metric_report import Report
from prismrec.evaluation.report import Content, Entry
from prismrec.io import stage, track
from prismrec.recommend import Recommender
from prismrec.types import Recommend

DEPTHS = (10, 20, 50, 100, 200, 500, 1000)
"""Lengths k of the curve of recall@k; a retrieval stage passes long lists to a ranker."""
STRENGTHS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.5)
"""Diversity strengths λ of the trade-off in the report."""
T = TypeVar("T")
M = TypeVar("M")
Lists = Callable[[bool], Recommend]
"""Maps ``exclude_seen`` to the function that recommends the lists."""


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """The data that every recommender is evaluated on."""

    split: Split
    cases: Sequence[Case]
    """The users: ``split.valid`` or ``split.test``."""
    catalog: Catalog
    ks: tuple[int, ...]
    """Lengths of the lists."""

    def entry(self, name: str, how: str, lists: Lists, *, seconds: float | None = None) -> Entry:
        """Evaluate one recommender twice: with seen items kept in the lists, and left out.

        Args:
            name: Name in the tables.
            how: Settings in words.
            lists: Lists of the recommender.
            seconds: Time to fit or train it, if measured.
        """
        counts = self.split.train.counts(self.catalog.size)
        keep, filtered = (
            evaluate(
                lists(exclude_seen),
                self.cases,
                ks=self.ks,
                catalog=self.catalog,
                counts=counts,
                how=f"{self.split.how}; {'exclude_seen' if exclude_seen else 'keep_seen'}",
            )
            for exclude_seen in track((False, True), f"measuring {name}", 2)
        )
        return Entry(name=name, how=how, keep=keep, filtered=filtered, seconds=seconds)

    def recall_by_depth(self, lists: Lists) -> dict[int, float]:
        """Compute recall by length of the list, with seen items left out.

        Raises:
            DataError: The catalog is smaller than the smallest of ``DEPTHS``.
        """
        ks = [k for k in DEPTHS if k < self.catalog.size]
        if not ks:
            raise DataError(
                f"The catalog has {self.catalog.size - 1} items, and the curve starts at lists of "
                f"{DEPTHS[0]}."
            )
        report = evaluate(lists(True), self.cases, ks=ks, catalog=self.catalog, only=("recall",))
        return {k: report.metrics[f"recall@{k}"] for k in ks}

    def facts(self) -> dict[str, int]:
        """Return the sizes of the data."""
        return {
            "training users": len(self.split.train),
            "training events": len(self.split.train.items),
            "validation users": len(self.split.valid),
            "test users": len(self.split.test),
            "items": self.catalog.size - 1,
            "categories": len(self.catalog.category_names),
        }


def lists_of(
    recommender: Recommender, *, diversity: float = 0.0, rerank: str = "category"
) -> Lists:
    """Return the lists of a recommender at a diversity strength, made by a re-ranker."""
    return lambda exclude_seen: partial(
        recommender.ranked, exclude_seen=exclude_seen, diversity=diversity, rerank=rerank
    )


def measure_baselines(
    benchmark: Benchmark,
) -> tuple[dict[str, Lists], list[Entry], list[str]]:
    """Fit and evaluate every baseline.

    Returns:
        The lists by name, the entries, and a sentence for each baseline that is left out because
        the catalog is too large for it.
    """
    lists: dict[str, Lists] = {}
    entries, left_out = [], []
    for name, fit in BASELINES.items():
        start = time.perf_counter()
        try:
            with stage(f"fitting {name}"):
                fitted = fit(benchmark.split.train, benchmark.split.valid, benchmark.catalog.size)
        except DataError as error:
            left_out.append(f"{name} is left out: {error}")
            continue
        seconds = time.perf_counter() - start
        ordered = break_ties(fitted.score, benchmark.split.train, benchmark.catalog.size)
        lists[name] = partial(_lists_by_score, ordered)
        entry = benchmark.entry(name, fitted.how, lists[name], seconds=seconds)
        entries.append(replace(entry, baseline=True))
    return lists, entries, left_out


def _lists_by_score(score: Callable[..., Any], exclude_seen: bool) -> Recommend:
    return by_score(score, exclude_seen=exclude_seen)


def entries_as_json(entries: Sequence[Entry]) -> Mapping[str, object]:
    """Return the numbers of all entries as JSON values."""
    return {
        e.name: {
            "how": e.how,
            "seconds": e.seconds,
            "keep_seen": _numbers(e, e.keep),
            "exclude_seen": _numbers(e, e.filtered),
        }
        for e in entries
    }


def _numbers(entry: Entry, report: Report) -> dict[str, object]:
    """Return the numbers of a report; a baseline has no interests, so theirs are None."""
    return {
        "metrics": report.metrics,
        "interval": report.interval,
        "largest_share": None if entry.baseline else report.largest_share,
        "interests_used": None if entry.baseline else report.interests_used,
    }


def describe_recommender(recommender: Recommender) -> str:
    """Return the settings of a recommender in words."""
    model, rules = recommender.model, recommender.rules
    kind, extractor, forming = type(model.extractor).__name__, model.extractor, model.forming
    parts = [
        f"{kind}, K={extractor.interests}, D={extractor.dim}",
        f"newest {extractor.max_len} events",
        model.similarity,
    ]
    if forming:
        parts.append(
            f"interests formed from up to {forming.clusters} clusters and the whole history "
            f"(weight {forming.whole_weight:g})"
        )
    if rules:
        parts.append(f"rules ({rules.kind}) at {rules.weight:g}")
    return ", ".join(parts)


def report_content(
    benchmark: Benchmark,
    entries: Sequence[Entry],
    lists: Mapping[str, Lists],
    recommenders: Mapping[str, Recommender],
    sentences: Sequence[str],
    title: str,
) -> Content:
    """Collect the content of a report. A part that cannot be measured is left out, with a sentence.

    Args:
        benchmark: The data.
        entries: The evaluated recommenders.
        lists: Lists by name, for recall by depth.
        recommenders: Recommenders by name, for the diversity trade-off and the diagnostics.
        sentences: Differences between the entries.
        title: Name of the data set.
    """
    environment, k, left_out = describe_environment(), benchmark.ks[-1], []

    def measured(part: str, measure: Callable[[T], M], of: Mapping[str, T]) -> dict[str, M]:
        """Measure one part of the report for each name."""
        found = {}
        for name, one in of.items():
            try:
                with stage(f"{part[0].lower()}{part[1:]} of {name}"):
                    found[name] = measure(one)
            except DataError as error:
                left_out.append(f"{part} of {name} is left out: {error}")
        return found

    depth = measured("Recall by depth", benchmark.recall_by_depth, lists)
    points: dict[str, list[TradeoffPoint]] = {}
    if benchmark.catalog.category_names:
        points = measured(
            "The diversity trade-off",
            lambda one: tradeoff(one, benchmark.cases, STRENGTHS, k=k),
            recommenders,
        )
    diagnostics = measured(
        "The diagnosis of interests", lambda one: diagnose(one, benchmark.cases, k=k), recommenders
    )
    return Content(
        title=f"Prismrec on {title}",
        dataset=benchmark.facts(),
        protocol=benchmark.split.how,
        entries=entries,
        depth=depth,
        tradeoff=points,
        diagnostics=diagnostics,
        tradeoff_k=k,
        command=environment["command"],
        commit=environment["commit"],
        machine=f"{environment['machine']}, torch {environment['torch']}",
        date=environment["date"],
        differences=[*sentences, *dict.fromkeys(left_out)],
    )
