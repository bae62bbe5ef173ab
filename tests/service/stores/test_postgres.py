"""Test the PostgreSQL store: cases that the contract tests do not cover."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from unittest import mock

import psutil
import pytest

from prismrec.errors import ConfigError, MissingExtra, StoreError
from prismrec.service.stores import Event, open_store, postgres

pytestmark = pytest.mark.slow

psycopg = pytest.importorskip("psycopg", reason="pip install 'prismrec[stores]'")
EVENT = Event("ann", "tea", 1, "e1")
real = pytest.mark.parametrize("url", ["postgres"], indirect=True)


@real
def test_the_message_of_the_server_is_shown_without_the_password(url):
    secret = {"password": "events"}
    with open_store(url) as store, mock.patch.dict(store._parts, secret):
        with psycopg.connect(url) as connection:
            connection.execute("DROP TABLE prismrec_events")
        with pytest.raises(StoreError, match=r'relation "prismrec_\*\*\*" does not exist'):
            store.append([EVENT])


@real
def test_the_message_of_the_server_is_shown_without_the_row(url):
    with open_store(url) as store:
        with psycopg.connect(url) as connection:
            connection.execute("ALTER TABLE prismrec_events ADD CHECK (user_id <> 'ann')")
        with pytest.raises(StoreError, match="violates check constraint") as failed:
            store.append([EVENT])
    assert "ann" not in str(failed.value)


@real
def test_an_address_with_an_encoding_is_read(url):
    with open_store(url + "&client_encoding=latin1") as store:
        store.append([EVENT._replace(item="茶")])
        assert store.recent("ann", 5)[0].item == "茶"


@real
def test_connections_that_the_server_closed_are_replaced(url):
    with open_store(url) as store:
        with psycopg.connect(url, autocommit=True) as connection:
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            ).fetchall()
        assert ended == [(True,)]
        assert store.append([EVENT]) == 1


@real
@pytest.mark.parametrize(
    ("call", "given", "left"),
    [
        ("append", [[EVENT._replace(id="e2")]], [["e1", "e2"], []]),
        ("forget", ["ann"], [[], []]),
        ("forget_events", ["ann", ["e1"]], [[], []]),
        ("merge", ["ann", "bob"], [[], ["e1"]]),
    ],
)
def test_a_write_whose_commit_was_not_answered_is_not_made_again(url, call, given, left):
    leave, answers = psycopg.Transaction.__exit__, count()

    def lose_first_answer(transaction, *error):
        leave(transaction, *error)
        if next(answers) == 0:
            raise psycopg.OperationalError("the connection was closed")

    with open_store(url) as store:
        store.append([EVENT])
        with (
            mock.patch.object(psycopg.Transaction, "__exit__", lose_first_answer),
            pytest.raises(StoreError, match="the connection was closed"),
        ):
            getattr(store, call)(*given)
        found = store.recent_many(["ann", "bob"], 5)
        assert [[event.id for event in events] for events in found] == left


@real
def test_a_newer_schema_is_refused_and_an_older_one_migrated(url):
    newer = ("ALTER TABLE prismrec_events ADD COLUMN weight real",)
    with open_store(url) as store:
        store.append([EVENT])
    with (
        mock.patch.object(postgres, "MIGRATIONS", (*postgres.MIGRATIONS, newer)),
        open_store(url) as store,
    ):
        assert store.recent("ann", 5) == [EVENT]
    with pytest.raises(ConfigError, match=r"schema version 3, .* up to 2; upgrade prismrec"):
        open_store(url)


@real
def test_tables_of_the_first_version_keep_their_events_and_get_dislikes(url):
    with mock.patch.object(postgres, "MIGRATIONS", postgres.MIGRATIONS[:1]):
        open_store(url).close()
    insert = "INSERT INTO prismrec_events (user_id, id, time, item) VALUES (%s, %s, %s, %s)"
    with psycopg.connect(url) as old:
        old.execute(insert, ["ann", "e1", 1, "tea"])
    with open_store(url) as store:
        assert store.recent("ann", 5) == [EVENT]
        store.append([Event("ann", "jam", 2, "e2", "stars", 1.0, disliked=True)])
        with psycopg.connect(url) as old:  # a process of the first version still runs
            old.execute(insert, ["ann", "e3", 3, "oil"])
        assert store.recent_feedback(["ann"], 5)[0] == (["tea", "oil"], ["jam"])


@real
def test_a_user_without_the_right_to_create_tables_may_use_existing_ones(url):
    open_store(url).close()
    with psycopg.connect(url) as connection:
        connection.execute("DROP ROLE IF EXISTS clerk")
        connection.execute("CREATE ROLE clerk LOGIN")
        connection.execute(
            "GRANT SELECT, INSERT, DELETE ON prismrec_events, prismrec_dislikes TO clerk"
        )
        connection.execute("GRANT SELECT ON prismrec_schema TO clerk")
    with open_store(url.replace("//postgres:", "//clerk:")) as store:
        assert store.append([EVENT]) == 1
    with psycopg.connect(url) as connection:
        connection.execute("DROP OWNED BY clerk")
        connection.execute("DROP ROLE clerk")


@real
def test_a_database_that_is_not_in_utf_8_is_refused(url):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS latin")
        connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(ConfigError, match="encoding LATIN1; use a database in UTF8"):
        open_store(url.replace("/postgres?", "/latin?"))


@real
def test_a_batch_of_very_many_users_takes_few_locks(url):
    users = [f"u{i}" for i in range(20_000)]
    with open_store(url) as store:
        assert store.append([Event(user, "tea", 1, "e1") for user in users]) == 20_000
        assert [len(found) for found in store.recent_many(users, 1)] == [1] * 20_000


@real
def test_writers_of_the_same_events_in_opposite_orders_do_not_deadlock(url):
    events = [Event(f"u{i}", "tea", 1, f"e{run}") for run in range(20) for i in range(300)]
    with (
        open_store(url) as store,
        mock.patch.object(store._pool, "clear", side_effect=AssertionError("tried twice")),
        ThreadPoolExecutor(2) as pool,
    ):
        for at in range(0, len(events), 300):
            batch = events[at : at + 300]
            assert sum(pool.map(store.append, [batch, batch[::-1]])) == 300


def test_the_error_without_psycopg_contains_the_install_command():
    with (
        mock.patch.dict("sys.modules", psycopg=None),
        pytest.raises(MissingExtra, match=r"pip install 'prismrec\[stores\]'"),
    ):
        open_store("postgresql://host")


@real
@pytest.mark.slow
@pytest.mark.parametrize("call", ["ping", "append", "recent", "forget", "forget_events"])
def test_a_server_that_is_suspended_is_an_error_in_time(url, call, monkeypatch):
    monkeypatch.setattr(postgres, "DEADLINE", 0.5)
    given = {"append": [[EVENT]], "recent": ["ann", 5], "forget": ["ann"],
             "forget_events": ["ann", ["e1"]]}  # fmt: skip
    with open_store(url) as store, psycopg.connect(url, autocommit=True) as other:
        store.append([EVENT])
        (pid,) = other.execute(
            "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND backend_type = 'client backend' ORDER BY backend_start DESC LIMIT 1"
        ).fetchone()
        server = psutil.Process(pid)
        server.send_signal(signal.SIGSTOP)  # as if its connection were black-holed
        began = time.monotonic()
        try:
            with pytest.raises(StoreError, match="no answer in"):
                getattr(store, call)(*given.get(call, []))
            assert time.monotonic() - began < 3
        finally:
            server.send_signal(signal.SIGCONT)
        store.ping()


@real
def test_a_locked_table_is_an_error_after_one_attempt(url, monkeypatch):
    monkeypatch.setattr(postgres, "DEADLINE", 1.0)
    with open_store(url) as store, psycopg.connect(url) as other:
        store.append([EVENT])
        other.execute("LOCK TABLE prismrec_events")
        began = time.monotonic()
        with pytest.raises(StoreError, match="statement timeout"):
            store.append([EVENT])
        assert time.monotonic() - began < 1.8
