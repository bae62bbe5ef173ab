"""From a split to a recommender in one call.

    trained = fit(split, data.catalog)                         # prism, settings from the data
    trained = fit(split, data.catalog, RunConfig(extractor="sa", interests=8))
    trained = fit(split, data.catalog, RunConfig(extractor="mypkg.mine:Newest"))
    trained.recommender.recommend(["A", "B"], 10)

Settings that are None are chosen from the data: see ``defaults``. ``trained.settings`` has the
chosen values. For parts that no name reaches, build a ``Model`` and call ``train``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

import torch

from prismrec.data import Case, Catalog, ItemContent, Split
from prismrec.evaluation import list_lengths
from prismrec.io import stage
from prismrec.models import Model
from prismrec.recommend import Recommender, build_recommender
from prismrec.training.build import build_objective
from prismrec.training.config import TrainConfig
from prismrec.training.defaults import DatasetStats, dataset_stats, resolve_defaults
from prismrec.training.fit_projection import (
    FittedProjection,
    check_content,
    fit_projection,
)
from prismrec.training.loop import Step, train
from prismrec.training.popularity import no_better_than_popularity
from prismrec.training.processes import Processes, current_processes
from prismrec.training.run import TrainResult
from prismrec.training.run_config import RunConfig, ValidationMetric, require
from prismrec.training.select import (
    drawn_users,
    measure_one,
    prune_interests,
    validation_metric,
)
from prismrec.training.select_forming import UNCERTAIN, choose_forming
from prismrec.training.select_init import choose_initial_model
from prismrec.training.select_rules import fit_rule_retriever

MEASURED_USERS = 256
"""Users whose interests measure the recall of the index."""


@dataclass(frozen=True, repr=False)
class Trained:
    """A trained recommender and the record of its training."""

    recommender: Recommender
    result: TrainResult
    settings: dict[str, Any]
    """All settings of the run, with defaults filled in: flat, JSON."""
    notes: dict[str, str]
    """Sentences: why this index, how interests were chosen, whether rules are blended in; and
    warnings, such as that the model is no better than popularity."""

    def __repr__(self) -> str:
        """Return extractor, number of interests and result."""
        interests = f"interests={self.settings['interests']}"
        return f"Trained({self.settings['extractor']}, {interests}, {self.result!r})"

    @property
    def metric(self) -> str:
        """The metric on validation that chose the weights, such as ``recall@50``."""
        return validation_metric(self.settings["validate_on"], self.recommender.catalog.size - 1)

    def with_one_interest(self) -> "Trained":
        """Return the same model with its one trained interest, without forming others."""
        return Trained(
            self.recommender.with_forming(None),
            self.result,
            self.settings | {"forming": False},
            {
                name: note
                for name, note in self.notes.items()
                if name not in ("interests", "popularity")
            },
        )


def fit(
    split: Split,
    catalog: Catalog,
    config: RunConfig = RunConfig(),  # noqa: B008 -- frozen
    training: TrainConfig = TrainConfig(),  # noqa: B008 -- frozen
    *,
    content: ItemContent | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    on_step: Callable[[Step], None] | None = None,
) -> Trained:
    """Train one model and return a recommender with a measured index.

    Ctrl-C ends the training after the current step. The result then has the best weights so far,
    no rules and no projection, and ``trained.result.interrupted`` is True.

    Inside ``join_processes`` it is for the first process; the others call ``fit_steps``.

    Args:
        split: ``train`` trains the model; ``valid`` chooses the best weights, the interests to
            keep, and the rules. Of more than ``VALIDATION_USERS`` validation users, a sample
            chooses the weights.
        catalog: Catalog of the data set.
        config: Parts and sizes.
        training: How to train.
        content: Content vectors, for items without events and rare items: see ``fit_projection``.
        folder: Folder for checkpoints; None writes none.
        resume: Continue from the checkpoint in ``folder``.
        on_step: Called after every step.

    Raises:
        ConfigError: Settings that contradict each other, or a ``module:Name`` that cannot be used.
        UnknownName: There is no part of that name.
        DataError, TrainingError: See ``train`` and ``check_content``.
    """
    with stage("measuring the data"):
        stats = dataset_stats(split, catalog)
    if content is not None:
        check_content(content, catalog, split.train.counts(catalog.size))
    config, training = resolve_defaults(config, training, stats)
    config, model, result, notes = _run_steps(
        split, catalog, config, training, folder=folder, resume=resume, on_step=on_step
    )
    settings = {f.name: getattr(part, f.name) for part in (config, training) for f in fields(part)}
    some = [split.train[user] for user in range(min(len(split.train), MEASURED_USERS))]
    projection = None
    if content is not None and not result.interrupted:
        fitted = _project(model, content, split, catalog, config, training.seed)
        model, projection, notes = fitted.model, fitted.projection, notes | {"content": fitted.note}
    recommender, choice = build_recommender(model.cpu(), catalog, some, index=config.index)
    recommender = replace(recommender, projection=projection)
    notes = {"index": choice.reason} | notes
    if not result.interrupted:
        recommender, selected = select_on_validation(recommender, config, stats, split)
        notes |= selected
    return Trained(recommender, result, settings, notes)


def fit_steps(
    split: Split,
    catalog: Catalog,
    config: RunConfig,
    training: TrainConfig,
    *,
    folder: str | Path | None = None,
    resume: bool = False,
) -> None:
    """Compute the steps of ``fit`` together with the process that calls it, without a result.

    Args: see ``fit``.

    Raises: see ``fit``.
    """
    config, training = resolve_defaults(config, training, dataset_stats(split, catalog))
    _run_steps(split, catalog, config, training, folder=folder, resume=resume, on_step=None)


def _run_steps(
    split: Split, catalog: Catalog, config: RunConfig, training: TrainConfig, *,
    folder: str | Path | None, resume: bool, on_step: Callable[[Step], None] | None,
) -> tuple[RunConfig, Model, TrainResult, dict[str, str]]:  # fmt: skip
    """Build the model and train it; return settings, model, result and sentences on them.

    Args: see ``fit``; the settings are resolved.
    """
    processes = current_processes()  # all get the weights of the first
    config, model, started = choose_initial_model(
        config, split, catalog, training.seed, resume=resume or not processes.is_first
    )
    metric = validation_metric(config.validate_on, catalog.size - 1)
    cases, sampled = drawn_users(split.valid, metric, seed=training.seed)
    validate = partial(_validate, model, catalog, cases, config, metric, processes)
    result = train(
        model,
        split.train,
        training,
        build_objective(config, torch.from_numpy(split.train.counts(catalog.size))),
        validate=validate if cases else None,
        on_step=on_step,
        folder=Path(folder) if folder is not None else None,
        resume=resume,
    )
    undecided = undecided_note(result, metric) if result.undecided else None
    return config, model, result, _present(init=started, sample=sampled, validation=undecided)


def _project(
    model: Model, content: ItemContent, split: Split, catalog: Catalog, config: RunConfig, seed: int
) -> FittedProjection:
    """Fit the projection from content vectors; validation chooses its strength."""
    metric = validation_metric(config.validate_on, catalog.size - 1)
    cases, _ = drawn_users(split.valid, metric, seed=seed)
    alone = Processes()

    def measure(candidate: Model) -> float:
        return _validate(candidate, catalog, cases, config, metric, alone)

    counts = split.train.counts(catalog.size)
    return fit_projection(model, content, catalog, counts, measure if cases else None, seed=seed)


def _present(**notes: str | None) -> dict[str, str]:
    return {name: note for name, note in notes.items() if note}


def undecided_note(result: TrainResult, metric: str) -> str:
    """Return the sentence on a metric that had the same value at every validation."""
    others = [name for name in get_args(ValidationMetric) if not metric.startswith(name)]
    return (
        f"{metric} was {result.best:.4f} at each of {len(result.history)} validations, so the last "
        f"weights are used; to choose between weights, set validate_on to {' or '.join(others)}"
    )


def select_on_validation(
    recommender: Recommender, config: RunConfig, stats: DatasetStats, split: Split
) -> tuple[Recommender, dict[str, str]]:
    """Choose how interests are formed, prune interests, and fit rules on validation.

    Returns:
        The recommender, and sentences on what was selected.
    """
    exclude_seen = require(config.exclude_seen)
    notes = {}
    if config.forming:
        recommender, notes["interests"] = choose_forming(
            recommender, split.valid, metric=config.validate_on, exclude_seen=exclude_seen
        )
    pruned = prune_interests(recommender, split.valid, exclude_seen=exclude_seen)
    if pruned:
        notes["interests"] = pruned
    if config.rules:
        # With one target per user, the first ranks matter.
        metric = validation_metric(config.validate_on, stats.items)
        if not stats.multi_step_targets:
            metric = f"ndcg@{list_lengths(stats.items, 10)[0]}"
        rules, notes["rules"] = fit_rule_retriever(
            recommender, split.train, split.valid, metric=metric, exclude_seen=exclude_seen
        )
        recommender = recommender.with_rules(rules)
    metric = validation_metric(config.validate_on, stats.items)
    warning = no_better_than_popularity(
        recommender, split, metric=metric, exclude_seen=exclude_seen
    )
    return recommender, notes | ({"popularity": warning} if warning else {})


def _validate(
    model: Model, catalog: Catalog, cases: Sequence[Case], config: RunConfig, metric: str,
    processes: Processes,
) -> float:  # fmt: skip
    """Return the validation metric of the model, with exact search and without rules.

    Each process makes the lists of its part of the users.
    """
    recommender = Recommender.exact(model.formed(UNCERTAIN if config.forming else None), catalog)
    exclude_seen, own = require(config.exclude_seen), processes.part_of(cases)
    mean = measure_one(recommender, own, metric, exclude_seen=exclude_seen) if own else 0.0
    return processes.sums([mean * len(own) / len(cases)], model.device)[0]
