"""The one shape of every error, and the HTTP status of each kind."""

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
    "unsupported_media_type": 415,
    "invalid_request": 422,
    "rate_limited": 429,
    "internal": 500,
    "overloaded": 503,
    "store_unavailable": 503,
    "not_ready": 503,
    "artifact_refused": 409,
    "timed_out": 504,
}
OF_ONE_ROUTE = {"artifact_refused"}
"""Kinds of errors that not every route has."""
INTERNAL = "The service failed; its log has the cause under the id of this request."
RETRY_AFTER = {"rate_limited", "overloaded", "store_unavailable", "not_ready", "timed_out"}


class ApiError(Exception):
    """An error that is sent to the caller as it is."""

    def __init__(self, kind: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.kind, self.message, self.status = kind, message, STATUS[kind]
        self.more_headers = headers or {}

    @classmethod
    def from_package(cls, error: PrismrecError) -> "ApiError":
        """Convert an error of this package."""
        if isinstance(error, UnknownName):
            return cls("unknown_name", str(error))
        if isinstance(error, StoreError):
            message = "Stored events, changes or vectors cannot be read or written now; try again."
            return cls("store_unavailable", message)
        if isinstance(error, ConfigError | DataError):
            return cls("invalid_request", str(error))
        return cls("internal", INTERNAL)

    @property
    def headers(self) -> Mapping[str, str]:
        """The HTTP headers of the response."""
        headers = dict(self.more_headers)
        if self.kind in RETRY_AFTER:
            headers["Retry-After"] = "1"
        if self.kind == "unauthorized":
            headers["WWW-Authenticate"] = "Bearer"
        return headers

    def content(self, request_id: str) -> dict[str, Any]:
        """Return the response body."""
        return {
            "error": {
                "kind": self.kind,
                "message": self.message,
                "status": self.status,
                "request_id": request_id,
            }
        }


def not_found() -> ApiError:
    """Return the error for a path without a route."""
    return ApiError("not_found", "There is nothing at this path; see /openapi.json for the routes.")


def error_responses(*more: str) -> dict[int | str, dict[str, Any]]:
    """Return the error responses that a route declares: each status with its kinds.

    They refer to ``ErrorResponse`` by name: one model per status would make the start slower.

    Args:
        more: Kinds of ``OF_ONE_ROUTE`` that this route has.
    """
    kinds = STATUS.keys() - OF_ONE_ROUTE | set(more)
    statuses = sorted({STATUS[kind] for kind in kinds})
    return {
        status: {
            "description": ", ".join(sorted(k for k, code in STATUS.items() if code == status)),
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/ErrorResponse"}}
            },
        }
        for status in statuses
    }
