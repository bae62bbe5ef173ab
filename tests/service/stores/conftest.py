"""Provide an empty store of each kind, with real database servers."""

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
    """Return the address of an empty store of the kind ``request.param``."""
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
    return {"memory": "memory:", "sqlite": f"sqlite:///{tmp_path}/events.db"}[request.param]
