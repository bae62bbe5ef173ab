"""Check the map of the catalog: it keeps distances as well as a plane can, and it is repeatable."""

import numpy as np
import pytest

from prismrec.service.plane import Plane


def test_vectors_in_a_plane_keep_their_distances_on_the_map():
    rng = np.random.default_rng(0)
    angles = rng.uniform(0, np.pi, 40)
    basis = np.linalg.qr(rng.standard_normal((7, 2)))[0]
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1) @ basis.T
    placed = Plane.fit(vectors).project(3.0 * vectors)
    apart = np.linalg.norm(vectors[:, None] - vectors, axis=2)
    assert np.linalg.norm(placed[:, None] - placed, axis=2) == pytest.approx(apart)


def test_the_axes_are_those_of_the_largest_variance():
    vectors = np.random.default_rng(1).standard_normal((300, 6)) * [5, 3, 1, 1, 1, 1]
    first, second = Plane.fit(vectors).project(vectors).var(axis=0)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    largest = np.sort(np.linalg.eigvalsh(np.cov(unit.T, bias=True)))[::-1]
    assert [first, second] == pytest.approx(largest[:2])


@pytest.mark.parametrize("shape", [(1, 4), (3, 1), (5, 2)])
def test_few_vectors_few_dimensions_and_zero_vectors_have_a_finite_place(shape):
    vectors = np.random.default_rng(2).standard_normal(shape)
    plane = Plane.fit(vectors)
    assert np.isfinite(plane.project(np.vstack([vectors, np.zeros(shape[1])]))).all()
    assert np.array_equal(plane.axes, Plane.fit(vectors.copy()).axes)
