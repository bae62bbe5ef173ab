"""Dense numbers for external ids, and back.

    users = IdMap(np.array(["ann", "bob"], dtype=object), kind="user")
    users.index(["bob"])      # array([1])
    users.external([1])       # ["bob"]

External ids are strings, whatever the log held: ``"9000000000000000019"`` comes back digit for
digit. A map never holds a float.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prismrec.errors import ConfigError, DataError, UnknownName


class IdMap:
    """External ids in a fixed order; an id's place is its number.

    Args:
        external: The ids, distinct and none missing.
        first: Number of the first id: 0 for users, 1 for items, where 0 is padding.
        kind: What the ids name, for messages: "user", "item".

    Raises:
        DataError: An id is missing or stands twice.
    """

    def __init__(self, external: pl.Series | Sequence[str], *, first: int = 0, kind: str) -> None:
        ids = pl.Series("id", external, dtype=pl.String)
        if ids.null_count():
            raise DataError(f"{ids.null_count()} {kind} ids are missing; give every {kind} an id.")
        if ids.n_unique() != len(ids):
            twice = ids.filter(ids.is_duplicated())[0]
            raise DataError(f"The {kind} id {twice!r} stands twice in a map; ids must be distinct.")
        self.ids, self.first, self.kind = ids, first, kind

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.ids, start=self.first)}

    @cached_property
    def _names(self) -> list[str]:
        return list(self._numbers)

    def __contains__(self, name: object) -> bool:
        return name in self._numbers

    def index(self, names: Iterable[str]) -> NDArray[np.int64]:
        """Give the numbers of external ids, in the order asked.

        Raises:
            UnknownName: An id that is not in the map.
            ConfigError: ``names`` is a string: its letters are no ids.

        Cost: O(names) time; the first call builds a dictionary, O(n) time and memory.
        """
        check_ids(names)
        try:
            return np.array([self._numbers[name] for name in names], dtype=np.int64)
        except KeyError as error:
            raise UnknownName.among(self.kind, error.args[0], self._numbers) from error

    def index_known(self, names: Iterable[str]) -> NDArray[np.int64]:
        """Return the numbers of the ids that the map holds, in the order given; drop the others.

        Raises:
            ConfigError: ``names`` is a string: its letters are no ids.

        Cost: as ``index``.
        """
        check_ids(names)
        numbers = self._numbers
        return np.array([numbers[name] for name in names if name in numbers], dtype=np.int64)

    def external(self, numbers: Iterable[int]) -> list[str]:
        """Give the external ids of numbers, in the order asked.

        Raises:
            UnknownName: A number outside the map: negative, padding, or past the end.
        """
        asked = np.array(list(numbers), dtype=np.int64)
        outside = (asked < self.first) | (asked >= self.first + len(self.ids))
        if outside.any():
            raise UnknownName(
                f"No {self.kind} has number {asked[outside.argmax()]}; they go from {self.first} "
                f"to {self.first + len(self.ids) - 1}."
            )
        return [self._names[place] for place in (asked - self.first).tolist()]


def check_ids(names: object) -> None:
    """Raise ConfigError for a string where a list of ids is expected."""
    if isinstance(names, str | bytes):
        raise ConfigError(
            f"A list of ids was expected, but the text {names[:40]!r} was given; give a list, such "
            f"as [{names[:40]!r}]."
        )
