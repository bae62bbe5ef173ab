"""An estimate of what a training will cost on this machine, before it begins.

    estimate = estimate_training(split, catalog, config, training)
    print(estimate)    # about 42 min (initial vectors 63 s, steps 29 min, lists 12 min) and 5.4 GB

A few steps and searches are run with random vectors on a part of the data, with the settings of the
training. The rest follows from the sizes. Early stopping can make the training shorter. Not in it:
the tables of rules, which are only tried for small catalogs, and a second model for comparison.
"""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from prismrec.data import Catalog, Histories, Split
from prismrec.models import Model
from prismrec.retrieval import ExactIndex
from prismrec.training.build import build_model, build_objective
from prismrec.training.config import EPOCHS, TrainConfig
from prismrec.training.initialize import CLUSTER_ROUNDS
from prismrec.training.loop import check_gradients
from prismrec.training.popularity import COMPARED_USERS
from prismrec.training.run import Run, pick_device
from prismrec.training.run_config import RunConfig, require
from prismrec.training.select import LONGEST, VALIDATION_USERS
from prismrec.training.select_forming import FORMING_USERS, FORMINGS, UNCERTAIN
from prismrec.training.select_init import INIT_USERS, UP_TO
from prismrec.training.select_rules import RULE_USERS

MANY_EVENTS = 1_000_000
"""Training events from which ``prismrec train`` prints an estimate."""
MOST_ITEMS = 1_000_000
"""Items of the part that is measured. With sparse gradients a step takes as long with more; a
search is proportional."""
MOST_USERS = 2_000
"""Training users of the part that is measured."""
STEPS, WARM_UP = 20, 8
"""Steps that are measured, after some that allocate."""
SEARCHED = 32
"""Users whose lists are measured."""
PER_EVENT, PER_ITEM = 1.5e-6, 4e-5
"""Seconds of the initial item vectors per event and per item, on two Intel cores."""


@dataclass(frozen=True)
class Estimate:
    """What a training will cost: seconds by part, and memory."""

    initial: float
    """Seconds for the initial item vectors."""
    steps: float
    """Seconds for the steps of all epochs."""
    validation: float
    """Seconds for the lists of validation users, after each epoch and after the last step."""
    memory: int
    """Bytes of memory at most; with CUDA, a part of it is on the GPU."""

    @property
    def seconds(self) -> float:
        """Seconds of all parts."""
        return self.initial + self.steps + self.validation

    def __str__(self) -> str:
        parts = ("initial vectors", self.initial), ("steps", self.steps), ("lists", self.validation)
        named = ", ".join(f"{name} {duration(seconds)}" for name, seconds in parts)
        return f"about {duration(self.seconds)} ({named}) and {self.memory / 1e9:.1f} GB of memory"


def estimate_training(
    split: Split, catalog: Catalog, config: RunConfig, training: TrainConfig
) -> Estimate:
    """Estimate the cost of ``fit`` with resolved settings.

    Raises:
        DataError, ConfigError: The training itself would raise it.

    Cost: a few seconds, and the memory of a model of ``MOST_ITEMS`` items.
    """
    size, in_use = min(catalog.size, MOST_ITEMS + 1), _bytes_in_use()
    part = _part_of(split.train, size)
    model = build_model(config, size, training.seed)
    counts = torch.from_numpy(part.counts(size))
    objective, device = build_objective(config, counts), pick_device(training)
    check_gradients(training, objective)
    run = Run(model.to(device), part, training, objective, folder=None, device=device)
    _seconds_of(run.step, WARM_UP)
    before = run.pairs
    per_pair = _seconds_of(run.step, STEPS) / max(run.pairs - before, 1)
    pairs = len(split.train.items) if training.targets == "all" else len(split.train)
    of_epoch = max(pairs // training.batch_size, 1)
    steps = training.steps or (training.epochs or EPOCHS) * of_epoch
    seconds = per_pair * steps * min(training.batch_size, pairs)
    validations = -(-steps // (training.validate_every or of_epoch))
    interests = UNCERTAIN.interests if config.forming else require(config.interests)
    per_user = _seconds_per_user(model.cpu(), interests)
    users = _users_of_lists(config, len(split.valid), validations, catalog.size - 1)
    initial = PER_EVENT * len(split.train.items) + PER_ITEM * catalog.size
    initial *= _initializations(config, catalog.size - 1)
    return Estimate(
        initial=initial,
        steps=seconds,
        validation=users * per_user * catalog.size / size,
        memory=in_use + _bytes_of(config, training, catalog.size, len(split.train.items)),
    )


def _part_of(train: Histories, size: int) -> Histories:
    """Return the histories of some users, evenly spread, with item numbers below ``size``."""
    users = np.flatnonzero(train.lengths >= 2)  # the others have no training pair
    users = users[:: max(-(-len(users) // MOST_USERS), 1)].tolist()
    return Histories.of([((train[user] - 1) % (size - 1) + 1).tolist() for user in users])


def _seconds_of(function: Callable[[], object], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        function()
    return time.perf_counter() - began


def _seconds_per_user(model: Model, interests: int) -> float:
    """Measure how long one list takes when many are made together: the search of its interests."""
    index = ExactIndex.build(model.vectors_as_numpy(), np.arange(1, model.size))
    width = index.vectors.shape[1]
    queries = np.random.default_rng(0).standard_normal((SEARCHED * interests, width))
    queries = queries.reshape(SEARCHED, interests, width).astype(np.float32)
    index.search(queries[:1], LONGEST)
    return _seconds_of(lambda: index.search(queries, LONGEST), 1) / SEARCHED


def _initializations(config: RunConfig, items: int) -> int:
    """Return how often initial item vectors are computed."""
    if config.init != "cooccurrence":
        return 0
    return 2 + CLUSTER_ROUNDS if _compares_initial_models(config, items) else 1


def _compares_initial_models(config: RunConfig, items: int) -> bool:
    """Return whether ``choose_initial_model`` compares two models, given enough users."""
    open_to_choice = bool(config.forming) and config.init == "cooccurrence"
    return open_to_choice and config.init_clusters is None and items <= UP_TO


def _users_of_lists(config: RunConfig, valid: int, validations: int, items: int) -> int:
    """Return for how many validation users lists are made in all, with repetitions."""
    users = validations * min(valid, VALIDATION_USERS) + min(valid, COMPARED_USERS)
    if config.forming:
        users += (1 + len(FORMINGS)) * min(valid, FORMING_USERS)
    if _compares_initial_models(config, items):
        users += 2 * min(valid, INIT_USERS)
    return users + (min(valid, RULE_USERS) if config.rules else 0)


def _bytes_of(config: RunConfig, training: TrainConfig, size: int, events: int) -> int:
    """Return the bytes of the tables with all their copies, and of the largest stage.

    Copies: the weights, two moments, the averages, the best weights; the gradients unless they are
    sparse; and the vectors that are searched.
    """
    table = 4 * size * (config.dim + 1)
    tables = table if config.tie_embeddings else 2 * table
    copies = 4 + bool(training.ema_decay) + (not training.sparse)
    pairs = 60 * min(10 * events, 3 * 10**7) if config.init == "cooccurrence" else 0
    return max(copies * tables + table, tables + 4 * table + pairs)


def _bytes_in_use() -> int:
    """Return the largest memory of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def duration(seconds: float) -> str:
    """Return a duration in words: ``45 s``, ``12 min`` or ``3.5 h``."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
