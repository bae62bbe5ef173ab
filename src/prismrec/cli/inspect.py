"""``prismrec inspect``: check an event log before it is used."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Annotated

from cyclopts import Parameter

from prismrec.cli._headings import AsJson
from prismrec.cli._options import ReadOptions, open_log
from prismrec.cli._output import print_output
from prismrec.cli._progress import Progress
from prismrec.data import inspect_log
from prismrec.io import stage


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
    with Progress("inspect", quiet=as_json):
        events, items = open_log(log, reading)
        with stage("checking the events"):
            report = inspect_log(events, items, flags=list(flags_of(reading)))
    print_output(report.to_json(), report.lines(), as_json=as_json)


def flags_of(options: ReadOptions) -> Iterator[str]:
    """Yield the words of the command line for the options that differ from their defaults."""
    default = ReadOptions()
    for each in fields(options):
        value = getattr(options, each.name)
        if value == getattr(default, each.name):
            continue
        flag = "--" + each.name.replace("_", "-")
        for one in value if isinstance(value, list) else [value]:
            yield from [flag] if one is True else [flag, str(one)]
