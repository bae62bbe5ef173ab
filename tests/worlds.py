"""Build small synthetic data sets and untrained models for tests."""

from typing import Any

import torch

from prismrec.data.dataset import Dataset, build_dataset
from prismrec.data.synthetic import open_world
from prismrec.models import Forming
from prismrec.models.extractors import EXTRACTORS
from prismrec.models.model import Model
from prismrec.recommend.recommender import Recommender

SPEC = "synthetic:many-taste?users=60&items=40&clusters=8&events=12&seed=0"


def small_dataset(spec: str = SPEC) -> Dataset:
    """Build a synthetic data set of a few dozen users."""
    log, items = open_world(spec)
    return build_dataset(log, items=items, min_user_events=1, min_item_events=1)


def untrained(
    dataset: Dataset,
    *,
    extractor: str = "sa",
    interests: int = 3,
    own: dict[str, Any] | None = None,
    **options: Any,
) -> Recommender:
    """Build a recommender with random weights from a fixed seed; ``own``: of the extractor."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = EXTRACTORS[extractor](dim=8, interests=interests, max_len=10, **(own or {}))
        model = Model(dataset.catalog.size, made, **options)
        return Recommender.exact(model, dataset.catalog)


def ids(dataset: Dataset, user: int) -> list[str]:
    """Return the external ids of a user's history."""
    return dataset.catalog.items.external(dataset.histories[user].tolist())


def formed(
    dataset: Dataset,
    *,
    clusters: int = 4,
    whole_weight: float = 0.6,
    seed: int = 0,
    extractor: str = "prism",
    own: dict[str, Any] | None = None,
    **options: Any,
) -> Recommender:
    """Build a recommender with random weights that forms interests; ``own``: of the extractor."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = EXTRACTORS[extractor](dim=8, interests=1, max_len=10, **(own or {})).eval()
        for parameter in made.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        size = dataset.catalog.size
        options = {"tie_embeddings": False, "normalized": True} | options
        model = Model(size, made, **options)
        if model.outputs is not None:
            model.set_item_vectors(*torch.randn(2, size, 8), torch.randn(size))
        recommender = Recommender.exact(model, dataset.catalog)
    return recommender.with_forming(Forming(clusters=clusters, whole_weight=whole_weight))
