"""Measure a list with filters by attributes and boosts, next to a plain list of the same history.

    python benchmarks/bench_filters.py --items 1000000 --index exact --index ivf-sq8

Histories, item vectors and models are those of ``bench_recommend``. Items have a price, a stock, a
set of regions and an age limit, at random. Each history is asked for without and with a filter; a
ratio is the median over the histories. Times are CPU times of the one thread: on an idle machine
they are the time of a list, and other programs change them less. What a condition passes is
remembered, so the first request of each filter, and the first after a change of an attribute, is
reported on its own.
"""

import argparse
import time
from dataclasses import replace

import numpy as np
import polars as pl

from bench_recommend import make_recommender
from machine import report
from prismrec.data import Attributes
from prismrec.io import set_threads
from prismrec.rerank import Filter, ListOptions, parse_boost, parse_conditions

REGIONS = ("DE", "AT", "CH", "FR", "IT", "ES", "PL", "NL")
FILTERS = {
    "45 % of the items": ("price<50",),
    "11 % of the items": (
        "price<50",
        "stock>=1",
        "not age_limit>=18 or missing",
        "region in DE,AT",
    ),
    "8 % of the items": ("price<50", "region=DE", "stock>=1"),
    "1 % of the items": ("price<1",),
}
BOOSTS = {
    "one boost": ("2: price<50",),
    "three boosts": ("2: price<50", "3: region=DE", "0.5: stock=0"),
}


def make_attributes(items):
    """Return random attributes; one item in ten has no value of each."""
    generator = np.random.default_rng(3)
    missing = generator.random((4, items)) < 0.1
    first, second = generator.integers(len(REGIONS), size=(2, items))
    regions = np.array(REGIONS)
    columns = {
        "price": pl.Series(generator.uniform(0, 100, items).round(2)),
        "stock": pl.Series(generator.integers(0, 5, items).astype(float)),
        "age_limit": pl.Series(generator.choice([0.0, 12, 16, 18], items)),
        "region": pl.DataFrame({"a": regions[first], "b": regions[second]})
        .select(pl.concat_list("a", "b"))
        .to_series(),
    }
    return Attributes.of(
        {n: one.set(pl.Series(gap), None) if one.dtype != pl.List else one
         for (n, one), gap in zip(columns.items(), missing, strict=True)}
    )  # fmt: skip


def options_of():
    """Return the options of each way to ask for a list."""
    ways = {"plain": ListOptions()}
    for name, texts in FILTERS.items():
        where = tuple(one for text in texts for one in parse_conditions(text))
        ways[name] = ListOptions(filter=Filter(where=where))
    for name, texts in BOOSTS.items():
        ways[name] = ListOptions(boosts=tuple(map(parse_boost, texts)))
    return ways


def timed(recommender, history, options):
    """Return the CPU milliseconds of one list."""
    began = time.process_time()
    recommender.recommend_many([history], options)
    return 1e3 * (time.process_time() - began)


def bench(items, index, model, requests):
    """Measure every way of asking on one recommender."""
    recommender, histories = make_recommender(items, index, model)
    catalog = recommender.catalog.with_attributes(make_attributes(items))
    recommender = replace(recommender, catalog=catalog)
    named = {"items": items, "index": index, "model": model}
    names = [catalog.items.external(history.tolist()) for history in histories[:requests]]
    timed(recommender, names[0], ListOptions())
    ways = options_of()
    for way, options in ways.items():
        first = timed(recommender, names[0], options)
        pairs = np.array(
            [[timed(recommender, one, each) for each in (ways["plain"], options)] for one in names]
        )
        report(f"{way}, p50", float(np.median(pairs[:, 1])), "ms", **named)
        report(f"{way}, p95", float(np.percentile(pairs[:, 1], 95)), "ms", **named)
        report(f"{way}, first request", first, "ms", **named)
        report(f"{way}, ratio to plain", float(np.median(pairs[:, 1] / pairs[:, 0])), "x", **named)
    began = time.process_time()
    changed = recommender.with_attributes({f"item-{n}": {"stock": 0} for n in range(1, 1_001)})
    report("change the stock of 1,000 items", 1e3 * (time.process_time() - began), "ms", **named)
    after = timed(changed, names[0], ways["11 % of the items"])
    report("11 % of the items, first request after a change", after, "ms", **named)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=60)
    parser.add_argument("--index", action="append")
    parser.add_argument("--model", choices=("sa", "prism", "formed"), default="formed")
    args = parser.parse_args()
    set_threads(1)
    for name in args.index or ["exact", "ivf-sq8"]:
        bench(args.items, name, args.model, args.requests)
