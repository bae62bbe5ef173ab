"""Small worlds for tests: data sets, and models that are quick to make."""

from typing import Any

import torch

from prismrec.data.dataset import Dataset, build_dataset
from prismrec.data.synthetic import open_world
from prismrec.models.extractors import EXTRACTORS
from prismrec.models.model import Model
from prismrec.recommend.recommender import Recommender

SPEC = "synthetic:many-taste?users=60&items=40&clusters=8&events=12&seed=0"


def small_dataset(spec: str = SPEC) -> Dataset:
    """Draw a world of a few dozen users."""
    log, items = open_world(spec)
    return build_dataset(log, items=items, min_user_events=1, min_item_events=1)


def untrained(
    dataset: Dataset, *, extractor: str = "sa", interests: int = 3, **options: Any
) -> Recommender:
    """Make a recommender of random weights, the same every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = EXTRACTORS[extractor](dim=8, interests=interests, max_len=10)
        model = Model(dataset.catalog.size, made, **options)
        return Recommender.exact(model, dataset.catalog)


def ids(dataset: Dataset, user: int) -> list[str]:
    """Give a user's history as external ids."""
    return dataset.catalog.items.external(dataset.histories[user].tolist())
