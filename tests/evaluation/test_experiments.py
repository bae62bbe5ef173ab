"""Test the analysis of A/B tests: outcomes per user, differences, corrections and sample sizes."""

import json
import math

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from event_logs import log_of
from prismrec.errors import ConfigError, DataError, UnknownName
from prismrec.evaluation import (
    Exposures,
    analyze,
    exposure_header,
    exposure_line,
    hash_user,
    power_of,
    read_exposures,
    smallest_effect,
    users_needed,
)
from prismrec.evaluation.experiments.differences import difference, mean_interval, sample_ratio
from prismrec.evaluation.experiments.exposures import SCHEMA
from prismrec.evaluation.experiments.notes import notes_on_logs
from prismrec.evaluation.experiments.outcomes import measure_outcomes
from prismrec.evaluation.pairwise import holm

SECRET = b"a secret of the tests"
HOUR = 3_600_000_000
DEFINITION = {
    "name": "test",
    "salt": "0",
    "variants": [
        {"name": "control", "share": 0.5, "options": {}},
        {"name": "new", "share": 0.5, "options": {"k": 5}},
    ],
}


def exposures_of(*rows, shares=None):
    """Build exposures of (user, hour, variant, items) rows; a fifth value is ``overridden``."""
    full = [
        (hash_user(user, SECRET), hour * HOUR, variant, bool(more), list(items))
        for user, hour, variant, items, *more in rows
    ]
    frame = pl.DataFrame(full, schema=SCHEMA, orient="row")
    return Exposures("test", shares or {"control": 0.5, "new": 0.5}, frame, files=1)


def test_a_secret_is_bytes():
    with pytest.raises(ConfigError, match=r"secret is .*, but must be bytes; write secret"):
        hash_user("ann", SECRET.decode())


def events_of(*rows):
    return log_of([(user, item, hour * HOUR) for user, item, hour in rows])


def outcomes(exposures, events, k=2, hours=24):
    return measure_outcomes(exposures, events, SECRET, k=k, window=3_600 * hours)


def by_user(found, column):
    users = {hash_user(user, SECRET): user for user in "abcdefgh"}
    return {users[row["user"]]: row[column] for row in found.users.iter_rows(named=True)}


def test_a_list_is_hit_by_a_later_event_on_one_of_its_first_items():
    lists = exposures_of(
        ("a", 10, "control", "XY"),  # hit at hour 12
        ("a", 100, "control", "XY"),  # no later event
        ("b", 10, "control", "ZZ"),  # only other items
        ("c", 10, "new", "WVX"),  # X is the third item
        ("d", 10, "new", "X"),  # the event is at the same time, another one is too late
        ("e", 10, "new", "XY"),  # the event is exactly at the end of the window
        ("f", 10, "new", "XY"),  # an event before
    )
    log = events_of(
        ("a", "Y", 12), ("a", "Q", 13), ("b", "X", 12), ("c", "X", 12), ("d", "X", 10),
        ("d", "X", 35), ("e", "Y", 34), ("f", "X", 9), ("stranger", "X", 12),
    )  # fmt: skip
    found = outcomes(lists, log)
    assert by_user(found, "hit_rate") == {"a": 0.5, "b": 0, "c": 0, "d": 0, "e": 1, "f": 0}
    assert by_user(found, "events") == {"a": 2, "b": 1, "c": 1, "d": 1, "e": 1, "f": 0}
    assert by_user(found, "exposures") == {"a": 2, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1}
    assert found.users_with_events == 6
    assert found.unfinished == 1  # the list at hour 100


def test_overridden_lists_and_users_of_several_variants_are_left_out():
    lists = exposures_of(
        ("a", 1, "control", "X"),
        ("a", 2, "control", "Y", True),
        ("b", 1, "control", "X"),
        ("b", 2, "new", "X"),
        ("c", 1, "new", "X", True),
    )
    found = outcomes(lists, events_of(("a", "Y", 3), ("b", "X", 3)))
    assert by_user(found, "hit_rate") == {"a": 0}
    assert (found.overridden, found.users_of_several) == (2, 1)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4), st.sampled_from([1, 3, 40]))
@pytest.mark.slow
def test_outcomes_equal_a_search_of_all_pairs(seed, k, hours):
    random = np.random.default_rng(seed)
    rows = [
        (str(random.choice(list("abcd"))), int(random.integers(50)), "control",
         list(random.choice(list("UVWXYZ"), size=random.integers(0, 5), replace=False)))
        for _ in range(12)
    ]  # fmt: skip
    events = [
        (str(random.choice(list("abcde"))), str(random.choice(list("UVWXYZ"))),
         int(random.integers(60)))
        for _ in range(30)
    ]  # fmt: skip
    hits, later = {}, {}
    for user, hour, _, items in rows:
        hit = any(u == user and i in items[:k] and hour < h <= hour + hours for u, i, h in events)
        hits.setdefault(user, []).append(hit)
    for user in hits:
        first = min(hour for u, hour, *_ in rows if u == user)
        later[user] = sum(u == user and h > first for u, _, h in events)
    found = outcomes(exposures_of(*rows), events_of(*events), k=k, hours=hours)
    assert by_user(found, "hit_rate") == pytest.approx({u: np.mean(h) for u, h in hits.items()})
    assert by_user(found, "events") == later


def test_a_dislike_is_no_hit_and_no_later_event():
    exposures = exposures_of(("ann", 0, "new", "A"), ("bob", 0, "new", "A"))
    rows = [("ann", "A", HOUR), ("ann", "B", HOUR), ("bob", "A", HOUR)]
    measured = outcomes(exposures, log_of(rows, disliked=[True, False, False]))
    assert measured.dislikes == 1
    found = measured.users
    ann, bob = (found.filter(user=hash_user(name, SECRET)) for name in ("ann", "bob"))
    assert ann.select("hit_rate", "events").row(0) == (0, 1)
    assert bob.select("hit_rate", "events").row(0) == (1, 1)


def test_whole_numbers_as_ids_are_compared_as_text():
    lists = exposures_of(("7", 1, "control", ["12"]))
    found = outcomes(lists, log_of([(7, 12, 2 * HOUR)]))
    assert found.users["hit_rate"].to_list() == [1]


def test_a_difference_equals_welchs_test_of_scipy():
    random = np.random.default_rng(1)
    a, b = random.normal(0.3, 1, 40), random.normal(0, 2, 25)
    mean, half, p = difference(a, b)
    expected = stats.ttest_ind(a, b, equal_var=False)
    interval = expected.confidence_interval(0.95)
    assert (mean, p) == pytest.approx((a.mean() - b.mean(), expected.pvalue))
    assert (mean - half, mean + half) == pytest.approx((interval.low, interval.high))


def test_equal_values_have_no_difference():
    assert difference(np.zeros(3), np.zeros(4)) == (0, None, None)
    assert difference(np.ones(3), np.zeros(4)) == (1, None, None)
    # One variant of equal values: the error is that of the other one, √(5 / 3 / 4).
    _, _, p = difference(np.ones(3), np.arange(4.0))
    assert p == pytest.approx(2 * stats.t.sf(0.5 / math.sqrt(5 / 12), 3))
    with pytest.raises(DataError, match="1 and 4 users"):
        difference(np.ones(1), np.zeros(4))


def test_the_interval_of_a_mean_equals_that_of_scipy():
    values = np.array([0.2, 0.4, 0.9])
    low, high = stats.t.interval(0.95, 2, values.mean(), stats.sem(values))
    assert mean_interval(values) == pytest.approx((high - low) / 2)
    assert mean_interval(np.ones(3)) is None


def test_the_sample_ratio_equals_the_chi_square_test_of_scipy():
    assert sample_ratio([480, 520], [0.5, 0.5]) == pytest.approx(0.2059, abs=1e-4)  # χ² = 1.6
    expected = stats.chisquare([10, 25, 65], [20, 20, 60]).pvalue
    assert sample_ratio([10, 25, 65], [0.2, 0.2, 0.6]) == pytest.approx(expected)


def test_the_sample_size_of_a_textbook():
    # Deviation 1, difference 0.5, power 80 %, level 5 %: 63 users per group (normal quantiles).
    factor = (1.959964 + 0.841621) ** 2 / 0.5**2
    assert users_needed(0.5, 1.0) == math.ceil((2 + 2) * factor) == 126
    assert users_needed(-0.5, 1.0) == 126
    assert users_needed(0.5, 1.0, shares=(1, 9)) == math.ceil((10 + 10 / 9) * factor) == 349


@settings(max_examples=30, deadline=None)
@given(
    st.floats(0.01, 2), st.floats(0.1, 5), st.floats(0.05, 0.95), st.floats(0.3, 0.99),
    st.floats(0.001, 0.2),
)  # fmt: skip
def test_size_power_and_smallest_effect_agree(effect, deviation, share, power, alpha):
    more = {"shares": (share, 1 - share), "alpha": alpha}
    users = users_needed(effect, deviation, power=power, **more)
    assert power_of(effect, deviation, users, **more) >= power - 1e-9
    if users > 2:
        assert power_of(effect, deviation, users - 1, **more) < power + 1e-9
        assert smallest_effect(users, deviation, power=power, **more) <= effect + 1e-9


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.2, 0.8)])
def test_a_planted_effect_is_found_as_often_as_computed(shares):
    random, runs, deviation, effect = np.random.default_rng(3), 1_000, 0.4, 0.1
    users = users_needed(effect, deviation, shares=shares)
    sizes = [round(share * users) for share in shares]
    control = random.normal(0.3, deviation, (runs, sizes[0]))
    values = random.normal(0.3 + effect, deviation, (runs, sizes[1]))
    found = sum(difference(a, b)[2] < 0.05 for a, b in zip(values, control, strict=True))
    expected = power_of(effect, deviation, sum(sizes), shares=sizes)
    assert abs(found / runs - expected) < 3.3 * math.sqrt(expected * (1 - expected) / runs)


@pytest.mark.parametrize(
    ("call", "part"),
    [
        (lambda: users_needed(0, 1), "effect is 0"),
        (lambda: users_needed(0.1, -1), "deviation is -1"),
        (lambda: users_needed(0.1, 1, shares=(1, 0)), "shares"),
        (lambda: users_needed(0.1, 1, power=1), "power 1"),
        (lambda: users_needed(0.1, math.inf), "deviation is inf"),
        (lambda: smallest_effect(1, 1), "users is 1"),
        (lambda: power_of(0.01, 0.3, -5), "number of users -5"),
        (lambda: power_of(math.nan, 0.3, 100), "effect is nan"),
        (lambda: power_of(0.01, 0, 100, alpha=7), "alpha 7"),
    ],
)
def test_impossible_plans_are_refused(call, part):
    with pytest.raises(ConfigError, match=part):
        call()


def many(shares, counts):
    """Build lists of X for this number of users per variant; each third user has an event on X."""
    rows = [
        (f"{name}{number}", 1, name, "X")
        for name, count in counts.items()
        for number in range(count)
    ]
    events = [(row[0], "X", 2) for place, row in enumerate(rows) if place % 3 == 0]
    return exposures_of(*rows, shares=shares), events_of(*events, ("other", "X", 99))


def test_the_report_names_the_control_and_corrects_for_all_comparisons():
    shares = {"control": 0.5, "one": 0.25, "two": 0.25}
    report = analyze(*many(shares, {"control": 50, "one": 25, "two": 25}), SECRET, effect=0.1)
    assert [each.name for each in report.variants] == list(shares)
    assert [(each.variant, each.metric) for each in report.differences] == [
        ("one", "hit_rate@10"), ("one", "events_per_user"),
        ("two", "hit_rate@10"), ("two", "events_per_user"),
    ]  # fmt: skip
    assert [each.p_corrected for each in report.differences] == holm(
        [each.p for each in report.differences]
    )
    control = report.variants[0]
    assert control.means["hit_rate@10"] == pytest.approx(17 / 50)
    assert control.intervals["hit_rate@10"] == pytest.approx(
        stats.t.ppf(0.975, 49) * math.sqrt(17 / 50 * 33 / 50 / 49)
    )
    values = np.repeat([1.0, 0.0], [17, 33])
    assert report.users_needed["hit_rate@10"] == users_needed(
        0.1 * 17 / 50, values.std(ddof=1), shares=(0.5, 0.25), alpha=0.05 / 4
    )
    assert report.notes == ("No list has more than 1 items, so hit_rate@10 is of at most 1.",)
    assert json.loads(json.dumps(report.to_json()))["variants"][1]["name"] == "one"


def test_users_that_do_not_match_the_shares_are_a_warning():
    report = analyze(*many(None, {"control": 200, "new": 290}), SECRET)
    assert report.sample_ratio_p < 0.001
    assert "do not trust the differences" in report.notes[0]
    assert not analyze(*many(None, {"control": 200, "new": 230}), SECRET, k=1).notes


def test_equal_values_have_no_interval_no_p_value_and_no_smallest_effect():
    rows = [(f"{name}{number}", 1, name, "X") for name in ("control", "new") for number in (1, 2)]
    events = [(user, "X" if variant == "new" else "Y", 2) for user, _, variant, _ in rows]
    report = analyze(
        exposures_of(*rows), events_of(*events, ("other", "X", 99)), SECRET, k=1, effect=0.1
    )
    (hits, later) = report.differences
    assert (hits.mean, hits.interval, hits.p, hits.p_corrected) == (1, None, None, None)
    assert (later.mean, later.p) == (0, None)
    assert report.smallest_effects == report.users_needed == {}
    assert report.variants[0].intervals == {"hit_rate@1": None, "events_per_user": None}
    assert report.notes[0].startswith("hit_rate@1 is the same for all users of control, new, so")
    assert report.notes[1].startswith("events_per_user is the same for all users of control, new")


def test_events_with_dates_only_are_a_warning():
    rows = [("a", 10, "control", "X"), ("b", 10, "control", "X"), ("c", 10, "new", "X")]
    exposures = exposures_of(*rows, ("d", 10, "new", "X"))
    events = [("a", "X", 0), ("b", "X", 24), ("c", "X", 240)]
    assert "All times of the events are midnight" in str(
        analyze(exposures, events_of(*events), SECRET, k=1).notes
    )
    times = events_of(*events, ("d", "X", 11))
    assert "midnight" not in str(analyze(exposures, times, SECRET, k=1).notes)


def test_another_secret_is_a_warning():
    exposures, log = many(None, {"control": 20, "new": 20})
    assert "secret" in analyze(exposures, log, b"another secret").notes[0]


@pytest.mark.parametrize(
    ("more", "part"),
    [
        ({"k": 0}, "k is 0"),
        ({"window": 0.0}, "window is 0"),
        ({"window": 1e300}, "at most 1e"),
        ({"effect": math.nan}, "effect is nan"),
        ({"effect": 0.0}, "effect is 0"),
    ],
)
def test_impossible_options_are_refused(more, part):
    with pytest.raises(ConfigError, match=part):
        analyze(*many(None, {"control": 20, "new": 20}), SECRET, **more)


def test_data_that_cannot_be_compared_is_refused():
    exposures, log = many(None, {"control": 20, "new": 1})
    with pytest.raises(DataError, match="'new' has 1 users"):
        analyze(exposures, log, SECRET)
    with pytest.raises(DataError, match="no times"):
        analyze(exposures, log_of([("a", "X", 1)], has_time=False), SECRET)
    overridden = exposures_of(("a", 1, "new", "X", True))
    with pytest.raises(DataError, match="can be counted"):
        analyze(overridden, log, SECRET)


def line_of(**more):
    fields = {"request": "r", "time": 1, "user": "u", "experiment": "test", "variant": "new"}
    fields |= {"overridden": False, "items": ["X"]} | more
    return json.dumps(exposure_line(**fields)) + "\n"


@pytest.fixture
def write(tmp_path):
    """Return a function that writes lines to the next file of a folder."""

    def add(*lines, definition=DEFINITION):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.jsonl"
        path.write_text(json.dumps(exposure_header(definition)) + "\n" + "".join(lines))
        return tmp_path

    return add


def test_torn_and_wrong_lines_are_skipped_and_counted(write):
    write(line_of(), line_of(variant="control"), line_of()[:-20])
    wrong = ["{\n", "[1]\n", "\xff\n", line_of(time="1"), line_of(time=2**63), line_of(items="X")]
    wrong += [line_of(variant="other"), line_of(overridden=1), line_of(experiment="x")]
    wrong += ["[" * 100_000 + "\n", line_of(time=True), line_of(items=["\ud800"])]
    found = read_exposures(
        write(*wrong, line_of(time=2), line_of()[:-1])
    )  # also without its last byte
    assert (found.torn, found.rejected, found.files) == (2, len(wrong), 2)
    assert found.frame["variant"].to_list() == ["new", "control", "new"]
    assert dict(found.shares) == {"control": 0.5, "new": 0.5}


def test_lines_that_are_in_the_log_twice_count_once(write):
    lines = [line_of(), line_of(variant="control"), line_of(request="s"), line_of(time=2)]
    write(*lines)
    found = read_exposures(write(*lines, lines[0]))
    assert (len(found.frame), found.repeated) == (4, 5)
    assert found.frame.columns == list(SCHEMA)


def test_compressed_files_are_read_and_other_files_are_named(write, tmp_path):
    folder = write(line_of())
    for ending, time in ((".gz", 2), (".zst", 3)):
        write(line_of(time=time))
        path = max(folder.glob("*.jsonl"))
        with pa.output_stream(f"{path}{ending}") as file:  # the ending chooses the compression
            file.write(path.read_bytes())
        path.unlink()
    (folder / "notes.txt").write_text("x")
    (folder / "old").mkdir()
    found = read_exposures(folder)
    assert found.frame["time"].to_list() == [1, 2, 3]
    assert (found.files, found.other_files) == (3, ("notes.txt", "old"))
    others = next(notes_on_logs(found, outcomes(found, events_of(("a", "X", 1))), 1))
    assert others == ("The folder of the exposure log has 2 other files, not read: notes.txt, old.")
    damaged = next(folder.glob("*.gz"))
    damaged.write_bytes(damaged.read_bytes()[:-12])
    with pytest.raises(DataError, match="cannot be decompressed"):
        read_exposures(damaged)


def test_a_file_cut_off_at_any_byte_loses_only_its_last_line(write, tmp_path):
    (path,) = write(line_of(), line_of(time=2)).iterdir()
    whole = path.read_bytes()
    for size in range(len(whole) - 60, len(whole)):
        path.write_bytes(whole[:size])
        found = read_exposures(path)
        assert (found.frame["time"].to_list(), found.torn, found.rejected) == ([1], 1, 0)


def test_experiments_are_chosen_by_name_and_must_not_change(write):
    other = DEFINITION | {"name": "other"}
    folder = write(line_of())
    write(line_of(experiment="other"), definition=other)
    with pytest.raises(DataError, match=r"several experiments \(other, test\)"):
        read_exposures(folder)
    assert read_exposures(folder, "other").experiment == "other"
    with pytest.raises(UnknownName, match="'tset'"):
        read_exposures(folder, "tset")
    write(line_of(), definition=DEFINITION | {"salt": "1"})
    with pytest.raises(DataError, match="otherwise than another file"):
        read_exposures(folder, "test")
    assert read_exposures(folder, "other").experiment == "other"


@pytest.mark.parametrize(
    "header",
    [
        {"format": "other"},
        {"version": 2},
        {"experiment": None},
        {"experiment": {"name": "test", "variants": []}},
        {"experiment": {"name": "test", "variants": [{"name": "a", "share": 0}] * 2}},
        {"experiment": {"name": "test", "variants": [{"name": "a", "share": 0.5}] * 2}},
        {"experiment": DEFINITION | {"name": "\ud800"}},
    ],
)
def test_another_format_is_refused(tmp_path, header):
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps(exposure_header(DEFINITION) | header) + "\n" + line_of())
    with pytest.raises(DataError, match="another format or version"):
        read_exposures(path)


def test_a_log_without_exposures_is_refused(write, tmp_path):
    with pytest.raises(DataError, match="No exposure log"):
        read_exposures(tmp_path)
    with pytest.raises(DataError, match="has no exposure"):
        read_exposures(write())


def test_users_are_hashed_with_a_key():
    # Test case 2 of RFC 4231.
    assert hash_user("what do ya want for nothing?", b"Jefe") == "5bdcc146bf60754e6a042426089575c7"
    assert len({hash_user(user, key) for user in ("ann", "bob") for key in (b"a", b"b")}) == 4
