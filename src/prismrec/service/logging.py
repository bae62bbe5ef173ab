"""Log lines as JSON, to stderr."""

import json
import logging
import sys


class JsonLines(logging.Formatter):
    """Formats a log line as one JSON object, without histories, keys or user ids."""

    def format(self, record: logging.LogRecord) -> str:
        """See ``logging.Formatter``."""
        told = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "told", {}),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=True, default=str)


def log_as_json() -> None:
    """Log one JSON object per line, to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name in ("prismrec.service", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO)
