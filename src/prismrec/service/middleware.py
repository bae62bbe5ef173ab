"""Limits of size and time, request ids, security headers and the log record of every request.

A plain ASGI layer around the application, because it also applies to requests without a route.
"""

import asyncio
import logging
import random
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

import orjson

from prismrec.service.errors import INTERNAL, ApiError
from prismrec.service.pictures import image_hosts
from prismrec.service.settings import Settings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

READING = 10.0
"""Seconds within which the whole body must arrive."""
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


class RequestLimits:
    """An ASGI layer that limits requests and adds headers to responses.

    Args:
        app: The application.
        settings: The limits.
        on_answer: Called after each response with route, status and seconds.
    """

    def __init__(
        self, app: App, *, settings: Settings, on_answer: Callable[[str, int, float], None]
    ) -> None:
        self.app, self.settings, self.on_answer = app, settings, on_answer
        self.headers = security_headers(image_hosts(settings.image_host))

    async def __call__(  # noqa: D102
        self, scope: MutableMapping[str, Any], receive: Receive, send: Send
    ) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value for name, value in scope["headers"]}
        request_id = _request_id(headers.get("x-request-id", b""))
        scope.setdefault("state", {})["request_id"] = request_id
        begin, status, started = time.perf_counter(), 500, False

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
            await self._within(scope, receive, answered, headers)
        except ApiError as error:
            if not started:
                await refuse(answered, error, request_id)
        except Exception:
            log.exception("request failed", extra={"fields": {"request_id": request_id}})
            if not started:
                await refuse(answered, ApiError("internal", INTERNAL), request_id)
        finally:
            seconds = time.perf_counter() - begin
            route = getattr(scope.get("route"), "path", "none")
            self.on_answer(route, status, seconds)
            fields = {
                "request_id": request_id,
                "method": scope["method"],
                "route": route,
                "status": status,
                "milliseconds": round(1e3 * seconds, 2),
            }
            log.info("request", extra={"fields": fields})

    async def _within(
        self,
        scope: MutableMapping[str, Any],
        receive: Receive,
        send: Send,
        headers: dict[str, bytes],
    ) -> None:
        """Read the body within the limits, then call the application."""
        length = headers.get("content-length", b"0")
        if length.isdigit() and int(length) > self.settings.body:
            raise self._too_large()
        body: bytes | None = b""
        if scope["method"] in ("POST", "PUT", "PATCH", "DELETE"):
            try:
                async with asyncio.timeout(READING):
                    body = await self._read(receive)
            except TimeoutError:
                raise ApiError(
                    "timed_out_reading",
                    f"The body did not arrive in {READING:g} seconds; send smaller requests.",
                ) from None
        if body is None:
            return  # the client closed the connection
        sent = False

        async def whole() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, whole, send)

    async def _read(self, receive: Receive) -> bytes | None:
        """Return the whole body; None if the client closed the connection."""
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > self.settings.body:
                raise self._too_large()
            if not message.get("more_body"):
                return bytes(body)

    def _too_large(self) -> ApiError:
        return ApiError(
            "too_large",
            f"The body has more than {self.settings.body:,} bytes; send several smaller requests.",
        )


async def refuse(send: Send, error: ApiError, request_id: str) -> None:
    """Send an error response."""
    body = orjson.dumps(error.content(request_id))
    extra = [(name.lower().encode(), value.encode()) for name, value in error.headers.items()]
    headers = [(b"content-type", b"application/json"), *extra]
    headers.append((b"content-length", str(len(body)).encode()))
    if error.status in (408, 413):
        headers.append((b"connection", b"close"))  # the rest of the body is not read
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _request_id(header: bytes) -> str:
    """Return the id that the client sent, if it is short and plain; otherwise draw one."""
    if re.fullmatch(rb"[A-Za-z0-9._-]{1,64}", header):
        return header.decode()
    return f"{random.getrandbits(64):016x}"  # not a secret, so it may be guessable
