"""Test keys, exposed information, and limits of requests."""

import json
import logging
import subprocess
import sys

import pytest

from prismrec.errors import ConfigError
from prismrec.service import rate_limit
from prismrec.service.errors import ApiError
from prismrec.service.logging import JsonLines
from prismrec.service.rate_limit import RateLimit
from prismrec.service.settings import Keys, Settings, check_exposure
from service.clients import kind_of

pytestmark = pytest.mark.slow

LOGGING = """
import asyncio, logging, threading, warnings
from prismrec.service.logging import log_as_json

async def fail():
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)
    await asyncio.sleep(0.01)

log_as_json()
logging.getLogger("psycopg.pool").warning("the pool has no connection")
logging.getLogger("psycopg.pool").info("left out")
logging.getLogger("prismrec.service").info("started")
warnings.warn("deprecated")
asyncio.run(fail())

class Stuck:
    def __del__(self):
        raise OSError("still used")

def fail_in_thread():
    Stuck()
    raise ValueError("too small")

for target in (exit, fail_in_thread):
    thread = threading.Thread(target=target, name="poll")
    thread.start()
    thread.join()
"""
WORKER = """
import uvicorn
from uvicorn.supervisors.multiprocess import Process
from prismrec.service.server import Worker

def fail(*_):
    raise RuntimeError("no such part")

Process.target = fail
Worker(uvicorn.Config("app", workers=2), []).target()
"""
READ, WRITE, ADMIN = "read-key-of-some-length", "write-key-of-some-length", "admin-key-of-some-len"
KEYS = {"read": (READ, "another-read-key-here"), "write": (WRITE,), "admin": (ADMIN,)}
READS = [
    ("POST", "/v1/recommend", {"history": []}),
    ("POST", "/v1/recommend/batch", {"requests": [{"history": []}]}),
    ("GET", "/v1/users/u/history", None),
    ("GET", "/v1/users/u/interests", None),
    ("GET", "/v1/examples", None),
    ("GET", "/v1/start", None),
    ("GET", "/v1/items", None),
    ("GET", "/v1/items/x/similar", None),
    ("GET", "/v1/artifact", None),
    ("GET", "/v1/map", None),
    ("GET", "/v1/health-report", None),
    ("GET", "/metrics", None),
    ("GET", "/openapi.json", None),
]
WRITES = [
    ("POST", "/v1/events", {"events": [{"id": "e", "user": "u", "item": "i"}]}),
    ("POST", "/v1/items", {"items": [{"id": "n"}]}),
    ("PATCH", "/v1/items/attributes", {"items": [{"id": "n", "attributes": {"a": 1}}]}),
    ("POST", "/v1/items/hide", {"items": ["n"]}),
    ("POST", "/v1/items/unhide", {"items": ["n"]}),
    ("DELETE", "/v1/users/u", None),
    ("DELETE", "/v1/users/u/events/e", None),
    ("POST", "/v1/users/u/merge", {"anonymous": "v"}),
]
ADMINS = [("POST", "/v1/admin/reload", None)]


def ask(client, route, key=None):
    method, path, body = route
    headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
    return client.request(method, path, json=body, headers=headers)


@pytest.fixture
def guarded(lasting):
    return lasting(KEYS)


def test_the_lists_of_routes_in_this_file_are_complete(guarded):
    declared = ask(guarded, ("GET", "/openapi.json", None), READ).json()["paths"]
    documented = {(method.upper(), path) for path, found in declared.items() for method in found}
    named = {
        "/users/u": "/users/{user}",
        "/items/x/": "/items/{item}/",
        "/events/e": "/events/{event}",
    }
    listed = set()
    for method, path, _ in [*READS, *WRITES, *ADMINS]:
        route = path
        for value, name in named.items():
            route = route.replace(value, name)
        listed.add((method, route))
    assert documented - listed == {("GET", "/healthz"), ("GET", "/readyz")}


@pytest.mark.parametrize("route", [*READS, *WRITES, *ADMINS], ids=lambda r: f"{r[0]} {r[1]}")
def test_without_a_key_only_the_health_routes_answer(guarded, route):
    for key in (None, "", "wrong", READ[:-1], READ + "x", READ.upper(), "ключ"):
        headers = {} if key is None else {"Authorization": f"Bearer {key}".encode()}
        answer = guarded.request(route[0], route[1], json=route[2], headers=headers)
        assert answer.status_code == 401, (key, answer.text)
        assert answer.headers["www-authenticate"] == "Bearer"
    basic = guarded.request(route[0], route[1], headers={"Authorization": f"Basic {READ}"})
    assert basic.status_code == 401


def test_health_answers_without_a_key_and_the_page_does_not(guarded):
    assert guarded.get("/healthz").status_code == 200
    assert guarded.get("/readyz").status_code == 200
    assert guarded.get("/").status_code == 404


def test_only_a_published_page_answers_without_a_key(serve):
    client = serve(keys=KEYS, page=True)
    assert client.get("/").status_code == 200
    for path in ("/v1/artifact", "/openapi.json", "/metrics"):
        assert client.get(path).status_code == 401


@pytest.mark.parametrize("route", WRITES, ids=lambda r: r[1])
def test_a_read_key_cannot_write(guarded, route):
    assert ask(guarded, route, READ).status_code == 403
    assert ask(guarded, route, WRITE).status_code in (200, 404, 422)


@pytest.mark.parametrize("route", ADMINS, ids=lambda r: r[1])
def test_a_write_key_cannot_reload(guarded, route):
    for key in (READ, WRITE):
        assert ask(guarded, route, key).status_code == 403
    assert ask(guarded, route, ADMIN).status_code == 200


@pytest.mark.parametrize("route", READS, ids=lambda r: r[1])
def test_every_key_can_read(guarded, route):
    for key in (READ, "another-read-key-here", WRITE, ADMIN):
        assert ask(guarded, route, key).status_code in (200, 404)


def test_a_public_address_needs_keys():
    for host in ("0.0.0.0", "192.168.1.5", "::", "example.org"):  # noqa: S104
        with pytest.raises(ConfigError, match="there is no key"):
            check_exposure(Settings(host=host), Keys())
        check_exposure(Settings(host=host), Keys(KEYS))
    for host in ("127.0.0.1", "::1", "localhost", "127.8.8.8"):
        check_exposure(Settings(host=host), Keys())


def test_keys_come_from_the_environment_and_are_never_shown():
    keys = Keys.from_environment({"PRISMREC_READ_KEYS": f"{READ}, second-read-key-abcdef ,"})
    assert keys.by_scope == {"read": (READ, "second-read-key-abcdef")}
    assert READ not in repr(keys)
    with pytest.raises(ConfigError, match="PRISMREC_ADMIN_KEYS") as refused:
        Keys.from_environment({"PRISMREC_ADMIN_KEYS": "hunter2"})
    assert "hunter2" not in str(refused.value)


def test_every_answer_carries_the_security_headers(client):
    for path in ("/healthz", "/v1/nothing", "/v1/artifact"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["x-frame-options"] == "DENY"
        assert "access-control-allow-origin" not in headers


def test_other_origins_may_call_only_if_the_setting_allows_it(serve):
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    closed = serve().options("/v1/recommend", headers=asked)
    assert "access-control-allow-origin" not in closed.headers
    shop = serve(cors="https://shop.example")
    assert shop.options("/v1/recommend", headers=asked).headers[
        "access-control-allow-origin"
    ] == "https://shop.example"  # fmt: skip
    other = shop.options("/v1/recommend", headers=asked | {"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers


def test_pages_of_other_origins_may_send_and_read_the_id_of_a_request(serve):
    shop, page = serve(cors="https://shop.example"), {"Origin": "https://shop.example"}
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type, x-request-id",
    }
    assert shop.options("/v1/recommend", headers=page | asked).status_code == 200
    answer = shop.get("/v1/artifact", headers=page | {"X-Request-Id": "mine"})
    assert answer.headers["x-request-id"] == "mine"
    assert answer.headers["access-control-expose-headers"] == "Retry-After, X-Request-Id"


@pytest.mark.parametrize(
    "wrong",
    [
        {"Origin": "https://evil.example"},
        {"Access-Control-Request-Method": "PUT"},
        {"Access-Control-Request-Headers": "X-Other"},
    ],
)
def test_a_refused_preflight_has_the_shape_of_all_errors(serve, wrong):
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    answer = serve(cors="https://shop.example").options("/v1/recommend", headers=asked | wrong)
    assert (answer.status_code, kind_of(answer)) == (403, "forbidden")
    assert answer.headers["access-control-allow-methods"] == "GET, HEAD, POST, PATCH, DELETE"
    assert "Origin" in answer.headers["vary"]


def test_a_too_large_body_is_refused_with_or_without_content_length(serve):
    client = serve(body=2_000)
    declared = client.post("/v1/recommend", content=b"x" * 2_001)
    assert declared.status_code == 413
    as_json = {"Content-Type": "application/json"}
    streamed = client.post("/v1/recommend", content=iter([b"x" * 900] * 3), headers=as_json)
    assert streamed.status_code == 413


def test_the_rate_limit_is_per_caller_and_recovers():
    clock = [0.0]
    rates = RateLimit(2.0, now=lambda: clock[0])
    allowed = [passes(rates, "a") for _ in range(6)]
    assert allowed == [True] * 4 + [False] * 2
    assert passes(rates, "b")
    clock[0] = 1.0
    assert [passes(rates, "a") for _ in range(3)] == [True, True, False]
    assert all(passes(RateLimit(0.0), "a") for _ in range(100))


def test_the_rates_of_the_callers_that_asked_last_are_kept(monkeypatch):
    monkeypatch.setattr(rate_limit, "CALLERS", 2)
    rates = RateLimit(2.0, now=lambda: 0.0)
    for caller in ("a", "b", "c"):
        assert [passes(rates, caller) for _ in range(5)] == [True] * 4 + [False]
    assert not passes(rates, "b")
    assert not passes(rates, "c")
    assert passes(rates, "a"), "it is forgotten"


def passes(rates, caller):
    try:
        rates.check(caller)
    except ApiError:
        return False
    return True


def test_too_many_requests_get_retry_after(serve):
    client = serve(rate=1.0)
    answers = [client.get("/v1/artifact") for _ in range(4)]
    assert [answer.status_code for answer in answers[:2]] == [200, 200]
    assert answers[-1].status_code == 429
    assert answers[-1].headers["retry-after"] == "1"


def test_the_log_contains_requests_but_no_users_keys_or_histories(serve, caplog):
    client = serve(keys=KEYS)
    with caplog.at_level(logging.INFO, logger="prismrec.service"):
        caplog.clear()  # of the start
        headers = {"Authorization": f"Bearer {READ}", "X-Request-Id": "mine-1"}
        client.post("/v1/recommend", json={"history": ["secret-item"]}, headers=headers)
        client.get("/v1/users/secret-user/history", headers=headers)
        client.get("/v1/users/secret-user/history", headers={"X-Request-Id": 'x"\\n{'})
    lines = [JsonLines().format(record) for record in caplog.records if record.name ==
             "prismrec.service"]  # fmt: skip
    assert len(lines) == 3
    assert not [line for line in lines if "secret" in line or READ in line]
    assert '"request_id": "mine-1"' in lines[0]
    assert '"route": "/v1/users/{user:id}/history"' in lines[1]
    assert "mine" not in lines[2]


def test_libraries_log_one_json_object_per_line_too():
    done = subprocess.run(
        [sys.executable, "-c", LOGGING], capture_output=True, check=True, text=True
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    levels = ["warning", "info", "warning", "error", "error", "error"]
    assert [line["level"] for line in lines] == levels
    assert [line["message"] for line in lines[:2]] == ["the pool has no connection", "started"]
    assert "deprecated" in lines[2]["message"]
    assert "ZeroDivisionError" in lines[3]["exception"]
    assert lines[4]["exception"].endswith("OSError: still used")
    assert (lines[5]["message"], lines[5]["thread"]) == ("a thread failed", "poll")
    assert lines[5]["exception"].endswith("ValueError: too small")


@pytest.mark.parametrize(
    "cors",
    ["shop.example", "https://shop.example/", "https://Shop.example", "https://a.b c", "a b"],
)
def test_what_is_no_web_origin_is_refused(cors):
    with pytest.raises(ConfigError, match="is not a web origin; set for example https://"):
        Settings(cors=cors)


def test_origins_and_hosts_are_separated_by_commas():
    found = Settings(cors=" https://a.example,, *", image_host="A.example ,")
    assert (found.origins, found.image_hosts) == (("https://a.example", "*"), ("a.example",))
    assert Settings(cors=",").origins == ()


@pytest.mark.parametrize(
    "cors", ["*", "https://a.b,", "https://a.b, http://localhost:3000", "http://[::1]:80", ""]
)
def test_web_origins_are_accepted(cors):
    assert Settings(cors=cors).cors == cors


@pytest.mark.parametrize("name", ["workers", "threads", "queue"])
def test_more_than_a_machine_can_use_is_refused(name):
    with pytest.raises(ConfigError, match=rf"{name} is 1000000, which is too many .* or less\."):
        Settings(**{name: 1_000_000})


def test_a_worker_that_fails_has_the_reason_in_its_log():
    done = subprocess.run(
        [sys.executable, "-c", WORKER], capture_output=True, check=False, text=True
    )
    (line,) = map(json.loads, done.stderr.splitlines())
    assert (done.returncode, line["message"]) == (1, "a worker failed")
    assert line["exception"].endswith("RuntimeError: no such part")
