"""One connection: uvicorn's HTTP protocol with limits of time and size for each part of a request.

A body is limited by ``bodies``. This module limits everything else: the head of a request, the
trailers after a chunked body, and the rest of a body that nobody reads because the request was
refused.
"""

from asyncio import Transport
from asyncio.events import TimerHandle
from collections.abc import Callable, Sized
from uuid import uuid4

import httptools
import orjson
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from prismrec.service.errors import ApiError
from prismrec.service.logging import log_request

CONNECTION = "prismrec.connection"
"""Name of the connection in the state of a request."""
ON_ANSWER = "prismrec.on_answer"
"""Name of the function in the state of the application that counts answers; see ``middleware``."""
HEAD_SECONDS = 15.0
"""Seconds within which the whole head of a request must arrive."""
HEAD_BYTES = 65_536
"""Largest head of a request in bytes, and largest trailers. Up to 256 KB are read at once, and the
limit is checked after each read, so a head that arrives in one read may be as large."""
UNREAD_BYTES = 4_000_000
"""Largest rest of a refused body that is received, so that the client can read the refusal."""
UNREAD_PAUSE = 0.05
"""Seconds between two reads of this rest: other clients wait, and nobody waits for the rest."""
IDLE_SECONDS = 1.0
"""Seconds after which a connection without a request is closed when the service stops. A client
that sends a request just then still gets its answer."""


class BoundedFlow(FlowControl):
    """Reads nothing while requests wait for earlier ones of their connection.

    uvicorn reads on after each answer, so that a client that sends requests and reads no answers
    would need memory without a limit.
    """

    def __init__(self, transport: Transport, pipeline: Sized) -> None:
        super().__init__(transport)
        self.pipeline = pipeline

    def resume_reading(self) -> None:
        """Read on, unless requests wait; see ``FlowControl``."""
        if not self.pipeline:
            super().resume_reading()


class LimitedHttpProtocol(HttpToolsProtocol):
    """A connection with limits for each part of a request."""

    late: TimerHandle | None = None
    read = 0
    """Bytes since the last head or the last part of a body: those of a head or of trailers."""
    unread = 0
    """Bytes of a body whose request is answered already."""
    in_head, in_body, ending = False, False, False
    abandon: Callable[[], object] | None = None
    """Called when the client closes the connection before it has its answer; see ``bodies``."""
    refusal: str | None = None
    """The error of a bad request that came before the answers of earlier ones; sent after them."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Start the timer; see ``asyncio.Protocol``."""
        super().connection_made(transport)
        self.flow = BoundedFlow(transport, self.pipeline)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Read data and check the limits; see ``asyncio.Protocol``."""
        if self.refusal is not None:  # nothing after a bad request can be read
            self.flow.pause_reading()
            return
        before, self.in_body, unread = self.cycle, False, self.unread
        self._unset_keepalive_if_required()
        try:
            self._parse(data)
        except httptools.HttpParserError:
            self.send_400_response("The request is not valid HTTP; send HTTP/1.1.")
        if self.transport.is_closing() or self.refusal is not None:
            return
        if self.unread > unread:
            self.flow.pause_reading()
            self.loop.call_later(UNREAD_PAUSE, self._read_on)
        if self.ending and self.cycle is not None:
            self.cycle.keep_alive = False
        self.read = 0 if self.cycle is not before or self.in_body else self.read + len(data)
        if self.read > HEAD_BYTES or self.unread > UNREAD_BYTES:
            self._close_too_long()
        elif self._answering():
            self._unwatch()
        else:
            self._watch()

    def on_message_begin(self) -> None:
        """Start a head; see ``HttpToolsProtocol``."""
        self.in_head = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header; leave out trailers, which no route reads and which would need memory."""
        if self.in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the request, unless its head is parsed again; see ``_parse``."""
        if self.parser.should_upgrade():
            return
        self.in_head, self.unread = False, 0
        self.scope["state"][CONNECTION] = self
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Add a part of the body; count it if nobody reads it."""
        self.in_body = True
        if self.cycle.response_complete:
            self.unread += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Finish the request, unless its head is parsed again; see ``_parse``."""
        if not self.in_head:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Start the next request, or send the error of the bad request after the last one."""
        last = not self.pipeline
        super().on_response_complete()
        self.flow.resume_reading()  # the last one that waited may have been started
        if last and self.refusal is not None and not self.transport.is_closing():
            self._refuse(self.refusal)

    def send_400_response(self, msg: str) -> None:
        """Send an error after the answers of earlier requests, and close the connection."""
        in_body = self._answering() and self.cycle.more_body
        if in_body and self.pipeline:  # the bad request is the newest one and waits
            self.pipeline.popleft()
        elif in_body or not self._answering():
            self._refuse(msg)
            return
        self.refusal = msg
        self.flow.pause_reading()

    def _refuse(self, msg: str) -> None:
        """Send an error of the shape of all errors, and close the connection."""
        request_id = uuid4().hex[:16]
        body = orjson.dumps(ApiError("malformed", msg).content(request_id))
        head = (
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nx-request-id: {request_id}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
        if on_answer := self.app_state.get(ON_ANSWER):  # no other layer counts this request
            on_answer("none", 400, 0.0)
        log_request(request_id, "none", "none", 400, 0.0)

    def shutdown(self) -> None:
        """Close this connection after its next answer, or soon if there is no request."""
        self.ending = True
        if self._answering():
            self.cycle.keep_alive = False
        else:
            self.loop.call_later(IDLE_SECONDS, self._close_if_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer; see ``asyncio.Protocol``."""
        self._unwatch()
        if self.abandon is not None and self._answering():
            self.abandon()
        super().connection_lost(exc)

    def _parse(self, data: bytes | memoryview) -> None:
        """Parse data; a request to upgrade to another protocol has no effect, as HTTP allows.

        A parser stops after the head of such a request, so another one gets this head again without
        the header ``Upgrade``.

        Raises:
            HttpParserError: The data is not HTTP, or asks for a tunnel.
        """
        while True:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                method, version = self.parser.get_method(), self.parser.get_http_version()
                if method == b"CONNECT":
                    raise httptools.HttpParserError(method) from None
                lines = [b"%s %s HTTP/%s" % (method, self.url, version.encode())]
                lines += [b"%s: %s" % one for one in self.headers if one[0] != b"upgrade"]
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
                self.parser.feed_data(b"\r\n".join([*lines, b"", b""]))
                data = memoryview(data)[upgrade.args[0] :]

    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _close_too_long(self) -> None:
        """Close the connection, with an error if no response has begun."""
        if self.cycle is not None and self.cycle.response_started and not self.in_head:
            self.transport.close()
        else:
            part = "headers" if self.in_head or self.cycle is None else "trailers"
            self.send_400_response(f"The {part} have more than {HEAD_BYTES:,} bytes; send fewer.")

    def _read_on(self) -> None:
        if not self.transport.is_closing():
            self.flow.resume_reading()

    def _close_if_idle(self) -> None:
        if not self._answering() and not self.transport.is_closing():
            self.transport.close()

    def _watch(self) -> None:
        if self.late is None:
            self.late = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _unwatch(self) -> None:
        if self.late is not None:
            self.late.cancel()
            self.late = None

    def _give_up(self) -> None:
        self.late = None
        if not self._answering():
            self.transport.close()
