"""Times that are no moments: calendar numbers, values at a limit; and formats of moments."""

from datetime import UTC, datetime

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from event_logs import SECOND, rejected_lines
from prismrec.data.events import read_events
from prismrec.errors import ConfigError, DataError


def log_of(values, **options):
    names = [str(place) for place in range(len(values))]
    return read_events(pl.DataFrame({"user": "u", "item": names, "time": values}), **options)


def read(values, **options):
    return log_of(values, **options).frame.collect()["time"].to_list()


def microseconds(*parts):
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * SECOND


def test_times_that_a_reader_saturates_are_out_of_range(tmp_path):
    moments = [datetime(1000, 1, 1), datetime(2021, 2, 3), datetime(9999, 1, 1)]
    moments += [datetime(2021, 2, 4), datetime(2261, 1, 1)]
    table = pa.table(
        {"user": ["u"] * 5, "item": list("abcde"), "time": pa.array(moments, pa.timestamp("us"))}
    )
    path = tmp_path / "log.parquet"
    pq.write_table(table, path, use_deprecated_int96_timestamps=True, store_schema=False)
    log = read_events(path)
    assert rejected_lines(log) == {"time is out of range": (2, (1, 3))}
    assert log.rows_kept == 3
    pq.write_table(table, path)
    assert read_events(path).rows_kept == 5


@pytest.mark.parametrize(
    "values",
    [
        pl.Series([2**62, 0, 0], dtype=pl.Datetime("ms")),
        pl.Series([2**31 - 1, 0, 0], dtype=pl.Int32).cast(pl.Date),
        pl.Series([2**63 - 1, 0, 0], dtype=pl.Datetime("us")),
        pl.Series([-(2**63) + 1, 0, 0], dtype=pl.Datetime("ns", "UTC")),
        pl.Series(["0000-01-01", "1970-01-01", "1970-01-01"]),
    ],
)
def test_moments_outside_of_the_calendar_are_out_of_range(values):
    log = log_of(values)
    assert rejected_lines(log) == {"time is out of range": (1, (1,))}


@pytest.mark.parametrize(
    ("numbers", "time_format"),
    [
        ([20210203, 20211231], "%Y%m%d"),
        ([2021020310, 2021123123], "%Y%m%d%H"),
        ([202102031000, 202112312359], "%Y%m%d%H%M"),
        ([20210203100000, 20210131100000], "%Y%m%d%H%M%S"),
        ([20210203100000123, 20210131100000999], "%Y%m%d%H%M%S%3f"),
    ],
)
@pytest.mark.slow
def test_calendar_numbers_are_refused_with_their_format(write, numbers, time_format):
    lines = "".join(f'{{"user":"u","item":"a","time":{number}}}\n' for number in numbers)
    texts = [str(number) for number in numbers]
    sources = [
        pl.DataFrame({"user": "u", "item": "a", "time": numbers}),
        pl.DataFrame({"user": "u", "item": "a", "time": [f" {text}.0" for text in texts]}),
        write(lines, "log.jsonl"),
        write("user,item,time\n" + "".join(f"u,a,{text}\n" for text in texts)),
    ]
    for source in sources:
        with pytest.raises(DataError, match=f"written as numbers .*{numbers[0]}.*{time_format},"):
            read_events(source)
    assert (
        datetime.fromtimestamp(read(texts, time_format=time_format)[0] / SECOND, UTC).year == 2021
    )
    assert len(read(numbers, time_unit="us")) == 2
    no_date = int(texts[0][:4] + "99" + texts[0][6:])
    assert len(read([*numbers, no_date])) == 3


@pytest.mark.parametrize("values", [[20210203, 20210203100000], [20210203, None, 20210204]])
def test_calendar_numbers_of_two_lengths_or_with_gaps_are_refused(values):
    with pytest.raises(DataError, match="dates written as numbers"):
        log_of(values)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2021-02-03 10:00:00+00", microseconds(2021, 2, 3, 10)),
        ("2021-02-03 10:00:00-05", microseconds(2021, 2, 3, 15)),
        ("2021-02-03 10:00:00 +01", microseconds(2021, 2, 3, 9)),
        ("20210203T100000Z", microseconds(2021, 2, 3, 10)),
        ("20210203T1000", microseconds(2021, 2, 3, 10)),
        ("20210203T100000.5+0130", microseconds(2021, 2, 3, 8, 30) + 500_000),
        ("20210203t100000,25", microseconds(2021, 2, 3, 10) + 250_000),
        ("2021-02-03T10:00:00,123", microseconds(2021, 2, 3, 10) + 123_000),
        ("2021-02-03T10:00:00.123456789012Z", microseconds(2021, 2, 3, 10) + 123_456),
    ],
)
def test_other_spellings_of_iso_dates_are_read(text, expected):
    assert read([text, text]) == [expected] * 2


@pytest.mark.parametrize(
    "text", ["2021-02-03 10:00.5", "2021-02-03 10", "20210203T10", "2021-02-03T10:00:00+1",
             "20210203T100", "2021-02-03T10:00:00+24:00", "2021-02-30T10:00:00Z"],
)  # fmt: skip
def test_spellings_that_are_not_clear_are_rejected(text):
    fine = ["2021-02-03"] * 3
    assert rejected_lines(log_of([*fine, text])) == {"time cannot be read": (1, (4,))}


@pytest.mark.parametrize(
    ("text", "time_format", "expected"),
    [
        ("2021-02-03 10:00:00+00", "%Y-%m-%d %H:%M:%S%z", microseconds(2021, 2, 3, 10)),
        ("03.02.2021 10:00 +0100", "%d.%m.%Y %H:%M %z", microseconds(2021, 2, 3, 9)),
        ("2021020310", "%Y%m%d%H", microseconds(2021, 2, 3, 10)),
        ("3/2/2021 10 PM", "%d/%m/%Y %I %p", microseconds(2021, 2, 3, 22)),
    ],
)
def test_formats_of_hours_and_offsets_are_read(text, time_format, expected):
    assert read([text], time_format=time_format) == [expected]


@pytest.mark.parametrize("time_format", ["%", "%J", "%Y-%m-%d %!", "%d-%m", "", "day"])
def test_an_impossible_format_is_an_error(time_format):
    with pytest.raises(ConfigError, match="is not a strptime format of a whole date"):
        log_of(["2021"], time_format=time_format)
