import json

import numpy as np
import polars as pl
import pytest

from event_logs import dataset_of, log_of
from prismrec.data.dataset import build_dataset
from prismrec.data.split import make_split
from prismrec.data.storage import load_dataset, load_split, read_dataset_manifest, save_dataset
from prismrec.errors import DataError


@pytest.fixture
def dataset():
    categories = [["x", "y"], ["y"], [], ["z"]]
    log = log_of([(f"u{e % 7}", f"i{e % 4}", e) for e in range(40)], category=categories * 10)
    return build_dataset(log)


@pytest.fixture
def folder(dataset, tmp_path):
    save_dataset(dataset, tmp_path / "some" / "data")
    return tmp_path / "some" / "data"


def test_what_is_saved_comes_back_the_same(dataset, folder):
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


def test_a_catalog_without_categories_comes_back(tmp_path):
    save_dataset(dataset_of({"u": "abc"}), tmp_path / "data")
    catalog = load_dataset(tmp_path / "data").catalog
    assert not len(catalog.category_ids)
    assert catalog.category_names == []


def test_arrays_are_mapped_and_not_read(folder):
    assert isinstance(load_dataset(folder).histories.items.base, np.memmap)


def test_only_the_data_set_is_left_where_it_was_written(dataset, folder):
    save_dataset(dataset, folder)  # in place of itself
    assert [path.name for path in folder.parent.iterdir()] == ["data"]
    assert (
        sorted(path.suffix for path in folder.iterdir())
        == [".json"] + [".npy"] * 3 + [".parquet"] * 3
    )


def test_a_data_set_that_is_open_can_be_written_in_its_own_place(dataset, folder):
    save_dataset(load_dataset(folder), folder)
    assert load_dataset(folder, verify=True).fingerprint == dataset.fingerprint


def test_the_split_follows_from_the_manifest(dataset, tmp_path):
    save_dataset(
        dataset, tmp_path / "d", split={"name": "by-user", "options": {"seed": 3, "test": 0.3}}
    )
    found = load_split(tmp_path / "d", load_dataset(tmp_path / "d"))
    assert found.how == make_split(dataset, "by-user", seed=3, test=0.3).how
    save_dataset(dataset, tmp_path / "d")
    assert load_split(tmp_path / "d", dataset).how.startswith("by-user, seed 0, 80/10/10")


def test_a_shuffled_item_map_is_refused(folder):
    items = pl.read_parquet(folder / "items.parquet")
    items.with_columns(pl.col("id").reverse()).write_parquet(folder / "items.parquet")
    with pytest.raises(DataError, match=r"users\.parquet or items\.parquet was changed"):
        load_dataset(folder)


def test_changed_events_are_found_when_asked_for(folder):
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


def test_arrays_of_objects_are_refused_unread(folder):
    np.save(folder / "items.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"items\.npy is missing or damaged"):
        load_dataset(folder)


def test_ids_that_are_floats_are_refused(folder):
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
def test_another_format_or_size_is_refused(folder, change, message):
    manifest = read_dataset_manifest(folder)
    (folder / "manifest.json").write_text(json.dumps({**manifest, **change}))
    with pytest.raises(DataError, match=message):
        load_dataset(folder)


@pytest.mark.parametrize("text", ["[]", "null", "5", '"x"'])
def test_a_manifest_that_is_no_object_is_refused(folder, text):
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
def test_a_key_of_the_manifest_that_is_absent_or_wrong_is_named(folder, key, value):
    manifest = read_dataset_manifest(folder)
    (folder / "manifest.json").write_text(json.dumps({**manifest, key: value}))
    with pytest.raises(DataError, match=rf"manifest\.json has {key} = .*, but it must be"):
        load_dataset(folder)
    del manifest[key]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match=rf"manifest\.json lacks {key} \("):
        load_dataset(folder)


@pytest.mark.parametrize("options", [{"test": "0.1"}, {"seed": -1}, {"seed": 1.5}])
def test_a_split_that_cannot_be_made_is_refused(dataset, tmp_path, options):
    save_dataset(dataset, tmp_path / "d", split={"name": "by-user", "options": options})
    with pytest.raises(DataError, match=r"manifest\.json has a split that is not possible"):
        load_split(tmp_path / "d", dataset)


@pytest.mark.parametrize(
    ("name", "table", "message"),
    [
        ("categories", {"title": ["x", "y", "z"]}, "name"),
        ("categories", {"name": ["x", "other"]}, "it lacks 'y'"),
        ("categories", {"name": ["x", "y", "z", "x"]}, "names a category twice"),
        ("categories", {"name": [1, 2, 3]}, "its column name holds Int64, not String"),
        ("users", {"id": [None, "a"]}, "its column id lacks 1 value"),
    ],
)
def test_a_table_of_something_else_is_named(folder, name, table, message):
    pl.DataFrame(table).write_parquet(folder / f"{name}.parquet")
    with pytest.raises(DataError, match=rf"{name}\.parquet is missing or damaged \(.*{message}"):
        load_dataset(folder)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pl.lit("many").alias("count"), "its column count holds String"),
        (-pl.col("count"), "a count is negative or a category null"),
        (pl.lit([None, "x"], dtype=pl.List(pl.String)).alias("categories"), "a category null"),
        (pl.lit("x").alias("categories"), "its column categories holds String"),
    ],
)
def test_items_of_something_else_are_named(folder, column, message):
    pl.read_parquet(folder / "items.parquet").with_columns(column).write_parquet(
        folder / "items.parquet"
    )
    with pytest.raises(DataError, match=rf"items\.parquet is missing or damaged \(.*{message}"):
        load_dataset(folder)


def test_offsets_that_fall_are_refused(folder):
    indptr = np.load(folder / "indptr.npy")
    indptr[2] = 10**9
    np.save(folder / "indptr.npy", indptr)
    with pytest.raises(DataError, match=r"indptr\.npy is missing or damaged \(its offsets are"):
        load_dataset(folder)


def test_no_data_set_at_all_is_said_so(tmp_path):
    with pytest.raises(DataError, match=r"No data set at .* make one with 'prismrec prepare'"):
        load_dataset(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(DataError, match="is not JSON"):
        load_dataset(tmp_path)
