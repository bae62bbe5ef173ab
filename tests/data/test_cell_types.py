"""Columns of Parquet files whose cells are no text: one sentence with the column and its type."""

import re
from decimal import Decimal

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prismrec.data import Columns, ItemColumns, inspect_log, read_events, read_items
from prismrec.errors import DataError

ROWS = 6
CELLS = {
    "Map(String, String)": pa.array([[("k", "v")]] * ROWS, pa.map_(pa.string(), pa.string())),
    "Binary": pa.array([b"\xff\xfe"] * ROWS),
    "List(Binary)": pa.array([[b"\xff"]] * ROWS),
    "Duration(time_unit='ms')": pa.array([5] * ROWS, pa.duration("s")),
}
LISTS = {"List(String)": pa.array([["view"]] * ROWS)}
OBJECTS = {"Struct({'a': Int64})": pa.array([{"a": 1}] * ROWS)}


@pytest.fixture
def write_with(tmp_path):
    """Return a function that writes a Parquet log of six rows with another column."""

    def write(name, cells):
        path = tmp_path / "log.parquet"
        columns = {"user": ["u", "v"] * 3, "item": list("abcabc"), "time": range(1, ROWS + 1)}
        pq.write_table(pa.table({**columns, name: cells}), path)
        return path

    return write


@pytest.mark.parametrize("kind", CELLS)
def test_columns_that_are_no_categories_are_named(write_with, kind):
    path = write_with("tags", CELLS[kind])
    message = re.escape(f"The column 'tags' of log.parquet is {kind}, which cannot be read as ")
    with pytest.raises(DataError, match=message):
        read_events(path, columns=Columns(category="tags"))
    with pytest.raises(DataError, match=message):
        read_items(path, columns=ItemColumns(categories="tags"))


@pytest.mark.parametrize(("kind", "cells"), (CELLS | LISTS | OBJECTS).items())
def test_columns_that_are_no_kinds_of_events_or_titles_are_named(write_with, kind, cells):
    message = f"event column 'event' of log.parquet is {kind}; write it as text or numbers"
    for kept in ((), ("view",)):
        with pytest.raises(DataError, match=re.escape(message)):
            read_events(write_with("event", cells), keep_events=kept)
    with pytest.raises(DataError, match=re.escape(message.replace("event", "title"))):
        read_items(write_with("title", cells))


@pytest.mark.parametrize("kind", CELLS)
def test_columns_that_are_no_attributes_are_named_or_left_out(write_with, kind):
    path = write_with("extra", CELLS[kind])
    items = read_items(path, columns=ItemColumns(attributes=["all"]))
    assert list(items.attributes) == ["user", "time"]
    no_title, note = items.notes
    assert "no column of titles" in no_title
    assert note.startswith(f"attribute extra: left out, {kind}")
    with pytest.raises(DataError, match=re.escape(f"'extra' of log.parquet is {kind}; choose")):
        read_items(path, columns=ItemColumns(attributes=["extra"]))


@pytest.mark.parametrize("kind", CELLS)
def test_columns_that_look_like_values_are_not_read(write_with, kind):
    log = read_events(write_with("rating", CELLS[kind]))
    assert not [each for each in inspect_log(log).warnings if each.name == "rating_column"]


@pytest.mark.parametrize("kind", [pl.Categorical, pl.Enum(["2021-02-03", "2021-02-04"])])
def test_categorical_times_are_text(kind):
    frame = pl.DataFrame({"user": ["u", "v"], "item": ["a", "b"], "time": ["2021-02-03"] * 2})
    log = read_events(frame.with_columns(pl.col("time").cast(kind)))
    assert (log.rows_kept, log.time_unit) == (2, "date")


@pytest.mark.parametrize(
    ("time", "fault"), [(pa.float32(), "float32, which"), (pa.time64("us"), r"Time; write it as ")]
)
def test_columns_without_times_are_named(tmp_path, time, fault):
    path = tmp_path / "log.parquet"
    cells = pa.array([5] * 2, pa.int64()).cast(time)
    pq.write_table(pa.table({"user": ["u", "v"], "item": ["a", "b"], "time": cells}), path)
    with pytest.raises(DataError, match=f"^The time column 'time' of log.parquet is {fault}"):
        read_events(path)


@pytest.mark.parametrize("name", ["user", "item", "time", "event", "other"])
def test_decimals_of_too_many_digits_are_named(tmp_path, name):
    wide = pa.array([Decimal(1_612_346_400)] * 2, pa.decimal256(60, 0))
    columns = {"user": ["u", "v"], "item": ["a", "b"], "time": [5, 6], "event": ["x", "x"]}
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table({**columns, name: wide}), path)
    if name == "other":
        assert read_events(path).rows_kept == 2
        return
    sentence = rf"column '{name}' of log.parquet is Decimal\(precision=60, scale=0\)"
    with pytest.raises(DataError, match=sentence):
        read_events(path)
