"""An empty store of each kind, on a real server where there is one."""

import pytest

SERVERS = {}
SHARED = ["sqlite"]


@pytest.fixture
def url(request, tmp_path):
    """Give the address of a store of the kind ``request.param``, with nothing in it."""
    if request.param == "memory":
        return "memory:"
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/events.db"
    return request.getfixturevalue(request.param).empty()
