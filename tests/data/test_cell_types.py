"""Columns of Parquet files whose cells are no text: one sentence with the column and its type."""

import re

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
    (note,) = items.notes
    assert note.startswith(f"attribute extra: left out, {kind}")
    with pytest.raises(DataError, match=re.escape(f"'extra' of log.parquet is {kind}; choose")):
        read_items(path, columns=ItemColumns(attributes=["extra"]))


@pytest.mark.parametrize("kind", CELLS)
def test_columns_that_look_like_values_are_not_read(write_with, kind):
    log = read_events(write_with("rating", CELLS[kind]))
    assert not [each for each in inspect_log(log).warnings if each.name == "rating_column"]
