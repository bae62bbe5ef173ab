"""Each warning of the linter has a count, a share and an example with its line."""

import json
import shlex
import time

import polars as pl
import pytest

from event_logs import SECOND
from prismrec.data.dataset import build_dataset
from prismrec.data.events import read_events
from prismrec.data.items import read_items
from prismrec.data.lint import inspect_log
from prismrec.data.readers.columns import Columns
from prismrec.data.readers.comparison import Comparison
from prismrec.data.readers.weighting import Weighting
from prismrec.data.report_checks import check_source, serious_warnings

NOW = 1511544070


@pytest.fixture
def warnings(write):
    """Return the warnings about a log of CSV rows, by name."""

    def of(rows, header="user,item,time", **options):
        path = write("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
        report = inspect_log(read_events(path), **options)
        listed = json.loads(json.dumps(report.to_json()))["warnings"]
        assert [each["name"] for each in listed] == [each.name for each in report.warnings]
        assert tuple(map(str, report.warnings)) == report.verdict[1:]
        assert all(0 <= each.share <= 1 and each.count > 0 for each in report.warnings)
        return {each.name: each for each in report.warnings}

    return of


def full(users, items):
    return [
        (f"u{u}", f"i{i}", NOW + 60 * (u * items + i)) for u in range(users) for i in range(items)
    ]


@pytest.mark.parametrize(
    ("column", "values", "kind", "count", "line"),
    [
        ("rating", [1, 5, -1, 4, 5], "rating", 2, 2),
        ("stars", [1, 2, 3, 4, 5], "rating", 2, 2),
        ("Quantity", [1, -3, 0, 2, 1], "quantity", 2, 3),
        ("is_return", ["true", "false", "no", "yes", "TRUE"], "return", 3, 2),
        ("weight", [0.0, 0.5, 1, 2, 3], "weight", 1, 2),
        ("score", ['"1,0"', '"4,5"', '"-1,25"', '"4,0"', '"5,0"'], "rating", 2, 2),
    ],
)
@pytest.mark.slow
def test_columns_that_weigh_events_are_named_with_their_low_share(
    warnings, column, values, kind, count, line
):
    rows = [(*row, value) for row, value in zip(full(1, 5), values, strict=True)]
    found = warnings(rows, header=f"user,item,time,{column}")[f"{kind}_column"]
    assert repr(column) in found.sentence
    assert (found.count, found.share) == (count, count / 5)
    assert found.line == line
    same = [(*row, 3) for row in full(1, 5)]
    assert f"{kind}_column" not in warnings(same, header=f"user,item,time,{column}")


@pytest.mark.parametrize("name", ["9.78014E+12", "1e+15", "9,78E+12", "1E10"])
def test_ids_that_a_spreadsheet_rounded_are_reported(warnings, name):
    found = warnings([*full(2, 2), ("u0", f'"{name}"', NOW)])["rounded_item_ids"]
    assert (found.count, found.share, found.serious) == (1, 1 / 3, True)
    assert (found.line, found.example) == (6, f"u0,{name},{NOW}")


@pytest.mark.parametrize(
    ("first", "second", "difference"),
    [
        ("a", " a", "spelling"), ("a", "a ", "spelling"), ("caf\u00e9", "cafe\u0301", "spelling"),
        ("a", "A", "case"), ("7", "007", "zero"), ("7", "7.0", "zero"),
    ],
)  # fmt: skip
def test_ids_that_are_almost_the_same_are_kept_apart_and_counted(
    warnings, first, second, difference
):
    found = warnings([("u", first, NOW), ("u", second, NOW + 1), ("u", "other", NOW + 2)])
    warning = found[f"item_ids_that_differ_in_{difference}"]
    assert (warning.count, warning.share, warning.line) == (2, 2 / 3, 3)
    assert len([name for name in found if "differ" in name]) == 1
    assert "user_ids_that_differ_in_spelling" not in found


def test_one_user_and_one_item_with_most_events_are_named(warnings):
    rows = [("robot", f"i{n}", NOW + n) for n in range(99)] + [("u", "i0", NOW)]
    found = warnings(rows)["one_user_has_a_large_share"]
    assert "'robot', has 99 events (99.0%)" in found.sentence
    assert (found.count, found.share, found.serious, found.line) == (99, 0.99, True, 2)
    found = warnings([(item, user, when) for user, item, when in rows])[
        "one_item_has_a_large_share"
    ]
    assert "'robot'" in found.sentence
    large = [("robot", f"i{n % 30}", NOW + n) for n in range(1_500)] + full(600, 20)
    assert warnings(large)["one_user_has_a_large_share"].serious is False


@pytest.mark.parametrize(
    ("moment", "name"),
    [
        ("1970-01-01", "placeholder_times"), ("9999-12-31", "placeholder_times"),
        ("1900-01-01", "placeholder_times"), ("2038-01-19T03:14:07Z", "placeholder_times"),
        ("2099-05-01", "future_times"), ("1985-01-02", "old_times"),
    ],
)  # fmt: skip
def test_times_that_are_not_plausible_are_reported(warnings, moment, name):
    rows = [("u", f"i{n}", f"2021-02-0{n}") for n in range(1, 5)] + [("v", "i1", moment)]
    found = warnings(rows)
    assert (found[name].count, found[name].share, found[name].line) == (1, 1 / 5, 6)
    assert found[name].example == f"v,i1,{moment}"
    assert len([each for each in found if each.endswith("_times")]) == 1


@pytest.mark.parametrize("moment", ["1.51154E+9", "1.5115E+09", "1.6E9"])
@pytest.mark.slow
def test_times_that_a_spreadsheet_rounded_are_reported(write, warnings, moment):
    found = warnings([*full(1, 3), ("v", "i1", moment)])["rounded_times"]
    assert (found.count, found.share, found.line, found.serious) == (1, 1 / 4, 5, True)
    assert found.example == f"v,i1,{moment}"
    exact = "1.511544070000000000e+09"  # as NumPy writes it
    log = read_events(write("user,item,time\n" + f"u,a,{moment}\n" * 5))
    serious = serious_warnings(log, build_dataset(log, min_user_events=1, min_item_events=1))
    assert next(each for each in serious if each.name == "rounded_times").line == 2
    assert "rounded_times" not in warnings([*full(1, 3), ("v", "i1", exact)])


def test_times_of_now_are_plausible(warnings):
    rows = [("u", f"i{n}", int(time.time()) - n) for n in range(4)]
    assert not [each for each in warnings(rows) if each.endswith("_times")]


def test_filters_that_drop_most_items_are_reported(warnings):
    rows = full(6, 6) + [(f"u{n % 6}", f"rare{n}", NOW + n) for n in range(40)]
    found = warnings(rows)["filters_drop_most"]
    assert "drops 87% of the items" in found.sentence
    assert (found.count, found.share, found.serious) == (40, 40 / 46, True)
    assert "filters_drop_most" not in warnings(full(6, 6))


def test_categories_with_levels_are_counted_and_can_be_cut(write, warnings):
    text = "item,category\n" + "i0,A > B > C|X\ni1,A > B > D\ni2,A  >  E\ni3,F>G\n"
    path = write(text, "items.csv")
    found = warnings(full(2, 4), items=read_items(path))["categories_with_levels"]
    assert (found.count, found.share, found.example) == (3, 3 / 5, "A > B > C")
    assert "keeps 3 categories" in found.sentence
    log_path = write("user,item,time,genres\nu,a,5,A > B > C;A > D\nu,b,6,\n")
    for depth, expected in ((1, ["A"]), (2, ["A > B", "A > D"]), (None, ["A > B > C", "A > D"])):
        columns = Columns(category_separator=";", category_depth=depth)
        frame = read_events(log_path, columns=columns).frame.collect()
        assert frame["category"].to_list() == [expected, []]


def test_rejected_rows_ties_and_duplicates_have_lines(warnings):
    rows = [("u", "a", NOW), ("u", "", NOW), ("u", "a", NOW), ("v", "b", "never"), ("v", "b", NOW)]
    found = warnings(rows)
    assert found["rejected_rows"].line in (3, 5)
    assert (found["tied_events"].line, found["exact_duplicates"].line) == (2, 4)
    assert (found["exact_duplicates"].count, found["exact_duplicates"].share) == (1, 1 / 3)


def test_lines_are_those_of_each_file_and_format(tmp_path, write):
    write("user,item,time\n" + "u,a,1511544070\n" * 3, "logs/1.csv")
    write('x,user,item,time\n"two\nlines",u,a,1511544070\n,v,1E10,1511544070\n', "logs/2.csv")
    report = inspect_log(read_events(tmp_path / "logs"))
    found = next(each for each in report.warnings if each.name == "rounded_item_ids")
    assert (found.line, found.example) == (4, "2.csv: v,1E10,1511544070")
    frame = pl.DataFrame({"user": ["u", "", "v"], "item": ["a", "b", "1E10"], "time": [NOW] * 3})
    report = inspect_log(read_events(frame))
    assert next(e for e in report.warnings if e.name == "rounded_item_ids").line == 3
    lines = [{"user": "u", "item": item, "time": NOW} for item in ("a", "1E10")]
    path = write("\n\n".join(map(json.dumps, lines)), "log.jsonl")
    report = inspect_log(read_events(path))
    assert next(e for e in report.warnings if e.name == "rounded_item_ids").line == 3


def test_serious_warnings_are_repeated_when_a_data_set_is_built(write):
    rows = [("robot", f"i{n % 9}", NOW + n, 5) for n in range(90)]
    rows += [("u1", "1E10", NOW, 1), ("u1", "1E10 ", 2**33, 1), ("u2", "", NOW, 1)]
    rows += [("u2", "1E10", NOW, 1), ("u2", "1E10 ", NOW, 1), ("u2", "i0", NOW, 1)]
    text = "".join(",".join(map(str, row)) + "\n" for row in rows)
    log = read_events(write("user,item,time,rating\n" + text))
    dataset = build_dataset(log, min_user_events=1, min_item_events=1)
    found = {each.name: each for each in serious_warnings(log, dataset)}
    assert set(found) == {
        "one_user_has_a_large_share", "rounded_item_ids", "future_times", "rejected_rows",
        "item_ids_that_differ_in_spelling", "rating_column",
    }  # fmt: skip
    assert set(found) == {
        each.name for each in inspect_log(log, min_events=1).warnings if each.serious
    }
    assert (found["rating_column"].line, found["rejected_rows"].line) == (92, 94)
    assert found["future_times"].count == 1
    assert build_dataset(log).histories.times.max() < 2**33 * SECOND


def test_a_column_of_values_is_not_used_if_other_weights_are(write):
    rows = [(f"u{n}", "a", "view", NOW + n, n % 5 + 1) for n in range(10)]
    text = "".join(",".join(map(str, row)) + "\n" for row in rows)
    path = write("user,item,event,time,rating\n" + text)

    def sentence(weighting):
        log = read_events(path, columns=Columns(weighting=weighting))
        return next(each.sentence for each in check_source(log) if each.name == "rating_column")

    assert sentence(Weighting()).endswith(
        "but all events count alike; 4 (40.0%) have at most 2.6: remove rows that are no sign of "
        "interest."
    )
    assert sentence(Weighting(kinds={"view": 2.0})).endswith(
        "but this column is not used; 4 (40.0%) have at most 2.6: name it with --weight-column, "
        "or leave it as it is."
    )


def test_kept_duplicates_are_repeated_when_a_data_set_is_built(write):
    log = read_events(write("user,item,time\n" + f"u,a,{NOW}\n" * 5 + f"v,b,{NOW}\n" * 5))
    for duplicates, expected in (("keep", [8]), ("drop-exact", [])):
        dataset = build_dataset(log, min_user_events=1, min_item_events=1, duplicates=duplicates)
        found = serious_warnings(log, dataset)
        assert [each.count for each in found if each.name == "exact_duplicates"] == expected


def test_the_minima_are_not_blamed_for_duplicates_and_dislikes(write):
    often = [(f"u{u}", f"i{i}", NOW + i, 5) for u in range(6) for i in range(6)] * 3
    disliked = [(f"u{u}", f"x{i}", NOW + i, 1) for u in range(6) for i in range(40)]
    text = "".join(",".join(map(str, row)) + "\n" for row in often + disliked)
    weighting = Weighting(dislikes=Comparison.parse("rating<=2"))
    log = read_events(write("user,item,time,rating\n" + text), columns=Columns(weighting=weighting))
    for duplicates in ("keep", "drop-exact"):
        found = serious_warnings(log, build_dataset(log, duplicates=duplicates))
        assert "filters_drop_most" not in {each.name for each in found}


@pytest.mark.parametrize("value", ["1", "9"])
def test_dislikes_that_no_event_matches_are_reported(write, value):
    rows = "".join(f'u,i{k},{NOW + k},"{k},0"\n' for k in range(6))
    path = write("user,item,time,stars\n" + rows)
    for operand, expected in ((value, ["no_dislikes"]), ("1,0", [])):
        weighting = Weighting(dislikes=Comparison.parse(f"stars={operand}"))
        log = read_events(path, columns=Columns(weighting=weighting))
        dataset = build_dataset(log, min_user_events=1, min_item_events=1)
        names = [each.name for each in serious_warnings(log, dataset)]
        assert [name for name in names if name == "no_dislikes"] == expected


def test_the_next_command_can_be_pasted(write):
    path = write("user,item,time\n" + "u,a,5\n" * 9, "my logs/log of today with a long name.csv")
    flags = ["--items", "my items.csv", "--events", "it's", "--time-unit", "s", "--strict"]
    report = inspect_log(read_events(path), flags=flags)
    assert shlex.split(report.next_command)[2] == str(path)
    lines = list(report.lines())
    pasted = "\n".join(lines[lines.index("next") + 1 :])
    words = shlex.split(pasted.replace("\\\n", " "))
    assert words == shlex.split(report.next_command)
    assert words[5:12] == flags
