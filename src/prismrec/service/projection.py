"""A map of the catalog: the plane that shows most of how item vectors differ.

    plane = Plane.of(vectors)          # unit vectors' two principal axes
    plane.place(vectors)               # [N, 2], items or interests alike

A plane of principal axes rather than a prettier embedding, because an interest that no one has
had before must be placed on it too, at once and always in the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from prismrec.numerics import normalize


@dataclass(frozen=True, eq=False)
class Plane:
    """Two axes through a centre."""

    centre: NDArray[np.float64]
    """``[D]``"""
    axes: NDArray[np.float64]
    """``[D, 2]``, of unit length and at right angles."""

    @classmethod
    def of(cls, vectors: Float[np.ndarray, "N D"]) -> "Plane":
        """Find the plane of some vectors, each first brought to length 1.

        The sign of an axis is such that its largest part is positive: the same vectors give
        the same map.

        Cost: O(N D²).
        """
        unit = normalize(vectors)
        centre = unit.mean(axis=0)
        spread = (unit - centre).T @ (unit - centre)
        axes = np.linalg.eigh(spread)[1][:, ::-1][:, :2]
        if axes.shape[1] < 2:
            axes = np.pad(axes, ((0, 0), (0, 2 - axes.shape[1])))
        largest = np.abs(axes).argmax(axis=0)
        signs = np.sign(axes[largest, np.arange(2)])
        return cls(centre, axes * np.where(signs == 0, 1, signs))

    def place(self, vectors: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "N 2"]:
        """Give the place of vectors of any length on the map."""
        placed: NDArray[np.float64] = (normalize(vectors) - self.centre) @ self.axes
        return placed

    def place_all(self, vectors: Sequence[Sequence[float]]) -> Float[np.ndarray, "N 2"]:
        """Return the place of vectors given as numbers."""
        return self.place(np.array(vectors, dtype=np.float32))
