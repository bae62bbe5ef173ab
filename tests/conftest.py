"""For every test: shapes checked, one torch thread, the real data if it is there."""

import gc
import os
from pathlib import Path

os.environ["POLARS_MAX_THREADS"] = "2"

from jaxtyping import install_import_hook

# The numeric parts alone: elsewhere beartype refuses annotations that are fine.
HOOKED = ["models"]
install_import_hook([f"prismrec.{part}" for part in HOOKED], "shapes.check")

import hypothesis
import numpy as np
import pytest
import torch

from prismrec.data import Histories
from prismrec.models import EXTRACTORS, Model
from worlds import small_dataset

# How long an example takes says nothing on a busy machine.
hypothesis.settings.register_profile("prismrec", deadline=None)
hypothesis.settings.load_profile("prismrec")

# On two busy cores small steps take many times longer on two threads than on one.
torch.set_num_threads(1)


# Torch and the tests are a million objects that stay: to look through them again and again for
# what may go was a third of the time of `make check`.
gc.set_threshold(50_000, 20, 100)


def pytest_collection_finish() -> None:
    """Leave what is there once all tests are collected out of every later collection."""
    gc.freeze()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Give the folder of real data sets, or skip the test, saying so."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("PRISMREC_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip("real data is absent: set PRISMREC_SHARED_DATA to its folder")
    return folder


SIZE, MAX_LEN = 40, 8


@pytest.fixture(scope="session")
def histories():
    """Users who walk on from item to item, now and then by a leap; some longer than MAX_LEN."""
    rng = np.random.default_rng(0)
    steps = [np.where(rng.random(n) < 0.2, rng.integers(SIZE), 1) for n in rng.integers(1, 20, 60)]
    return Histories.of([1 + np.cumsum(rng.integers(SIZE) + s) % (SIZE - 1) for s in steps])


@pytest.fixture
def new_model():
    """Give a function that makes the same small model for the same arguments."""

    def make(extractor="sa", *, seed=0, interests=3, heads=None, positions=None, **options):
        torch.manual_seed(seed)
        interests = 1 if EXTRACTORS[extractor].single else interests
        own = {"heads": heads, "positions": positions} if heads else {}
        made = EXTRACTORS[extractor](dim=8, interests=interests, max_len=MAX_LEN, **own)
        return Model(SIZE, made, **options)

    return make


@pytest.fixture
def weights():
    """Give a function that copies a model's weights."""
    return lambda model: {name: value.clone() for name, value in model.state_dict().items()}


@pytest.fixture
def assert_same():
    """Give a function that fails unless two models have the same weights, bit for bit."""

    def check(one, other):
        assert one.keys() == other.keys()
        for name, value in one.items():
            assert torch.equal(value, other[name]), name

    return check


@pytest.fixture(scope="session")
def dataset():
    """Draw one small world for all tests of recommenders."""
    return small_dataset()
