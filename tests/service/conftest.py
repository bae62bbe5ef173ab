"""A service over a small world, in this process; its store is memory unless a test asks."""

import pytest
from fastapi.testclient import TestClient

from prismrec.artifact import save
from prismrec.service.app import create_app
from prismrec.service.service import Service
from prismrec.service.settings import Keys, Places, Settings
from prismrec.stores import open_store
from worlds import small_dataset, untrained


@pytest.fixture(scope="session")
def dataset():
    return small_dataset()


@pytest.fixture
def artifact(dataset, tmp_path):
    save(untrained(dataset), tmp_path / "artifact", about={"index": "few items"})
    return tmp_path / "artifact"


@pytest.fixture
def private(tmp_path, monkeypatch):
    """Keep the service's copies of artifacts in the test's own folder."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))


@pytest.fixture
def serve(artifact, private):
    """Start services and give clients of them; an error inside is an answer, as in life."""
    clients = []

    def start(*, store="memory:", keys=None, places=None, **settings):
        made = Settings(store=store, **settings)
        service = Service(places or Places(artifact=artifact), open_store(store), made)
        app = create_app(service, Keys(keys or {}))
        client = TestClient(app, raise_server_exceptions=False, base_url="http://127.0.0.1")
        client.__enter__()
        client.service = service
        clients.append(client)
        return client

    yield start
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def client(serve):
    return serve()


@pytest.fixture
def history(dataset):
    return dataset.catalog.items.external(dataset.histories[0].tolist())
