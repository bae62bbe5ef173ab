"""Measure recommendations of items without events: content vectors against category means.

    python benchmarks/cold_items.py --data amazon-toys --work toys-warm

A fifth of the items is drawn, and all their events are removed from the histories of training and
validation. Then these cold items are added by their category means, by content-kNN, or by the
projection of their content vectors; the test users have them as targets. The content vectors are
hashed attributes (brand and categories) and pairs of attributes of an item, reduced by an SVD.

WORK gets the artifact of the training without cold items; if it is there already, it is used again.
Prints one JSON line per method.
"""

import argparse
import json
import zlib
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from scipy import sparse

from machine import commit, machine, shared_data
from prismrec.data import (
    Case,
    Catalog,
    Histories,
    IdMap,
    ItemContent,
    Split,
    build_dataset,
    read_events,
    read_items,
    split_by_user,
)
from prismrec.evaluation import evaluate
from prismrec.io import set_threads
from prismrec.numerics import normalize
from prismrec.recommend import NewItem, Recommender, load, save
from prismrec.recommend.cold_start import extend_model, with_descriptions
from prismrec.training import RunConfig, TrainConfig, fit
from prismrec.training.factor import randomized_svd
from prismrec.training.fit_projection import fit_projection

COLD_SHARE = 0.2
BUCKETS = 1 << 15


def read(name):
    """Return a data set of sequences with attributes."""
    folder = shared_data() / name
    items = read_items(folder / "item_attributes.json")
    return build_dataset(read_events(folder / "sequences.txt"), items=items)


def without_cold(dataset, seed):
    """Draw cold items; return their numbers, the catalog of the others, and the split.

    In the split, the items of the smaller catalog have their numbers there, and cold items have the
    numbers after them, in ascending order. Training and validation have no cold items.
    """
    catalog, size = dataset.catalog, dataset.catalog.size
    drawn = np.random.default_rng(seed).permutation(np.arange(1, size))
    cold = np.sort(drawn[: int(COLD_SHARE * (size - 1))])
    warm = np.setdiff1d(np.arange(1, size), cold)
    number = np.zeros(size, dtype=np.int64)
    number[np.concatenate([warm, cold])] = np.arange(1, size)
    counts = np.diff(catalog.category_indptr)[warm]
    smaller = Catalog(
        items=IdMap(catalog.items.ids.gather(warm - 1), first=1, kind="item"),
        titles=catalog.titles.gather(warm - 1),
        category_names=catalog.category_names,
        category_indptr=np.concatenate([[0, 0], np.cumsum(counts)]).astype(np.int64),
        category_ids=np.concatenate([catalog.categories_of(item) for item in warm]),
        count=np.concatenate([[0], catalog.count[warm]]),
    )

    def kept(items):
        renumbered = number[items]
        return renumbered[renumbered <= len(warm)]

    split = split_by_user(dataset)
    train = Histories.of([row for row in map(kept, split.train) if len(row)])
    valid = [Case(kept(case.history), kept(case.targets)) for case in split.valid]
    valid = [case for case in valid if len(case.history) and len(case.targets)]
    test = [Case(number[case.history], number[case.targets]) for case in split.test]
    return cold, smaller, Split(train, valid, test, split.how)


def trained_without_cold(work, split, catalog, seed):
    """Return the recommender of a training without cold items, from WORK if it is there."""
    if not (work / "manifest.json").is_file():
        trained = fit(split, catalog, RunConfig(index="exact"), TrainConfig(seed=seed))
        save(trained.recommender, work, about={"notes": trained.notes})
    return load(work)


def content_of(dataset, width):
    """Return a content vector per item of a data set: hashed attributes and pairs, by SVD."""
    catalog, rows, columns = dataset.catalog, [], []
    for item in range(1, catalog.size):
        own = sorted(catalog.categories_named(item))
        words = own + [f"{one}+{two}" for one in own for two in own if one < two]
        rows += [item] * len(words)
        columns += [zlib.crc32(word.encode()) % BUCKETS for word in words]
    shape = (catalog.size, BUCKETS)
    table = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)
    table.sum_duplicates()
    frequency = np.bincount(table.indices, minlength=BUCKETS)
    table.data = np.log(catalog.size / (1 + frequency))[table.indices]
    length = np.sqrt(table.multiply(table).sum(axis=1))
    table = sparse.csr_array(sparse.diags_array(1 / np.maximum(length, 1e-9)) @ table)
    left, values, _ = randomized_svd(table, width, seed=0)
    return ItemContent.of(catalog.items.ids, (left * values)[1:])


def nearest_rows(recommender, content, names, neighbours):
    """Return the rows of new items: means of the items with the most similar content."""
    places = content.positions(recommender.catalog.items.ids)
    known = normalize(content.vectors[places])
    new = normalize(content.vectors[content.positions(names)])
    similarity = new @ known.T
    nearest = np.argpartition(-similarity, neighbours, axis=1)[:, :neighbours]
    weights = np.maximum(np.take_along_axis(similarity, nearest, 1), 1e-6)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.einsum("nk,nkt->nt", weights, rows_of(recommender)[1:][nearest])


def with_cold(recommender, items, rows=None):
    """Return a recommender with the cold items: by their rows, or as ``with_items`` adds them."""
    if rows is None:
        return recommender.with_items(items)
    catalog = with_descriptions(recommender.catalog, items)
    larger = Recommender.exact(extend_model(recommender.model, rows), catalog)
    rules = recommender.rules and recommender.rules.extended(catalog.size)
    return larger.with_rules(rules)


def recall(recommender, cases):
    """Return recall@50."""
    recommend = partial(recommender.ranked, exclude_seen=True)
    return evaluate(recommend, cases, ks=(50,), only=("recall",)).metrics["recall@50"]


def measure(recommender, cases, known):
    """Return the metrics of a recommender whose items after the first ``known`` are cold."""
    catalog = recommender.catalog
    if catalog.size - 1 == known:
        return {"overall": recall(recommender, cases)}
    of_cold = [replace(case, targets=case.targets[case.targets > known]) for case in cases]
    of_cold = [case for case in of_cold if len(case.targets)]
    only_cold = recommender.with_hidden(catalog.items.external(range(1, known + 1)))
    lists = recommender.ranked([case.history for case in cases[:500]], 50, exclude_seen=True)
    return {
        "cold, among all items": recall(recommender, of_cold),
        "cold, among cold items": recall(only_cold, of_cold),
        "overall": recall(recommender, cases),
        "share of cold items in lists": float((lists.items > known).mean()),
    }


def rows_of(recommender):
    """Return the rows of all tables of a model, next to each other."""
    return np.hstack([table.rows().detach().numpy() for table in recommender.model.tables])


def recommenders(recommender, split, content, items, args):
    """Yield the name of each method and the recommender with the cold items."""
    yield "no cold items", recommender
    yield "category means", with_cold(recommender, items)
    names = pl.Series("id", [item.id for item in items])
    for neighbours in args.neighbours:
        rows = nearest_rows(recommender, content, names, neighbours)
        yield f"content-kNN {neighbours}", with_cold(recommender, items, rows)
    counts = split.train.counts(recommender.catalog.size)

    def validation(model):
        exact = Recommender.exact(model, recommender.catalog)
        return recall(exact, split.valid)

    fitted = fit_projection(
        recommender.model, content, recommender.catalog, counts, validation, seed=args.seed
    )
    print(json.dumps({"projection": fitted.note}), flush=True)
    projected = replace(
        Recommender.exact(fitted.model, recommender.catalog),
        rules=recommender.rules, projection=fitted.projection,
    )  # fmt: skip
    places = content.positions(names)
    with_vectors = [
        replace(item, vector=content.vectors[place].tolist())
        for item, place in zip(items, places, strict=True)
    ]
    yield "projection", with_cold(projected, with_vectors)


def report(args):
    """Print one line per method, blended with rules and without."""
    dataset = read(args.data)
    cold, catalog, split = without_cold(dataset, args.seed)
    recommender = trained_without_cold(args.work, split, catalog, args.seed)
    named = dataset.catalog.categories_named
    items = [
        NewItem(id=name, categories=named(number))
        for name, number in zip(dataset.catalog.items.external(cold), cold.tolist(), strict=True)
    ]
    content = content_of(dataset, args.width)
    about = {"data": args.data, "cold items": len(cold), "machine": machine(), "commit": commit()}
    known = catalog.size - 1
    for name, one in recommenders(recommender, split, content, items, args):
        for rules in (True, False) if recommender.rules else (False,):
            cases = split.test
            if one.catalog.size == catalog.size:
                cases = [replace(c, history=c.history[c.history <= known]) for c in cases]
            found = measure(one if rules else one.with_rules(None), cases, known)
            values = {metric: round(value, 4) for metric, value in found.items()}
            print(json.dumps({"method": name, "rules": rules, **values, **about}), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="amazon-toys")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--neighbours", type=int, nargs="+", default=[5, 20])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    set_threads(arguments.threads)
    report(arguments)
