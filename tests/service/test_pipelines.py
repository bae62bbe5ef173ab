"""Test connections with several requests at once, and requests to upgrade to another protocol."""

import json
import socket
import time

import pytest

from prismrec.service.lists import ListMaker
from service.clients import exchange

pytestmark = pytest.mark.slow

BODY = b'{"history":[]}'
CHUNKED = b"3\r\n" + BODY[:3] + b"\r\n%x\r\n" % len(BODY[3:]) + BODY[3:] + b"\r\n0\r\n\r\n"
UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAA\r\n"
CLOSED = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
BAD = b"GARBAGE\r\n\r\n"


def head(*lines, path="/v1/recommend"):
    first = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" % path.encode()
    return first + b"".join(lines) + b"\r\n"


def of_length(*lines, body=BODY):
    return head(*lines, b"Content-Length: %d\r\n" % len(body)) + body


def answers(received):
    """Return the status and the decoded body of each answer."""
    found, rest = [], received
    while rest:
        lines, _, rest = rest.partition("\r\n\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines.split("\r\n")[1:])
        length = int(fields["content-length"])
        found.append((int(lines.split(" ", 2)[1]), json.loads(rest[:length])))
        rest = rest[length:]
    return found


def statuses(received):
    return [status for status, _ in answers(received)]


CHUNKS = head(UPGRADE, b"Transfer-Encoding: chunked\r\n")
GET = CLOSED.replace(b"Connection: close\r\n", UPGRADE)


@pytest.mark.parametrize(
    "parts",
    [
        [of_length(UPGRADE)],
        [of_length(UPGRADE)[: -len(BODY)], BODY[:5], BODY[5:]],
        [of_length(UPGRADE)[:50], of_length(UPGRADE)[50:120], of_length(UPGRADE)[120:]],
        [CHUNKS + CHUNKED],
        [CHUNKS, CHUNKED[:6], CHUNKED[6:]],
        [GET],
        [GET.replace(b"h2c", b"websocket")],
    ],
)
def test_a_request_to_upgrade_is_answered_as_any_other(serve_connections, caplog, parts):
    address = serve_connections()
    caplog.clear()  # of the start
    received = exchange(address, *parts, CLOSED, pause=0.02)
    assert statuses(received) == [200, 200], received
    assert not [one for one in caplog.records if one.levelname == "WARNING"]


def test_requests_to_upgrade_may_follow_each_other(serve_connections):
    address = serve_connections()
    together = GET + of_length(UPGRADE) + CHUNKS + CHUNKED + GET
    assert statuses(exchange(address, together + CLOSED)) == [200] * 5
    last = of_length(UPGRADE.replace(b"Upgrade, ", b"Upgrade, close, "))
    assert statuses(exchange(address, together + last)) == [200] * 5
    settled = exchange(
        address, head(b"Upgrade: h2c\r\n", b"Connection: upgrade\r\n") + b"X" * 70_000
    )
    assert statuses(settled)[-1] == 400, "limits hold"


def test_a_tunnel_is_refused(serve_connections):
    received = exchange(serve_connections(), b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n" + CLOSED)
    assert statuses(received) == [400]


@pytest.fixture
def slow(monkeypatch):
    """Delay the answers of lists, so that a bad request is read before them."""

    def late(self, asked):
        time.sleep(0.05)
        return [{"late": True}] * len(asked)

    monkeypatch.setattr(ListMaker, "answer_each", late)


BROKEN = head(b"Transfer-Encoding: chunked\r\n") + b"X\r\n"


@pytest.mark.parametrize("bad", [BAD, BROKEN, b"GET /" + b"a" * 100_000, BAD + of_length() * 3])
@pytest.mark.parametrize("good", [0, 1, 2])
def test_a_bad_request_does_not_take_the_answers_of_earlier_ones(
    serve_connections, slow, bad, good
):
    parts = [of_length() * good, bad] if len(bad) > 65_536 else [of_length() * good + bad]
    received = answers(exchange(serve_connections(), *parts, pause=0.01))
    assert received[:-1] == [(200, {"late": True})] * good
    status, body = received[-1]
    assert (status, body["error"]["kind"]) == (400, "malformed")


def test_what_follows_the_last_request_of_a_connection_is_not_answered(serve_connections, slow):
    received = exchange(serve_connections(), of_length(b"Connection: close\r\n") + BAD)
    assert statuses(received) == [200]


def test_a_client_that_reads_no_answers_is_not_read_without_a_limit(serve_connections):
    with socket.create_connection(serve_connections(), timeout=2) as connection:
        with pytest.raises(TimeoutError):  # of 11 MB the system buffers a few
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 400_000)
        assert b"HTTP/1.1 " in connection.recv(65_536)
