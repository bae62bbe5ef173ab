"""Convert times to microseconds since 1970 UTC: numbers, ISO dates, or the caller's format.

    s 1511544070    ms 1511544070000    us 1511544070000000    ns 1511544070000000000
    2017-11-24    2017-11-24 17:21    2017-11-24T17:21:10.5Z    2017-11-24 18:21:10+01:00

The unit of numbers is detected by their size and must be the same in the whole column. Dates are
read year first; whether 03-02-2021 is in February or March is never guessed. Numbers in text are
parsed as decimals of 38 digits: in float32, 1511544070 and 1511544100 are the same number, and
float64 is not exact to the nanosecond.
"""

from collections.abc import Mapping
from typing import Literal, get_args

import polars as pl

from prismrec.errors import ConfigError, DataError

TimeUnit = Literal["auto", "auto-per-row", "s", "ms", "us", "ns", "iso"]

UNITS = ("s", "ms", "us", "ns")
SMALL = "small"  # below 1e8: counts 0, 1, 2, …, or times so close to 1970 that any unit fits
DATE = "date"
READABLE = (SMALL, *UNITS, DATE)
MISSING, UNREADABLE, FAR = "time is missing", "time cannot be read", "time is out of range"
ODD_NUMBER = "time is a number among dates"
ODD_DATE = "time is a date among numbers"

_EXACT = pl.Decimal(38, 9)
# The exclusive upper limit of each kind of number. Seconds cover the years 1973 to 5138, the other
# units about the same; nanoseconds end in 2255, shortly before the range of int64 ends.
_LIMIT = {SMALL: 10**8, "s": 10**11, "ms": 10**14, "us": 10**17, "ns": 9 * 10**18}
_ISO = (
    r"^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(:\d\d)?(\.\d{1,9})?)?"
    r" ?(?:Z|z|UTC|GMT|([+-]\d\d:?\d\d))?$"
)


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

    Raises:
        DataError: The column is float32, or its type cannot contain times.
    """
    if dtype == pl.Float32:
        raise DataError(
            "The time column is float32, which cannot distinguish times less than 128 seconds "
            "apart; write the log again with int64 times."
        )
    if not (dtype.is_numeric() or dtype in (pl.Date, pl.Datetime, pl.String)):
        raise DataError(f"The time column is {dtype}; give numbers, dates or text.")
    missing = time.fill_null("") == "" if dtype == pl.String else time.is_null()
    if dtype.is_temporal() or time_format is not None:
        moment = to_microseconds(time, dtype, unit=DATE, time_format=time_format)
        kind = pl.when(moment.is_not_null()).then(pl.lit(DATE)).otherwise(pl.lit(UNREADABLE))
    else:
        dates = _iso(time) if dtype == pl.String else pl.lit(None, dtype=pl.Int64)
        kind = pl.when(dates.is_not_null()).then(pl.lit(DATE)).otherwise(pl.lit(UNREADABLE))
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
        text = time.cast(pl.String)
        return text.str.to_datetime(time_format, strict=False, time_unit="us").to_physical()
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
    """Parse ISO 8601, year first. The pattern is tried only if the fifth character is a dash."""
    text = time.str.strip_chars()
    parts = pl.when(text.str.slice(4, 1) == "-").then(text).str.extract_groups(_ISO).struct
    date, clock, second, fraction, zone = (parts.field(str(number)) for number in range(1, 6))
    whole = pl.concat_str(
        date, pl.lit("T"), clock.fill_null("00:00"), second.fill_null(":00"),
        fraction.fill_null(""), zone.fill_null("+00:00"),
    )  # fmt: skip
    # concat_str of a null is null, so a cell without a date becomes null.
    moment = whole.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%z", strict=False, time_unit="us")
    return moment.to_physical()
