"""An opened artifact and what is computed from it once: replaced as a whole, never changed."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from prismrec.data import Catalog, Cell
from prismrec.errors import DataError
from prismrec.recommend import NewItem, Recommender
from prismrec.service.artifact_copy import ArtifactCopy
from prismrec.service.catalog_map import map_labels
from prismrec.service.changes import Added, AddedItem, Change, Marked
from prismrec.service.event_rules import EventRules
from prismrec.service.extensions import Extensions
from prismrec.service.page_responses import MapLabel
from prismrec.service.projection import Plane
from prismrec.service.responses import ArtifactInfo, IndexInfo, ServedArtifacts
from prismrec.service.search import TitleSearch

log = logging.getLogger("prismrec.service")
CatalogCheck = Callable[[Catalog, Catalog | None], None]
"""Gets the catalogs of the artifact that answers and of the one to compare with."""
Values = Mapping[str, Mapping[str, Cell]]
"""Values of attributes by item and attribute; None for no value."""
KNOWN = 0.5
"""Smallest share of the previous artifact's items that a new one has without a warning."""
MAPPED = 50_000
"""Number of items, the most popular, from which the plane of the map is computed."""


@dataclass(frozen=True)
class LoadedArtifact:
    """One opened artifact."""

    recommender: Recommender
    name: str
    """Short hash of its manifest: the same for the same artifact on every machine."""
    manifest: dict[str, Any]
    copy: ArtifactCopy = field(repr=False)
    """The files; kept as long as anything answers from them."""
    event_rules: EventRules = field(default_factory=EventRules)
    """What the kinds and values of events mean."""

    @classmethod
    def open(cls, folder: Path, private: Path, extensions: Extensions) -> "LoadedArtifact":
        """Copy an artifact to the private folder and open the copy.

        Args:
            folder: The artifact.
            private: The folder of copies.
            extensions: The operator's classes for parts that are not built in.

        Raises:
            DataError: There is no artifact, or it is not whole; see ``recommend.load``.
        """
        copy = ArtifactCopy(folder, private, extensions)
        about = copy.manifest["about"]
        rules = EventRules.of(about)
        if not isinstance(about.get("dataset"), Mapping):
            log.warning(
                "the artifact does not state the data set of its training, so no event is a "
                "dislike by its kind or value; save the recommender of a training with fit",
                extra={"fields": {"artifact": copy.name, "folder": str(folder)}},
            )
        return cls(copy.open().remembering(), copy.name, copy.manifest, copy, rules)

    @cached_property
    def plane(self) -> Plane:
        """The plane of the map."""
        return Plane.fit(
            self.recommender.model.content_vectors(self.recommender.catalog.by_count[:MAPPED])
        )

    @cached_property
    def labels(self) -> list[MapLabel]:
        """The labels of the map."""
        return map_labels(self.recommender, self.plane)

    @cached_property
    def titles(self) -> TitleSearch:
        """The index of titles."""
        return TitleSearch.of(self.recommender.catalog)

    def warm_up(self) -> None:
        """Compute what a visitor of the page needs soon: the index of titles and the map."""
        _ = self.titles, self.labels
        self.recommender.catalog.title(1)

    def has(self, item: str) -> bool:
        """Return whether the artifact itself has an item: not only added to the service."""
        numbers = self.recommender.catalog.items.index_known([item])
        return bool((numbers <= self.manifest["items"]).any())

    def changed(self, changes: Sequence[Change]) -> "LoadedArtifact":
        """Return the same artifact with hidden and new items.

        An item that was new when it was added, and that this artifact has, is left out: the title
        and the categories are those of the artifact. A change that is impossible with this
        artifact, such as a new item in a category that it does not have, is left out too: it was
        possible with an earlier artifact.

        Cost: one copy of the model per change that adds new items. Changes are not joined, because
        the vector of an item may depend on an item that was added before.
        """
        recommender = self.recommender
        for change in changes:
            if isinstance(change, Added):
                items = [item for item in change.items if not (item.new and self.has(item.id))]
                recommender = _added(recommender, items) if items else recommender
            elif isinstance(change, Marked):
                hides = change.kind == "hide"
                mark = recommender.with_hidden if hides else recommender.with_visible
                recommender = mark(change.items)
        if recommender.catalog is self.recommender.catalog:  # items were only hidden or unhidden
            return self._with_same_items(recommender)
        return replace(self, recommender=recommender.remembering())

    def with_values(self, values: Values) -> "LoadedArtifact":
        """Return the same artifact with other values of attributes.

        Unknown items, unknown attributes and values of another type are left out: they were
        possible with an earlier artifact, or will be with a later one.

        Cost: a copy of each attribute that changes.
        """
        attributes = self.recommender.catalog.attributes
        if attributes is None or not values:
            return self
        usable = {
            item: {name: cell for name, cell in own.items() if attributes.accepts(name, cell)}
            for item, own in values.items()
        }
        return self._with_same_items(self.recommender.with_attributes(usable))

    def _with_same_items(self, recommender: Recommender) -> "LoadedArtifact":
        """Return the artifact with a recommender that has the same items, vectors and titles."""
        changed = replace(self, recommender=recommender)
        kept = {"plane", "labels", "titles"} & self.__dict__.keys()
        changed.__dict__.update({name: self.__dict__[name] for name in kept})
        return changed

    def info(self) -> ArtifactInfo:
        """Return a description for the API."""
        recommender, about = self.recommender, self.manifest["about"]
        model, index = recommender.model, recommender.index
        attributes = recommender.catalog.attributes
        columns = attributes.columns if attributes else {}
        return ArtifactInfo(
            artifact=self.name,
            extractor=str(self.manifest["extractor"]["class"]),
            interests=model.forming.clusters if model.forming else model.interests,
            dim=model.extractor.dim,
            items=recommender.catalog.size - 1,
            categories=recommender.catalog.category_names,
            attributes={name: column.kind for name, column in columns.items()},
            index=IndexInfo(index.kind, index.exact, about.get("index")),
            about=about,
        )


def describe_both(main: LoadedArtifact, compared: LoadedArtifact | None) -> ServedArtifacts:
    """Return a description of the artifact that answers and of the one to compare with."""
    return ServedArtifacts(**vars(main.info()), compare_with=compared.info() if compared else None)


def check_catalogs(
    check: CatalogCheck,
    main: LoadedArtifact,
    compared: LoadedArtifact | None,
    changes: Sequence[Change],
) -> None:
    """Check both catalogs; if they fail, with the items that were added to the service.

    To add items copies the model, so it is not done for every start and reload.

    Raises:
        DataError: They fail also with the added items.
    """
    try:
        check(main.recommender.catalog, compared.recommender.catalog if compared else None)
    except DataError:
        more = compared.changed(changes).recommender.catalog if compared else None
        check(main.changed(changes).recommender.catalog, more)


def warn_of_other_items(old: LoadedArtifact, new: LoadedArtifact) -> None:
    """Log a warning if most items of the previous artifact are not in the new one.

    Histories then have few items that the new artifact knows, and most users get popular items.
    """
    items = old.recommender.catalog.items
    names = items.external(range(1, old.recommender.catalog.size))
    share = len(new.recommender.catalog.items.index_known(names)) / max(len(names), 1)
    if share < KNOWN:
        fields = {"share": round(share, 4), "artifact": new.name, "was": old.name}
        log.warning(
            "the new artifact has other items than the previous one", extra={"fields": fields}
        )


def with_items(recommender: Recommender, items: Sequence[AddedItem]) -> Recommender:
    """Return a recommender with these items; None as title or categories changes nothing.

    Raises:
        DataError: An id appears twice, or a new item has neither a category nor a related item.
    """
    return recommender.with_items([NewItem(**item.model_dump(exclude={"new"})) for item in items])


def _added(recommender: Recommender, items: Sequence[AddedItem]) -> Recommender:
    """Return a recommender with the items that are possible.

    An item whose vector cannot be projected, because this artifact was trained without content
    vectors or with those of another encoder, gets its vector from its categories.
    """
    try:
        return with_items(recommender, items)
    except DataError:
        for item in items:
            without = [] if item.vector is None else [item.model_copy(update={"vector": None})]
            for usable in (item, *without):
                try:
                    recommender = with_items(recommender, [usable])
                    break
                except DataError:
                    continue
        return recommender
