"""The artifact that answers, and everything made of it: replaced whole, never changed."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from prismrec.data import Catalog, load_dataset
from prismrec.errors import DataError
from prismrec.numerics import normalize
from prismrec.recommend import NewItem, Recommender, known
from prismrec.service.artifact_copy import Copy
from prismrec.service.changes import Added, AddedItem, Change, Marked
from prismrec.service.projection import Plane

MAPPED = 200_000
"""Items that the plane of the map is computed from, the most popular."""


@dataclass(frozen=True)
class Served:
    """One artifact, opened."""

    recommender: Recommender
    name: str
    """Short name of its contents: the same artifact has the same everywhere."""
    manifest: dict[str, Any]

    copy: Copy = field(repr=False)
    """Where its files are; held while anything answers from them."""

    @classmethod
    def open(cls, folder: Path, private: Path) -> "Served":
        """Copy an artifact to a private place and open it there.

        Raises:
            DataError: It is not one, or not whole; see ``artifact.load``.
        """
        copy = Copy(folder, private)
        return cls(copy.open(), copy.name, copy.manifest, copy)

    @cached_property
    def plane(self) -> Plane:
        """The plane of the map."""
        return Plane.of(self.recommender.directions_of(self.recommender.catalog.by_count[:MAPPED]))

    @cached_property
    def titles(self) -> list[str]:
        """Titles in lower case, by item number - 1: for searching."""
        return [title.casefold() for title in self.recommender.catalog.titles.to_list()]

    def changed(self, changes: Sequence[Change]) -> "Served":
        """Give the same artifact with hidden and new items.

        A change that this artifact cannot follow, such as a new item whose category it does not
        have, is left out: it was possible for the artifact of its time.

        Cost: a copy of the model for each change that adds an item it does not hold. They are not
        joined: an item may be placed by one that was added before it.
        """
        recommender = self.recommender
        for change in changes:
            if isinstance(change, Added):
                recommender = _added(recommender, change.items)
            elif isinstance(change, Marked):
                mark = recommender.hide if change.kind == "hide" else recommender.unhide
                recommender = mark(change.items)
        return replace(self, recommender=recommender)

    def described(self) -> dict[str, Any]:
        """Give what there is to know of it."""
        recommender = self.recommender
        extractor = recommender.model.extractor
        return {
            "artifact": self.name,
            "extractor": str(self.manifest["extractor"]["class"]),
            "interests": extractor.interests,
            "dim": extractor.dim,
            "items": recommender.catalog.size - 1,
            "categories": recommender.catalog.category_names,
            "index": {
                "kind": recommender.index.kind,
                "exact": recommender.index.exact,
                "reason": self.manifest["about"].get("index"),
            },
            "about": self.manifest["about"],
        }


def with_items(recommender: Recommender, items: Sequence[AddedItem]) -> Recommender:
    """Give a recommender that knows these items too; of a known one, what is not told stays.

    Raises:
        DataError: An id stands twice, or nothing places a new item.
    """
    return recommender.add([_new_item(item, recommender.catalog) for item in items])


def _new_item(item: AddedItem, catalog: Catalog) -> NewItem:
    told = item.model_dump()
    if item.categories is None:
        number = known([item.id], catalog).tolist()
        told["categories"] = catalog.categories_named(number[0]) if number else ()
    return NewItem(**told)


def _added(recommender: Recommender, items: Sequence[AddedItem]) -> Recommender:
    try:
        return with_items(recommender, items)
    except DataError:
        for item in items:
            try:
                recommender = with_items(recommender, [item])
            except DataError:
                continue
        return recommender


def example_users(
    recommender: Recommender, data: Path, *, most: int = 2_000
) -> list[dict[str, Any]]:
    """Give users of a data set with how far apart their interests are, for the page.

    Args:
        recommender: Makes the interests.
        data: The data set; its ids are looked up in the recommender's catalog.
        most: Users taken, evenly over the data set.
    """
    dataset = load_dataset(data)
    step = max(len(dataset.users) // most, 1)
    users = list(range(0, len(dataset.users), step))[:most]
    names = dataset.users.external(users)
    found = []
    for start in range(0, len(users), 256):
        block = users[start : start + 256]
        histories = [dataset.catalog.items.external(dataset.histories[u].tolist()) for u in block]
        spreads = _spreads(recommender, histories)
        told = zip(names[start : start + 256], histories, spreads, strict=True)
        found += [
            {"user": name, "events": len(own), "spread": spread, "history": own}
            for name, own, spread in told
        ]
    return found


def _spreads(recommender: Recommender, histories: Sequence[Sequence[str]]) -> list[float]:
    """Give 1 - the mean cosine of each history's interests."""
    catalog = recommender.catalog
    numbers = [known(history, catalog) for history in histories]
    interests = recommender.interests_of(numbers)
    vectors = interests.vectors[:, :, : recommender.model.extractor.dim].double().cpu().numpy()
    active = interests.active.cpu().numpy()
    spreads = []
    for own, there in zip(vectors, active, strict=True):
        unit = normalize(own[there])
        pairs = np.triu_indices(len(unit), 1)
        spreads.append(float(1 - (unit @ unit.T)[pairs].mean()) if len(pairs[0]) else 0.0)
    return spreads
