"""Request ids, security headers and the log record of every request.

A plain ASGI layer around the application, because it also applies to requests without a route.
"""

import logging
import random
import re
import time
from collections.abc import Callable, Sequence

import orjson
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prismrec.service.errors import INTERNAL, ApiError
from prismrec.service.logging import log_request
from prismrec.service.settings import Settings

ABANDONED = 499
"""Status in the log and the metrics of a request whose client closed the connection."""
SENT_HEADERS = ("Authorization", "Content-Type", "X-Request-Id")
"""Headers that the pages of other origins may send."""
log = logging.getLogger("prismrec.service")


def security_headers(images: Sequence[str] = ()) -> list[tuple[bytes, bytes]]:
    """Return the headers of every response.

    Args:
        images: The hosts from which the page may show pictures; see ``pictures``.
    """
    hosts = "".join(f" https://{host}" for host in images)
    policy = (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:{hosts}; "
        "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    return [
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"content-security-policy", policy.encode()),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"x-frame-options", b"DENY"),
    ]


class RequestFrame:
    """An ASGI layer that adds headers to responses and logs requests.

    Args:
        app: The application.
        settings: Names the hosts of pictures.
        on_answer: Called after each response with route, status and seconds.
    """

    def __init__(
        self, app: ASGIApp, *, settings: Settings, on_answer: Callable[[str, int, float], None]
    ) -> None:
        self.app, self.on_answer = app, on_answer
        self.headers = security_headers(settings.image_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; see ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        named = (value for name, value in scope["headers"] if name == b"x-request-id")
        request_id = _request_id(next(named, b""))
        scope.setdefault("state", {})["request_id"] = request_id
        begin, status, started = time.perf_counter(), ABANDONED, False

        async def answered(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                status, started = message["status"], True
                message["headers"] = [
                    *message.get("headers", []),
                    *self.headers,
                    (b"x-request-id", request_id.encode()),
                ]
            await send(message)

        try:
            await self.app(scope, receive, answered)
        except Exception:
            status = 500
            log.exception("request failed", extra={"fields": {"request_id": request_id}})
            if not started:
                refusal = error_response(ApiError("internal", INTERNAL), request_id)
                await refusal(scope, receive, answered)
        finally:
            seconds = time.perf_counter() - begin
            route = getattr(scope.get("route"), "path", "none")
            self.on_answer(route, status, seconds)
            log_request(request_id, scope["method"], route, status, seconds)


class HeadAsGet:
    """An ASGI layer that answers HEAD as GET, without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; see ASGI."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        inner = {**scope, "method": "GET"}  # the server and the log see HEAD
        try:
            await self.app(inner, receive, without_body)
        finally:
            if "route" in inner:
                scope["route"] = inner["route"]


class Cors(CORSMiddleware):
    """An ASGI layer that lets the pages of some web origins call the API.

    A preflight that is refused has an error of the shape of all errors.
    """

    def __init__(self, app: ASGIApp, *, origins: Sequence[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=["GET", "HEAD", "POST", "PATCH", "DELETE"],
            allow_headers=SENT_HEADERS,
            expose_headers=["Retry-After", "X-Request-Id"],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; see ASGI."""
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            headers = Headers(scope=scope)
            if {"origin", "access-control-request-method"} <= set(headers):
                answer = self.preflight_response(headers)
                if answer.status_code >= 400:
                    answer = self._refusal(answer, scope["state"]["request_id"])
                await answer(scope, receive, send)
                return
        await super().__call__(scope, receive, send)

    def _refusal(self, answer: Response, request_id: str) -> Response:
        """Return the refusal of a preflight as an error."""
        error = ApiError(
            "forbidden",
            "A page of this origin may not send this request; allowed are the origins of the "
            f"setting cors, the methods {', '.join(self.allow_methods)} and the headers "
            f"{', '.join(SENT_HEADERS)}.",
            {
                name: value
                for name, value in answer.headers.items()
                if not name.startswith("content-")
            },
        )
        return error_response(error, request_id)


def error_response(error: ApiError, request_id: str) -> Response:
    """Return the response for an error."""
    body = orjson.dumps(error.content(request_id))
    return Response(body, error.status, error.headers, "application/json")


def _request_id(header: bytes) -> str:
    """Return the id that the client sent, if it is short and plain; otherwise draw one."""
    if re.fullmatch(rb"[A-Za-z0-9._-]{1,64}", header):
        return header.decode()
    return f"{random.getrandbits(64):016x}"  # not a secret, so it may be guessable
