"""Refuse manifests and files that are well-formed but wrong, with an error that names them.

A test that changes a file also updates its hash, because a wrong hash alone would be refused.
"""

import hashlib
import json
import os
import shutil

import numpy as np
import polars as pl
import pytest
import torch

from prismrec.errors import DataError
from prismrec.recommend import load, read_artifact_manifest, save, saved_model
from prismrec.retrieval.index import ExactIndex
from prismrec.retrieval.rules import RuleRetriever
from worlds import ids, untrained


@pytest.fixture
def folder(dataset, tmp_path):
    save(untrained(dataset), tmp_path / "books")
    return tmp_path / "books"


@pytest.fixture
def folder_with_rules(dataset, tmp_path):
    made = RuleRetriever.count(
        dataset.histories, dataset.catalog.size, backward=0.5, alpha=0.5, beta=0.5, weight=0.2
    )
    save(untrained(dataset).with_rules(made), tmp_path / "ruled")
    return tmp_path / "ruled"


def change(folder, **changed):
    manifest = json.loads((folder / "manifest.json").read_text()) | changed
    (folder / "manifest.json").write_text(json.dumps(manifest))


def update_hashes(folder):
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".json"]
    files += folder.glob("index/**/index.json")
    hashes = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }
    change(folder, sha256=hashes)


def refused(folder):
    """Check that both functions refuse the manifest with the same error; return its message."""
    with pytest.raises(DataError) as error:
        read_artifact_manifest(folder)
    with pytest.raises(DataError) as loading:
        load(folder)
    assert str(loading.value) == str(error.value)
    assert str(folder / "manifest.json") in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("text", ["[]", "null", '"x"', "5"])
def test_a_manifest_that_is_not_a_json_object_is_refused(folder, text):
    (folder / "manifest.json").write_text(text)
    assert "but must be an object; restore the whole folder or train again." in refused(folder)


def test_a_very_deeply_nested_manifest_is_refused(folder):
    (folder / "manifest.json").write_text("[" * 100_000)
    with pytest.raises(DataError, match="No artifact at"):
        load(folder)


@pytest.mark.parametrize(
    "key", ["sha256", "rules", "hidden", "provisional", "model", "extractor", "items", "about"]
)
def test_a_missing_key_is_named(folder, key):
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest[key]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert f"manifest.json lacks {key} (" in refused(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("items", "40"), ("items", 40.0), ("items", 0), ("items", True),
        ("hidden", [41]), ("hidden", [0]), ("hidden", [-1]), ("hidden", ["a"]), ("hidden", [True]),
        ("hidden", [[1]]), ("hidden", None), ("hidden", "abc"), ("hidden", [1.0]),
        ("provisional", [41]), ("provisional", "abc"), ("provisional", {}),
        ("sha256", None), ("sha256", []), ("sha256", {"items.parquet": 5}),
        ("rules", True), ("rules", {}), ("rules", {"weight": "x"}), ("rules", {"weight": True}),
        ("rules", {"weight": float("inf")}),
        ("model", None), ("model", []), ("about", None), ("about", []),
        ("extractor", None), ("extractor", {"class": [], "options": {}}),
        ("extractor", {"class": "sa", "options": [1]}), ("extractor", {"class": "sa"}),
    ],
)  # fmt: skip
def test_a_value_of_a_wrong_type_is_named(folder, key, value):
    change(folder, **{key: value})
    sentence = refused(folder)
    assert f"manifest.json has {key} = {json.dumps(value)}, but it must be " in sentence
    assert sentence.endswith("; restore the whole folder or train again.")


def test_a_long_value_is_shortened_in_the_error(folder):
    change(folder, hidden=[41] * 1_000)
    assert len(refused(folder)) < 400


def test_the_first_and_last_item_of_the_catalog_may_be_hidden(folder, dataset):
    change(folder, hidden=[1, 40], provisional=[40])
    found = load(folder)
    assert found.hidden == {1, 40}
    assert len(found.recommend(ids(dataset, 0), 40)) > 0


def test_a_wrong_number_of_items_is_refused(folder):
    for items in (39, 41, 10**15):
        change(folder, items=items)
        with pytest.raises(DataError, match=rf"gives items as {items}, but .*parquet holds 40;"):
            load(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "items.parquet", "index/ids.npy"])
def test_a_file_without_a_hash_is_refused(folder, name):
    hashes = read_artifact_manifest(folder)["sha256"]
    del hashes[name]
    change(folder, sha256=hashes)
    assert f"has no hash of {name} in its sha256" in refused(folder)


@pytest.mark.parametrize("name", ["../books/items.parquet", "/etc/hostname", "a" * 5_000, "a\0b"])
def test_a_hash_of_a_file_that_is_not_part_of_the_artifact_is_refused(folder, name):
    change(folder, sha256={**read_artifact_manifest(folder)["sha256"], name: "00"})
    assert "in its sha256, but there is no such file" in refused(folder)


def test_an_extra_file_in_the_index_folder_is_refused(folder):
    (folder / "index" / "extra.pkl").write_bytes(b"\x80")
    assert "has no hash of index/extra.pkl" in refused(folder)
    (folder / "index" / "extra.pkl").unlink()
    (folder / "notes.txt").write_text("what is not loaded may lie there")
    load(folder)


def test_rules_are_hashed_too(folder_with_rules, dataset):
    assert load(folder_with_rules).rules.weight == 0.2
    hashes = read_artifact_manifest(folder_with_rules)["sha256"]
    change(folder_with_rules, sha256={n: h for n, h in hashes.items() if n != "rules/data.npy"})
    assert "has no hash of rules/data.npy" in refused(folder_with_rules)
    change(folder_with_rules, sha256=hashes, rules=None)
    assert "has a hash of rules/data.npy" in refused(folder_with_rules)


@pytest.mark.parametrize("fault", ["beyond the catalog", "of another catalog", "no array"])
def test_rules_that_do_not_fit_the_catalog_are_refused(folder_with_rules, fault):
    path = folder_with_rules / "rules" / "indices.npy"
    indices = np.load(path)
    if fault == "beyond the catalog":
        np.save(path, np.where(np.arange(len(indices)) == 3, 10**6, indices).astype(indices.dtype))
    elif fault == "of another catalog":
        indptr = np.load(folder_with_rules / "rules" / "indptr.npy")
        np.save(folder_with_rules / "rules" / "indptr.npy", np.append(indptr, indptr[-1]))
    else:
        path.write_bytes(b"")
    update_hashes(folder_with_rules)
    with pytest.raises(
        DataError, match=r"rules at .* are damaged|indices\.npy is missing or damaged"
    ):
        load(folder_with_rules)


def test_an_index_of_another_width_is_refused(folder):
    vectors = np.load(folder / "index" / "vectors.npy")
    np.save(folder / "index" / "vectors.npy", vectors[:, :5])
    update_hashes(folder)
    with pytest.raises(DataError, match=r"index has vectors of width 5 .* width 8"):
        load(folder)


def test_an_index_with_items_that_are_not_in_the_catalog_is_refused(folder):
    shutil.rmtree(folder / "index")
    ExactIndex.build(np.eye(8, dtype=np.float32), np.arange(34, 42)).save(folder / "index")
    update_hashes(folder)
    with pytest.raises(DataError, match=r"items up to 41, but .* items up to 40"):
        load(folder)


def test_an_index_with_values_that_are_not_finite_is_refused(folder):
    vectors = np.load(folder / "index" / "vectors.npy")
    vectors[3] = np.nan
    np.save(folder / "index" / "vectors.npy", vectors)
    update_hashes(folder)
    with pytest.raises(
        DataError, match=r"index is damaged \(the vector of item 4 contains a number"
    ):
        load(folder)


@pytest.mark.parametrize(
    ("name", "column", "message"),
    [
        ("categories", pl.lit("other").alias("name"), "categories.parquet .*category twice|lacks"),
        ("items", pl.lit("x").alias("count"), "its column count is String, not Int64"),
        ("items", pl.lit(-5, dtype=pl.Int64).alias("count"), "a count is negative"),
        ("items", pl.lit(None, dtype=pl.String).alias("title"), "its column title lacks 40"),
    ],
)
def test_an_inconsistent_catalog_is_refused(folder, name, column, message):
    path = folder / f"{name}.parquet"
    pl.read_parquet(path).with_columns(column).write_parquet(path)
    update_hashes(folder)
    with pytest.raises(DataError, match=message):
        load(folder)


def test_a_model_too_large_for_any_memory_is_refused(folder):
    made = read_artifact_manifest(folder)["extractor"]
    change(folder, extractor={**made, "options": {**made["options"], "dim": 10**9}})
    with pytest.raises(DataError, match="does not fit the model of manifest"):
        load(folder)


def test_saving_may_replace_an_artifact_with_a_wrong_manifest(folder, dataset):
    change(folder, hidden=None)
    save(untrained(dataset), folder)
    assert load(folder).hidden == frozenset()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 10**30), ("temperature", 1e-320), ("temperature", 10**400),
        ("normalized", "x"), ("normalized", 3), ("normalized", float("nan")),
        ("similarity", []), ("tie_embeddings", 0), ("dropout", None), ("forming", 5),
        ("forming", {}), ("forming", {"clusters": 1e308, "whole_weight": 0.5}),
        ("forming", {"clusters": 2**31, "whole_weight": 0.5}), ("mask_history_negatives", "no"),
    ],
)  # fmt: skip
def test_an_option_of_the_model_that_cannot_work_is_refused(folder, name, value):
    options = read_artifact_manifest(folder)["model"] | {name: value}
    change(folder, model=options)
    with pytest.raises(DataError, match=rf"model\.{name} = |cannot build \(.*{name}|to be formed"):
        load(folder)


@pytest.mark.parametrize(
    "name", ["similarity", "temperature", "dropout", "normalized", "tie_embeddings"]
)
def test_an_option_without_which_scores_would_change_is_required(folder, name):
    options = read_artifact_manifest(folder)["model"]
    del options[name]
    change(folder, model=options)
    with pytest.raises(DataError, match=rf"manifest\.json lacks model\.{name} \("):
        load(folder)


@pytest.mark.parametrize(
    ("name", "value"), [("dim", 9), ("max_len", 60), ("hidden", 33), ("interests", 7)]
)
def test_shapes_are_compared_before_a_model_is_built(folder, monkeypatch, name, value):
    build = saved_model._build

    def build_without_memory(*arguments):
        assert torch.get_default_device().type == "meta"
        with torch.device("cpu"):  # the first model on "meta" takes seconds
            return build(*arguments)

    monkeypatch.setattr(saved_model, "_build", build_without_memory)
    made = read_artifact_manifest(folder)["extractor"]
    change(folder, extractor={**made, "options": {**made["options"], name: value}})
    monkeypatch.setattr(saved_model, "LARGE", 0)
    with pytest.raises(
        DataError, match=r"does not fit the model of manifest\.json \(.* is \("
    ) as e:
        load(folder)
    assert len(str(e.value)) < 400


@pytest.mark.slow
def test_a_model_with_a_large_extractor_is_refused_without_its_memory(folder):
    made = read_artifact_manifest(folder)["extractor"]
    change(folder, extractor={**made, "options": {**made["options"], "hidden": 10**9}})
    with pytest.raises(DataError, match=r"does not fit the model of manifest\.json \(.* is \("):
        load(folder)


@pytest.mark.parametrize(("place", "value"), [(-1, 0), (0, 1), (3, 10**12), (3, -1), (5, -(2**63))])
def test_wrong_offsets_of_rules_are_refused(folder_with_rules, place, value):
    path = folder_with_rules / "rules" / "indptr.npy"
    indptr = np.load(path).astype(np.int64)
    indptr[place] = value
    np.save(path, indptr)
    update_hashes(folder_with_rules)
    with pytest.raises(DataError, match=r"rules at .* are damaged \(its offsets do not ascend"):
        load(folder_with_rules)


def test_a_pipe_in_the_place_of_a_file_is_refused(folder):
    (folder / "items.parquet").unlink()
    os.mkfifo(folder / "items.parquet")
    with pytest.raises(DataError, match=r"items\.parquet is missing or differs"):
        load(folder)
