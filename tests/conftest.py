"""For every test: shapes checked, one torch thread, the real data if it is there."""

import gc
import os
from pathlib import Path

os.environ["POLARS_MAX_THREADS"] = "2"

from jaxtyping import install_import_hook

# The numeric parts alone: elsewhere beartype refuses annotations that are fine.
HOOKED = ["extractors", "item_table", "losses", "model", "negatives", "partition", "readouts"]
HOOKED += ["regularizers"]
install_import_hook([f"prismrec.{part}" for part in HOOKED], "shapes.check")

import hypothesis
import pytest
import torch

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
