"""Measure what the interests of a trained artifact do for its test users. Prints one JSON line.

    python benchmarks/interests.py demo/prism demo/data
    python benchmarks/interests.py toys/prism toys/data --users 200 --seed 0

The data set is split as the artifact states, else as the data set states. All lists leave out the
items of the history. The line has:

    lists            per way to share a list, over random test users with at least two interests:
                     medians of the largest share, of the interests used, and of distinct reasons
                     in a list of 20. A reason is the pair of events that add most to an item's
                     score. In "shown" an item that comes mostly from the rules has the events that
                     it often follows instead, as on the page.
    same             users of whom two interests have one name, or vectors of a cosine above 0.9
    most_different   largest share of the lists of the first 20 users that the page offers
    recall           recall and S-recall of all test users; with interests that are formed when
                     asked, also without forming, and the difference paired by user
"""

import argparse
import json
from collections import Counter
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from machine import commit, machine
from prismrec.data import load_dataset, load_split, make_split
from prismrec.evaluation import compare, evaluate
from prismrec.io import set_threads
from prismrec.numerics import normalize
from prismrec.recommend import check_trained_on, load, read_artifact_manifest
from prismrec.rerank import InterestOptions, ListOptions
from prismrec.service.examples import example_users, most_mixed, with_spreads

K = 20
KS = (10, 20, 50)
BLOCK = 64
SAME = 0.9
"""Cosine above which two interests are the same one."""
OFFERED = 20
"""Users of the most different interests that are measured."""
MOSTLY_RULES = 0.5
"""Share of the rules in an item's probability above which they are its reason."""


def read_split(artifact, data):
    """Return the data set, split as it was for the training of the artifact."""
    check_trained_on(artifact, data)
    dataset = load_dataset(data)
    trained_on = read_artifact_manifest(artifact)["about"].get("dataset") or {}
    saved = trained_on.get("split") if isinstance(trained_on, dict) else None
    if not saved:
        return dataset, load_split(data, dataset)
    return dataset, make_split(dataset, saved["name"], **saved["options"])


def users_with_interests(recommender, histories, number, seed):
    """Return the histories of at most ``number`` random users with at least two interests."""
    order = np.random.default_rng(seed).permutation(len(histories))
    chosen = []
    for start in range(0, len(order), BLOCK):
        block = [histories[user] for user in order[start : start + BLOCK]]
        several = recommender.model.interests_of(block).shown.sum(dim=1) > 1
        chosen += [history for history, more in zip(block, several.tolist(), strict=True) if more]
        if len(chosen) >= number:
            break
    return chosen[:number]


def answers_of(recommender, histories, mix):
    """Return the answers to some users, with reasons."""
    names = [recommender.catalog.items.external(history.tolist()) for history in histories]
    options = ListOptions(k=K, interests=InterestOptions(mix=mix))
    answers = []
    for start in range(0, len(names), BLOCK):
        answers += recommender.recommend_many(names[start : start + BLOCK], options)
    return answers


def reasons_of(answer, *, shown):
    """Return the pair of strongest events of each item that has a reason; order does not count."""
    reasons = []
    for item in answer.items:
        from_rules = shown and item.from_rules > MOSTLY_RULES and item.goes_with
        events = item.goes_with if from_rules else item.because
        if events:
            reasons.append(frozenset(event.id for event in events[:2]))
    return reasons


def measure_lists(answers):
    """Return medians over users of how their interests share the list and of their reasons."""
    counts = [Counter(item.interest for item in answer.items) for answer in answers]
    by_user = {
        "largest_share": [max(one.values()) / one.total() for one in counts if one],
        "interests_used": [len(one) for one in counts],
        "distinct_reasons": [len(set(reasons_of(one, shown=False))) for one in answers],
        "distinct_reasons_shown": [len(set(reasons_of(one, shown=True))) for one in answers],
        "items_with_reason": [len(reasons_of(one, shown=False)) for one in answers],
    }
    return {name: median(values) for name, values in by_user.items()}


def count_same(answers, dim):
    """Count the users of whom two interests have one name, or nearly the same vector."""
    names = [Counter(one.name for one in answer.interests if one.name) for answer in answers]
    largest = []
    for answer in answers:
        unit = normalize(np.array([one.vector[:dim] for one in answer.interests]))
        pairs = (unit @ unit.T)[np.triu_indices(len(unit), 1)]
        largest.append(pairs.max(initial=-1))
    return {
        "name": sum(max(own.values(), default=0) > 1 for own in names),
        "cosine": sum(bool(value > SAME) for value in largest),
        "largest_cosine": rounded(max(largest, default=float("nan"))),
    }


def measure_offered(recommender, data):
    """Return the largest shares of the first users in the order of most different interests."""
    users = sorted(with_spreads(recommender, example_users(data), 60), key=most_mixed)[:OFFERED]
    shares = [1 - user.spread for user in users if user.spread is not None]
    return {
        "users": len(shares),
        "highest": rounded(max(shares, default=float("nan"))),
        "median": median(shares),
    }


def measure_recall(recommender, cases):
    """Return recall and S-recall, with and without formed interests, and their differences."""

    def run(one):
        lists = partial(one.ranked, exclude_seen=True)
        only = ("recall", "subtopic_recall")
        return evaluate(lists, cases, ks=KS, catalog=recommender.catalog, only=only)

    def numbers(report):
        return {name: rounded(value) for name, value in report.metrics.items() if name in names}

    names = [*(f"recall@{k}" for k in KS), f"subtopic_recall@{K}"]
    served = run(recommender)
    measured = {"users": served.users, "served": numbers(served)}
    if recommender.model.forming is None:
        return measured
    plain = run(recommender.with_forming(None))
    differences = {name: compare(served, plain, name) for name in numbers(served)}
    return measured | {
        "without_forming": numbers(plain),
        "difference": {
            name: [rounded(one.mean), rounded(one.interval)] for name, one in differences.items()
        },
    }


def median(values):
    """Return the median, rounded; None of no values."""
    return rounded(np.median(values)) if len(values) else None


def rounded(value):
    """Return a number with at most four digits after the point; None if it is undefined."""
    return None if np.isnan(value) else round(float(value), 4)


def main(artifact, data, users, seed):
    """Measure an artifact, and print the result."""
    recommender = load(artifact)
    _, split = read_split(artifact, data)
    histories = [case.history for case in split.test if len(case.history)]
    chosen = users_with_interests(recommender, histories, users, seed)
    model = recommender.model
    answers = {mix: answers_of(recommender, chosen, mix) for mix in ("mixture", "shares")}
    line = {
        "artifact": str(artifact),
        "split": split.how,
        "interests": model.interests,
        "forming": model.forming and asdict(model.forming),
        "rules": recommender.rules.weight if recommender.rules else None,
        "users": len(chosen),
        "seed": seed,
        "median_interests": median([len(answer.interests) for answer in answers["mixture"]]),
        "lists": {mix: measure_lists(some) for mix, some in answers.items()},
        "same": count_same(answers["mixture"], model.extractor.dim),
        "most_different": measure_offered(recommender, data),
        "recall": measure_recall(recommender, split.test),
    }
    if recommender.rules:
        line["recall_without_rules"] = measure_recall(recommender.with_rules(None), split.test)
    print(json.dumps(line | {"machine": machine(), "commit": commit()}, allow_nan=False))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("artifact", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    set_threads(args.threads)
    main(args.artifact, args.data, args.users, args.seed)
