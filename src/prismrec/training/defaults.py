"""What a setting is where none was given: rules over the data's own statistics, never tuned.

    rules = rules_of(kind, traits_of(split, catalog))
    config, training = filled(config, rules), filled(training, rules)

A rule depends on the extractor and on five traits of the data, and every setting can be given
instead. What the rules came to is told by ``train``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from prismrec.data import Catalog, Histories, Split
from prismrec.models import Extractor, ItemCategories, Prism

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FULL_SOFTMAX_UP_TO = 50_000
"""Items up to which every item is a negative, under extractors of others."""
DENSE_GRADIENTS_UP_TO = 100_000
"""Items up to which a step moves every item vector, as Adam's momentum would have it. Beyond, only
those that it reads: faster the more items there are, and hardly worse (docs/lab.md)."""
DENSE = 25
"""Events an item from which a transformer block pays, dropout may be light, and striking seen items
pays, which makes long histories pay."""

Settings = TypeVar("Settings", bound="DataclassInstance")


@dataclass(frozen=True, kw_only=True)
class DatasetStats:
    """What the rules go by."""

    items: int
    """Items of the catalog."""
    dense: bool
    """Whether an item has ``DENSE`` training events on average."""
    multi_step_targets: bool
    """Whether validation asks for more than the next event."""
    has_repeats: bool
    """Whether anybody takes an item twice."""
    categories: bool
    """Whether any two items share a category."""


def dataset_stats(split: Split, catalog: Catalog) -> DatasetStats:
    """Read the traits of a split."""
    items = catalog.size - 1
    return DatasetStats(
        items=items,
        dense=len(split.train.items) >= DENSE * items,
        multi_step_targets=any(len(case.targets) > 1 for case in split.valid or split.test),
        has_repeats=has_repeated_items(split.train),
        categories=ItemCategories.of(catalog.category_indptr, catalog.category_ids).number > 0,
    )


def has_repeated_items(histories: Histories) -> bool:
    """Tell whether any history holds an item twice.

    Cost: O(E log E).
    """
    owner = np.repeat(np.arange(len(histories)), histories.lengths)
    order = np.lexsort((histories.items, owner))
    items, owner = histories.items[order], owner[order]
    return bool(((items[1:] == items[:-1]) & (owner[1:] == owner[:-1])).any())


def defaults_for(
    kind: type[Extractor],
    stats: DatasetStats,
    *,
    exclude_seen: bool | None = None,
    mask_history_negatives: bool | None = None,
) -> dict[str, Any]:
    """Give each setting that a rule decides, by name.

    Args:
        kind: The extractor.
        traits: Of the data.
        filter_seen: Whether lists leave out what was seen; by rule if None.
        strike_seen: Whether what was seen is no negative; by rule if None. Others follow from it.
    """
    exclude_seen = not stats.has_repeats if exclude_seen is None else exclude_seen
    if kind is Prism:
        struck = (
            stats.dense and exclude_seen
            if mask_history_negatives is None
            else mask_history_negatives
        )
        found = prism_defaults(stats, mask_history_negatives=struck)
    else:
        found = other_defaults(stats, single=kind.single)
    return found | {"exclude_seen": exclude_seen}


def prism_defaults(stats: DatasetStats, *, mask_history_negatives: bool) -> dict[str, Any]:
    """Give what METHODS' prism is, for data of these traits."""
    sparse_dropout = 0.3 if stats.multi_step_targets else 0.5
    return {
        "interests": 4 if stats.dense else 2,
        "max_len": 200 if stats.dense and mask_history_negatives else 50,
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
        "epochs": 8,
        "patience": 2,
        "horizon": 0 if stats.multi_step_targets else 1,
        "ema_decay": 0.98,
        "rules": True,
    }


def other_defaults(stats: DatasetStats, *, single: bool) -> dict[str, Any]:
    """Give a good way to train the extractors of the literature."""
    return {
        "interests": 1 if single else 4,
        "max_len": 50,
        "readout": "lse",
        "similarity": "cosine",
        "tie_embeddings": True,
        "init": "random",
        "categories": False,
        "sampler": "uniform",
        "negatives": 0 if stats.items <= FULL_SOFTMAX_UP_TO else 2_048,
        "mask_history_negatives": False,
        "dropout": 0.2,
        "rules": False,
    }


def with_defaults(settings: Settings, rules: Mapping[str, Any]) -> Settings:
    """Give the settings with those that are None taken from the rules."""
    names = [name for name in rules if getattr(settings, name, 0) is None]
    return replace(settings, **{name: rules[name] for name in names})


def describe_defaults(asked: "DataclassInstance", settled: "DataclassInstance") -> str:
    """Say which settings were filled in by rule: ``name value``, a comma between two."""
    names = [field.name for field in fields(asked) if getattr(asked, field.name) is None]
    values = {name: getattr(settled, name) for name in names}
    return ", ".join(f"{name} {value}" for name, value in values.items() if value is not None)
