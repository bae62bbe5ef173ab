"""Measuring models beside every baseline: what ``evaluate`` and ``demo`` share."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from prismrec.data import Case, Catalog, Split
from prismrec.errors import DataError
from prismrec.evaluation.baselines import BASELINES, by_score
from prismrec.evaluation.compare import compare
from prismrec.evaluation.diagnostics import Diagnostics, diagnose, tradeoff
from prismrec.evaluation.environment import describe_environment
from prismrec.evaluation.evaluate import DEPTHS, evaluate
from prismrec.evaluation.report import Content, Entry
from prismrec.recommend import Recommender
from prismrec.types import Recommend

STRENGTHS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.5)
"""Diversities at which the trade-off is shown."""
Listing = Callable[[bool], Recommend]
"""From whether seen items are filtered to a function that recommends."""


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """On what is measured."""

    split: Split
    cases: Sequence[Case]
    catalog: Catalog
    ks: tuple[int, ...]

    def entry(
        self, name: str, how: str, listing: Listing, *, seconds: float | None = None
    ) -> Entry:
        """Measure one recommender twice: seen items kept, and filtered."""
        counts = self.split.train.counts(self.catalog.size)
        reports = [
            evaluate(
                listing(filtered),
                self.cases,
                ks=self.ks,
                catalog=self.catalog,
                counts=counts,
                how=f"{self.split.how}; {'exclude_seen' if filtered else 'keep_seen'}",
            )
            for filtered in (False, True)
        ]
        return Entry(name=name, how=how, keep=reports[0], filtered=reports[1], seconds=seconds)

    def depth(self, listing: Listing) -> dict[int, float]:
        """Give recall, seen items filtered, by the length of the list."""
        ks = [k for k in DEPTHS if k < self.catalog.size]
        report = evaluate(listing(True), self.cases, ks=ks, only=("recall",))
        return {k: report.metrics[f"recall@{k}"] for k in ks}


def listing_of(recommender: Recommender, *, diversity: float = 0.0) -> Listing:
    """Give a recommender as what ``Benchmark`` measures."""
    return lambda filtered: partial(recommender.ranked, exclude_seen=filtered, diversity=diversity)


def measure_baselines(measuring: Benchmark) -> tuple[dict[str, Listing], list[Entry], list[str]]:
    """Fit and measure every baseline; name those that the catalog is too large for."""
    listings: dict[str, Listing] = {}
    entries, left_out = [], []
    for name, fit in BASELINES.items():
        began = time.perf_counter()
        try:
            fitted = fit(measuring.split.train, measuring.split.valid, measuring.catalog.size)
        except DataError as error:
            left_out.append(f"{name} is left out: {error}")
            continue
        seconds = time.perf_counter() - began
        listings[name] = partial(_listing, fitted.score)
        entry = measuring.entry(name, fitted.how, listings[name], seconds=seconds)
        entries.append(replace(entry, baseline=True))
    return listings, entries, left_out


def _listing(score: Callable[..., np.ndarray], filtered: bool) -> Recommend:
    return by_score(score, exclude_seen=filtered)


def compare_with_single_interest(models: Sequence[Entry], k: int) -> list[str]:
    """Compare each model of several interests with its single-interest twin, by user."""
    by_name = {model.name: model for model in models}
    pairs = [(m, by_name[f"{m.name}-k1"]) for m in models if f"{m.name}-k1" in by_name]
    return [
        f"{model.name} against {twin.name}, "
        f"{compare(model.filtered, twin.filtered, f'recall@{k}')}."
        for model, twin in pairs
    ]


def entries_as_json(entries: Sequence[Entry]) -> Mapping[str, object]:
    """Give all numbers of all entries."""
    return {
        e.name: {
            "how": e.how,
            "seconds": e.seconds,
            "keep_seen": {"metrics": e.keep.metrics, "interval": e.keep.interval},
            "exclude_seen": {"metrics": e.filtered.metrics, "interval": e.filtered.interval},
        }
        for e in entries
    }


def describe_recommender(recommender: Recommender) -> str:
    """Tell what a recommender is made of."""
    model, rules = recommender.model, recommender.rules
    kind, extractor = type(model.extractor).__name__, model.extractor
    return (
        f"{kind}, K={extractor.interests}, D={extractor.dim}, newest {extractor.max_len} events, "
        f"{model.similarity}" + (f", rules at {rules.weight:g}" if rules else "")
    )


def report_content(
    measuring: Benchmark,
    entries: Sequence[Entry],
    listings: Mapping[str, Listing],
    recommenders: Mapping[str, Recommender],
    sentences: Sequence[str],
    title: str,
) -> Content:
    """Gather what the report shows."""
    around = describe_environment()
    return Content(
        title=f"Prismrec on {title}",
        dataset=facts(measuring.split, measuring.catalog),
        protocol=measuring.split.how,
        entries=entries,
        depth={name: measuring.depth(listing) for name, listing in listings.items()},
        tradeoff={
            name: tradeoff(recommender, measuring.cases, STRENGTHS, k=measuring.ks[-1])
            for name, recommender in recommenders.items()
        }
        if measuring.catalog.category_names
        else {},
        diagnostics={
            name: diagnosed(recommender, measuring) for name, recommender in recommenders.items()
        },
        tradeoff_k=measuring.ks[-1],
        command=around["command"],
        commit=around["commit"],
        machine=f"{around['machine']}, torch {around['torch']}",
        date=around["date"],
        differences=sentences,
    )


def diagnosed(recommender: Recommender, measuring: Benchmark) -> Diagnostics:
    """Give the health of a recommender's interests."""
    return diagnose(recommender, measuring.cases, k=measuring.ks[-1])


def facts(split: Split, catalog: Catalog) -> dict[str, Any]:
    """Give the sizes of what is measured."""
    return {
        "training users": len(split.train),
        "training events": len(split.train.items),
        "validation users": len(split.valid),
        "test users": len(split.test),
        "items": catalog.size - 1,
        "categories": len(catalog.category_names),
    }
