"""Do several interests pay? One model at several K, on accounts of one or several people.

    python runs/interests.py DATA --people 4 --dim 32 --interests 1 --interests 4 --seeds 2

DATA is a data set folder of single users (``prismrec prepare``); accounts are merged from it, so
that whose each event is is known. Prints a JSON line a model: recall at several depths (seen items
filtered), the same by length of the history, purity of the routing, and paired differences
against K = 1 with 95 % intervals.
"""

import argparse
import dataclasses
import json
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch

from prismrec.cli.run import RunConfig, run
from prismrec.cli.surroundings import surroundings
from prismrec.compare import compare
from prismrec.data.shared import purity, shared_accounts
from prismrec.data.split import split_by_user
from prismrec.data.storage import load_dataset
from prismrec.evaluation import evaluate
from prismrec.training import TrainConfig

DEPTHS = (10, 20, 50, 200, 1000)


def routing(recommender, shared, users):
    """Give the mean purity of the routing over some accounts, and that of a single interest."""
    found = []
    longest = recommender.model.extractor.max_len
    for start in range(0, len(users), 128):
        block = users[start : start + 128]
        histories = [shared.dataset.histories[user] for user in block]
        weights = recommender.interests_of(histories).weights.float().numpy()
        for row, user in enumerate(block):
            owner = shared.owners_of(user)[-longest:]
            found.append(purity(weights[row, :, : len(owner)], owner))
    return np.nanmean(found, axis=0).tolist()


def measured(recommender, split):
    """Evaluate lists without what was seen, at every depth."""
    recommend = partial(recommender.ranked, filter_seen=True)
    ks = tuple(k for k in DEPTHS if k < recommender.catalog.size)
    return evaluate(recommend, split.test, ks=ks, only=("recall",))


def by_length(recommender, split):
    """Give recall@50 of the shortest third of the histories, the middle one and the longest."""
    ordered = sorted(split.test, key=lambda case: len(case.history))
    thirds = [ordered[i * len(ordered) // 3 : (i + 1) * len(ordered) // 3] for i in range(3)]
    recommend = partial(recommender.ranked, filter_seen=True)
    return [
        evaluate(recommend, third, ks=(50,), only=("recall",)).metrics["recall@50"]
        for third in thirds
    ]


def main(asked):
    """Train and measure every K and seed."""
    torch.set_num_threads(asked.threads)
    people = load_dataset(asked.data)
    for seed in range(asked.seeds):
        shared = shared_accounts(people, people=asked.people, seed=seed)
        split = split_by_user(shared.dataset, seed=seed)
        account = {n: u for u, n in enumerate(map(bytes, shared.dataset.histories))}
        users = [account[bytes(row)] for row in split.train][:500]
        single = None
        for interests in asked.interests:
            began = time.perf_counter()
            wide = asked.wide and interests == 1
            dim = asked.dim * max(asked.interests) if wide else asked.dim
            config = RunConfig(
                extractor="prism", interests=interests, dim=dim, max_len=asked.max_len,
                filter_seen=True, rules=False, readout=asked.readout, index="exact",
            )  # fmt: skip
            trained = run(config, TrainConfig(seed=seed), split, shared.dataset.catalog)
            report = measured(trained.recommender, split)
            line = {
                "data": asked.data.name, "people": asked.people, "seed": seed, "K": interests,
                "D": dim, "readout": trained.settings["readout"],
                **{name: round(value, 4) for name, value in report.metrics.items()},
                "by_length@50": [round(v, 4) for v in by_length(trained.recommender, split)],
                "purity": [round(v, 3) for v in routing(trained.recommender, shared, users)],
                "seconds": round(time.perf_counter() - began),
            }  # fmt: skip
            if interests == 1:
                single = report
            elif single is not None:
                for name in ("recall@50", "recall@200"):
                    line[f"{name} over K=1"] = dataclasses.asdict(compare(report, single, name))
            print(json.dumps(line), flush=True)
    print(json.dumps(surroundings()), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--people", type=int, default=1)
    parser.add_argument("--interests", type=int, action="append")
    parser.add_argument("--dim", type=int, default=32)
    parser.add_argument(
        "--wide",
        action="store_true",
        help="give K = 1 the width of the others together: the largest K · D",
    )
    parser.add_argument("--readout", default="mixture")
    parser.add_argument("--max-len", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    given.interests = given.interests or [1, 2, 4, 8]
    main(given)
