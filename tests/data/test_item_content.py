"""Read content vectors from files: formats, alignment by id, and hostile files."""

import io
import zipfile

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prismrec.data.item_content import ItemContent, read_item_content
from prismrec.errors import ConfigError, DataError

IDS = ["a", "b", "c"]
VECTORS = np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.0]])


def write(path, ids=IDS, vectors=VECTORS, **more):
    """Write vectors in the format of the ending of a name."""
    if path.suffix == ".npz":
        np.savez(path, ids=ids, vectors=vectors, **more)
    else:
        pl.DataFrame({"id": ids, "vector": np.asarray(vectors).tolist(), **more}).write_parquet(
            path
        )
    return path


@pytest.mark.parametrize("name", ["v.npz", "v.parquet"])
def test_both_formats_give_the_same_vectors(tmp_path, name):
    content = read_item_content(write(tmp_path / name))
    assert content.ids.to_list() == IDS
    assert content.vectors.dtype == np.float32
    assert np.array_equal(content.vectors, VECTORS)
    assert not content.rejected
    assert content.positions(pl.Series(["c", "x", "a"])).tolist() == [2, -1, 0]
    with pytest.raises(ValueError, match="read-only"):
        content.vectors[0] = 0


def test_columns_of_numbers_are_read_in_their_order(tmp_path):
    table = pl.DataFrame({"y": [1, 2], "item_id": [7, 8], "title": ["a", "b"], "x": [0.5, None]})
    table.write_parquet(tmp_path / "v.parquet")
    content = read_item_content(tmp_path / "v.parquet")
    assert content.ids.to_list() == ["7"]
    assert content.vectors.tolist() == [[1.0, 0.5]]
    assert content.rejected == {"with a value that is missing or not finite": 1}


def test_arrays_and_whole_numbers_as_ids_are_read(tmp_path):
    arrays = pl.Series(VECTORS.astype(np.float32), dtype=pl.Array(pl.Float32, 2))
    pl.DataFrame({"item": IDS, "v": arrays}).write_parquet(tmp_path / "v.parquet")
    assert np.array_equal(read_item_content(tmp_path / "v.parquet").vectors, VECTORS)
    for ids in (np.array([7, 8, 9]), np.array([b"7", b"8", b"9"])):
        assert read_item_content(write(tmp_path / "v.npz", ids)).ids.to_list() == ["7", "8", "9"]


def test_rows_that_cannot_be_used_are_dropped_and_counted(tmp_path):
    rows = [
        ("a", [1, 2]), ("b", [np.nan, 1]), ("b", [3, 4]), ("c", [np.inf, 1]), ("d", [0, 0]),
        ("a", [5, 6]), ("e", [1e300, 1]), ("", [1, 1]),
    ]  # fmt: skip
    ids, vectors = zip(*rows, strict=True)
    for name in ("v.npz", "v.parquet"):
        content = read_item_content(write(tmp_path / name, list(ids), np.array(vectors, float)))
        assert content.ids.to_list() == ["a", "b"]
        assert content.vectors.tolist() == [[1, 2], [3, 4]]
        assert content.rejected == {
            "without an id": 1,
            "with a value that is missing or not finite": 3,
            "of zeros only": 1,
            "of an id that occurred before": 1,
        }


def test_missing_lists_and_ids_are_counted(tmp_path):
    table = pl.DataFrame({"id": ["a", None, "c"], "v": [[1.0, 2.0], [1.0, 1.0], None]})
    table.write_parquet(tmp_path / "v.parquet")
    content = read_item_content(tmp_path / "v.parquet")
    assert content.ids.to_list() == ["a"]
    assert list(content.rejected.values()) == [1, 1]


def parquet(**columns):
    buffer = io.BytesIO()
    pl.DataFrame(columns).write_parquet(buffer)
    return buffer.getvalue()


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def archive(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in members.items():
            file.writestr(f"{name}.npy", data)
    return buffer.getvalue()


HUGE = b"\x93NUMPY\x01\x00v\x00" + (
    b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 1000000), }".ljust(117)
    + b"\n"
)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"id,v\na,1\n", "neither Parquet nor"),
        (b"", "neither Parquet nor"),
        (parquet(id=IDS, v=[[1.0], [1.0, 2.0], [1.0]]), "1 to 2 numbers"),
        (parquet(id=IDS, v=[[], [], []]), "no columns? of"),
        (parquet(id=IDS, v=[[1.0]] * 3, w=[[1.0]] * 3), "several columns of lists"),
        (parquet(id=IDS, v=["1,2"] * 3), "no column of lists"),
        (parquet(key=IDS, v=[[1.0]] * 3), "no column of ids"),
        (parquet(id=[1.0, 2.0, 3.0], v=[[1.0]] * 3), "no column of ids"),
        (parquet(id=IDS, v=[[float("nan")]] * 3), "no row that can be used"),
        (parquet(id=IDS, v=[[1.0]] * 3)[:-20], "cannot be read"),
        (npz(ids=IDS), "no array 'vectors'"),
        (npz(ids=IDS, vectors=VECTORS[:2]), "3 ids but 2 rows"),
        (npz(ids=IDS, vectors=VECTORS[0]), "1 dimensions"),
        (npz(ids=IDS, vectors=VECTORS.astype(complex)), "complex"),
        (npz(ids=IDS, vectors=np.ones((3, 9_000))), "width 9,000"),
        (npz(ids=IDS, vectors=np.ones((3, 0))), "width 0"),
        (npz(ids=[1.5, 2.5, 3.5], vectors=VECTORS), "one text or whole number"),
        (npz(ids=np.array([b"\xff"] * 3), vectors=VECTORS), "cannot be read"),
        (npz(ids=np.array(IDS, dtype=object), vectors=VECTORS), "cannot be read.*allow_pickle"),
        (npz(ids=np.array([]).astype(str), vectors=np.ones((0, 2))), "no rows at all"),
        (archive(ids=b"cos\nsystem\n(S'x'\ntR.", vectors=b""), "cannot be read"),
        (archive(ids=HUGE, vectors=HUGE), "cannot be read"),
        (npz(ids=IDS, vectors=VECTORS)[:-30], "neither|cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(tmp_path, data, match):
    path = tmp_path / "vectors"
    path.write_bytes(data)
    with pytest.raises(DataError, match=match) as caught:
        read_item_content(path)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_item_content(tmp_path / "none.npz")


def test_ids_in_memory_are_texts():
    with pytest.raises(ConfigError, match="must be a text"):
        ItemContent.of([1, 2, 3], VECTORS)


@given(st.permutations(range(6)))
@pytest.mark.slow
def test_the_order_of_rows_does_not_matter(order):
    ids = [f"i{n}" for n in range(6)]
    vectors = np.arange(1, 13, dtype=np.float32).reshape(6, 2)
    content = ItemContent.of([ids[n] for n in order], vectors[list(order)])
    places = content.positions(pl.Series(ids))
    assert np.array_equal(content.vectors[places], vectors)


def test_lists_and_tensors_are_read_as_arrays():
    for vectors in ([[1, 2], [3, 4]], torch.tensor([[1.0, 2.0], [3.0, 4.0]])):
        assert ItemContent.of(["a", "b"], vectors).vectors.tolist() == [[1, 2], [3, 4]]
    for vectors in ([[1, 2], [3]], torch.ones(2, 2, requires_grad=True)):
        with pytest.raises(DataError, match=r"which NumPy cannot read .*; give an array"):
            ItemContent.of(["a", "b"], vectors)
    with pytest.raises(DataError, match="give a table of real numbers"):
        ItemContent.of(["a", "b"], "vectors.npz")


def test_vectors_in_memory_are_no_path():
    with pytest.raises(ConfigError, match=r"of type DataFrame, .* write ItemContent\.of"):
        read_item_content(pl.DataFrame())
