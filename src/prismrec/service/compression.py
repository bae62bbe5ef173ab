"""Compresses responses for the clients that accept it."""

import re

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import Message, Receive, Scope, Send

REFUSED = re.compile(r"q=0(\.0*)?")
VARY = (b"vary", b"Accept-Encoding")


class Compression(GZipMiddleware):
    """An ASGI layer that compresses responses with gzip, except for clients that do not accept it.

    The layer of the framework looks at every response and decides afterwards, which costs an
    uncompressed list more than reading its request.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; see ASGI."""
        if scope["type"] != "http" or accepts_gzip(Headers(scope=scope)):
            await super().__call__(scope, receive, send)
            return

        async def plain(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.get("headers", [])
                if not any(name == b"vary" for name, _ in headers):
                    message["headers"] = [*headers, VARY]
            await send(message)

        await self.app(scope, receive, plain)


def accepts_gzip(headers: Headers) -> bool:
    """Return whether a client accepts gzip; a weight of 0 refuses it."""
    for coding in ",".join(headers.getlist("accept-encoding")).split(","):
        name, _, weight = coding.replace(" ", "").lower().partition(";")
        if name == "gzip":
            return not REFUSED.fullmatch(weight)
    return False
