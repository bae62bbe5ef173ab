"""An index on disk: whole or not at all, and refused where it is another's."""

import json

import numpy as np
import pytest

from prismrec.errors import ConfigError, DataError
from prismrec.index import ExactIndex, Sharded, load_index

VECTORS = np.eye(4, dtype=np.float32)
INDEX = ExactIndex.build(VECTORS, np.arange(1, 5))


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(DataError, match="something else is there"):
        INDEX.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_failed_save_leaves_the_former_index_and_nothing_beside_it(tmp_path, monkeypatch):
    INDEX.save(tmp_path / "index")

    def full(*_, **__):
        raise OSError("no space left on device")

    monkeypatch.setattr("prismrec.index.exact.np.save", full)
    with pytest.raises(OSError, match="no space"):
        ExactIndex.build(VECTORS[:2], np.arange(1, 3)).save(tmp_path / "index")
    assert [path.name for path in tmp_path.iterdir()] == ["index"]
    assert len(load_index(tmp_path / "index")) == 4


def test_opening_maps_the_vectors_and_leaves_the_file_as_it_is(tmp_path):
    INDEX.save(tmp_path / "index")
    before = (tmp_path / "index" / "vectors.npy").read_bytes()
    opened = load_index(tmp_path / "index")
    opened.vectors[0] = 7
    assert (tmp_path / "index" / "vectors.npy").read_bytes() == before


def test_what_is_no_index_is_refused(tmp_path):
    with pytest.raises(DataError, match="No index at"):
        load_index(tmp_path)
    (tmp_path / "index.json").write_text("{")
    with pytest.raises(DataError, match="not JSON"):
        load_index(tmp_path)


@pytest.mark.parametrize(
    "change", [{"format": "prismrec-index-2"}, {"kind": "os:system"}, {"kind": None}]
)
def test_another_format_or_kind_is_refused_and_nothing_imported(tmp_path, change):
    INDEX.save(tmp_path / "index")
    header = tmp_path / "index" / "index.json"
    header.write_text(json.dumps({**json.loads(header.read_text()), **change}))
    with pytest.raises(DataError, match="build the index again"):
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


def test_arrays_of_two_indexes_are_refused(tmp_path):
    INDEX.save(tmp_path / "index")
    np.save(tmp_path / "index" / "ids.npy", np.arange(1, 4))
    with pytest.raises(DataError, match="damaged"):
        load_index(tmp_path / "index")


def test_shards_must_be_of_one_width_and_have_no_item_in_common():
    with pytest.raises(DataError, match="Item 1 is in two shards"):
        Sharded([INDEX, INDEX])
    other = ExactIndex.build(np.ones((1, 3), dtype=np.float32), np.array([9]))
    with pytest.raises(ConfigError, match=r"widths \[3, 4\]"):
        Sharded([INDEX, other])
    with pytest.raises(ConfigError, match="0 shards"):
        Sharded([])
