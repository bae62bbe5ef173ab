"""Items of the catalog: by id, by title, near another one, on the map."""

from collections.abc import Sequence

import numpy as np

from prismrec.recommend import Recommender
from prismrec.service.loaded_artifact import LoadedArtifact
from prismrec.service.responses import CatalogItem, CatalogItems, CatalogMap, SimilarItems


def find_items(
    served: LoadedArtifact, names: Sequence[str], search: str, limit: int
) -> CatalogItems:
    """Return items by id if ids are given, else by title."""
    catalog = served.recommender.catalog
    known = (
        catalog.items.index_known(names).tolist() if names else search_titles(served, search, limit)
    )
    return CatalogItems(describe_items(served.recommender, known))


def describe_items(recommender: Recommender, numbers: Sequence[int]) -> list[CatalogItem]:
    """Describe items of the catalog."""
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
    """Return items whose title begins with the text, then has a word that does, then holds it.

    Cost: O(V).
    """
    wanted = text.casefold().strip()
    catalog = served.recommender.catalog
    ranked = []
    for place, title in enumerate(served.titles):
        at = title.find(wanted)
        if at >= 0:
            kind = 0 if at == 0 else 1 if not title[at - 1].isalnum() else 2
            ranked.append((kind, -int(catalog.count[place + 1]), place + 1))
    return [number for *_, number in sorted(ranked)[:limit]]


def similar_items(served: LoadedArtifact, item: str, k: int) -> SimilarItems:
    """Return the items nearest to another one."""
    return SimilarItems(item, served.name, served.recommender.similar(item, k))


def catalog_map(served: LoadedArtifact, limit: int) -> CatalogMap:
    """Return the most popular items on the plane."""
    recommender = served.recommender
    catalog = recommender.catalog
    popular = catalog.by_count[: limit + len(recommender.hidden)].tolist()
    numbers = [number for number in popular if number not in recommender.hidden][:limit]
    vectors = recommender.model.content_vectors(np.array(numbers, dtype=np.int64))
    places = served.plane.place(vectors)
    return CatalogMap(
        ids=catalog.items.external(numbers),
        titles=[catalog.title(number) for number in numbers],
        x=places[:, 0].tolist(),
        y=places[:, 1].tolist(),
        category=catalog.single_category[numbers].tolist(),
        categories=catalog.category_names,
    )
