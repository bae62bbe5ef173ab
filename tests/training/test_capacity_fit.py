"""Check the fit and the page of ``benchmarks/bench_capacity.py``."""

import numpy as np
import pytest

import capacity_docs
from capacity_fit import fit_coefficients, fitted
from prismrec.training.capacity import QUANTITIES, value_of
from prismrec.training.sizes import Sizes

SIZES = [
    Sizes(users=1_000 * n, items=500 * n * n, events=20_000 * n**3, dim=16 * n) for n in range(1, 8)
]


@pytest.mark.parametrize("name", ["prepare.seconds", "lists.ivf-flat.seconds", "service.memory"])
def test_known_coefficients_are_recovered(name):
    known = [0.5, 2e-6, 3e-8]
    points = [(one, value_of(QUANTITIES[name], known, one)) for one in SIZES]
    assert fit_coefficients(QUANTITIES[name], points) == pytest.approx(known, rel=1e-3)


def test_noise_of_five_percent_stays_small_in_the_prediction():
    name, noise = "prepare.seconds", np.random.default_rng(0)
    points = [
        (one, value_of(QUANTITIES[name], [0.5, 2e-6, 0.0], one) * noise.uniform(0.95, 1.05))
        for one in SIZES
    ]
    assert abs(fitted(name, points)["check"]["error"]) < 0.1


def test_no_coefficient_is_negative():
    falling = [(one, 10.0 - number) for number, one in enumerate(SIZES)]
    assert min(fit_coefficients(QUANTITIES["prepare.seconds"], falling)) >= 0


def test_the_last_size_is_not_fitted_and_its_error_is_recorded():
    quantity = QUANTITIES["prepare.seconds"]
    points = [(one, value_of(quantity, [0.5, 2e-6, 3e-8], one)) for one in SIZES]
    last, value = points[-1]
    points[-1] = last, 2 * value
    record = fitted("prepare.seconds", points)
    assert record["check"]["error"] == pytest.approx(-0.5, abs=1e-3)
    assert len(record["fitted"]) == len(points) - 1


def test_the_page_has_the_tables_of_the_shipped_coefficients():
    page = capacity_docs.PAGE.read_text(encoding="utf-8")
    assert capacity_docs.tables() in page, "run benchmarks/bench_capacity.py --page"
