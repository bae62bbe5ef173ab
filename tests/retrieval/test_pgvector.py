"""Test pgvector on a real server: cases that the contract tests of indexes do not cover."""

import signal
import socket
import time
from unittest import mock

import numpy as np
import psutil
import pytest

from postgres import postgres
from prismrec.errors import ConfigError, DataError, StoreError
from prismrec.io import postgres as postgres_connections
from prismrec.retrieval.index import load_index, pgvector
from prismrec.retrieval.index.pgvector import SCAN, Pgvector

psycopg = pytest.importorskip("psycopg", reason="pip install 'prismrec[stores]'")
RNG = np.random.default_rng(0)
VECTORS = RNG.standard_normal((300, 8)).astype(np.float32)
IDS = np.arange(1, 301) + 2**60


@pytest.fixture(scope="module")
def url():
    with postgres() as found:
        yield found


@pytest.mark.parametrize(
    "table", ["", "a b", "1st", "x; DROP TABLE users", 'x"y', "x" * 64, "public.x", "x\n"]
)
def test_an_invalid_table_name_is_never_sent_to_the_database(table):
    with (
        mock.patch.object(psycopg.Connection, "connect", side_effect=AssertionError("connected")),
        pytest.raises(ConfigError, match="choose a name of 1 to 63 letters"),
    ):
        Pgvector.build(VECTORS, IDS, table=table)


def test_the_error_for_an_unreachable_database_shows_no_password():
    with pytest.raises(DataError, match="could not be used") as refused:
        Pgvector("postgresql://me:hush@127.0.0.1:1/none?connect_timeout=2", "items")
    assert "hush" not in str(refused.value)


@pytest.mark.slow
def test_other_tables_are_not_changed(url):
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE users (id int)")
        connection.execute("INSERT INTO users VALUES (1)")
    Pgvector.build(VECTORS, IDS, url=url, table="Select")
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (1,)
        kind = 'SELECT pg_typeof(id)::text FROM "Select" LIMIT 1'
        assert connection.execute(kind).fetchone() == ("bigint",)


@pytest.mark.slow
def test_all_rows_are_searched_if_the_graph_returns_too_few_items(url):
    index = Pgvector.build(VECTORS, IDS, url=url, table="wide").with_search_budget(1)
    found = index.search(VECTORS[None, :3], 300)
    assert (np.sort(found.items[0]) == IDS).all()
    exact = index.with_search_budget(SCAN).search(VECTORS[None, :3], 300)
    assert (found.items == exact.items).all()


@pytest.mark.slow
def test_many_queries_find_what_each_finds_alone(url):
    index = Pgvector.build(VECTORS, IDS, url=url, table="many")
    for one in (index, index.with_search_budget(SCAN)):
        found = one.search(VECTORS[:80, None], 9)
        alone = [one.search(VECTORS[row, None, None], 9).items[0] for row in range(80)]
        assert (found.items == np.stack(alone)).all()


@pytest.mark.slow
def test_a_search_without_an_answer_ends(url, monkeypatch):
    index = Pgvector.build(VECTORS, IDS, url=url, table="stopped")
    monkeypatch.setattr(pgvector, "SEARCH_DEADLINE", 0.5)
    text, stopped = pgvector._text, []

    def stop_server(vector):
        newest = (
            "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND backend_type = 'client backend' ORDER BY backend_start DESC LIMIT 1"
        )
        with psycopg.connect(url) as other:
            stopped.append(psutil.Process(other.execute(newest).fetchone()[0]))
        stopped[0].send_signal(signal.SIGSTOP)  # as if the connection were black-holed
        return text(vector)

    began = time.monotonic()
    with mock.patch.object(pgvector, "_text", stop_server), pytest.raises(StoreError) as error:
        index.search(VECTORS[None, :1], 5)
    stopped[0].send_signal(signal.SIGCONT)
    assert "no answer in 0.5 seconds" in str(error.value)
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE stopped")
        with pytest.raises(StoreError, match=r"statement timeout|no answer in"):
            index.search(VECTORS[None, :1], 5)
    assert time.monotonic() - began < 4
    index.search(VECTORS[None, :1], 5)


@pytest.mark.slow
def test_a_server_that_accepts_connections_and_never_answers_is_an_error(monkeypatch):
    monkeypatch.setitem(postgres_connections.LIMITS, "connect_timeout", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://me@127.0.0.1:{silent.getsockname()[1]}/none?sslmode=disable"
        with pytest.raises(DataError, match="timeout"):
            Pgvector.build(VECTORS, IDS, url=url)


@pytest.mark.slow
def test_a_failed_build_keeps_the_previous_table(url):
    Pgvector.build(VECTORS, IDS, url=url, table="kept")
    with (
        mock.patch("prismrec.retrieval.index.pgvector._text", return_value="[1, 2]"),
        pytest.raises(DataError, match="expected 8 dimensions"),
    ):
        Pgvector.build(VECTORS, IDS, url=url, table="kept")
    assert len(Pgvector(url, "kept")) == 300


@pytest.mark.slow
def test_a_saved_index_contains_no_password_and_refuses_a_changed_table(url, tmp_path):
    index = Pgvector.build(VECTORS, IDS, url=url + "&password=hush", table="saved")
    index.save(tmp_path / "index")
    assert "hush" not in (tmp_path / "index" / "index.json").read_text()
    assert len(load_index(tmp_path / "index")) == 300
    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM saved WHERE id = %s", [int(IDS[0])])
    with pytest.raises(DataError, match="contains 299 items"):
        load_index(tmp_path / "index")
    with pytest.raises(DataError, match="absent"):
        Pgvector(url, "absent")
