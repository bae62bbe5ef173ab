"""How long does one recommendation take, end to end in Python?

    python benchmarks/bench_recommend.py --items 1000000 --index exact --index ivf-sq8

One history of 50 items of three clusters, one thread: interests, search, merge, names, reasons.
Item vectors are those of ``bench_search``; the extractor (sa or prism, K = 4) is untrained, which
costs what a trained one costs.
"""

import argparse
import time

import numpy as np
import polars as pl
import torch

from bench_search import WIDTH, mixture
from machine import report
from prismrec.data.catalog import Catalog
from prismrec.data.ids import IdMap
from prismrec.io.threads import set_threads
from prismrec.models.extractors import Prism, SelfAttentive
from prismrec.models.model import Model
from prismrec.types import Filter

REQUESTS = 60


def a_catalog(items):
    """Give a catalog of 200 categories, one an item."""
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


def a_model(items, kind):
    """Give an untrained model: sa, or prism with its table to search and its partitions."""
    if kind == "sa":
        return Model(items + 1, SelfAttentive(dim=WIDTH, interests=4, max_len=50))
    extractor = Prism(dim=WIDTH, interests=4, max_len=50)
    return Model(items + 1, extractor, similarity="dot", tie_embeddings=False, normalized=True)


def a_recommender(items, index, kind):
    """Give a recommender over a mixture, and histories of it."""
    vectors, _ = mixture(items, 1)
    torch.manual_seed(0)
    model = a_model(items, kind)
    with torch.no_grad():
        for table in model.tables:
            table.weight[1:, :WIDTH] = torch.from_numpy(vectors)
    generator = np.random.default_rng(2)
    histories = []
    for _ in range(REQUESTS + 200):
        seeds = generator.integers(1, items + 1, 3)
        near = np.argsort(-(vectors[:20_000] @ vectors[seeds - 1].T), axis=0)[:30] + 1
        histories.append(generator.choice(near.ravel(), 50))
    catalog = a_catalog(items)
    began = time.perf_counter()
    recommender, choice = build_recommender(model, catalog, histories[REQUESTS:], index=index)
    report("index built and measured", time.perf_counter() - began, "s", items=items, index=index)
    print(f"  {choice.reason}")
    return recommender, histories[:REQUESTS]


def bench(items, index, model):
    """Report the time of requests of several kinds."""
    recommender, histories = a_recommender(items, index, model)
    names = [recommender.catalog.items.external(history.tolist()) for history in histories]
    blocked = Filter(blocked=[f"item-{number}" for number in range(1, 1_000)])
    kinds = {
        "plain": {},
        "diversity 0.3": {"diversity": 0.3},
        "1 000 blocked": {"only": blocked},
        "one category of 200": {"only": Filter(categories=["category 7"])},
    }
    for kind, options in kinds.items():
        recommender.recommend(names[0], 20, **options)
        walls = []
        for history in names:
            began = time.perf_counter()
            recommender.recommend(history, 20, **options)
            walls.append(1e3 * (time.perf_counter() - began))
        for share in (50, 95):
            value = float(np.percentile(walls, share))
            report(
                f"recommend, {kind}, p{share}", value, "ms", items=items, index=index, model=model
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--index", action="append")
    parser.add_argument("--model", choices=("sa", "prism"), default="prism")
    asked = parser.parse_args()
    set_threads(1)
    for name in asked.index or ["exact", "ivf-sq8"]:
        bench(asked.items, name, asked.model)
