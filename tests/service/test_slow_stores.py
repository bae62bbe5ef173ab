"""Test a store that hangs, or is not there at the start: what needs no store goes on."""

import contextlib
import threading
import time

import pytest

from prismrec.errors import StoreError
from prismrec.service.stores import Event, LateStore, MemoryStore
from prismrec.service.stores import late as late_stores
from service.clients import event, kind_of
from service.processes import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def hanging(serve, monkeypatch):
    """Return a client of a service whose store hangs until the test ends, and release it then."""
    client, gate = serve(timeout=0.3, queue=8), threading.Event()

    def hang(*_):
        gate.wait(20)
        return []

    for name in ("append", "recent_many", "recent_feedback", "recent", "forget", "ping"):
        monkeypatch.setattr(client.context.store, name, hang)
    yield client
    gate.set()


def abandon(client, count=12):
    """Send requests that need the store, from threads; more than there are threads and places."""
    path, body = "/v1/recommend", {"user": "ann"}
    threads = [
        threading.Thread(target=lambda: client.post(path, json=body), daemon=True)
        for _ in range(count)
    ]
    for thread in threads:
        thread.start()
    with contextlib.suppress(Exception):
        client.post("/v1/events", json={"events": [{"user": "ann", "item": "x"}]})
    return threads


def test_a_store_that_hangs_delays_nothing_that_needs_no_store(hanging, history):
    threads = abandon(hanging)
    item = history[0]
    calls = [
        ("POST", "/v1/recommend", {"history": history}),
        ("POST", "/v1/recommend/batch", {"requests": [{"history": history}] * 3}),
        ("GET", f"/v1/items/{item}/similar", None),
        ("GET", "/v1/artifact", None),
        ("GET", "/v1/items?search=1", None),
        ("GET", "/v1/examples", None),
        ("GET", "/v1/start?history=", None),
        ("POST", "/v1/items/hide", {"items": ["x"]}),
        ("GET", "/healthz", None),
    ]
    for _ in range(3):
        for method, path, body in calls:
            began = time.monotonic()
            answer = hanging.request(method, path, json=body)
            assert answer.status_code == 200, (path, answer.text)
            assert time.monotonic() - began < 1
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/recommend", {"user": "ann"}),
        ("POST", "/v1/recommend/batch", {"requests": [{"user": "ann"}]}),
        ("GET", "/v1/users/ann/history", None),
        ("GET", "/v1/users/ann/interests", None),
        ("GET", "/v1/start?user=ann", None),
    ],
)
def test_a_request_that_needs_a_hanging_store_ends_in_time(hanging, method, path, body):
    for _ in range(7):  # more than the threads that read
        began = time.monotonic()
        answer = hanging.request(method, path, json=body)
        assert answer.status_code in (503, 504)
        assert time.monotonic() - began < 1


@pytest.mark.parametrize("path", ["/v1/recommend", "/v1/users/ann/history"])
def test_a_timeout_of_the_store_advises_to_try_again_later(hanging, path):
    method, body = ("POST", {"user": "ann"}) if path == "/v1/recommend" else ("GET", None)
    answer = hanging.request(method, path, json=body)
    assert (answer.status_code, answer.headers["retry-after"]) == (504, "1")
    assert "may be busy, so try again later" in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/recommend", "/v1/recommend/batch", "/v1/users/ann/history"])
def test_a_read_that_fails_after_its_caller_left_is_logged(serve, monkeypatch, caplog, path):
    client, gate = serve(timeout=0.1), threading.Event()

    def hang(*_):
        gate.wait(20)
        raise StoreError("The store of the test hangs.")

    for name in ("recent_feedback", "recent"):
        monkeypatch.setattr(client.context.store, name, hang)
    one = {"user": "ann"}
    body = {"requests": [one]} if path.endswith("batch") else one
    answer = client.get(path) if "users" in path else client.post(path, json=body)
    gate.set()
    assert answer.status_code == 504

    def reasons():
        return [vars(record).get("fields", {}).get("reason") for record in caplog.records]

    wait_until(lambda: "The store of the test hangs." in reasons())
    wait_until(lambda: not client.context.threads.pending)
    assert reasons().count("The store of the test hangs.") == 1


def test_readiness_asks_the_threads_and_the_store_that_answer(hanging, caplog):
    answer = hanging.get("/readyz")
    assert (answer.status_code, kind_of(answer)) == (503, "not_ready")
    assert answer.headers["retry-after"] == "1"
    parts = ("Reading the store", "Writing to the store")
    expected = {f"{part} took more than 0.3 seconds; try again." for part in parts}
    expected.add(answer.json()["error"]["message"])

    def reasons():
        return {vars(record).get("fields", {}).get("reason") for record in caplog.records}

    wait_until(lambda: expected <= reasons())


@pytest.mark.parametrize("pool", ["answers", "reads", "writes"])
def test_a_service_whose_threads_are_stuck_is_not_ready(serve, pool):
    client, gate = serve(timeout=0.3), threading.Event()
    threads = getattr(client.context.threads, pool)
    for _ in range(threads.threads):
        threads.pool.submit(gate.wait, 20)
    assert client.get("/readyz").status_code == 503
    gate.set()
    time.sleep(0.1)
    assert client.get("/readyz").status_code == 200


def test_an_index_that_hangs_delays_nothing_that_needs_no_index(serve, history):
    client, gate = serve(timeout=0.5), threading.Event()
    kinds = client.context.threads
    for pool in (kinds.answers, kinds.batches, kinds.reads, kinds.reports):  # all make lists
        for _ in range(pool.threads):
            pool.submit(gate.wait, 20)
    assert client.get(f"/v1/items/{history[0]}/similar").status_code == 504
    for method, path, body in (
        ("GET", f"/v1/items?id={history[0]}", None),
        ("GET", "/v1/items?search=1", None),
        ("GET", "/v1/map", None),
        ("GET", "/v1/artifact", None),
        ("POST", "/v1/events", {"events": [event("ann", "x")]}),
        ("GET", "/healthz", None),
    ):
        answer = client.request(method, path, json=body)
        assert answer.status_code == 200, (path, answer.text)
    gate.set()


def test_many_callers_share_one_check_of_readiness(client, monkeypatch):
    pings, ping = [], client.context.store.ping

    def slowly():
        pings.append(1)
        time.sleep(0.1)
        ping()

    monkeypatch.setattr(client.context.store, "ping", slowly)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(client.get("/readyz").status_code))
        for _ in range(30)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200] * 30
    assert len(pings) < 10  # two per check


def test_a_store_that_is_down_at_the_start_is_opened_later(monkeypatch):
    monkeypatch.setattr(late_stores, "RETRY", 0.05)
    down = [True]

    def opening():
        if down:
            raise StoreError("down")
        return MemoryStore()

    store = LateStore(opening, "memory")
    calls = [
        store.ping,
        lambda: store.append([Event("ann", "tea", 1, "e")]),
        lambda: store.recent("ann", 1),
        lambda: store.forget("ann"),
        lambda: store.promise,
    ]
    for call in calls:
        with pytest.raises(StoreError, match="open"):
            call()
    down.clear()
    time.sleep(0.06)
    for call in calls:
        call()
    assert store.append([Event("ann", "tea", 1, "e")]) == 1
    store.close()


@pytest.mark.parametrize(
    "store", ["redis://127.0.0.1:1", "postgresql://127.0.0.1:1/x", "sqlite:////absent/events.db"]
)
def test_a_service_starts_without_its_store_and_is_not_ready(serving, history, store):
    process = serving(store=store, ready=503)
    assert process.client.get("/healthz").status_code == 200
    assert process.post("/v1/recommend", history=history)["items"]
    answer = process.client.post("/v1/events", json={"events": [event("ann", "x")]})
    assert answer.status_code == 503
    assert "store not opened" in process.log.read_text()


@pytest.mark.parametrize("path", ["/v1/examples", "/v1/health-report", "/v1/start"])
def test_slow_reports_delay_neither_events_nor_lists(serve, history, monkeypatch, path):
    client, gate = serve(timeout=5), threading.Event()

    def hang(*_):
        gate.wait(20)
        raise StoreError("over")

    for name in ("examples", "example", "health_report"):
        monkeypatch.setattr(client.context.insight, name, hang)
    readers = [threading.Thread(target=lambda: client.get(path), daemon=True) for _ in range(80)]
    for reader in readers:
        reader.start()
    time.sleep(0.3)
    for method, other, body in (
        ("POST", "/v1/events", {"events": [event("ann", "x")]}),
        ("POST", "/v1/recommend", {"user": "ann", "history": history}),
        ("GET", "/readyz", None),
    ):
        began = time.monotonic()
        assert client.request(method, other, json=body).status_code == 200
        assert time.monotonic() - began < 1
    gate.set()
    for reader in readers:
        reader.join()
