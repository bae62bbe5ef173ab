"""A data set whose items have attributes, and conditions on them by their definition."""

from dataclasses import replace

import numpy as np
import polars as pl

from prismrec.data.attributes import Attributes
from prismrec.rerank import Condition
from worlds import small_dataset

WORLD = "synthetic:many-taste?users=80&items=400&clusters=8&events=20&seed=0"
REGIONS = ["DE", "AT", "CH", "FR", "a,b"]


def dataset_with_attributes():
    """Return a data set whose items have attributes of every type, some without a value."""
    made, generator = small_dataset(WORLD), np.random.default_rng(0)
    size = made.catalog.size - 1

    def some(values):
        return [None if generator.random() < 0.15 else one for one in values]

    columns = {
        "price": pl.Series(some(generator.integers(1, 100, size).astype(float))),
        "sale": pl.Series(some((generator.random(size) < 0.3).tolist())),
        "brand": pl.Series(some(generator.choice(["Acme", "Öko", "x y"], size).tolist())),
        "region": pl.Series(
            some([generator.choice(REGIONS, n, replace=False).tolist() for n in
                  generator.integers(1, 4, size)])
        ),
    }  # fmt: skip
    return replace(made, catalog=replace(made.catalog, attributes=Attributes.of(columns)))


def random_condition(generator):
    """Return a condition on one of the attributes."""
    negated, missing = bool(generator.random() < 0.3), str(generator.choice(["exclude", "include"]))
    low, high = sorted(generator.integers(0, 101, 2).tolist())
    return generator.choice(
        [
            Condition(attribute="price", min=low, max=high, negated=negated, missing=missing),
            Condition(attribute="price", max=high, negated=negated, missing=missing),
            Condition(attribute="price", any_of=[low, high], negated=negated, missing=missing),
            Condition(attribute="sale", equals=bool(low % 2), negated=negated, missing=missing),
            Condition(attribute="brand", equals="Acme", negated=negated, missing=missing),
            Condition(attribute="brand", any_of=["Öko", "?"], negated=negated, missing=missing),
            Condition(attribute="region", any_of=REGIONS[: 1 + low % 4], negated=negated),
            Condition(attribute="region", equals=REGIONS[low % 5], missing=missing),
            Condition(attribute=str(generator.choice(["price", "region"])), missing="only"),
            Condition(attribute="brand"),
        ]
    )


def passes(cells, condition):
    """Return whether an item passes a condition, by its definition."""
    cell = cells[condition.attribute]
    if cell is None:
        return condition.missing != "exclude"
    if condition.missing == "only":
        return False
    own = cell if isinstance(cell, list) else [cell]
    holds = True
    if condition.is_range:
        holds = all([condition.min is None or cell >= condition.min,
                     condition.max is None or cell <= condition.max])  # fmt: skip
    elif condition.values is not None:
        holds = any(value in own for value in condition.values)
    return holds != condition.negated
