"""Fit the coefficients of ``bench_capacity`` to measurements."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from scipy.optimize import nnls

from prismrec.training import Sizes
from prismrec.training.capacity import QUANTITIES, Quantity, value_of

Point = tuple[Sizes, float]
"""A measurement: the sizes, and CPU seconds or bytes."""


def fit_coefficients(quantity: Quantity, points: Sequence[Point]) -> list[float]:
    """Return the coefficients of 0 or more with the smallest sum of squared relative errors.

    Each row is divided by its value, so that a second of a small size counts as much as a minute of
    a large one. Columns are scaled to length 1, since terms differ by many orders of magnitude.
    """
    table = np.array([quantity.terms(sizes) for sizes, _ in points], dtype=np.float64)
    table /= np.array([value for _, value in points])[:, None]
    scale = np.maximum(np.linalg.norm(table, axis=0), 1e-300)
    solution, _ = nnls(table / scale, np.ones(len(points)))
    return [float(f"{value:.6g}") for value in solution / scale]


def fitted(name: str, points: Sequence[Point]) -> dict[str, Any]:
    """Fit one quantity to all points but the last; return its record, with the error there."""
    quantity, (*used, (sizes, value)) = QUANTITIES[name], points
    coefficients = fit_coefficients(quantity, used)
    predicted = value_of(quantity, coefficients, sizes)
    check = {"predicted": rounded(predicted), "error": round(predicted / value - 1, 4)}
    return {
        "coefficients": coefficients,
        "fitted": [point_of(*point) for point in used],
        "check": point_of(sizes, value) | check,
    }


def point_of(sizes: Sizes, value: float) -> dict[str, Any]:
    """Return a measurement as JSON."""
    return {"sizes": asdict(sizes), "value": rounded(value)}


def rounded(value: float) -> float:
    """Return a number with four digits."""
    return float(f"{value:.4g}")
