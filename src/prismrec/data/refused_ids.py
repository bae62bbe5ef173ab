"""Reject the events of a log whose ids a store of events refuses."""

from dataclasses import replace

import polars as pl

from prismrec.data.events import EventLog
from prismrec.data.ids import LONGEST_ID, is_refused
from prismrec.data.readers.rejected import SHOWN, RejectedRows, check_rejected

REFUSED = f"user or item has more than {LONGEST_ID:,} bytes or a NUL"


def reject_refused_ids(log: EventLog, *, strict: bool = False) -> EventLog:
    """Return a log without the events whose ids a store refuses; they are among its rejected rows.

    Args:
        log: The log.
        strict: Raise at the first such event, instead of rejecting it.

    Raises:
        DataError: There is such an event and ``strict`` is set; or more rows are rejected than
            kept.

    Cost: a pass over the ids, if they are text.
    """
    types = log.frame.collect_schema()
    texts = [pl.col(name) for name in ("user", "item") if types[name] == pl.String]
    if not texts:
        return log
    refused = pl.any_horizontal(map(is_refused, texts))
    flags = log.frame.select(refused.alias("refused")).collect(engine="streaming")["refused"]
    count, places = int(flags.sum()), flags.arg_true().head(SHOWN).to_list()
    if not count:
        return log
    found = [] if log.rows is None else log.rows.find(places)
    lines, examples = tuple(line for line, _ in found), tuple(text for _, text in found)
    rejected = (*log.rejected, RejectedRows(REFUSED, count, lines, examples))
    kept = log.rows_kept - count
    check_rejected(log.source, kept, rejected, strict=strict)
    return replace(
        log, frame=log.frame.filter(~refused), rows_kept=kept, rejected=rejected,
        rows=log.rows and replace(log.rows, frame=log.rows.frame.filter(~refused)),
    )  # fmt: skip
