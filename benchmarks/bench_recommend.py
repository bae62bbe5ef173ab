"""Measure the time of one recommendation in Python, from ids to titles and reasons.

    python benchmarks/bench_recommend.py --items 1000000 --index exact --index ivf-sq8

One history of 50 items from three clusters, one thread: interests, search, merge, titles, reasons.
Item vectors are those of ``bench_search``. The model is not trained, which takes the same time as a
trained one: sa with K = 4, prism with four heads, or formed: prism with K = 1 that forms interests,
the default. Several models are compared request by request in one run.
"""

import argparse
import itertools
import time

import numpy as np
import polars as pl
import torch

from bench_search import WIDTH, mixture
from machine import report
from prismrec.data import Catalog, IdMap
from prismrec.io import set_threads
from prismrec.models import Forming, Model, Prism, SelfAttentive
from prismrec.recommend.build import build_recommender
from prismrec.rerank import Filter

REQUESTS = 60


def make_catalog(items):
    """Return a catalog with 200 categories, one per item."""
    names = pl.Series("id", [f"item-{number}" for number in range(1, items + 1)])
    category = np.random.default_rng(1).integers(200, size=items).astype(np.int32)
    return Catalog(
        items=IdMap(names, first=1, kind="item"),
        titles=names,
        category_names=[f"category {number}" for number in range(200)],
        category_indptr=np.concatenate([[0, 0], np.arange(1, items + 1)]),
        category_ids=category,
        count=np.concatenate([[0], np.full(items, 5)]),
    )


def make_model(items, kind):
    """Return a model that is not trained: sa, or prism with two item tables."""
    if kind == "sa":
        return Model(items + 1, SelfAttentive(dim=WIDTH, interests=4, max_len=50))
    extractor = Prism(dim=WIDTH, interests=1 if kind == "formed" else 4, max_len=50)
    model = Model(items + 1, extractor, similarity="dot", tie_embeddings=False, normalized=True)
    return model.formed(Forming() if kind == "formed" else None)


def make_recommender(items, index, kind):
    """Return a recommender with item vectors from a mixture, and histories."""
    vectors, _ = mixture(items, 1)
    torch.manual_seed(0)
    model = make_model(items, kind)
    with torch.no_grad():
        for table in model.tables:
            table.weight[1:, :WIDTH] = torch.from_numpy(vectors)
    generator = np.random.default_rng(2)
    histories = []
    for _ in range(REQUESTS + 200):
        seeds = generator.integers(1, items + 1, 3)
        near = np.argsort(-(vectors[:20_000] @ vectors[seeds - 1].T), axis=0)[:30] + 1
        histories.append(generator.choice(near.ravel(), 50))
    catalog = make_catalog(items)
    began = time.perf_counter()
    recommender, choice = build_recommender(model, catalog, histories[REQUESTS:], index=index)
    report(
        "build and check of the index", time.perf_counter() - began, "s", items=items, index=index
    )
    print(f"  {choice.reason}")
    return recommender, histories[:REQUESTS]


def bench(items, index, models):
    """Measure requests of several kinds, of all models in turn."""
    made = {model: make_recommender(items, index, model) for model in models}
    recommender, histories = made[models[0]]
    names = [recommender.catalog.items.external(history.tolist()) for history in histories]
    blocked = Filter(blocked=[f"item-{number}" for number in range(1, 1_000)])
    kinds = {
        "plain": {},
        "diversity 0.3": {"diversity": 0.3},
        "1,000 blocked": {"filter": blocked},
        "one category of 200": {"filter": Filter(categories=["category 7"])},
    }
    for kind, options in kinds.items():
        walls = {model: [] for model in models}
        for history in [names[0], *names]:
            for model, (recommender, _) in made.items():
                began = time.perf_counter()
                recommender.recommend(history, 20, **options)
                walls[model].append(1e3 * (time.perf_counter() - began))
        for model, share in itertools.product(models, (50, 95)):
            value = float(np.percentile(walls[model][1:], share))
            report(
                f"recommend, {kind}, p{share}", value, "ms", items=items, index=index, model=model
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--index", action="append")
    parser.add_argument("--model", choices=("sa", "prism", "formed"), action="append")
    args = parser.parse_args()
    set_threads(1)
    for name in args.index or ["exact", "ivf-sq8"]:
        bench(args.items, name, args.model or ["formed", "prism"])
