"""Test ids in paths, the times of events, and the erasure and merging of events over HTTP."""

import time

import pytest

from prismrec.service import users
from prismrec.service.schemas import EventIn
from prismrec.service.stores import MemoryStore
from service.clients import event, kind_of, post

pytestmark = pytest.mark.slow

UNUSUAL = ["a\nb", "a\n", "\n", "a/b", "/", "a//b", "a%2Fb", "%", "%0A", "a?b=1&c", "#", " "]
UNUSUAL += ["a\tb", "\x01", "\x7f", ".", "..", "a+b", "日本語", "e\u0301", "history", "u/history"]


def path_of(user, rest=""):
    name = "".join(f"%{byte:02X}" for byte in user.encode())
    return f"/v1/users/{name}{rest}"


@pytest.mark.parametrize("name", UNUSUAL)
def test_every_accepted_id_can_be_read_and_erased(client, name):
    post(client, "/v1/events", events=[event(name, "x", id=name), event(name, "y")])
    assert len(client.get(path_of(name, "/history")).json()["events"]) == 2
    assert client.get(path_of(name, "/interests")).json()["user"] == name
    one = client.delete(path_of(name, "/events/") + path_of(name).removeprefix("/v1/users/"))
    assert (one.status_code, one.json()) == (200, {"forgotten": 1})
    assert client.delete(path_of(name)).json() == {"forgotten": 1}
    assert client.get(path_of(name, "/history")).json()["events"] == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("DELETE", "/v1/users/u/history", 405),
        ("DELETE", "/v1/users/u/events", 404),
        ("DELETE", "/v1/users/u/events/absent", 404),
        ("DELETE", "/v1/users/u/events/e/x", 404),
        ("DELETE", "/v1/users/u/", 404),
        ("DELETE", "/v1/users/", 404),
        ("DELETE", "/v1/users", 404),
        ("GET", "/v1/users/u", 405),
        ("GET", "/v1/users/u/history%0A", 404),
    ],
)
def test_an_unknown_address_erases_nothing(client, method, path, status):
    post(client, "/v1/events", events=[event("u", "x"), event("u/history", "x")])
    answer = client.request(method, path)
    assert answer.status_code == status, answer.text
    for user in ("u", "u/history"):
        assert len(client.get(path_of(user, "/history")).json()["events"]) == 1


def test_an_anonymous_history_is_merged_into_a_user(client):
    post(client, "/v1/events", events=[event("ann", "a"), event("guest/1", "b"), event("ann", "c")])
    assert post(client, "/v1/users/ann/merge", anonymous="guest/1") == {"merged": 1}
    assert post(client, "/v1/users/ann/merge", anonymous="guest/1") == {"merged": 0}
    stored = client.get("/v1/users/ann/history").json()["events"]
    assert [one["item"] for one in stored] == ["a", "b", "c"]
    assert client.get(path_of("guest/1", "/history")).json()["events"] == []


@pytest.mark.parametrize("days", [2, 365, 27_000])
@pytest.mark.parametrize("as_text", [False, True])
def test_a_time_in_the_future_is_refused_with_the_limit(client, days, as_text):
    moment = time.time() + 86_400 * days
    iso = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
    sent = [event("u", "x", time=iso if as_text else int(1e6 * moment))]
    answer = client.post("/v1/events", json={"events": sent})
    assert (answer.status_code, kind_of(answer)) == (422, "invalid_request")
    assert "more than 24 hours in the future" in answer.text
    soon = int(1e6 * (time.time() + 3_600))  # the clock of the sender may be ahead
    post(client, "/v1/events", events=[event("u", "x", time=soon)])


@pytest.mark.parametrize(
    ("sent", "microseconds"),
    [
        ("2023-11-14T22:13:20Z", 1_700_000_000_000_000),
        ("2023-11-14T22:13:20.5+00:00", 1_700_000_000_500_000),
        ("2023-11-14 23:13:20+01:00", 1_700_000_000_000_000),
        ("20231114T221320Z", 1_700_000_000_000_000),
        ("1969-12-31T23:59:59Z", -1_000_000),
        ("1700000000000000", 1_700_000_000_000_000),
    ],
)
def test_a_time_may_be_iso_8601(client, sent, microseconds):
    post(client, "/v1/events", events=[event("u", "x", time=sent)])
    assert client.get("/v1/users/u/history").json()["events"][0]["time"] == microseconds


@pytest.mark.parametrize("sent", ["2023-11-14T22:13:20", "2023-11-14", "2023-13-01T00:00Z", "now"])
def test_a_time_without_an_offset_or_meaning_is_refused(client, sent):
    answer = client.post("/v1/events", json={"events": [event("u", "x", time=sent)]})
    assert (answer.status_code, kind_of(answer)) == (422, "invalid_request")


@pytest.mark.parametrize("back", [1, 600_000_000, users.BACK - 10])
def test_the_order_of_arrival_survives_another_clock(back):
    store, now = MemoryStore(), 1_700_000_000_000_000
    for number, arrived in enumerate([now, now - back, now - back + 1, now + 5, now - back]):
        events = [EventIn(user="ann", item=f"{number}{part}") for part in "ab"]
        users.store_events(store, events, arrived)  # each time another process
    stored = [one.item for one in store.recent("ann", 99)]
    assert stored == sorted(stored)


def test_a_clock_that_was_wrong_by_hours_is_corrected():
    store, now = MemoryStore(), 1_700_000_000_000_000
    for arrived in (now, now - 2 * users.BACK):
        users.store_events(store, [EventIn(user="ann", item=str(arrived))], arrived)
    assert [one.time for one in store.recent("ann", 9)] == [now - 2 * users.BACK, now]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "a.b"]
)
def test_a_service_without_keys_answers_no_foreign_host(lasting, host):
    for path in ("/v1/artifact", "/metrics", "/openapi.json"):
        answer = lasting().get(path, headers={"Host": host})
        assert (answer.status_code, kind_of(answer)) == (403, "forbidden")
    keys = {"read": ("a-key-for-reading-1",)}
    headers = {"Host": host, "Authorization": "Bearer a-key-for-reading-1"}
    assert lasting(keys).get("/v1/artifact", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8000", "localhost:9", "[::1]:8000", "192.0.2.7", "prismrec",
             "LOCALHOST", "x.localhost"]
)  # fmt: skip
def test_a_service_without_keys_answers_addresses_and_local_names(lasting, host):
    assert lasting().get("/v1/artifact", headers={"Host": host}).status_code == 200


CHANGES = [
    ("POST", "/v1/admin/reload"), ("DELETE", "/v1/users/ann"), ("POST", "/v1/events"),
]  # fmt: skip
SHOP = "https://shop.example"


@pytest.mark.parametrize(("method", "path"), CHANGES)
@pytest.mark.parametrize(
    "sent",
    [
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:3000"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_without_keys_a_page_of_another_origin_changes_nothing(lasting, method, path, sent):
    answer = lasting().request(method, path, headers=sent)
    assert (answer.status_code, kind_of(answer)) == (403, "forbidden")
    assert "add the origin to cors, set keys, or let a proxy pass the Host header." in answer.text


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "https://proxy.example", "Sec-Fetch-Site": "same-origin"},
        {"Origin": SHOP, "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_tools_the_own_page_and_pages_of_cors_may_call_a_service_without_keys(serve, history, sent):
    client = serve(cors=f"https://other.example, {SHOP}")
    assert client.post("/v1/recommend", json={"history": history}, headers=sent).status_code == 200
    assert client.post("/v1/admin/reload", headers=sent).status_code == 200
    evil = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert client.post("/v1/admin/reload", headers=evil).status_code == 403


def test_a_list_needs_no_origin_since_a_proxy_may_change_the_host(serve, history):
    sent = {"Host": "prismrec", "Origin": "http://recs"}
    assert serve().post("/v1/recommend", json={"history": history}, headers=sent).status_code == 200


@pytest.mark.parametrize(
    ("host", "origin"), [("shop:80", "http://shop"), ("shop", "http://shop:80")]
)
def test_a_default_port_is_no_other_origin(lasting, host, origin):
    answer = lasting().post("/v1/admin/reload", headers={"Host": host, "Origin": origin})
    assert answer.status_code == 200
    other = {"Host": host, "Origin": "http://shop:8080"}
    assert lasting().post("/v1/admin/reload", headers=other).status_code == 403


def test_reading_needs_no_origin_and_neither_does_a_key(serve):
    evil = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    everywhere = serve(cors="*")
    assert everywhere.get("/v1/artifact", headers=evil).status_code == 200
    assert everywhere.post("/v1/admin/reload", headers=evil).status_code == 200
    named = evil | {"Authorization": "Bearer a-key-for-changes-1"}
    guarded = serve(keys={"admin": ("a-key-for-changes-1",)})
    assert guarded.post("/v1/admin/reload", headers=named).status_code == 200
