"""The settings that are tuned, per extractor, with the default in the middle.

Few settings, because a search has tens of trials, not hundreds: those that made a difference in the
lab book (docs/lab.md). How ``prism`` forms interests is not among them: every training compares
that on validation after its last step.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from prismrec.errors import UnknownName
from prismrec.models import EXTRACTORS, Extractor, Prism
from prismrec.registry import resolve
from prismrec.training.config import RATE, TrainConfig, changed_settings
from prismrec.training.defaults import DatasetStats, resolve_defaults
from prismrec.training.run_config import RunConfig, require
from prismrec.training.select_init import CLUSTERS

WITHOUT_VALUE = {"horizon": 1, "ema_decay": 0.0, "learning_rate": RATE}
"""Values that ``train`` uses for settings without a default."""
Settings = dict[str, Any]
"""Values of settings by name: fields of ``RunConfig`` or ``TrainConfig``, or extractor options."""


@dataclass(frozen=True)
class OneOf:
    """A setting with one of some values."""

    values: tuple[Any, ...]

    def including(self, default: Any) -> "OneOf":
        """Return the same choice with the default among its values."""
        return self if default in self.values else OneOf((default, *self.values))


@dataclass(frozen=True)
class Range:
    """A setting with a number from ``low`` to ``high``."""

    low: float
    high: float
    log: bool = False
    """Draw the logarithm evenly, not the number."""

    def including(self, default: Any) -> "Range":
        """Return the same range, extended to the default."""
        return Range(min(self.low, default), max(self.high, default), self.log)


Space = dict[str, OneOf | Range]
"""What each tuned setting may be, by name."""


@dataclass(frozen=True)
class Tuned:
    """The settings that are tuned, and their defaults."""

    space: Space
    default: Settings


def tuned_settings(
    config: RunConfig,
    training: TrainConfig,
    stats: DatasetStats,
    only: Collection[str] = (),
) -> Tuned:
    """Return the settings to tune for an extractor and data, and their default values.

    Args:
        config: A setting with a value other than its default is kept, and not tuned.
        training: As ``config``.
        stats: Statistics of the data.
        only: Tune only these; all if empty.

    Raises:
        UnknownName: A name in ``only`` is not a tuned setting, or there is no such extractor.
    """
    kind = resolve("extractor", config.extractor, EXTRACTORS, subclass_of=Extractor)
    resolved, resolved_training = resolve_defaults(config, training, stats)
    if kind is Prism:
        space = prism_space(resolved, stats)
    else:
        space = other_space(resolved, single=kind.single)
    given = {*changed_settings(config), *changed_settings(training), *config.options}
    space = {name: values for name, values in space.items() if name not in given}
    for name in only:
        if name not in space:
            raise UnknownName.among("tuned setting", name, space)
    default = {
        name: default_of(name, resolved, resolved_training)
        for name in space
        if not only or name in only
    }
    return Tuned(
        {name: space[name].including(value) for name, value in default.items()},
        default,
    )


def prism_space(config: RunConfig, stats: DatasetStats) -> Space:
    """Return the settings to tune for the extractor prism.

    Args:
        config: Resolved.
        stats: On dense data, the length of histories and the transformer block matter too.
    """
    negatives = require(config.negatives)
    space: Space = {
        "learning_rate": Range(4e-3, 2e-2, log=True),
        "dropout": Range(0.1, 0.6),
        "dim": OneOf((32, 64, 128)),
        "horizon": OneOf((0, 1, 5, 20)),
    }
    if negatives:
        space["negatives"] = OneOf((negatives, min(2 * negatives, stats.items)))
    if stats.dense:
        space |= {"max_len": OneOf((50, 100, 200)), "block": OneOf((True, False))}
    if config.forming and config.init == "cooccurrence":
        space["init_clusters"] = OneOf((None, 0, CLUSTERS))
    return space


def other_space(config: RunConfig, *, single: bool) -> Space:
    """Return the settings to tune for all other extractors.

    Args:
        config: Resolved.
        single: Whether the extractor has one interest only.
    """
    negatives = require(config.negatives)
    space: Space = {
        "learning_rate": Range(5e-4, 2e-2, log=True),
        "dropout": Range(0.0, 0.6),
        "dim": OneOf((32, 64, 128)),
        "max_len": OneOf((20, 50, 100)),
        "horizon": OneOf((1, 0, 5)),
        "ema_decay": OneOf((0.0, 0.98)),
        "weight_decay": OneOf((0.0, 1e-2, 1e-1)),
    }
    if config.similarity == "cosine":
        space["temperature"] = Range(0.03, 0.3, log=True)
    if not single:
        space["interests"] = OneOf((2, 4, 8))
    if negatives:
        space["negatives"] = OneOf((negatives, 2 * negatives))
    return space


def default_of(name: str, config: RunConfig, training: TrainConfig) -> Any:
    """Return the value that a setting has without tuning.

    Args:
        name: Name of the setting.
        config: Resolved, as ``training``.
        training: How to train.
    """
    if name in config.options:
        return config.options[name]
    value = getattr(config if hasattr(config, name) else training, name)
    return WITHOUT_VALUE.get(name) if value is None else value


def with_settings(
    config: RunConfig, training: TrainConfig, settings: Mapping[str, Any]
) -> tuple[RunConfig, TrainConfig]:
    """Return the configs with some settings replaced; numbers are rounded to three digits."""
    rounded: Settings = {
        name: float(f"{value:.3g}") if isinstance(value, float) else value
        for name, value in settings.items()
    }
    of_run = {f.name for f in fields(config)} & rounded.keys()
    of_training = {f.name for f in fields(training)} & rounded.keys()
    options = {n: v for n, v in rounded.items() if n not in of_run | of_training}
    config = replace(
        config,
        options={**config.options, **options},
        **{name: rounded[name] for name in of_run},
    )
    return config, replace(training, **{name: rounded[name] for name in of_training})
