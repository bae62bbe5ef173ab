"""Log records as JSON, to stderr."""

import json
import logging
import sys
import threading
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

    The service and uvicorn write from level INFO on, and other libraries from WARNING on. Errors
    that end a thread, or that nothing can catch, are in the log too.
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
    threading.excepthook, sys.unraisablehook = _log_thread, _log_unraisable


def _log_thread(failed: threading.ExceptHookArgs) -> None:
    """Log the error that ended a thread; Python would write several lines of text."""
    if failed.exc_type is SystemExit:
        return
    fields = {"thread": failed.thread.name if failed.thread else ""}
    log.error("a thread failed", exc_info=failed.exc_value, extra={"fields": fields})


def _log_unraisable(failed: "sys.UnraisableHookArgs") -> None:
    """Log an error that nobody can catch, such as one while an object is removed."""
    fields = {"what": failed.err_msg or "an object could not be removed"}
    log.error("an error was not raised", exc_info=failed.exc_value, extra={"fields": fields})
