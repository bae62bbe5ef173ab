"""The one shape of every error, and which status each kind has."""

from collections.abc import Mapping
from typing import Any

from prismrec.errors import ConfigError, DataError, PrismrecError, StoreError, UnknownName

STATUS = {
    "malformed": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "unknown_name": 404,
    "not_found": 404,
    "method_not_allowed": 405,
    "timed_out_reading": 408,
    "too_large": 413,
    "invalid_request": 422,
    "rate_limited": 429,
    "internal": 500,
    "overloaded": 503,
    "store_unavailable": 503,
    "artifact_refused": 409,
    "timed_out": 504,
}
INTERNAL = "Something went wrong here; the log has it under this request's id."
RETRY_AFTER = {"rate_limited", "overloaded", "store_unavailable"}


class ApiError(Exception):
    """An error that is answered as it is."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind, self.message, self.status = kind, message, STATUS[kind]

    @classmethod
    def from_package(cls, error: PrismrecError) -> "ApiError":
        """Say a deliberate error of the package over HTTP."""
        if isinstance(error, UnknownName):
            return cls("unknown_name", str(error))
        if isinstance(error, StoreError):
            said = "What the service keeps cannot be read or written now; try again."
            return cls("store_unavailable", said)
        if isinstance(error, ConfigError | DataError):
            return cls("invalid_request", str(error))
        return cls("internal", INTERNAL)

    @property
    def headers(self) -> Mapping[str, str]:
        """What is sent beside the body."""
        headers = {}
        if self.kind in RETRY_AFTER:
            headers["Retry-After"] = "1"
        if self.kind == "unauthorized":
            headers["WWW-Authenticate"] = "Bearer"
        return headers

    def content(self, request_id: str) -> dict[str, Any]:
        """Give the body."""
        return {
            "error": {
                "kind": self.kind,
                "message": self.message,
                "status": self.status,
                "request_id": request_id,
            }
        }


def error_responses(*more: str) -> dict[int | str, dict[str, Any]]:
    """Return how a route declares its errors: every status with the kinds that have it.

    By reference to ``ErrorResponse``: a model for each would slow the start.

    Args:
        more: Kinds that only this route has.
    """
    statuses = sorted(
        set(STATUS.values()) - ({STATUS["artifact_refused"]} - {STATUS[m] for m in more})
    )
    return {
        status: {
            "description": ", ".join(sorted(k for k, own in STATUS.items() if own == status)),
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/ErrorResponse"}}
            },
        }
        for status in statuses
    }
