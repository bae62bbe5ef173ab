"""Check the OpenAPI document: real responses match it, and it describes every field."""

import re
from dataclasses import fields

import pytest
import schemathesis
from schemathesis import checks
from schemathesis.core.failures import FailureGroup

from prismrec.data import save_dataset
from prismrec.recommend import load, save
from prismrec.rerank import Diversity, Filter, ListOptions
from prismrec.service.schemas import RecommendRequest
from prismrec.service.settings import ServePaths
from worlds import untrained

KEYS = {"read": ("a-key-for-reading-1",), "admin": ("a-key-for-reloading",)}
ADMIN = {"Authorization": "Bearer a-key-for-reloading"}
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
EVERYTHING = {"explain": True, "frontier": True, "mix_frontier": True, "diversity": 0.3}
PUBLIC = {"/healthz", "/readyz"}


@pytest.fixture(scope="module")
def service(dataset, tmp_path_factory):
    """Start a service of two artifacts, a data set and a report."""
    from service.conftest import client_of

    folder = tmp_path_factory.mktemp("openapi")
    save(untrained(dataset), folder / "artifact", about={"index": "few items"})
    save(untrained(dataset, interests=1), folder / "other")
    save_dataset(dataset, folder / "data", split={"name": "by-user", "options": {}})
    (folder / "report.json").write_text('{"entries": []}')
    (folder / "tmp").mkdir()
    paths = ServePaths(
        artifact=folder / "artifact",
        compare_with=folder / "other",
        data=folder / "data",
        report=folder,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(folder / "tmp"))
        with client_of(paths, keys=KEYS) as client:
            yield client


@pytest.fixture(scope="module")
def document(service):
    return service.get("/openapi.json", headers=ADMIN).json()


@pytest.fixture(scope="module")
def api(service, document):
    schema = schemathesis.openapi.from_dict(document)
    schema.app = service.app
    return schema


def requests_of(history):
    """Return real requests to every route: method, path, and the parts of the request."""
    event = {"id": "e1", "user": "ann", "time": 1}
    item = {"id": "new", "title": "New", "related_to": history[:1]}
    changed = {"id": history[0], "attributes": {"stock": 0}}
    user, first = {"user": "ann"}, {"item": history[0]}
    lists = [
        {"history": history},
        {"history": history, **EVERYTHING},
        {"history": history, **EVERYTHING, "comparison": True},
        {"history": history, "k": 9, "offset": 3, "explain": True},
        {"history": ["no such item"], **EVERYTHING},
        {"history": [], "blocked": ["x"], "allowed": history[:2], "exclude_seen": False},
        {"user": "ann", "explain": True, "rerank": "dpp", "diversity": 0.2},
        {"history": history, "diversity_target": 0.5},
        {"history": history, "max_relevance_loss": 0.2},
        {"history": history, "k": 0},
        {"history": history, "categories": ["no such category"]},
        {},
    ]
    return [
        ("POST", "/v1/events", {"body": {"events": [event | {"item": i} for i in history]}}),
        *[("POST", "/v1/recommend", {"body": body}) for body in lists],
        ("POST", "/v1/recommend/batch", {"body": {"requests": lists[:4]}}),
        ("GET", "/v1/users/{user}/history", {"path_parameters": user, "query": {"n": 3}}),
        ("GET", "/v1/users/{user}/interests", {"path_parameters": user}),
        ("GET", "/v1/users/{user}/interests", {"path_parameters": {"user": "nobody"}}),
        ("DELETE", "/v1/users/{user}/events/{event}", {"path_parameters": user | {"event": "e1"}}),
        ("DELETE", "/v1/users/{user}/events/{event}", {"path_parameters": user | {"event": "x"}}),
        (
            "POST",
            "/v1/users/{user}/merge",
            {"path_parameters": user, "body": {"anonymous": "bob"}},
        ),
        ("DELETE", "/v1/users/{user}", {"path_parameters": user}),
        ("GET", "/v1/examples", {"query": {"order": "different", "limit": 3}}),
        ("GET", "/v1/start", {}),
        ("GET", "/v1/start", {"query": {"history": history, "examples": 2}}),
        ("GET", "/v1/start", {"query": {"user": "ann", "options": '{"k": 3, "frontier": true}'}}),
        ("GET", "/v1/start", {"query": {"options": "{}}"}}),
        ("POST", "/v1/items", {"body": {"items": [item]}}),
        ("PATCH", "/v1/items/attributes", {"body": {"items": [changed]}}),
        ("POST", "/v1/items/hide", {"body": {"items": ["new"]}}),
        ("POST", "/v1/items/unhide", {"body": {"items": ["new"]}}),
        ("GET", "/v1/items", {"query": {"search": "n"}}),
        ("GET", "/v1/items/{item}/similar", {"path_parameters": first, "query": {"k": 3}}),
        ("GET", "/v1/items/{item}/similar", {"path_parameters": {"item": "no such item"}}),
        ("GET", "/v1/artifact", {}),
        ("GET", "/v1/map", {"query": {"limit": 5, "items": history}}),
        ("GET", "/v1/health-report", {}),
        ("POST", "/v1/admin/reload", {}),
        ("GET", "/metrics", {}),
        ("GET", "/healthz", {}),
        ("GET", "/readyz", {}),
    ]


@pytest.mark.slow
def test_every_response_validates_against_the_document(api, document, history):
    sent = set()
    for method, path, parts in requests_of(history):
        case = api[path][method].Case(headers=ADMIN, **parts)
        case.call_and_validate(checks=CHECKS)
        sent.add((method.lower(), path))
    declared = {(method, path) for path, found in document["paths"].items() for method in found}
    assert sent == declared, "a route without a request here is not checked"


@pytest.mark.slow
def test_a_response_of_another_shape_fails_the_check(api, service, history, monkeypatch):
    from prismrec.service import lists

    whole = lists._served
    monkeypatch.setattr(lists, "_served", lambda *parts: vars(whole(*parts)) | {"artifact": 7})
    monkeypatch.setattr(service.context.metrics, "count_list", lambda _: None)
    case = api["/v1/recommend"]["POST"].Case(headers=ADMIN, body={"history": history})
    with pytest.raises(FailureGroup) as failed:
        case.call_and_validate(checks=CHECKS)
    assert "7 is not of type" in str(failed.value.exceptions)


def test_operations_have_unique_readable_ids(document):
    ids = [one["operationId"] for path in document["paths"].values() for one in path.values()]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in ids), ids
    assert {"recommend", "recommend_batch", "store_events", "similar_items"} <= set(ids)


def test_every_operation_names_its_security_scheme(document):
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for path, found in document["paths"].items():
        for operation in found.values():
            expected = None if path in PUBLIC else [{"bearer": []}]
            assert operation.get("security") == expected, path


def test_every_operation_declares_the_error_for_an_address_that_is_not_utf8(document, service):
    for path, found in document["paths"].items():
        for operation in found.values():
            assert "400" in operation["responses"], path
    assert service.get("/healthz?x=%ff").status_code == 400


def test_every_field_of_a_request_and_every_operation_is_described(document):
    for path in document["paths"].values():
        for operation in path.values():
            assert operation["description"].endswith("."), operation["operationId"]


# The parts of these fields of ListOptions are separate fields over HTTP.
FLAT = {
    "diversity": {"diversity", "diversity_target", "max_relevance_loss"},
    "filter": {field.name for field in fields(Filter)},
}


def test_a_request_has_exactly_the_fields_of_list_options(document):
    options = set().union(*(FLAT.get(f.name, {f.name}) for f in fields(ListOptions)))
    assert len(FLAT["diversity"]) == len(fields(Diversity))
    others = {"user", "history", "offset", "length", "comparison"}
    others |= {"explain", "frontier", "mix_frontier"}
    assert set(RecommendRequest.model_fields) == options | others
    declared = document["components"]["schemas"]["RecommendRequest"]
    assert set(declared["properties"]) == options | others


@pytest.mark.slow
def test_a_request_has_the_same_defaults_as_list_options(history, artifact, client):
    made, default = RecommendRequest(history=[]).options, ListOptions()
    assert made.diversity.off
    assert default.diversity.off
    for name in ("k", "exclude_seen", "filter", "rerank"):
        assert getattr(made, name) == getattr(default, name), name
    answer = client.post("/v1/recommend", json={"history": history}).json()
    assert [item["id"] for item in answer["items"]] == [
        item.id for item in load(artifact).recommend(history)
    ]
