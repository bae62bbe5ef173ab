"""Sizes of a data set and a model, from which costs are computed; see ``capacity``."""

import math
from dataclasses import dataclass

from prismrec.errors import ConfigError
from prismrec.retrieval import NEIGHBOURS
from prismrec.training.defaults import (
    DENSE_EVENTS,
    DENSE_GRADIENTS_UP_TO,
    DENSE_MAX_LEN,
    MAX_LEN,
)
from prismrec.training.initialize import WINDOW

LARGEST = 10**12
"""Largest number of users, items or events, a thousand times any log that is known."""
WIDEST = 10**6
"""Largest dimension and number of interests."""
FORMED = 4
"""Interests that are searched when they are formed: the whole history and three tastes."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Sizes of a data set after its filters, and of a model.

    Raises:
        ConfigError: A size is below 1 or absurdly large, or there are fewer events than users or
            items.
    """

    users: int
    """Users U with at least one event."""
    items: int
    """Items V with at least one event."""
    events: int
    """Events E."""
    dim: int = 64
    """Dimension D of item vectors."""
    interests: int = 1
    """Trained interests K; with 1, the others are formed from a history."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        limits = {"dim": WIDEST, "interests": WIDEST}
        for name, value in vars(self).items():
            largest = limits.get(name, LARGEST)
            if not 1 <= value <= largest:
                raise ConfigError(
                    f"A cost was to be estimated for {value:,} as {name}; use a number from 1 to "
                    f"{largest:,}."
                )
        for name in ("users", "items"):
            if self.events < getattr(self, name):
                raise ConfigError(
                    f"A cost was to be estimated for {self.events:,} events of "
                    f"{getattr(self, name):,} {name}, but each of them has at least one event; use "
                    f"more events or fewer {name}."
                )

    @property
    def length(self) -> float:
        """Mean number of events per user."""
        return self.events / self.users

    @property
    def windows(self) -> float:
        """Places in the windows of ``WINDOW`` events before all events; some are empty."""
        return self.events * min(WINDOW, max(self.length - 1, 0))

    @property
    def pairs(self) -> float:
        """Pairs of two events of a user that are at most ``WINDOW`` apart, if lengths are equal."""
        apart = min(WINDOW, max(self.length - 1, 0))
        return self.users * apart * (self.length - (apart + 1) / 2)

    @property
    def rules(self) -> float:
        """Sequential rules that are kept in a table, about."""
        return self._kept(2 * self.pairs)  # in both orders

    @property
    def similar_rules(self) -> float:
        """Rules of item-kNN that are kept in a table, about."""
        return self._kept(self.similar)

    def _kept(self, pairs: float) -> float:
        """Return how many of some pairs are kept, if numbers per item are spread exponentially.

        The mean of min(c, m x) over exponential x is m (1 - exp(-c / m)), with c ``NEIGHBOURS``
        and m pairs per item.
        """
        return -pairs * math.expm1(-NEIGHBOURS * self.items / pairs) if pairs else 0.0

    @property
    def dense(self) -> bool:
        """Whether the defaults are those of dense data."""
        return self.events >= DENSE_EVENTS * self.items

    @property
    def read(self) -> float:
        """Events of a history that the model reads, on average, with the default settings."""
        return min(self.length, DENSE_MAX_LEN if self.dense else MAX_LEN)

    @property
    def dense_numbers(self) -> int:
        """Numbers that every step updates: none with sparse gradients."""
        return 0 if self.items > DENSE_GRADIENTS_UP_TO else self.items * self.dim

    @property
    def searched(self) -> int:
        """Numbers that one list reads, with exact search of all its interests."""
        return self.searches * self.items * self.dim

    @property
    def searches(self) -> int:
        """Interests that are searched for one list."""
        return FORMED if self.interests == 1 else self.interests

    @property
    def similar(self) -> float:
        """Pairs of two events of one user, at any distance: the sum of squared lengths, about.

        For lengths of a Poisson distribution; a few very long histories have many more.
        """
        return self.events * (self.length + 1)

    @property
    def similar_items(self) -> float:
        """Pairs of items that have a user in common, about: pairs of events, each place once."""
        places = float(self.items) ** 2
        return -places * math.expm1(-self.similar / places)
