"""Selection on validation, before training: in which pairs of events co-occurrence is counted.

    config, model, reason = choose_initial_model(config, split, catalog, seed)

If a history has several tastes, most of its pairs have no meaning. Then pairs are counted within
the clusters of each history only (``init_from_cooccurrence``). Both ways are compared on the lists
of the untrained model, which takes seconds and no second training.
"""

from dataclasses import replace

import torch

from prismrec.data import Catalog, Split
from prismrec.io import track
from prismrec.models import Model
from prismrec.recommend import Recommender
from prismrec.training.build import build_initial_model
from prismrec.training.checkpoint import TrainingState
from prismrec.training.processes import current_processes
from prismrec.training.run_config import RunConfig, require
from prismrec.training.select_forming import UNCERTAIN
from prismrec.training.validation import (
    MIN_USERS,
    evenly_spread_with_history,
    measure_one,
    validation_metric,
)

CLUSTERS = 6
"""Largest number of clusters of a history, if co-occurrence is counted within them."""
TRAIN_CLUSTERS = 8
"""The same for those that a training reads."""
MIN_GAIN = 1.1
"""Factor by which the metric must rise. Training makes up for smaller gains: with 1.05 on accounts
of one person (Toys), a trained model was level; with 1.14 and more on shared accounts it was better
(docs/lab.md)."""
INIT_USERS = 2_000
"""Largest number of validation users that compare, evenly spread."""
UP_TO = 100_000
"""Largest catalog for which both ways are compared."""


def choose_initial_model(
    config: RunConfig, split: Split, catalog: Catalog, seed: int, *, resume: bool = False
) -> tuple[RunConfig, Model, str | None]:
    """Build the model that training starts from.

    ``init_clusters`` is chosen on validation, if it is None and interests are formed.

    Args:
        config: Resolved.
        split: Its training histories initialise the item vectors.
        catalog: Catalog of the data set.
        seed: Seed of the weights.
        resume: Choose nothing; a checkpoint has the item vectors.

    Returns:
        The settings with ``init_clusters``; the model, in training mode; and a sentence that
        describes the decision, None if there was nothing to choose.

    Cost: the initial item vectors twice, two evaluations of ``INIT_USERS`` users, and the memory
        of two models; those of one model if there is nothing to choose.
    """
    if resume or not _is_open(config):
        return config, build_initial_model(config, split, catalog, seed, resume=resume), None
    cases = evenly_spread_with_history(split.valid, INIT_USERS)
    if not may_compare(config, catalog.size - 1) or len(cases) < MIN_USERS:
        config = replace(config, init_clusters=0)
        return config, build_initial_model(config, split, catalog, seed), None
    tried, values = [], []
    metric = validation_metric(config.validate_on, catalog.size - 1)
    exclude_seen = require(config.exclude_seen)
    for clusters in track((0, CLUSTERS), "comparing initial item vectors", 2):
        chosen = replace(config, init_clusters=clusters)
        model = build_initial_model(chosen, split, catalog, seed)
        tried.append((chosen, model))
        recommender = Recommender.exact(model.eval().formed(UNCERTAIN), catalog)
        values.append(measure_one(recommender, cases, metric, exclude_seen=exclude_seen))
    better = values[1] > MIN_GAIN * values[0]
    chosen, model = tried[better]
    how = f"within at most {CLUSTERS} clusters of each history" if better else "in whole histories"
    reason = (
        f"co-occurrence was counted {how}: {metric} before training is {values[0]:.4f} from whole "
        f"histories and {values[1]:.4f} within clusters"
    )
    if better and config.train_clusters is None:
        reason += "; so every second step reads the cluster that is nearest to each target"
    return chosen, model.train(), reason


def choose_train_clusters(
    config: RunConfig, device: torch.device, saved: TrainingState | None
) -> RunConfig:
    """Return the settings with ``train_clusters``, the same in all processes.

    If it is None, clusters are read where co-occurrence is counted within clusters.

    Args:
        config: From ``choose_initial_model``; in the first process with ``init_clusters``.
        device: Where processes exchange numbers.
        saved: Progress of the run that is continued, if any; it has what was chosen.
    """
    if config.train_clusters is not None:
        return config
    processes, chosen = current_processes(), 0
    if saved:
        chosen = saved.clusters
    elif config.forming and (config.init_clusters or 0) > 1:
        chosen = TRAIN_CLUSTERS
    total = processes.sums([chosen if processes.is_first else 0], device)
    return replace(config, train_clusters=int(total[0]))


def may_compare(config: RunConfig, items: int) -> bool:
    """Return whether ``choose_initial_model`` compares two models, if there are enough users."""
    return _is_open(config) and items <= UP_TO


def _is_open(config: RunConfig) -> bool:
    formed = bool(config.forming) and config.init == "cooccurrence"
    return formed and config.init_clusters is None
