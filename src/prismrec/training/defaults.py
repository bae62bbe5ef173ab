"""Defaults of settings that are None, chosen from statistics of the data.

    stats = dataset_stats(split, catalog)
    config, training = resolve_defaults(RunConfig(), TrainConfig(), stats)

A default depends on the extractor and on six statistics. It is never tuned, and every setting can
be set instead. ``prismrec train`` prints the chosen values.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from prismrec.data import Catalog, Histories, Split
from prismrec.errors import ConfigError
from prismrec.models import EXTRACTORS, Extractor, ItemCategories, Prism
from prismrec.registry import resolve
from prismrec.retrieval import INDEXES, IndexName
from prismrec.training.config import TrainConfig
from prismrec.training.run_config import RunConfig

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FULL_SOFTMAX_UP_TO = 50_000
"""Largest catalog for which every item is a negative, for extractors other than prism."""
SAMPLED = 2_048
"""Negatives per step of these extractors for a larger catalog, or if a sampler is set."""
DENSE_GRADIENTS_UP_TO = 100_000
"""Largest catalog for which a step updates every item vector, as Adam with momentum does. For more
items only the vectors that a step reads are updated: this is faster, and the results are almost as
good (docs/lab.md)."""
MOST_EVENTS = 100_000_000
"""Training events of all epochs together: with more than 12.5 M events prism has fewer than 8
epochs, but at least one (docs/scale.md)."""
DENSE_EVENTS = 25
"""Training events per item from which the data is dense. On dense data a transformer block,
little dropout, masked history negatives and long histories give better results."""
MAX_LEN, DENSE_MAX_LEN = 50, 200
"""Events of a history that a model reads, and prism on dense data with masked negatives."""
BLOCK = 1 << 21
"""Events that are searched for repeats at a time; at least one history."""

Settings = TypeVar("Settings", bound="DataclassInstance")


@dataclass(frozen=True, kw_only=True)
class DatasetStats:
    """Statistics of a split on which defaults depend."""

    items: int
    """Items of the catalog."""
    events: int
    """Training events: about the number of training pairs of an epoch."""
    dense: bool
    """Whether there are at least ``DENSE_EVENTS`` training events per item."""
    multi_step_targets: bool
    """Whether validation has more than one target per user."""
    has_repeats: bool
    """Whether a training history has the same item twice."""
    categories: bool
    """Whether two items share a category."""


def dataset_stats(split: Split, catalog: Catalog) -> DatasetStats:
    """Compute the statistics of a split.

    Cost: O(E log E) for E training events.
    """
    items = catalog.size - 1
    return DatasetStats(
        items=items,
        events=len(split.train.items),
        dense=len(split.train.items) >= DENSE_EVENTS * items,
        multi_step_targets=any(len(case.targets) > 1 for case in split.valid or split.test),
        has_repeats=has_repeated_items(split.train),
        categories=ItemCategories.of(catalog.category_indptr, catalog.category_ids).number > 0,
    )


def has_repeated_items(histories: Histories) -> bool:
    """Return whether a history has the same item twice.

    Cost: O(E log E) time at most; it ends at the first such history. O(``BLOCK``) memory.
    """
    edges = np.arange(0, len(histories.items) + BLOCK, BLOCK)
    bounds = np.unique(np.searchsorted(histories.indptr, edges).clip(max=len(histories)))
    for first, last in pairwise(bounds.tolist()):
        indptr = histories.indptr[first : last + 1]
        user = np.repeat(np.arange(last - first), np.diff(indptr))
        items = histories.items[indptr[0] : indptr[-1]]
        order = np.lexsort((items, user))
        items, user = items[order], user[order]
        if ((items[1:] == items[:-1]) & (user[1:] == user[:-1])).any():
            return True
    return False


def resolve_defaults(
    config: RunConfig, training: TrainConfig, stats: DatasetStats
) -> tuple[RunConfig, TrainConfig]:
    """Replace settings that are None by their defaults.

    Raises:
        UnknownName: There is no extractor or index of that name.
        ConfigError: The extractor ``module:Class`` cannot be imported or is no ``Extractor``;
            ``init_clusters`` is set, but initial vectors are random; or ``train_clusters`` is set
            for an extractor that cannot read clusters.
    """
    kind = resolve("extractor", config.extractor, EXTRACTORS, subclass_of=Extractor)
    index = IndexName.parse(config.index)
    if index.kind != "auto":
        resolve("index", index.kind, INDEXES)  # report an unknown name before training
    defaults = defaults_for(
        kind,
        stats,
        exclude_seen=config.exclude_seen,
        mask_history_negatives=config.mask_history_negatives,
    )
    if config.sampler is not None:  # without negatives it would have no effect
        defaults["negatives"] = defaults["negatives"] or min(SAMPLED, max(1, stats.items // 4))
    config = with_defaults(config, defaults)
    if config.init == "random" and config.init_clusters:
        raise ConfigError(
            f"init_clusters is {config.init_clusters}, but initial vectors are random and count no "
            "co-occurrence; set init to cooccurrence, or leave init_clusters out."
        )
    reads_groups = kind.states_of is not Extractor.states_of and config.interests == 1
    if config.train_clusters and not reads_groups:
        raise ConfigError(
            f"train_clusters is {config.train_clusters}, but {config.extractor} with "
            f"{config.interests} interests reads whole histories only; use prism with one "
            "interest, or leave train_clusters out."
        )
    sparse = stats.items > DENSE_GRADIENTS_UP_TO and config.negatives != 0
    forming = kind is Prism and config.interests == 1 and config.readout == "mixture"
    config = with_defaults(config, {"forming": forming})
    temperature = 0.07 if config.similarity == "cosine" else 1.0
    config = with_defaults(config, {"temperature": temperature})
    if kind is Prism:
        config = replace(config, options={"block": stats.dense, **config.options})
    return config, with_defaults(training, defaults | {"sparse": sparse})


def defaults_for(
    kind: type[Extractor],
    stats: DatasetStats,
    *,
    exclude_seen: bool | None = None,
    mask_history_negatives: bool | None = None,
) -> dict[str, Any]:
    """Return the default of each setting, by name.

    Args:
        kind: The extractor.
        stats: Statistics of the data.
        exclude_seen: Whether lists exclude items of the history; None for the default.
        mask_history_negatives: Whether items of the history are no negatives; None for the
            default. Other defaults depend on it.
    """
    exclude_seen = not stats.has_repeats if exclude_seen is None else exclude_seen
    if kind is Prism:
        if mask_history_negatives is None:
            mask_history_negatives = stats.dense and exclude_seen
        defaults = prism_defaults(stats, mask_history_negatives=mask_history_negatives)
    else:
        defaults = other_defaults(stats, single=kind.single)
    return defaults | {"exclude_seen": exclude_seen}


def prism_defaults(stats: DatasetStats, *, mask_history_negatives: bool) -> dict[str, Any]:
    """Return the defaults of the extractor prism."""
    sparse_dropout = 0.3 if stats.multi_step_targets else 0.5
    return {
        "interests": 1,
        "max_len": DENSE_MAX_LEN if stats.dense and mask_history_negatives else MAX_LEN,
        "readout": "mixture",
        "similarity": "dot",
        "tie_embeddings": False,
        "init": "cooccurrence",
        "categories": stats.categories,
        "sampler": "union",
        "negatives": min(1024, max(1, stats.items // 4)),
        "mask_history_negatives": mask_history_negatives,
        "dropout": 0.2 if stats.dense else sparse_dropout,
        "learning_rate": 8e-3,
        "epochs": max(1, min(8, MOST_EVENTS // max(stats.events, 1))),
        "patience": 2,
        "horizon": 0 if stats.multi_step_targets else 1,
        "ema_decay": 0.98,
        "rules": True,
    }


def other_defaults(stats: DatasetStats, *, single: bool) -> dict[str, Any]:
    """Return the defaults of all other extractors."""
    return {
        "interests": 1 if single else 4,
        "max_len": MAX_LEN,
        "readout": "lse",
        "similarity": "cosine",
        "tie_embeddings": True,
        "init": "random",
        "categories": False,
        "sampler": "uniform",
        "negatives": 0 if stats.items <= FULL_SOFTMAX_UP_TO else SAMPLED,
        "mask_history_negatives": False,
        "dropout": 0.2,
        "rules": False,
    }


def with_defaults(settings: Settings, defaults: Mapping[str, Any]) -> Settings:
    """Return the settings, with those that are None replaced by their defaults."""
    names = [name for name in defaults if getattr(settings, name, 0) is None]
    return replace(settings, **{name: defaults[name] for name in names})


def describe_defaults(config: "DataclassInstance", resolved: "DataclassInstance") -> str:
    """Return the settings that ``resolve_defaults`` filled in: ``name value, name value``."""
    names = [field.name for field in fields(config) if getattr(config, field.name) is None]
    values = {name: getattr(resolved, name) for name in names}
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in values.items() if value is not None
    )  # fmt: skip
