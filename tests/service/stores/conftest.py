"""Provide an empty store of each kind, with real database servers."""

import re
from pathlib import Path

import pytest

from postgres import postgres as postgres_server
from redis_server import redis_server


@pytest.fixture(scope="session")
def postgres():
    """Return the address of a PostgreSQL database."""
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def redis():
    """Return a Redis server."""
    with redis_server() as server:
        yield server


@pytest.fixture
def url(request, tmp_path):
    """Return the address of an empty store of the kind ``request.param``.

    "recipe" is the store of CONTRIBUTING.md.
    """
    if request.param == "postgres":
        url = request.getfixturevalue("postgres")
        with pytest.importorskip("psycopg").connect(url) as connection:
            connection.execute(
                "DROP TABLE IF EXISTS prismrec_events, prismrec_dislikes, prismrec_schema"
            )
        return url
    if request.param == "redis":
        server = request.getfixturevalue("redis")
        with server.client() as client:
            client.flushall()
        return server.url
    if request.param == "recipe":
        text = (Path(__file__).parents[3] / "CONTRIBUTING.md").read_text()
        code = re.search(r"^```python journal.py\n(.*?)^```$", text, re.S | re.M)[1]
        (tmp_path / "journal.py").write_text(code)
        request.getfixturevalue("monkeypatch").syspath_prepend(tmp_path)
        return f"journal:JournalStore+{tmp_path}/events.jsonl"
    return {"memory": "memory:", "sqlite": f"sqlite:///{tmp_path}/events.db"}[request.param]
