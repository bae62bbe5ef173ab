"""Compresses responses for the clients that accept it."""

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import Message, Receive, Scope, Send

VARY = (b"vary", b"Accept-Encoding")


class Compression(GZipMiddleware):
    """An ASGI layer that compresses responses with gzip, except for clients that do not accept it.

    The layer of the framework looks at every response and decides afterwards, which costs an
    uncompressed list more than reading its request.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; see ASGI."""
        if scope["type"] != "http" or _accepts_gzip(scope):
            await super().__call__(scope, receive, send)
            return

        async def plain(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.get("headers", [])
                if not any(name == b"vary" for name, _ in headers):
                    message["headers"] = [*headers, VARY]
            await send(message)

        await self.app(scope, receive, plain)


def _accepts_gzip(scope: Scope) -> bool:
    return any(name == b"accept-encoding" and b"gzip" in value for name, value in scope["headers"])
