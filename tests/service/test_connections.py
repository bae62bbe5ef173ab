"""Test slow clients, endless requests and too many clients, on real connections."""

import json
import socket
import threading
import time

import pytest

from prismrec.service.lists import ListMaker
from service.clients import exchange, status_of

pytestmark = pytest.mark.slow  # the tests wait for timeouts


HEAD = b"POST /v1/recommend HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
LAST = b"Connection: close\r\n"


def ask(address, path="/v1/recommend", **body):
    content = json.dumps(body).encode()
    length = f"Content-Length: {len(content)}\r\n\r\n".encode()
    return exchange(
        address, HEAD.replace(b"/v1/recommend", path.encode()) + LAST + length + content
    )


def test_a_body_that_arrives_too_slowly_is_refused(serve_connections):
    address = serve_connections()
    answer = exchange(address, HEAD + b"Content-Length: 100\r\n\r\n", b"{", b'"k"', pause=0.05)
    assert status_of(answer) == 408
    assert "timed_out_reading" in answer


@pytest.mark.parametrize("head", [b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nHost: x\r\n"])
def test_a_connection_with_an_incomplete_head_is_closed(serve_connections, head):
    began = time.monotonic()
    assert exchange(serve_connections(), head) == ""
    assert time.monotonic() - began < 5


def test_a_connection_with_an_incomplete_second_head_is_closed(serve_connections):
    answer = exchange(
        serve_connections(), b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"GET", pause=0.1
    )
    assert status_of(answer) == 200


def test_a_very_long_head_is_refused(serve_connections):
    lines = [b"X-%d: %s\r\n" % (number, b"a" * 1_000) for number in range(200)]
    answer = exchange(
        serve_connections(), b"GET /healthz HTTP/1.1\r\nHost: x\r\n", *lines, pause=0.001
    )
    assert answer == "closed" or status_of(answer) == 400
    long = exchange(serve_connections(), b"GET /" + b"a" * 200_000)
    assert long == "closed" or status_of(long) == 400


def test_silent_connections_do_not_block_other_clients(serve_connections):
    address = serve_connections()
    silent = [socket.create_connection(address) for _ in range(200)]
    assert status_of(ask(address, history=[])) == 200
    for connection in silent:
        connection.settimeout(5)
        assert connection.recv(1) == b""
        connection.close()


def test_a_client_that_waits_for_a_slow_answer_is_not_disconnected(serve_connections, monkeypatch):
    def slowly(self, asked):
        time.sleep(0.6)  # longer than the time limit for a head
        return [{"late": True}] * len(asked)

    monkeypatch.setattr(ListMaker, "answer_each", slowly)
    answer = ask(serve_connections(), history=[])
    assert status_of(answer) == 200
    assert '{"late":true}' in answer


@pytest.fixture
def gate(monkeypatch):
    """Return a threading event; no list is computed until a test sets it."""
    gate = threading.Event()

    def held(self, asked):
        gate.wait(10)
        return [{}] * len(asked)

    monkeypatch.setattr(ListMaker, "answer_each", held)
    yield gate
    gate.set()


@pytest.mark.parametrize(
    ("path", "body", "taken"),
    [
        ("/v1/recommend", {"history": []}, 4),  # one computes; a thread and two wait
        ("/v1/recommend/batch", {"requests": [{"history": []}]}, 3),  # one computes, two wait
    ],
)
def test_requests_above_the_queue_limit_get_retry_after(serve_connections, gate, path, body, taken):
    address, answers = serve_connections(queue=2), []
    clients = [
        threading.Thread(target=lambda: answers.append(ask(address, path, **body)))
        for _ in range(8)
    ]
    for client in clients:
        client.start()
        time.sleep(0.03)  # a thread that waits takes all requests that have arrived together
    while len(answers) < 8 - taken:
        time.sleep(0.01)
    assert {status_of(answer) for answer in answers} == {503}
    assert all("retry-after: 1" in answer and "overloaded" in answer for answer in answers)
    gate.set()
    for client in clients:
        client.join()
    assert sorted(map(status_of, answers)) == [200] * taken + [503] * (8 - taken)


def test_a_timed_out_request_does_not_affect_the_next_one(serve_connections, gate):
    address = serve_connections(timeout=0.2)
    answer = ask(address, history=[])
    assert status_of(answer) == 504
    assert "timed_out" in answer
    gate.set()
    assert status_of(ask(address, history=[])) == 200
