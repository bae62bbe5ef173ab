"""Test wrong, unusual and hostile requests."""

import urllib.parse

import polars as pl
import pytest

from prismrec.data.readers import times
from prismrec.service.schemas import OTHER_UNITS
from service.clients import event, kind_of, post


@pytest.mark.parametrize(
    ("path", "body", "status", "kind"),
    [
        ("/v1/recommend", {}, 422, "invalid_request"),
        ("/v1/recommend", {"history": [], "k": 0}, 422, "invalid_request"),
        ("/v1/recommend", {"history": [], "k": "5.0"}, 422, "invalid_request"),
        ("/v1/recommend", {"history": [], "k": True}, 422, "invalid_request"),
        ("/v1/recommend", {"history": "A"}, 422, "invalid_request"),
        ("/v1/recommend", {"history": [1]}, 422, "invalid_request"),
        ("/v1/recommend", {"history": [""]}, 422, "invalid_request"),
        ("/v1/recommend", {"history": ["a\0"]}, 422, "invalid_request"),
        ("/v1/recommend", {"history": [], "diversity": "abc"}, 422, "invalid_request"),
        ("/v1/recommend", {"history": [], "diversity": ""}, 422, "invalid_request"),
        ("/v1/recommend", {"history": [], "diversity": "nan"}, 422, "invalid_request"),
        ("/v1/recommend", {"history": [], "diversity": "inf"}, 422, "invalid_request"),
        ("/v1/recommend", {"history": [], "diversity": "-1"}, 422, "invalid_request"),
        ("/v1/recommend", {"history": [], "diversity": -1}, 422, "invalid_request"),
        ("/v1/recommend", {"history": [], "diversity_target": "1.5"}, 422, "invalid_request"),
        ("/v1/recommend", {"history": [], "diversity": 0.1, "max_relevance_loss": 0.1}, 422,
         "invalid_request"),
        ("/v1/recommend", {"history": [], "diverstiy": 0.1}, 422, "invalid_request"),
        ("/v1/recommend", {"history": [], "categories": ["no such"]}, 404, "unknown_name"),
        ("/v1/recommend", {"history": [], "comparison": True}, 422, "invalid_request"),
        ("/v1/recommend", [], 422, "invalid_request"),
        ("/v1/events", {"events": []}, 422, "invalid_request"),
        ("/v1/events", {"events": [{"id": "e", "user": "u", "item": "i", "time": 2**63}]}, 422,
         "invalid_request"),
        ("/v1/items", {"items": [{"id": "new"}]}, 422, "invalid_request"),
        ("/v1/nothing", {}, 404, "not_found"),
        ("/healthz", {}, 405, "method_not_allowed"),
        ("/v1/artifact", {}, 405, "method_not_allowed"),
    ],
)  # fmt: skip
def test_all_wrong_requests_get_errors_of_the_same_shape(lasting, path, body, status, kind):
    answer = lasting().post(path, json=body)
    assert answer.status_code == status, answer.text
    assert kind_of(answer) == kind


@pytest.mark.parametrize("page", [True, False])
@pytest.mark.parametrize(
    "path",
    ["/healthz", "/readyz", "/metrics", "/openapi.json", "/v1/artifact", "/v1/nothing", "/x"],
)
def test_head_is_answered_as_get_without_the_body(serve, page, path, caplog):
    client = serve(page=page)
    caplog.set_level("INFO", logger="prismrec.service")
    get, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    for name in ("content-type", "cache-control", "allow", "content-security-policy"):
        assert head.headers.get(name) == get.headers.get(name)
    if path != "/metrics":  # it differs each time
        assert head.headers["content-length"] == get.headers["content-length"]
    asked = [one.fields for one in caplog.records if one.message == "request"]
    assert [one["method"] for one in asked] == ["GET", "HEAD"]
    assert asked[0]["route"] == asked[1]["route"]


@pytest.mark.parametrize("page", [True, False])
@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/v1/recommend", "POST"),
        ("/v1/artifact", "GET, HEAD"),
        ("/v1/items", "GET, HEAD, POST"),
        ("/healthz", "GET, HEAD"),
        ("/openapi.json", "GET, HEAD"),
    ],
)
def test_allow_has_the_methods_of_the_path(serve, page, path, allow):
    client = serve(page=page)
    for method in ("TRACE", "PROPFIND", "OPTIONS", "PUT"):
        answer = client.request(method, path)
        assert (answer.status_code, kind_of(answer)) == (405, "method_not_allowed"), method
        assert answer.headers["allow"] == allow
    assert client.request("TRACE", "/v1/nothing").status_code == 404


def test_a_number_may_be_sent_as_text(lasting, history):
    for asked in (
        {"k": 6, "offset": 1, "diversity": 0.1},
        {"diversity_target": 0.5},
        {"max_relevance_loss": 0.2},
    ):
        as_text = {name: str(value) for name, value in asked.items()}
        expected = post(lasting(), "/v1/recommend", history=history, **asked)
        assert post(lasting(), "/v1/recommend", history=history, **as_text) == expected


NOW = 1_700_000_000


@pytest.mark.parametrize(
    ("time", "unit"),
    [
        (NOW, "in seconds"),
        (-NOW, "in seconds"),
        (str(NOW), "in seconds"),
        (NOW * 10**3, "in milliseconds"),
        (NOW * 10**9, "in nanoseconds"),
        (2**63 - 1, "in nanoseconds"),
        (-(2**63), "in nanoseconds"),
    ],
)
def test_the_error_for_a_time_names_its_unit(lasting, time, unit):
    sent = {"events": [{"user": "u", "item": "i", "time": time}]}
    answer = lasting().post("/v1/events", json=sent)
    assert (answer.status_code, kind_of(answer)) == (422, "invalid_request")
    assert f"{unit} by its size; send microseconds" in answer.text


@pytest.mark.parametrize(
    ("time", "message"),
    [
        ("2026-02-30T12:00:00Z", "not a date and time of ISO 8601 that exists"),
        ("2026-01-31T25:00:00Z", "not a date and time of ISO 8601 that exists"),
        ("20260230T120000Z", "not a date and time of ISO 8601 that exists"),
        ("2026-01-31", "no offset from UTC"),
        ("9999-12-31T23:59:59Z", "hours in the future"),
        ("soon", "valid integer"),
    ],
)
def test_the_error_for_a_date_is_true(lasting, time, message):
    answer = lasting().post(
        "/v1/events", json={"events": [{"user": "u", "item": "i", "time": time}]}
    )
    assert (answer.status_code, kind_of(answer)) == (422, "invalid_request")
    assert message in answer.text


@pytest.mark.parametrize("time", ["1970-01-01T00:20:00Z", "1600-01-01T00:00:00+01:00"])
def test_a_date_has_no_unit_to_guess(client, time):
    assert post(client, "/v1/events", events=[event("ann", "x", time=time)])["stored"] == 1


def test_microseconds_and_small_numbers_are_valid_times(client):
    times = [0, 5, -5, 10**8 - 1, NOW * 10**6, -NOW * 10**6, str(NOW * 10**6)]
    post(client, "/v1/events", events=[event("ann", "x", time=time) for time in times])
    found = client.get("/v1/users/ann/history").json()["events"]
    assert [e["time"] for e in found] == sorted(int(time) for time in times)


@pytest.mark.parametrize("size", [10**n + d for n in range(7, 19) for d in (-1, 0)])
def test_the_service_and_the_log_reader_guess_the_same_unit(size):
    found = pl.select(times.classify(pl.lit(size), pl.Int64())).item()
    short = {"seconds": "s", "milliseconds": "ms", "nanoseconds": "ns"}
    units = [short[unit] for unit, low, past in OTHER_UNITS if low <= size < past]
    assert units == ([] if found in ("us", times.SMALL) else [found])


def test_every_id_has_a_maximum_number_of_bytes(lasting):
    client, long = lasting(), "ü" * 600
    bodies = [
        ("/v1/recommend", {"user": long}),
        ("/v1/recommend", {"history": [long]}),
        ("/v1/events", {"events": [{"user": long, "item": "i"}]}),
        ("/v1/items/hide", {"items": [long]}),
    ]
    found = [client.post(path, json=body) for path, body in bodies]
    found.append(client.get(f"/v1/users/{urllib.parse.quote(long)}/history"))
    for answer in found:
        assert (answer.status_code, kind_of(answer)) == (422, "invalid_request")
        assert "an id has 1,200 bytes; send at most 1,000" in answer.text
    kept = client.post("/v1/recommend", json={"user": "ü" * 500})
    assert kept.status_code == 200, kept.text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"", 422),
        (b"\xff\xfe", 400),
        (b'{"history": [], "diversity": NaN}', 422),
        (b'{"history": [], "diversity": Infinity}', 422),
        (b'{"history": ["\\ud800"]}', 422),
        (b"[" * 100_000, 400),
        (b'{"history":' * 50_000, 400),
        (b'{"history": [], "k": 1e400}', 422),
    ],
)
def test_a_hostile_body_is_refused_and_the_service_continues(lasting, body, status):
    client = lasting()
    headers = {"content-type": "application/json"}
    answer = client.post("/v1/recommend", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    kind_of(answer)
    assert client.get("/healthz").status_code == 200
