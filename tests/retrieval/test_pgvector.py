"""Test pgvector on a real server: cases that the contract tests of indexes do not cover."""

from unittest import mock

import numpy as np
import pytest

from postgres import postgres
from prismrec.errors import ConfigError, DataError
from prismrec.retrieval.index import load_index
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
        mock.patch.object(psycopg, "connect", side_effect=AssertionError("connected")),
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
