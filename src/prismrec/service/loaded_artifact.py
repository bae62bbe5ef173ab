"""The artifact that answers, and everything made of it: replaced whole, never changed."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from prismrec.data import Catalog
from prismrec.errors import DataError
from prismrec.recommend import NewItem, Recommender
from prismrec.service.artifact_copy import ArtifactCopy
from prismrec.service.changes import Added, AddedItem, Change, Marked
from prismrec.service.projection import Plane
from prismrec.service.responses import ArtifactInfo, IndexInfo

MAPPED = 200_000
"""Items that the plane of the map is computed from, the most popular."""


@dataclass(frozen=True)
class LoadedArtifact:
    """One artifact, opened."""

    recommender: Recommender
    name: str
    """Short name of its contents: the same artifact has the same everywhere."""
    manifest: dict[str, Any]

    copy: ArtifactCopy = field(repr=False)
    """Where its files are; held while anything answers from them."""

    @classmethod
    def open(cls, folder: Path, private: Path) -> "LoadedArtifact":
        """Copy an artifact to a private place and open it there.

        Raises:
            DataError: It is not one, or not whole; see ``artifact.load``.
        """
        copy = ArtifactCopy(folder, private)
        return cls(copy.open(), copy.name, copy.manifest, copy)

    @cached_property
    def plane(self) -> Plane:
        """The plane of the map."""
        return Plane.of(
            self.recommender.model.content_vectors(self.recommender.catalog.by_count[:MAPPED])
        )

    @cached_property
    def titles(self) -> list[str]:
        """Titles in lower case, by item number - 1: for searching."""
        return [title.casefold() for title in self.recommender.catalog.titles.to_list()]

    def changed(self, changes: Sequence[Change]) -> "LoadedArtifact":
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
                hides = change.kind == "hide"
                mark = recommender.with_hidden if hides else recommender.with_visible
                recommender = mark(change.items)
        return replace(self, recommender=recommender)

    def info(self) -> ArtifactInfo:
        """Return what there is to know of it."""
        recommender, about = self.recommender, self.manifest["about"]
        extractor, index = recommender.model.extractor, recommender.index
        return ArtifactInfo(
            artifact=self.name,
            extractor=str(self.manifest["extractor"]["class"]),
            interests=extractor.interests,
            dim=extractor.dim,
            items=recommender.catalog.size - 1,
            categories=recommender.catalog.category_names,
            index=IndexInfo(index.kind, index.exact, about.get("index")),
            about=about,
        )


def with_items(recommender: Recommender, items: Sequence[AddedItem]) -> Recommender:
    """Give a recommender that knows these items too; of a known one, what is not told stays.

    Raises:
        DataError: An id stands twice, or nothing places a new item.
    """
    return recommender.with_items([_new_item(item, recommender.catalog) for item in items])


def _new_item(item: AddedItem, catalog: Catalog) -> NewItem:
    told = item.model_dump()
    if item.categories is None:
        number = catalog.items.index_known([item.id]).tolist()
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
