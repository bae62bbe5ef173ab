"""Small histories and models to train in milliseconds."""

import numpy as np
import pytest
import torch

from prismrec.data.histories import Histories
from prismrec.extractors import EXTRACTORS
from prismrec.model import Model

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
