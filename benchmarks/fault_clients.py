"""Clients for ``faults.py``: those that are measured, and those that do harm.

Run as a script with a port, it sends large bodies without a key until it is stopped.
"""

import asyncio
import contextlib
import http.client
import json
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

Hang = Callable[[Any], AbstractContextManager[None]]
JSON = {"Content-Type": "application/json"}
LARGE = 900_000
"""Bytes of a large body."""


def timed(
    port: int, method: str, path: str, body: object = None, *, seconds: float,
    pause: float = 0.005, clients: int = 1, statuses: list[int] | None = None,
) -> list[float]:  # fmt: skip
    """Send the same request again and again on kept connections; return the seconds of each answer.

    Args:
        port: Port of the service.
        method: Method of the request.
        path: Path of the request.
        body: Body of the request, without JSON encoding.
        seconds: Time until the last request.
        pause: Seconds between an answer and the next request.
        clients: Number of connections.
        statuses: Gets the status of each answer. Without it, every status must be 200.
    """
    content = None if body is None else json.dumps(body).encode()
    took: list[float] = []
    found: list[int] = []
    end = time.monotonic() + seconds

    def send() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        with contextlib.closing(connection):
            while time.monotonic() < end:
                began = time.perf_counter()
                connection.request(method, path, content, JSON)
                answer = connection.getresponse()
                answer.read()
                took.append(time.perf_counter() - began)
                found.append(answer.status)
                time.sleep(pause)

    _together([threading.Thread(target=send) for _ in range(clients)])
    if statuses is None:
        assert set(found) == {200}, set(found)
    else:
        statuses += found
    return took


def _together(threads: Sequence[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@contextlib.contextmanager
def in_background(work: Callable[[], object], *, pause: float) -> Iterator[None]:
    """Call a function again and again in a thread, with a pause after each call."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(pause):
            work()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    yield
    over.set()
    thread.join()


@contextlib.contextmanager
def calling(port: int, requests: Iterable[tuple[str, object]]) -> Iterator[None]:
    """Send each request again and again from a thread of its own, whatever the answers are."""
    with contextlib.ExitStack() as stack:
        for path, body in requests:

            def call(path: str = path, content: bytes = json.dumps(body).encode()) -> None:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                with contextlib.closing(connection):
                    connection.request("POST", path, content, JSON)
                    connection.getresponse().read()

            stack.enter_context(in_background(call, pause=0.02))
        yield


@contextlib.contextmanager
def stopped(processes: Sequence[Any]) -> Iterator[None]:
    """Stop processes, and let them continue at the end."""
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)


def send_trailers(address: tuple[str, int], key: str, *, seconds: float, clients: int = 4) -> int:
    """Send trailers without an end on several connections, and return the bytes that were sent.

    A connection that the service closes is opened again.
    """
    head = (
        "POST /v1/recommend HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {key}\r\nTransfer-Encoding: chunked\r\n\r\n"
        'e\r\n{"history":[]}\r\n0\r\n'
    ).encode()
    part = b"X-Trailer: %s\r\n" % (b"a" * 1_000) * 16
    end, sent = time.monotonic() + seconds, [0] * clients

    def send(number: int) -> None:
        while time.monotonic() < end:
            with (
                contextlib.suppress(ConnectionError),
                socket.create_connection(address, timeout=10) as client,
            ):
                client.sendall(head)
                while time.monotonic() < end:
                    sent[number] += client.send(part)

    _together([threading.Thread(target=send, args=(number,)) for number in range(clients)])
    return sum(sent)


def abandon(port: int, batch: object, after: float) -> None:
    """Send a batch and close the connection after some seconds."""
    content = json.dumps(batch).encode()
    head = (
        "POST /v1/recommend/batch HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(head.encode() + content)
        time.sleep(after)


def post_all(port: int, path: str, contents: Sequence[bytes], *, clients: int = 8) -> None:
    """Post each body once, on several kept connections; every answer must be 200."""

    async def send(mine: Sequence[bytes]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for content in mine:
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.split(b" ", 2)[1] == b"200", answer
            length = answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
            await reader.readexactly(int(length))
        writer.close()

    async def together() -> None:
        await asyncio.gather(*(send(contents[first::clients]) for first in range(clients)))

    asyncio.run(together())


def flood(port: int, clients: int = 4) -> None:
    """Send large bodies without a key on several connections, without an end."""
    head = (
        "POST /v1/recommend HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Content-Length: {LARGE}\r\n\r\n"
    ).encode()
    body = json.dumps({"history": ["x"] * (LARGE // 5)}).encode()[:LARGE].ljust(LARGE)

    def send() -> None:
        while True:
            with (
                contextlib.suppress(ConnectionError),
                socket.create_connection(("127.0.0.1", port), timeout=10) as client,
            ):
                while True:
                    client.sendall(head + body)
                    if not client.recv(65_536).startswith(b"HTTP/1.1 401"):
                        break
                    print("refused", flush=True)

    _together([threading.Thread(target=send) for _ in range(clients)])


if __name__ == "__main__":
    flood(int(sys.argv[1]))
