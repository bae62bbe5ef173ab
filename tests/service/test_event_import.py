"""Test the import of an event log into a store."""

import json
from dataclasses import replace

import polars as pl
import pytest

from prismrec.cli import main
from prismrec.data import Columns, Comparison, Weighting, read_events, reject_refused_ids
from prismrec.errors import ConfigError, DataError, StoreError
from prismrec.service.event_import import _id, import_events
from prismrec.service.stores import Event, MemoryStore, open_store

ROWS = [("ann", "tea", 30), ("bob", "jam", 10), ("ann", "tea", 10), ("ann", "jam", 20)]
ROWS += [("ann", "tea", 30)]


def log_of(rows):
    frame = pl.DataFrame(rows, schema=["user", "item", "time"], orient="row")
    return read_events(frame.with_columns(pl.col("time") + 1_700_000_000))


def items_of(store, user):
    return [event.item for event in store.recent(user, 99)]


def test_events_are_stored_once_in_the_order_of_time():
    store = MemoryStore()
    done = import_events(log_of(ROWS), store, newest=100)
    assert (done.events, done.stored, done.users) == (5, 5, 2)
    assert items_of(store, "ann") == ["tea", "jam", "tea", "tea"]
    assert store.recent("bob", 9)[0].time == 1_700_000_010_000_000
    for rows in (ROWS, ROWS[::-1], ROWS[2:] + ROWS[:2]):
        assert import_events(log_of(rows), store, newest=100).stored == 0
    assert items_of(store, "ann") == ["tea", "jam", "tea", "tea"]


@pytest.mark.parametrize("fails", [1, 2, 3])
def test_an_interrupted_import_is_repeated(monkeypatch, fails):
    monkeypatch.setattr("prismrec.service.event_import.GROUP", 2)
    store, append, calls = MemoryStore(), MemoryStore.append, []

    def interrupted(events):
        calls.append(1)
        if len(calls) == fails:
            raise StoreError("down")
        return append(store, events)

    monkeypatch.setattr(store, "append", interrupted)
    with pytest.raises(StoreError):
        import_events(log_of(ROWS), store, newest=100)
    before = len(items_of(store, "ann")) + len(items_of(store, "bob"))
    assert import_events(log_of(ROWS), store, newest=100).stored == len(ROWS) - before
    assert items_of(store, "ann") == ["tea", "jam", "tea", "tea"]


def test_only_the_newest_events_of_a_user_are_imported():
    store = MemoryStore()
    assert import_events(log_of(ROWS), store, newest=2).events == 3
    assert items_of(store, "ann") == ["tea", "tea"]


def test_a_log_without_times_is_refused():
    log = replace(log_of(ROWS), has_time=False)
    with pytest.raises(DataError, match="no times"):
        import_events(log, MemoryStore(), newest=9)


def test_the_command_imports_a_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PRISMREC_STORE", raising=False)
    lines = [f"{user},{item},{time + 1_700_000_000}" for user, item, time in ROWS]
    (tmp_path / "log.csv").write_text("user,item,time\n" + "\n".join(lines) + "\n")
    for new in (5, 0):
        main(["events", "import", "log.csv", "--store", "sqlite:///own.db"])
        assert f"5 events of 2 users: {new} were new." in capsys.readouterr().out
    with open_store("sqlite:///own.db") as store:
        assert items_of(store, "ann") == ["tea", "jam", "tea", "tea"]


@pytest.mark.parametrize("newest", [0, -1])
def test_an_import_of_no_events_per_user_is_refused(newest):
    with pytest.raises(ConfigError, match=f"newest is {newest}; import at least"):
        import_events(log_of(ROWS), MemoryStore(), newest=newest)


def test_kinds_are_imported_as_far_as_a_store_accepts_them():
    kinds = ["view", "", "x" * 1_001, "return"]
    rows = [("ann", f"i{n}", n, kind) for n, kind in enumerate(kinds)]
    frame = pl.DataFrame(rows, schema=["user", "item", "time", "event"], orient="row")
    weighting = Weighting(dislikes=Comparison.parse("event=return"))
    log = read_events(
        frame.with_columns(pl.col("time") + 1_700_000_000), columns=Columns(weighting=weighting)
    )
    store = MemoryStore()
    done = import_events(log, store, newest=9)
    assert (done.stored, done.dislikes) == (4, 1)
    assert [one.kind for one in store.recent("ann", 9)] == ["view", None, None, "return"]
    assert store.recent_feedback(["ann"], 9)[0] == (["i0", "i1", "i2"], ["i3"])
    assert import_events(log, store, newest=9).stored == 0


VIEW, BUY, NONE = (("ann", "tea", 10, kind) for kind in ("view", "buy", ""))


def log_with_kinds(rows):
    frame = pl.DataFrame(rows, schema=["user", "item", "time", "event"], orient="row")
    return read_events(frame.with_columns(pl.col("time") + 1_700_000_000))


@pytest.mark.parametrize("group", [1, 5_000])
@pytest.mark.parametrize(
    "logs",
    [([VIEW], [BUY]), ([VIEW, BUY], [BUY], [VIEW]), ([BUY], [VIEW, BUY]), ([BUY, VIEW], [VIEW])],
)
@pytest.mark.slow
def test_events_of_different_kinds_at_the_same_time_are_stored_once(monkeypatch, group, logs):
    monkeypatch.setattr("prismrec.service.event_import.GROUP", group)
    store = MemoryStore()
    for log in logs:
        import_events(log_with_kinds(log), store, newest=9)
    for log in (*logs, [VIEW, BUY], [BUY, VIEW], [NONE], [NONE, VIEW]):
        assert import_events(log_with_kinds(log), store, newest=9).stored == 0
    assert sorted(event.kind for event in store.recent("ann", 9)) == ["buy", "view"]


@pytest.mark.parametrize("group", [1, 5_000])
def test_an_event_without_a_kind_is_one_of_two_kinds(monkeypatch, group):
    monkeypatch.setattr("prismrec.service.event_import.GROUP", group)
    store = MemoryStore()
    for rows, new in (([NONE], 1), ([VIEW, BUY], 1), ([BUY, VIEW], 0)):
        assert import_events(log_with_kinds(rows), store, newest=9).stored == new


@pytest.mark.parametrize("rows", [[NONE, VIEW], [VIEW, NONE], [NONE, VIEW, NONE, BUY]])
def test_the_size_of_a_group_changes_nothing(monkeypatch, rows):
    for group in (1, 2, 5_000):
        monkeypatch.setattr("prismrec.service.event_import.GROUP", group)
        store = MemoryStore()
        assert import_events(log_with_kinds(rows), store, newest=9).stored == len(rows)


def test_equal_events_of_two_kinds_are_counted_by_kind():
    store = MemoryStore()
    for rows, new in (([VIEW, BUY, VIEW], 3), ([BUY, VIEW, VIEW], 0), ([VIEW] * 3, 1), ([BUY], 0)):
        assert import_events(log_with_kinds(rows), store, newest=9).stored == new


@pytest.mark.parametrize("kinds", [("view", "buy"), ("buy", "view"), (None, None)])
def test_events_that_an_earlier_version_imported_are_not_new(kinds):
    """It counted events of all kinds together, and could not read kinds before that."""
    key, store = ("ann", "tea", 1_700_000_010_000_000), MemoryStore()
    events = [Event(*key, _id(*key, False, n), kind) for n, kind in enumerate(kinds, 1)]
    assert store.append(events) == 2
    for rows in ([VIEW], [BUY], [VIEW, BUY], [BUY, VIEW], [NONE, NONE]):
        assert import_events(log_with_kinds(rows), store, newest=9).stored == 0


def test_dislikes_are_no_part_of_a_live_history(tmp_path, capsys):
    log = tmp_path / "log.csv"
    rows = [f"{user},{item},{time + 1_700_000_000},{time % 3}" for user, item, time in ROWS]
    log.write_text("\n".join(["user,item,time,rating", *rows]))
    store = f"sqlite:///{tmp_path / 'events.db'}"
    main(["events", "import", str(log), "--store", store, "--dislikes", "rating=1"])
    printed = capsys.readouterr().out
    assert "5 events of 2 users: 5 were new." in printed
    assert "2 events are dislikes: they are no part of a history." in printed
    with open_store(store) as opened:
        ann, bob = opened.recent_feedback(["ann", "bob"], 9)
        assert ann == (["jam", "tea", "tea"], [])  # liked again later
        assert bob == ([], ["jam"])


@pytest.fixture
def unusual(tmp_path):
    """Write a log with an invalid row, another kind, a placeholder time and many events of ann."""
    rows = ["ann,tea,2023-01-01,view", ",tea,2023-01-02,view", "bob,jam,2023-01-03,cart"]
    rows += ["ann,jam,2023-01-04,view", "eve,jam,1970-01-01,view", "ann,tea,2023-01-05,view"]
    path = tmp_path / "log.csv"
    path.write_text("\n".join(["user,item,time,event", *rows]))
    asked = ["events", "import", str(path), "--store", f"sqlite:///{tmp_path / 'events.db'}"]
    return [*asked, "--events", "view", "--newest", "2"]


@pytest.mark.slow
def test_what_an_import_leaves_out_is_reported(unusual, capsys):
    main(unusual)
    shown = capsys.readouterr().out
    lines = [line for line in shown.splitlines() if not line.startswith("store ")]  # a long path
    assert all(len(line) <= 80 for line in lines)
    text = " ".join(shown.split())
    assert "read 6 rows, kept 4" in text
    assert "rejected 1: user is missing, for example line 3" in text
    assert "other 1 events of other kinds were left out, 1 users have no other events" in text
    assert "1 older events were left out" in text
    assert "warning Times that are placeholders" in text
    assert "Example: line 6: 'eve,jam,1970-01-01'" in text


def test_what_an_import_leaves_out_is_in_its_json(unusual, capsys):
    main([*unusual, "--json"])
    value = json.loads(capsys.readouterr().out)
    assert (value["events"], value["older"], value["events_left_out"]) == (3, 1, 1)
    assert (value["rejected"], value["rejected_lines"]) == (
        {"user is missing": 1}, {"user is missing": [3]},
    )  # fmt: skip
    assert [(one["name"], one["line"]) for one in value["warnings"]] == [("placeholder_times", 6)]


LONG = ["u" * 1_200, "é" * 501, "nul\0"]


@pytest.fixture
def refused(tmp_path):
    """Write a log in which ids of every second row are refused; return the command and the log."""
    rows = [row for name in LONG for row in (f"ann,{name[:3]},5", f"{name},tea,6", f"bob,{name},7")]
    rows += ["ann,tea,8"] * 9 + ["eve,jam,1970-01-01"]
    path = tmp_path / "log.csv"
    text = "\n".join(["user,item,time", *rows])
    for second in "5678":
        text = text.replace(f",{second}\n", f",2023-01-01T00:00:0{second}\n")
    path.write_text(text)
    return ["events", "import", str(path), "--store", f"sqlite:///{tmp_path / 'events.db'}"]


def test_events_with_ids_that_a_store_refuses_are_rejected_with_their_lines(refused, capsys):
    main([*refused, "--json"])
    value = json.loads(capsys.readouterr().out)
    assert (value["rows_read"], value["rows_kept"], value["stored"]) == (19, 13, 13)
    reason = "user or item has more than 1,000 bytes or a NUL"
    assert (value["rejected"], value["rejected_lines"]) == ({reason: 6}, {reason: [3, 4, 6]})
    assert [one["line"] for one in value["warnings"]] == [20]  # counted without the rejected rows
    with pytest.raises(SystemExit):
        main([*refused, "--strict"])
    assert f"{reason} (line 3: 'uuu" in capsys.readouterr().err


def test_ids_that_the_service_refuses_are_warnings(refused, tmp_path, capsys):
    log = refused[2]
    flags = ["--min-user-events", "1", "--min-item-events", "1", "--json"]
    main(["prepare", log, "--out", str(tmp_path / "data"), *flags])
    prepared = {w["name"]: w for w in json.loads(capsys.readouterr().out)["warnings"]}
    main(["inspect", log, "--json"])
    inspected = {w["name"]: w for w in json.loads(capsys.readouterr().out)["warnings"]}
    for role, line in (("user", 3), ("item", 4)):
        name = f"refused_{role}_ids"
        assert (prepared[name]["count"], inspected[name]["count"]) == (3, 3)
        assert inspected[name]["line"] == line


def test_whole_numbers_are_no_refused_ids():
    frame = pl.DataFrame({"user": [1, 2], "item": [3, 4], "time": [1_700_000_000, 1_700_000_001]})
    log = read_events(frame)
    assert reject_refused_ids(log) is log


def test_a_day_without_any_dislike_is_imported(tmp_path, capsys):
    log = tmp_path / "day.csv"
    log.write_text("user,item,time,event\nann,tea,1700000000,buy\n")
    store = f"sqlite:///{tmp_path / 'events.db'}"
    main(["events", "import", str(log), "--store", store, "--dislikes", "event=return", "--json"])
    done = json.loads(capsys.readouterr().out)
    assert (done["events"], done["dislikes"]) == (1, 0)


def test_an_import_into_another_store_than_the_variable_names_is_refused(
    tmp_path, monkeypatch, capsys
):
    log = tmp_path / "day.csv"
    log.write_text("user,item,time\nann,tea,1700000000\n")
    first, second = (f"sqlite:///{tmp_path / name}" for name in ("first.db", "second.db"))
    monkeypatch.setenv("PRISMREC_STORE", first)
    with pytest.raises(SystemExit):
        main(["events", "import", str(log), "--store", second])
    assert "but PRISMREC_STORE names another store" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [log]
    main(["events", "import", str(log), "--store", first])
    assert f"store sqlite {tmp_path}/first.db" in capsys.readouterr().out
    monkeypatch.setenv("PRISMREC_STORE", "")
    with pytest.raises(SystemExit):
        main(["events", "import", str(log)])
    assert "PRISMREC_STORE is set but empty" in capsys.readouterr().err
