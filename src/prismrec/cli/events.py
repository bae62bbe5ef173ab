"""``prismrec events import``: load an event log into the store of a service."""

from typing import Annotated, Any, Literal

from cyclopts import Parameter

from prismrec.cli._headings import COMMON, AsJson
from prismrec.cli._options import ReadOptions, open_log
from prismrec.cli._output import print_output
from prismrec.cli._progress import Progress
from prismrec.cli._reading import reading_json, reading_lines, warning_lines
from prismrec.data import Comparison, Weighting, reject_refused_ids, time_warnings
from prismrec.errors import ConfigError
from prismrec.service import Settings, import_events, open_store, place_of, store_address


def events(
    action: Literal["import"],
    log: str,
    /,
    *,
    store: Annotated[str | None, Parameter(group=COMMON)] = None,
    newest: Annotated[int, Parameter(group=COMMON)] = 10_000,
    dislikes: Annotated[str | None, Parameter(group=COMMON)] = None,
    reading: Annotated[ReadOptions, Parameter(name="*")] = ReadOptions(),  # noqa: B008 -- frozen
    as_json: AsJson = False,
) -> None:
    """Store the events of a log, so that 'prismrec serve' knows its users.

    Each event is stored once: an import may be interrupted and started again. Invalid rows and
    doubtful times are reported.

    Args:
        action: What to do: import.
        log: A file, glob or folder of CSV, TSV, JSON lines or Parquet, or a named data set.
        store: Address of the store. Default: PRISMREC_STORE, which may contain a password, or
            else sqlite:///events.db.
        newest: Newest events per user that are stored.
        dislikes: Events that are dislikes, as for 'prismrec prepare': 'rating<=2' or event=return.
            They are stored as dislikes: the user's lists leave out their items, and no history
            has them.
        reading: How to read the log.
        as_json: Print one JSON object.
    """
    del action  # there is only one
    compared = None if dislikes is None else Comparison.parse(dislikes)
    weighting = Weighting(dislikes=compared, whole_log=False)  # a day may have no returns
    address = store_address(Settings.store if store is None else store)
    if store is not None and address != store:
        raise ConfigError(
            f"--store is {place_of(store)}, but PRISMREC_STORE names another store; leave out one."
        )
    with Progress("import", quiet=as_json):
        read, _ = open_log(log, reading, weighting)
        found = reject_refused_ids(read, strict=reading.strict)
        warnings = time_warnings(found)
        with open_store(address) as opened:
            done = import_events(found, opened, newest=newest)
    into = place_of(address)
    value: dict[str, Any] = {
        name: number for name, number in vars(done).items() if number is not None
    }
    value |= {"store": into, **reading_json(found, warnings)}
    lines = [*reading_lines(found), *done.lines(), f"store {into}", *warning_lines(warnings)]
    print_output(value, lines, as_json=as_json)
