"""Flags for artifacts whose extractor or index is not built in."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import Parameter

from prismrec.cli._headings import EXTENSIONS

if TYPE_CHECKING:  # torch is slow to import, and not every command needs it
    from prismrec.recommend import ArtifactClasses, Recommender


@Parameter(group=EXTENSIONS)
@dataclass(frozen=True, kw_only=True)
class ClassFlags:
    """The names of classes for artifacts whose parts are not built in."""

    extractor: str | None = None
    """Class of the extractor, as module:Class, for artifacts whose extractor is not built in."""
    index: str | None = None
    """Class of the index, as module:Class, for artifacts whose index is not built in."""

    @property
    def named(self) -> "ArtifactClasses":
        """Return the classes of these names.

        Raises:
            UnknownName, ConfigError: A class cannot be imported, or is of the wrong kind.
        """
        from prismrec.recommend import ArtifactClasses

        return ArtifactClasses.named(self.extractor, self.index)

    def load(self, folder: Path) -> "Recommender":
        """Load an artifact.

        Raises:
            DataError: The artifact cannot be loaded, or its extractor is not built in and no class
                was named.
            UnknownName, ConfigError: A class cannot be imported, or is of the wrong kind.
        """
        return self.named.load(folder)
