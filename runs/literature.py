"""The literature in one evaluator: published models, as published and as our trainer trains them.

    python runs/literature.py DATA --protocol by-user --split-seed 2020 --seeds 1
    python runs/literature.py DATA --protocol leave-last-out --model prism --model sa

DATA is a data set folder; the protocol and its seed are given here, whatever the folder's own. One
JSON line a model and seed: metrics on the test users with items of the history kept and filtered,
training seconds, pairs a second; a model with rules beside it also says what it is without them.
The rules come first: they are what everything is held against. Prism learns from the items'
categories where they have any, as it does by itself; "no categories" is for whom that is no fair
comparison.
"""

import argparse
import json
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from prismrec.data.split import SPLITS, make_split
from prismrec.data.storage import load_dataset
from prismrec.errors import DataError
from prismrec.evaluation.baselines import BASELINES, by_score
from prismrec.evaluation.environment import describe_environment
from prismrec.evaluation.evaluate import evaluate
from prismrec.training import RunConfig, TrainConfig, fit

PUBLISHED = TrainConfig(
    targets="random", batch_size=128, learning_rate=1e-3, warmup=0, schedule="constant",
    epochs=300, patience=10, sparse=False,
)  # fmt: skip
"""One random target a user and step, Adam at 1e-3: what the ComiRec code does, until validation
no longer rises."""
VALIDATED = {"leave-last-out": 500}
"""Steps between two validations of what is as published, 100 under another protocol. This one asks
every user at each."""
DOT = RunConfig(
    readout="hard", similarity="dot", dropout=0.0, negatives=1_280, rules=False, index="exact",
    sampler="uniform", init="random", tie_embeddings=True,
)  # fmt: skip
OURS = RunConfig(rules=False, index="exact")
SLOTS = {"positions": "slot"}
MODELS: dict[str, tuple[RunConfig, TrainConfig]] = {
    "comirec-sa, published": (replace(DOT, extractor="sa", options=SLOTS), PUBLISHED),
    "comirec-dr, published": (replace(DOT, extractor="dr"), PUBLISHED),
    "mind, published": (replace(DOT, extractor="mind"), PUBLISHED),
    "youtube-dnn, published": (replace(DOT, extractor="mean"), PUBLISHED),
    "gru4rec, published": (replace(DOT, extractor="gru"), PUBLISHED),
    "remi, published": (
        replace(DOT, extractor="sa", loss="hard_negatives", routing_variance=1e2, options=SLOTS),
        replace(PUBLISHED, batch_size=1_024),
    ),
    "mean": (replace(OURS, extractor="mean"), TrainConfig()),
    "gru": (replace(OURS, extractor="gru"), TrainConfig()),
    "sa": (replace(OURS, extractor="sa"), TrainConfig()),
    "sa K=1": (replace(OURS, extractor="sa", interests=1), TrainConfig()),
    "dr": (replace(OURS, extractor="dr"), TrainConfig()),
    "mind": (replace(OURS, extractor="mind"), TrainConfig()),
    "transformer": (replace(OURS, extractor="transformer"), TrainConfig()),
    "prism": (OURS, TrainConfig()),
    "prism K=1": (replace(OURS, interests=1), TrainConfig()),
    "prism with rules": (replace(OURS, rules=True), TrainConfig()),
    "prism with rules, no categories": (
        replace(OURS, rules=True, categories=False),
        TrainConfig(),
    ),
}
KS = (10, 20, 50)
METRICS = ("recall", "ndcg", "hit_rate")


def numbers(recommend_of, cases):
    """Evaluate with items of the history kept and filtered."""
    found = {}
    for name, filtered in (("keep", False), ("filter", True)):
        report = evaluate(recommend_of(filtered), cases, ks=KS, only=METRICS)
        found[name] = {metric: round(value, 4) for metric, value in report.metrics.items()}
    return found


def tested(recommender, cases):
    """Evaluate a recommender."""
    return numbers(lambda filtered: partial(recommender.ranked, exclude_seen=filtered), cases)


def main(asked):
    """Measure the baselines, then every model and seed."""
    torch.set_num_threads(asked.threads)
    dataset = load_dataset(asked.data)
    options = {"seed": asked.split_seed} if asked.protocol == "by-user" else {}
    split = make_split(dataset, asked.protocol, **options)
    about = {"data": asked.data.name, "protocol": split.how}
    for name in asked.baseline:
        try:
            score = BASELINES[name](split.train, split.valid, dataset.catalog.size).score
        except DataError as error:
            print(json.dumps(about | {"model": name, "left out": str(error)}), flush=True)
            continue
        found = numbers(
            lambda filtered, score=score: by_score(score, exclude_seen=filtered), split.test
        )
        print(json.dumps(about | {"model": name, **found}), flush=True)
    for name in asked.model or MODELS:
        config, training = MODELS[name]
        if name.endswith("published"):
            training = replace(training, validate_every=VALIDATED.get(asked.protocol, 100))
        for seed in range(asked.seeds):
            began = time.perf_counter()
            trained = fit(split, dataset.catalog, config, replace(training, seed=seed))
            seconds = time.perf_counter() - began
            found = tested(trained.recommender, split.test)
            if trained.recommender.rules is not None:
                alone = trained.recommender.with_rules(None)
                found["without rules"] = tested(alone, split.test)
            line = about | {
                "model": name, "seed": seed, **found, "seconds": round(seconds),
                "training_seconds": round(trained.result.seconds),
                "pairs_per_second": round(trained.result.pairs_per_second),
                "best_step": trained.result.best_step, **trained.notes,
            }  # fmt: skip
            print(json.dumps(line), flush=True)
    print(json.dumps(describe_environment()), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--protocol", default="by-user", choices=SPLITS)
    parser.add_argument("--split-seed", type=int, default=2020)
    parser.add_argument("--model", action="append", choices=MODELS)
    parser.add_argument("--baseline", nargs="*", default=["sequential-rules"], choices=BASELINES)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    main(parser.parse_args())
