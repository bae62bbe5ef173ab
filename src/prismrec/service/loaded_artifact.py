"""An opened artifact and what is computed from it once: replaced as a whole, never changed."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from prismrec.data import Catalog
from prismrec.errors import ConfigError, DataError
from prismrec.recommend import Recommender, attribute_types
from prismrec.service.applied_changes import Values, apply_changes, apply_values
from prismrec.service.artifact_copy import ArtifactCopy
from prismrec.service.catalog_map import map_labels
from prismrec.service.changes import Change
from prismrec.service.event_rules import EventRules
from prismrec.service.extensions import Extensions
from prismrec.service.page_responses import MapLabel
from prismrec.service.plane import Plane
from prismrec.service.responses import ArtifactInfo, IndexInfo, ServedArtifacts
from prismrec.service.search import TitleSearch

log = logging.getLogger("prismrec.service")
CatalogCheck = Callable[[Catalog, Catalog | None], None]
"""Gets the catalogs of the artifact that answers and of the one to compare with."""
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

    def hidden_of(self, names: Sequence[str]) -> set[str]:
        """Return those of some items that are hidden."""
        items = self.recommender.catalog.items
        numbers = items.index_known(names).tolist()
        return set(items.external(self.recommender.hidden.intersection(numbers)))

    def changed(self, changes: Sequence[Change]) -> "LoadedArtifact":
        """Return the same artifact with hidden and new items; see ``apply_changes``."""
        recommender = apply_changes(self.recommender, changes, self.manifest["items"])
        if recommender.catalog is self.recommender.catalog:  # items were only hidden or unhidden
            return self._with_same_items(recommender)
        return replace(self, recommender=recommender.remembering())

    def with_values(self, values: Values) -> "LoadedArtifact":
        """Return the same artifact with other values of attributes; see ``apply_values``."""
        recommender = apply_values(self.recommender, values)
        return self if recommender is self.recommender else self._with_same_items(recommender)

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
        return ArtifactInfo(
            artifact=self.name,
            extractor=str(self.manifest["extractor"]["class"]),
            interests=model.forming.clusters if model.forming else model.interests,
            dim=model.extractor.dim,
            items=recommender.catalog.size - 1,
            categories=recommender.catalog.category_names,
            attributes=attribute_types(recommender.catalog),
            index=IndexInfo(index.kind, index.exact, about.get("index")),
            about=about,
        )


Pair = tuple[LoadedArtifact, LoadedArtifact | None]
"""The artifact that answers, and the artifact to compare with."""


def choose(pair: Pair, *, comparison: bool) -> LoadedArtifact:
    """Return the artifact that answers, or the artifact to compare with.

    Raises:
        ConfigError: There is no artifact to compare with.
    """
    main, compared = pair
    if not comparison:
        return main
    if compared is None:
        raise ConfigError(
            "comparison is true, but the service has no artifact to compare with; start it with "
            "--compare-with."
        )
    return compared


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
