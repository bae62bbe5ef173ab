"""Test the end of a service: no connection is reset, no process stays, and it ends in time."""

import os
import signal
import socket
import threading
import time

import httpx2
import psutil
import pytest

from service.processes import Clients, Process, wait_until

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


def run_with_workers(folder, *flags, stop_at=None):
    """Run a service of two workers until it ends; return its exit code, its output and how long."""
    process = Process(folder, "--workers", "2", *flags)
    with process.log.open("ab") as log:
        process.launch(log)
    began = time.monotonic()
    if stop_at is not None:
        wait_until(lambda: stop_at(psutil.Process(process.process.pid).children()))
        began = time.monotonic()
        process.process.terminate()
    try:
        code = process.process.wait(60)
    finally:
        process.close()
    return code, process.log.read_text(), time.monotonic() - began


def test_workers_that_cannot_start_stop_the_service_with_one_sentence(world, tmp_path):
    (tmp_path / "artifact").symlink_to(world / "first")
    (tmp_path / "changes").write_text("no change\n")
    code, text, _ = run_with_workers(tmp_path, "--changes", "changes")
    assert code == 2
    assert text.splitlines()[-1].startswith("error: The file of changes changes has a line that is")
    assert text.count("has a line that is no change") == 1
    assert "Traceback" not in text


def test_workers_that_still_start_do_not_delay_the_end(world, tmp_path):
    (tmp_path / "artifact").symlink_to(world / "first")
    code, text, seconds = run_with_workers(tmp_path, stop_at=lambda children: len(children) >= 2)
    assert code == 0
    assert seconds < 11
    assert "Traceback" not in text
