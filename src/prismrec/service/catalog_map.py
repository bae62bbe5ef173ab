"""The map of the catalog: positions of items, and labels of the regions that they form.

A region is a k-means cluster of positions. Its label is the category that its items have more often
than the other items: the largest log-odds ratio with a prior, in units of its standard deviation.

Source of the ratio: Monroe, Colaresi, Quinn, "Fightin' Words", Political Analysis 2008, equation 22
with the shares of all items as the prior.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

from prismrec.data import Catalog
from prismrec.recommend import Recommender
from prismrec.service.page_responses import CatalogMap, MapLabel
from prismrec.service.plane import Plane

LABELED = 20_000
"""Number of items, the most popular, from which the labels are computed."""
REGIONS = 12
"""Largest number of regions."""
ITEMS_PER_REGION = 15
"""Smallest number of items per region, on average."""
SURE = 4.0
"""Smallest log-odds ratio of a label, in standard deviations: high, because the largest ratio of
many categories is above 2 by chance."""
PLACES = 4
"""Decimal places of positions: finer than a pixel, and half as many bytes as all places."""
PRIOR = 50.0
"""Weight of the prior, in items."""


def catalog_map(
    recommender: Recommender,
    plane: Plane,
    labels: Sequence[MapLabel],
    limit: int,
    items: Sequence[str],
) -> CatalogMap:
    """Return the most popular items, and further ones that must be on the map.

    Args:
        recommender: Has the items and their vectors.
        plane: Projects the vectors.
        labels: The labels of the map.
        limit: Number of the most popular items.
        items: Ids of items that are always included, also hidden ones; unknown ids are left out.
    """
    catalog, hidden = recommender.catalog, recommender.hidden
    popular = catalog.by_count[: limit + len(hidden)].tolist()
    sampled = [number for number in popular if number not in hidden][:limit]
    asked = catalog.items.index_known(items).tolist()
    numbers = list(dict.fromkeys([*sampled, *asked]))
    vectors = recommender.model.content_vectors(np.array(numbers, dtype=np.int64))
    positions = plane.project(vectors).round(PLACES)
    return CatalogMap(
        ids=catalog.items.external(numbers),
        titles=[catalog.title(number) for number in numbers],
        x=positions[:, 0].tolist(),
        y=positions[:, 1].tolist(),
        category=catalog.single_category[numbers].tolist(),
        categories=catalog.category_names,
        total=catalog.size - 1 - len(hidden),
        sampled=len(sampled),
        labels=list(labels),
    )


def map_labels(recommender: Recommender, plane: Plane) -> list[MapLabel]:
    """Return one label per region that has one, the most certain first; no category twice.

    Cost: O(N (D + regions + categories)) for N, the ``LABELED`` most popular items. The same
    artifact always gets the same labels.
    """
    catalog = recommender.catalog
    numbers = catalog.by_count[:LABELED]
    regions = min(REGIONS, len(numbers) // ITEMS_PER_REGION)
    if regions < 2 or not catalog.category_names:
        return []
    positions = plane.project(recommender.model.content_vectors(numbers))
    region = kmeans2(positions, regions, iter=20, minit="++", seed=np.random.default_rng(0))[1]
    owned = _owned_categories(catalog, numbers)
    certain = log_odds(region, owned, (regions, len(catalog.category_names)))
    labels: list[MapLabel] = []
    while certain.size and certain.max() >= SURE:
        place, category = np.unravel_index(certain.argmax(), certain.shape)
        named = owned[0][(region[owned[0]] == place) & (owned[1] == category)]
        x, y = positions[named].mean(axis=0).tolist()
        labels.append(MapLabel(catalog.category_names[category], x, y, len(named)))
        certain[place, :] = certain[:, category] = -np.inf
    return labels


def log_odds(
    region: Int[np.ndarray, " N"],
    owned: tuple[NDArray[np.int64], NDArray[np.int64]],
    shape: tuple[int, int],
) -> Float[np.ndarray, "R C"]:
    """Return how much more often items of a region have a category than the other items.

    Args:
        region: The region of each item.
        owned: Pairs of an item's position in ``region`` and one of its categories.
        shape: Number of regions and of categories.

    Returns:
        Log-odds ratios, each divided by its standard deviation.
    """
    regions, categories = shape
    place, category = owned
    inside = np.zeros((regions, categories))
    np.add.at(inside, (region[place], category), 1.0)
    total = inside.sum(axis=0)
    prior = PRIOR * total / max(total.sum(), 1.0) + 1e-9
    items = np.bincount(region, minlength=regions)[:, None].astype(np.float64)
    here, elsewhere = inside + prior, total - inside + prior
    absent_here = items - inside + PRIOR - prior
    absent_elsewhere = len(region) - items - (total - inside) + PRIOR - prior
    ratio = np.log(here / absent_here) - np.log(elsewhere / absent_elsewhere)
    deviation: NDArray[np.float64] = ratio / np.sqrt(1 / here + 1 / elsewhere)
    return deviation


def _owned_categories(
    catalog: Catalog, numbers: Int[np.ndarray, " N"]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs of a position in ``numbers`` and one of that item's categories."""
    place = np.full(catalog.size, -1, dtype=np.int64)
    place[numbers] = np.arange(len(numbers))
    owner = place[catalog.owners]
    return owner[owner >= 0], catalog.category_ids[owner >= 0].astype(np.int64)
