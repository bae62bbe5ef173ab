"""Times: from numbers, dates and the caller's own format to microseconds since 1970 UTC.

    s 1511544070    ms 1511544070000    us 1511544070000000    ns 1511544070000000000
    2017-11-24    2017-11-24 17:21    2017-11-24T17:21:10.5Z    2017-11-24 18:21:10+01:00

A number's unit is told by its size and must be one for the whole column. Dates are read year
first; which of 03-02-2021 is the day is never guessed. Numbers in text go through decimals of
38 digits: float32 makes 1511544070 and 1511544100 one moment, float64 blurs nanoseconds.
"""

from collections.abc import Mapping
from typing import Literal, get_args

import polars as pl

from prismrec.errors import ConfigError, DataError

TimeUnit = Literal["auto", "auto-per-row", "s", "ms", "us", "ns", "iso"]

UNITS = ("s", "ms", "us", "ns")
SMALL = "small"  # below 1e8 in size: counts 0, 1, 2, …, or moments so near 1970 that any unit fits
DATE = "date"
READABLE = (SMALL, *UNITS, DATE)
MISSING, UNREADABLE, FAR = "time is missing", "time cannot be read", "time is out of range"
ODD_NUMBER = "time is a number among dates"
ODD_DATE = "time is a date among numbers"

_EXACT = pl.Decimal(38, 9)
# The size at which each kind of number ends and the next begins: seconds are of 1973 to 5138, the
# others alike; nanoseconds end a little before int64 does, in 2255.
_PAST = {SMALL: 10**8, "s": 10**11, "ms": 10**14, "us": 10**17, "ns": 9 * 10**18}
_ISO = (
    r"^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(:\d\d)?(\.\d{1,9})?)?"
    r" ?(?:Z|z|UTC|GMT|([+-]\d\d:?\d\d))?$"
)


def check(time_unit: str) -> None:
    """Refuse a unit that does not exist."""
    if time_unit not in get_args(TimeUnit):
        raise ConfigError(
            f"time_unit is {time_unit!r}; take one of {', '.join(get_args(TimeUnit))}."
        )


def kind(
    time: pl.Expr, dtype: pl.DataType, *, time_unit: str = "auto", time_format: str | None = None
) -> pl.Expr:
    """Say of each time what it is: one of ``READABLE``, or the reason why it is refused.

    Args:
        time: The column as it was read.
        dtype: Its type: text, integers, float64, decimals, dates or datetimes.
        time_unit: A unit that the caller gave is taken as it is; sizes then say nothing.
        time_format: A ``strptime`` format that every time must have.

    Raises:
        DataError: A column of float32 or of another type that holds no moment.
    """
    if dtype == pl.Float32:
        raise DataError(
            "The time column is float32, in which neighbouring seconds are 128 apart; "
            "write the log again with int64 times."
        )
    if not (dtype.is_numeric() or dtype in (pl.Date, pl.Datetime, pl.String)):
        raise DataError(f"The time column is {dtype}; give numbers, dates or text.")
    missing = time.fill_null("") == "" if dtype == pl.String else time.is_null()
    if dtype.is_temporal() or time_format is not None:
        moment = microseconds(time, dtype, unit=DATE, time_format=time_format)
        known = pl.when(moment.is_not_null()).then(pl.lit(DATE)).otherwise(pl.lit(UNREADABLE))
    else:
        dates = _iso(time) if dtype == pl.String else pl.lit(None, dtype=pl.Int64)
        known = pl.when(dates.is_not_null()).then(pl.lit(DATE)).otherwise(pl.lit(UNREADABLE))
        number = _number(time, dtype)
        known = pl.when(number.is_not_null()).then(pl.lit(FAR)).otherwise(known)
        sizes = {time_unit: _PAST[time_unit]} if time_unit in UNITS else _PAST
        for name, past in reversed(sizes.items()):
            fits = number.is_between(-past, past, closed="none")
            known = pl.when(fits).then(pl.lit(name)).otherwise(known)
    return pl.when(missing).then(pl.lit(MISSING)).otherwise(known)


def choose_unit(counts: Mapping[str, int], time_unit: str) -> str:
    """Choose the unit of a column of which ``kind`` found these counts.

    Returns:
        "s", "ms", "us", "ns", "date" or "auto-per-row". Small numbers go with any unit, and
        are seconds where there is nothing else: their order is right in each.

    Raises:
        DataError: Numbers of two sizes, such as seconds beside milliseconds; with the counts.
    """
    if time_unit != "auto":
        return DATE if time_unit == "iso" else time_unit
    numbers = {unit: counts[unit] for unit in UNITS if counts.get(unit)}
    if counts.get(DATE, 0) > sum(numbers.values()) + counts.get(SMALL, 0):
        return DATE
    if len(numbers) > 1:
        found = " and ".join(f"{count:,} in {unit}" for unit, count in numbers.items())
        raise DataError(
            f"The times are of several units by their size ({found}); say which with time_unit, "
            'or take each by its own size with time_unit="auto-per-row".'
        )
    return next(iter(numbers), "s")


def accepted(unit: str) -> tuple[str, ...]:
    """Give the kinds that are right in a column of this unit."""
    if unit == "auto-per-row":
        return READABLE
    return (DATE,) if unit == DATE else (SMALL, unit)


def reason(kind: str) -> str:
    """Say why a kind that does not fit its column's unit is refused."""
    if kind not in READABLE:
        return kind
    return ODD_DATE if kind == DATE else ODD_NUMBER


def microseconds(
    time: pl.Expr, dtype: pl.DataType, *, unit: str, time_format: str | None = None
) -> pl.Expr:
    """Give int64 microseconds since 1970 UTC; null where a time is not of this unit.

    What has no zone is UTC. Parts of a microsecond are cut off.
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
        past = _PAST[each]
        fits = number.is_between(-past, past, closed="none")
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
    """Read ISO 8601, year first. What has no dash in fifth place is spared the pattern."""
    text = time.str.strip_chars()
    parts = pl.when(text.str.slice(4, 1) == "-").then(text).str.extract_groups(_ISO).struct
    date, clock, second, fraction, zone = (parts.field(str(number)) for number in range(1, 6))
    whole = pl.concat_str(
        date, pl.lit("T"), clock.fill_null("00:00"), second.fill_null(":00"),
        fraction.fill_null(""), zone.fill_null("+00:00"),
    )  # fmt: skip
    # Null where there is no date: concat_str of a null is null.
    moment = whole.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%z", strict=False, time_unit="us")
    return moment.to_physical()
