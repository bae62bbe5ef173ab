"""From a split to a recommender in one call.

    trained = fit(split, data.catalog)                         # prism, settings from the data
    trained = fit(split, data.catalog, RunConfig(extractor="sa", interests=8))
    trained = fit(split, data.catalog, RunConfig(extractor="mypkg.mine:Newest"))
    trained.recommender.recommend(["A", "B"], 10)

Settings that are None are chosen from the data: see ``defaults``. ``trained.settings`` has the
chosen values. For parts that no name reaches, build a ``Model`` and call ``train``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, get_args

import torch

from prismrec.data import Case, Catalog, Split
from prismrec.evaluation import list_lengths
from prismrec.io import stage
from prismrec.models import Model
from prismrec.recommend import Recommender, build_recommender
from prismrec.training.build import build_objective
from prismrec.training.config import TrainConfig
from prismrec.training.defaults import DatasetStats, dataset_stats, resolve_defaults
from prismrec.training.loop import Step, train
from prismrec.training.popularity import no_better_than_popularity
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
    folder: str | Path | None = None,
    resume: bool = False,
    on_step: Callable[[Step], None] | None = None,
) -> Trained:
    """Train one model and return a recommender with a measured index.

    Ctrl-C ends the training after the current step. The result then has the best weights so far
    and no rules, and ``trained.result.interrupted`` is True.

    Args:
        split: ``train`` trains the model; ``valid`` chooses the best weights, the interests to
            keep, and the rules. Of more than ``VALIDATION_USERS`` validation users, a sample
            chooses the weights.
        catalog: Catalog of the data set.
        config: Parts and sizes.
        training: How to train.
        folder: Folder for checkpoints; None writes none.
        resume: Continue from the checkpoint in ``folder``.
        on_step: Called after every step.

    Raises:
        ConfigError: Settings that contradict each other, or a ``module:Name`` that cannot be used.
        UnknownName: There is no part of that name.
        DataError, TrainingError: See ``train``.
    """
    with stage("measuring the data"):
        stats = dataset_stats(split, catalog)
    config, training = resolve_defaults(config, training, stats)
    config, model, started = choose_initial_model(
        config, split, catalog, training.seed, resume=resume
    )
    metric = validation_metric(config.validate_on, stats.items)
    cases, sampled = drawn_users(split.valid, metric, seed=training.seed)
    result = train(
        model,
        split.train,
        training,
        build_objective(config, torch.from_numpy(split.train.counts(catalog.size)), split.dislikes),
        validate=partial(_validate, model, catalog, cases, config, metric) if cases else None,
        on_step=on_step,
        folder=Path(folder) if folder is not None else None,
        resume=resume,
    )
    settings = {f.name: getattr(part, f.name) for part in (config, training) for f in fields(part)}
    some = [split.train[user] for user in range(min(len(split.train), MEASURED_USERS))]
    recommender, choice = build_recommender(model.cpu(), catalog, some, index=config.index)
    undecided = undecided_note(result, metric) if result.undecided else None
    notes = _present(index=choice.reason, init=started, sample=sampled, validation=undecided)
    if not result.interrupted:
        recommender, selected = select_on_validation(recommender, config, stats, split)
        notes |= selected
    return Trained(recommender, result, settings, notes)


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
    model: Model, catalog: Catalog, cases: Sequence[Case], config: RunConfig, metric: str
) -> float:
    """Return the validation metric of the model, with exact search and without rules."""
    recommender = Recommender.exact(model.formed(UNCERTAIN if config.forming else None), catalog)
    exclude_seen = require(config.exclude_seen)
    return measure_one(recommender, cases, metric, exclude_seen=exclude_seen)
