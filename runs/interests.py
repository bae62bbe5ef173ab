"""Do several interests pay? Train one model at several K, on accounts of one or several people.

    python runs/interests.py DATA --people 4 --dim 32 --interests 1 --interests 4 --seeds 2

DATA is a data set folder of single users (``prismrec prepare``). Accounts are merged from it, so
that the owner of each event is known; ``shared_accounts.py`` writes such accounts as a folder.

Prints one JSON line per model: recall at several list lengths (items of the history left out);
recall@50 by length of the history and by how mixed its categories are; purity of the interests;
and differences to K = 1, paired by account, with 95 % intervals.

With ``--formed`` it also trains the default model, whose interests are formed from the history.

With ``--heads H`` all interests but H are clusters of the history; K = 1 is always a head.

``--ceiling`` also evaluates a model of one interest that knows the owner of each event, in training
and in evaluation. It is trained on each person alone, and the list of an account mixes the lists of
its people, weighted by their shares of the events. It measures how much the owners are worth.
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

from prismrec.data import Case, Histories, Split, load_dataset, split_by_user
from prismrec.evaluation import compare, describe_environment, evaluate
from prismrec.io import set_threads
from prismrec.training import RunConfig, TrainConfig, fit, with_one_interest
from prismrec.types import RankedItems

DEPTHS = (10, 20, 50, 200, 1000)


def mean_purity(recommender, shared, users):
    """Compute the mean purity over some accounts, of the interests and of a single interest."""
    values = []
    longest = recommender.model.extractor.max_len
    for start in range(0, len(users), 128):
        block = users[start : start + 128]
        histories = [shared.dataset.histories[user] for user in block]
        weights = recommender.model.interests_of(histories).weights.float().numpy()
        for row, user in enumerate(block):
            owner = shared.owners_of(user)[-longest:]
            values.append(purity(weights[row, :, : len(owner)], owner))
    return np.nanmean(values, axis=0).tolist()


def evaluate_depths(recommender, split):
    """Evaluate recall at every list length, items of the history left out."""
    recommend = partial(recommender.ranked, exclude_seen=True)
    return evaluate(recommend, split.test, ks=depths(recommender.catalog), only=("recall",))


def depths(catalog):
    """Return the list lengths that the catalog is large enough for."""
    return tuple(k for k in DEPTHS if k < catalog.size)


def category_mix(case, *, category):
    """Compute the share of the pairs of a history's events that differ in category."""
    _, counts = np.unique(category[case.history], return_counts=True)
    pairs = len(case.history) * (len(case.history) - 1)
    return 1 - (counts * (counts - 1)).sum() / max(pairs, 1)


def by_thirds(recommender, split, key):
    """Compute recall@50 of each third of the test cases, ordered by a key."""
    ordered = sorted(split.test, key=key)
    thirds = [ordered[i * len(ordered) // 3 : (i + 1) * len(ordered) // 3] for i in range(3)]
    recommend = partial(recommender.ranked, exclude_seen=True)
    reports = [evaluate(recommend, third, ks=(50,), only=("recall",)) for third in thirds]
    return [round(report.metrics["recall@50"], 4) for report in reports]


def split_people(shared, split):
    """Return the split with the people of every account separated, and a function to separate.

    People without targets are left out. The function takes the history of a training or test
    account and returns one history per person.
    """
    accounts = enumerate(map(bytes, shared.dataset.histories))
    owners = {whole: shared.owners_of(account) for account, whole in accounts}
    for case in split.test:
        whole = np.concatenate([case.history, case.targets])
        owners[bytes(case.history)] = owners[bytes(whole)]

    def separate(items):
        owner = owners[bytes(items)][: len(items)]
        return [items[owner == person] for person in np.unique(owner)]

    cases = []
    for case in split.valid:
        whole = np.concatenate([case.history, case.targets])
        owner, length = owners[bytes(whole)], len(case.history)
        for person in np.unique(owner):
            mask = owner == person
            history, targets = case.history[mask[:length]], case.targets[mask[length:]]
            if len(history) and len(targets):
                cases.append(Case(history, targets))
    train = Histories.of([one.tolist() for whole in split.train for one in separate(whole)])
    return Split(train, cases, split.test, f"{split.how}; people separated"), separate


def recommend_by_owner(recommender, separate):
    """Build a function that recommends by a mixture of the probabilities of an account's people."""
    vectors = recommender.model.item_vectors().detach().numpy()

    def recommend(histories, k):
        items = np.zeros((len(histories), k), dtype=np.int64)
        for row, history in enumerate(histories):
            people = separate(history)
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


def config_of(args, interests, dim, *, formed=False):
    """Return the settings of one run."""
    clusters = 0 if args.heads is None else interests - args.heads
    config = RunConfig(
        extractor="prism", interests=interests, dim=dim, max_len=args.max_len,
        exclude_seen=True, rules=False, readout=args.readout, index="exact",
        categories=None if args.categories else False,
        options={"clusters": clusters} if clusters > 0 else {},
    )  # fmt: skip
    return with_one_interest(config) if interests == 1 and not formed else config


def notes_of(trained, formed):
    """Return what the training of the default model has chosen."""
    if not formed:
        return {}
    chosen = {name: trained.settings[name] for name in ("init_clusters", "train_clusters")}
    return {"formed": trained.notes["interests"], **chosen}


def ceiling(args, shared, split, seed, single):
    """Train and evaluate a model of one interest that knows the owner of each event."""
    people, separate = split_people(shared, split)
    config = config_of(args, 1, args.dim)
    trained = fit(people, shared.dataset.catalog, config, TrainConfig(seed=seed))
    recommend = recommend_by_owner(trained.recommender, separate)
    ks = depths(shared.dataset.catalog)
    report = evaluate(recommend, split.test, ks=ks, only=("recall",))
    line = {"people": args.people, "seed": seed, "K": "owners known", "D": args.dim}
    line |= {name: round(value, 4) for name, value in report.metrics.items()}
    if single is not None:
        line["recall@50 over K=1"] = dataclasses.asdict(compare(report, single, "recall@50"))
    return line


def main(args):
    """Train and evaluate every K and seed."""
    set_threads(args.threads)
    people = load_dataset(args.data)
    for seed in range(args.seed, args.seed + args.seeds):
        shared = shared_accounts(people, people=args.people, seed=seed)
        split = split_by_user(shared.dataset, seed=seed)
        account = {n: u for u, n in enumerate(map(bytes, shared.dataset.histories))}
        users = [account[bytes(row)] for row in split.train][:500]
        mixed = partial(category_mix, category=shared.dataset.catalog.single_category)
        single = None
        models = [(interests, False) for interests in args.interests]
        for interests, formed in [*models, *([(1, True)] if args.formed else [])]:
            began = time.perf_counter()
            wide = args.wide and interests == 1
            dim = args.dim * max(args.interests) if wide else args.dim
            config = config_of(args, interests, dim, formed=formed)
            trained = fit(split, shared.dataset.catalog, config, TrainConfig(seed=seed))
            report = evaluate_depths(trained.recommender, split)
            line = {
                "data": args.data.name, "people": args.people, "seed": seed, "K": interests,
                "D": dim, "readout": trained.settings["readout"], **notes_of(trained, formed),
                **trained.settings["options"],
                **{name: round(value, 4) for name, value in report.metrics.items()},
                "by_length@50": by_thirds(trained.recommender, split, lambda c: len(c.history)),
                "by_mix@50": by_thirds(trained.recommender, split, mixed),
                "purity": [round(v, 3) for v in mean_purity(trained.recommender, shared, users)],
                "seconds": round(time.perf_counter() - began),
            }  # fmt: skip
            if interests == 1 and not formed:
                single = report
            elif single is not None:
                for name in ("recall@50", "recall@200"):
                    line[f"{name} over K=1"] = dataclasses.asdict(compare(report, single, name))
            print(json.dumps(line), flush=True)
        if args.ceiling:
            print(json.dumps(ceiling(args, shared, split, seed, single)), flush=True)
    print(json.dumps(describe_environment()), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="data set folder of single users")
    parser.add_argument("--people", type=int, default=1, help="users per account")
    parser.add_argument("--interests", type=int, action="append", help="K; may be repeated")
    parser.add_argument("--heads", type=int, help="number of heads; the others are clusters")
    parser.add_argument("--dim", type=int, default=32, help="width of the item vectors, D")
    parser.add_argument(
        "--wide", action="store_true", help="train K = 1 at the largest K times D as width"
    )
    parser.add_argument("--formed", action="store_true", help="also train the default model")
    parser.add_argument("--ceiling", action="store_true", help="also evaluate known owners")
    parser.add_argument(
        "--no-categories", dest="categories", action="store_false",
        help="train without the categories of the items",
    )  # fmt: skip
    parser.add_argument("--readout", default="mixture")
    parser.add_argument("--max-len", type=int, default=100, help="newest events that are read")
    parser.add_argument("--seeds", type=int, default=1, help="number of seeds, from --seed on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    arguments.interests = arguments.interests or [1, 2, 4, 8]
    main(arguments)
