"""Use classes from the working folder of the user in all commands and in the service."""

import json
import sys
from pathlib import Path

import pytest

from commands import WORLD, run

NEWEST = '''
"""An extractor whose one interest is the newest item of the history."""

import torch

from prismrec.models import Extractor
from prismrec.types import Interests


class Newest(Extractor):
    """Return the vector of the newest item as every interest."""

    def forward(self, items, mask):
        last = (mask.sum(1) - 1).clamp(min=0)
        weights = torch.zeros(*mask.shape, dtype=items.dtype).scatter(1, last[:, None], 1.0) * mask
        weights = weights[:, None].expand(-1, self.interests, -1)
        return Interests(
            vectors=weights @ items,
            weights=weights,
            bias=items.new_zeros(len(items), self.interests),
            active=mask.any(1)[:, None].expand(-1, self.interests),
        )
'''
PARTS = '''
"""A loss, a re-ranker and an index of the working folder."""

import numpy as np

from prismrec.models.losses import softmax
from prismrec.retrieval import ExactIndex


def my_loss(logits):
    return 2 * softmax(logits)


def by_score(pool, k, *, strength):
    return np.argsort(-pool.scores, kind="stable")[:k]


class MyIndex(ExactIndex):
    """An exact index of another kind."""

    kind = "mine"
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Build a folder with two modules, a data set, and an artifact with an external extractor."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "newest.py").write_text(NEWEST)
    (folder / "parts.py").write_text(PARTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run("prepare", WORLD, "--out", "data") == 0
        train = ["train", "data", "--out", "model", "--extractor", "newest:Newest", "--epochs", 1]
        assert run(*train, "--dim", 8, "--max-len", 10, "--interests", 2, "--quiet") == 0
    yield folder
    for name in ("newest", "parts"):
        sys.modules.pop(name, None)


@pytest.fixture(autouse=True)
def work(folder, monkeypatch):
    monkeypatch.chdir(folder)


NAMED = ("--extractor", "newest:Newest")


@pytest.mark.slow
def test_every_command_works_with_an_external_class_that_a_flag_names(capsys):
    assert run("evaluate", "model", "data", *NAMED, "-k", 5, "--json") == 0
    entries = json.loads(capsys.readouterr().out)["entries"]
    assert {"model", "model-k1"} <= entries.keys()
    assert run("recommend", "model", *NAMED, "--history", "1,2,3", "-k", 4, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert len(answer["items"]) == 4
    assert answer["items"][0]["because"][0]["id"] == "3"
    assert run("doctor", "model", "model-k1", "data", *NAMED) == 0
    assert capsys.readouterr().out.count(": OK: ") == 3


@pytest.mark.slow
@pytest.mark.parametrize("command", [
    ("evaluate", "model", "data"), ("recommend", "model", "--history", "1,2"),
])  # fmt: skip
def test_a_class_named_only_in_a_file_is_not_imported(command, capsys):
    sys.modules.pop("newest", None)
    assert run(*command) == 2
    error = capsys.readouterr().err
    assert "'newest:Newest', which is not built in" in error
    assert "classes=ArtifactClasses.named(extractor='newest:Newest'), or add" in error
    assert "add --extractor newest:Newest." in error
    assert "newest" not in sys.modules


@pytest.mark.slow
def test_the_error_for_a_class_that_is_not_an_extractor_is_one_sentence(capsys):
    assert run("recommend", "model", "--extractor", "parts:MyIndex", "--history", "1") == 2
    assert "'parts:MyIndex' was given, but it is not a subclass of Extractor" in (
        capsys.readouterr().err
    )
    assert run("doctor", "model", "--extractor", "parts:Absent") == 2
    assert "FAILED: The extractor 'parts:Absent' was given, but" in capsys.readouterr().out


@pytest.mark.slow
def test_a_built_in_artifact_is_compared_with_an_external_one(capsys):
    train = ["train", "data", "--out", "mean", "--extractor", "mean", "--epochs", 1, "--dim", 8]
    assert run(*train, "--no-single", "--quiet") == 0
    assert run("evaluate", "model", "data", "mean", *NAMED, "-k", 5, "--json") == 0
    out = capsys.readouterr().out.splitlines()[-1]
    assert {"model", "mean"} <= json.loads(out)["entries"].keys()


@pytest.mark.slow
def test_a_loss_an_index_and_a_reranker_may_be_external(capsys):
    train = ["train", "data", "--out", "own", "--extractor", "mean", "--loss", "parts:my_loss"]
    small = ["--index", "parts:MyIndex", "--epochs", 1, "--dim", 8, "--no-single", "--quiet"]
    assert run(*train, *small) == 0
    rerank = ["--rerank", "parts:by_score", "--diversity", 0.2, "--history", "1,2,3"]
    capsys.readouterr()
    assert run("recommend", "own", *rerank) == 2
    assert "index" in capsys.readouterr().err
    assert run("recommend", "own", *rerank, "--index", "parts:MyIndex", "--json") == 0
    assert json.loads(capsys.readouterr().out)["options"]["rerank"] == "parts:by_score"


@pytest.mark.slow
def test_the_service_answers_from_an_external_extractor(tmp_path, monkeypatch):
    from fastapi.testclient import TestClient

    from prismrec.service.app import create_app
    from prismrec.service.context import RouteContext
    from prismrec.service.settings import Keys, ServePaths, Settings
    from prismrec.service.stores import open_store

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    settings = Settings(extractor="newest:Newest", rerank="parts:by_score")
    paths = ServePaths(artifact=Path("model").absolute())
    context = RouteContext.open(paths, open_store("memory:"), settings, Keys())
    body = {"history": ["1", "2", "3"], "k": 4, "rerank": "parts:by_score", "diversity": 0.1}
    with TestClient(create_app(context), base_url="http://127.0.0.1") as client:
        answer = client.post("/v1/recommend", json=body)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["items"]) == 4
