"""Test the spans of requests and the log of changes."""

import asyncio
import hashlib
import json
import logging
import subprocess
import sys
import threading
import time

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from prismrec.errors import ConfigError, MissingExtra, StoreError
from prismrec.service import tracing
from prismrec.service.logging import JsonLines
from prismrec.service.request_trace import current_trace, traced
from prismrec.service.schemas import RecommendRequest
from service.clients import event, post

pytestmark = pytest.mark.slow

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
READ, WRITE, ADMIN = "read-key-of-some-length", "write-key-of-some-length", "admin-key-of-some-len"


class Spans:
    """A client of a traced service, and its spans."""

    def __init__(self, client, exporter):
        self.client, self.exporter = client, exporter

    def of(self, method, path, **more):
        """Send a request, and return its answer and its spans in the order of their starts."""
        self.ended()
        self.exporter.clear()
        answer = self.client.request(method, path, **more)
        return answer, self.ended()

    def ended(self):
        self.client.context.tracing.provider.force_flush()
        return sorted(self.exporter.get_finished_spans(), key=lambda span: span.start_time)


@pytest.fixture
def spans(serve, monkeypatch):
    def start(**settings):
        exporter = InMemorySpanExporter()
        monkeypatch.setattr(tracing, "otlp_exporter", lambda: exporter)
        return Spans(serve(tracing=True, **settings), exporter)

    return start


def tree(spans):
    """Return the names of spans, each below the path of its parents."""
    by_id = {span.context.span_id: span for span in spans}

    def path(span):
        parent = by_id.get(span.parent.span_id) if span.parent else None
        return f"{path(parent)} > {span.name}" if parent else span.name

    return [path(span) for span in spans]


def test_the_spans_of_a_list_are_named_and_nested(spans, history):
    traced_service = spans()
    post(traced_service.client, "/v1/events", events=[event("ann", history[0])])
    body = {"user": "ann", "history": history, "k": 5, "explain": False, "diversity": 0.3}
    answer, found = traced_service.of("POST", "/v1/recommend", json=body)
    top = "POST /v1/recommend > group"
    assert tree(found) == [
        "POST /v1/recommend",
        top,
        f"{top} > store",
        f"{top} > model",
        f"{top} > rerank",
        *[f"{top} > rerank > search"] * tree(found).count(f"{top} > rerank > search"),
    ]
    assert found[-1].name == "search"
    request, group = found[:2]
    assert request.kind == SpanKind.SERVER
    assert dict(request.attributes) == {
        "http.request.method": "POST",
        "http.route": "/v1/recommend",
        "http.response.status_code": 200,
        "prismrec.request_id": answer.headers["x-request-id"],
    }
    assert dict(group.attributes) == {"prismrec.requests": 1}
    for span in found[1:]:
        assert request.start_time <= span.start_time <= span.end_time <= request.end_time
    assert request.resource.attributes["service.name"] == "prismrec"


def test_the_trace_of_the_caller_is_continued(spans, history):
    service = spans()
    header = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    _, found = service.of("POST", "/v1/recommend", json={"history": history}, headers=header)
    assert {f"{span.context.trace_id:032x}" for span in found} == {TRACE}
    assert f"{found[0].parent.span_id:016x}" == PARENT
    not_sampled = {"traceparent": f"00-{TRACE}-{PARENT}-00"}
    answer, found = service.of(
        "POST", "/v1/recommend", json={"history": history}, headers=not_sampled
    )
    assert answer.status_code == 200
    assert found == []
    for wrong in ("00-0-0-01", "ключ".encode(), f"ff-{TRACE}-{PARENT}-01"):
        answer, found = service.of("GET", "/v1/artifact", headers={"traceparent": wrong})
        assert answer.status_code == 200
        assert found[0].parent is None


def test_a_store_that_fails_marks_its_span_and_the_request(spans, monkeypatch):
    service = spans()

    def fail(*_):
        raise StoreError("the store of ann is down")

    monkeypatch.setattr(service.client.context.store, "recent_feedback", fail)
    answer, found = service.of("POST", "/v1/recommend", json={"user": "ann"})
    assert answer.status_code == 503
    by_name = {span.name: span for span in found}
    assert by_name["store"].attributes["error.type"] == "StoreError"
    assert by_name["POST /v1/recommend"].attributes["error.type"] == "503"
    for name in ("store", "POST /v1/recommend"):
        assert by_name[name].status.status_code == StatusCode.ERROR
        assert by_name[name].status.description is None
        assert not by_name[name].events


def test_a_refused_request_is_no_error_of_the_service(spans):
    service = spans()
    answer, found = service.of("GET", "/v1/nothing")
    assert answer.status_code == 404
    assert [span.name for span in found] == ["GET"]
    assert found[0].status.status_code == StatusCode.UNSET
    _, found = service.of("SECRET", "/v1/nothing")
    assert found[0].attributes["http.request.method"] == "_OTHER"
    for path in ("/healthz", "/readyz", "/metrics"):
        assert service.of("GET", path)[1] == []


def test_no_span_has_an_id_a_key_or_a_body(spans, history):
    service = spans(keys={"admin": [ADMIN]})
    service.client.headers["Authorization"] = f"Bearer {ADMIN}"
    user, item, new = "private-ann", history[0], "private-item"
    stored = event(user, item, id="private-event")
    everything = []
    for method, path, body in [
        ("POST", "/v1/events", {"events": [stored]}),
        ("POST", "/v1/recommend", {"user": user, "history": [new], "frontier": True}),
        ("POST", "/v1/recommend", {"user": user, "filter": {"categories": ["private-cat"]}}),
        ("POST", "/v1/recommend/batch", {"requests": [{"user": user}, {"history": [new]}]}),
        ("GET", f"/v1/users/{user}/history", None),
        ("GET", f"/v1/users/{user}/interests", None),
        ("GET", f"/v1/items/{new}/similar", None),
        ("GET", f"/v1/items?search={new}", None),
        ("GET", f"/v1/items?id={new}&id={item}", None),
        ("GET", f"/v1/start?user={user}", None),
        ("POST", "/v1/items/hide", {"items": [new]}),
        ("PATCH", "/v1/items/attributes", {"items": [{"id": new, "attributes": {"private": 1}}]}),
        ("DELETE", f"/v1/users/{user}/events/private-event", None),
        ("DELETE", f"/v1/users/{user}", None),
        ("GET", "/v1/private-path", None),
    ]:
        everything += service.of(method, path, json=body)[1]
    assert len(everything) > 30
    text = " ".join(span.to_json() for span in everything)
    for private in ("private", ADMIN, f'"{item}"'):
        assert private not in text


def test_requests_of_one_group_share_its_time_and_link_to_its_steps(spans, history):
    service = spans()
    context = service.client.context
    tracer = context.tracing.tracer
    requests = [RecommendRequest(history=history[:n], k=5) for n in (1, 2, 3)]

    async def ask(request):
        with tracer.start_as_current_span("request") as span:
            current_trace.set(tracing._SpanOfRequest(tracer, span))
            return await context.answering.answer(request)

    async def ask_all():
        return await asyncio.gather(*map(ask, requests))

    service.client.portal.call(ask_all)
    groups = [span for span in service.ended() if span.name == "group"]
    assert [span.attributes["prismrec.requests"] for span in groups] == [3, 3, 3]
    (first,) = (span for span in groups if not span.links)
    others = [span for span in groups if span.links]
    assert len({span.context.trace_id for span in groups}) == 3
    assert len(others) == 2
    for other in others:
        assert [link.context.span_id for link in other.links] == [first.context.span_id]
        assert abs(other.start_time - first.start_time) < 5e6
    models = [span for span in service.ended() if span.name == "model"]
    assert [span.parent.span_id for span in models] == [first.context.span_id]


def test_the_lists_of_a_batch_have_one_span_per_group(spans, history):
    service = spans()
    body = {"requests": [{"history": history[:n], "k": 5} for n in range(1, 4)]}
    _, found = service.of("POST", "/v1/recommend/batch", json=body)
    groups = [span for span in found if span.name == "group"]
    assert sum(span.attributes["prismrec.requests"] for span in groups) == 3
    assert not any(span.links for span in groups)


def test_work_of_requests_without_a_trace_is_not_wrapped():
    assert traced("group", [None, None], len) is len


def test_nothing_is_imported_if_tracing_is_off(artifact):
    code = """
import sys
from pathlib import Path
from prismrec.service import Keys, RouteContext, ServePaths, Settings, create_app, open_store
paths, settings = ServePaths(artifact=Path(sys.argv[1])), Settings(store="memory:")
context = RouteContext.open(paths, open_store("memory:"), settings, Keys())
create_app(context)
context.close()
# FastAPI imports opentelemetry-api itself.
unwanted = "opentelemetry.sdk", "opentelemetry.exporter", "prismrec.service.tracing"
assert not [name for name in sys.modules if name.startswith(unwanted)]
"""
    run = subprocess.run(
        [sys.executable, "-c", code, artifact], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


def test_a_missing_package_is_named(serve, monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(MissingExtra, match=r"prismrec\[tracing\]"):
        serve(tracing=True)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    monkeypatch.delitem(sys.modules, "prismrec.service.tracing")
    with pytest.raises(MissingExtra, match=r"prismrec\[tracing\]"):
        serve(tracing=True)


def test_a_value_of_the_environment_that_cannot_work_is_named(spans, monkeypatch):
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "99999")
    with pytest.raises(ConfigError, match=r"\(max_export_batch_size .*\); correct the variable"):
        spans()


def test_the_end_of_the_service_does_not_wait_for_a_collector_that_hangs(monkeypatch):
    hangs, exporter = threading.Event(), InMemorySpanExporter()
    monkeypatch.setattr(exporter, "export", lambda _: hangs.wait(30))
    monkeypatch.setattr(tracing, "LAST_SPANS", 0.1)
    made = tracing.Tracing(exporter)
    made.tracer.start_span("last").end()
    begin = time.monotonic()
    made.close()
    assert 0.1 <= time.monotonic() - begin < 5
    hangs.set()


def test_the_environment_names_the_service(monkeypatch):
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop-lists")
    made = tracing.Tracing(InMemorySpanExporter())
    assert made.provider.resource.attributes["service.name"] == "shop-lists"
    made.close()


def changes(caplog):
    lines = [json.loads(JsonLines().format(record)) for record in caplog.records]
    return [line for line in lines if line["message"] == "change"]


def test_each_change_is_a_line_with_the_id_of_the_key(serve, history, artifact, caplog):
    client = serve(keys={"write": [WRITE], "admin": [ADMIN]})
    key = {"Authorization": f"Bearer {WRITE}", "X-Request-Id": "from-the-shop"}
    stored = [event("ann", history[0], id="first"), event("ann", history[1])]
    with caplog.at_level(logging.INFO, logger="prismrec.service"):
        client.post("/v1/events", json={"events": stored}, headers=key)
        client.post("/v1/items/hide", json={"items": history[:2]}, headers=key)
        client.post("/v1/items/unhide", json={"items": history[:2]}, headers=key)
        new = {"id": "new-item", "related_to": history[:1]}
        client.post("/v1/items", json={"items": [new]}, headers=key)
        client.delete("/v1/users/ann/events/first", headers=key)
        client.post("/v1/users/bob/merge", json={"anonymous": "ann"}, headers=key)
        client.delete("/v1/users/bob", headers=key)
        client.post("/v1/admin/reload", headers=key)  # refused: not its scope
        client.post("/v1/admin/reload", headers={"Authorization": f"Bearer {ADMIN}"})
    lines = changes(caplog)
    assert [(line["kind"], line["count"]) for line in lines] == [
        ("hide", 2),
        ("unhide", 2),
        ("add", 1),
        ("erase event", 1),
        ("merge users", 1),
        ("erase user", 1),
        ("reload", 1),
    ]
    ids = [hashlib.sha256(each.encode()).hexdigest()[:8] for each in (WRITE, ADMIN)]
    assert [line["key"] for line in lines] == [*[ids[0]] * 6, ids[1]]
    assert {line["request_id"] for line in lines[:6]} == {"from-the-shop"}
    assert all(line["time"] for line in lines)
    for private in ("ann", "bob", "first", "new-item", WRITE, ADMIN):
        assert private not in json.dumps(lines)


def test_the_line_counts_the_items_that_the_catalog_has(client, history, caplog):
    with caplog.at_level(logging.INFO, logger="prismrec.service"):
        for kind, hidden in (("hide", 1), ("unhide", 0)):
            answer = post(client, f"/v1/items/{kind}", items=["x", history[0], "x", "y"])
            assert answer == {"hidden": hidden, "changed": [history[0]], "unknown": ["x", "y"]}
    assert [line["count"] for line in changes(caplog)] == [1, 1]


def test_a_change_that_fails_is_no_line(serve, artifact, caplog, tmp_path):
    client = serve()
    artifact.rename(tmp_path / "away")
    with caplog.at_level(logging.INFO, logger="prismrec.service"):
        assert client.post("/v1/admin/reload").status_code == 409
        assert changes(caplog) == []
        post(client, "/v1/items/hide", items=["A"])
    assert [line["key"] for line in changes(caplog)] == [""]
