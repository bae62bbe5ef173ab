"""Filters: which items a request may get, beyond what the operator has hidden."""

from collections.abc import Collection, Sequence
from functools import reduce

import numpy as np
from jaxtyping import Bool

from prismrec.data import Attributes, Catalog, Names, Numbers
from prismrec.errors import ConfigError, UnknownName, is_number, list_of_ids
from prismrec.rerank import Boost, Condition, Filter
from prismrec.retrieval import ScoreBoosts


def unknown_ids(filter: Filter, catalog: Catalog, dislikes: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the blocked, allowed and disliked ids that the catalog does not hold, each once."""
    names = dict.fromkeys([*filter.blocked, *(filter.allowed or ()), *dislikes])
    return tuple(name for name in names if name not in catalog.items)


def eligible_items(filter: Filter, catalog: Catalog) -> Bool[np.ndarray, " V"]:
    """Return which item numbers may be recommended; padding never.

    Raises:
        UnknownName: A category or an attribute that the catalog does not have.
        ConfigError: A condition that does not fit the type of its attribute.

    Cost: O(V); what passes a condition is remembered until the attribute changes.
    """
    eligible = np.ones(catalog.size, dtype=bool)
    if filter.allowed is not None:
        eligible[:] = False
        eligible[catalog.items.index_known(filter.allowed)] = True
    if filter.categories is not None:
        eligible &= _in_categories(filter.categories, catalog)
    for condition in filter.where:
        eligible &= passing(condition, catalog.attributes)
    eligible[catalog.items.index_known(filter.blocked)] = False
    eligible[0] = False
    return eligible


def _in_categories(names: Collection[str], catalog: Catalog) -> Bool[np.ndarray, " V"]:
    number = {name: place for place, name in enumerate(catalog.category_names)}
    for name in list_of_ids(names, "category"):
        if name not in number:
            raise UnknownName.among("category", name, number)
    wanted = np.isin(catalog.category_ids, [number[name] for name in names])
    mask = np.zeros(catalog.size, dtype=bool)
    mask[catalog.owners[wanted]] = True
    return mask


def score_boosts(boosts: Sequence[Boost], catalog: Catalog) -> ScoreBoosts | None:
    """Return what boosts add to the score of each item; None without boosts.

    Raises:
        UnknownName, ConfigError: See ``eligible_items``.

    Cost: O(V).
    """
    if not boosts:
        return None
    masks = [
        reduce(np.logical_and, (passing(one, catalog.attributes) for one in boost.where))
        for boost in boosts
    ]
    return ScoreBoosts.of(masks, [boost.added for boost in boosts])


def passing(condition: Condition, attributes: Attributes | None) -> Bool[np.ndarray, " V"]:
    """Return which items pass a condition; it must not be written to.

    Raises:
        UnknownName: No attribute of that name.
        ConfigError: The catalog has no attributes, or the condition does not fit the type.

    Cost: O(V), and O(1) for a condition that is remembered.
    """
    if attributes is None:
        raise ConfigError(
            f"{condition.name} needs attributes, but the catalog has none; prepare the data set "
            "with --items FILE --attributes NAMES and train again."
        )
    column = attributes.column(condition.attribute)
    _check_type(condition, column, attributes)
    return column.remembered.get(condition, lambda: _passing(condition, column))


def _passing(condition: Condition, column: Numbers | Names) -> Bool[np.ndarray, " V"]:
    if condition.missing == "only":
        passes = ~column.present
        passes[0] = False  # padding
        return passes
    passes = column.present
    if condition.is_range and isinstance(column, Numbers):
        passes = column.between(condition.min, condition.max)
    elif condition.values is not None:
        passes = column.any_of(condition.values)
    if condition.negated:
        passes = column.present & ~passes
    if condition.missing == "include":
        passes = passes | ~column.present
    return passes.copy()


def _check_type(condition: Condition, column: Numbers | Names, attributes: Attributes) -> None:
    """Raise ConfigError if a condition compares an attribute with values of another type."""
    if condition.is_range and column.kind != "number":
        given = "min or max"
    else:
        wrong = [value for value in condition.values or () if not _fits(column.kind, value)]
        if not wrong:
            return
        given = repr(wrong[0])[:60]
    hint = ", in double quotes on the command line" if column.kind in ("text", "set") else ""
    needed = {"number": "numbers", "boolean": "true or false"}.get(column.kind, "texts" + hint)
    raise ConfigError(
        f"{condition.name} compares a {column.kind} with {given}; give {needed}; the attributes "
        f"are {attributes.names}."
    )


def _fits(kind: str, value: object) -> bool:
    if kind == "number":
        return is_number(value)
    return isinstance(value, bool if kind == "boolean" else str)
