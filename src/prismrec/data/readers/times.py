"""Convert times to microseconds since 1970 UTC: numbers, ISO dates, or the caller's format.

    s 1511544070    ms 1511544070000    us 1511544070000000    ns 1511544070000000000
    2017-11-24    2017-11-24 17:21    2017-11-24T17:21:10.5Z    2017-11-24 18:21:10,5+01
    20171124T172110Z

The unit of numbers is detected by their size and must be the same in the whole column. Dates are
read year first; whether 03-02-2021 is in February or March is never guessed. Numbers in text are
parsed as decimals of 38 digits: in float32, 1511544070 and 1511544100 are the same number, and
float64 is not exact to the nanosecond.
"""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Literal, get_args

import polars as pl

from prismrec.data.readers.rejected import CALENDAR_US, UNREADABLE_TIME
from prismrec.errors import ConfigError, DataError

TimeUnit = Literal["auto", "auto-per-row", "s", "ms", "us", "ns", "iso"]

UNITS = ("s", "ms", "us", "ns")
SMALL = "small"  # below 1e8: counts 0, 1, 2, …, or times so close to 1970 that any unit fits
DATE = "date"
READABLE = (SMALL, *UNITS, DATE)
MISSING, UNREADABLE, FAR = "time is missing", UNREADABLE_TIME, "time is out of range"
ODD_NUMBER = "time is a number among dates"
ODD_DATE = "time is a date among numbers"

_EXACT = pl.Decimal(38, 9)
# The exclusive upper limit of each kind of number. Seconds cover the years 1973 to 5138, the other
# units about the same; nanoseconds end in 2255, shortly before the range of int64 ends.
_LIMIT = {SMALL: 10**8, "s": 10**11, "ms": 10**14, "us": 10**17, "ns": 9 * 10**18}
_DAY_NS = 86_400 * 10**9
_ISO = (
    r"^([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ]([0-9]{2}:[0-9]{2})(?:(:[0-9]{2})(?:[.,]([0-9]{1,9})[0-9]*)?)?)?"
    r" ?(?:Z|z|UTC|GMT|([+-][0-9]{2}(?::?[0-9]{2})?))?$"
)
CALENDAR = (
    r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
    r"(?:(?:[01]\d|2[0-3])(?:[0-5]\d(?:[0-5]\d(?:\d{3})?)?)?)?"
)
_BASIC = r"^([0-9]{4})([0-9]{2})([0-9]{2})[Tt]([0-9]{2})([0-9]{2})"


def check_unit(time_unit: str) -> None:
    """Raise ConfigError for an unknown unit."""
    if time_unit not in get_args(TimeUnit):
        raise ConfigError(
            f"time_unit is {time_unit!r}; choose one of {', '.join(get_args(TimeUnit))}."
        )


def classify(
    time: pl.Expr, dtype: pl.DataType, *, time_unit: str = "auto", time_format: str | None = None
) -> pl.Expr:
    """Return the kind of each time: one of ``READABLE``, or the reason why it is rejected.

    Args:
        time: The column as it was read.
        dtype: Its type: text, integers, float64, decimals, dates or datetimes.
        time_unit: The caller's unit; "auto" detects the unit by the size of the numbers.
        time_format: A ``strptime`` format that every time must have.
    """
    missing = time.fill_null("") == "" if dtype == pl.String else time.is_null()
    if dtype.is_temporal() or time_format is not None:
        moment = to_microseconds(time, dtype, unit=DATE, time_format=time_format)
        unread = FAR if dtype.is_temporal() else UNREADABLE
        kind = _date_or(unread, moment, _is_saturated(time, dtype))
    else:
        dates = _iso(time) if dtype == pl.String else pl.lit(None, dtype=pl.Int64)
        kind = _date_or(UNREADABLE, dates, pl.lit(value=False))
        number = _number(time, dtype)
        kind = pl.when(number.is_not_null()).then(pl.lit(FAR)).otherwise(kind)
        limits = {time_unit: _LIMIT[time_unit]} if time_unit in UNITS else _LIMIT
        for name, limit in reversed(limits.items()):
            fits = number.is_between(-limit, limit, closed="none")
            kind = pl.when(fits).then(pl.lit(name)).otherwise(kind)
    return pl.when(missing).then(pl.lit(MISSING)).otherwise(kind)


def choose_unit(counts: Mapping[str, int], time_unit: str) -> str:
    """Choose the unit of a column.

    Args:
        counts: The number of times of each kind, as ``classify`` returns them.
        time_unit: The caller's unit, or "auto".

    Returns:
        "s", "ms", "us", "ns", "date" or "auto-per-row". Small numbers fit any unit; a column of
        small numbers only is read as seconds, since their order is the same in each unit.

    Raises:
        DataError: The numbers have several units, such as seconds and milliseconds; the message
            has the counts.
    """
    if time_unit != "auto":
        return DATE if time_unit == "iso" else time_unit
    numbers = {unit: counts[unit] for unit in UNITS if counts.get(unit)}
    if counts.get(DATE, 0) > sum(numbers.values()) + counts.get(SMALL, 0):
        return DATE
    if len(numbers) > 1:
        units = " and ".join(f"{count:,} in {unit}" for unit, count in numbers.items())
        raise DataError(
            f"The times seem to have several units ({units}); choose one with time_unit, or read "
            'each time by its own size with time_unit="auto-per-row".'
        )
    return next(iter(numbers), "s")


def accepted_kinds(unit: str) -> tuple[str, ...]:
    """Return the kinds of times that are accepted in a column of this unit."""
    if unit == "auto-per-row":
        return READABLE
    return (DATE,) if unit == DATE else (SMALL, unit)


def rejection_reason(kind: str) -> str:
    """Return the reason why a time of this kind is rejected in a column of another unit."""
    if kind not in READABLE:
        return kind
    return ODD_DATE if kind == DATE else ODD_NUMBER


def to_microseconds(
    time: pl.Expr, dtype: pl.DataType, *, unit: str, time_format: str | None = None
) -> pl.Expr:
    """Return int64 microseconds since 1970 UTC; null if a time does not have this unit.

    Times without a time zone are UTC. Fractions of a microsecond are cut off.
    """
    if dtype.is_temporal():
        return time.dt.epoch("us")
    if time_format is not None:
        suffix, format_read = _readable_format(time_format)
        text = time.cast(pl.String) + suffix
        return text.str.to_datetime(format_read, strict=False, time_unit="us").to_physical()
    if unit == DATE:
        return _iso(time) if dtype == pl.String else pl.lit(None, dtype=pl.Int64)
    number = _number(time, dtype)
    if unit != "auto-per-row":
        return _scaled(number, unit)
    moment = _iso(time) if dtype == pl.String else pl.lit(None, dtype=pl.Int64)
    for each in reversed(UNITS):
        limit = _LIMIT[each]
        fits = number.is_between(-limit, limit, closed="none")
        moment = pl.when(fits).then(_scaled(number, each)).otherwise(moment)
    return moment


def _number(time: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if dtype.is_integer():
        return time.cast(pl.Int64, strict=False)
    text = time.str.strip_chars() if dtype == pl.String else time
    return text.cast(_EXACT, strict=False)


def _scaled(number: pl.Expr, unit: str) -> pl.Expr:
    factor = {"s": 1_000_000, "ms": 1_000}.get(unit, 1)
    moment = number // 1_000 if unit == "ns" else number * factor
    return moment.cast(pl.Int64, strict=False)


def _iso(time: pl.Expr) -> pl.Expr:
    """Parse ISO 8601, year first. A pattern is tried only if a dash or T is in its place."""
    text = time.str.strip_chars()
    with_t = pl.when(text.str.slice(8, 1).is_in(["T", "t"])).then(text)
    basic = with_t.str.replace(_BASIC, "${1}-${2}-${3}T${4}:${5}").str.replace(
        "^(.{16})([0-9]{2})", "${1}:${2}"
    )
    text = pl.when(text.str.slice(4, 1) == "-").then(text).otherwise(basic)
    parts = text.str.extract_groups(_ISO).struct
    date, clock, second, fraction, zone = (parts.field(str(number)) for number in range(1, 6))
    whole = pl.concat_str(
        date, pl.lit("T"), clock.fill_null("00:00"), second.fill_null(":00"), pl.lit("."),
        fraction.fill_null("0"), zone.fill_null("+00:00"),
    )  # fmt: skip
    # concat_str of a null is null, so a cell without a date becomes null.
    moment = whole.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", strict=False, time_unit="us")
    return moment.to_physical()


def _date_or(unread: str, moment: pl.Expr, is_saturated: pl.Expr) -> pl.Expr:
    """Return the kind of a date: ``unread`` if it is null, ``FAR`` if it is not a real moment."""
    is_far = is_saturated | ~moment.is_between(*CALENDAR_US)
    kind = pl.when(is_far).then(pl.lit(FAR)).otherwise(pl.lit(DATE))
    return pl.when(moment.is_null()).then(pl.lit(unread)).otherwise(kind)


def _is_saturated(time: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return whether a time is on the first or last day that nanoseconds reach.

    Readers of Parquet's INT96 replace times outside of the years 1677 to 2262 by the nearest one.
    """
    if not isinstance(dtype, pl.Datetime) or dtype.time_unit != "ns":
        return pl.lit(value=False)
    return ~time.to_physical().is_between(-(2**63) + _DAY_NS, 2**63 - 1 - _DAY_NS)


def check_format(time_format: str | None) -> None:
    """Raise ConfigError for a format that no time can have."""
    if time_format is None:
        return
    if "Z" in _codes(time_format):
        # Polars reads the name of a zone and ignores it.
        raise ConfigError(
            f"time_format is {time_format!r}, but %Z, the name of a time zone, cannot be read; use "
            "%z if the times have an offset such as +0100, or convert them to UTC."
        )
    suffix, format_read = _readable_format(time_format)
    day = datetime(2021, 2, 3, tzinfo=UTC)
    written = pl.lit(day).dt.strftime(time_format.replace("#z", "z"))
    try:
        moment = (written + suffix).str.to_datetime(format_read, strict=False)
        # Without a year, Polars reads the year 1.
        is_complete = pl.select(moment.dt.date()).item() == day.date()
    except pl.exceptions.PolarsError:
        is_complete = False
    if not is_complete:
        raise ConfigError(
            f"time_format is {time_format!r}, which is not a strptime format of a whole date; "
            "write, for example, %d-%m-%Y or %d-%m-%Y %H:%M:%S."
        )


def _readable_format(time_format: str) -> tuple[str, str]:
    """Return a text to append to each time, and the format to read the result.

    ``%z`` also reads offsets of hours only (+01), and an hour may come without minutes.
    """
    format_read = re.sub(r"(?<!%)((?:%%)*)%z", r"\1%#z", time_format)
    codes = _codes(time_format)
    if codes & set("HkIl") and not codes & set("MRTcXr"):
        return "|00", format_read + "|%M"
    return "", format_read


def _codes(time_format: str) -> set[str]:
    """Return the letters after the percent signs of a format."""
    return set(re.findall(r"%[-_0:#.]*([A-Za-z%])", time_format))


def calendar_format(texts: Collection[str]) -> str | None:
    """Return the format of numbers that all are dates, such as 20210203100000; None if not all are.

    Such a number would be read as seconds of 1970 or milliseconds of the year 2610.
    """
    if not texts or not all(re.fullmatch(CALENDAR, text) for text in texts):
        return None
    formats = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
    return formats.get(len(next(iter(texts))), "%Y%m%d%H%M%S%3f")


def digits_of(time: pl.Expr) -> pl.Expr:
    """Return numeric times as text without a fraction of zeros."""
    return time.cast(pl.String).str.strip_chars().str.replace(r"\.0*$", "")
