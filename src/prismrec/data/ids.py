"""Convert external ids to dense numbers and back.

    users = IdMap(np.array(["ann", "bob"], dtype=object), kind="user")
    users.index(["bob"])      # array([1])
    users.external([1])       # ["bob"]

External ids are strings, also if the log has whole numbers: ``"9000000000000000019"`` is returned
digit for digit. Ids are never floats.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prismrec.errors import ConfigError, DataError, UnknownName, described, list_of_ids

LONGEST_ID = 1_000
"""Largest id in bytes of UTF-8 that stores of events and the HTTP API accept: the ids of a user and
of an event together fit into an index of every database."""


def is_refused(ids: pl.Expr) -> pl.Expr:
    """Return which ids a store of events and the HTTP API refuse: too long, or with a NUL."""
    return (ids.str.len_bytes() > LONGEST_ID) | ids.str.contains("\0", literal=True)


class IdMap:
    """External ids in a fixed order; the number of an id is its position plus ``first``.

    Args:
        external: The ids, distinct and without missing values.
        first: Number of the first id: 0 for users; 1 for items, since 0 is padding.
        kind: "user" or "item", for messages.

    Raises:
        DataError: An id is missing or occurs twice.
    """

    def __init__(self, external: pl.Series | Sequence[str], *, first: int = 0, kind: str) -> None:
        ids = pl.Series("id", external, dtype=pl.String)
        if ids.null_count():
            raise DataError(f"{ids.null_count()} {kind} ids are missing; give every {kind} an id.")
        if ids.n_unique() != len(ids):
            repeated = ids.filter(ids.is_duplicated())[0]
            raise DataError(f"The {kind} id {repeated!r} occurs twice; ids must be distinct.")
        self.ids, self.first, self.kind = ids, first, kind

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"IdMap({len(self):,} {self.kind} ids)"

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.ids, start=self.first)}

    @cached_property
    def _names(self) -> list[str]:
        return list(self._numbers)

    def __contains__(self, name: object) -> bool:
        return name in self._numbers

    def index(self, names: Iterable[str]) -> NDArray[np.int64]:
        """Return the numbers of external ids, in the order of ``names``.

        Raises:
            UnknownName: An id that is not in the map.
            ConfigError: ``names`` is not a list of texts.

        Cost: O(names) time; the first call builds a dictionary, O(n) time and memory.
        """
        names = list_of_ids(names, self.kind)
        try:
            return np.array([self._numbers[name] for name in names], dtype=np.int64)
        except KeyError as error:
            raise UnknownName.among(self.kind, error.args[0], self._numbers) from error

    def index_known(self, names: Iterable[str]) -> NDArray[np.int64]:
        """Return the numbers of the known ids, in the order of ``names``; drop unknown ids.

        Raises:
            ConfigError: ``names`` is not a list of texts.

        Cost: as for ``index``.
        """
        names, numbers = list_of_ids(names, self.kind), self._numbers
        return np.array([numbers[name] for name in names if name in numbers], dtype=np.int64)

    def external(self, numbers: Iterable[int]) -> list[str]:
        """Return the external ids of numbers, in the order of ``numbers``.

        Raises:
            UnknownName: A number is negative, padding, or too large.
        """
        chosen = np.array(list(numbers), dtype=np.int64)
        outside = (chosen < self.first) | (chosen >= self.first + len(self.ids))
        if outside.any():
            raise UnknownName(
                f"No {self.kind} has number {chosen[outside.argmax()]}; numbers go from "
                f"{self.first} to {self.first + len(self.ids) - 1}."
            )
        return [self._names[place] for place in (chosen - self.first).tolist()]


def positions_of(ids: pl.Series, known: pl.Series) -> pl.Series:
    """Return the position of each id among distinct known ids, from 0; null for an unknown one.

    Cost: O(ids + known) time and memory.
    """
    places = known.alias("id").to_frame().with_row_index("position")
    found = ids.alias("id").to_frame().join(places, on="id", how="left", maintain_order="left")
    return found["position"].cast(pl.Int64)


def check_order(values: object, name: str) -> None:
    """Raise ConfigError for histories, or a history, without an order: a set or a dictionary."""
    if isinstance(values, set | frozenset | Mapping):
        raise ConfigError(
            f"{name} is of type {type(values).__name__}, which has no order, but must be a list, "
            "oldest first; write it as a list."
        )


def as_item_numbers(values: object, name: str) -> NDArray[np.int64]:
    """Return item numbers as an array of int64.

    Args:
        values: An array or another list of whole numbers, with an order.
        name: What they are, for messages: "A history".

    Raises:
        ConfigError: They have no order.
        DataError: They are no list, or not of a type of whole numbers.
    """
    if isinstance(values, np.ndarray) and values.dtype == np.int64 and values.ndim == 1:
        return values  # at once: there may be millions of histories
    check_order(values, name)
    if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
        raise DataError(
            f"{name} is {described(values)}, but must be an array of item numbers; write "
            "np.array([1, 2])."
        )
    try:
        numbers = np.asarray(values)
    except (TypeError, ValueError):  # a tensor on a GPU; lists of different lengths
        numbers = np.empty((), dtype=object)
    if numbers.ndim == 1 and not len(numbers):  # np.asarray([]) is of floats
        return np.empty(0, dtype=np.int64)
    if numbers.ndim != 1 or not np.issubdtype(numbers.dtype, np.integer):
        shape = "" if numbers.ndim == 1 else f" in {numbers.ndim} dimensions"
        raise DataError(
            f"{name} has values of type {numbers.dtype}{shape}, but must be an array of whole item "
            "numbers in one dimension; get them by catalog.items.index(…)."
        )
    return numbers.astype(np.int64, copy=False)
