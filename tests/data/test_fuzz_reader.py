"""Compare the reader with a slow, simple one on generated files: the same events, or both refuse.

PRISMREC_FUZZ_EXAMPLES sets the number of examples per test, for example 5000.
"""

import csv
import gzip
import io
import json
import os
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prismrec.data.events import read_events
from prismrec.errors import PrismrecError
from reference_reader import RefusedError, delimited_rows, events_of, json_rows

pytestmark = pytest.mark.slow

EXAMPLES = int(os.environ.get("PRISMREC_FUZZ_EXAMPLES", "100"))
FUZZ = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
NAMES = {
    "user": ["user", "User_ID", "userId", "reviewerID", "visitor id", "customer"],
    "item": ["item", "ITEM-ID", "movieId", "asin", "sku", "product_id"],
    "time": ["time", "timestamp", "Event Time", "unixReviewTime", "ts", "date"],
}
EXTRA = ["note", "rating", "n (a;b|c)", "note", "", " ", "price, EUR", 'say "x"', "Größe"]
WORDS = ["a", "b", "NA", "null", "007", "1e5", "1.0", "x,y", "x;y", "p|q", "t\tt", 'say "x"']
WORDS += ['5" pipe', "é", "日本", " a", "b ", "#1", "-", "'", "true", "[1]", "{x}", "two\nlines"]
WORDS += ["\\", "%", "user", "2021-02-03", "a\rb"]
IDS = st.one_of(
    st.sampled_from(WORDS), st.integers(-5, 10**20).map(str), st.text("ab,;\t|\" '#é", max_size=5)
)
SEQUENCE_ITEMS = ["a", "b", "NA", "7", "é", "#1", "#", '"']
ABOVE = ["# exported 2021", "#one, two: user", "% a;b", "// by ann", "-- a|b", "# user", "#"]
TITLES = ["My export", "Report, 2021", "a;b;c;d;e;f", "export|of|events", "Activity of users\t2021"]
BAD_TIMES = ["", "never", "31-12-2020", "12:30", "NaN", "inf", "2021-02-30", "2021-13-01", "1e3x"]
BAD_TIMES += ["٣", "10:00", "2021-02-03T25:00", "99999999999999999999", "-", "0x10", "0000-01-01"]
BAD_TIMES += ["2021-02-03 10:00.5", "2021-02-03T23:59:60", "0001-01-01T00:00:00+01", "1.", "+5"]
BAD_TIMES += [" 2021-02-03", "2021-02-03 ", " 7 ", "1e3", "2021-02-03T10:00:00+24:00", "-7.5"]
MOMENTS = st.datetimes(datetime(1975, 1, 1), datetime(2060, 1, 1))
STYLES = [
    "%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S.%f",
    "%Y-%m-%d %H:%M:%S,%f", "%Y-%m-%dT%H:%M:%S+01", "%Y-%m-%dT%H:%M:%S-0530", "%Y%m%dT%H%M%SZ",
    "%Y-%m-%d %H:%M:%S.%f123456+02:00", "%Y%m%dT%H%M", "%Y%m%d", "%Y%m%d%H%M%S",
]  # fmt: skip


@st.composite
def times(draw):
    """Draw a function that writes a moment in the style of one column."""
    unit = draw(st.sampled_from([1, 1, 10**3, 10**6, 10**9, None, None]))
    style = draw(st.sampled_from(STYLES))
    fraction = draw(st.sampled_from(["", "", ".0", ".25", ".123456789"]))

    def write(moment):
        if unit is None:
            return moment.strftime(style)
        micros = (moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
            microseconds=1
        )
        return f"{micros * unit // 10**6}{fraction}"

    return write


@st.composite
def tables(draw, *, least=0):
    """Draw rows of (user, item, time): mostly good ones, some with missing or odd cells."""
    write = draw(times())
    rows = []
    for _ in range(draw(st.integers(least, 9))):
        row = [draw(IDS), draw(IDS), write(draw(MOMENTS))]
        damage = draw(st.integers(0, 19))
        if damage < 2:
            row[damage] = ""
        elif damage == 2:
            row[2] = draw(st.sampled_from(BAD_TIMES))
        elif damage == 3:
            row[2] = str(draw(st.integers(0, 10**19)))
        rows.append(row)
    return rows


def written(row, delimiter, mode, end):
    """Return the line of a row: quoted as in RFC 4180, or raw where that is not ambiguous."""
    plain = all(
        delimiter not in cell and "\n" not in cell and not cell.startswith('"') for cell in row
    )
    if mode == "raw" and plain and any(row) and not row[0].startswith("\ufeff"):
        return delimiter.join(row) + end
    buffer = io.StringIO()
    quoting = csv.QUOTE_ALL if mode == "all" else csv.QUOTE_MINIMAL
    csv.writer(buffer, delimiter=delimiter, lineterminator=end, quoting=quoting).writerow(row)
    return buffer.getvalue()


@st.composite
def body_lines(draw, row, columns, delimiter, end, atomic):
    """Draw the line of a row, sometimes too short or too long, or followed by a blank line."""
    cells = dict(zip(("user", "item", "time"), row, strict=True))
    line = [cells[c] if c in cells else draw(IDS) for c in columns]
    cut = draw(st.integers(0, 24))
    line = line[:-1] if cut == 0 else line + ["", "x"][cut - 1 :][:1] if cut <= 2 else line
    blank = end * (draw(st.integers(0, 24)) == 0)
    if atomic:
        return "\t".join(c.replace("\n", " ").replace("\t", " ") for c in line) + end + blank
    return written(line, delimiter, draw(st.sampled_from(["minimal", "all", "raw"])), end) + blank


@st.composite
def delimited_files(draw):
    """Draw a file with a header: its bytes and name, options, and what the reference expects."""
    delimiter = draw(st.sampled_from(",,,\t;| "))
    end = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    roles = draw(st.permutations(["user", "item", "time"]))
    columns, header = list(roles), [draw(st.sampled_from(NAMES[role])) for role in roles]
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(columns)))
        columns.insert(place, "extra")
        header.insert(place, draw(st.sampled_from(EXTRA)))
    atomic = delimiter == "\t" and draw(st.booleans()) and draw(st.booleans())
    if atomic:
        header = [f"{name.strip() or 'x'}:token".replace('"', "") for name in header]
    lines = [draw(body_lines(row, columns, delimiter, end, atomic)) for row in draw(tables())]
    body = "".join(lines)
    if draw(st.booleans()):
        body = body.removesuffix(end)
    above = [draw(st.sampled_from(ABOVE)) for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2])))]
    title = draw(st.sampled_from([None] * 9 + TITLES))
    if title is not None:
        above.append(title)
    elif draw(st.integers(0, 9)) == 0:
        above.insert(0, f"sep={delimiter}")
    blank = end * draw(st.integers(0, 1))
    first = delimiter.join(header) + end if atomic else written(header, delimiter, "minimal", end)
    text = "".join(line + end for line in above) + blank + first + body
    data, options, suffix = draw(encoded(text))
    expected = None if title else (body, delimiter, columns, not atomic)
    return data, f"log.{draw(st.sampled_from(['csv', 'txt', 'tsv']))}{suffix}", options, expected


@st.composite
def encoded(draw, text):
    """Draw the bytes of a text, the option that its encoding needs, and an ending."""
    encoding = draw(
        st.sampled_from(["utf-8"] * 5 + ["utf-8-sig", "utf-16", "latin-1", "utf-16-le"])
    )
    try:
        data = text.encode(encoding)
    except UnicodeEncodeError:
        encoding, data = "utf-8", text.encode()
    options = {"encoding": encoding} if encoding in ("latin-1", "utf-16-le") else {}
    packed = draw(st.sampled_from([None] * 6 + ["", ".gz"]))
    return (data, options, "") if packed is None else (gzip.compress(data, 1), options, packed)


def check(source, options, expected):
    """Compare the reader with the reference: (events, rejected), or None where it refuses."""
    try:
        log = read_events(source, **options)
    except PrismrecError as error:
        message = str(error)
        assert expected is None, f"only the reader refuses: {message}"
        assert message.endswith(".")
        assert "\n" not in message.replace("\\n", "")
        return
    frame = log.frame.select("user", "item", "time").collect()
    events = [(str(user), str(item), time) for user, item, time in frame.iter_rows()]
    assert expected is not None, f"only the reference refuses: {events}"
    assert events == expected[0]
    assert log.rows_kept == len(events)
    assert log.rows_read - log.rows_kept == expected[1]
    assert log.rows_read == log.rows_kept + sum(each.count for each in log.rejected)


def reference(cells):
    """Return what the reference makes of cells; None if it refuses."""
    try:
        return events_of(cells() if callable(cells) else cells)
    except RefusedError:
        return None


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@FUZZ
@given(delimited_files())
def test_delimited_files_are_read_as_by_the_reference(folder, file):
    data, name, options, expected = file
    (path := folder / name).write_bytes(data)

    def cells():
        body, delimiter, columns, quotes = expected
        return delimited_rows(body, delimiter, columns, quotes=quotes) if body else []

    check(path, options, None if expected is None else reference(cells))


@FUZZ
@given(st.data())
def test_json_lines_are_read_as_by_the_reference(folder, data):
    names = {role: data.draw(st.sampled_from(NAMES[role])) for role in NAMES}
    odd = [["a"], {"$oid": "5f"}, True, False, None, 12345678901234567890123, 7, 1.5, []]
    lines = []
    for row in data.draw(tables()):
        cells = dict(zip(names.values(), row, strict=True))
        for role in ("user", "item"):
            if data.draw(st.integers(0, 14)) == 0:
                cells[names[role]] = data.draw(st.sampled_from(odd))
        time = cells[names["time"]]
        if time.isascii() and time.isdigit() and data.draw(st.booleans()):
            cells[names["time"]] = int(time)
        if data.draw(st.integers(0, 14)) == 0:
            del cells[data.draw(st.sampled_from(sorted(cells)))]
        order = data.draw(st.permutations(sorted(cells)))
        lines.append(
            json.dumps({key: cells[key] for key in order}, ensure_ascii=data.draw(st.booleans()))
        )
        if data.draw(st.integers(0, 19)) == 0:
            lines.append(data.draw(st.sampled_from(["", "{bad", "[1]", "null", "5", "{}", "  "])))
    text = data.draw(st.sampled_from(["\n", "\r\n"])).join(lines) + "\n"
    content, options, suffix = data.draw(encoded(text))
    (path := folder / f"log.jsonl{suffix}").write_bytes(content)
    present = all(any(f'"{names[role]}"' in line for line in lines) for role in names)
    is_first = bool(lines) and lines[0].strip().startswith("{") and lines[0] != "{bad"
    expected = reference(json_rows(text, names)) if present and is_first else None
    check(path, options, expected)


@FUZZ
@given(
    st.lists(st.lists(st.sampled_from(SEQUENCE_ITEMS), min_size=1, max_size=6), max_size=8),
    st.sampled_from([" ", "  "]),
    st.sampled_from([[], ["# one"], ["#", "# two"]]),
    st.data(),
)
def test_sequences_are_read_as_by_the_reference(folder, lists, between, above, data):
    users = [f"u{number}" for number in range(len(lists))]
    lines = [between.join([user, *items]) for user, items in zip(users, lists, strict=True)]
    content, options, suffix = data.draw(encoded("\n".join([*above, *lines]) + "\n"))
    (path := folder / f"sequences.txt{suffix}").write_bytes(content)
    events = [
        (u, item, n) for u, items in zip(users, lists, strict=True) for n, item in enumerate(items)
    ]
    check(path, options, (events, 0) if events else None)


@FUZZ
@given(tables(), st.booleans(), st.sampled_from([pl.String, pl.Categorical, pl.Int64, pl.Int128]))
def test_parquet_and_frames_are_read_as_by_the_reference(folder, rows, as_file, dtype):
    schema = {"user_id": pl.String, "item_id": pl.String, "timestamp": pl.String}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    if dtype.is_integer():
        frame = frame.with_columns(pl.col("user_id", "item_id").cast(dtype, strict=False))
    else:
        frame = frame.with_columns(pl.col("item_id").cast(dtype))
    if frame["timestamp"].str.contains(r"^[0-9]{1,18}$").all():
        frame = frame.with_columns(pl.col("timestamp").cast(pl.Int64))
    cells = [tuple("" if cell is None else str(cell) for cell in row) for row in frame.rows()]
    source = frame
    if as_file:
        frame.write_parquet(source := folder / "log.parquet")
    check(source, {}, reference(cells))
