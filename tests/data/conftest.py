"""For tests of reading: a file with what they want in it."""

import pytest


@pytest.fixture
def write(tmp_path):
    """Write a file and give its path."""

    def to(content, name="log.csv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return to
