"""Items of the catalog: by id, by title, and similar items."""

from collections.abc import Collection, Sequence

from prismrec.data import Catalog
from prismrec.errors import ConfigError
from prismrec.recommend import Recommender
from prismrec.service.loaded_artifact import LoadedArtifact
from prismrec.service.pictures import allowed_image
from prismrec.service.responses import CatalogItem, CatalogItems, SimilarItems


def find_items(
    served: LoadedArtifact,
    names: Sequence[str],
    search: str,
    limit: int,
    images: Collection[str],
) -> CatalogItems:
    """Return items by id, or by title if there are no ids.

    Args:
        served: Has the items.
        names: Ids; unknown ids are left out.
        search: Text that titles contain.
        limit: Largest number of items that are found by title.
        images: Hosts whose pictures may be shown.
    """
    catalog = served.recommender.catalog
    if names:
        numbers = catalog.items.index_known(names).tolist()
    else:
        numbers = served.titles.find(search, limit)
    return CatalogItems(describe_items(served.recommender, numbers, images))


def check_question(sent: Collection[str], names: Sequence[str], limit: int) -> None:
    """Check that a question for items has no part that its answer would ignore.

    Args:
        sent: Names of the parameters that were sent.
        names: The ids.
        limit: Largest number of items.

    Raises:
        ConfigError: There are ids with a text to search for, or more ids than ``limit``.
    """
    if not names:
        return
    if "search" in sent:
        raise ConfigError("id and search were sent; send one of them.")
    if "limit" in sent and limit < len(names):
        raise ConfigError(
            f"limit is {limit}, but {len(names)} ids were sent; leave limit out, or send fewer ids."
        )


def describe_items(
    recommender: Recommender, numbers: Sequence[int], images: Collection[str]
) -> list[CatalogItem]:
    """Return descriptions of items, by item number; pictures only from the hosts ``images``."""
    catalog = recommender.catalog
    return [
        CatalogItem(
            id=name,
            title=catalog.title(number),
            categories=catalog.categories_named(number),
            count=int(catalog.count[number]),
            hidden=number in recommender.hidden,
            provisional=number in recommender.provisional,
            image=allowed_image(catalog.image(number), images),
            attributes=attributes_of(catalog, number),
        )
        for name, number in zip(catalog.items.external(numbers), numbers, strict=True)
    ]


def attributes_of(
    catalog: Catalog, number: int
) -> dict[str, bool | float | str | list[str] | None]:
    """Return the values of the attributes of an item; empty if the catalog has no attributes."""
    if catalog.attributes is None:
        return {}
    cells = catalog.attributes.of_item(number).items()
    return {n: [*c] if isinstance(c, Sequence) and not isinstance(c, str) else c for n, c in cells}


def titles_of(catalog: Catalog, names: Sequence[str]) -> list[tuple[str, bool]]:
    """Return the title of each item, or its id if it is unknown, and whether it is known."""
    numbers = iter(catalog.items.index_known(names).tolist())
    known = [name in catalog.items for name in names]
    return [
        (catalog.title(next(numbers)) if is_known else name, is_known)
        for name, is_known in zip(names, known, strict=True)
    ]


def similar_items(served: LoadedArtifact, item: str, k: int) -> SimilarItems:
    """Return the items nearest to an item."""
    return SimilarItems(item, served.name, served.recommender.similar(item, k))
