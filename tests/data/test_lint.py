"""Check an event log: counts computed by hand, and the sentences of the report."""

import json

import pytest

from prismrec.data.events import read_events
from prismrec.data.items import read_items
from prismrec.data.lint import inspect_log

NOW = 1511544070


@pytest.fixture
def inspect(tmp_path):
    """Inspect a log of (user, item, time) rows; a header may name more columns."""

    def of(rows, header="user,item,time", items=None, **options):
        path = tmp_path / "log.csv"
        path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
        if items is not None:
            (tmp_path / "items.csv").write_text(items)
            items = read_items(tmp_path / "items.csv")
        return inspect_log(read_events(path), items, **options)

    return of


def full(users, items):
    return [
        (f"u{u}", f"i{i}", NOW + 60 * (u * items + i)) for u in range(users) for i in range(items)
    ]


def test_a_clean_log_looks_ready(inspect):
    items = "item,category\n" + "".join(f"i{i},c\n" for i in range(6))
    report = inspect(full(6, 6), items=items)
    assert report.verdict == ("Looks ready.",)
    assert report.next_command.endswith("log.csv --out data/")
    assert (report.first, report.last) == ("2017-11-24T17:21:10Z", "2017-11-24T17:56:10Z")
    assert (report.tied_share, report.exact_duplicates, report.repeats) == (0, 0, 0)


def test_ties_duplicates_and_repeats_are_counted(inspect):
    rows = [
        ("u", "a", NOW),
        ("u", "b", NOW),
        ("u", "a", NOW),
        ("u", "c", NOW + 1),
        ("u", "c", NOW + 2),
    ]
    report = inspect([*rows, ("v", "a", NOW)])
    assert report.tied_share == 3 / 6
    assert report.exact_duplicates == 1
    assert report.repeats == 1
    assert "--duplicates drop-exact" in report.next_command
    assert any("50.0% of events have the same" in sentence for sentence in report.verdict)


def test_short_users_are_counted(inspect):
    report = inspect(
        full(3, 6) + [("one", "i0", NOW)] + [("four", f"i{i}", NOW + i) for i in range(4)]
    )
    assert report.users_of_one_event == 1
    assert report.users_of_few_events == 2


def test_each_filter_reports_what_remains(inspect):
    cores = inspect([*full(6, 6), ("one", "rare", NOW)]).cores
    assert [(c.min_events, c.users, c.items, c.events) for c in cores] == [
        (1, 7, 7, 37), (2, 6, 6, 36), (5, 6, 6, 36), (10, 0, 0, 0),
    ]  # fmt: skip


def test_the_next_command_uses_filters_that_keep_events(inspect):
    report = inspect(full(3, 3))
    assert "--min-user-events 2 --min-item-events 2" in report.next_command
    assert any("least 5 per user and item; 2 works" in sentence for sentence in report.verdict)
    assert inspect([("u", "a", NOW)]).verdict[0].startswith("Too sparse")


def test_categories_are_counted_in_the_log_or_in_the_items(inspect):
    rows = [("u", "a", NOW, "x"), ("v", "a", NOW, "y"), ("v", "b", NOW + 1, "")]
    report = inspect(rows, header="user,item,time,category")
    assert (report.items_of_several_categories, report.items_without_category) == (1, 1)
    report = inspect([row[:3] for row in rows], items="item,category\na,x|y\nz,x\n")
    assert (report.items_of_several_categories, report.items_without_category) == (1, 1)
    assert inspect([row[:3] for row in rows]).items_without_category is None


def test_items_whose_ids_differ_from_those_of_the_log_are_reported(inspect):
    rows = [("u", f"00{i}", NOW + i, "x") for i in range(4)]
    described = {
        share: inspect([row[:3] for row in rows], items="item,category\n" + "x\n".join(ids) + "x\n")
        for share, ids in {
            "none": ["1,", "2,"], "one": ["001,", "2,"], "half": ["001,", "002,"],
        }.items()
    }  # fmt: skip
    assert "4 of 4 items of the log are not in the file of items" in described["none"].verdict[2]
    assert "The log has '000', the file '1'." in described["none"].verdict[2]
    found = {
        share: [(w.count, w.serious) for w in report.warnings if w.name == "items_not_described"]
        for share, report in described.items()
    }
    assert found == {"none": [(4, True)], "one": [(3, False)], "half": []}


@pytest.mark.parametrize(
    ("items", "source", "count"),
    [(None, "log", 2), ("item,title\na,A\n", "log", 2), ("item,category\na,x\n", "items", 1)],
)
def test_categories_are_from_the_log_if_the_items_have_none(inspect, items, source, count):
    rows = [("u", "a", NOW, "x"), ("v", "b", NOW + 1, "y")]
    report = inspect(rows, header="user,item,time,category", items=items)
    assert (report.categories, report.categories_from) == (count, source)
    assert f"{count}, from the {source}; " in " ".join(" ".join(report.lines()).split())


def test_times_that_are_counts_are_reported(inspect):
    report = inspect([("u", f"i{place}", place) for place in range(5)])
    assert any("counts, not dates" in sentence for sentence in report.verdict)


def test_rejected_rows_and_kinds_are_shown(inspect):
    rows = [("u", "a", NOW, "pv"), ("u", "b", NOW + 1, "buy"), ("u", "", NOW, "pv")]
    report = inspect([*rows, ("u", "c", NOW + 2, "pv")], header="user,item,time,event")
    assert report.kinds == {"pv": 2, "buy": 1}
    assert any("item is missing (line 4" in line for line in report.lines())


def test_sequences_have_no_times(tmp_path):
    path = tmp_path / "sequences.txt"
    path.write_text("u a b a\nv a\n")
    report = inspect_log(read_events(path))
    assert (report.first, report.last, report.tied_share) == (None, None, None)
    assert any("order of the log" in line for line in report.lines())


def test_lines_are_narrow_and_the_report_is_json(inspect):
    rows = [*full(6, 6), *full(2, 3), ("u" * 200, "", NOW)]
    report = inspect(rows, header="user,item,time")
    command = report.next_command.split()
    # A path may be longer than a line; the command then goes on in the next one.
    assert all(
        len(line) <= 80 or line.removesuffix(" \\").split()[-1] in command
        for line in report.lines()
    )
    assert json.loads(json.dumps(report.to_json()))["events"] == 42
