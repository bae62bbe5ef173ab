"""Check that data sets are saved and loaded completely and that damaged files are errors."""

import json
import os
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from event_logs import dataset_of, log_of
from prismrec.data.dataset import build_dataset
from prismrec.data.saved_split import describe_protocol, load_split
from prismrec.data.split import Split, make_split, split_by_user
from prismrec.data.storage import load_dataset, read_dataset_manifest, save_dataset
from prismrec.errors import ConfigError, DataError, UnknownName


@pytest.fixture
def dataset():
    categories = [["x", "y"], ["y"], [], ["z"]]
    log = log_of([(f"u{e % 7}", f"i{e % 4}", e) for e in range(40)], category=categories * 10)
    return build_dataset(log)


@pytest.fixture
def folder(dataset, tmp_path):
    save_dataset(dataset, tmp_path / "some" / "data")
    return tmp_path / "some" / "data"


def test_a_loaded_data_set_equals_the_saved_one(dataset, folder):
    loaded = load_dataset(folder, verify=True)
    assert loaded.fingerprint == dataset.fingerprint
    assert loaded.how == dataset.how
    assert loaded.users.ids.to_list() == dataset.users.ids.to_list()
    for array in ("indptr", "items", "times"):
        np.testing.assert_array_equal(
            getattr(loaded.histories, array), getattr(dataset.histories, array)
        )
    for array in ("category_indptr", "category_ids", "count"):
        found, wanted = getattr(loaded.catalog, array), getattr(dataset.catalog, array)
        np.testing.assert_array_equal(found, wanted)
        assert found.dtype == wanted.dtype
    assert loaded.catalog.category_names == dataset.catalog.category_names
    assert loaded.catalog.titles.to_list() == dataset.catalog.titles.to_list()


def test_a_catalog_without_categories_is_loaded(tmp_path):
    save_dataset(dataset_of({"u": "abc"}), tmp_path / "data")
    catalog = load_dataset(tmp_path / "data").catalog
    assert not len(catalog.category_ids)
    assert catalog.category_names == []


def test_arrays_are_memory_mapped(folder):
    assert isinstance(load_dataset(folder).histories.items.base, np.memmap)


def test_no_temporary_files_remain(dataset, folder):
    save_dataset(dataset, folder)  # replaces the files that it reads
    assert [path.name for path in folder.parent.iterdir()] == ["data"]
    assert (
        sorted(path.suffix for path in folder.iterdir())
        == [".json"] + [".npy"] * 3 + [".parquet"] * 3
    )


def test_a_loaded_data_set_can_be_saved_to_its_own_folder(dataset, folder):
    save_dataset(load_dataset(folder), folder)
    assert load_dataset(folder, verify=True).fingerprint == dataset.fingerprint


def test_the_split_of_the_manifest_is_used(dataset, tmp_path):
    save_dataset(
        dataset, tmp_path / "d", split={"name": "by-user", "options": {"seed": 3, "test": 0.3}}
    )
    found = load_split(tmp_path / "d", load_dataset(tmp_path / "d"))
    assert found.how == make_split(dataset, "by-user", seed=3, test=0.3).how
    save_dataset(dataset, tmp_path / "d")
    assert load_split(tmp_path / "d", dataset).how.startswith("by-user, seed 0, 80/10/10")


def test_a_loaded_data_set_keeps_its_split(dataset, tmp_path):
    split = {"name": "by-user", "options": {"seed": 3}}
    save_dataset(dataset, tmp_path / "one", split=split)
    loaded = load_dataset(tmp_path / "one")
    assert describe_protocol(loaded.split) == describe_protocol(split)
    save_dataset(loaded, tmp_path / "two")
    assert load_split(tmp_path / "two", loaded).how == make_split(dataset, "by-user", seed=3).how


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("by-user", {"seed": np.int64(5), "history_share": 0.5}),
        ("leave-last-out", {}),
        ("by-time", {"test": 0.2}),
        ("by-time", {"valid_from": 3, "test_from": 5}),
    ],
)
def test_a_split_made_in_python_can_be_saved(dataset, tmp_path, name, options):
    split = make_split(dataset, name, **options)
    save_dataset(dataset, tmp_path / "d", split=split)
    loaded = load_dataset(tmp_path / "d")
    assert load_split(tmp_path / "d", loaded).how == split.how
    own = {"name": name, "options": options}
    assert describe_protocol(loaded.split) == describe_protocol(own)


@pytest.mark.parametrize(
    ("split", "error", "match"),
    [
        ({"name": "by_user", "options": {}}, UnknownName, "by_user"),
        ({"name": "by_user"}, ConfigError, "must be a split, or its name and options"),
        ("by-user", ConfigError, "must be a split, or its name and options"),
        ({"name": "by-user", "options": {"sed": 1}}, ConfigError, "has no option 'sed'"),
        ({"name": "by-user", "options": {"valid": 2}}, ConfigError, "valid is 2"),
    ],
)
def test_a_split_that_cannot_be_read_does_not_replace_a_folder(
    dataset, tmp_path, split, error, match
):
    save_dataset(dataset, tmp_path / "d", split={"name": "leave-last-out", "options": {}})
    before = (tmp_path / "d" / "manifest.json").read_bytes()
    with pytest.raises(error, match=match):
        save_dataset(dataset, tmp_path / "d", split=split)
    assert (tmp_path / "d" / "manifest.json").read_bytes() == before


def test_a_split_that_no_protocol_made_is_not_saved(dataset, tmp_path):
    by_hand = Split(dataset.histories, [], [], "people separated")
    with pytest.raises(ConfigError, match=r"people separated.* cannot be computed again"):
        save_dataset(dataset, tmp_path / "d", split=by_hand)


def test_a_folder_without_a_split_has_the_protocol_of_the_defaults():
    assert describe_protocol(None) == describe_protocol(
        {"name": "by-user", "options": {"seed": 0, "valid": 0.1}}
    )


def test_shuffled_item_ids_are_an_error(folder):
    items = pl.read_parquet(folder / "items.parquet")
    items.with_columns(pl.col("id").reverse()).write_parquet(folder / "items.parquet")
    with pytest.raises(DataError, match=r"users\.parquet or items\.parquet was changed"):
        load_dataset(folder)


def test_changed_events_are_found_with_verify(folder):
    times = np.load(folder / "times.npy")
    np.save(folder / "times.npy", times + 1)
    load_dataset(folder)
    with pytest.raises(DataError, match=r"times.npy was changed"):
        load_dataset(folder, verify=True)


@pytest.mark.parametrize(
    "name", ["users.parquet", "items.parquet", "categories.parquet", "items.npy", "times.npy"]
)
@pytest.mark.parametrize("damage", ["missing", "empty", "cut"])
def test_a_missing_or_damaged_file_is_named(folder, name, damage):
    path = folder / name
    whole = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(whole[: len(whole) - 9] if damage == "cut" else b"")
    with pytest.raises(DataError, match=rf"{name} is missing or damaged .*; prepare"):
        load_dataset(folder)


def test_arrays_of_objects_are_an_error(folder):
    np.save(folder / "items.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"items\.npy is missing or damaged"):
        load_dataset(folder)


def test_float_ids_are_an_error(folder):
    np.save(folder / "items.npy", np.load(folder / "items.npy").astype(np.float64))
    with pytest.raises(DataError, match="1 dimensions of float64"):
        load_dataset(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 9}, "version 9, but this prismrec"),
        ({"format": "something"}, "has format something"),
        ({"events": 7}, "has 40 events, but its manifest.json has 7"),
    ],
)
def test_another_format_or_size_is_an_error(folder, change, message):
    manifest = read_dataset_manifest(folder)
    (folder / "manifest.json").write_text(json.dumps({**manifest, **change}))
    with pytest.raises(DataError, match=message):
        load_dataset(folder)


@pytest.mark.parametrize("text", ["[]", "null", "5", '"x"'])
def test_a_manifest_that_is_not_an_object_is_an_error(folder, text):
    (folder / "manifest.json").write_text(text)
    with pytest.raises(
        DataError, match=r"manifest\.json contains .* must be an object; prepare it"
    ):
        load_dataset(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("users", "7"), ("items", 4.0), ("events", -1), ("events", True), ("how", None),
        ("fingerprint", 5), ("ids_fingerprint", None),
        ("split", "by-user"), ("split", []), ("split", {"options": {}}),
        ("split", {"name": "by-user"}), ("split", {"name": "by-user", "options": [1]}),
    ],
)  # fmt: skip
def test_a_missing_or_wrong_key_is_named(folder, key, value):
    manifest = read_dataset_manifest(folder)
    (folder / "manifest.json").write_text(json.dumps({**manifest, key: value}))
    with pytest.raises(DataError, match=rf"manifest\.json has {key} = .*, but it must be"):
        load_dataset(folder)
    del manifest[key]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match=rf"manifest\.json lacks {key} \("):
        load_dataset(folder)


@pytest.mark.parametrize("options", [{"test": "0.1"}, {"seed": -1}, {"seed": 1.5}])
def test_an_impossible_split_is_an_error(dataset, tmp_path, options):
    with pytest.raises(ConfigError):
        save_dataset(dataset, tmp_path / "d", split={"name": "by-user", "options": options})
    save_dataset(dataset, tmp_path / "d")
    path = tmp_path / "d" / "manifest.json"
    split = {"split": {"name": "by-user", "options": options}}
    path.write_text(json.dumps(json.loads(path.read_text()) | split))
    with pytest.raises(DataError, match=r"manifest\.json has a split that is not possible"):
        load_split(tmp_path / "d", dataset)


@pytest.mark.parametrize(
    ("name", "table", "message"),
    [
        ("categories", {"title": ["x", "y", "z"]}, "name"),
        ("categories", {"name": ["x", "other"]}, "it lacks 'y'"),
        ("categories", {"name": ["x", "y", "z", "x"]}, "contains a category twice"),
        ("categories", {"name": [1, 2, 3]}, "its column name is Int64, not String"),
        ("users", {"id": [None, "a"]}, "its column id lacks 1 value"),
    ],
)
def test_a_wrong_table_is_named(folder, name, table, message):
    pl.DataFrame(table).write_parquet(folder / f"{name}.parquet")
    with pytest.raises(DataError, match=rf"{name}\.parquet is missing or damaged \(.*{message}"):
        load_dataset(folder)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pl.lit("many").alias("count"), "its column count is String"),
        (-pl.col("count"), "a count is negative or a category null"),
        (pl.lit([None, "x"], dtype=pl.List(pl.String)).alias("categories"), "a category null"),
        (pl.lit("x").alias("categories"), "its column categories is String"),
    ],
)
def test_a_wrong_table_of_items_is_named(folder, column, message):
    pl.read_parquet(folder / "items.parquet").with_columns(column).write_parquet(
        folder / "items.parquet"
    )
    with pytest.raises(DataError, match=rf"items\.parquet is missing or damaged \(.*{message}"):
        load_dataset(folder)


def test_descending_offsets_are_an_error(folder):
    indptr = np.load(folder / "indptr.npy")
    indptr[2] = 10**9
    np.save(folder / "indptr.npy", indptr)
    with pytest.raises(DataError, match=r"indptr\.npy is missing or damaged \(its offsets are"):
        load_dataset(folder)


def test_a_missing_data_set_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"No data set at .* make one with 'prismrec prepare'"):
        load_dataset(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(DataError, match="is not JSON"):
        load_dataset(tmp_path)


@pytest.mark.parametrize("item", [2**40, -5, 5, 0])
def test_items_outside_of_the_catalog_are_an_error(folder, item):
    items = np.load(folder / "items.npy")
    items[3] = item
    np.save(folder / "items.npy", items)
    with pytest.raises(
        DataError, match=r"items\.npy .*item numbers are not all from 1 to 4\); pre"
    ):
        load_dataset(folder)


def test_items_are_checked_in_every_block(folder, monkeypatch):
    monkeypatch.setattr("prismrec.io.arrays.BLOCK", 7)
    items = np.load(folder / "items.npy")
    items[-1] = 0
    np.save(folder / "items.npy", items)
    with pytest.raises(DataError, match="item numbers are not all"):
        load_dataset(folder)


@pytest.mark.parametrize(("place", "value"), [(0, 1), (-1, 39), (3, 2**63 - 1), (3, -(2**63))])
def test_wrong_offsets_are_an_error(folder, place, value):
    indptr = np.load(folder / "indptr.npy")
    indptr[place] = value
    np.save(folder / "indptr.npy", indptr)
    with pytest.raises(DataError, match=r"indptr\.npy is missing or damaged \(its offsets are"):
        load_dataset(folder)


def test_another_number_of_times_is_an_error(folder):
    np.save(folder / "times.npy", np.load(folder / "times.npy")[:-1])
    with pytest.raises(DataError, match=r"times\.npy .*\(39 for 40 events\)"):
        load_dataset(folder)


def test_a_data_set_with_few_facts_has_a_representation(dataset):
    how = {"min_user_events": 5}
    assert "filters" not in repr(replace(dataset, how=how))


@pytest.mark.parametrize("name", ["manifest.json", "indptr.npy", "items.parquet"])
def test_a_pipe_is_not_read(folder, name):
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(DataError, match=f"{name} is not a regular file"):
        load_dataset(folder)


def test_numbers_of_numpy_are_saved(tmp_path):
    log = log_of([(user, item, time) for user in "abcdef" for time, item in enumerate("xyz")])
    dataset = build_dataset(log, min_user_events=np.int64(1), min_item_events=np.int8(1))
    json.dumps(dataset.how)
    split = {"name": "by-user", "options": {"seed": np.int64(4)}}
    save_dataset(dataset, tmp_path / "d", split=split)
    found = load_dataset(tmp_path / "d").split
    assert (found["name"], found["options"]["seed"]) == ("by-user", 4)


def test_a_split_whose_parts_were_replaced_is_not_saved(tmp_path):
    log = log_of([(user, item, time) for user in "abcdef" for time, item in enumerate("xyz")])
    dataset = build_dataset(log, min_user_events=1, min_item_events=1)
    with pytest.raises(ConfigError, match="parts were replaced"):
        save_dataset(dataset, tmp_path / "d", split=replace(split_by_user(dataset), valid=[]))
    assert not (tmp_path / "d").exists()
