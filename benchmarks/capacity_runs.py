"""The measurements of ``bench_capacity``: each runs one part of the package at one size.

A measurement is a function of sizes and a folder for files. It returns the sizes that remained
after filters, and CPU seconds or bytes by the names of ``QUANTITIES``. Each call must be in a new
process, because the largest memory of a process never falls.
"""

import contextlib
import io
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import torch
from scipy import sparse

from bench_recommend import make_catalog
from bench_search import mixture
from large_log import OF_TOPIC, make_log
from prismrec.cli import main as run_command
from prismrec.data import Case, Histories, Split, load_dataset, load_split
from prismrec.evaluation import (
    EASE_L2,
    KNN_SHRINKS,
    cosine_similarities,
    ease_weights,
    evaluate,
)
from prismrec.models import Forming, Model, Prism
from prismrec.recommend import Recommender, build_recommender, save
from prismrec.retrieval import (
    NEIGHBOURS,
    REFERENCE,
    RuleRetriever,
    count_rules,
    keep_strongest_positive,
)
from prismrec.training import RunConfig, Sizes, TrainConfig, dataset_stats, fit
from prismrec.training.build import build_model, build_objective
from prismrec.training.found_once import find_once
from prismrec.training.initialize import cooccurrence_vectors
from prismrec.training.planning import settings_of
from prismrec.training.run import Run
from prismrec.training.select_rules import VARIANTS
from prismrec.training.training_cost import BYTES_PER_RULE

Found = tuple[Sizes, dict[str, float]]
WARM_UP, STEPS, LISTS = 8, 20, 256


def histories_of(sizes: Sizes) -> Histories:
    """Return the histories of a log of these sizes, without filters."""
    log = make_log(sizes.events, sizes.users, sizes.items // OF_TOPIC)
    user, time_of = log["user"].to_numpy(), log["time"].to_numpy()
    order = np.lexsort((time_of, user))
    lengths = np.bincount(user, minlength=sizes.users)
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    items = log["item"].to_numpy()[order].astype(np.int64) + 1
    return Histories(indptr, items, time_of[order].astype(np.int64))


def seconds_of(function: Callable[[], object]) -> float:
    """Return the CPU seconds of a call in this process."""
    began = time.process_time()
    function()
    return time.process_time() - began


def peak() -> float:
    """Return the largest memory of this process so far, in bytes."""
    return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def in_use() -> float:
    """Return the memory of this process now, in bytes."""
    used: float = psutil.Process().memory_info().rss
    return used


def measure_log(sizes: Sizes, folder: Path) -> Found:
    """Write the log of ``measure_prepare``."""
    log = make_log(sizes.events, sizes.users, sizes.items // OF_TOPIC)
    log.write_parquet(folder / "log.parquet")
    return sizes, {}


def measure_prepare(sizes: Sizes, folder: Path) -> Found:
    """Measure ``prismrec prepare`` with its default filters."""
    command = ["prepare", str(folder / "log.parquet"), "--out", str(folder / "data"), "--json"]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        seconds = seconds_of(lambda: run_command(command))
    memory = peak()
    dataset = load_dataset(folder / "data")
    histories = dataset.histories
    left = replace(
        sizes, users=len(histories), items=dataset.catalog.size - 1, events=len(histories.items)
    )
    disk = sum(path.stat().st_size for path in (folder / "data").iterdir())
    return left, {
        "prepare.seconds": seconds,
        "prepare.memory": memory,
        "prepare.disk": float(disk),
    }


def measure_load(sizes: Sizes, folder: Path) -> Found:
    """Measure the memory of the data of a training, before it begins."""
    dataset = load_dataset(folder / "data")
    dataset_stats(load_split(folder / "data", dataset), dataset.catalog)
    return sizes, {"load.memory": peak()}


def measure_initial(sizes: Sizes, _folder: Path) -> Found:
    """Measure initial item vectors."""
    train = histories_of(sizes)
    seconds = seconds_of(lambda: cooccurrence_vectors(train, sizes.items + 1, dim=sizes.dim))
    return sizes, {"initial.seconds": seconds}


def measure_step(sizes: Sizes, _folder: Path) -> Found:
    """Measure steps of training with the default settings."""
    (config, training), train = settings_of(sizes), histories_of(sizes)
    model = build_model(config, sizes.items + 1, 0)
    objective = build_objective(config, torch.from_numpy(train.counts(sizes.items + 1)))
    run = Run(model, train, training, objective, folder=None, device=torch.device("cpu"))
    for _ in range(WARM_UP):
        run.step()
    seconds = seconds_of(lambda: [run.step() for _ in range(STEPS)])
    return sizes, {"step.seconds": seconds / STEPS}


def recommender_of(sizes: Sizes, index: str) -> tuple[Recommender, list[np.ndarray], float]:
    """Return a recommender with item vectors in clusters, histories, and the index's seconds."""
    vectors, _ = mixture(sizes.items, 1)
    repeated = np.tile(vectors, (1, -(-sizes.dim // vectors.shape[1])))
    vectors = np.ascontiguousarray(repeated[:, : sizes.dim])
    torch.manual_seed(0)
    extractor = Prism(dim=sizes.dim, interests=sizes.interests, max_len=50)
    model = Model(
        sizes.items + 1, extractor, similarity="dot", tie_embeddings=False, normalized=True
    )
    model = model.formed(Forming() if sizes.interests == 1 else None).eval()
    with torch.no_grad():
        for table in model.tables:
            table.weight[1:, : sizes.dim] = torch.from_numpy(vectors)
    generator, histories = np.random.default_rng(2), []
    for _ in range(LISTS + 200):  # of three tastes
        seeds = generator.integers(1, sizes.items + 1, 3)
        near = np.argsort(-(vectors[:10_000] @ vectors[seeds - 1].T), axis=0)[:30] + 1
        histories.append(generator.choice(near.ravel(), round(sizes.length)))
    began = time.process_time()
    recommender, _ = build_recommender(
        model, make_catalog(sizes.items), histories[LISTS:], index=index
    )
    return recommender, histories[:LISTS], time.process_time() - began


def measure_lists(index: str, sizes: Sizes, folder: Path) -> Found:
    """Measure an index, the artifact on disk and lists of 50 items in batches."""
    recommender, histories, built = recommender_of(sizes, index)
    recommender.ranked(histories[:8], 50)
    lists = seconds_of(lambda: recommender.ranked(histories, 50))
    save(recommender, folder / "artifact")
    disk = sum(path.stat().st_size for path in (folder / "artifact").rglob("*") if path.is_file())
    return sizes, {
        f"index.{index}.seconds": built,
        f"lists.{index}.seconds": lists / len(histories),
        f"artifact.{index}.disk": float(disk),
    }


def measure_rules(sizes: Sizes, _folder: Path) -> Found:
    """Measure tables of sequential rules; the memory is without the tables themselves."""
    train = histories_of(sizes)
    before, kept = in_use(), sparse.csr_array((0, 0))

    def make() -> None:
        nonlocal kept
        for backward, alpha, beta in VARIANTS:
            options = {"backward": backward, "alpha": alpha, "beta": beta}
            kept = count_rules(train, sizes.items + 1, neighbours=NEIGHBOURS, **options)

    seconds = seconds_of(make)
    return sizes, {
        "rules.sequential.seconds": seconds / len(VARIANTS),
        "rules.sequential.memory": peak() - before - 2 * BYTES_PER_RULE * kept.nnz,
    }


def measure_item_knn(sizes: Sizes, _folder: Path) -> Found:
    """Measure tables of item-kNN; the memory is without the tables themselves."""
    train = histories_of(sizes)
    before, kept = in_use(), sparse.csr_array((0, 0))

    def make() -> None:
        nonlocal kept
        for shrink in KNN_SHRINKS:
            kept = cosine_similarities(train, sizes.items + 1, neighbours=NEIGHBOURS, shrink=shrink)

    seconds = seconds_of(make)
    return sizes, {
        "rules.item-knn.seconds": seconds / len(KNN_SHRINKS),
        "rules.item-knn.memory": peak() - before - 2 * BYTES_PER_RULE * kept.nnz,
    }


def measure_ease(sizes: Sizes, _folder: Path) -> Found:
    """Measure the table of EASE."""
    train, before = histories_of(sizes), in_use()
    seconds = seconds_of(
        lambda: keep_strongest_positive(ease_weights(train, sizes.items + 1, EASE_L2), NEIGHBOURS)
    )
    return sizes, {"rules.ease.seconds": seconds, "rules.ease.memory": peak() - before}


def measure_blend(sizes: Sizes, _folder: Path) -> Found:
    """Measure the evaluation of lists that are blended with rules, of candidates found once."""
    train = histories_of(sizes)
    options = {"backward": 0.5, "alpha": 0.0, "beta": 0.3, "weight": 1.0}
    rules = RuleRetriever.count(train, sizes.items + 1, **options)
    vectors, _ = mixture(sizes.items, 1)
    model = Model(sizes.items + 1, Prism(dim=64, interests=1, max_len=50), tie_embeddings=False)
    with torch.no_grad():
        for table in model.tables:
            table.weight[1:, :64] = torch.from_numpy(vectors)
    recommender = Recommender.exact(model.eval(), make_catalog(sizes.items))
    cases = [Case(train[user][:-1], train[user][-1:]) for user in range(LISTS)]
    cases = [case for case in cases if len(case.history)]
    found = find_once(recommender, cases, depth=REFERENCE, exclude_seen=True)
    seconds = seconds_of(lambda: evaluate(found.lists(rules), cases, ks=[10, 50], only=("recall",)))
    return sizes, {"rules.blend.seconds": seconds / len(cases)}


def measure_training(sizes: Sizes, folder: Path) -> Found:
    """Measure the memory of a whole training of few steps, with few validation users."""
    train = histories_of(sizes)
    cases = [
        Case(train[user][:-1], train[user][-1:]) for user in range(300) if len(train[user]) > 2
    ]
    split = Split(train=train, valid=cases, test=[], how="measured")
    config, training = RunConfig(dim=sizes.dim), TrainConfig(steps=30, device="cpu")
    began = in_use()
    fit(split, make_catalog(sizes.items), config, training, folder=folder / "run")
    return sizes, {"train.memory": peak() - began}
