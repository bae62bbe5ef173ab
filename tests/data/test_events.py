"""Read event logs: ids, encodings, delimiters, kinds of events and rejected rows."""

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_logs import HEADER, SECOND, good, rejected_lines, rows
from prismrec.data.events import read_events
from prismrec.data.readers.columns import Columns
from prismrec.errors import ConfigError, DataError


def test_a_byte_order_mark_before_the_header_is_ignored(write):
    plain = read_events(write(HEADER + "u,a,5\n"))
    marked = read_events(write(b"\xef\xbb\xbf" + HEADER.encode() + b"u,a,5\n", "marked.csv"))
    assert rows(marked) == rows(plain) == [("u", "a", 5 * SECOND)]


def test_a_byte_order_mark_is_not_part_of_a_column_name(write):
    path = write(b"\xef\xbb\xbfwho,item,time\nu,a,5\n")
    assert rows(read_events(path, columns=Columns(user="who"))) == [("u", "a", 5 * SECOND)]


def test_a_byte_order_mark_without_header_is_ignored(write):
    assert rows(read_events(write(b"\xef\xbb\xbfu,a,5\n")))[0][0] == "u"
    assert rows(read_events(write(b"\xef\xbb\xbfu a\n", "s.txt")))[0][0] == "u"


def test_a_byte_order_mark_before_json_lines_is_ignored(write):
    lines = '{"user":"u","item":"a","time":5}\n{"user":"u","item":"b","time":6}\n'
    log = read_events(write("\ufeff" + lines, "log.jsonl"))
    assert rows(log) == [("u", "a", 5 * SECOND), ("u", "b", 6 * SECOND)]
    assert log.rejected == ()


@pytest.mark.parametrize("name", ["NA", "null", "nan", "None", "N/A", "007", "-", "#N/A", "1e5"])
@pytest.mark.slow
def test_ids_that_look_like_numbers_or_missing_values_stay_text(write, name):
    assert rows(read_events(write(f"{HEADER}{name},{name},5\n")))[0][:2] == (name, name)
    line = json.dumps({"user": name, "item": name, "time": 5})
    assert rows(read_events(write(line, "log.jsonl")))[0][:2] == (name, name)


@pytest.mark.parametrize(
    ("line", "reason"),
    [("u,,5", "item"), (",a,5", "user"), ("u,a,", "time"), ('u,"",5', "item"), ("u,a", "time")],
)
def test_only_an_empty_field_is_missing(write, line, reason):
    log = read_events(write(HEADER + good(3) + line + "\n"))
    assert rejected_lines(log) == {f"{reason} is missing": (1, (5,))}
    assert (log.rows_read, log.rows_kept, len(rows(log))) == (4, 3, 3)


def test_a_wrong_delimiter_is_an_error(write):
    path = write("user_id\titem_id\tts\nu\ta\t5\n", "log.tsv")
    assert len(rows(read_events(path))) == 1
    with pytest.raises(DataError, match=r"delimiter ','.*user_id\\titem_id\\tts.*'\\t'"):
        read_events(path, delimiter=",")


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|", " "])
def test_the_delimiter_is_detected_in_the_header(write, delimiter):
    lines = [["user", "item", "time"], ["u", "a", "5"]]
    text = "\n".join(delimiter.join(line) for line in lines)
    assert rows(read_events(write(text))) == [("u", "a", 5 * SECOND)]


def test_the_error_of_a_wrong_encoding_has_the_offset(write):
    content = "user,item,time,title\nu,a,5,Amélie\n".encode("latin-1")
    path = write(content)
    offset = content.index(b"\xe9")
    with pytest.raises(DataError, match=rf"0xE9 at offset {offset}.*encoding="):
        read_events(path)
    assert rows(read_events(path, encoding="latin-1")) == [("u", "a", 5 * SECOND)]
    for none in ("latin-one", "rot13", "hex", "\0"):
        with pytest.raises(ConfigError, match="is not a text encoding"):
            read_events(path, encoding=none)


@pytest.mark.parametrize("before", [(1 << 20) - 1, 1 << 20, (1 << 20) + 1])
@pytest.mark.slow
def test_a_character_may_be_split_over_two_chunks_but_not_cut(write, before):
    start = b"user,item,time,title\nu,a,5,"
    fill = b"x" * (before - len(start))
    assert len(rows(read_events(write(start + fill + "é\n".encode())))) == 1
    with pytest.raises(DataError, match=rf"0xC3 at offset {before:,}"):
        read_events(write(start + fill + b"\xc3"))
    with pytest.raises(DataError, match=rf"0xC3 at offset {before:,}"):
        read_events(write(start + fill + b"\xc3x\n"))


def test_a_log_in_another_encoding_keeps_its_ids(write):
    text = "user,item,time\nu,Amélie,5\n"
    for encoding in ("latin-1", "utf-16"):
        log = read_events(write(text.encode(encoding)), encoding=encoding)
        assert rows(log)[0][1] == "Amélie"


@pytest.mark.parametrize("name", ["a,b", 'say "x"', "a;b", " a ", "日本", "a\tb"])
def test_a_quoted_id_keeps_its_characters(write, name):
    quoted = '"' + name.replace('"', '""') + '"'
    assert rows(read_events(write(f"{HEADER}u,{quoted},5\n")))[0][1] == name


@pytest.mark.parametrize("large", [900000017, 2**53 + 1, 9000000000000000019, 2**64 - 1])
@pytest.mark.slow
def test_a_large_id_is_exact(write, large):
    table = {"user": [large], "item": [large], "time": [5]}
    typed = pl.DataFrame(table, schema_overrides={"user": pl.UInt64, "item": pl.UInt64})
    typed.write_parquet(path := write("", "log.parquet"))
    line = json.dumps({"user": large, "item": large, "time": 5})
    sources = [typed, path, write(f"{HEADER}{large},{large},5\n"), write(line, "log.jsonl")]
    for source in sources:
        frame = read_events(source).frame.collect()
        assert frame["item"].cast(pl.String).to_list() == [str(large)]


@pytest.mark.parametrize("dtype", [pl.Float64, pl.Float32, pl.Boolean])
def test_float_ids_are_an_error(dtype):
    frame = pl.DataFrame({"user": [1], "item": [1], "time": [1]})
    frame = frame.with_columns(pl.col("item").cast(dtype))
    with pytest.raises(DataError, match=r"'item'.*cannot store ids"):
        read_events(frame)


def test_kinds_of_events_are_selected_and_lost_users_are_counted(write):
    text = "user,item,time,behavior\n" + "a,1,5,pv\na,2,6,buy\na,3,7,buy\nb,1,8,cart\nc,1,8,fav\n"
    text += "d,,9,pv\ne,1,never,pv\n"  # users without a valid row count as rejected, not as lost
    log = read_events(write(text), keep_events=("pv", "fav"))
    assert [row[:2] for row in rows(log)] == [("a", "1"), ("c", "1")]
    assert (log.events_left_out, log.users_left_out, log.rows_read, log.rows_kept) == (3, 1, 7, 2)
    assert sum(each.count for each in log.rejected) == 2
    assert read_events(write(text)).rows_kept == 5


def test_an_absent_kind_of_event_is_an_error(write):
    path = write("user,item,time,behavior\na,1,5,pv\na,2,6,buy\na,3,6,buy\n")
    with pytest.raises(DataError, match=r"'click'.*'buy' \(2 rows\), 'pv' \(1 rows\)"):
        read_events(path, keep_events=("pv", "click"))
    with pytest.raises(DataError, match="no event column among 'user_id'"):
        read_events(write(HEADER + "u,a,5\n"), keep_events=("pv",))


def test_lines_with_too_many_fields_are_rejected(write):
    log = read_events(write(HEADER + good(2) + "u,a,b,5\n\nu,c,6\n"))
    assert rejected_lines(log) == {"line has too many fields": (1, (4,))}
    assert rows(log)[-1] == ("u", "c", 6 * SECOND)


def test_line_numbers_are_correct_after_a_field_with_line_breaks(write):
    text = 'note,user,item,time\n"two\nlines",u,a,5\nn,u,,6\nn,u,b,7\n'
    assert rejected_lines(read_events(write(text))) == {"item is missing": (1, (4,))}


def test_lines_joined_by_a_stray_quote_are_counted(write):
    log = read_events(write(HEADER + good(9) + 'u,"a,5\nu,b,6\nu,c",7\n'))
    assert rejected_lines(log) == {"a field contains a line break": (3, (11,))}
    assert log.rows_read == 12


def test_the_error_of_an_unclosed_quote_has_its_line(write):
    with pytest.raises(DataError, match="quote in line 4"):
        read_events(write(HEADER + good(2) + 'u,"a,5\nu,b,6\n'))


def test_strict_raises_at_the_first_row_that_cannot_be_used(write):
    path = write(HEADER + good(2) + "u,a,x\nu,,5\n")
    with pytest.raises(DataError, match=r"time cannot be read \(line 4: 'u,a,x'\)"):
        read_events(path, strict=True)
    assert read_events(write(HEADER + good(2)), strict=True).rows_kept == 2


def test_a_log_with_mostly_rejected_rows_is_an_error(write):
    with pytest.raises(DataError, match="3 rows of 5"):
        read_events(write(HEADER + good(2) + "u,a,x\nu,,5\n,,\n"))
    assert read_events(write(HEADER + good(3) + "u,a,x\nu,,5\n,,\n")).rows_kept == 3


@pytest.mark.parametrize("content", ["", "\n\n", HEADER])
def test_a_log_without_rows_is_an_error(write, content):
    with pytest.raises(DataError, match=r"is empty|no rows"):
        read_events(write(content))


def test_the_error_of_a_wrong_column_name_lists_the_columns(write):
    path = write("who,what,time\nu,a,5\n")
    with pytest.raises(DataError, match=r"user column.*'who', 'what', 'time'"):
        read_events(path)
    with pytest.raises(DataError, match=r"'whom'.*'who', 'what', 'time'"):
        read_events(path, columns=Columns(user="whom", item="what"))
    log = read_events(path, columns=Columns(user="who", item="what"))
    assert rows(log) == [("u", "a", 5 * SECOND)]


@pytest.mark.parametrize(
    "header",
    [
        "userId,movieId,rating,timestamp",
        "reviewerID,asin,overall,unixReviewTime",
        "USER_ID,PRODUCT_ID,price,Event_Time",
        "uid,iid,x,ts",
    ],
)
def test_common_names_are_found(write, header):
    assert rows(read_events(write(header + "\nu,a,3,5\n"))) == [("u", "a", 5 * SECOND)]


def test_the_first_of_two_columns_for_a_role_is_used(write):
    assert rows(read_events(write("userId,user_id,item,ts\nu,v,a,5\n")))[0][0] == "u"


def test_recbole_files_are_read(write):
    text = 'user_id:token\titem_id:token\trating:float\ttimestamp:float\n196\t"2\t3\t881250949.0\n'
    assert rows(read_events(write(text, "a.inter"))) == [("196", '"2', 881250949 * SECOND)]


def test_comirec_files_are_read_without_a_header(write):
    assert rows(read_events(write("1,10,5\n1,11,4\n", "train.txt"))) == [
        ("1", "10", 5 * SECOND),
        ("1", "11", 4 * SECOND),
    ]


def test_columns_of_a_file_without_header_are_chosen_by_number(write):
    columns = Columns(user="column_1", item="column_2", time="column_4")
    path = write("196\t242\t3\t881250949\n186\t302\t3\t891717742\n", "u.data")
    assert len(rows(read_events(path, columns=columns))) == 2
    with pytest.raises(DataError, match="column_1, column_2"):
        read_events(path)


def test_categories_of_the_log_become_lists(write):
    log = read_events(write("user,item,time,genres\nu,a,5,x|y|x\nu,b,6,\n"))
    assert [row[3] for row in rows(log)] == [["x", "y"], []]


IDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


@pytest.mark.slow
@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(IDS, IDS, st.integers(0, 10**7)), min_size=1))
def test_what_is_written_is_read(tmp_path_factory, events):
    frame = pl.DataFrame(events, schema=["user", "item", "time"], orient="row")
    folder = tmp_path_factory.mktemp("log")
    frame.write_csv(folder / "log.csv")
    frame.write_ndjson(folder / "log.jsonl")
    expected = [(user, item, time * SECOND) for user, item, time in events]
    assert rows(read_events(folder / "log.csv")) == expected
    assert rows(read_events(folder / "log.jsonl")) == expected


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (["a.csv", "b.csv"], r"A list of 2 texts or paths .*; give one path, folder or glob"),
        ((Path("a.csv"),), "A list of 1 texts or paths cannot be read as a table"),
        (None, "None cannot be read as a table; give a path"),
    ],
)
def test_a_list_of_paths_is_no_table(source, sentence):
    with pytest.raises(DataError, match=sentence):
        read_events(source)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"columns": {"user": "u"}}, "but must be a Columns; write Columns"),
        ({"keep_events": [1]}, "The kind of event 1 is of type int, but must be a text"),
        ({"keep_events": "cart"}, r"is the text 'cart', but must be a list; write \['cart'\]"),
    ],
)
def test_an_argument_of_another_type_is_refused(wrong, sentence):
    with pytest.raises(ConfigError, match=sentence):
        read_events(pl.DataFrame(), **wrong)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"order": "File"}, "order is 'File', but it must be 'time' or 'file'"),
        ({"order": None}, "order is None, but it must be 'time' or 'file'"),
        ({"user": 3}, "user is 3, but it must be a text or None"),
        ({"category_depth": "2"}, "category_depth is '2', but it must be a whole number or None"),
        ({"category_depth": 0}, "category_depth is 0; it must be at least 1"),
        ({"category_separator": ""}, "category_separator is empty"),
        ({"weighting": {"kinds": {}}}, "but it must be of type Weighting"),
    ],
)
def test_columns_of_another_type_are_refused(wrong, sentence):
    with pytest.raises(ConfigError, match=sentence):
        Columns(**wrong)
