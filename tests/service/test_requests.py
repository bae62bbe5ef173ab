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
@pytest.mark.slow
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
@pytest.mark.slow
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


@pytest.mark.parametrize(
    "fields",
    [
        {"k": " 10"}, {"k": "1_0"}, {"k": "１０"}, {"k": "+5"}, {"k": "05"}, {"k": "5\n"},
        {"diversity": "1_0.5"}, {"diversity": ".5"}, {"diversity": "1."},
        {"interests": {"weights": {"1_0": 1}}},
    ],
)  # fmt: skip
def test_a_number_as_text_is_written_as_in_json(lasting, history, fields):
    answer = lasting().post("/v1/recommend", json={"history": history, **fields})
    assert (answer.status_code, kind_of(answer)) == (422, "invalid_request")


@pytest.mark.slow
def test_a_number_of_a_query_is_written_as_in_json(lasting):
    client = lasting()
    addresses = [
        path.replace("{user}", "ann").replace("{item}", "3") + f"?{parameter['name']}="
        for path, route in client.get("/openapi.json").json()["paths"].items()
        for parameter in route.get("get", {}).get("parameters", [])
        if parameter["in"] == "query" and parameter["schema"].get("type") == "integer"
    ]
    assert len(addresses) == 7
    for address in addresses:
        for text in ("%203", "3%0A", "%2B3", "3.0", "3e0", "1_0", "03", "%D9%A3", "", "true"):
            answer = client.get(address + text)
            assert (answer.status_code, kind_of(answer)) == (422, "invalid_request"), address + text
        assert client.get(address + "3").status_code == 200


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("/v1/items?ids=3", "'ids', which this route does not have; send only search, id, limit"),
        ("/v1/start?usr=ann", "'usr', which this route does not have; send only user, history, "),
        ("/v1/users/a/history?N=1", "'N', which this route does not have; send only n"),
        ("/v1/items/3/similar?n=1", "'n', which this route does not have; send only k"),
        ("/v1/map?limt=3", "'limt', which this route does not have; send only limit, items"),
        ("/v1/artifact?x", "'x', which this route does not have; leave it out"),
        ("/v1/items?limit=1&limit=2", "'limit' more than once, but it is not a list; send it once"),
        ("/v1/start?user=a&user=b", "'user' more than once, but it is not a list; send it once"),
    ],
)
def test_a_parameter_that_would_be_ignored_is_refused(lasting, address, message):
    answer = lasting().get(address)
    assert (answer.status_code, kind_of(answer)) == (422, "invalid_request")
    assert f"The query has the parameter {message}" in answer.text


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("id=3&search=star", "id and search were sent; send one of them."),
        ("id=3&search=", "id and search were sent; send one of them."),
        ("id=3&id=4&limit=1", "limit is 1, but 2 ids were sent; leave limit out, or send fewer"),
    ],
)
def test_items_are_asked_for_by_id_or_by_title(lasting, query, message):
    answer = lasting().get(f"/v1/items?{query}")
    assert (answer.status_code, kind_of(answer)) == (422, "invalid_request")
    assert message in answer.text


def test_a_post_without_parameters_refuses_them_too(lasting):
    answer = lasting().post("/v1/recommend?k=5", json={"history": []})
    assert (answer.status_code, kind_of(answer)) == (422, "invalid_request")
    assert "the parameter 'k'" in answer.text


def test_a_query_is_checked_after_the_key(lasting):
    keys = {"read": ("a-key-for-reading-1",)}
    assert lasting(keys).get("/v1/items?ids=3").status_code == 401


def test_lists_may_be_repeated_and_load_balancers_may_add_parameters(lasting):
    client = lasting()
    lists = ("/v1/items?id=3&id=4&limit=40", "/v1/map?items=3&items=4&limit=1")
    of_start = ("/v1/start?history=3&history=4&removed=3&removed=4&appended=3&appended=4",)
    for address in (*lists, *of_start, "/healthz?x=1", "/readyz?x=1", "/metrics?x=1&x=2"):
        assert client.get(address).status_code == 200, address


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/recommend", b'{"history": ["3"], "history": ["4"]}'),
        ("/v1/recommend", b'{"history": [], "interests": {"weights": {"1": 0, "1": 2}}}'),
        ("/v1/recommend", b'{"history": [], "\\ud800": 1, "\\ud800": 2}'),
        ("/v1/events", b'{"events": [{"user": "a", "user": "b", "item": "i"}]}'),
    ],
)
def test_a_field_that_is_sent_twice_is_refused(lasting, path, body):
    answer = lasting().post(path, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, kind_of(answer)) == (422, "invalid_request")
    assert "more than once; send it once." in answer.text


def test_a_list_option_of_the_page_that_is_sent_twice_is_refused(lasting):
    answer = lasting().get("/v1/start", params={"options": '{"k": 5, "k": 6}'})
    assert (answer.status_code, kind_of(answer)) == (422, "invalid_request")
    assert "has the field 'k' more than once" in answer.text


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"history": ', "is not JSON; send one JSON object"),
        (b'{"history": ["\xe9"]}', "is not UTF-8; send JSON in UTF-8"),
        (b"[" * 100_000, "is nested too deeply"),
        (b'{"history": [], "k": ' + b"9" * 5_000 + b"}", "has a number of more than 4,300 digits"),
    ],
)
def test_the_error_for_an_unreadable_body_says_what_is_wrong(lasting, body, message):
    sent = {"content": body, "headers": {"content-type": "application/json"}}
    answer = lasting().post("/v1/recommend", **sent)
    assert (answer.status_code, kind_of(answer)) == (400, "malformed")
    assert f"The body {message}" in answer.text


def test_the_error_of_a_batch_names_the_request(lasting, history):
    good = {"history": history}
    for wrong, status in (
        ({"categories": ["no such"]}, 404),
        ({"comparison": True}, 422),
    ):
        alone = lasting().post("/v1/recommend", json={**good, **wrong})
        batch = {"requests": [good, {**good, **wrong}, good]}
        answer = lasting().post("/v1/recommend/batch", json=batch)
        assert (answer.status_code, alone.status_code) == (status, status)
        assert kind_of(answer) == kind_of(alone)
        message = alone.json()["error"]["message"]
        assert answer.json()["error"]["message"] == f"requests.1: {message}"


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
@pytest.mark.slow
def test_a_date_has_no_unit_to_guess(client, time):
    assert post(client, "/v1/events", events=[event("ann", "x", time=time)])["stored"] == 1


@pytest.mark.slow
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
