"""Log records as JSON, to stderr."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from prismrec.errors import PrismrecError

log = logging.getLogger("prismrec.service")


class JsonLines(logging.Formatter):
    """Formats a log record as one JSON object.

    The fields of a record are passed as ``extra={"fields": {...}}``. The service never passes
    histories, keys or user ids.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True, default=str)


def log_request(request_id: str, method: str, route: str, status: int, seconds: float) -> None:
    """Write the line of a request; without a route, or if it has no method, these are "none"."""
    fields = {
        "request_id": request_id,
        "method": method,
        "route": route,
        "status": status,
        "milliseconds": round(1e3 * seconds, 2),
    }
    log.info("request", extra={"fields": fields})


@contextmanager
def log_refusal() -> Iterator[None]:
    """Log the error of a reload that nobody waits for; the traceback of an unexpected one too."""
    try:
        yield
    except Exception as error:
        fields = {"reason": str(error)}
        unexpected = None if isinstance(error, PrismrecError) else error
        log.error("reload refused", extra={"fields": fields}, exc_info=unexpected)


def log_as_json() -> None:
    """Write the log of the service and its libraries to stderr, one JSON object per line.

    The service and uvicorn write from level INFO on, and other libraries from WARNING on.
    """
    # Threads, processes and tasks are in no line, so they are not looked up for each record.
    for name in ("Threads", "Processes", "Multiprocessing", "AsyncioTasks"):
        setattr(logging, f"log{name}", False)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name in ("prismrec.service", "uvicorn.error", "opentelemetry"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(True)
