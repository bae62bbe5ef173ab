"""Test what a client without a key, or one that never ends its request, can cost the service."""

import contextlib
import gzip
import json
import socket
import time

import pytest

from prismrec.service import connection
from prismrec.service.lists import ListMaker
from service.clients import exchange, kind_of, status_of

pytestmark = pytest.mark.slow

KEYS = {"read": ("a-key-for-reading-1",)}
CHUNKED = (
    b"POST /v1/recommend HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Authorization: Bearer a-key-for-reading-1\r\nTransfer-Encoding: chunked\r\n\r\n"
)
BODY = b'e\r\n{"history":[]}\r\n0\r\n'
ENDLESS = {
    "trailers of a body": (CHUNKED + BODY, b"X-Trailer: %s\r\n" % (b"a" * 1_000)),
    "one long trailer": (CHUNKED + BODY + b"X-Trailer: ", b"a" * 1_000),
    "trailers of an empty body": (CHUNKED + b"0\r\n", b"X-Trailer: %s\r\n" % (b"a" * 1_000)),
    "trailers without a key": (
        CHUNKED.replace(b"reading-1", b"nothing") + BODY,
        b"X-Trailer: %s\r\n" % (b"a" * 1_000),
    ),
    "extension of a chunk": (CHUNKED + b"1;", b"a" * 1_000),
    "head of a second request": (
        CHUNKED + BODY + b"\r\nGET / HTTP/1.1\r\n",
        b"X-H: %s\r\n" % (b"a" * 1_000),
    ),
}


def sent_until_closed(address, begin, part, most=20_000_000):
    """Send ``part`` again and again; return the number of bytes until the service closes."""
    sent = 0
    with socket.create_connection(address, timeout=10) as client:
        client.sendall(begin)
        with contextlib.suppress(ConnectionError):
            while sent < most:
                sent += client.send(part * 16)
    return sent


@pytest.mark.parametrize("name", ENDLESS)
def test_a_request_that_never_ends_is_cut_off(serve_connections, monkeypatch, name):
    monkeypatch.setattr(connection, "HEAD_SECONDS", 5)
    sent = sent_until_closed(serve_connections(keys=KEYS), *ENDLESS[name])
    assert sent < 8_000_000, "the buffers of the sockets and the limit of a head"


@pytest.mark.parametrize("name", ["trailers of a body", "trailers without a key"])
def test_endless_trailers_need_no_memory(serving, name):
    process = serving(PRISMREC_READ_KEYS=KEYS["read"][0])
    address = ("127.0.0.1", process.port)
    sent_until_closed(address, *ENDLESS[name])
    before = process.memory()
    for _ in range(5):
        sent_until_closed(address, *ENDLESS[name])
    assert process.memory() - before < 5_000_000


def test_trailers_are_not_headers(serve_connections):
    sent = CHUNKED.replace(b"Authorization: Bearer a-key-for-reading-1\r\n", b"") + BODY
    trailer = b"Authorization: Bearer a-key-for-reading-1\r\n\r\n"
    answer = exchange(serve_connections(keys=KEYS), sent + trailer + b"GET")
    assert status_of(answer) == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/recommend"),
        ("POST", "/v1/events"),
        ("DELETE", "/v1/users/u"),
        ("PUT", "/v1/nothing"),
        ("POST", "/metrics"),
    ],
)
@pytest.mark.parametrize("length", [b"Content-Length: 900000", b"Transfer-Encoding: chunked"])
def test_a_key_is_checked_before_the_body_is_read(serve_connections, method, path, length):
    head = b"%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n" % (method.encode(), path.encode(), length)
    with socket.create_connection(serve_connections(keys=KEYS), timeout=3) as client:
        client.sendall(head)
        answer = client.recv(65_536).decode()  # although no body was sent
    assert status_of(answer) == 401
    assert "www-authenticate: Bearer" in answer


def test_a_client_that_sends_a_large_body_reads_its_refusal_and_may_go_on(serve_connections):
    body = b"x" * 900_000
    head = b"POST /v1/recommend HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    last = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = exchange(serve_connections(keys=KEYS), head + body + last)
    assert status_of(answer) == 401
    assert answer.count("HTTP/1.1") == 2
    assert "HTTP/1.1 200" in answer


@pytest.mark.parametrize("key", [b"nothing", b"reading-1"])
def test_a_large_body_that_nobody_reads_gets_little_of_the_time(
    serve_connections, monkeypatch, key
):
    monkeypatch.setattr(connection, "UNREAD_PAUSE", 0.2)
    monkeypatch.setattr(connection, "HEAD_SECONDS", 5)
    head = CHUNKED.replace(b"Transfer-Encoding: chunked", b"Content-Length: 1900000")
    address = serve_connections(keys=KEYS)  # at most 1,000,000 bytes: refused with any key
    with socket.create_connection(address, timeout=10) as client:
        began = time.monotonic()
        client.sendall(head.replace(b"reading-1", key))
        assert status_of(client.recv(65_536).decode()) in (401, 413)
        assert time.monotonic() - began < 0.2
        client.sendall(bytes(1_900_000) + b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert status_of(client.recv(65_536).decode()) == 200
        assert time.monotonic() - began > 0.8


@pytest.mark.parametrize(
    "body",
    [
        {"history": [1] * 300_000},
        {f"field{number}": 1 for number in range(60_000)},
        {"history": [{"a": 1}] * 100_000},
        {"history": [], "interests": {f"field{number}": 1 for number in range(60_000)}},
    ],
)
def test_a_large_wrong_body_is_refused_at_its_first_error(lasting, body):
    content = json.dumps(body).encode()
    assert len(content) > 800_000
    began = time.process_time()  # other processes may be busy
    answer = lasting().post(
        "/v1/recommend", content=content[:1_000_000], headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (400, 413, 422)
    assert len(answer.content) < 1_000
    assert time.process_time() - began < 0.5


def test_a_batch_of_wrong_requests_is_refused_at_its_first_error(lasting):
    began = time.process_time()
    answer = lasting().post(
        "/v1/recommend/batch", json={"requests": [{"history": [1] * 3_000}] * 100}
    )
    assert (answer.status_code, kind_of(answer)) == (422, "invalid_request")
    assert time.process_time() - began < 0.4


@pytest.mark.parametrize(
    "headers",
    [{}, {"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"},
     {"Content-Type": "jsonish"}],
)  # fmt: skip
def test_a_body_that_is_not_json_by_its_header_is_refused(lasting, headers):
    answer = lasting().post("/v1/recommend", content=b'{"history": []}', headers=headers)
    assert (answer.status_code, kind_of(answer)) == (415, "unsupported_media_type")
    for kind in ("application/json", "Application/JSON; charset=utf-8", "application/vnd.x+json"):
        sent = {"Content-Type": kind}
        assert lasting().post("/v1/recommend", content=b'{"history": []}', headers=sent).is_success


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/v1/artifact", "GET, HEAD"),
        ("GET", "/v1/recommend", "POST"),
        ("PUT", "/v1/items", "GET, HEAD, POST"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(lasting, method, path, allowed):
    answer = lasting().request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


def test_a_compressed_body_is_refused_by_the_name_of_its_coding(lasting):
    body = gzip.compress(b'{"history": []}')
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = lasting().post("/v1/recommend", content=body, headers=headers)
    assert (answer.status_code, kind_of(answer)) == (415, "unsupported_media_type")
    assert "Content-Encoding 'gzip'" in answer.text
    headers["Content-Encoding"] = "identity"
    plain = lasting().post("/v1/recommend", content=b'{"history": []}', headers=headers)
    assert plain.status_code == 200


def test_errors_of_the_protocol_have_the_shape_of_all_errors(serve_connections):
    address = serve_connections()
    for sent in (b"NONSENSE\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"GET /" + b"a" * 70_000):
        answer = exchange(address, sent)
        head, _, body = answer.partition("\r\n\r\n")
        assert status_of(answer) == 400
        error = json.loads(body)["error"]
        assert (error["kind"], error["status"]) == ("malformed", 400)
        assert f"x-request-id: {error['request_id']}" in head


def test_errors_of_the_protocol_are_in_the_log_and_in_the_metrics(serve_connections, caplog):
    caplog.set_level("INFO", logger="prismrec.service")
    address = serve_connections()
    ids = []
    for sent in (
        b"FOO / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 20_000,
    ):
        answer = exchange(address, sent)
        assert status_of(answer) == 400
        ids.append(json.loads(answer.partition("\r\n\r\n")[2])["error"]["request_id"])
    lines = [one.fields for one in caplog.records if one.message == "request"]
    assert [(line["request_id"], line["route"], line["status"]) for line in lines] == [
        (one, "none", 400) for one in ids
    ]
    asked = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    metrics = exchange(address, asked)
    assert 'prismrec_requests_total{route="none",status="400"} 2.0' in metrics


@pytest.mark.parametrize("length", [300, 10_000, 100_000])
def test_an_error_repeats_at_most_200_characters_of_a_request(lasting, length):
    answer = lasting().post("/v1/recommend", json={"history": [], "x" * length: 1})
    assert answer.status_code == 422
    assert len(answer.content) < 500


@pytest.mark.parametrize(
    "path",
    ["/v1/users/%ff/history", "/v1/users/%c3/interests", "/v1/items?search=%80",
     "/v1/items/%ed%a0%80/similar", "/v1/start?user=%ff"],
)  # fmt: skip
def test_an_address_that_is_not_utf8_names_nobody(serve_connections, path):
    head = b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path.encode()
    answer = exchange(serve_connections(), head)
    assert status_of(answer) == 400
    assert "not UTF-8" in answer


def test_work_that_nobody_waits_for_is_not_started(serve_connections, monkeypatch):
    computed = []

    def slowly(self, asked):
        computed.append(len(asked))
        time.sleep(0.3)
        return [{}] * len(asked)

    monkeypatch.setattr(ListMaker, "answer_each", slowly)
    address = serve_connections()
    body = b'{"history":[]}'
    head = CHUNKED.replace(b"Transfer-Encoding: chunked", b"Content-Length: %d" % len(body))
    for _ in range(6):
        with socket.create_connection(address) as client:
            client.sendall(head + body)
            time.sleep(0.05)  # then the client is gone
    time.sleep(1.5)
    assert sum(computed) < 4
