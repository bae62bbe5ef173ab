"""Read event logs in a slow and simple way, as an oracle for the reader.

It is told what the reader has to find out: delimiter, encoding, place of the header. It reads
character by character and row by row, with Python's own numbers and dates.
"""

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import floor

LIMITS = {"small": 10**8, "s": 10**11, "ms": 10**14, "us": 10**17, "ns": 9 * 10**18}
SCALE = {"s": 10**6, "ms": 10**3, "us": 1, "ns": Decimal("0.001"), "small": 10**6}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST = -62_135_596_800_000_000, 253_402_300_799_999_999  # the years 1 to 9999
ISO = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)(?:[Tt ](\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d+))?)?)?"
    r" ?(?:Z|z|UTC|GMT|([+-])(\d\d)(?::?(\d\d))?)?",
    re.ASCII,
)
CALENDAR = ["%Y%m%d", "%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d%H%M%S", "%Y%m%d%H%M%S%f"]


class RefusedError(Exception):
    """The log cannot be read."""


def read_fields(text, delimiter, *, quotes=True):
    """Return the rows of a text, as lists of fields; blank lines are no rows."""
    rows, row, field, place, begin = [], [], "", 0, 0
    spaces = " \t\r".replace(delimiter, "")
    text = text if text.endswith("\n") else text + "\n"
    while place < len(text):
        sign = text[place]
        if quotes and sign == '"' and (place == 0 or text[place - 1] in "\n" + delimiter):
            field, place = quoted_field(text, place, delimiter)
        elif sign == "\n" or text.startswith("\r\n", place):
            if text[begin:place].strip(spaces):
                rows.append([*row, field])
            place += 1 if sign == "\n" else 2
            row, field, begin = [], "", place
        elif sign == delimiter:
            row.append(field)
            field, place = "", place + 1
        else:
            field, place = field + sign, place + 1
    return rows


def quoted_field(text, place, delimiter):
    """Return the field that a quote at a place begins, and the place after it."""
    end = place + 1
    while True:
        end = text.find('"', end)
        if end < 0:
            raise RefusedError("a quote is not closed")
        if text[end + 1] != '"':
            break
        end += 2
    if not text.startswith((delimiter, "\n", "\r\n"), end + 1):
        raise RefusedError("text after a quote")
    return text[place + 1 : end].replace('""', '"'), end + 1


def delimited_rows(text, delimiter, columns, *, quotes):
    """Return (user, item, time) for each row after the header; None for a row that is not one."""
    cells = []
    for row in read_fields(text, delimiter, quotes=quotes):
        too_long = len(row) > len(columns) and row[len(columns)] != ""
        padded = [*row, *[""] * len(columns)]
        values = tuple(padded[columns.index(role)] for role in ("user", "item", "time"))
        if not too_long and all(values[:2]) and "\n" in values[0] + values[1]:
            # Lines that a stray quote joined: each was a row.
            cells += [None] * (1 + "".join(values).count("\n"))
        else:
            cells.append(None if too_long else values)
    return cells


def json_rows(text, names):
    """Return (user, item, time) or None for each line that is not blank."""
    cells = []
    for line in text.split("\n"):
        if not line.strip():
            continue
        try:
            row = json.loads(
                line, parse_int=Number, parse_float=Number, parse_constant=_no_constant
            )
        except ValueError:
            row = None
        if not isinstance(row, dict):
            cells.append(None)
            continue
        values = [row.get(names[role]) for role in ("user", "item", "time")]
        if any(isinstance(value, (list, dict, bool)) for value in values[:2]):
            cells.append(None)
        else:
            cells.append(tuple("" if value is None else str(value) for value in values))
    return cells


class Number(str):
    """A JSON number as it is written."""


def _no_constant(name):
    raise ValueError(name)


def moment_of(text):
    """Return the microseconds of an ISO date; None if it is not one."""
    match = ISO.fullmatch(text.strip())
    if match is None:
        return None
    basic = text.strip()[4] != "-"
    if basic and (match[4] is None or not re.match(r"\d{8}[Tt]\d{4}", text.strip())):
        return None
    year, month, day, hour, minute, second = (int(match[n] or 0) for n in range(1, 7))
    try:
        moment = datetime(year, month, day, hour, minute, tzinfo=UTC)
    except ValueError:
        return None
    if second > 60 or (match[9] and int(match[9]) > 23) or (match[10] and int(match[10]) > 59):
        return None
    offset = timedelta(hours=int(match[9] or 0), minutes=int(match[10] or 0))
    offset = -offset if match[8] == "-" else offset
    micros = ((moment - EPOCH) - offset) // timedelta(microseconds=1)
    return micros + second * 10**6 + int((match[7] or "0")[:6].ljust(6, "0"))


def classify(text):
    """Return the kind of a time in text, and its number or moment."""
    if text == "":
        return "missing", None
    stripped = text.strip()
    if re.fullmatch(r"[+-]?\d+(\.\d*)?([eE][+-]?\d{1,2})?", stripped, re.ASCII):
        number = Decimal(stripped)
        kind = next((kind for kind, limit in LIMITS.items() if abs(number) < limit), "far")
        return kind, number
    moment = moment_of(text)
    if moment is None or not FIRST <= moment <= LAST:
        return "bad", None
    return "date", moment


def is_calendar(number):
    """Return whether a number is a date such as 20210203."""
    digits = f"{number:f}".partition(".")[0]
    if number != int(number) or not re.match("19|20", digits):
        return False
    for length, style in zip((8, 10, 12, 14, 17), CALENDAR, strict=True):
        if len(digits) == length:
            month, day, rest = digits[4:6], digits[6:8], digits[8:]
            try:
                datetime.strptime("2020" + month + "01" + rest, style).replace(tzinfo=UTC)
            except ValueError:
                return False
            return 1 <= int(day) <= 31
    return False


def events_of(cells):
    """Return the events and the number of rejected rows.

    Raises:
        RefusedError: The times have several units or are calendar numbers, or most rows are bad.
    """
    usable = [cell for cell in cells if cell is not None and cell[0] and cell[1]]
    kinds = [classify(time) for _, _, time in usable]
    counts = {kind: sum(each == kind for each, _ in kinds) for kind in [*LIMITS, "date"]}
    units = [unit for unit in ("s", "ms", "us", "ns") if counts[unit]]
    if counts["date"] > sum(counts.values()) - counts["date"]:
        accepted = ["date"]
    else:
        numbers = [number for kind, number in kinds if kind in LIMITS]
        if numbers and all(map(is_calendar, numbers)):
            raise RefusedError("calendar numbers")
        if len(units) > 1:
            raise RefusedError("several units")
        accepted = ["small", *(units or ["s"])]
    scale = SCALE[accepted[-1]] if accepted != ["date"] else None
    events = []
    for (user, item, _), (kind, value) in zip(usable, kinds, strict=True):
        if kind in accepted:
            cut = floor if scale == SCALE["ns"] else int  # matters only before 1970
            events.append((user, item, value if kind == "date" else cut(value * scale)))
    rejected = len(cells) - len(events)
    if not events or rejected > len(events):
        raise RefusedError("too many rows are rejected")
    return events, rejected
