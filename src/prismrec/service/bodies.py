"""The body of a request: read only after the key was checked, whole, and within limits.

A plain ASGI layer around the routes, because it also applies to requests without a route. If the
client closes the connection while its request is answered, the request is cancelled: nobody waits
for its answer.
"""

import asyncio
import ipaddress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prismrec.service.auth import check_key
from prismrec.service.connection import CONNECTION
from prismrec.service.errors import ApiError
from prismrec.service.keys import Keys
from prismrec.service.middleware import error_response
from prismrec.service.paths import check_utf8, route_path
from prismrec.service.settings import Settings

READING = 10.0
"""Seconds within which the whole body must arrive."""
WITH_BODY = frozenset(("POST", "PUT", "PATCH", "DELETE"))
READING_LISTS = frozenset(("/v1/recommend", "/v1/recommend/batch"))
"""Paths whose POST stores no event. Its body is JSON, so a browser first asks whether ``cors``
allows the page to send it."""
DEFAULT_PORTS = {"http": "80", "https": "443"}
PRIVATE = ("/v1/", "/metrics", "/openapi.json")
"""Beginnings of the paths that need a key if the service has keys."""


class BodyLimits:
    """An ASGI layer that checks keys, reads bodies and cancels abandoned requests.

    Args:
        app: The application.
        keys: The keys of the service.
        settings: The largest body, and the origins whose hosts may call a service without keys.
    """

    def __init__(self, app: ASGIApp, *, keys: Keys, settings: Settings) -> None:
        self.app, self.keys, self.most = app, keys, settings.body
        self.origins = set(settings.origins)
        self.hosts = {_host_name(origin.partition("://")[2]) for origin in self.origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body and answer the request; see ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            _set_path(scope)
            if not self.keys and scope["path"].startswith(PRIVATE):
                self._check_host(scope)
                self._check_origin(scope)
            body = await self._body(scope, receive)
        except ApiError as error:
            refusal = error_response(error, scope["state"]["request_id"])
            await refusal(scope, receive, send)
            return
        if body is not None:  # else the client closed the connection
            await self._answer(scope, receive, send, body)

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        """Return the whole body; None if the client closed the connection.

        Raises:
            ApiError: The key is missing, or the body is too large, too slow or not JSON.
        """
        if scope["method"] not in WITH_BODY:
            return b""
        headers = Headers(scope=scope)
        if scope["path"].startswith(PRIVATE):
            check_key(self.keys, headers)
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > self.most:
            raise self._too_large()
        if length != "0" or "transfer-encoding" in headers:
            _check_kind(headers)
        try:
            async with asyncio.timeout(READING):
                return await self._read(receive)
        except TimeoutError:
            raise ApiError(
                "timed_out_reading",
                f"The body did not arrive in {READING:g} seconds; send smaller requests.",
            ) from None

    async def _read(self, receive: Receive) -> bytes | None:
        """Return the whole body; None if the client closed the connection."""
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > self.most:
                raise self._too_large()
            if not message.get("more_body"):
                return bytes(body)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, body: bytes) -> None:
        """Run the application; stop it when the client closes the connection."""
        sent = False

        async def whole() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        with _CancelledWithoutClient(scope):
            await self.app(scope, whole, send)

    def _check_host(self, scope: Scope) -> None:
        """Check that a service without keys is not called by a name that anybody may register.

        A web page could let its own name point to this machine, and then read all answers.

        Raises:
            ApiError: It is.
        """
        host = _host_name(Headers(scope=scope).get("host", ""))
        if host not in self.hosts and "." in host and not _is_address(host):
            raise ApiError(
                "forbidden",
                "A service without keys answers only under its address or localhost; use these, "
                "or set keys.",
            )

    def _check_origin(self, scope: Scope) -> None:
        """Check that no page of another origin sends what may change something, without keys.

        A browser sends such a request from any web page, although the page cannot read the answer.

        Raises:
            ApiError: It does, and ``cors`` does not name its origin.
        """
        headers = Headers(scope=scope)
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        changes = scope["method"] in WITH_BODY and scope["path"] not in READING_LISTS
        if not changes or site == "same-origin":
            return
        if origin is None:  # no browser, or one that sends the other header
            foreign = site in ("same-site", "cross-site")
        else:
            scheme, _, sender = origin.lower().partition("://")
            end = f":{DEFAULT_PORTS.get(scheme, '')}"
            own = sender.removesuffix(end) == headers.get("host", "").lower().removesuffix(end)
            foreign = not (sender and own) and not self.origins & {origin, "*"}
        if foreign:
            raise ApiError(
                "forbidden",
                "A service without keys accepts this request from its own page and the origins of "
                "the setting cors, not from other web pages; add the origin to cors, set keys, or "
                "let a proxy pass the Host header.",
            )

    def _too_large(self) -> ApiError:
        return ApiError(
            "too_large",
            f"The body has more than {self.most:,} bytes; send several smaller requests.",
        )


class _CancelledWithoutClient:
    """A context in which the current task is cancelled if the client closes the connection."""

    def __init__(self, scope: Scope) -> None:
        self.connection = scope["state"].get(CONNECTION)
        self.task, self.abandoned = asyncio.current_task(), False

    def __enter__(self) -> None:
        if self.connection is not None:
            self.connection.abandon = self._abandon

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        if self.connection is not None:
            self.connection.abandon = None
        if self.task is None or not self.abandoned or kind is not asyncio.CancelledError:
            return False  # also if the service stops, which cancels its tasks
        self.task.uncancel()
        return True

    def _abandon(self) -> None:
        self.abandoned = True
        if self.task is not None:
            self.task.cancel()


def _host_name(host: str) -> str:
    """Return the name of a Host header, without the port."""
    name, _, port = host.rpartition(":")
    return (name if port.isdigit() and name else host).strip("[]").lower().rstrip(".")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.endswith(".localhost")
    return True


def _check_kind(headers: Headers) -> None:
    """Check that a body is JSON by its headers, and not compressed.

    Raises:
        ApiError: It is not.
    """
    coding = headers.get("content-encoding", "").strip()[:40]
    if coding.lower() not in ("", "identity"):
        raise ApiError(
            "unsupported_media_type",
            f"The body has the Content-Encoding {coding!r}, but only plain JSON is read; send it "
            "without compression and without this header.",
        )
    if not _is_json(headers):
        raise ApiError(
            "unsupported_media_type",
            "The body is not JSON by its header; send Content-Type: application/json.",
        )


def _is_json(headers: Headers) -> bool:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def _set_path(scope: Scope) -> None:
    """Set the path that the routes match; see ``paths``."""
    raw, query = scope.get("raw_path", b""), scope.get("query_string", b"")
    if b"%" in query:
        check_utf8(query)
    if b"%" in raw and raw.startswith(b"/v1/"):
        scope["path"] = route_path(raw.partition(b"?")[0])
