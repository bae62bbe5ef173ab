"""Define a fixture for tests of readers. It writes a file with a given content."""

import pytest


@pytest.fixture
def write(tmp_path):
    """Write a file and return its path."""

    def to(content, name="log.csv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return to
