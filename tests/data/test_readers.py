"""Read tables of all formats: files, folders, archives, frames, delimiters, JSON lines."""

import gzip
import json
import os
import re
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from event_logs import HEADER, PART, SECOND, good, rejected_lines, rows, write_parts
from prismrec.data.dataset import build_dataset
from prismrec.data.events import read_events
from prismrec.data.readers.base import Reader
from prismrec.data.readers.columns import Columns
from prismrec.data.readers.comparison import Comparison
from prismrec.data.readers.frames import frame_table
from prismrec.data.readers.open import READERS
from prismrec.data.readers.table import numbered_table
from prismrec.data.readers.text import has_blank_line
from prismrec.data.readers.weighting import Weighting
from prismrec.errors import ConfigError, DataError


def test_a_file_that_an_own_reader_cannot_open_is_one_sentence(tmp_path, monkeypatch):
    def read(source, paths, parsing):
        return [numbered_table(path.name, pl.scan_ipc(path)) for path in paths]

    monkeypatch.setitem(READERS, "arrow", Reader(endings=(".arrow",), read=read))
    path = tmp_path / "log.arrow"
    pl.DataFrame({"user": ["u"], "item": ["a"], "time": [1]}).write_ipc(path)
    assert read_events(path).rows_kept == 1
    (tmp_path / "log.arrow.gz").write_bytes(gzip.compress(path.read_bytes()))
    (tmp_path / "short.arrow").write_bytes(b"ARROW1")
    with pytest.raises(DataError, match=r"log.arrow.gz cannot be read as arrow; if it is compr"):
        read_events(tmp_path / "log.arrow.gz")
    with pytest.raises(DataError, match=r"short.arrow cannot be read"):
        read_events(tmp_path / "short.arrow")


@pytest.mark.parametrize("delimiter", ["::", "é", "", '"', "\n"])
def test_an_impossible_delimiter_is_an_error(write, delimiter):
    with pytest.raises(ConfigError, match=f"delimiter is {re.escape(repr(delimiter))}"):
        read_events(write(HEADER + "u,a,5\n"), delimiter=delimiter)


@pytest.mark.parametrize("content", [HEADER + "u,a,5\n", "u a b\nv c\n"])
def test_carriage_returns_only_are_an_error(write, content):
    with pytest.raises(DataError, match=r"log\.csv ends its lines with carriage returns only"):
        read_events(write(content.replace("\n", "\r")))


def test_sequences_keep_their_order_and_have_no_time(write):
    log = read_events(write("ann tea mug  tea\nbob lamp\n\ncat\nann cup\n", "sequences.txt"))
    assert rows(log) == [
        ("ann", "tea", 0), ("ann", "mug", 1), ("ann", "tea", 2), ("bob", "lamp", 0),
        ("ann", "cup", 3),
    ]  # fmt: skip
    assert not log.has_time
    assert rejected_lines(log) == {"item is missing": (1, (4,))}


@pytest.mark.parametrize("line", ["1 10 978300760", "u a 5 978300760.0", "u a 2020-01-02 07:15"])
def test_events_are_not_read_as_sequences(write, line):
    path = write(f"{line}\n\n{line}\n", "ratings.txt")
    with pytest.raises(DataError, match=r"looks like a time .*name the columns.* column_1"):
        read_events(path)
    assert rows(read_events(path, delimiter=" "))[0][1] == line.split()[1]
    assert not read_events(write(f"{line}\nu a b c d\n", "ratings.txt")).has_time
    if line.startswith("1"):
        columns = Columns(user="column_1", item="column_2", time="column_3")
        assert rows(read_events(path, columns=columns))[0] == ("1", "10", 978300760 * SECOND)


@pytest.mark.slow
def test_one_long_sequence_is_read(write):
    items = [f"item{number}" for number in range(20_000)]  # a line longer than csv's longest field
    assert len(rows(read_events(write("u " + " ".join(items), "s.txt")))) == 20_000


def test_json_lines_are_read_and_bad_lines_are_rejected(write):
    lines = ['{"user":1,"item":"a","time":5}', "", "{bad", "[1]", '{"user":2,"item":"b","time":6}']
    log = read_events(write("\n".join([*lines, '{"time":7,"item":"c","user":3}']), "log.jsonl"))
    assert rows(log) == [("1", "a", 5 * SECOND), ("2", "b", 6 * SECOND), ("3", "c", 7 * SECOND)]
    assert rejected_lines(log) == {"line is not a JSON object": (2, (3, 4))}


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@pytest.mark.slow
def test_blank_lines_between_rows_are_skipped(write, line_end, quote, delimiter):
    lines = ["user,item,time", "", f"u,{quote}a{quote},5", "", "  ", "v,b,6", ",c,7", "", ""]
    text = line_end.join(lines).replace(",", delimiter)
    log = read_events(write(text), strict=False)
    assert rows(log) == [("u", "a", 5 * SECOND), ("v", "b", 6 * SECOND)]
    assert log.rows_read == 3
    assert rejected_lines(log) == {"user is missing": (1, (7,))}
    with pytest.raises(DataError, match=r"user is missing \(line 7: ',c,7'\)"):
        read_events(write(text), strict=True)


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_a_line_of_delimiters_is_a_row_although_blank_lines_are_not(write, delimiter):
    lines = ["user,item,time", "u,a,5", "", ",,", "v,b,6", ", ,", " ", ""]
    log = read_events(write("\n".join(lines).replace(",", delimiter)))
    assert rejected_lines(log) == {"user is missing": (2, (4, 6))}
    assert log.rows_read == 4
    quoted = 'user,item,time,note\n"u","a",5,"x\n\ny"\n"v","c",6\n\n,,\n"w","d",7\n\n,d,8\n'
    log = read_events(write(quoted))
    assert rejected_lines(log) == {"user is missing": (2, (7, 10))}
    assert log.rows_read == 5


def test_a_blank_line_is_found_wherever_a_chunk_ends(monkeypatch):
    for size in range(1, 9):
        monkeypatch.setattr("prismrec.data.readers.text.CHUNK", size)
        assert has_blank_line(b"u,a\nv,b\n \t\r\nw,c\n")
        assert has_blank_line(b"u,a\nv,b\n\nw,c")
        assert not has_blank_line(b"u,a\n v,b \n\t,c\r\nw,c \n")
        assert has_blank_line(b"u,a\nv,b\n ")


def test_late_keys_are_columns(write):
    early = [json.dumps({"uid": "u", "item": f"i{n}", "time": n}) for n in range(150)]
    late = ['{"uid":"v","item":"x","time":200,"Event_Type":"buy","note":{"category":"no"}}']
    path = write("\n".join([*early, *late]), "log.jsonl")
    frame = read_events(path).frame.collect()
    assert frame.columns == ["user", "item", "time", "event"]
    assert frame["event"].to_list()[-2:] == ["", "buy"]
    assert read_events(path, keep_events=("buy",)).rows_kept == 1


def test_a_late_key_is_compared_for_dislikes(write):
    lines = [json.dumps({"uid": "u", "item": f"i{n}", "time": n}) for n in range(150)]
    lines.append(json.dumps({"uid": "u", "item": "x", "time": 200, "rating": 1}))
    weighting = Weighting(dislikes=Comparison.parse("rating=1"))
    log = read_events(write("\n".join(lines), "log.jsonl"), columns=Columns(weighting=weighting))
    assert log.frame.collect()["disliked"].sum() == 1


def test_a_late_key_does_not_replace_an_early_one_unless_chosen(write):
    early = [json.dumps({"uid": "u", "item": f"i{n}", "time": n}) for n in range(150)]
    path = write("\n".join([*early, '{"user":"v","uid":"w","item":"x","time":9}']), "log.jsonl")
    assert rows(read_events(path))[-1][0] == "w"
    path = write("\n".join([*early, '{"who":"v","item":"x","time":9}'] * 2), "log.jsonl")
    log = read_events(path, columns=Columns(item="item", time="time"))
    assert rejected_lines(log) == {"user is missing": (2, (151, 302))}
    with pytest.raises(DataError, match="cannot be used"):
        read_events(path, columns=Columns(user="who"))


def test_a_number_of_many_digits_and_a_deep_line_do_not_stop_a_log(write):
    large, deep = '{"user":"u","item":' + "9" * 5_000 + ',"time":5}', '{"user":' + "[" * 100_000
    lines = [f'{{"user":"u","item":"{item}","time":6}}' for item in "abc"]
    log = read_events(write("\n".join([large, deep, *lines]), "log.jsonl"))
    assert "".join(row[1] for row in rows(log)) == "abc"
    assert rejected_lines(log) == {"line is not a JSON object": (2, (1, 2))}
    with pytest.raises(DataError, match="line 1 is not an object, or is nested too deeply"):
        read_events(write(deep, "log.jsonl"))


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_compressed_files_are_read(tmp_path, ending):
    content = (HEADER + "u,a,5\n").encode()
    path = tmp_path / f"log.csv.{ending}"
    if ending == "gz":
        path.write_bytes(gzip.compress(content))
    else:
        with pa.output_stream(str(path), compression="zstd") as stream:
            stream.write(content)
    assert rows(read_events(path)) == [("u", "a", 5 * SECOND)]


@pytest.mark.parametrize("ending", [".gz", ".zst", ".bz2"])
@pytest.mark.parametrize("damage", ["cut", "plain"])
def test_a_damaged_or_misnamed_archive_is_an_error(write, tmp_path, ending, damage):
    path, codec = tmp_path / f"log.csv{ending}", {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
    with pa.output_stream(str(path), compression=codec[ending]) as stream:
        stream.write((HEADER + good(500)).encode())
    path.write_bytes(path.read_bytes()[:-20] if damage == "cut" else HEADER.encode())
    with pytest.raises(DataError, match=rf"log\.csv\{ending} cannot be read .*compress it again"):
        read_events(path)


def test_hidden_and_temporary_folders_are_skipped_unless_named(tmp_path, write):
    write(HEADER + "u,a,5\n", "logs/day/a.csv")
    for name in (".ipynb_checkpoints/a-checkpoint.csv", "_temporary/0/a.csv", "day/.old/a.csv"):
        write(HEADER + "u,x,6\n", f"logs/{name}")
    for source in (tmp_path / "logs", tmp_path / "logs" / "**" / "*.csv"):
        assert rows(read_events(source)) == [("u", "a", 5 * SECOND)]
    for source in (tmp_path / "logs" / "_temporary", tmp_path / "logs" / "_temporary/*/*.csv"):
        assert rows(read_events(source)) == [("u", "x", 6 * SECOND)]


@pytest.mark.parametrize(("log", "kind"), [("_delta_log", "Delta Lake"), (".hoodie", "Hudi")])
def test_a_table_with_a_log_is_refused_because_it_also_has_earlier_versions(tmp_path, log, kind):
    table = tmp_path / "lake" / "events"
    (table / "day=1").mkdir(parents=True)
    (table / log).mkdir()
    for version in ("v0", "v1"):
        frame = pl.DataFrame({"user": ["u"], "item": ["a"], "time": [5]})
        frame.write_parquet(table / "day=1" / f"{version}.parquet")
    (table / log / "0.json").write_text("{}")
    for folder in (table, table / "day=1", tmp_path / "lake"):
        with pytest.raises(DataError, match=rf"belongs to a table of {kind}, .* earlier versions"):
            read_events(folder)
    assert read_events(table / "**" / "*.parquet").rows_read == 2  # the caller wants every file
    assert read_events(table / "day=1" / "v1.parquet").rows_read == 1


def test_links_to_folders_are_followed_once(tmp_path, write):
    write(HEADER + "u,a,5\n", "logs/z/a.csv")
    write(HEADER + "u,b,6\n", "other/b.csv")
    for name, target in {"feb": "../other", "latest": "z", "a": "z", "loop": "."}.items():
        (tmp_path / "logs" / name).symlink_to(target)
    log = read_events(tmp_path / "logs")
    assert rows(log) == [("u", "b", 6 * SECOND), ("u", "a", 5 * SECOND)]
    assert log.notes == ()


def test_a_link_to_a_skipped_folder_is_followed(tmp_path, write):
    write(HEADER + "u,a,5\n", "logs/_versions/3/a.csv")
    (tmp_path / "logs" / "current").symlink_to("_versions/3")
    assert rows(read_events(tmp_path / "logs")) == [("u", "a", 5 * SECOND)]


def test_files_that_are_skipped_for_their_names_are_noted(tmp_path, write):
    for name in ("a.csv", "_feb.csv", ".old/b.csv", "_SUCCESS", ".a.csv.crc"):
        write(HEADER + "u,a,5\n", f"logs/{name}")
    log = read_events(tmp_path / "logs")
    assert log.rows_read == 1
    assert log.notes == (
        "files whose names or folders begin with . or _ are not read: 'b.csv', '_feb.csv'",
    )


def test_an_empty_name_is_not_the_current_folder(tmp_path, write, monkeypatch):
    write(HEADER + "u,a,5\n")
    monkeypatch.chdir(tmp_path)
    assert read_events(".").rows_kept == 1
    with pytest.raises(DataError, match="no file at ''"):
        read_events("")


def test_folders_and_globs_are_read_in_the_order_of_names(tmp_path, write):
    write("user,item,time\nu,b,6\n", "logs/part-2.csv")
    write("time,item,user\n5,a,u\nx,y,u\n", "logs/part-1.csv")
    write("", "logs/_SUCCESS")
    for source in (tmp_path / "logs", str(tmp_path / "logs" / "*.csv")):
        log = read_events(source)
        assert rows(log) == [("u", "a", 5 * SECOND), ("u", "b", 6 * SECOND)]
        assert log.rejected[0].examples == ("part-1.csv: u,y,x",)
    write("{}", "logs/part-3.jsonl")
    with pytest.raises(DataError, match=r"several formats \(json, text\)"):
        read_events(tmp_path / "logs")
    with pytest.raises(DataError, match="no file"):
        read_events(tmp_path / "nowhere")


def test_optional_columns_may_be_missing_in_some_files(tmp_path, write):
    write("user,item,time\nu,a,5\n", "logs/1.csv")
    write("user,item,time,event,genres\nu,b,6,buy,x|y\n", "logs/2.csv")
    frame = read_events(tmp_path / "logs").frame.collect()
    assert frame["event"].to_list() == ["", "buy"]
    assert frame["category"].to_list() == [[], ["x", "y"]]


def test_a_text_file_among_tables_is_an_error(tmp_path, write):
    write(HEADER + "u,a,5\n", "logs/a.csv")
    write("hello world\n", "logs/readme.md")
    with pytest.raises(DataError, match=r"contains tables, and readme\.md without a header"):
        read_events(tmp_path / "logs")


def test_parquet_folders_are_read_lazily(tmp_path):
    for part, item in enumerate((7, 8)):
        frame = pl.DataFrame({"user_id": [1], "item_id": [item], "timestamp": [5]})
        frame.write_parquet(tmp_path / f"part-{part}.parquet")
    log = read_events(tmp_path)
    assert rows(log) == [(1, 7, 5 * SECOND), (1, 8, 5 * SECOND)]
    assert "Parquet SCAN" in log.frame.explain()


def test_names_of_folders_are_columns_unless_the_files_have_them(tmp_path):
    log = read_events(
        write_parts(
            tmp_path / "event=above",
            **{
                "event=view/p": PART,
                "event=big%20buy/user=x/p": PART,
                "event=__HIVE_DEFAULT_PARTITION__/p": PART,
            },
        )
    )
    assert sorted(log.frame.collect()["event"]) == ["", "big buy", "view"]
    assert set(log.frame.collect()["user"]) == {"u"}
    assert log.notes == ("columns from the names of folders: 'event'",)


@pytest.mark.parametrize("pattern", ["", "date=*", "*/*.parquet"])
def test_a_folder_may_be_the_day(tmp_path, pattern):
    rest = {"user": ["u"], "item": ["a"]}
    write_parts(tmp_path, **{"date=2024-01-02/p": rest, "date=2024-01-03/p": rest})
    source = f"{tmp_path}/{pattern}/**" if pattern.startswith("date") else tmp_path / pattern
    found = [time for _, _, time in rows(read_events(source))]
    assert found == [1_704_153_600 * SECOND, 1_704_240_000 * SECOND]


@pytest.mark.parametrize(
    ("second", "sentence"),
    [
        ({**PART, "user": [1]}, "b.parquet has the column 'user' as Int64, but a.parquet has it"),
        ({"item": ["a"], "time": [5]}, "b.parquet lacks the column 'user', but a.parquet has it"),
    ],
)
def test_files_with_different_columns_are_named(tmp_path, second, sentence):
    write_parts(tmp_path, a={**PART, "extra": [1]}, b={**second, "extra": ["x"]})
    with pytest.raises(DataError, match=sentence + " as String; write it alike in all files"):
        read_events(tmp_path)


def test_only_the_used_columns_must_be_alike(tmp_path):
    second = {"extra": ["x"], "time": [5], "more": [1], "item": ["b"], "user": ["v"]}
    log = read_events(write_parts(tmp_path, a={**PART, "extra": [1]}, b=second))
    assert rows(log) == [("u", "a", 5 * SECOND), ("v", "b", 5 * SECOND)]
    (note,) = log.notes
    assert note == "columns that b.parquet has, but a.parquet lacks, are not read: 'more'"


def test_rejected_rows_of_parquet_are_found_in_their_file(tmp_path):
    many = {name: values * 3 for name, values in PART.items()}
    wrong = {**many, "user": ["u", None, "u"]}
    write_parts(tmp_path, **{"a/p": many, "b/p": wrong, "c": many})
    (found,) = read_events(tmp_path).rejected
    assert (found.count, found.lines) == (1, (2,))
    assert found.examples == (f"{tmp_path}/b/p.parquet: ,a,5",)
    with pytest.raises(DataError, match=r"\(2 files\) has no item column with a common name"):
        read_events(write_parts(tmp_path / "x", a={"user": [1]}, b={"user": [1]}))


def test_all_kinds_of_frames_have_the_same_result():
    table = {"user": ["u", None, "v"], "item": ["a", "b", "c"], "time": [5, 6, 7]}
    sources = [pl.DataFrame(table), pl.LazyFrame(table), pd.DataFrame(table), pa.table(table)]
    for source in sources:
        log = read_events(source)
        assert rows(log) == [("u", "a", 5 * SECOND), ("v", "c", 7 * SECOND)]
        assert rejected_lines(log) == {"user is missing": (1, (2,))}
    with pytest.raises(DataError, match="int cannot be read as a table"):
        read_events(5)
    with pytest.raises(DataError, match="DataFrame cannot be read as a table"):
        read_events(pd.DataFrame(table | {"item": [2**70, 1, 2]}))


def test_real_sequences_are_read_completely():
    shared = Path(__file__).parents[3] / "shared" / "data"
    shared = Path(os.environ.get("PRISMREC_SHARED_DATA", shared))
    path = shared / "amazon-beauty" / "sequences.txt"
    if not path.is_file():
        pytest.skip(f"needs {path.name} of amazon-beauty in PRISMREC_SHARED_DATA")
    log = read_events(path)
    assert log.rows_kept == 198_502
    assert log.frame.select(pl.col("user", "item").n_unique()).collect().row(0) == (22_363, 12_101)


def test_a_new_format_is_one_reader_in_the_table(write, tmp_path, monkeypatch):
    def read(source, paths, parsing):
        cells = [path.read_text().split("/") for path in paths]
        frame = pl.DataFrame(cells, schema=["user", "item", "time"], orient="row")
        return [numbered_table(str(source), frame.lazy())]

    monkeypatch.setitem(READERS, "slashes", Reader(endings=(".slash",), read=read))
    assert rows(read_events(write("ann/tea/5", "log.slash"))) == [("ann", "tea", 5 * SECOND)]
    write(HEADER, "log.csv")
    with pytest.raises(DataError, match=r"several formats \(slashes, text\)"):
        read_events(tmp_path)


@pytest.mark.parametrize("name", READERS)
def test_each_reader_has_other_endings_in_lower_case(name):
    endings = READERS[name].endings
    others = {ending for other in READERS if other != name for ending in READERS[other].endings}
    assert all(ending.startswith(".") and ending == ending.lower() for ending in endings)
    assert not others & set(endings)


def test_the_day_of_a_folder_does_not_replace_the_times_of_the_events(tmp_path):
    for day, second in ((5, 7), (6, 9)):
        folder = tmp_path / f"date=2024-01-0{day}"
        folder.mkdir()
        events = {"user": ["a"], "item": ["x"], "reviewTime": [1_704_412_800 + second]}
        pl.DataFrame(events).write_parquet(folder / "part.parquet")
    log = read_events(tmp_path)
    times = build_dataset(log, min_user_events=1, min_item_events=1).histories.times
    assert [int(time) // 1_000_000 for time in times] == [1_704_412_807, 1_704_412_809]


@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz", "log.jsonl.gz"])
def test_a_line_without_end_is_named_before_it_is_in_memory(tmp_path, monkeypatch, name):
    monkeypatch.setattr("prismrec.data.readers.text.LONGEST_LINE", 1_000)
    monkeypatch.setattr("prismrec.data.readers.text.CHUNK", 64)
    text = (HEADER + "u,a,5\n" * 40 + f"u,{'b' * 1_000},6\nu,a,7\n").encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    with pytest.raises(DataError, match=rf"{name} has more than 1,000 bytes in line 42; end each"):
        read_events(path)
    monkeypatch.setattr("prismrec.data.readers.text.LONGEST_LINE", 1_010)
    if name != "log.jsonl.gz":
        assert read_events(path).rows_read == 42


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (pd.Series([1, 2]), "A Series is one column"),
        (pl.Series([1, 2]), "A Series is one column"),
        ([("a", "x", 1), ("b", "y", 2)], "A list of 2 rows .* have no names; write pl.DataFrame"),
        ({"user": ["a", 1]}, "A dict cannot be read as a table "),
    ],
)
def test_values_that_are_no_table_are_refused_in_one_line(source, sentence):
    with pytest.raises(DataError, match=sentence) as caught:
        frame_table(source)
    assert "\n" not in str(caught.value)


def test_a_folder_is_a_column_of_times_if_it_is_chosen(tmp_path):
    write_parts(tmp_path, **{"date=2024-01-02/p": PART, "date=2024-01-03/p": PART})
    found = [time for _, _, time in rows(read_events(tmp_path, columns=Columns(time="date")))]
    assert found == [1_704_153_600 * SECOND, 1_704_240_000 * SECOND]
