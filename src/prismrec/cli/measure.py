"""Measuring models beside every baseline: what ``evaluate`` and ``demo`` share."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from prismrec.baselines import BASELINES, by_score
from prismrec.cli.show import table
from prismrec.compare import compare
from prismrec.data.catalog import Catalog
from prismrec.data.split import Case, Split
from prismrec.errors import DataError
from prismrec.evaluation import DEPTHS, Report, evaluate
from prismrec.recommender import Recommender
from prismrec.report.content import Entry
from prismrec.types import Recommend

Listing = Callable[[bool], Recommend]
"""From whether seen items are filtered to a function that recommends."""


@dataclass(frozen=True, kw_only=True)
class Measuring:
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
                how=f"{self.split.how}; {'filter_seen' if filtered else 'keep_seen'}",
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
    """Give a recommender as what ``Measuring`` measures."""
    return lambda filtered: partial(recommender.ranked, filter_seen=filtered, diversity=diversity)


def baselines(measuring: Measuring) -> tuple[dict[str, Listing], list[Entry], list[str]]:
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
    return by_score(score, filter_seen=filtered)


def lines_of(entries: Sequence[Entry], ks: Sequence[int]) -> list[str]:
    """Lay the main numbers out as a table: seen items kept, and filtered."""
    names = [f"recall@{k}" for k in ks] + [f"ndcg@{ks[-1]}"]
    short = [f"R@{k}" for k in ks] + [f"N@{ks[-1]}"]
    header = ["", *(f"{n} keep" for n in short), *(f"{n} filt" for n in short)]
    rows = [
        [e.name, *(cell(report, n) for report in (e.keep, e.filtered) for n in names)]
        for e in entries
    ]
    return table(header, rows)


def cell(report: Report, name: str) -> str:
    """Give one number of the table: ``.3273``."""
    return f"{report.metrics[name]:.4f}".removeprefix("0")


def against_twins(models: Sequence[Entry], k: int) -> list[str]:
    """Compare each model of several interests with its single-interest twin, by user."""
    by_name = {model.name: model for model in models}
    pairs = [(m, by_name[f"{m.name}-k1"]) for m in models if f"{m.name}-k1" in by_name]
    return [
        f"{model.name} against {twin.name}, "
        f"{compare(model.filtered, twin.filtered, f'recall@{k}')}."
        for model, twin in pairs
    ]


def as_json(entries: Sequence[Entry]) -> Mapping[str, object]:
    """Give all numbers of all entries."""
    return {
        e.name: {
            "how": e.how,
            "seconds": e.seconds,
            "keep_seen": {"metrics": e.keep.metrics, "interval": e.keep.interval},
            "filter_seen": {"metrics": e.filtered.metrics, "interval": e.filtered.interval},
        }
        for e in entries
    }
