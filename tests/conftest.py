"""Configure all tests: check array shapes, use one thread, find the real data sets."""

import gc
import os
from pathlib import Path

os.environ["POLARS_MAX_THREADS"] = "2"
# Also for the processes that tests start: two of them on two cores slow each other down.
os.environ["OMP_NUM_THREADS"] = "1"

from jaxtyping import install_import_hook

# Only the numeric package: elsewhere beartype rejects annotations that are correct.
HOOKED = ["models"]
install_import_hook([f"prismrec.{part}" for part in HOOKED], "shapes.check")

import hypothesis
import numpy as np
import pytest
import torch

from prismrec.data import Histories
from prismrec.models import EXTRACTORS, Model
from worlds import small_dataset

# On a busy machine, the time of one example is not meaningful.
hypothesis.settings.register_profile("prismrec", deadline=None)
hypothesis.settings.load_profile("prismrec")

# On two busy cores, small steps take many times longer with two threads than with one.
torch.set_num_threads(1)


# Torch and the tests create a million objects that are never freed. With the default limits, the
# garbage collector scanned them so often that this took a third of the time of `make check`.
gc.set_threshold(50_000, 20, 100)


def pytest_collection_finish() -> None:
    """Exclude all objects that exist after test collection from garbage collection."""
    gc.freeze()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real data sets; skip the test if there is none."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("PRISMREC_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip("real data is absent: set PRISMREC_SHARED_DATA to its folder")
    return folder


SIZE, MAX_LEN = 40, 8


@pytest.fixture(scope="session")
def histories():
    """Draw users who mostly go to the next item and sometimes jump; some exceed MAX_LEN."""
    rng = np.random.default_rng(0)
    steps = [np.where(rng.random(n) < 0.2, rng.integers(SIZE), 1) for n in rng.integers(1, 20, 60)]
    return Histories.of([1 + np.cumsum(rng.integers(SIZE) + s) % (SIZE - 1) for s in steps])


@pytest.fixture
def new_model():
    """Return a function that builds the same small model for the same arguments."""

    def make(extractor="sa", *, seed=0, interests=3, heads=None, positions=None, **options):
        torch.manual_seed(seed)
        interests = 1 if EXTRACTORS[extractor].single else interests
        own = {"heads": heads, "positions": positions} if heads else {}
        made = EXTRACTORS[extractor](dim=8, interests=interests, max_len=MAX_LEN, **own)
        return Model(SIZE, made, **options)

    return make


@pytest.fixture
def weights():
    """Return a function that copies the weights of a model."""
    return lambda model: {name: value.clone() for name, value in model.state_dict().items()}


@pytest.fixture
def assert_same():
    """Return a function that checks that two models have bit-identical weights."""

    def check(one, other):
        assert one.keys() == other.keys()
        for name, value in one.items():
            assert torch.equal(value, other[name]), name

    return check


@pytest.fixture(scope="session")
def dataset():
    """Build one small synthetic data set for all tests of recommenders."""
    return small_dataset()
