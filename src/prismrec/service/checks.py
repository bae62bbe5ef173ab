"""Checks at the start: the paths exist and belong together, and the operator's code loads."""

from prismrec.errors import ConfigError
from prismrec.models import EXTRACTORS, Extractor
from prismrec.recommend import check_trained_on, read_artifact_manifest
from prismrec.registry import resolve
from prismrec.rerank import RERANKERS, find_reranker
from prismrec.service.health import REPORT
from prismrec.service.settings import ServePaths, Settings


def check_served(paths: ServePaths, settings: Settings) -> None:
    """Check that a service can be started, without loading an artifact.

    Raises:
        DataError: An artifact or the data set is missing, or the artifact was trained on another
            data set.
        ConfigError: The report is missing.
        UnknownName: The re-ranker or the extractor of the settings does not exist.
    """
    load_extractor(settings.extractor)
    allowed_rerankers(settings.reranker)
    read_artifact_manifest(paths.artifact)
    if paths.compare_with:
        read_artifact_manifest(paths.compare_with)
    if paths.report and not (paths.report / REPORT).is_file():
        raise ConfigError(
            f"No report at {paths.report}: it has no {REPORT}; write one with 'prismrec evaluate "
            "--report'."
        )
    if paths.data:
        check_trained_on(paths.artifact, paths.data)


def load_extractor(name: str) -> type[Extractor] | None:
    """Return the extractor class ``module:Class`` of the operator; None for "".

    Raises:
        UnknownName: There is no such class.
        ConfigError: It is no subclass of ``Extractor``.
    """
    if not name:
        return None
    extractor: object = resolve("extractor", name, EXTRACTORS)
    if not (isinstance(extractor, type) and issubclass(extractor, Extractor)):
        raise ConfigError(
            f"extractor is {name!r}, which is no subclass of prismrec.Extractor; name such a class "
            "as module:Class."
        )
    return extractor


def allowed_rerankers(name: str) -> frozenset[str]:
    """Return the re-rankers that a request may name: the registered ones and the operator's.

    A request must not name code to import, so only the operator may name ``module:function``.

    Raises:
        UnknownName: There is no such function.
        ConfigError: It is no function.
    """
    if not name:
        return frozenset(RERANKERS)
    if not callable(find_reranker(name)):
        raise ConfigError(
            f"reranker is {name!r}, which is no function; name one as module:function."
        )
    return frozenset({*RERANKERS, name})
