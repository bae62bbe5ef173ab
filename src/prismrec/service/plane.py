"""A map of the catalog: projects vectors to the two axes along which item vectors vary most.

    plane = Plane.fit(vectors)         # the first two principal axes of unit vectors
    plane.project(vectors)             # [N, 2], items or interests

Principal axes rather than a nonlinear embedding, because a new interest must be projected at once,
and always to the same point.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from prismrec.numerics import normalize


@dataclass(frozen=True, eq=False)
class Plane:
    """Two axes through a center."""

    center: NDArray[np.float64]
    """``[D]``: mean of the unit vectors."""
    axes: NDArray[np.float64]
    """``[D, 2]``: orthogonal unit vectors."""

    @classmethod
    def fit(cls, vectors: Float[np.ndarray, "N D"]) -> "Plane":
        """Compute the plane of some vectors, each scaled to length 1.

        The largest component of each axis is positive, so the same vectors make the same map.

        Cost: O(N D²).
        """
        unit = normalize(vectors)
        center = unit.mean(axis=0)
        covariance = (unit - center).T @ (unit - center)
        axes = np.linalg.eigh(covariance)[1][:, ::-1][:, :2]
        if axes.shape[1] < 2:
            axes = np.pad(axes, ((0, 0), (0, 2 - axes.shape[1])))
        largest = np.abs(axes).argmax(axis=0)
        signs = np.sign(axes[largest, np.arange(2)])
        return cls(center, axes * np.where(signs == 0, 1, signs))

    def project(self, vectors: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "N 2"]:
        """Return the positions of vectors of any length."""
        positions: NDArray[np.float64] = (normalize(vectors) - self.center) @ self.axes
        return positions
