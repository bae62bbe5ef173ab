"""Spans of OpenTelemetry: one per request, and its steps below it.

This module is imported only if the setting ``tracing`` is on. The environment variables OTEL_*
configure the exporter, the sampler and the resource. No span has an id of a user or an item, a key,
a path, a query, a body or the message of an error.

Requests whose lists are computed together share a group. Each of them has a span of the group's
time; the steps are below the first one only, to which the others link: a request is not charged
with copies of every step.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from opentelemetry.context import Context
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Link, Span, SpanKind, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prismrec._version import __version__
from prismrec.errors import ConfigError, MissingExtra
from prismrec.io import listening_to_steps
from prismrec.service.middleware import ABANDONED
from prismrec.service.request_trace import Work, current_trace

T = TypeVar("T")
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
UNTRACED = frozenset(("/healthz", "/readyz", "/metrics"))
"""Paths without spans: probes call them every few seconds."""
LAST_SPANS = 2.0
"""Seconds that the end of the service waits for the export of the last spans."""
PARENT = TraceContextTextMapPropagator()
PARENT_HEADERS = frozenset((b"traceparent", b"tracestate"))
Attributes = Mapping[str, str | int]


class Tracing:
    """Makes the spans of one process.

    Args:
        exporter: Gets the spans that have ended.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        own = {"service.name": "prismrec", "service.version": __version__}
        resource = Resource.create(own).merge(OTELResourceDetector().detect())
        self.provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self.provider.add_span_processor(BatchSpanProcessor(exporter))
        self.tracer = self.provider.get_tracer("prismrec", __version__)

    @classmethod
    def start(cls) -> "Tracing":
        """Start to export spans with OTLP over HTTP; OTEL_* in the environment configure it.

        Raises:
            MissingExtra: The exporter is not installed.
            ConfigError: OpenTelemetry refuses a value of the environment.
        """
        try:
            return cls(otlp_exporter())
        except ValueError as error:
            raise ConfigError(
                "Requests are to be traced, but OpenTelemetry refuses a value of the environment "
                f"({str(error).rstrip('.')}); correct the variable OTEL_* that sets it."
            ) from error

    def layer(self, app: ASGIApp) -> ASGIApp:
        """Return an application that makes a span of each request."""
        return TracedRequests(app, self.tracer)

    def close(self) -> None:
        """Export the last spans; they are lost if the collector does not answer in time."""
        last = threading.Thread(target=self.provider.shutdown, daemon=True)
        last.start()
        last.join(LAST_SPANS)


def otlp_exporter() -> SpanExporter:
    """Return the exporter that the environment variables OTEL_EXPORTER_OTLP_* configure.

    Raises:
        MissingExtra: It is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        raise MissingExtra.for_("tracing", "tracing") from error
    exporter: SpanExporter = OTLPSpanExporter()
    return exporter


class TracedRequests:
    """An ASGI layer that makes one span per request; it continues the trace of the caller.

    Args:
        app: The application.
        tracer: Makes the spans.
    """

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self.app, self.tracer = app, tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; see ASGI."""
        if scope["type"] != "http" or scope["path"] in UNTRACED:
            await self.app(scope, receive, send)
            return
        status = ABANDONED

        async def answered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        method = scope["method"] if scope["method"] in METHODS else "_OTHER"
        first = {"http.request.method": method}  # the sampler may read it
        span = self.tracer.start_span(method, _parent(scope), SpanKind.SERVER, first)
        trace = _SpanOfRequest(self.tracer, span) if span.is_recording() else None
        token = current_trace.set(trace)
        try:
            await self.app(scope, receive, answered)
        finally:
            current_trace.reset(token)
            _finish(span, method, scope, status)


class _SpanOfRequest:
    """The trace of one request: a ``RequestTrace``."""

    def __init__(self, tracer: Tracer, span: Span) -> None:
        self.tracer, self.context = tracer, set_span_in_context(span, Context())

    def run(self, work: Work, function: Callable[[], T]) -> T:
        """Run a function with its steps below this request; see ``RequestTrace.run``."""
        begin, step = time.time_ns(), partial(_step, self.tracer)
        about = {"prismrec.requests": work.requests}
        with _step(self.tracer, work.name, self.context, about) as span:
            try:
                with listening_to_steps(step):
                    return function()
            finally:
                links = [Link(span.get_span_context())]
                for other in work.traces[1:]:
                    self.tracer.start_span(
                        work.name, other.context,
                        attributes=about, links=links, start_time=begin,
                    ).end()  # fmt: skip


@contextmanager
def _step(
    tracer: Tracer,
    name: str,
    context: Context | None = None,
    attributes: Attributes | None = None,
) -> Iterator[Span]:
    """Make a span of a block; of an error, only the name of its class."""
    with tracer.start_as_current_span(
        name, context,
        attributes=attributes, record_exception=False, set_status_on_exception=False,
    ) as span:  # fmt: skip
        try:
            yield span
        except Exception as error:
            _mark_error(span, type(error).__name__)
            raise


def _finish(span: Span, method: str, scope: Scope, status: int) -> None:
    """Finish the span of a request."""
    if span.is_recording():
        route = getattr(scope.get("route"), "path", "")
        if route:
            span.update_name(f"{method} {route}")
            span.set_attribute("http.route", route)
        span.set_attribute("http.response.status_code", status)
        span.set_attribute("prismrec.request_id", scope["state"]["request_id"])
        if status >= 500:
            _mark_error(span, str(status))
    span.end()


def _mark_error(span: Span, kind: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(StatusCode.ERROR)


def _parent(scope: Scope) -> Context:
    """Return the span of the caller, from the header traceparent; an empty context without one."""
    headers = {
        name.decode(): value.decode("latin-1")
        for name, value in scope["headers"]
        if name in PARENT_HEADERS
    }
    return PARENT.extract(headers, Context())
