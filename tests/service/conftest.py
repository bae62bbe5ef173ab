"""Start services for a small data set, in this process or as processes."""

import contextlib
import shutil
import threading
import time

import pytest
import uvicorn
from fastapi.testclient import TestClient

from prismrec.recommend.artifact import save
from prismrec.service import bodies, connection
from prismrec.service.app import create_app
from prismrec.service.context import RouteContext
from prismrec.service.metrics import Metrics
from prismrec.service.server import listen
from prismrec.service.settings import Keys, ServePaths, Settings
from prismrec.service.stores import open_store
from service.processes import Process
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
    """Keep the service's copies of artifacts in the folder of the test."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))


def client_of(places, *, store="memory:", keys=None, **settings):
    """Return a client of a new service; an internal error is a response, as in production."""
    made = Settings(store=store, **settings)
    context = RouteContext.open(places, open_store(store), made, Keys(keys or {}))
    app = create_app(context)
    client = TestClient(app, raise_server_exceptions=False, base_url="http://127.0.0.1")
    client.context = context
    return client


@pytest.fixture
def serve(artifact, private):
    """Return a function that starts a service and returns its client."""
    with contextlib.ExitStack() as stack:

        def start(*, places=None, **settings):
            made = client_of(places or ServePaths(artifact=artifact), **settings)
            return stack.enter_context(made)

        yield start


@pytest.fixture(scope="session")
def lasting(dataset, tmp_path_factory):
    """Return a function that starts one service per set of keys, for tests that change nothing."""
    folder = tmp_path_factory.mktemp("lasting")
    save(untrained(dataset), folder / "artifact")
    made = {}
    with contextlib.ExitStack() as stack:

        def start(keys=None):
            name = tuple(sorted(keys or ()))
            if name not in made:
                client = client_of(ServePaths(artifact=folder / "artifact"), keys=keys)
                made[name] = stack.enter_context(client)
            return made[name]

        yield start


@pytest.fixture
def client(serve):
    return serve()


@pytest.fixture
def history(dataset):
    return dataset.catalog.items.external(dataset.histories[0].tolist())


@pytest.fixture(scope="session")
def world(dataset, tmp_path_factory):
    """Save two artifacts, "first" and "other", and return their folder."""
    folder = tmp_path_factory.mktemp("world")
    save(untrained(dataset), folder / "first")
    save(untrained(dataset, interests=1), folder / "other")
    return folder


@pytest.fixture
def serving(world, tmp_path):
    """Return a function that starts a service as a process; stop all processes after the test."""
    started = []
    shutil.copytree(world / "first", tmp_path / "artifact")

    def start(*flags, **more):
        process = Process(tmp_path, *flags, **more)
        started.append(process)
        return process.start()

    yield start
    for process in started:
        process.close()


@pytest.fixture
def serve_connections(artifact, private, monkeypatch):
    """Return a function that starts a server and returns its address."""
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(bodies, "READING", 0.3)
    monkeypatch.setattr(Metrics, "count_list", lambda *_: None)  # tests replace lists by others
    running = []

    def start(*, keys=None, **settings):
        made = Settings(store="memory:", port=0, **settings)
        paths = ServePaths(artifact=artifact)
        context = RouteContext.open(paths, open_store("memory:"), made, Keys(keys or {}))
        bound = listen(made)
        config = uvicorn.Config(
            create_app(context),
            http=connection.LimitedHttpProtocol,
            ws="none",
            log_config=None,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([bound],), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        running.append((server, thread, bound))
        return bound.getsockname()

    yield start
    for server, thread, bound in running:
        server.should_exit = True
        thread.join(10)
        bound.close()
