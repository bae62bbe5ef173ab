"""Test the end of a service: no connection is reset, no process stays, and it ends in time."""

import os
import signal
import socket
import threading
import time

import httpx2
import psutil
import pytest

from service.processes import Clients, wait_until

pytestmark = pytest.mark.slow
LONG = int(os.environ.get("PRISMREC_FAULTS", "2")) > 2


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("keep", [True, False], ids=["kept connections", "new connections"])
def test_no_request_is_reset_when_the_service_stops(serving, history, workers, keep):
    for _ in range(8 if LONG else 1):
        process = serving("--workers", workers)
        clients = Clients(process, history, keep=keep)
        wait_until(lambda clients=clients: clients.answered > 100)
        began = time.monotonic()
        assert process.stop() in (0, -signal.SIGTERM)
        assert time.monotonic() - began < 11
        clients.join()
        assert clients.broken == []
        assert clients.refused == len(clients.threads)
        process.close()


def test_workers_end_when_their_supervisor_is_killed(serving):
    process = serving("--workers", "2")
    family = psutil.Process(process.process.pid).children(recursive=True)
    assert len(family) >= 2
    process.process.kill()
    process.process.wait()
    _, alive = psutil.wait_procs(family, timeout=12)
    assert not alive
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", process.port))
        free.listen()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_slow_batch_does_not_delay_the_end(serving, history, workers):
    process = serving("--workers", workers, "--timeout", "100")
    one = {"history": history, "k": 40, "rerank": "dpp", "diversity": 0.5, "explain": True}
    body = {"requests": [one | {"history": history[: n % 10 + 1]} for n in range(100)]}

    def send():
        with httpx2.Client(base_url=process.client.base_url, timeout=60) as client:
            try:
                for _ in range(50):
                    client.post("/v1/recommend/batch", json=body)
            except httpx2.TransportError:
                return

    for _ in range(6):
        threading.Thread(target=send, daemon=True).start()
    time.sleep(1)
    began = time.monotonic()
    process.stop()
    assert time.monotonic() - began < 11.5


def test_an_idle_connection_does_not_delay_the_end(serving):
    process = serving()
    idle = [socket.create_connection(("127.0.0.1", process.port)) for _ in range(20)]
    began = time.monotonic()
    process.stop()
    assert time.monotonic() - began < 6
    for client in idle:
        client.close()
