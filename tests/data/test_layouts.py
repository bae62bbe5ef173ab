"""Find the layout of a text by many lines: titles, comments, tables that look like sequences."""

import bz2
import gzip
import io
import json
import zipfile

import polars as pl
import pyarrow as pa
import pytest

from event_logs import HEADER, SECOND, good, rejected_lines, rows
from prismrec.data.events import read_events
from prismrec.data.items import read_items
from prismrec.data.readers.columns import Columns
from prismrec.errors import DataError

ONE = [("u", "a", 5 * SECOND)]


@pytest.mark.parametrize(
    "above",
    ["# exported 2021\n", "# one\n\n#two, by: ann\n", "% a\n", "// a\n", "-- a\n", "\n", "sep=,\n",
     "SEP=,\r\n", '"# exported, 2021",,\n', "\ufeff# exported\n"],
)  # fmt: skip
@pytest.mark.parametrize("delimiter", [",", "\t", " "])
@pytest.mark.slow
def test_comments_above_a_header_are_skipped_and_reported(write, above, delimiter):
    if above.lower().startswith("sep"):
        above = above.replace(",", delimiter)
    text = above + "user,item,time\nu,a,5\nu,,6\nu,b,7\n".replace(",", delimiter)
    log = read_events(write(text))
    assert [row[1] for row in rows(log)] == ["a", "b"]
    assert log.rejected[0].lines == (text.split("\n").index(f"u{delimiter}{delimiter}6") + 1,)
    assert len(log.notes) == (above != "\n")


@pytest.mark.parametrize("above", ["My export, 2021", "Report of user activity", "a;b;c", "x"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";", " "])
def test_a_title_above_a_header_is_refused_with_both_lines(write, above, delimiter):
    text = f"{above}\n\nuser,item,time\nu,a,5\nv,b,6\n".replace(",", delimiter)
    with pytest.raises(DataError, match=r"header in line 3 .*below line 1 .*delete the lines"):
        read_events(write(text))
    with pytest.raises(DataError, match=r"header in line 2"):
        read_items(write(f"{above}\nitem{delimiter}title\na{delimiter}b\n", "items.csv"))


@pytest.mark.parametrize("row", ['"two\nlines",a,u,a,5', "x", ""])
def test_a_title_is_refused_whatever_the_first_row_is(write, row):
    path = write(f"My export\nnote,note,user,item,time\n{row}\na,a,u,a,5\n")
    with pytest.raises(DataError, match=r"header in line 2"):
        read_events(path)


def test_a_title_above_chosen_columns_is_refused(write):
    path = write("export\nwho,what,ts\nu,a,5\n")
    with pytest.raises(DataError, match=r"header in line 2"):
        read_events(path, columns=Columns(user="who", item="what"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# ids: user items\n1,10,5\n", [("1", "10", 5 * SECOND)]),
        ("# users and items\nu a b\nv c\n", [("u", "a", 0), ("u", "b", 1), ("v", "c", 0)]),
        ("#u a b\n#v c\n", [("#u", "a", 0), ("#u", "b", 1), ("#v", "c", 0)]),
        ("u a\n# note on b\nv c\n", [("u", "a", 0), ("v", "c", 0)]),
        ("# exported\n#user,item,time\nu,a,5\n", ONE),
        ("# user,item,time\nu,a,5\n", ONE),
    ],
)
def test_comments_above_rows_are_no_rows(write, text, expected):
    assert rows(read_events(write(text))) == expected


@pytest.mark.parametrize(
    "line",
    ["u a 1612346400 5", "u a 5 x y 1612346400", "u 1612346400 a", "u a 2021-02-03T10:00:00Z 5",
     "u a 5 2021-02-03 10:00:00", "u a 20210203T100000Z"],
)  # fmt: skip
@pytest.mark.parametrize("damage", ["", "u a\n"])
def test_tables_without_header_are_not_read_as_sequences(write, line, damage):
    path = write(f"{line}\n" * 12 + damage, "ratings.txt")
    with pytest.raises(DataError, match=r"looks like a time .*name the columns"):
        read_events(path)
    assert not read_events(path, delimiter=" ").has_time


def test_several_lines_per_user_of_one_width_are_a_table(write):
    with pytest.raises(DataError, match="several lines per first word, like a table"):
        read_events(write("u a 5\nu b 3\nv a 4\nv c 1\n", "ratings.txt"))
    assert read_events(write("u a 5\nv b 3\nw a 4\nx c 1\n", "s.txt")).rows_kept == 8


@pytest.mark.parametrize("line", ["1,978300760,10", "978300760,1,10", "1,2020-01-02,7"])
def test_three_columns_in_another_order_are_not_guessed(write, line):
    with pytest.raises(DataError, match="looks like times, but column_3 does not"):
        read_events(write(f"{line}\n{line}\n"))


@pytest.mark.parametrize("item", ["1,5", "2;7", "3|4"])
def test_ids_with_a_delimiter_do_not_make_sequences_a_table(write, item):
    text = f"u {item} {item}\nv a b\nw {item}\nx c d e\n"
    with pytest.raises(DataError, match="has no user column with a common name"):
        read_events(write(text))
    assert rows(read_events(write(text), delimiter=" "))[0] == ("u", item, 0)


def test_files_with_and_without_header_are_not_mixed(tmp_path, write):
    write("item,user,time\na,u,5\n", "logs/1.csv")
    write("1,10,6\n", "logs/2.csv")
    with pytest.raises(DataError, match=r"files with a header, and 2\.csv without one"):
        read_events(tmp_path / "logs")


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("user|item|time|note (a, b, c, d, e)", "u|a|5|x"),
        ("user,item,time,,", "u,a,5,,"),
        (",user,item,time", "0,u,a,5"),
        ("user,x,item,x,time, ,", "u,1,a,2,5,3,4"),
        ('user,item,time,"5"" pipe"', "u,a,5,x"),
    ],
)
def test_only_columns_of_a_role_need_a_name(write, header, row):
    assert rows(read_events(write(f"{header}\n{row}\n"))) == ONE


def test_two_columns_of_the_name_of_a_role_are_an_error(write):
    path = write("user,item,time,item\nu,a,5,b\n")
    with pytest.raises(DataError, match="two columns named 'item', and the item is read from it"):
        read_events(path)
    assert rows(read_events(path, columns=Columns(item="user")))[0][:2] == ("u", "u")
    with pytest.raises(DataError, match="two columns named 'item'"):
        read_items(write("item,item,title\na,b,c\n", "items.csv"))


@pytest.mark.parametrize("title", ['5" pipe', '5" x 6" pipe', 'pipe 5"', 'a"b"c', '"" pipe', 'x"'])
@pytest.mark.slow
def test_a_quote_inside_a_field_is_a_character(write, title):
    quoted = '"' + title.replace('"', '""') + '"'
    lines = [f"u,a,{title},5", "v,b,,6", f"w,c,{title},", f"x,d,{quoted},8", 'y,e,"a\nb",9']
    if title.startswith('"'):
        lines = [line.replace(f",{title},", f",{quoted},") for line in lines]
    log = read_events(write("user,item,title,time\n" + "\n".join([*lines, "z,,t,1"]) + "\n"))
    assert [row[0] for row in rows(log)] == ["u", "v", "x", "y"]
    assert rejected_lines(log) == {"time is missing": (1, (4,)), "item is missing": (1, (8,))}
    items = read_items(write("item,title\n" + f"a,{quoted}\nb,x{title}\n", "items.csv"))
    assert items.frame["title"].to_list() == [title, f"x{title}"]


@pytest.mark.parametrize("field", ['"x"y', '"x" ', '"x'])
def test_text_after_a_quoted_field_is_an_error_with_its_line(write, field):
    text = "user,item,title,time\nu,a,x,5\n" + f"u,a,{field},5\n" + "u,a,x,5\n"
    with pytest.raises(DataError, match="has a quote in line 3 that is not closed or is followed"):
        read_events(write(text))


def test_formats_are_recognized_by_their_first_bytes(write):
    text = (HEADER + "u,a,5\n").encode()
    for content in (gzip.compress(text), bz2.compress(text), text.decode().encode("utf-16")):
        assert rows(read_events(write(content))) == ONE
    pl.DataFrame({"user": ["u"], "item": ["a"], "time": [5]}).write_parquet(path := write("", "x"))
    assert rows(read_events(path)) == ONE
    lines = json.dumps({"user": "u", "item": "a", "time": 5})
    assert rows(read_events(write(lines + "\n", "log.txt"))) == ONE
    with pytest.raises(DataError, match=r"contains JSON lines; give its name the ending \.jsonl"):
        read_events(write(gzip.compress(lines.encode()), "log.txt.gz"))


def test_other_formats_are_named_with_what_to_do(write, tmp_path):
    sheet, archive, arrow = io.BytesIO(), io.BytesIO(), tmp_path / "log.csv"
    with zipfile.ZipFile(sheet, "w") as file:
        file.writestr("xl/workbook.xml", "x" * 500)
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("log.csv", HEADER)
    pl.DataFrame({"user": ["u"]}).write_ipc(arrow)
    cases = {
        "an Excel workbook .* save the sheet as CSV": sheet.getvalue(),
        "a zip archive, not text; unpack it": archive.getvalue(),
        "an Arrow .* export the table": arrow.read_bytes(),
        "an SQLite database": b"SQLite format 3\x00" + bytes(100),
        "UTF-16 without a byte-order mark.*utf-16-le": HEADER.encode("utf-16-le"),
        "is not text: it has zero bytes": b"\x01\x02\x00\x03 abcdefgh" * 20,
    }
    for message, content in cases.items():
        for options in ({}, {"encoding": "latin-1"}):
            with pytest.raises(DataError, match=message) as raised:
                read_events(write(content), **options)
            assert len(str(raised.value)) < 200
    with pytest.raises(DataError, match=r"log\.parquet is not Parquet"):
        read_events(write(HEADER, "log.parquet"))


@pytest.mark.parametrize("damage", [lambda data: data[:-40], lambda data: data[:60] + data[90:]])
def test_no_error_has_the_words_of_a_reader(write, tmp_path, damage):
    pl.DataFrame({"user": ["u"] * 99, "item": ["a"] * 99, "time": range(99)}).write_parquet(
        path := tmp_path / "log.parquet"
    )
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match="damaged or incomplete; repair it") as raised:
        read_events(path)
    assert len(str(raised.value)) < 100


@pytest.mark.parametrize("text", ["u a\nu b\nv a\n", "# pairs\nu a\nu b\nv a\n"])
def test_naming_columns_does_not_make_pairs_unreadable(write, text):
    path = write(text, "pairs.txt")
    plain = read_events(path)
    named = read_events(path, columns=Columns(user="column_1", item="column_2"))
    swapped = read_events(path, columns=Columns(user="column_2", item="column_1"))
    assert [row[:2] for row in rows(plain)] == [row[:2] for row in rows(named)]
    assert [row[:2] for row in rows(swapped)] == [(b, a) for a, b, *_ in rows(plain)]
    assert not named.has_time
    sequences = read_events(
        write("u a b\nv c\n", "s.txt"), columns=Columns(user="column_1", item="column_2")
    )
    assert [row[:2] for row in rows(sequences)] == [("u", "a"), ("u", "b"), ("v", "c")]


def test_rows_may_be_in_time_order_without_times(write, tmp_path):
    pairs = [("u", "b"), ("v", "a"), ("u", "a")]
    text = "user,item\n" + "".join(f"{user},{item}\n" for user, item in pairs)
    frame = pl.DataFrame(pairs, schema=["user", "item"], orient="row")
    frame.write_parquet(tmp_path / "log.parquet")
    lines = "".join(json.dumps({"user": user, "item": item}) + "\n" for user, item in pairs)
    sources = [write(text), tmp_path / "log.parquet", write(lines, "log.jsonl"), frame]
    for source in [*sources, pa.table(frame.to_dict())]:
        log = read_events(source, columns=Columns(order="file"))
        assert [row[:2] for row in rows(log)] == pairs
        assert [row[2] for row in rows(log)] == [0, 1, 2]
        assert (log.has_time, log.time_unit) == (False, "order")
        with pytest.raises(DataError, match=r'no time column.*in time order, give order="file"'):
            read_events(source)
    again = read_events(write(text + "user,item\n"), columns=Columns(order="file"))
    assert rejected_lines(again) == {"line repeats the header": (1, (5,))}
    dated = write(HEADER + good(3))
    assert [row[2] for row in rows(read_events(dated, columns=Columns(order="file")))] == [0, 1, 2]


@pytest.mark.parametrize("first", ["u1,movie,1612346400", "date,i1,1612346400"])
def test_one_common_name_is_data_if_the_columns_are_numbered(write, first):
    columns = Columns(user="column_1", item="column_2", time="column_3")
    log = read_events(write(f"{first}\nu2,i2,1612346401\n"), columns=columns)
    assert [row[:2] for row in rows(log)] == [tuple(first.split(",")[:2]), ("u2", "i2")]


def test_two_common_names_are_a_header_if_the_columns_are_numbered(write):
    columns = Columns(user="column_1", item="column_2", order="file")
    with pytest.raises(DataError, match="The user column 'column_1' is not in "):
        read_events(write("user,item\nu,a\n"), columns=columns)
