"""The operator's own code, named in the settings and imported at the start.

Neither a request nor a file of an artifact names code to import: only the operator does.
"""

from dataclasses import dataclass
from pathlib import Path

from prismrec.errors import DataError
from prismrec.models import EXTRACTORS, Extractor
from prismrec.recommend import Recommender, load, read_artifact_manifest
from prismrec.registry import resolve
from prismrec.rerank import RERANKERS, find_reranker
from prismrec.retrieval import INDEXES, Index
from prismrec.service.settings import Settings


@dataclass(frozen=True)
class Extensions:
    """Classes for artifacts whose parts are not built in, and the re-rankers of requests."""

    extractor: type[Extractor] | None = None
    index: type[Index] | None = None
    rerankers: frozenset[str] = frozenset(RERANKERS)
    """The names that a request may send in ``rerank``."""

    @classmethod
    def of(cls, settings: Settings) -> "Extensions":
        """Import the classes and the function that the settings name.

        Raises:
            UnknownName: There is no such module, class or function.
            ConfigError: A class is not of its kind, or the re-ranker is not a function.
        """
        extractor: type[Extractor] | None = None
        index: type[Index] | None = None
        if settings.extractor:
            name = settings.extractor
            extractor = resolve("extractor", name, EXTRACTORS, subclass_of=Extractor)
        if settings.index:
            index = resolve("index", settings.index, INDEXES, subclass_of=Index)
        if settings.reranker:
            find_reranker(settings.reranker)
        return cls(extractor, index, frozenset({*RERANKERS, settings.reranker} - {""}))

    def extractor_for(self, folder: Path) -> type[Extractor] | None:
        """Return the class that an artifact needs; None if its extractor is built in.

        Raises:
            DataError: There is no artifact, or the class is not built in and was not named.
        """
        name = read_artifact_manifest(folder)["extractor"]["class"]
        if name in EXTRACTORS:
            return None
        if self.extractor is None:
            raise DataError(
                f"The artifact {folder} was trained with the extractor {name!r}, which is not "
                f"built in; if you trust its module, add --extractor {name}."
            )
        return self.extractor

    def load(self, folder: Path) -> Recommender:
        """Open an artifact.

        Raises:
            DataError: The artifact cannot be opened; see ``recommend.load``.
        """
        return load(folder, extractor=self.extractor_for(folder), index=self.index)
