"""What an artifact can do besides making good lists, and what a later one lost of it.

    old, new = Capabilities.of(load("old")), Capabilities.of(load("new"))
    old.lost(new)                 # a clause per loss; empty if nothing was lost

A night whose options were not repeated trains a model whose lists are as good, but whose service
refuses requests or recommends what users dislike. No measure of lists shows this.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prismrec.data import Catalog
from prismrec.errors import DataError
from prismrec.recommend.manifest import entry_of
from prismrec.recommend.recommender import Recommender


@dataclass(frozen=True)
class Capabilities:
    """What depends on how the data set was prepared, and on content vectors."""

    attributes: Mapping[str, str]
    """Type of each attribute, by its name."""
    dislikes: bool
    """Whether the data set has a rule for dislikes."""
    weights: bool
    """Whether events have weights."""
    projection: bool
    """Whether a new item can have a vector."""

    @classmethod
    def of(cls, recommender: Recommender) -> "Capabilities":
        """Return those of a recommender; how its events were weighted is in its record."""
        weighting = weighting_of(recommender.about)
        return cls(
            attribute_types(recommender.catalog),
            "dislikes" in weighting,
            "column" in weighting or "kinds" in weighting,
            recommender.projection is not None,
        )

    def lost(self, new: "Capabilities") -> dict[str, str]:
        """Return a clause per capability that a new artifact lacks, by the field's name."""
        own, found = self.attributes, new.attributes
        missing = [f"{name} ({own[name]})" for name in own if found.get(name) != own[name]]
        clauses = {}
        if missing:
            clauses["attributes"] = (
                f"the earlier artifact has the attributes {', '.join(missing)}, but this one lacks "
                "them or has them with another type: it refuses requests that name them"
            )
        if self.dislikes and not new.dislikes:
            clauses["dislikes"] = (
                "the data set of the earlier artifact has a rule for dislikes, but that of this "
                "one has none: what users dislike counts as liked"
            )
        if self.weights and not new.weights:
            clauses["weights"] = (
                "the earlier artifact was trained with weights of events, but this one counts all "
                "events alike"
            )
        if self.projection and not new.projection:
            clauses["projection"] = (
                "the earlier artifact has a projection of content vectors, but this one has none, "
                "because no item vectors were given: it refuses new items with a vector"
            )
        return clauses


def attribute_types(catalog: Catalog) -> dict[str, str]:
    """Return the type of each attribute of a catalog, by its name."""
    columns = catalog.attributes.columns if catalog.attributes else {}
    return {name: column.kind for name, column in columns.items()}


def weighting_of(about: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return how the events of an artifact were weighted; empty if its manifest has no record.

    Args:
        about: The part ``about`` of its manifest.

    Raises:
        DataError: The record is not an object.
    """
    found = entry_of(about, "dataset").get("weighting")
    if not isinstance(found, Mapping | None):
        raise DataError(
            "The manifest of the artifact has a wrong entry about.dataset.weighting, which is not "
            "an object; restore the whole folder or train again."
        )
    return found or {}
