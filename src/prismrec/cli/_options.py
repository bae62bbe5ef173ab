"""Flags that say how an event log reads: what ``inspect`` and ``prepare`` share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from prismrec.data import (
    DATASETS,
    PREFIX,
    Columns,
    EventLog,
    ItemDescriptions,
    open_named,
    read_events,
    read_items,
)
from prismrec.errors import ConfigError, DataError
from prismrec.types import Diversity, Filter, ListOptions

CACHE = Path("~/.cache/prismrec")


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How an event log reads."""

    items: Path | None = None
    """File of titles and categories: CSV, JSON, Parquet of columns item, title, categories; these
    with | between, or in several rows."""
    user_column: str | None = None
    """Name of the user column, where it is not a common one (docs/commands.md has them); column_1,
    column_2, … where there is no header."""
    item_column: str | None = None
    """Name of the item column."""
    time_column: str | None = None
    """Name of the time column."""
    event_column: str | None = None
    """Name of the column that tells kinds of event apart."""
    category_column: str | None = None
    """Name of the column of categories."""
    events: Annotated[list[str] | None, Parameter(negative="")] = None
    """Keep only events of this kind; may be repeated."""
    time_unit: Literal["auto", "s", "ms", "us", "ns", "auto-per-row"] = "auto"
    """Unit of numeric times."""
    time_format: str | None = None
    """strptime format of times that are dates not year first, as %d-%m-%Y."""
    delimiter: str | None = None
    """Between the fields of text; told by the header if not given."""
    encoding: str = "utf-8"
    """Of text."""
    strict: bool = False
    """Stop at the first row that cannot be used, rather than count and name such rows."""
    source: Path | None = None
    """Local copy of a named data set, to read instead of downloading it."""
    cache: Path = CACHE
    """Folder of downloaded data sets."""


def open_log(name: str, reading: ReadOptions) -> tuple[EventLog, ItemDescriptions | None]:
    """Read an event log and its items, by path or by the name of a data set.

    Raises:
        DataError: It is neither; or it does not read.
    """
    kinds = reading.events or []
    if name in DATASETS or name.startswith(PREFIX):
        cache = reading.cache.expanduser()
        log, items = open_named(name, cache, source=reading.source, keep_events=kinds)
    else:
        if "/" not in name and not Path(name).exists():
            known = ", ".join(DATASETS)
            raise DataError(
                f"No event log at {name!r} and no data set of that name; give a path, or one of "
                f"{known}, {PREFIX}many-taste."
            )
        columns = Columns(
            user=reading.user_column,
            item=reading.item_column,
            time=reading.time_column,
            event=reading.event_column,
            category=reading.category_column,
        )
        log, items = read_events(
            name,
            columns=columns,
            keep_events=kinds,
            time_unit=reading.time_unit,
            time_format=reading.time_format,
            delimiter=reading.delimiter,
            encoding=reading.encoding,
            strict=reading.strict,
        ), None  # fmt: skip
    return log, read_items(reading.items) if reading.items else items


@dataclass(frozen=True, kw_only=True)
class ListFlags:
    """What lists look like: ``ListOptions`` as flags."""

    k: Annotated[int, Parameter(name="-k")] = 20
    """Length of the list."""
    diversity: float | None = None
    """Diversity strength λ: 0 ranks by score alone; 0.05 to 0.5 makes the categories differ more
    and more."""
    diversity_target: float | None = None
    """Instead of a strength: smallest share of the list's pairs that differ in category, 0 to 1."""
    max_relevance_loss: float | None = None
    """Instead of a strength: largest share of the list's relevance to give up, 0 to 1."""
    rerank: str = "category"
    """Re-ranker that makes lists diverse: a registered name, or module:function."""
    exclude_seen: bool = True
    """Leave out the items of the history."""
    blocked: str | None = None
    """Ids never to recommend: A,B,C."""
    allowed: str | None = None
    """The only ids to recommend: A,B,C."""
    categories: Annotated[tuple[str, ...], Parameter(negative="")] = ()
    """Recommend only items of this category; may be repeated."""

    @property
    def options(self) -> ListOptions:
        """The options that the flags stand for.

        Raises:
            ConfigError: An impossible value, or two units of diversity.
        """
        units = (self.diversity, self.diversity_target, self.max_relevance_loss)
        if sum(unit is not None for unit in units) > 1:
            raise ConfigError(
                "More than one of --diversity, --diversity-target and --max-relevance-loss was "
                "given; give one of them."
            )
        return ListOptions(
            k=self.k,
            diversity=Diversity(
                strength=self.diversity,
                target=self.diversity_target,
                max_relevance_loss=self.max_relevance_loss,
            ),
            exclude_seen=self.exclude_seen,
            filter=Filter(
                blocked=ids_of(self.blocked or ""),
                allowed=None if self.allowed is None else ids_of(self.allowed),
                categories=self.categories or None,
            ),
            rerank=self.rerank,
        )


def ids_of(text: str) -> tuple[str, ...]:
    """Return the ids in ``A,B,C``."""
    return tuple(name for name in text.split(",") if name)
