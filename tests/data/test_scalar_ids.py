"""Ids are scalars, digit for digit, in every format; other values are refused by line."""

import json
from decimal import Decimal

import polars as pl
import pytest

from event_logs import good, rejected_lines, rows
from prismrec.data.events import read_events
from prismrec.data.items import read_items
from prismrec.errors import DataError

FINE = '{"user":"u","item":"a","time":5}'


def write_lines(write, *values, role="item"):
    fine = {"user": "u", "item": "a", "time": 5}
    return write(
        "\n".join([*[FINE] * 5, *(json.dumps(fine | {role: v}) for v in values)]), "l.jsonl"
    )


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (["a", "b"], "a list"), ([], "a list"), ([["a"]], "a list"), ([1], "a list"),
        ({"$oid": "5f"}, "an object"), ({}, "an object"), ({"$numberLong": "5"}, "an object"),
        (True, "true or false"), (False, "true or false"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("role", ["user", "item"])
@pytest.mark.slow
def test_json_values_that_are_no_scalars_are_refused_by_line(write, value, kind, role):
    log = read_events(write_lines(write, value, role=role))
    assert rejected_lines(log) == {f"{role} is {kind}, not an id": (1, (6,))}
    assert len(rows(log)) == 5
    if role == "item":
        items = read_items(write_lines(write, value))
        assert items.rejected[0].reason == f"item is {kind}, not an id"


@pytest.mark.parametrize(
    "text",
    ["[1]", '["a"]', "{}", '{"$oid":"5"}', "true", "false", "[", "1e5", "1.50", "-2.0", "{x"],
)
def test_text_that_looks_like_json_is_an_id(write, text):
    log = read_events(write_lines(write, text))
    assert rows(log)[-1][1] == text
    assert log.rejected == ()


@pytest.mark.parametrize(
    "number", ["12345678901234567890123", "-12345678901234567890", "1.50", "1e5", "1E-7", "0.10"]
)
@pytest.mark.slow
def test_json_numbers_keep_their_digits(write, number):
    path = write(FINE + f'\n{{"user":{number},"item":{number},"time":5}}', "log.jsonl")
    assert rows(read_events(path))[-1][:2] == (number, number)
    assert read_items(path).frame["item"].to_list() == ["a", number]


def test_dates_of_a_database_are_no_text(write):
    log = read_events(write_lines(write, {"$date": "2021-02-03T10:00:00Z"}, role="time"))
    assert rejected_lines(log) == {"time cannot be read": (1, (6,))}


@pytest.mark.parametrize(
    "ids",
    [
        pl.Series([Decimal("12345678901234567890123456789")], dtype=pl.Decimal(38, 0)),
        pl.Series([2**100], dtype=pl.Int128),
        pl.Series([-(2**100)], dtype=pl.Int128),
        pl.Series(["1" * 30], dtype=pl.Categorical),
    ],
)
def test_large_whole_numbers_are_ids(tmp_path, ids):
    frame = pl.DataFrame({"user": ids, "item": ids, "time": [5], "title": ["t"]})
    frame.write_parquet(tmp_path / "log.parquet")
    for source in (frame, tmp_path / "log.parquet"):
        assert rows(read_events(source))[0][:2] == (str(ids[0]), str(ids[0]))
        assert read_items(source).frame["item"].to_list() == [str(ids[0])]


@pytest.mark.parametrize(
    "ids",
    [
        pl.Series([Decimal("1.50")], dtype=pl.Decimal(38, 2)),
        pl.Series([["a", "b"]]), pl.Series([{"$oid": "5f"}]), pl.Series([True]),
        pl.Series([b"a"]), pl.Series([1.0]),
    ],
)  # fmt: skip
def test_columns_of_other_types_are_no_ids(tmp_path, ids):
    frame = pl.DataFrame({"user": ["u"], "item": ids, "time": [5]})
    frame.write_parquet(tmp_path / "log.parquet")
    for source in (frame, tmp_path / "log.parquet"):
        for read in (read_events, read_items):
            with pytest.raises(DataError, match=r"'item' .* cannot store ids exactly"):
                read(source)


def test_csv_ids_are_text_whatever_they_look_like(write):
    text = 'user,item,time\n"[1]","{""a"":1}",5\ntrue,1e5,6\n' + good(2)
    assert [row[:2] for row in rows(read_events(write(text)))][:2] == [
        ("[1]", '{"a":1}'), ("true", "1e5"),
    ]  # fmt: skip
