"""The operator's own code, named in the settings and imported at the start.

Neither a request nor a file of an artifact names code to import: only the operator does.
"""

from dataclasses import dataclass

from prismrec.recommend import ArtifactClasses
from prismrec.rerank import RERANKERS, find_reranker
from prismrec.service.settings import Settings


@dataclass(frozen=True)
class Extensions:
    """Classes for artifacts whose parts are not built in, and the re-rankers of requests."""

    classes: ArtifactClasses = ArtifactClasses()  # noqa: RUF009 -- frozen
    rerankers: frozenset[str] = frozenset(RERANKERS)
    """The names that a request may send in ``rerank``."""

    @classmethod
    def of(cls, settings: Settings) -> "Extensions":
        """Import the classes and the function that the settings name.

        Raises:
            UnknownName: There is no such module, class or function.
            ConfigError: A class is not of its kind, or the re-ranker is not a function.
        """
        classes = ArtifactClasses.named(settings.extractor, settings.index)
        if settings.rerank:
            find_reranker(settings.rerank)
        return cls(classes, frozenset({*RERANKERS, settings.rerank} - {""}))
