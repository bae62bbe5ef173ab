"""Test the SQLite store: cases that the contract tests do not cover."""

import shutil
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from unittest import mock

import pytest

from prismrec.errors import ConfigError, StoreError
from prismrec.service.stores import Event, open_store, sqlite

FILL = """
import resource, sys
from prismrec.errors import StoreError
from prismrec.service.stores import Event, open_store
store = open_store(sys.argv[1])
store.append([Event("ann", "first", -1, "first")])
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
stored = 1
try:
    while stored < 100_000:
        stored += store.append([Event("ann", "x" * 900, stored, f"e{stored}")])
except StoreError as error:
    print(error)
assert len(store.recent("ann", 100_000)) == stored < 1_000
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert store.append([Event("ann", "last", 10**9, f"e{stored}")]) == 1
assert len(store.recent("ann", 100_000)) == stored + 1
"""


@pytest.mark.slow
def test_a_full_disk_is_an_error_and_loses_no_acknowledged_event(tmp_path):
    words = [sys.executable, "-c", FILL, f"sqlite:///{tmp_path}/events.db"]
    run = subprocess.run(words, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "the free space of its disk" in run.stdout


def test_forgetting_a_user_leaves_no_byte_in_any_file(tmp_path):
    with open_store(f"sqlite:///{tmp_path}/events.db") as store:
        for user in ("secret-user", "other"):
            store.append(
                [Event(user, f"{user}-item{i}", i, f"{user}-event{i}") for i in range(300)]
            )
        assert store.forget("secret-user") == 300
        left = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert b"secret-user" not in left
        assert b"other-event299" in left


def test_a_path_without_three_or_four_slashes_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for url in ("sqlite:", "sqlite://", "sqlite:///", "sqlite:events.db", "sqlite://host/e.db"):
        with pytest.raises(ConfigError, match="four slashes"):
            open_store(url)
    open_store("sqlite:///with space.db").close()
    assert (tmp_path / "with space.db").exists()


def test_a_file_that_is_not_a_store_is_refused_and_not_changed(tmp_path):
    (tmp_path / "events.db").write_text("user,item\n" * 500)
    with pytest.raises(StoreError, match="not a database"):
        open_store(f"sqlite:///{tmp_path}/events.db")
    assert (tmp_path / "events.db").read_text() == "user,item\n" * 500
    with pytest.raises(StoreError, match="unable to open"):
        open_store(f"sqlite:///{tmp_path}/absent/events.db")


def test_a_newer_schema_is_refused_and_an_older_one_migrated(tmp_path):
    url, newer = f"sqlite:///{tmp_path}/events.db", ("ALTER TABLE events ADD COLUMN weight REAL",)
    event = Event("ann", "tea", 1, "e1")
    with open_store(url) as store:
        store.append([event])
    with (
        mock.patch.object(sqlite, "MIGRATIONS", (*sqlite.MIGRATIONS, newer)),
        open_store(url) as store,
    ):
        assert store.recent("ann", 5) == [event]
    with pytest.raises(ConfigError, match=r"schema version 3, .* up to 2; upgrade prismrec"):
        open_store(url)
    with sqlite3.connect(tmp_path / "events.db") as connection:
        assert connection.execute("SELECT weight FROM events").fetchall() == [(None,)]
    connection.close()


@pytest.mark.slow
def test_a_file_of_the_first_version_keeps_its_events_and_gets_dislikes(tmp_path):
    url, event = f"sqlite:///{tmp_path}/events.db", Event("ann", "tea", 1, "e1")
    with mock.patch.object(sqlite, "MIGRATIONS", sqlite.MIGRATIONS[:1]):
        open_store(url).close()
    rows = [(f"u{i % 7}", f"e{i}", i, f"item {i % 5}") for i in range(500)]
    insert = "INSERT INTO events (user, id, time, item) VALUES (?, ?, ?, ?)"
    with closing(sqlite3.connect(tmp_path / "events.db", isolation_level=None)) as old:
        assert old.execute("PRAGMA user_version").fetchone() == (1,)
        old.executemany(insert, [*rows, ("ann", "e1", 1, "tea")])
    for _ in range(2):
        with open_store(url) as store:
            assert store.recent("ann", 5)[0] == event
            users = [f"u{i}" for i in range(7)]
            found = [one for own in store.recent_many(users, 999) for one in own]
            assert sorted(found) == sorted(Event(u, item, t, name) for u, name, t, item in rows)
            store.append([Event("ann", "jam", 2, "e2", "stars", 1.0, disliked=True)])
            assert store.recent_feedback(["ann"], 5)[0] == (["tea"], ["jam"])
    with closing(sqlite3.connect(tmp_path / "events.db", isolation_level=None)) as old:
        old.execute(insert, ("ann", "e3", 3, "oil"))  # a process of the first version still runs
    with open_store(url) as store:
        assert [one.item for one in store.recent("ann", 9)] == ["tea", "jam", "oil"]


def test_an_interrupted_migration_leaves_the_file_as_it_was(tmp_path):
    url, path = f"sqlite:///{tmp_path}/events.db", tmp_path / "events.db"
    first, second = sqlite.MIGRATIONS
    with mock.patch.object(sqlite, "MIGRATIONS", (first,)):
        open_store(url).close()
    with (
        mock.patch.object(sqlite, "MIGRATIONS", (first, (*second, "NOT SQL"))),
        pytest.raises(StoreError, match="syntax error"),
    ):
        open_store(url)
    with closing(sqlite3.connect(path)) as old:
        assert old.execute("PRAGMA user_version").fetchone() == (1,)
        tables = old.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        assert tables == [("events",)]
    open_store(url).close()


def test_a_commit_is_on_disk_and_readers_do_not_wait_for_writers(tmp_path):
    with open_store(f"sqlite:///{tmp_path}/events.db") as store:
        store.append([Event("ann", "tea", 1, "e1")])
        with store._transaction() as writer:
            assert writer.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
            assert len(store.recent("ann", 5)) == 1


def traces(folder, text=b"secret-user"):
    return sum(path.read_bytes().count(text) for path in folder.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("erase", ["user", "events", "nothing new"])
def test_an_erasure_neither_waits_for_a_reader_nor_leaves_a_trace(tmp_path, erase):
    path = tmp_path / "events.db"
    with open_store(f"sqlite:///{path}") as store, closing(sqlite3.connect(path)) as reader:
        names = [f"secret-user-{i}" for i in range(200)]
        store.append([Event("secret-user", name, i, name) for i, name in enumerate(names)])
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM events").fetchone()
        began = time.monotonic()
        if erase == "events":
            assert store.forget_events("secret-user", names) == 200
        else:
            assert store.forget("secret-user") == 200
        if erase == "nothing new":
            assert store.forget("secret-user") == 0
        assert time.monotonic() - began < 1
        assert store.append([Event("other", "tea", 1, "e")]) == 1
        assert time.monotonic() - began < 1
        assert traces(tmp_path), "the reader may still read it"
        reader.execute("COMMIT")
        until = time.monotonic() + 2
        while traces(tmp_path):
            assert time.monotonic() < until
            time.sleep(0.05)


def test_the_next_process_empties_the_log_of_one_that_was_killed(tmp_path):
    path = tmp_path / "events.db"
    with open_store(f"sqlite:///{path}"), closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA secure_delete = ON")
        other.execute("INSERT INTO events VALUES (1, 'secret-user', 'e', 1, 'tea', NULL, NULL)")
        other.commit()
        other.execute("DELETE FROM events")
        other.commit()  # killed before the log was emptied
        assert traces(tmp_path)
        open_store(f"sqlite:///{path}").close()
        assert not traces(tmp_path)


@pytest.mark.parametrize("change", ["removed", "replaced", "moved"])
def test_a_file_that_is_taken_away_acknowledges_no_event(tmp_path, change):
    path = tmp_path / "events.db"
    with open_store(f"sqlite:///{path}") as store:
        store.append([Event("ann", "tea", 1, "e1")])
        if change == "removed":
            path.unlink()
        elif change == "moved":
            path.rename(tmp_path / "elsewhere.db")
        else:
            shutil.copy(path, tmp_path / "copy.db")
            (tmp_path / "copy.db").rename(path)
        for call in (
            store.ping,
            lambda: store.append([Event("ann", "tea", 2, "e2")]),
            lambda: store.recent("ann", 5),
            lambda: store.forget("ann"),
        ):
            with pytest.raises(StoreError, match="removed or replaced"):
                call()
        if change == "moved":
            (tmp_path / "elsewhere.db").rename(path)
            assert store.recent("ann", 5) == [Event("ann", "tea", 1, "e1")]


@pytest.mark.parametrize("part", [0.3, 0.5, 0.8])
def test_a_damaged_file_is_not_opened(tmp_path, part):
    path = tmp_path / "events.db"
    with open_store(f"sqlite:///{path}") as store:
        store.append([Event(f"u{i}", "item" * 50, i, f"e{i}") for i in range(2_000)])
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(int(part * size))
        file.write(b"\xa5" * 40_000)
    with pytest.raises(StoreError, match=r"damaged|malformed"):
        open_store(f"sqlite:///{path}")


@pytest.mark.slow
def test_writers_that_never_rest_do_not_keep_another_process_out(tmp_path, monkeypatch):
    """A store has its own connections, so that several stores are as several processes."""
    insert = sqlite._insert
    monkeypatch.setattr(sqlite, "_insert", lambda *of: time.sleep(0.01) or insert(*of))
    done = [0, 0, 0]

    def write(number: int) -> None:
        while max(done) < 120:
            stores[number].append([Event(f"u{number}", "i", 1, f"e{done[number]}")])
            done[number] += 1

    stores = [open_store(f"sqlite:///{tmp_path}/events.db") for _ in done]
    with ThreadPoolExecutor() as pool:
        list(pool.map(write, range(len(done))))
    for store in stores:
        store.close()
    assert min(done) >= 30
