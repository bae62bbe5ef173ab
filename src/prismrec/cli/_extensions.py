"""Artifacts whose extractor or index is not built in.

The user names the class on the command line; no file causes an import.
"""

from dataclasses import dataclass
from pathlib import Path

from cyclopts import Parameter

from prismrec.cli._headings import EXTENSIONS
from prismrec.errors import DataError
from prismrec.models import EXTRACTORS, Extractor
from prismrec.recommend import Recommender, load, read_artifact_manifest
from prismrec.registry import resolve
from prismrec.retrieval import INDEXES, Index


@Parameter(group=EXTENSIONS)
@dataclass(frozen=True, kw_only=True)
class ArtifactClasses:
    """Classes for artifacts whose parts are not built in."""

    extractor: str | None = None
    """Class of the extractor, as module:Class, for artifacts whose extractor is not built in."""
    index: str | None = None
    """Class of the index, as module:Class, for artifacts whose index is not built in."""

    def load(self, folder: Path) -> Recommender:
        """Open an artifact.

        Raises:
            DataError: The artifact cannot be opened, or its extractor is not built in and no class
                was named.
            UnknownName, ConfigError: A class cannot be imported, or is of the wrong kind.
        """
        name = read_artifact_manifest(folder)["extractor"]["class"]
        built_in = name in EXTRACTORS
        if not built_in and self.extractor is None:
            raise DataError(
                f"The artifact {folder} was trained with the extractor {name!r}, which is not "
                f"built in; if you trust its module, add --extractor {name}."
            )
        extractor: type[Extractor] | None = None
        if self.extractor is not None and not built_in:
            extractor = resolve("extractor", self.extractor, EXTRACTORS, subclass_of=Extractor)
        index: type[Index] | None = None
        if self.index is not None:
            index = resolve("index", self.index, INDEXES, subclass_of=Index)
        return load(folder, extractor=extractor, index=index)
