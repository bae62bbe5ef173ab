"""Convert times: one unit per column, dates year first, exact digits."""

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prismrec.data.events import read_events
from prismrec.data.readers import times
from prismrec.errors import ConfigError, DataError

SECOND = 1_000_000
MOMENT = 1511544070


def log_of(values, dtype=None, **options):
    frame = pl.DataFrame(
        {
            "user": ["u"] * len(values),
            "item": [str(place) for place in range(len(values))],
            "time": pl.Series(values, dtype=dtype, strict=False),
        }
    )
    return read_events(frame, **options)


def read(values, dtype=None, **options):
    return log_of(values, dtype, **options).frame.collect()["time"].to_list()


def test_times_that_are_equal_in_float32_stay_different():
    late, early = 1511544100, 1511544070
    assert np.float32(late) == np.float32(early)
    for texts in ([late, early], [f"{late}", f"{early}"], [f"{late}.0", f"{early}.0"]):
        assert read(texts) == [late * SECOND, early * SECOND]


def test_a_float32_column_is_an_error():
    with pytest.raises(DataError, match="float32"):
        read([MOMENT], pl.Float32)


@pytest.mark.slow
@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(10**17, 9 * 10**18 - 1), min_size=1))
def test_nanoseconds_are_exact(values):
    expected = [value // 1_000 for value in values]
    assert read(values) == read(list(map(str, values))) == expected
    assert read([f"{value}.0" for value in values]) == expected


def test_seconds_among_milliseconds_are_an_error_that_counts_both():
    mixed = [MOMENT, MOMENT + 10, (MOMENT + 20) * 1_000]
    for values in (mixed, list(map(str, mixed))):
        with pytest.raises(DataError, match=r"2 in s and 1 in ms.*auto-per-row"):
            read(values)
        expected = [MOMENT * SECOND, (MOMENT + 10) * SECOND, (MOMENT + 20) * SECOND]
        assert read(values, time_unit="auto-per-row") == expected


@pytest.mark.parametrize(("unit", "scale"), [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
def test_the_unit_is_detected_by_the_size_of_the_whole_column(unit, scale):
    for value in (MOMENT, 10**8, 10**10):
        if value * scale < 9 * 10**18:
            log = log_of([value * scale, 0])
            assert log.time_unit == unit
            assert log.frame.collect()["time"].to_list() == [value * SECOND, 0]


def test_counts_from_zero_keep_their_order():
    assert read([2, 0, 1]) == [2 * SECOND, 0, SECOND]


def test_a_chosen_unit_is_used():
    assert read([5], time_unit="ms") == [5_000]
    assert read([10**12], time_unit="us") == [10**12]
    with pytest.raises(DataError, match="out of range"):
        read([MOMENT * 1_000], time_unit="s")
    with pytest.raises(ConfigError, match="'minutes'"):
        read([5], time_unit="minutes")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2017-11-24", datetime(2017, 11, 24, tzinfo=UTC)),
        ("2017-11-24 17:21", datetime(2017, 11, 24, 17, 21, tzinfo=UTC)),
        ("2017-11-24T17:21:10", datetime(2017, 11, 24, 17, 21, 10, tzinfo=UTC)),
        ("2017-11-24T17:21:10.25Z", datetime(2017, 11, 24, 17, 21, 10, 250_000, tzinfo=UTC)),
        ("2017-11-24 17:21:10 UTC", datetime(2017, 11, 24, 17, 21, 10, tzinfo=UTC)),
        ("2017-11-24T18:21:10+01:00", datetime(2017, 11, 24, 17, 21, 10, tzinfo=UTC)),
        ("2017-11-24T18:21:10+0100", datetime(2017, 11, 24, 17, 21, 10, tzinfo=UTC)),
    ],
)
def test_dates_are_read_year_first(text, expected):
    log = log_of([text])
    assert log.frame.collect()["time"].to_list() == [
        int(expected.timestamp()) * SECOND + expected.microsecond
    ]
    assert log.time_unit == "date"


ODD = ["31-12-2020 07:01", "03-02-2021 07:01", "07:15.2", "42", "", "2020-02-30", "12/31/2020"]


def test_no_date_is_guessed():
    fine = [f"2020-01-{day:02}" for day in range(1, 21)]
    log = log_of(fine + ODD)
    assert {each.reason: each.lines for each in log.rejected} == {
        "time cannot be read": (21, 22, 23),
        "time is a number among dates": (24,),
        "time is missing": (25,),
    }
    assert sum(each.count for each in log.rejected) == len(ODD)
    assert log.rows_kept == len(fine)
    with pytest.raises(DataError, match="cannot be read"):
        log_of(ODD)


def test_a_chosen_format_decides_which_number_is_the_day():
    day_first = read(["03-02-2021 07:01"], time_format="%d-%m-%Y %H:%M")
    month_first = read(["03-02-2021 07:01"], time_format="%m-%d-%Y %H:%M")
    assert day_first == [int(datetime(2021, 2, 3, 7, 1, tzinfo=UTC).timestamp()) * SECOND]
    assert month_first == [int(datetime(2021, 3, 2, 7, 1, tzinfo=UTC).timestamp()) * SECOND]
    assert read([20210203], time_format="%Y%m%d") == [
        int(datetime(2021, 2, 3, tzinfo=UTC).timestamp()) * SECOND
    ]
    log = log_of(["03-02-2021", "04-02-2021", "2021-02-03"], time_format="%d-%m-%Y")
    assert [each.lines for each in log.rejected] == [(3,)]


def test_dates_among_numbers_are_rejected():
    log = log_of([str(MOMENT)] * 3 + ["2020-01-01"])
    assert [str(each) for each in log.rejected] == [
        "1 row: time is a date among numbers (line 4: 'u,3,2020-01-01')"
    ]


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e400", "0x10", "1_000", "१", "none"])
def test_text_that_is_not_a_number_is_rejected(text):
    assert [each.reason for each in log_of(["5", "6", text]).rejected] == ["time cannot be read"]


@pytest.mark.parametrize("value", [9 * 10**18, -(2**63), 2**63 - 1])
def test_numbers_beyond_int64_are_rejected(value):
    assert [each.reason for each in log_of([5, 6, value]).rejected] == ["time is out of range"]


def test_columns_of_dates_are_used_directly():
    east = timezone(timedelta(hours=9))
    noon = datetime(2020, 1, 2, 12, tzinfo=east)
    assert read([noon]) == [int(noon.timestamp()) * SECOND]
    assert read([date(1970, 1, 2), None, date(1970, 1, 1)]) == [86_400 * SECOND, 0]


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**11 * SECOND - 1))
@pytest.mark.slow
def test_seconds_with_a_fraction_are_exact_to_the_microsecond(moment):
    text = f"{moment // SECOND}.{moment % SECOND:06}"
    assert read([text], time_unit="s") == [moment]


def test_kinds_and_units_agree():
    assert times.choose_unit({"s": 3, "small": 1}, "auto") == "s"
    assert times.choose_unit({"small": 2}, "auto") == "s"
    assert times.choose_unit({"date": 3, "s": 1}, "auto") == "date"
    assert times.choose_unit({"s": 3, "ms": 1}, "ms") == "ms"


@pytest.mark.parametrize("time_format", ["%Y-%m-%d %H:%M:%S %Z", "%d/%m/%Y %_Z", "%Z %d-%m-%Y"])
def test_a_format_with_the_name_of_a_zone_is_refused(time_format):
    with pytest.raises(ConfigError, match=r"%Z, the name of a time zone, .* use %z .* to UTC"):
        log_of(["2024-01-01 12:00:00 PST"], time_format=time_format)


def test_a_percent_sign_before_a_letter_is_no_zone():
    assert read(["03-02-2021 %Z"], time_format="%d-%m-%Y %%Z") == [
        int(datetime(2021, 2, 3, tzinfo=UTC).timestamp()) * SECOND
    ]
