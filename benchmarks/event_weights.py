"""Compare prism with and without weights of events and dislikes, on ratings.

    python benchmarks/event_weights.py ml-100k.inter --threads 1

The file has the columns user, item, rating and time; for example ``ml-100k.inter`` of the wheel
recbole==1.2.1. All models have the same catalog, the same users in training, validation and test,
and the same targets: the ratings of 4 and 5 stars among the last fifth of a user's events. They
differ in what they read of the events before:

    plain       all ratings count alike
    stars       the weight of an event is its number of stars
    steep       1, 2, 3, 4 and 5 stars weigh 0.25, 0.5, 1, 2 and 4
    removed     ratings of 1 and 2 stars are left out
    dislikes    ratings of 1 and 2 stars are dislikes: left out, and negatives in training

"dislikes, lowered" are the lists of "dislikes" with the option ``dislikes``: items near a disliked
one lose score. No list has an item that the user rated before. Prints one JSON line per split:
means, paired differences to ``plain`` of the same model (of the lowered lists: to those that are
not) with 95 % half-widths, and how many items of a list of 20 have a cosine of at least 0.9 to an
item that the user rated with 1 or 2 stars.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from machine import commit, machine
from prismrec.data import (
    Case,
    Columns,
    Split,
    Weighting,
    build_dataset,
    make_split,
    read_events,
)
from prismrec.evaluation import BASELINES, by_score, evaluate
from prismrec.io import set_threads
from prismrec.numerics import normalize
from prismrec.rerank import Filter, ListOptions
from prismrec.retrieval import NEAR
from prismrec.training import RunConfig, TrainConfig, fit
from prismrec.types import RankedItems

KS = (20, 50)
METRICS = ("recall@20", "recall@50", "ndcg@20")
GOOD, BAD = 4, 2
STEEP = np.array([0, 0.25, 0.5, 1, 2, 4], dtype=np.float32)


def part_of(histories, kept):
    """Return the histories with the events of a mask."""
    sums = np.concatenate([[0], np.cumsum(kept)])
    return histories.take(sums[histories.indptr].astype(np.int64), kept)


def cases_of(cases, stars_of, kept):
    """Return cases with targets of 4 stars and more, and their dislikes.

    Args:
        cases: Cases whose weights are the stars of their targets.
        stars_of: Returns the stars of a history.
        kept: Returns which events of a history are read, from their stars.
    """
    found = []
    for case in cases:
        targets, stars = case.targets[case.weights >= GOOD], stars_of(case)
        if len(targets):
            disliked = np.unique(case.history[stars <= BAD])
            found.append(Case(case.history[kept(stars)], targets, None, disliked))
    return found


def splits_of(dataset, seed, test):
    """Return the split of each kind of model, all with the same users and targets."""
    split = make_split(dataset, "by-user", seed=seed, test=test)
    every, stars = dataset.histories, np.asarray(dataset.histories.weights)

    def stars_of(case):
        start = (case.history.ctypes.data - every.items.ctypes.data) // every.items.itemsize
        return stars[start : start + len(case.history)]

    def split_with(train, kept, dislikes=None):
        valid, test = (cases_of(part, stars_of, kept) for part in (split.valid, split.test))
        return Split(train, valid, test, split.how, dislikes)

    train = split.train
    good = part_of(train, train.weights > BAD)
    bad = part_of(train, train.weights <= BAD)
    everything, liked = (lambda stars: stars > 0), (lambda stars: stars > BAD)
    return {
        "plain": split_with(replace(train, weights=None), everything),
        "stars": split_with(train, everything),
        "steep": split_with(replace(train, weights=STEEP[train.weights.astype(int)]), everything),
        "removed": split_with(replace(good, weights=None), liked),
        "dislikes": split_with(replace(good, weights=None), liked, replace(bad, weights=None)),
    }


def lists_for(recommender, cases, *, lowered):
    """Return a function that recommends to the cases in their order, user by user."""
    items, left = recommender.catalog.items, iter(cases)

    def recommend(histories, k):
        rows = []
        for history in histories:
            names = items.external(next(left).dislikes.tolist())
            own = {"dislikes": names} if lowered else {"filter": Filter(blocked=names)}
            rows.append(recommender.ranked([history], ListOptions(k=k, **own)))
        return RankedItems(*(np.concatenate(part) for part in zip(*rows, strict=True)))

    return recommend


def near_items(recommender, lists, cases):
    """Return the mean number of items per list that are near a disliked item of the user."""
    numbers = np.arange(recommender.catalog.size)
    unit = normalize(recommender.model.content_vectors(numbers))
    return [
        int((unit[row[row > 0]] @ unit[case.dislikes].T >= NEAR).any(axis=1).sum())
        for row, case in zip(lists, cases, strict=True)
    ]


def difference(report, other):
    """Return the mean paired difference of each metric and its 95 % half-width."""
    found = {}
    for name in METRICS:
        gap = report.per_user[name] - other.per_user[name]
        half = 1.96 * gap.std(ddof=1) / np.sqrt(len(gap))
        found[name] = [round(float(gap.mean()), 4), round(float(half), 4)]
    return found


def measure(dataset, seed, args):
    """Return the results of one split."""
    reports, against, near, notes = {}, {}, {}, {}
    for kind, split in splits_of(dataset, seed, args.test_share).items():
        size = dataset.catalog.size
        for name, fit_baseline in BASELINES.items():
            if kind != "dislikes":
                score = fit_baseline(split.train, split.valid, size).score
                reports[name, kind] = evaluate(
                    blocking(by_score(score, exclude_seen=True), split.test, size), split.test,
                    ks=KS, only=("recall", "ndcg"),
                )  # fmt: skip
                against[name, kind] = (name, "plain")
        trained = fit(
            split, dataset.catalog, RunConfig(index="exact"),
            TrainConfig(seed=args.seed, epochs=args.epochs),
        )  # fmt: skip
        notes[kind] = trained.notes.get("rules", "")
        recommender = trained.recommender
        for lowered in (False, True) if kind == "dislikes" else (False,):
            name = f"{kind}, lowered" if lowered else kind
            recommend = lists_for(recommender, split.test, lowered=lowered)
            reports["prism", name] = evaluate(recommend, split.test, ks=KS, only=("recall", "ndcg"))
            against["prism", name] = ("prism", kind if lowered else "plain")
            lists = lists_for(recommender, split.test, lowered=lowered)(
                [case.history for case in split.test], KS[0]
            )
            near[name] = round(float(np.mean(near_items(recommender, lists.items, split.test))), 3)
    models = {}
    for key, report in reports.items():
        line = {name: round(report.metrics[name], 4) for name in METRICS}
        if against[key] != key:
            line["difference"] = difference(report, reports[against[key]])
        models[" ".join(key)] = line
    users = len(next(iter(reports.values())).per_user[METRICS[0]])
    return {"split_seed": seed, "seed": args.seed, "users": users, "models": models, "near": near,
            "rules": notes}  # fmt: skip


def blocking(recommend, cases, size):
    """Return a function that leaves disliked items out of the lists of a baseline, in order."""
    left = iter(cases)

    def shortened(histories, k):
        whole = recommend(histories, size - 1).items
        items = np.zeros((len(histories), k), dtype=np.int64)
        for row, own in enumerate(whole):
            kept = own[(own > 0) & ~np.isin(own, next(left).dislikes)][:k]
            items[row, : len(kept)] = kept
        return RankedItems(items, np.zeros(items.shape, np.float32), np.zeros_like(items))

    return shortened


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("log", type=Path)
    parser.add_argument("--split-seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--test-share", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    set_threads(args.threads)
    log = read_events(args.log, columns=Columns(weighting=Weighting(column="rating")))
    dataset = build_dataset(log)
    for split_seed in args.split_seeds:
        began = time.perf_counter()
        line = measure(dataset, split_seed, args)
        line |= {"seconds": round(time.perf_counter() - began)}
        print(json.dumps(line | {"machine": machine(), "commit": commit()}), flush=True)
