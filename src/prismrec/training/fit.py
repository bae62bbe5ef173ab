"""From a split to a recommender in one call.

    trained = fit(split, data.catalog)                         # prism, settings from the data
    trained = fit(split, data.catalog, RunConfig(extractor="sa", interests=8))
    trained = fit(split, data.catalog, RunConfig(extractor="mypkg.mine:Newest"))
    trained.recommender.recommend(["A", "B"], 10)

Settings that are None are chosen from the data: see ``defaults``. ``trained.settings`` has the
chosen values. For parts that no name reaches, build a ``Model`` and call ``train``.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from prismrec.data import Batches, Case, Catalog, Histories, ItemContent, Split
from prismrec.io import stage
from prismrec.models import Model
from prismrec.recommend import Recommender, build_recommender
from prismrec.retrieval import check_index
from prismrec.training.arguments import Sources, check_arguments
from prismrec.training.build import build_objective
from prismrec.training.checkpoint import RunFolder, saved_progress
from prismrec.training.config import TrainConfig
from prismrec.training.defaults import DatasetStats, dataset_stats, resolve_defaults
from prismrec.training.fit_projection import FittedProjection, fit_projection
from prismrec.training.loop import Step, train_with
from prismrec.training.processes import ALONE, Processes, current_processes
from prismrec.training.record import with_record
from prismrec.training.regularizing import check_regularizers
from prismrec.training.result import TrainResult
from prismrec.training.resumed import Beginning
from prismrec.training.run import pick_device
from prismrec.training.run_config import RunConfig, ValidationMetric, require
from prismrec.training.select import select_on_validation
from prismrec.training.select_forming import usual_forming
from prismrec.training.select_init import choose_initial_model, choose_train_clusters
from prismrec.training.trained import Trained
from prismrec.training.untrained import shuffle_untrained
from prismrec.training.validation import drawn_users, measure_one, validation_metric
from prismrec.training.warm_start import WarmStart, describe_start

MEASURED_USERS = 256
"""Users whose interests measure the recall of the index."""


def fit(
    split: Split,
    catalog: Catalog,
    config: RunConfig = RunConfig(),  # noqa: B008 -- frozen
    training: TrainConfig = TrainConfig(),  # noqa: B008 -- frozen
    *,
    sources: Sources = Sources(),  # noqa: B008 -- frozen
    folder: str | Path | None = None,
    resume: bool = False,
    on_step: Callable[[Step], None] | None = None,
) -> Trained:
    """Train one model and return a recommender with a measured index.

    Ctrl-C ends the training after the current step. The result then has the best weights so far,
    no rules and no projection, and ``trained.result.interrupted`` is True.

    Inside ``join_processes`` it is for the first process; the others call ``train_weights``.

    Args:
        split: ``train`` trains the model; ``valid`` chooses the best weights, the interests to
            keep, and the rules. Of more than ``VALIDATION_USERS`` validation users, a sample
            chooses the weights.
        catalog: Catalog of the data set.
        config: Parts and sizes.
        training: How to train.
        sources: What the model comes from besides the events.
        folder: Folder for checkpoints; None writes none.
        resume: Continue from the checkpoint in ``folder``.
        on_step: Called after every step.

    Raises:
        ConfigError: Settings that contradict each other, a ``module:Name`` that cannot be used, or
            an argument of another type.
        UnknownName: There is no part of that name.
        MissingExtra: The index needs a library that is not installed.
        DataError, TrainingError: See ``train``; catalog, content, warm start or index do not fit.

    Cost: training and validations, see ``train``; ``prismrec plan`` estimates time and memory.
    """
    check_arguments(split, catalog, config, training, sources)
    start, content = sources.start, sources.content
    run = train_weights(
        split, catalog, config, training,
        start=start, folder=folder, resume=resume, on_step=on_step,
    )  # fmt: skip
    result, model, projection, notes = run.result, run.model, None, run.notes
    some = [split.train[user] for user in range(min(len(split.train), MEASURED_USERS))]
    if content is not None and not result.interrupted:
        fitted = _project(run, content, catalog)
        model, projection, notes = fitted.model, fitted.projection, notes | {"content": fitted.note}
    if start is not None:
        notes = notes | start.lost(split, catalog, projection=content is not None)
    shuffle_untrained(model, run.counts, seed=run.training.seed)
    recommender, choice = build_recommender(model.cpu(), catalog, some, index=run.config.index)
    recommender = replace(recommender, projection=projection)
    notes = {"index": choice.reason} | notes
    if not result.interrupted:
        recommender, more = select_on_validation(recommender, run.config, run.stats, split, start)
        notes |= more
    return with_record(Trained(recommender, result, run.settings, notes, run.record), split)


@dataclass(frozen=True, eq=False, repr=False)
class TrainedWeights:
    """A model with the weights of its best validation, before anything is selected."""

    model: Model
    result: TrainResult
    config: RunConfig
    """Resolved, as ``training``."""
    training: TrainConfig
    stats: DatasetStats
    counts: NDArray[np.int64] | NDArray[np.float64]
    """Training events per item, or the sum of their relative weights, ``[V]``."""
    metric: str
    """The metric on validation that chose the weights."""
    cases: Sequence[Case]
    """The validation users on whom it was measured."""
    notes: dict[str, str]
    """Sentences on the initial item vectors, the drawn users and an undecided metric."""
    record: dict[str, Any]
    """Where a warm start began; see ``Trained.start``."""

    @property
    def settings(self) -> dict[str, Any]:
        """All settings of the run; see ``Trained.settings``."""
        return asdict(self.config) | asdict(self.training)


def train_weights(
    split: Split,
    catalog: Catalog,
    config: RunConfig,
    training: TrainConfig,
    *,
    folder: str | Path | None,
    resume: bool,
    start: WarmStart | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> TrainedWeights:
    """Train the weights of one model: the first part of ``fit``, with the same arguments.

    Inside ``join_processes``, every process but the first calls this function.
    """
    with stage("measuring the data"):
        stats = dataset_stats(split, catalog)
    config, training = resolve_defaults(config, training, stats)
    check_regularizers(config)
    first, processes = (config, split, catalog, training.seed), current_processes()
    if processes.is_first:  # it builds the index
        bias = not require(config.tie_embeddings)
        check_index(config.index, stats.items, config.dim + bias)
    config, model, how, record = _initial_model(
        *first,
        start=start,
        resume=resume or not processes.is_first,  # it gets its weights
    )
    place, saved = Path(folder) if folder is not None else None, None
    began = Beginning(config, how, record)
    if resume and place and (saved := saved_progress(place)):
        began = began.resumed(saved.begun, place)
    config = choose_train_clusters(began.config, pick_device(training), saved)
    metric = validation_metric(config.validate_on, stats.items)
    cases, sampled = drawn_users(split.valid, metric, seed=training.seed)
    validate = partial(_validate, model, catalog, cases, config, metric, processes)
    result = train_with(
        model,
        split.train,
        training,
        build_objective(
            config,
            torch.from_numpy(split.train.counts(catalog.size)),
            split.dislikes,
            target_counts=None
            if training.targets == "all"
            else partial(_random_target_counts, split.train, catalog.size, training),
        ),
        RunFolder(place, resume, began.as_json()),
        validate=validate if cases else None,
        on_step=on_step,
    )
    undecided = undecided_note(result, metric) if result.undecided else None
    notes = _present(init=began.sentence, sample=sampled, validation=undecided)
    counts = split.train.weighted_counts(catalog.size)
    return TrainedWeights(
        model, result, config, training, stats, counts, metric, cases, notes, record
    )


def _random_target_counts(train: Histories, size: int, training: TrainConfig) -> torch.Tensor:
    """Return how often each item is a target if a user has one per epoch, ``[V]``."""
    batches = Batches(
        train, max_len=1, batch_size=training.batch_size, targets=training.targets,
        horizon=1 if training.horizon is None else training.horizon,
    )  # fmt: skip
    return torch.from_numpy(batches.target_counts(size))


def _initial_model(
    config: RunConfig,
    split: Split,
    catalog: Catalog,
    seed: int,
    *,
    start: WarmStart | None,
    resume: bool,
) -> tuple[RunConfig, Model, str | None, dict[str, Any]]:
    """Build the model that training starts from: see ``choose_initial_model`` and ``WarmStart``.

    Returns:
        The settings, the model, a sentence on it, and the record of a warm start.
    """
    if start is None:
        return *choose_initial_model(config, split, catalog, seed, resume=resume), {}
    model, record = start.build_model(config, split.train, catalog, seed)
    return config, model, describe_start(start, record), record


def _project(run: TrainedWeights, content: ItemContent, catalog: Catalog) -> FittedProjection:
    """Fit the projection from content vectors; validation chooses its scale and strength."""

    def measure(candidate: Model) -> float:
        return _validate(candidate, catalog, run.cases, run.config, run.metric, ALONE)

    return fit_projection(
        run.model, content, catalog, run.counts, measure if run.cases else None,
        seed=run.training.seed,
    )  # fmt: skip


def _present(**notes: str | None) -> dict[str, str]:
    return {name: note for name, note in notes.items() if note}


def undecided_note(result: TrainResult, metric: str) -> str:
    """Return the sentence on a metric that had the same value at every validation."""
    others = [name for name in get_args(ValidationMetric) if not metric.startswith(name)]
    return (
        f"{metric} was {result.best:.4f} at each of {len(result.history)} validations, so the last "
        f"weights are used; to choose between weights, set validate_on to {' or '.join(others)}"
    )


def _validate(
    model: Model, catalog: Catalog, cases: Sequence[Case], config: RunConfig, metric: str,
    processes: Processes,
) -> float:  # fmt: skip
    """Return the validation metric of the model, with exact search and without rules.

    Each process makes the lists of its part of the users.
    """
    forming = usual_forming(mixed=bool(config.train_clusters)) if config.forming else None
    recommender = Recommender.exact(model.formed(forming), catalog)
    exclude_seen, own = require(config.exclude_seen), processes.part_of(cases)
    mean = measure_one(recommender, own, metric, exclude_seen=exclude_seen) if own else 0.0
    share = len(own) / len(cases)  # 1 in a single process, whose metric is exactly the mean
    return processes.sums([mean * share], model.device)[0]
