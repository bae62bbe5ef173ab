"""Items of the catalog: search, similar items and the map."""

from collections.abc import Sequence

import numpy as np

from prismrec.recommend import Recommender
from prismrec.service.loaded_artifact import LoadedArtifact
from prismrec.service.responses import CatalogItem, CatalogItems, CatalogMap, SimilarItems


def find_items(
    served: LoadedArtifact, names: Sequence[str], search: str, limit: int
) -> CatalogItems:
    """Return items by id, or by title if there are no ids."""
    catalog = served.recommender.catalog
    if names:
        numbers = catalog.items.index_known(names).tolist()
    else:
        numbers = search_titles(served, search, limit)
    return CatalogItems(describe_items(served.recommender, numbers))


def describe_items(recommender: Recommender, numbers: Sequence[int]) -> list[CatalogItem]:
    """Return descriptions of items, by item number."""
    catalog = recommender.catalog
    return [
        CatalogItem(
            id=name,
            title=catalog.title(number),
            categories=catalog.categories_named(number),
            count=int(catalog.count[number]),
            hidden=number in recommender.hidden,
            provisional=number in recommender.provisional,
        )
        for name, number in zip(catalog.items.external(numbers), numbers, strict=True)
    ]


def search_titles(served: LoadedArtifact, text: str, limit: int) -> list[int]:
    """Return the numbers of items whose title contains the text.

    Titles that begin with the text come first, then titles with a word that begins with it; the
    most popular first.

    Cost: O(V).
    """
    text = text.casefold().strip()
    catalog = served.recommender.catalog
    ranked = []
    for place, title in enumerate(served.titles):
        at = title.find(text)
        if at >= 0:
            kind = 0 if at == 0 else 1 if not title[at - 1].isalnum() else 2
            ranked.append((kind, -int(catalog.count[place + 1]), place + 1))
    return [number for *_, number in sorted(ranked)[:limit]]


def similar_items(served: LoadedArtifact, item: str, k: int) -> SimilarItems:
    """Return the items nearest to an item."""
    return SimilarItems(item, served.name, served.recommender.similar(item, k))


def catalog_map(served: LoadedArtifact, limit: int) -> CatalogMap:
    """Return the most popular items with their positions on the map."""
    recommender = served.recommender
    catalog = recommender.catalog
    popular = catalog.by_count[: limit + len(recommender.hidden)].tolist()
    numbers = [number for number in popular if number not in recommender.hidden][:limit]
    vectors = recommender.model.content_vectors(np.array(numbers, dtype=np.int64))
    positions = served.plane.project(vectors)
    return CatalogMap(
        ids=catalog.items.external(numbers),
        titles=[catalog.title(number) for number in numbers],
        x=positions[:, 0].tolist(),
        y=positions[:, 1].tolist(),
        category=catalog.single_category[numbers].tolist(),
        categories=catalog.category_names,
    )
