"""Artifacts whose extractor or index is not built in.

    classes = ArtifactClasses.named(extractor="mypkg.mine:Newest")
    recommender = classes.load("books/")

The caller names the class. No file causes an import.
"""

from dataclasses import dataclass
from pathlib import Path

from prismrec.errors import DataError
from prismrec.models import EXTRACTORS, Extractor
from prismrec.recommend.artifact import read_parts, resolve_classes
from prismrec.recommend.manifest import read_artifact_manifest, read_unchanged
from prismrec.recommend.recommender import Recommender
from prismrec.retrieval import Index


@dataclass(frozen=True, kw_only=True)
class ArtifactClasses:
    """Classes for artifacts whose parts are not built in; None for a part that is.

    Raises:
        ConfigError: A class is not one of an extractor or of an index.
    """

    extractor: type[Extractor] | None = None
    """The class of the extractor."""
    index: type[Index] | None = None
    """The class of the index."""

    def __post_init__(self) -> None:
        """Check the classes; a name, which ``named`` takes, is replaced by its class."""
        extractor, index = resolve_classes(self.extractor, self.index)
        object.__setattr__(self, "extractor", extractor)
        object.__setattr__(self, "index", index)

    @classmethod
    def named(cls, extractor: str | None = None, index: str | None = None) -> "ArtifactClasses":
        """Import the classes of these names, each as ``module:Class``.

        Raises:
            UnknownName: There is no such module or class.
            ConfigError: The module cannot be imported, or the class is of the wrong kind.
        """
        extractor_class, index_class = resolve_classes(extractor or None, index or None)
        return cls(extractor=extractor_class, index=index_class)

    def extractor_for(self, folder: str | Path) -> type[Extractor] | None:
        """Return the class that an artifact needs; None if its extractor is built in.

        Raises:
            DataError: There is no artifact, or its extractor is not built in and no class was
                named.
        """
        name = read_artifact_manifest(folder)["extractor"]["class"]
        if name in EXTRACTORS:
            return None
        if self.extractor is None:
            raise DataError(
                f"The artifact {folder} was trained with the extractor {name!r}, which is not "
                "built in; if you trust its module, pass in Python "
                f"classes=ArtifactClasses.named(extractor={name!r}), or add --extractor {name}."
            )
        return self.extractor

    def load(self, folder: str | Path) -> Recommender:
        """Load an artifact; an artifact of built-in parts needs none of the classes.

        Raises:
            DataError: The artifact cannot be loaded, or its extractor is not built in and no class
                was named.
        """

        def read(place: Path) -> Recommender:
            return read_parts(place, extractor=self.extractor_for(place), index=self.index)

        return read_unchanged(folder, read)
