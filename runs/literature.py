"""Evaluate published models in one evaluator: with published settings, and with our trainer.

    python runs/literature.py DATA --protocol by-user --split-seed 2020 --seeds 1
    python runs/literature.py DATA --protocol leave-last-out --model prism --model sa

DATA is a data set folder. The split is chosen here, not by the folder. Prints one JSON line per
model and seed: metrics on the test users with items of the history kept and left out, seconds of
training, training pairs per second. A model with a rule retriever is also evaluated without it.

The baselines come first. Prism uses the categories of the items if there are any; compare "no
categories" with models that do not use them.
"""

import argparse
import json
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from prismrec.data import load_dataset, make_split
from prismrec.data.split import SPLITS
from prismrec.errors import DataError
from prismrec.evaluation import BASELINES, by_score, describe_environment, evaluate
from prismrec.io import set_threads
from prismrec.training import RunConfig, TrainConfig, fit

PUBLISHED = TrainConfig(
    targets="random", batch_size=128, learning_rate=1e-3, warmup=0, schedule="constant",
    epochs=300, patience=10, sparse=False,
)  # fmt: skip
"""Settings of the ComiRec code: one random target per user and step, Adam at 1e-3, until the
validation metric no longer rises."""
VALIDATED = {"leave-last-out": 500}
"""Steps between two validations of a published model; 100 for other protocols. Leave-last-out
validates on every user, which takes longer."""
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


def evaluate_both(recommend_of, cases):
    """Evaluate with items of the history kept in the list, and with them left out."""
    metrics = {}
    for name, filtered in (("keep", False), ("filter", True)):
        report = evaluate(recommend_of(filtered), cases, ks=KS, only=METRICS)
        metrics[name] = {metric: round(value, 4) for metric, value in report.metrics.items()}
    return metrics


def evaluate_recommender(recommender, cases):
    """Evaluate a recommender both ways."""
    return evaluate_both(lambda filtered: partial(recommender.ranked, exclude_seen=filtered), cases)


def main(args):
    """Evaluate the baselines, then every model and seed."""
    set_threads(args.threads)
    dataset = load_dataset(args.data)
    options = {"seed": args.split_seed} if args.protocol == "by-user" else {}
    split = make_split(dataset, args.protocol, **options)
    about = {"data": args.data.name, "protocol": split.how}
    for name in args.baseline:
        try:
            score = BASELINES[name](split.train, split.valid, dataset.catalog.size).score
        except DataError as error:
            print(json.dumps(about | {"model": name, "left out": str(error)}), flush=True)
            continue
        found = evaluate_both(
            lambda filtered, score=score: by_score(score, exclude_seen=filtered), split.test
        )
        print(json.dumps(about | {"model": name, **found}), flush=True)
    for name in args.model or MODELS:
        config, training = MODELS[name]
        if name.endswith("published"):
            training = replace(training, validate_every=VALIDATED.get(args.protocol, 100))
        for seed in range(args.seeds):
            began = time.perf_counter()
            trained = fit(split, dataset.catalog, config, replace(training, seed=seed))
            seconds = time.perf_counter() - began
            found = evaluate_recommender(trained.recommender, split.test)
            if trained.recommender.rules is not None:
                alone = trained.recommender.with_rules(None)
                found["without rules"] = evaluate_recommender(alone, split.test)
            line = about | {
                "model": name, "seed": seed, **found, "seconds": round(seconds),
                "training_seconds": round(trained.result.seconds),
                "pairs_per_second": round(trained.result.pairs_per_second),
                "best_step": trained.result.best_step, **trained.notes,
            }  # fmt: skip
            print(json.dumps(line), flush=True)
    print(json.dumps(describe_environment()), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--protocol", default="by-user", choices=SPLITS)
    parser.add_argument("--split-seed", type=int, default=2020)
    parser.add_argument("--model", action="append", choices=MODELS)
    parser.add_argument("--baseline", nargs="*", default=["sequential-rules"], choices=BASELINES)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    main(parser.parse_args())
