"""``prismrec inspect``: check an event log before it is used."""

from typing import Annotated

from cyclopts import Parameter

from prismrec.cli._headings import AsJson
from prismrec.cli._options import ReadOptions, open_log
from prismrec.cli._output import print_output
from prismrec.data import inspect_log


def inspect(
    log: str,
    /,
    *,
    reading: Annotated[ReadOptions, Parameter(name="*")] = ReadOptions(),  # noqa: B008 -- frozen
    as_json: AsJson = False,
) -> None:
    """Report problems of an event log, what each filter would drop, and what to do next.

    Args:
        log: A file, glob or folder of CSV, TSV, JSON lines or Parquet, or a named data set.
        reading: How to read the log.
        as_json: Print one JSON object.
    """
    events, items = open_log(log, reading)
    report = inspect_log(events, items)
    print_output(report.to_json(), report.lines(), as_json=as_json)
