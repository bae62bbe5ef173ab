"""A training run in MLflow; needs the extra ``mlflow``.

MLflow reads MLFLOW_TRACKING_URI and MLFLOW_EXPERIMENT_NAME, and a password if the server needs one,
from the environment. By default it attempts a request for some minutes; ``PATIENCE`` shortens that,
because the training waits for the first and the last request.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from prismrec.cli._numbers import Write
from prismrec.errors import MissingExtra, TrainingError

PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
"""Environment variables of MLflow that are set unless the user has set them: retries of a request,
and seconds of one attempt."""


@contextmanager
def mlflow_run(name: str, settings: Mapping[str, Any]) -> Iterator[Write]:
    """Start a run, send its settings, and yield a function that sends the numbers of a step.

    Numbers are sent by a thread of MLflow, so that the training does not wait for the server.

    Raises:
        MissingExtra: MLflow is not installed.
        TrainingError: MLflow cannot start the run.
    """
    os.environ.update(PATIENCE | dict(os.environ))
    try:
        import mlflow
    except ImportError as error:
        raise MissingExtra.for_("--track mlflow", "mlflow") from error

    def write(numbers: Mapping[str, float], step: int) -> None:
        mlflow.log_metrics(dict(numbers), step=step, synchronous=False)

    with ExitStack() as stack:
        try:
            # The run is marked as failed if its settings are refused or the training fails.
            stack.enter_context(mlflow.start_run(run_name=name))
            mlflow.log_params(dict(settings))
        except mlflow.MlflowException as error:
            raise TrainingError.of_tracker("MLflow", error, "MLFLOW_TRACKING_URI") from error
        try:
            yield write
        except KeyboardInterrupt:
            mlflow.end_run("KILLED")
            raise
        finally:
            mlflow.flush_async_logging()
