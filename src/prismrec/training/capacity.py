"""What Prismrec costs, from the sizes of the data alone: a few measured coefficients per quantity.

    sizes = Sizes(users=1_000_000, items=200_000, events=50_000_000)
    measured = read_coefficients()
    measured.predict("prepare.seconds", sizes)     # Predicted(value=…, beyond=("events",))

Each quantity is a sum of terms that follow from the algorithm, each times a coefficient of 0 or
more. ``benchmarks/bench_capacity.py`` measures quantities at several sizes, fits the coefficients
and writes them to ``capacity.json``, with the machine, the commit, the measured sizes and the error
at a size that was not used for the fit. docs/scale.md explains the terms and their limits.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from prismrec.evaluation import SIMILAR_ITEMS, SIMILAR_PAIRS
from prismrec.retrieval import COUNTED_EVENTS, SMALL_CATALOG
from prismrec.training.initialize import PAIRS_OF_MANY
from prismrec.training.sizes import Sizes

COEFFICIENTS = "capacity.json"
"""The file of coefficients, next to this one."""

Terms = Callable[[Sizes], tuple[float, ...]]


@dataclass(frozen=True)
class Quantity:
    """A time in CPU seconds of one core, or a number of bytes, as a sum of terms."""

    formula: str
    """The sum in words: a, b, c are the coefficients."""
    depends: tuple[str, ...]
    """Sizes that the terms depend on; beyond what was measured of these, it is extrapolated."""
    terms: Terms


def _rows(sizes: Sizes) -> tuple[float, ...]:
    return 1, sizes.events, sizes.users + sizes.items


def _vectors(sizes: Sizes) -> tuple[float, ...]:
    return 1, sizes.items, sizes.items * sizes.dim


def _lists_of_index(sizes: Sizes) -> tuple[float, ...]:
    return 1, sizes.searches * sizes.dim, sizes.searches * sizes.items**0.5 * sizes.dim


_DATA = ("events", "users", "items")
_ITEMS = ("items", "dim")
_LISTS = ("items", "dim", "interests")
_OF_ROWS = "a + b E + c (U + V)"
_OF_VECTORS = "a + b V + c V D"

QUANTITIES: Mapping[str, Quantity] = {
    "prepare.seconds": Quantity(_OF_ROWS, _DATA, _rows),
    "prepare.memory": Quantity(_OF_ROWS, _DATA, _rows),
    "prepare.disk": Quantity(_OF_ROWS, _DATA, _rows),
    "load.memory": Quantity(_OF_ROWS, _DATA, _rows),
    "initial.seconds": Quantity(
        "a E + b min(W, 20 M) D + c V D",
        ("events", "items", "dim"),
        lambda s: (s.events, min(s.windows, PAIRS_OF_MANY) * s.dim, s.items * s.dim),
    ),
    "step.seconds": Quantity(
        "a + b D log2 V + c L D + d L D if dense + e V D up to 100,000 items",
        ("items", "dim", "length"),
        lambda s: (
            1, s.dim * math.log2(1 + s.items), s.read * s.dim, s.dense * s.read * s.dim,
            s.dense_numbers,
        ),
    ),
    "lists.exact.seconds": Quantity(
        f"a + b S V + c S V D + d above {SMALL_CATALOG:,} items",
        _LISTS,
        lambda s: (1, s.searches * s.items, s.searched, s.items > SMALL_CATALOG),
    ),
    "lists.ivf-flat.seconds": Quantity("a + b S D + c S √V D", _LISTS, _lists_of_index),
    "lists.ivf-sq8.seconds": Quantity("a + b S D + c S √V D", _LISTS, _lists_of_index),
    "index.exact.seconds": Quantity("a + b V D", _ITEMS, lambda s: (1, s.items * s.dim)),
    "index.ivf-flat.seconds": Quantity(_OF_VECTORS, _ITEMS, _vectors),
    "index.ivf-sq8.seconds": Quantity(_OF_VECTORS, _ITEMS, _vectors),
    "artifact.exact.disk": Quantity(_OF_VECTORS, _ITEMS, _vectors),
    "artifact.ivf-flat.disk": Quantity(_OF_VECTORS, _ITEMS, _vectors),
    "artifact.ivf-sq8.disk": Quantity(_OF_VECTORS, _ITEMS, _vectors),
    "rules.sequential.seconds": Quantity(
        "a + b P log2 V",
        ("events", "items", "length"),
        lambda s: (1, s.pairs * math.log2(s.items + 1)),
    ),
    "rules.sequential.memory": Quantity(
        "a min(1, 1 M / E) P",
        ("events",),
        lambda s: (min(1, COUNTED_EVENTS / s.events) * s.pairs,),
    ),
    "rules.item-knn.seconds": Quantity(
        "a V + b Q + c R",
        ("events", "items", "length"),
        lambda s: (s.items, s.similar, s.similar_items),
    ),
    "rules.item-knn.memory": Quantity(
        "a min(min(1, 4,096 / V) R, 16.8 M) + b M",
        ("events", "items"),
        lambda s: (
            min(min(1, SIMILAR_ITEMS / s.items) * s.similar_items, SIMILAR_PAIRS), s.similar_rules,
        ),
    ),
    "rules.ease.seconds": Quantity("a V² + b V³", ("items",), lambda s: (s.items**2, s.items**3)),
    "rules.ease.memory": Quantity("a + b V²", ("items",), lambda s: (1, s.items**2)),
    "rules.blend.seconds": Quantity("a + b L", ("length",), lambda s: (1, s.length)),
    "service.seconds": Quantity("a + b S V D", _LISTS, lambda s: (1, s.searched)),
    "service.memory": Quantity(_OF_VECTORS, _ITEMS, _vectors),
}  # fmt: skip
"""All quantities by name. U users, V items, E events, D dimension, L = E / U, W places in windows,
P pairs of events in them, S searched interests, Q pairs of events of one user at any distance, R
pairs of items in them, M the rules of item-kNN."""


@dataclass(frozen=True)
class Predicted:
    """A number, and the sizes in which it is beyond what was measured."""

    value: float
    beyond: tuple[str, ...] = ()

    def __add__(self, other: "Predicted") -> "Predicted":
        beyond = dict.fromkeys((*self.beyond, *other.beyond))
        return Predicted(self.value + other.value, tuple(beyond))

    def times(self, factor: float) -> "Predicted":
        """Return the number times a factor."""
        return Predicted(factor * self.value, self.beyond)

    def larger(self, other: "Predicted") -> "Predicted":
        """Return the larger number; it is beyond the measured sizes if one of both is."""
        beyond = (self + other).beyond
        return Predicted(max(self.value, other.value), beyond)


@dataclass(frozen=True)
class Coefficients:
    """Measured coefficients of all quantities, as in ``capacity.json``."""

    machine: str
    commit: str
    date: str
    quantities: Mapping[str, Mapping[str, Any]]
    """By name: ``coefficients``, ``fitted`` and ``check``, each measurement with its sizes."""
    training: Mapping[str, Any]
    """The measured and the predicted memory of a whole training, and the error."""

    def predict(self, name: str, sizes: Sizes) -> Predicted:
        """Compute a quantity.

        Raises:
            KeyError: There is no such quantity.
        """
        quantity, known = QUANTITIES[name], self.quantities[name]
        value = value_of(quantity, known["coefficients"], sizes)
        measured = [Sizes(**point["sizes"]) for point in [*known["fitted"], known["check"]]]
        beyond = tuple(
            size
            for size in quantity.depends
            if getattr(sizes, size) > max(getattr(point, size) for point in measured)
        )
        return Predicted(value, beyond)

    def constant(self, name: str) -> float:
        """Return the first coefficient of a quantity whose first term is 1.

        Raises:
            KeyError: There is no such quantity.
        """
        first: float = self.quantities[name]["coefficients"][0]
        return first


def value_of(quantity: Quantity, coefficients: list[float], sizes: Sizes) -> float:
    """Return the sum of the terms of a quantity, each times its coefficient."""
    terms = quantity.terms(sizes)
    return sum(factor * term for factor, term in zip(coefficients, terms, strict=True))


def read_coefficients() -> Coefficients:
    """Read the coefficients of this version."""
    text = (files(__package__) / COEFFICIENTS).read_text(encoding="utf-8")
    return Coefficients(**json.loads(text))
