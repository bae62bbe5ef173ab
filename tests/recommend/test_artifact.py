"""Save and load artifacts: the lists stay the same, and damaged artifacts are refused."""

import hashlib
import json
import math
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import torch

from prismrec.errors import ConfigError, DataError
from prismrec.io.tensors import read_tensors, save_tensors
from prismrec.models.extractors import EXTRACTORS
from prismrec.models.extractors.base import Extractor, without_prior
from prismrec.models.model import Model
from prismrec.recommend.artifact import load, save
from prismrec.recommend.artifact_classes import ArtifactClasses
from prismrec.recommend.recommender import Recommender
from prismrec.recommend.saved_model import read_model
from prismrec.retrieval.index import INDEXES
from prismrec.retrieval.index.sharded import ShardedIndex
from worlds import ids, untrained


@pytest.fixture
def saved(dataset, tmp_path):
    recommender = untrained(dataset)
    save(recommender, tmp_path / "books", about={"report": {"recall@20": 0.1}})
    return recommender, tmp_path / "books"


@pytest.mark.parametrize("extractor", ["sa", "dr", "mind", "transformer"])
@pytest.mark.slow
def test_a_loaded_recommender_gives_the_same_lists_and_scores(dataset, tmp_path, extractor):
    recommender = untrained(dataset, extractor=extractor)
    save(recommender, tmp_path / "a")
    again = load(tmp_path / "a")
    for user in range(5):
        assert again.recommend(ids(dataset, user)) == recommender.recommend(ids(dataset, user))


@pytest.mark.slow
def test_another_process_gives_the_same_list(dataset, saved):
    recommender, folder = saved
    history = ids(dataset, 0)
    code = (
        "import json, sys, torch, prismrec as pr\n"
        "torch.set_num_threads(1)\n"  # as in this process: sums depend on the number of threads
        "answer = pr.load(sys.argv[1]).recommend(json.loads(sys.argv[2]), k=6)\n"
        "print(json.dumps([[item.id, item.score] for item in answer]))"
    )
    command = [sys.executable, "-c", code, str(folder), json.dumps(history)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    expected = [[item.id, item.score] for item in recommender.recommend(history, k=6)]
    assert json.loads(run.stdout) == expected


def test_nothing_in_the_folder_is_pickled(saved):
    _, folder = saved
    assert not [path for path in folder.rglob("*") if path.suffix in (".pt", ".pkl", ".pth")]
    for path in folder.rglob("*.*"):
        assert not path.read_bytes().startswith(b"\x80")


PARTS = ["model.safetensors", "items.parquet", "categories.parquet", "index/vectors.npy"]


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("fault", ["absent", "truncated", "of another artifact"])
def test_a_missing_or_damaged_file_is_named_in_the_error(saved, name, fault):
    _, folder = saved
    path = folder / name
    if fault == "absent":
        path.unlink()
    elif fault == "truncated":
        path.write_bytes(path.read_bytes()[:-5])
    else:
        path.write_bytes(path.read_bytes()[::-1])
    with pytest.raises(DataError, match=name):
        load(folder)


def test_weights_that_are_not_numbers_are_refused(dataset, tmp_path):
    recommender = untrained(dataset)
    save(recommender, tmp_path / "a")
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_text())
    weights, _ = read_tensors(tmp_path / "a" / "model.safetensors")
    weights["items.weight"][3, 0] = float("nan")
    save_tensors(tmp_path / "a" / "model.safetensors", weights, {})
    damaged = (tmp_path / "a" / "model.safetensors").read_bytes()
    manifest["sha256"]["model.safetensors"] = hashlib.sha256(damaged).hexdigest()
    (tmp_path / "a" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match=r"not finite in items\.weight"):
        load(tmp_path / "a")


def test_an_artifact_with_options_of_an_earlier_version_loads(dataset, saved):
    recommender, folder = saved
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["model"]["sparse"] = True
    del manifest["model"]["mask_history_negatives"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    again = load(folder)
    assert again.model.options == recommender.model.options
    assert again.recommend(ids(dataset, 0)) == recommender.recommend(ids(dataset, 0))


@pytest.mark.parametrize("part", ["model", "extractor"])
@pytest.mark.parametrize(
    ("name", "value"), [("novelty", True), ("dropout", 7), ("dim", None), ("interests", 10**30)]
)
def test_a_model_that_cannot_be_built_is_refused(saved, part, name, value):
    _, folder = saved
    manifest = json.loads((folder / "manifest.json").read_text())
    options = manifest["model"] if part == "model" else manifest["extractor"]["options"]
    options[name] = value
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match=r"manifest\.json describes a model .* train again"):
        load(folder)


@pytest.mark.parametrize("change", [{"format": "other"}, {"version": 99}])
def test_another_format_is_refused(saved, change):
    _, folder = saved
    manifest = json.loads((folder / "manifest.json").read_text()) | change
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match="reads prismrec-artifact, version 3"):
        load(folder)


def test_a_folder_without_an_artifact_is_refused_and_not_overwritten(dataset, tmp_path):
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(DataError, match="No artifact"):
        load(tmp_path)
    with pytest.raises(DataError, match="contains something else"):
        save(untrained(dataset), tmp_path)
    assert (tmp_path / "letters.txt").read_text() == "dear"


def test_hidden_items_and_the_kind_of_index_are_saved(dataset, tmp_path):
    history = ids(dataset, 0)
    recommender = untrained(dataset)
    top = recommender.recommend(history, 1).items[0].id
    parts = ShardedIndex([recommender.index])
    save(Recommender(recommender.model, parts, dataset.catalog).with_hidden([top]), tmp_path / "a")
    again = load(tmp_path / "a")
    assert again.index.kind == "sharded"
    assert top not in [item.id for item in again.recommend(history, 20)]


def test_an_index_of_another_artifact_is_refused(dataset, tmp_path):
    save(untrained(dataset), tmp_path / "a")
    save(untrained(dataset, interests=2), tmp_path / "b")
    shutil.rmtree(tmp_path / "a" / "index")
    shutil.copytree(tmp_path / "b" / "index", tmp_path / "a" / "index")
    with pytest.raises(DataError, match="index"):
        load(tmp_path / "a")


def test_saving_again_replaces_the_artifact(dataset, saved):
    _, folder = saved
    other = untrained(dataset, interests=2)
    save(other, folder)
    assert load(folder).model.extractor.interests == 2
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


@pytest.mark.parametrize("fails", [False, True])
def test_an_artifact_that_is_replaced_while_it_is_read_is_read_again(
    dataset, saved, monkeypatch, fails
):
    _, folder = saved
    other, read, calls = (
        untrained(dataset, interests=2).with_hidden(ids(dataset, 0)[:1]),
        read_model,
        [],
    )

    def replaced(*arguments):
        if not calls:
            save(other, folder)
        calls.append(arguments)
        if fails and len(calls) == 1:
            raise FileNotFoundError(folder)
        return read(*arguments)

    monkeypatch.setattr("prismrec.recommend.artifact.read_model", replaced)
    loaded = load(folder)
    assert len(calls) == 2
    assert loaded.hidden == other.hidden
    assert loaded.recommend(ids(dataset, 1)) == other.recommend(ids(dataset, 1))


def test_an_artifact_that_is_replaced_again_and_again_is_refused(saved, monkeypatch):
    recommender, folder = saved

    def replaced(*arguments):
        save(recommender, folder)
        return read_model(*arguments)

    monkeypatch.setattr("prismrec.recommend.artifact.read_model", replaced)
    with pytest.raises(DataError, match=r"another artifact replaced it 3 times .* load it again"):
        load(folder)


def test_saving_may_replace_an_artifact_of_an_older_version(dataset, saved):
    recommender, folder = saved
    manifest = json.loads((folder / "manifest.json").read_text()) | {"version": 1}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    save(recommender, folder)
    assert load(folder).recommend(ids(dataset, 0)) == recommender.recommend(ids(dataset, 0))


class Newest(Extractor):
    """Return the vector of the newest item as the only interest."""

    single = True

    def forward(self, items, mask):
        self.check_length(mask)
        weights = torch.zeros_like(mask, dtype=items.dtype)
        weights[torch.arange(len(mask)), (mask.sum(1) - 1).clamp(min=0)] = 1
        weights = (weights * mask)[:, None]
        return without_prior(weights @ items, weights)


def test_an_external_extractor_is_passed_by_the_caller_and_never_imported(dataset, tmp_path):
    model = Model(dataset.catalog.size, Newest(dim=4, interests=1, max_len=6))
    recommender = Recommender.exact(model, dataset.catalog)
    save(recommender, tmp_path / "a")
    with pytest.raises(DataError, match="pass its class"):
        load(tmp_path / "a")
    again = load(tmp_path / "a", extractor=Newest)
    assert again.recommend(ids(dataset, 0)) == recommender.recommend(ids(dataset, 0))


def test_a_trained_model_is_no_recommender(tmp_path):
    with pytest.raises(ConfigError, match=r"but must be a Recommender; pass trained\.recommender"):
        save(object(), tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_numbers_of_numpy_are_saved(dataset, tmp_path):
    recommender = untrained(dataset)
    recommender.model.options["temperature"] = np.float32(1)
    save(recommender, tmp_path / "a", about={"recall": np.float64(0.5), "ks": np.array([1])})
    assert load(tmp_path / "a").recommend(ids(dataset, 0)) == recommender.recommend(ids(dataset, 0))


@pytest.mark.parametrize(
    ("about", "sentence"),
    [
        ([1], r"about is \[1\], but must be a mapping"),
        ({"when": date(2020, 1, 1)}, r"about\['when'\] is of type date, which is no JSON"),
        ({"a": [{"b": Path("x")}]}, r"about\['a'\]\[0\]\['b'\] is of type \w+, which is no JSON"),
        ({"a": [math.nan]}, r"about\['a'\]\[0\] is nan, which is no JSON"),
        ({"a": {(1, 2): 3}}, r"A key of about\['a'\] is \(1, 2\), which is no JSON"),
        ({"run": {"dim": 8}}, "about has an entry 'run', but the record of the training has one"),
    ],
)
def test_information_that_is_no_json_or_replaces_the_record_is_refused(
    dataset, tmp_path, about, sentence
):
    recommender = replace(untrained(dataset), about={"run": {"dim": 4}})
    with pytest.raises(ConfigError, match=sentence):
        save(recommender, tmp_path / "a", about=about)
    assert not (tmp_path / "a").exists()
    save(recommender, tmp_path / "a", about={"run": {"dim": 4}, "report": 1})
    assert load(tmp_path / "a").about == {"run": {"dim": 4}, "report": 1}


def test_a_record_that_is_no_mapping_is_refused(dataset):
    with pytest.raises(ConfigError, match="about is None, but must be a mapping"):
        replace(untrained(dataset), about=None)


@pytest.mark.parametrize(
    "run",
    [{"tags": [None]}, {"options": ["a"]}, {"deep": {"a": None}}, "nightly", None],
)
def test_settings_that_fit_did_not_state_are_not_written_as_toml(dataset, tmp_path, run):
    recommender = replace(untrained(dataset), about={"run": run})
    save(recommender, tmp_path / "a")
    assert load(tmp_path / "a").about == {"run": run}
    save(untrained(dataset), tmp_path / "b", about={"run": {"dim": 8}})
    assert not list(tmp_path.glob("*/run.toml"))


@pytest.mark.parametrize("start", [{"chosen_again": None}, {"from": None}, "x"])
def test_the_settings_are_written_also_with_another_start(dataset, tmp_path, start):
    about = {"run": {"dim": 8, "options": {"clusters": 3}, "loss": None}, "start": start}
    save(replace(untrained(dataset), about=about), tmp_path / "a")
    text = (tmp_path / "a" / "run.toml").read_text()
    assert tomllib.loads(text) == {"dim": 8, "set": ["clusters=3"]}


@pytest.mark.parametrize("part", ["extractor", "index"])
def test_classes_of_artifacts_are_checked_when_they_are_named(part):
    for wrong in (dict, 5, "pathlib:Path"):
        with pytest.raises(ConfigError, match=part):
            ArtifactClasses(**{part: wrong})
    table = {"extractor": EXTRACTORS, "index": INDEXES}[part]
    own = next(iter(table.values()))
    assert getattr(ArtifactClasses(**{part: own}), part) is own
