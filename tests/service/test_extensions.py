"""Serve re-rankers, extractors, indexes and stores that the operator names, and no others."""

import sys

import pytest

from prismrec.cli import main
from prismrec.errors import ConfigError, UnknownName
from prismrec.models import Model
from prismrec.recommend import Recommender, load, save
from prismrec.registry import resolve
from prismrec.rerank import RERANKERS
from prismrec.service.settings import ServePaths, Settings
from prismrec.service.stores import open_store
from service.processes import replace_folder
from worlds import untrained

pytestmark = pytest.mark.slow

MINE = '''
"""An extractor, a re-ranker, an index and a store of the working folder."""

import numpy as np

from prismrec.models import EXTRACTORS
from prismrec.retrieval import ExactIndex
from prismrec.service.stores import Store
from prismrec.service.stores.memory import MemoryStore

opened = []


class Mine(EXTRACTORS["mean"]):
    """The mean of the history."""


class MyIndex(ExactIndex):
    """An exact index of another kind."""

    kind = "mine"


class MyStore(MemoryStore):
    """A memory store that remembers its address."""

    kind = "mine"

    def __init__(self, url, *, keep):
        super().__init__(url, keep=keep)
        opened.append((url, keep))


class NoStore:
    """A class that is not a store."""


def reverse(pool, k, *, strength):
    """Return the k best candidates, in reversed order."""
    return np.argsort(-pool.scores, kind="stable")[:k][::-1]


NUMBER = 7
'''
OPERATORS = "my_service_parts:reverse"


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """Write the module to the working folder, from which it can be imported."""
    (tmp_path / "my_service_parts.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    yield
    sys.modules.pop("my_service_parts", None)


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


def test_a_request_may_name_the_re_ranker_of_the_operator(serve, history, mine):
    body = {"history": history, "k": 5, "diversity": 0.1}
    client = serve(rerank=OPERATORS)
    mine = client.post("/v1/recommend", json=body | {"rerank": OPERATORS})
    best = client.post("/v1/recommend", json=body | {"diversity": 0})
    assert ids(mine) == ids(best)[::-1]
    for name in RERANKERS:
        assert len(ids(client.post("/v1/recommend", json=body | {"rerank": name}))) == 5


@pytest.mark.slow
@pytest.mark.parametrize("operators", ["", OPERATORS])
@pytest.mark.parametrize(
    "name",
    [
        "my_service_parts:NUMBER",
        "os:getcwd",
        "antigravity:x",
        "nothing",
        "",
        "reverse",
        "category ",
    ],
)
@pytest.mark.parametrize("path", ["/v1/recommend", "/v1/recommend/batch"])
def test_any_other_re_ranker_is_refused_without_an_import(
    serve, history, mine, operators, name, path
):
    client = serve(rerank=operators)
    known = set(sys.modules)
    request = {"history": history, "rerank": name, "diversity": 0.1}
    body = {"requests": [request, {"history": history}]} if path.endswith("batch") else request
    answer = client.post(path, json=body)
    assert answer.status_code == 422, answer.text
    error = answer.json()["error"]
    assert error["kind"] == "invalid_request"
    assert f"rerank is {name!r}, which does not exist here; send one of " in error["message"]
    assert (OPERATORS in error["message"]) == bool(operators)
    assert set(sys.modules) == known


def test_an_external_re_ranker_is_refused_without_the_setting(serve, history, mine):
    body = {"history": history, "rerank": OPERATORS, "diversity": 0.1}
    assert serve().post("/v1/recommend", json=body).status_code == 422
    assert "my_service_parts" not in sys.modules


@pytest.mark.parametrize(
    ("setting", "name", "message"),
    [
        ("rerank", "my_service_parts:absent", "has no 'absent'"),
        ("rerank", "my_service_parts:NUMBER", "which cannot be called; name a function"),
        ("rerank", "no_such_module:f", "there is no module 'no_such_module'"),
        ("rerank", "categorie", "Did you mean 'category'?"),
        ("extractor", "my_service_parts:MyStore", "is not a subclass of Extractor"),
        ("extractor", "my_service_parts:absent", "has no 'absent'"),
        ("index", "my_service_parts:Mine", "is not a subclass of Index"),
        ("store", "my_service_parts:NoStore+x", "is not a subclass of Store"),
        ("store", "my_service_parts:Absent+x", "has no 'Absent'"),
        ("store", "no_such_module:Store+x", "there is no module 'no_such_module'"),
    ],
)
@pytest.mark.usefixtures("private", "mine")
def test_wrong_code_of_the_operator_is_a_clear_error_at_startup(
    artifact, monkeypatch, capsys, setting, name, message
):
    monkeypatch.setenv("PRISMREC_SERVE", "")  # restored afterwards
    with pytest.raises(SystemExit) as ended:
        main(["serve", str(artifact), f"--{setting}", name, "--port", "0", "--workers", "2"])
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert "Traceback" not in printed.err
    assert "Serving" not in printed.out + printed.err


@pytest.fixture
def external(dataset, mine, tmp_path):
    """Save an artifact whose extractor and index are not built in; return its folder."""
    resolve("extractor", "my_service_parts:Mine", {})  # imports from the working folder
    parts = sys.modules["my_service_parts"]
    own = untrained(dataset, extractor="mean", interests=1)
    model = Model(dataset.catalog.size, parts.Mine(dim=8, interests=1, max_len=10))
    model.load_state_dict(own.model.state_dict())
    index = parts.MyIndex.build(own.index.vectors, own.index.ids)
    save(Recommender(model, index, dataset.catalog), tmp_path / "external")
    return tmp_path / "external"


def test_an_artifact_with_an_external_extractor_and_index_is_served(
    serve, artifact, external, history
):
    classes = {"extractor": "my_service_parts:Mine", "index": "my_service_parts:MyIndex"}
    # The second artifact is built in: the operator's classes are not used for it.
    client = serve(places=ServePaths(artifact=external, compare_with=artifact), **classes)
    described = client.get("/v1/artifact").json()
    assert described["extractor"] == "my_service_parts:Mine"
    assert described["index"]["kind"] == "mine"
    assert described["compare_with"]["extractor"] == "sa"
    body = {"history": history, "k": 5, "explain": True}
    first = client.post("/v1/recommend", json=body)
    assert len(ids(first)) == 5
    other = client.post("/v1/recommend", json=body | {"comparison": True})
    assert ids(other) == [item.id for item in load(artifact).recommend(history, 5)]
    assert client.post("/v1/admin/reload").status_code == 200
    assert client.post("/v1/recommend", json=body).json() == first.json()


def test_a_reload_may_replace_a_built_in_artifact_by_an_external_one(
    serve, artifact, external, history
):
    client = serve(extractor="my_service_parts:Mine", index="my_service_parts:MyIndex")
    replace_folder(external, artifact)
    assert client.post("/v1/admin/reload").status_code == 200
    assert client.get("/v1/artifact").json()["extractor"] == "my_service_parts:Mine"


def test_the_error_for_an_unnamed_external_extractor_contains_the_flag_to_add(
    external, private, monkeypatch, capsys
):
    sys.modules.pop("my_service_parts")
    monkeypatch.setenv("PRISMREC_SERVE", "")
    with pytest.raises(SystemExit) as ended:
        main(["serve", str(external), "--port", "0", "--workers", "2"])
    assert ended.value.code == 2
    assert "add --extractor my_service_parts:Mine." in capsys.readouterr().err
    assert "my_service_parts" not in sys.modules, "no file causes an import"


def test_a_store_of_the_operator_answers_requests(serve, history, mine):
    client = serve(store="my_service_parts:MyStore+mine://host/db?a=b+c")
    events = [{"user": "ann", "item": item, "time": n} for n, item in enumerate(history)]
    stored = client.post("/v1/events", json={"events": events}).json()
    assert stored == {"stored": len(history), "duplicates": 0}
    stored = ids(client.post("/v1/recommend", json={"user": "ann", "k": 5}))
    assert stored == ids(client.post("/v1/recommend", json={"history": history, "k": 5}))
    assert sys.modules["my_service_parts"].opened == [("mine://host/db?a=b+c", 10_000)]


def test_a_store_class_needs_a_plus_sign_so_that_a_password_is_never_imported():
    for url in ("hush:secret", "redis:hush+x@127.0.0.1", "postgresql:me+secret@127.0.0.1:none"):
        with pytest.raises((ConfigError, UnknownName)) as refused:
            open_store(url)
        for secret in ("secret", "hush+x"):
            assert secret not in str(refused.value)


def test_the_default_settings_name_no_external_class():
    settings = Settings()
    assert (settings.rerank, settings.extractor, settings.index) == ("", "", "")
