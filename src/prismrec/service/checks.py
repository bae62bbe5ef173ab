"""Checks at the start: the paths exist and belong together, and the operator's code is there."""

from prismrec.errors import ConfigError
from prismrec.evaluation import REPORT_FILE
from prismrec.recommend import check_artifact, check_trained_on
from prismrec.service.changes import write_fault
from prismrec.service.context import start_tracing
from prismrec.service.experiments import Experiment
from prismrec.service.extensions import Extensions
from prismrec.service.settings import ServePaths, Settings, exposure_secret, store_address
from prismrec.service.stores import MemoryStore, find_store


def check_served(paths: ServePaths, settings: Settings) -> None:
    """Check that a service can be started, without loading an artifact.

    Cost: reads every file of the artifacts once.

    Raises:
        DataError: An artifact or the data set is missing, an artifact is not whole, it was trained
            on another data set, or its extractor is not built in and was not named.
        ConfigError: The named file of changes cannot be written, the report is missing, the
            experiment, its secret or a variable of OpenTelemetry cannot be used, the operator's
            code is of the wrong kind, or several workers cannot share the store.
        UnknownName: The store or the operator's code does not exist.
        MissingExtra: Requests are to be traced, but OpenTelemetry is not installed.
    """
    store, _ = find_store(store_address(settings.store))
    if store is MemoryStore and settings.workers > 1:
        raise ConfigError(
            f"workers is {settings.workers} with the store memory:, which processes cannot share; "
            "use one worker, or a store such as sqlite:///events.db."
        )
    extensions = Extensions.of(settings)
    for artifact in paths.artifacts:
        extensions.classes.extractor_for(artifact)
        check_artifact(artifact)
    fault = write_fault(paths.journal)
    if fault and paths.changes:
        raise ConfigError(
            f"The file of changes {paths.changes} cannot be written: {fault}; name another one "
            "with --changes FILE, or create the folder with the right to write."
        )
    if paths.report and not (paths.report / REPORT_FILE).is_file():
        raise ConfigError(
            f"No report at {paths.report}: it has no {REPORT_FILE}; write one with "
            "'prismrec evaluate --report'."
        )
    if tracing := start_tracing(settings):
        tracing.close()
    if Experiment.of(paths, extensions):
        exposure_secret()
    if paths.data:
        check_trained_on(paths.artifact, paths.data)
