"""Read Parquet files with differences: columns that some files lack, and time zones."""

from datetime import UTC, datetime

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from event_logs import PART, SECOND, rows, write_parts
from prismrec.data.events import read_events
from prismrec.data.item_content import read_item_content
from prismrec.data.items import read_items
from prismrec.data.lint import inspect_log
from prismrec.data.readers.columns import Columns, ItemColumns
from prismrec.data.readers.weighting import Weighting
from prismrec.errors import DataError


def test_optional_columns_may_be_missing_in_some_parquet_files(tmp_path):
    first = {**PART, "event": ["buy"], "genres": ["x|y"], "rating": [5]}
    log = read_events(write_parts(tmp_path, a=first, b={**PART, "time": [6]}))
    frame = log.frame.collect()
    assert frame["event"].to_list() == ["buy", ""]
    assert frame["category"].to_list() == [["x", "y"], []]
    assert inspect_log(log).rows_read == 2
    for columns in (
        Columns(event="event"), Columns(category="genres"),
        Columns(weighting=Weighting(column="rating")),
        Columns(weighting=Weighting(kinds={"buy": 2})),
    ):  # fmt: skip
        with pytest.raises(
            DataError, match=r"b\.parquet lacks the column '.*write it alike in all"
        ):
            read_events(tmp_path, columns=columns)
    write_parts(tmp_path, b={**PART, "event": [1]})
    with pytest.raises(DataError, match=r"b\.parquet has the column 'event' as Int64, but a\.parq"):
        read_events(tmp_path)


def test_columns_of_items_may_be_missing_in_some_parquet_files(tmp_path):
    first = {"item": ["a"], "title": ["A"], "price": [1.5]}
    items = read_items(
        write_parts(tmp_path, a=first, b={"item": ["b"]}), columns=ItemColumns(attributes=["all"])
    )
    assert items.frame["title"].to_list() == ["A", None]
    assert items.attributes["price"].to_list() == [1.5, None]
    for columns in (ItemColumns(title="title"), ItemColumns(attributes=["price"])):
        with pytest.raises(
            DataError, match=r"b\.parquet lacks the column '.*write it alike in all"
        ):
            read_items(tmp_path, columns=columns)


@pytest.mark.parametrize("zone", ["+05:30", "-0330", "GMT+3", "Z"])
def test_times_of_any_zone_are_read_as_utc(tmp_path, zone):
    moments = pa.array([5 * SECOND, 6 * SECOND], pa.timestamp("us", tz=zone))
    table = pa.table({"user": ["u", "v"], "item": ["a", "b"], "time": moments, "price": [1.5, 2]})
    pq.write_table(table, tmp_path / "log.parquet")
    expected = [("u", "a", 5 * SECOND), ("v", "b", 6 * SECOND)]
    for source in (tmp_path / "log.parquet", table):
        assert rows(read_events(source)) == expected
    in_order = read_events(tmp_path / "log.parquet", columns=Columns(order="file"))
    assert in_order.frame.select("time").collect().height == 2
    pq.write_table(table.append_column("seen", moments).drop("time"), tmp_path / "items.parquet")
    items = read_items(tmp_path / "items.parquet", columns=ItemColumns(attributes=["price"]))
    assert items.attributes["price"].to_list() == [1.5, 2]
    assert read_item_content(tmp_path / "items.parquet").width == 1


def test_files_of_several_zones_and_folders_are_one_log(tmp_path):
    parts = {"event=buy": ("+05:30", "u"), "event=view": ("UTC", None)}
    for folder, (zone, user) in parts.items():
        moments = pa.array([5 * SECOND], pa.timestamp("us", tz=zone))
        table = pa.table({"item": ["a"], "time": moments, "user": pa.array([user], pa.string())})
        (tmp_path / folder).mkdir()
        pq.write_table(table, tmp_path / folder / "p.parquet")
    write_parts(tmp_path, **{"event=view/q": {"item": ["b"], "time": [None], "user": ["w"]}})
    with pytest.raises(DataError, match=r"q\.parquet has the column 'time' as Null"):
        read_events(tmp_path)
    write_parts(tmp_path, **{"event=view/q": {**PART, "time": [datetime(1970, 1, 1, tzinfo=UTC)]}})
    log = read_events(tmp_path)
    assert log.frame.sort("event").collect().rows() == [
        ("u", "a", 5 * SECOND, "buy"), ("u", "a", 0, "view")
    ]  # fmt: skip
    assert log.rejected[0].examples == (
        f"{tmp_path}/event=view/p.parquet: ,a,1970-01-01 00:00:05.000000+00:00",
    )


def test_pandas_frames_have_times_of_any_zone():
    times = pd.Series([5, 6]).astype("datetime64[s, UTC]").dt.tz_convert("+05:30")
    frame = pd.DataFrame({"user": ["u", "v"], "item": ["a", "b"], "time": times})
    arrow = frame.astype({"time": pd.ArrowDtype(pa.timestamp("us", tz="+05:30"))})
    for each in (frame, arrow):
        assert [time for *_, time in rows(read_events(each))] == [5 * SECOND, 6 * SECOND]
    assert str(frame["time"].dtype) == "datetime64[s, UTC+05:30]"
