"""One small world for all tests of the recommender."""

import pytest

from worlds import small_dataset


@pytest.fixture(scope="session")
def dataset():
    return small_dataset()
