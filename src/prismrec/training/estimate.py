"""An estimate of what a training will cost on this machine, before it begins.

    estimate = estimate_training(split, catalog, config, training)
    print(estimate)
    # about 55 min (initial vectors 63 s, steps 29 min, lists 12 min, rules 13 min) and 5.4 GB

A few steps and searches are run with random vectors on a part of the data, with the settings of the
training. The rest follows from the sizes: initial vectors and tables of rules by the coefficients
of ``capacity``, which were measured on another machine. Early stopping can make the training
shorter. Not in it: a second model for comparison.
"""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from prismrec.data import Catalog, Histories, Split
from prismrec.io import duration
from prismrec.models import Model
from prismrec.retrieval import ExactIndex
from prismrec.training.build import build_model, build_objective
from prismrec.training.capacity import read_coefficients
from prismrec.training.config import EPOCHS, TrainConfig
from prismrec.training.loop import check_gradients
from prismrec.training.processes import current_processes
from prismrec.training.run import Run, pick_device
from prismrec.training.run_config import RunConfig, require
from prismrec.training.select_forming import usual_forming
from prismrec.training.sharding import is_sharded
from prismrec.training.sizes import Sizes
from prismrec.training.training_cost import (
    bytes_of_training,
    initializations,
    seconds_of_rules,
    users_of_lists,
)
from prismrec.training.validation import LONGEST

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


@dataclass(frozen=True)
class Estimate:
    """What a training will cost: seconds by part, and memory."""

    initial: float
    """Seconds for the initial item vectors."""
    steps: float
    """Seconds for the steps of all epochs."""
    validation: float
    """Seconds for the lists of validation users, after each epoch and after the last step."""
    rules: float
    """Seconds for the tables of rules and the lists that are blended with them."""
    memory: int
    """Bytes of memory at most; with CUDA, a part of it is on the GPU."""

    @property
    def seconds(self) -> float:
        """Seconds of all parts."""
        return self.initial + self.steps + self.validation + self.rules

    def __str__(self) -> str:
        parts = {
            "initial vectors": self.initial,
            "steps": self.steps,
            "lists": self.validation,
            "rules": self.rules,
        }
        named = ", ".join(f"{name} {duration(seconds)}" for name, seconds in parts.items())
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
    formed = usual_forming(mixed=bool(config.train_clusters))
    interests = formed.interests if config.forming else require(config.interests)
    per_user = _seconds_per_user(model.cpu(), interests)
    valid, measured = len(split.valid), read_coefficients()
    users = users_of_lists(config, valid, validations, catalog.size - 1)
    sizes = _sizes_of(split.train, catalog.size - 1, config)
    initial = measured.predict("initial.seconds", sizes).value
    rules = seconds_of_rules(sizes, valid, measured).value if config.rules else 0.0
    processes = current_processes()
    shards = processes.count if is_sharded(training, catalog.size - 1, processes) else 1
    needed = bytes_of_training(config, training, sizes, measured, shards=shards)
    return Estimate(
        initial=initial * initializations(config, catalog.size - 1),
        steps=seconds,
        validation=users * per_user * catalog.size / size,
        rules=rules,
        memory=in_use + round(needed.value),
    )


def _sizes_of(train: Histories, items: int, config: RunConfig) -> Sizes:
    """Return the sizes of the training histories; items without training events count too."""
    events = max(len(train.items), items)
    users = max(int(np.count_nonzero(train.lengths)), 1)
    interests = require(config.interests)
    return Sizes(users=users, items=items, events=events, dim=config.dim, interests=interests)


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


def _bytes_in_use() -> int:
    """Return the largest memory of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
