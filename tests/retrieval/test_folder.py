"""Load indexes from disk: folders without an index and damaged indexes are refused."""

import io
import json
import os

import numpy as np
import pytest

from prismrec.errors import ConfigError, DataError
from prismrec.retrieval.index import ExactIndex, ShardedIndex, UpdatedIndex, load_index

VECTORS = np.eye(4, dtype=np.float32)
INDEX = ExactIndex.build(VECTORS, np.arange(1, 5))


def test_changes_to_loaded_vectors_do_not_change_the_file(tmp_path):
    INDEX.save(tmp_path / "index")
    before = (tmp_path / "index" / "vectors.npy").read_bytes()
    opened = load_index(tmp_path / "index")
    opened.vectors[0] = 7
    assert (tmp_path / "index" / "vectors.npy").read_bytes() == before


def test_a_folder_without_an_index_is_refused(tmp_path):
    with pytest.raises(DataError, match="No index at"):
        load_index(tmp_path)
    (tmp_path / "index.json").write_text("{")
    with pytest.raises(DataError, match="not JSON"):
        load_index(tmp_path)


@pytest.mark.parametrize(
    "change", [{"format": "prismrec-index-2"}, {"kind": "os:system"}, {"kind": None}]
)
def test_another_format_or_kind_is_refused_without_an_import(tmp_path, change):
    INDEX.save(tmp_path / "index")
    header = tmp_path / "index" / "index.json"
    header.write_text(json.dumps({**json.loads(header.read_text()), **change}))
    with pytest.raises(DataError, match="build the index again"):
        load_index(tmp_path / "index")


@pytest.mark.parametrize("text", ["[]", "null", "5", "[" * 100_000])
def test_a_header_that_is_not_a_json_object_is_refused(tmp_path, text):
    INDEX.save(tmp_path / "index")
    (tmp_path / "index" / "index.json").write_text(text)
    with pytest.raises(DataError, match=r"index.* build the index again\.$"):
        load_index(tmp_path / "index")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("parts", None), ("parts", -1), ("parts", "1"), ("parts", 1.0), ("parts", True),
        ("settings", None), ("settings", []), ("kind", ["exact"]),
    ],
)  # fmt: skip
def test_a_missing_or_wrong_key_of_the_header_is_named(tmp_path, key, value):
    INDEX.save(tmp_path / "index")
    path = tmp_path / "index" / "index.json"
    header = json.loads(path.read_text())
    path.write_text(json.dumps({**header, key: value}))
    with pytest.raises(DataError, match=rf"index\.json has {key} = .* but it must be"):
        load_index(tmp_path / "index")
    del header[key]
    path.write_text(json.dumps(header))
    with pytest.raises(DataError, match=rf"index\.json lacks {key} \("):
        load_index(tmp_path / "index")


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("ids", np.array([0, 2, 3, 4]), "do not ascend from 1"),
        ("ids", np.array([-5, 2, 3, 4]), "do not ascend from 1"),
        ("ids", np.array([4, 3, 2, 1]), "do not ascend from 1"),
        ("ids", np.array([1, 2, 2, 3]), "do not ascend from 1"),
        ("ids", np.array([1.0, 2.0, 3.0, 4.0]), "1 dimensions of float64"),
        ("ids", np.array([[1], [2], [3], [4]]), "2 dimensions of int64"),
        ("vectors", np.eye(4), "dimensions of float64"),
        ("vectors", np.ones(4, dtype=np.float32), "1 dimensions"),
        ("vectors", np.diag([1, 1, np.nan, 1]).astype(np.float32), "vector of item 3 .* finite"),
        ("vectors", np.diag([1, np.inf, 1, 1]).astype(np.float32), "vector of item 2 .* finite"),
    ],
)
def test_invalid_arrays_are_refused(tmp_path, name, array, message):
    INDEX.save(tmp_path / "index")
    np.save(tmp_path / "index" / f"{name}.npy", array)
    with pytest.raises(DataError, match=rf"damaged \(.*{message}.*\); build"):
        load_index(tmp_path / "index")


def test_values_that_are_not_finite_are_found_in_every_block(tmp_path, monkeypatch):
    monkeypatch.setattr("prismrec.retrieval.index.base.BLOCK", 3)
    INDEX.save(tmp_path / "index")
    np.save(tmp_path / "index" / "vectors.npy", np.diag([1, 1, 1, np.nan]).astype(np.float32))
    with pytest.raises(DataError, match="vector of item 4"):
        load_index(tmp_path / "index")


def test_parts_of_different_indexes_are_refused(tmp_path):
    changed = UpdatedIndex.of(INDEX).remove(np.array([2]))
    changed.save(tmp_path / "index")
    assert load_index(tmp_path / "index").ids.tolist() == [1, 3, 4]
    np.save(tmp_path / "index" / "gone.npy", np.array([9]))
    with pytest.raises(DataError, match="names items that are not in the index"):
        load_index(tmp_path / "index")
    changed.save(tmp_path / "index")
    ExactIndex.build(np.empty((0, 3), dtype=np.float32), np.empty(0, dtype=np.int64)).save(
        tmp_path / "index" / "part-1"
    )
    with pytest.raises(DataError, match="widths 4 and 3"):
        load_index(tmp_path / "index")
    path = tmp_path / "index" / "index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "parts": 1}))
    with pytest.raises(DataError, match="index is damaged"):
        load_index(tmp_path / "index")


@pytest.mark.parametrize("file", ["vectors.npy", "ids.npy"])
@pytest.mark.parametrize("damage", ["absent", "truncated", "pickled"])
def test_a_damaged_file_is_refused(tmp_path, file, damage):
    INDEX.save(tmp_path / "index")
    path = tmp_path / "index" / file
    if damage == "absent":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:-8])
    else:
        np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="damaged"):
        load_index(tmp_path / "index")


def claim_shape(path, shape):
    """Write a header with another shape, and keep the numbers."""
    array, numbers = np.load(path), io.BytesIO()
    header = {"descr": array.dtype.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(numbers, header)
    path.write_bytes(numbers.getvalue() + array.tobytes())


@pytest.mark.parametrize("shape", [(10**13, 4), (2**62, 2**62), (3, 4), (-1, 4), (4, -4)])
def test_a_shape_that_is_not_that_of_the_file_is_refused(tmp_path, shape):
    INDEX.save(tmp_path / "index")
    claim_shape(tmp_path / "index" / "vectors.npy", shape)
    with pytest.raises(DataError, match=r"vectors\.npy is missing or damaged \(.*(bytes|shape)"):
        load_index(tmp_path / "index")


@pytest.mark.parametrize("content", ["npz", "datetimes", "pipe"])
def test_a_file_that_is_not_such_an_array_is_refused(tmp_path, content):
    INDEX.save(tmp_path / "index")
    path = tmp_path / "index" / "ids.npy"
    path.unlink()
    if content == "npz":
        with path.open("wb") as file:
            np.savez(file, ids=np.arange(1, 5))
    elif content == "datetimes":
        np.save(path, np.arange(1, 5).astype("M8[s]"))
    else:
        os.mkfifo(path)
    with pytest.raises(DataError, match=r"ids\.npy is missing or damaged"):
        load_index(tmp_path / "index")


def test_excluded_items_ascend(tmp_path):
    UpdatedIndex.of(INDEX).remove(np.array([2, 3])).save(tmp_path / "index")
    np.save(tmp_path / "index" / "gone.npy", np.array([3, 3]))
    with pytest.raises(DataError, match="do not ascend"):
        load_index(tmp_path / "index")


def test_ids_of_another_index_are_refused(tmp_path):
    INDEX.save(tmp_path / "index")
    np.save(tmp_path / "index" / "ids.npy", np.arange(1, 4))
    with pytest.raises(DataError, match="damaged"):
        load_index(tmp_path / "index")


def test_shards_must_have_equal_widths_and_different_items():
    with pytest.raises(DataError, match="Item 1 is in two shards"):
        ShardedIndex([INDEX, INDEX])
    other = ExactIndex.build(np.ones((1, 3), dtype=np.float32), np.array([9]))
    with pytest.raises(ConfigError, match=r"widths \[3, 4\]"):
        ShardedIndex([INDEX, other])
    with pytest.raises(ConfigError, match="0 shards"):
        ShardedIndex([])


def test_an_updated_index_of_an_earlier_version_still_loads(tmp_path):
    UpdatedIndex.of(INDEX).remove(np.array([2])).save(tmp_path / "index")
    path = tmp_path / "index" / "index.json"
    header = json.loads(path.read_text())
    assert header["kind"] == "updated"
    path.write_text(json.dumps({**header, "kind": "changed"}))
    loaded = load_index(tmp_path / "index")
    assert isinstance(loaded, UpdatedIndex)
    assert loaded.ids.tolist() == [1, 3, 4]


def test_the_representation_of_an_index_is_one_short_line():
    assert repr(INDEX) == "ExactIndex(4 items, width 4)"
    updated = UpdatedIndex.of(INDEX).remove(np.array([2])).add(VECTORS[:1] * 2, np.array([2]))
    assert repr(updated) == "UpdatedIndex(ExactIndex(4 items, width 4), 1 added, 1 removed)"
    empty = ExactIndex.build(np.empty((0, 4), dtype=np.float32), np.empty(0, dtype=np.int64))
    sharded = ShardedIndex([INDEX, empty])
    assert repr(sharded) == "ShardedIndex(4 items, width 4, shards: exact, exact)"
