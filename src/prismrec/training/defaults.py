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
from prismrec.models import Extractor, Memberships, Prism

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
class Traits:
    """What the rules go by."""

    items: int
    """Items of the catalog."""
    dense: bool
    """Whether an item has ``DENSE`` training events on average."""
    far: bool
    """Whether validation asks for more than the next event."""
    again: bool
    """Whether anybody takes an item twice."""
    categories: bool
    """Whether any two items share a category."""


def traits_of(split: Split, catalog: Catalog) -> Traits:
    """Read the traits of a split."""
    items = catalog.size - 1
    return Traits(
        items=items,
        dense=len(split.train.items) >= DENSE * items,
        far=any(len(case.targets) > 1 for case in split.valid or split.test),
        again=takes_again(split.train),
        categories=Memberships.of(catalog.category_indptr, catalog.category_ids).number > 0,
    )


def takes_again(histories: Histories) -> bool:
    """Tell whether any history holds an item twice.

    Cost: O(E log E).
    """
    owner = np.repeat(np.arange(len(histories)), histories.lengths)
    order = np.lexsort((histories.items, owner))
    items, owner = histories.items[order], owner[order]
    return bool(((items[1:] == items[:-1]) & (owner[1:] == owner[:-1])).any())


def rules_of(
    kind: type[Extractor],
    traits: Traits,
    *,
    filter_seen: bool | None = None,
    strike_seen: bool | None = None,
) -> dict[str, Any]:
    """Give each setting that a rule decides, by name.

    Args:
        kind: The extractor.
        traits: Of the data.
        filter_seen: Whether lists leave out what was seen; by rule if None.
        strike_seen: Whether what was seen is no negative; by rule if None. Others follow from it.
    """
    filter_seen = not traits.again if filter_seen is None else filter_seen
    if kind is Prism:
        struck = traits.dense and filter_seen if strike_seen is None else strike_seen
        found = of_prism(traits, strike_seen=struck)
    else:
        found = of_others(traits, single=kind.single)
    return found | {"filter_seen": filter_seen}


def of_prism(traits: Traits, *, strike_seen: bool) -> dict[str, Any]:
    """Give what METHODS' prism is, for data of these traits."""
    sparse_dropout = 0.3 if traits.far else 0.5
    return {
        "interests": 4 if traits.dense else 2,
        "max_len": 200 if traits.dense and strike_seen else 50,
        "readout": "mixture",
        "similarity": "dot",
        "untied": True,
        "start": "cooccurrence",
        "categories": traits.categories,
        "sampler": "union",
        "negatives": min(1024, max(1, traits.items // 4)),
        "strike_seen": strike_seen,
        "dropout": 0.2 if traits.dense else sparse_dropout,
        "learning_rate": 8e-3,
        "epochs": 8,
        "patience": 2,
        "window": 0 if traits.far else 1,
        "average": 0.98,
        "rules": True,
    }


def of_others(traits: Traits, *, single: bool) -> dict[str, Any]:
    """Give a good way to train the extractors of the literature."""
    return {
        "interests": 1 if single else 4,
        "max_len": 50,
        "readout": "lse",
        "similarity": "cosine",
        "untied": False,
        "start": "random",
        "categories": False,
        "sampler": "uniform",
        "negatives": 0 if traits.items <= FULL_SOFTMAX_UP_TO else 2_048,
        "strike_seen": False,
        "dropout": 0.2,
        "rules": False,
    }


def filled(settings: Settings, rules: Mapping[str, Any]) -> Settings:
    """Give the settings with those that are None taken from the rules."""
    names = [name for name in rules if getattr(settings, name, 0) is None]
    return replace(settings, **{name: rules[name] for name in names})


def told(asked: "DataclassInstance", settled: "DataclassInstance") -> str:
    """Say which settings were filled in by rule: ``name value``, a comma between two."""
    names = [field.name for field in fields(asked) if getattr(asked, field.name) is None]
    values = {name: getattr(settled, name) for name in names}
    return ", ".join(f"{name} {value}" for name, value in values.items() if value is not None)
