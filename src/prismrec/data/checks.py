"""Checks of an event log: each warning has a count, a share and, where known, a line.

``inspect_log`` runs them on a log, and ``prepare`` runs those that may be serious on the data set.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prismrec.data.ids import LONGEST_ID, is_refused
from prismrec.data.readers.columns import VALUES, normalize_name
from prismrec.data.readers.source_rows import VALUE, SourceRows
from prismrec.data.readers.weighting import NO_WEIGHTING, Weighting

SECOND = 1_000_000
DAY = 86_400 * SECOND
EARLY = 10**8 * SECOND  # in March 1973: if all times are earlier, they are counts, not dates
_PLACEHOLDERS = ["0001-01-01", "1753-01-01", "1899-12-30", "1899-12-31", "1900-01-01"]
_PLACEHOLDERS += ["1901-12-13T20:45:52", "1970-01-01", "1980-01-01", "2038-01-19T03:14:07"]
_PLACEHOLDERS += ["2099-12-31", "9999-12-31", "9999-12-31T23:59:59"]
PLACEHOLDERS = np.array(_PLACEHOLDERS, dtype="datetime64[us]").astype(np.int64)
"""Moments that programs write for a time that is unknown, in microseconds."""
OLDEST = int(np.datetime64("1990-01-01", "us").astype(np.int64))
_ROUNDED = r"^[+-]?[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]{1,3}$"
_ROUNDED_TIME = r"^[0-9](?:[.,][0-9]{1,7})?[eE]\+?[0-9]{1,2}$"  # NumPy writes 18 digits
LARGE, FREQUENT = 0.5, 0.05  # shares of one user or item: always reported, and in a large log


@dataclass(frozen=True, kw_only=True)
class LogWarning:
    """A possible problem of a log."""

    name: str
    """Short name, for programs."""
    sentence: str
    count: int
    """Number of events, users, items or categories that the sentence is about."""
    share: float
    """Their share of all, from 0 to 1."""
    serious: bool = False
    """Whether the result of training is probably wrong or poor if nothing is done."""
    position: int | None = None
    """Row of an example among the kept events, from 0."""
    line: int | None = None
    """Line of the example in its file (in a frame or Parquet file, the row), from 1."""
    example: str | None = None
    """The content of this line."""

    def __str__(self) -> str:
        """Return the sentence and its example."""
        if self.example is None:
            return self.sentence
        where = f"line {self.line:,}: " if self.line is not None else ""
        return f"{self.sentence} Example: {where}{self.example!r}."


def locate(warnings: Sequence[LogWarning], rows: SourceRows | None) -> list[LogWarning]:
    """Return the warnings with the lines and contents of their examples.

    Cost: that of ``SourceRows.find``.
    """
    places = sorted({w.position for w in warnings if w.position is not None})
    if rows is None:
        return list(warnings)
    found = dict(zip(places, rows.find(places), strict=True))
    located = []
    for each in warnings:
        if each.position is None:
            located.append(each)
        else:
            line, example = found[each.position]
            located.append(replace(each, line=line, example=example))
    return located


def check_ids(
    role: str, ids: pl.Series, codes: NDArray[np.int32] | None = None
) -> Iterator[LogWarning]:
    """Yield warnings about distinct ids: rounded by a spreadsheet, refused, or almost the same.

    Args:
        role: "user" or "item".
        ids: The distinct ids.
        codes: The place in ``ids`` of each event's id, to find an example. None: without line.

    Cost: O(ids) time and memory.
    """
    text = ids.alias("id")
    rounded = text.str.contains(_ROUNDED)
    if rounded.any():
        count, first = int(rounded.sum()), int(rounded.arg_max() or 0)
        yield LogWarning(
            name=f"rounded_{role}_ids", count=count, share=count / len(ids), serious=True,
            sentence=f"Ids of {role}s that a spreadsheet has rounded: {count:,} "
            f"({count / len(ids):.1%}), such as {ids[first]!r}; different ids may have become the "
            "same, so export the log again.",
            position=_first(codes, first), example=ids[first][:80],
        )  # fmt: skip
    spelled = pl.col("id")
    refused = text.to_frame().select(is_refused(spelled)).to_series()
    if refused.any():
        count, first = int(refused.sum()), int(refused.arg_max() or 0)
        yield LogWarning(
            name=f"refused_{role}_ids", count=count, share=count / len(ids), serious=True,
            sentence=f"Ids of {role}s with more than {LONGEST_ID:,} bytes or a NUL: {count:,} "
            f"({count / len(ids):.1%}); 'prismrec serve' refuses requests with them.",
            position=_first(codes, first), example=ids[first][:80],
        )  # fmt: skip
    plain = spelled.str.strip_chars().str.normalize("NFC")
    number = plain.str.replace(r"^0+([0-9])", "${1}").str.replace(r"^([0-9]+)\.0+$", "${1}")
    for name, before, after, what in (
        ("spelling", spelled, plain, "outer spaces or the Unicode form"),
        ("case", spelled, spelled.str.to_lowercase(), "upper and lower case"),
        ("zero", plain, number, "leading zeros or a fraction of zeros"),
    ):
        keys = (
            pl.DataFrame({"id": ids}).with_row_index("code").with_columns(before=before, key=after)
        )
        if keys["key"].n_unique() == len(ids):
            continue
        alike = keys.filter(pl.col("before").n_unique().over("key") > 1)
        if alike.is_empty():
            continue
        count, last = alike.height, alike.row(-1, named=True)
        other = alike.filter(pl.col("key") == last["key"])["id"][0]
        yield LogWarning(
            name=f"{role}_ids_that_differ_in_{name}", count=count, share=count / len(ids),
            serious=name != "case",  # short random ids differ in case by chance
            sentence=f"Ids of {role}s that differ only in {what}: {count:,} "
            f"({count / len(ids):.1%}), such as {other[:80]!r} and {last['id'][:80]!r}; they are "
            "kept apart.",
            position=_first(codes, last["code"]), example=last["id"][:80],
        )  # fmt: skip


def check_times(times: NDArray[np.int64]) -> Iterator[LogWarning]:
    """Yield warnings about times that are probably no times of events.

    Args:
        times: Microseconds since 1970 UTC, one per event.
    """
    if int(times.max()) < EARLY:
        yield LogWarning(
            name="times_are_counts", count=len(times), share=1.0, serious=True, position=0,
            sentence="Times look like counts, not dates: their order is used, but a split by time "
            "and all results in days are meaningless.",
        )  # fmt: skip
        return
    placeholder = np.isin(times, PLACEHOLDERS)
    later = times > time.time() * SECOND + DAY
    for name, mask, what in (
        (
            "placeholder_times",
            placeholder,
            "that are placeholders, such as 1970-01-01 or 9999-12-31",
        ),
        ("future_times", later & ~placeholder, "in the future"),
        ("old_times", (times < OLDEST) & ~placeholder, "before 1990"),
    ):
        count = int(mask.sum())
        if count:
            yield LogWarning(
                name=name, count=count, share=count / len(times), serious=name != "old_times",
                position=int(mask.argmax()),
                sentence=f"Times {what}: {count:,} ({count / len(times):.1%}); if they are wrong, "
                "these events are at a wrong place of their histories.",
            )  # fmt: skip


def check_written_times(rows: SourceRows | None) -> Iterator[LogWarning]:
    """Yield a warning about times such as 1.61E+12, which a spreadsheet has rounded to days.

    Cost: a pass over the column, if it is text.
    """
    if rows is None or rows.frame.collect_schema()["time"] != pl.String:
        return
    rounded = pl.col("time").str.strip_chars().str.contains(_ROUNDED_TIME)
    flags = rows.frame.select(rounded.alias("rounded")).collect(engine="streaming")["rounded"]
    count = int(flags.sum())
    if count:
        yield LogWarning(
            name="rounded_times", count=count, share=count / len(flags), serious=True,
            position=int(flags.arg_max() or 0),
            sentence=f"Times that a spreadsheet has rounded: {count:,} ({count / len(flags):.1%}); "
            "they may be wrong by days, so export the log again.",
        )  # fmt: skip


def check_shares(
    role: str, ids: pl.Series, counts: NDArray[np.int64], codes: NDArray[np.int32] | None = None
) -> Iterator[LogWarning]:
    """Yield a warning if one user or item has a large share of the events.

    Args:
        role: "user" or "item".
        ids: The distinct ids.
        counts: The number of events of each id.
        codes: As for ``check_ids``.
    """
    top, total = int(counts.argmax()), int(counts.sum())
    count = int(counts[top])
    is_outlier = count >= 1_000 and count > 20 * total / len(counts)
    share = count / total
    if len(counts) > 1 and (share > LARGE or (share > FREQUENT and is_outlier)):
        advice = "is it a test or a program?" if role == "user" else "is it a default value?"
        yield LogWarning(
            name=f"one_{role}_has_a_large_share", count=count, share=share, serious=share > LARGE,
            sentence=f"One {role}, {ids[top][:80]!r}, has {count:,} events ({share:.1%}); {advice}",
            position=_first(codes, top), example=ids[top][:80],
        )  # fmt: skip


def check_core(
    before: tuple[int, int, int], after: tuple[int, int, int], minima: str
) -> Iterator[LogWarning]:
    """Yield a warning if the filters drop most items, users or events.

    Args:
        before: The numbers of users, items and events before the filters.
        after: The numbers after them.
        minima: The filters, such as "5 events per user and item".
    """
    shares = [1 - kept / all_ for kept, all_ in zip(after, before, strict=True)]
    if max(shares) > 0.5 and after[2]:
        users, items, events = (f"{share:.0%}" for share in shares)
        worst = int(np.argmax(shares))
        yield LogWarning(
            name="filters_drop_most", count=before[worst] - after[worst], share=shares[worst],
            serious=True,
            sentence=f"The minimum of {minima} drops {items} of the items, {users} of the users "
            f"and {events} of the events; what is dropped is not in the catalog and is never "
            "recommended. --min-user-events and --min-item-events change this.",
        )  # fmt: skip


def check_values(
    rows: SourceRows | None, weighting: Weighting = NO_WEIGHTING
) -> Iterator[LogWarning]:
    """Yield warnings about columns of ratings, quantities, weights or returns that are not used.

    Cost: two passes over these columns, if there are any.
    """
    if rows is None:
        return
    for name in rows.value_columns:
        column = pl.col(name)
        kind = next(k for k, v in VALUES.items() if normalize_name(name[len(VALUE) :]) in v)
        least, most = (
            rows.frame.select(column.min().alias("least"), column.max().alias("most"))
            .collect(engine="streaming").row(0)
        )  # fmt: skip
        if least is None or least == most:
            continue
        limit = least + 0.4 * (most - least)
        is_low = {"rating": column <= limit, "return": column > 0}.get(kind, column <= 0)
        what = {"rating": f"at most {limit:g}", "return": "more than 0"}.get(kind, "0 or less")
        flags = rows.frame.select(is_low.fill_null(value=False).alias("low"))
        low = flags.collect(engine="streaming")["low"].to_numpy()
        plural = "quantities" if kind == "quantity" else f"{kind}s"
        count = int(low.sum())
        share = count / len(low)
        fault, advice = "all events count alike", "remove rows that are no sign of interest"
        if weighting.has_weights:
            fault = "this column is not used"
            advice = "name it with --weight-column, or leave it as it is"
        yield LogWarning(
            name=f"{kind}_column", count=count, share=share, serious=share > 0.05,
            position=int(low.argmax()) if count else None,
            sentence=f"The column {name[len(VALUE) :][:80]!r} looks like {plural} ({least:g} to "
            f"{most:g}), but {fault}; {count:,} ({share:.1%}) have {what}: {advice}.",
        )  # fmt: skip


def _first(codes: NDArray[np.int32] | None, code: int) -> int | None:
    """Return the position of the first event of an id; None if the events are not known."""
    return None if codes is None else int((codes == code).argmax())
