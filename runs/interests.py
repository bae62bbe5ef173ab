"""Do several interests pay? One model at several K, on accounts of one or several people.

    python runs/interests.py DATA --people 4 --dim 32 --interests 1 --interests 4 --seeds 2

DATA is a data set folder of single users (``prismrec prepare``); accounts are merged from it, so
that whose each event is is known. Prints a JSON line a model: recall at several depths (seen items
filtered), at 50 also by length of the history and by how mixed its categories are, purity of the
routing, and paired differences against K = 1 with 95 % intervals.

With ``--heads`` the interests beside so many heads are clusters of the history; K = 1 is a head.

With ``--ceiling`` also what a model of one interest would give that is told whose each event is,
in training and when asked: the people are trained on apart, and an account's list is the mixture
of its people's, each by their share of the events: what knowing whose an event is would be worth.
"""

import argparse
import dataclasses
import json
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from shared_accounts import purity, shared_accounts

from prismrec.data.histories import Histories
from prismrec.data.split import Case, Split, split_by_user
from prismrec.data.storage import load_dataset
from prismrec.evaluation.compare import compare
from prismrec.evaluation.environment import describe_environment
from prismrec.evaluation.evaluate import evaluate
from prismrec.training import RunConfig, TrainConfig, fit, with_one_interest
from prismrec.types import RankedItems

DEPTHS = (10, 20, 50, 200, 1000)


def routing(recommender, shared, users):
    """Give the mean purity of the routing over some accounts, and that of a single interest."""
    found = []
    longest = recommender.model.extractor.max_len
    for start in range(0, len(users), 128):
        block = users[start : start + 128]
        histories = [shared.dataset.histories[user] for user in block]
        weights = recommender.model.interests_of(histories).weights.float().numpy()
        for row, user in enumerate(block):
            owner = shared.owners_of(user)[-longest:]
            found.append(purity(weights[row, :, : len(owner)], owner))
    return np.nanmean(found, axis=0).tolist()


def measured(recommender, split):
    """Evaluate lists without what was seen, at every depth."""
    recommend = partial(recommender.ranked, exclude_seen=True)
    ks = tuple(k for k in DEPTHS if k < recommender.catalog.size)
    return evaluate(recommend, split.test, ks=ks, only=("recall",))


def mix_of(case, *, category):
    """Give the share of pairs of a history's events that differ in category."""
    _, counts = np.unique(category[case.history], return_counts=True)
    pairs = len(case.history) * (len(case.history) - 1)
    return 1 - (counts * (counts - 1)).sum() / max(pairs, 1)


def by_thirds(recommender, split, key):
    """Give recall@50 of the third of the test cases whose key is least, the middle and the last."""
    ordered = sorted(split.test, key=key)
    thirds = [ordered[i * len(ordered) // 3 : (i + 1) * len(ordered) // 3] for i in range(3)]
    recommend = partial(recommender.ranked, exclude_seen=True)
    reports = [evaluate(recommend, third, ks=(50,), only=("recall",)) for third in thirds]
    return [round(report.metrics["recall@50"], 4) for report in reports]


def people_apart(shared, split):
    """Give the same split with the people of every account apart; who has no targets is left out.

    Also how to tell, from the history of a case of the test, whose its events are.
    """
    accounts = enumerate(map(bytes, shared.dataset.histories))
    owners = {whole: shared.owners_of(account) for account, whole in accounts}
    for case in split.test:
        whole = np.concatenate([case.history, case.targets])
        owners[bytes(case.history)] = owners[bytes(whole)]

    def apart(items):
        owner = owners[bytes(items)][: len(items)]
        return [items[owner == person] for person in np.unique(owner)]

    cases = []
    for case in split.valid:
        whole = np.concatenate([case.history, case.targets])
        owner, known = owners[bytes(whole)], len(case.history)
        for person in np.unique(owner):
            own = owner == person
            history, targets = case.history[own[:known]], case.targets[own[known:]]
            if len(history) and len(targets):
                cases.append(Case(history, targets))
    train = Histories.of([own.tolist() for whole in split.train for own in apart(whole)])
    return Split(train, cases, split.test, f"{split.how}; people apart"), apart


def told_whose(recommender, apart):
    """Recommend to accounts by the mixture of their people's probabilities over the catalog."""
    vectors = recommender.model.item_vectors().detach().numpy()

    def recommend(histories, k):
        items = np.zeros((len(histories), k), dtype=np.int64)
        for row, history in enumerate(histories):
            people = apart(history)
            interests = recommender.model.interests_of(people).vectors[:, 0].numpy()
            scores = torch.from_numpy(interests @ vectors[1:].T)
            if recommender.model.mask_history_negatives:
                for person, own in enumerate(people):
                    scores[person, own - 1] = -torch.inf
            scores = scores.log_softmax(dim=1)
            shares = torch.tensor([len(own) / len(history) for own in people])
            mixed = (scores + shares.log()[:, None]).logsumexp(dim=0).numpy()
            mixed[history - 1] = -np.inf
            items[row] = np.argsort(-mixed, kind="stable")[:k] + 1
        return RankedItems(items, np.zeros(items.shape, np.float32), np.zeros_like(items))

    return recommend


def config_of(asked, interests, dim):
    """Give the settings of one run."""
    clusters = 0 if asked.heads is None else interests - asked.heads
    config = RunConfig(
        extractor="prism", interests=interests, dim=dim, max_len=asked.max_len,
        exclude_seen=True, rules=False, readout=asked.readout, index="exact",
        categories=None if asked.categories else False,
        options={"clusters": clusters} if clusters > 0 else {},
    )  # fmt: skip
    return with_one_interest(config) if interests == 1 else config


def ceiling(asked, shared, split, seed, single):
    """Train and measure one interest that is told whose each event is."""
    people, apart = people_apart(shared, split)
    config = config_of(asked, 1, asked.dim)
    trained = fit(people, shared.dataset.catalog, config, TrainConfig(seed=seed))
    recommend = told_whose(trained.recommender, apart)
    report = evaluate(recommend, split.test, ks=DEPTHS, only=("recall",))
    line = {"people": asked.people, "seed": seed, "K": "told whose", "D": asked.dim}
    line |= {name: round(value, 4) for name, value in report.metrics.items()}
    if single is not None:
        line["recall@50 over K=1"] = dataclasses.asdict(compare(report, single, "recall@50"))
    return line


def main(asked):
    """Train and measure every K and seed."""
    torch.set_num_threads(asked.threads)
    people = load_dataset(asked.data)
    for seed in range(asked.seed, asked.seed + asked.seeds):
        shared = shared_accounts(people, people=asked.people, seed=seed)
        split = split_by_user(shared.dataset, seed=seed)
        account = {n: u for u, n in enumerate(map(bytes, shared.dataset.histories))}
        users = [account[bytes(row)] for row in split.train][:500]
        mixed = partial(mix_of, category=shared.dataset.catalog.single_category)
        single = None
        for interests in asked.interests:
            began = time.perf_counter()
            wide = asked.wide and interests == 1
            dim = asked.dim * max(asked.interests) if wide else asked.dim
            config = config_of(asked, interests, dim)
            trained = fit(split, shared.dataset.catalog, config, TrainConfig(seed=seed))
            report = measured(trained.recommender, split)
            line = {
                "data": asked.data.name, "people": asked.people, "seed": seed, "K": interests,
                "D": dim, "readout": trained.settings["readout"],
                **trained.settings["options"],
                **{name: round(value, 4) for name, value in report.metrics.items()},
                "by_length@50": by_thirds(trained.recommender, split, lambda c: len(c.history)),
                "by_mix@50": by_thirds(trained.recommender, split, mixed),
                "purity": [round(v, 3) for v in routing(trained.recommender, shared, users)],
                "seconds": round(time.perf_counter() - began),
            }  # fmt: skip
            if interests == 1:
                single = report
            elif single is not None:
                for name in ("recall@50", "recall@200"):
                    line[f"{name} over K=1"] = dataclasses.asdict(compare(report, single, name))
            print(json.dumps(line), flush=True)
        if asked.ceiling:
            print(json.dumps(ceiling(asked, shared, split, seed, single)), flush=True)
    print(json.dumps(describe_environment()), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--people", type=int, default=1)
    parser.add_argument("--interests", type=int, action="append")
    parser.add_argument(
        "--heads", type=int, help="make all interests but so many clusters of the history",
    )  # fmt: skip
    parser.add_argument("--dim", type=int, default=32)
    parser.add_argument(
        "--wide",
        action="store_true",
        help="give K = 1 the width of the others together: the largest K · D",
    )
    parser.add_argument("--ceiling", action="store_true", help="see above")
    parser.add_argument(
        "--no-categories", dest="categories", action="store_false",
        help="let items of a category share nothing",
    )  # fmt: skip
    parser.add_argument("--readout", default="mixture")
    parser.add_argument("--max-len", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=1, help="so many, from --seed on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    given.interests = given.interests or [1, 2, 4, 8]
    main(given)
