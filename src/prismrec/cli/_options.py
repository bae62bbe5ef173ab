"""Options that more than one command has."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from cyclopts import Parameter

from prismrec.cli._headings import (
    COLUMNS,
    COMMON,
    DIVERSITY,
    FILTERS,
    FORMAT,
    INTERESTS,
    NAMED,
)
from prismrec.cli._item_files import ItemFileOptions
from prismrec.data import (
    DATASETS,
    NO_WEIGHTING,
    PREFIX,
    Columns,
    EventLog,
    ItemColumns,
    ItemDescriptions,
    Weighting,
    open_named,
    read_events,
)
from prismrec.errors import ConfigError, DataError
from prismrec.io import stage
from prismrec.rerank import (
    RERANKERS,
    AddedInterest,
    Diversity,
    Filter,
    InterestOptions,
    ListOptions,
    parse_boost,
    parse_conditions,
)

Number = TypeVar("Number", int, float)
CACHE = Path("~/.cache/prismrec")
OF_FILES = (
    *(f"{role}_column" for role in ("user", "item", "time", "event", "category")),
    *("order", "time_unit", "time_format", "delimiter", "encoding"),
)
"""Options that describe the files of a log; those of a named data set are known."""
RERANK = f"Re-ranker that makes the list diverse: {', '.join(RERANKERS)}, or module:function."


@dataclass(frozen=True, kw_only=True)
class ReadOptions(ItemFileOptions):
    """How to read an event log and a file of items."""

    items: Annotated[Path | None, Parameter(group=COMMON)] = None
    """Titles and categories of the items: a CSV, JSON lines or Parquet file with the columns item,
    title and categories (several separated by |)."""
    attributes: Annotated[str | None, Parameter(group=COMMON)] = None
    """Columns of the file of items to read as attributes for filters: price,stock,region or all. A
    type may follow a name: price:number, or boolean, text or set."""
    events: Annotated[list[str] | None, Parameter(negative="", group=COMMON)] = None
    """Keep only events of this kind; may be repeated."""
    user_column: Annotated[str | None, Parameter(group=COLUMNS)] = None
    """Name of the user column, if it is not a common name; column_1, column_2, … in a file without
    a header."""
    item_column: Annotated[str | None, Parameter(group=COLUMNS)] = None
    """Name of the item column."""
    time_column: Annotated[str | None, Parameter(group=COLUMNS)] = None
    """Name of the time column."""
    event_column: Annotated[str | None, Parameter(group=COLUMNS)] = None
    """Name of the column with the kind of each event."""
    category_column: Annotated[str | None, Parameter(group=COLUMNS)] = None
    """Name of the column with the categories of the item."""
    category_separator: Annotated[str, Parameter(group=COLUMNS)] = "|"
    """Text between the categories of an item, in the log and in the file of items."""
    category_depth: Annotated[int | None, Parameter(group=COLUMNS)] = None
    """Number of levels to keep of categories such as A > B > C: 1 keeps A; all by default."""
    order: Annotated[Literal["time", "file"], Parameter(group=FORMAT)] = "time"
    """file: the rows are in time order, and no column of times is needed."""
    time_unit: Annotated[
        Literal["auto", "s", "ms", "us", "ns", "auto-per-row"], Parameter(group=FORMAT)
    ] = "auto"
    """Unit of numeric times; auto chooses one unit for the file, by the size of the numbers."""
    time_format: Annotated[str | None, Parameter(group=FORMAT)] = None
    """strptime format of dates that do not begin with the year, such as %d-%m-%Y."""
    delimiter: Annotated[str | None, Parameter(group=FORMAT)] = None
    """Character between the fields of a text file; detected from the header by default."""
    encoding: Annotated[str, Parameter(group=FORMAT)] = "utf-8"
    """Encoding of a text file."""
    strict: Annotated[bool, Parameter(group=FORMAT)] = False
    """Stop at the first invalid row. By default, invalid rows are counted and reported."""
    source: Annotated[Path | None, Parameter(group=NAMED)] = None
    """Local copy of a named data set; it is read instead of a download."""
    cache: Annotated[Path, Parameter(group=NAMED)] = CACHE
    """Folder of downloaded data sets."""


def is_named(log: str) -> bool:
    """Return whether a log is a named or ``synthetic:`` data set, which is in no folder."""
    return log in DATASETS or log.startswith(PREFIX)


def open_log(
    name: str, options: ReadOptions, weighting: Weighting = NO_WEIGHTING
) -> tuple[EventLog, ItemDescriptions | None]:
    """Read an event log and its items, by path or by the name of a data set.

    Raises:
        DataError: There is no such file or data set, or it cannot be read.
        ConfigError: Attributes without a file of items; an option that has no effect on a named
            data set.
    """
    if not options.items:
        options.check_unused()
    kinds = options.events or []
    if is_named(name):
        _check_named(name, options)
        cache = options.cache.expanduser()
        with stage(f"reading {name}"):
            log, items = open_named(
                name, cache, source=options.source, keep_events=kinds, weighting=weighting
            )
    else:
        if "/" not in name and not Path(name).exists():
            known = ", ".join(DATASETS)
            raise DataError(
                f"No event log at {name!r} and no data set of that name; give a path, or one of "
                f"{known}, {PREFIX}many-taste."
            )
        columns = Columns(
            user=options.user_column, item=options.item_column, time=options.time_column,
            event=options.event_column, category=options.category_column,
            order=options.order, category_separator=options.category_separator,
            category_depth=options.category_depth, weighting=weighting,
        )  # fmt: skip
        with stage("reading the events"):
            log, items = read_events(
                name,
                columns=columns,
                keep_events=kinds,
                time_unit=options.time_unit,
                time_format=options.time_format,
                delimiter=options.delimiter,
                encoding=options.encoding,
                strict=options.strict,
            ), None  # fmt: skip
    if options.items:
        item_columns = ItemColumns(
            category_depth=options.category_depth, attributes=split_ids(options.attributes or "")
        )
        items = options.read(options.items, item_columns, options.category_separator)
    return log, items


def _check_named(name: str, options: ReadOptions) -> None:
    """Raise ConfigError for an option that has no effect on a named data set."""
    given = [one for one in OF_FILES if getattr(options, one) != getattr(ReadOptions(), one)]
    if given:
        flag = given[0].replace("_", "-")
        known = f"{name} is a data set whose files are known"
        raise ConfigError(f"--{flag} describes a file, but {known}; leave it out.")


@dataclass(frozen=True, kw_only=True)
class ListFlags:
    """The flags of ``ListOptions``."""

    k: Annotated[int, Parameter(name=["-k", "--k"], group=COMMON)] = 20
    """Length of the list."""
    exclude_seen: Annotated[bool, Parameter(group=COMMON)] = True
    """Leave out the items of the history."""
    diversity: Annotated[float | None, Parameter(group=DIVERSITY)] = None
    """Diversity strength λ: 0 ranks by score alone; values of 0.05 to 0.5 make the categories of
    the list differ more and more. At least 0.1 for popular items, without a known history."""
    diversity_target: Annotated[float | None, Parameter(group=DIVERSITY)] = None
    """Smallest share of the pairs of the list that differ in category, from 0 to 1."""
    max_relevance_loss: Annotated[float | None, Parameter(group=DIVERSITY)] = None
    """Largest share of the relevance of the list that diversity may cost, from 0 to 1."""
    rerank: Annotated[str, Parameter(group=DIVERSITY, help=RERANK)] = "category"
    mix: Annotated[Literal["mixture", "shares"], Parameter(group=INTERESTS)] = "mixture"
    """Rank all items by score (mixture), or give each interest its part of the places (shares)."""
    interest_weight: Annotated[
        tuple[str, ...], Parameter(negative="", show_default=False, group=INTERESTS)
    ] = ()
    """Weight of an interest by its number: 2=0 mutes interest 2, 2=2 doubles it; may be
    repeated."""
    interest_minimum: Annotated[
        tuple[str, ...], Parameter(negative="", show_default=False, group=INTERESTS)
    ] = ()
    """Smallest number of items of an interest by its number, such as 2=4; may be repeated."""
    add_interest: Annotated[
        tuple[str, ...], Parameter(negative="", show_default=False, group=INTERESTS)
    ] = ()
    """Add an interest that the history does not show: category:NAME or item:ID; may be
    repeated."""
    blocked: Annotated[str | None, Parameter(group=FILTERS)] = None
    """Ids of items that are never recommended: A,B,C."""
    allowed: Annotated[str | None, Parameter(group=FILTERS)] = None
    """Ids of the only items that may be recommended: A,B,C."""
    categories: Annotated[
        tuple[str, ...], Parameter(negative="", show_default=False, group=FILTERS)
    ] = ()
    """Recommend only items of this category; may be repeated."""
    where: Annotated[
        tuple[str, ...], Parameter(negative="", show_default=False, group=FILTERS)
    ] = ()
    """Recommend only items whose attributes pass a condition: price<50, region in DE,AT, sale=true,
    not age_limit>=18, price missing; may be repeated."""
    boosts: Annotated[
        tuple[str, ...], Parameter(negative="", show_default=False, group=FILTERS)
    ] = ()
    """Prefer items that pass a condition, by a factor: '2: price<50' makes them twice as probable;
    may be repeated."""
    dislikes: Annotated[str | None, Parameter(group=FILTERS)] = None
    """Ids of items that the user dislikes: they are not recommended, and items similar to them get
    a lower score: A,B,C."""

    @property
    def options(self) -> ListOptions:
        """Return the ``ListOptions`` of the flags.

        Raises:
            ConfigError: A value is out of range, or diversity has two units.
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
                blocked=split_ids(self.blocked or ""),
                allowed=None if self.allowed is None else split_ids(self.allowed),
                categories=self.categories or None,
                where=tuple(one for text in self.where for one in parse_conditions(text)),
            ),
            rerank=self.rerank,
            interests=InterestOptions(
                mix=self.mix,
                weights=_by_interest(self.interest_weight, float, "2=0.5"),
                minimum=_by_interest(self.interest_minimum, int, "2=4"),
                added=tuple(_added_interest(text) for text in self.add_interest),
            ),
            boosts=tuple(parse_boost(text) for text in self.boosts),
            dislikes=split_ids(self.dislikes or ""),
        )


def _by_interest(texts: Sequence[str], kind: type[Number], example: str) -> dict[int, Number]:
    """Return the value of each interest, by its number, in texts such as ``2=0.5``.

    ``InterestOptions`` checks the ranges.

    Raises:
        ConfigError: A text has another form.
    """
    values = {}
    for text in texts:
        number, _, value = text.partition("=")
        wrong = ConfigError(
            f"{text!r} was given for an interest; write its number and a value, such as {example}."
        )
        if not number.strip().isdecimal():
            raise wrong
        try:
            values[int(number)] = kind(value)
        except ValueError as error:
            raise wrong from error
    return values


def _added_interest(text: str) -> AddedInterest:
    """Return the interest in ``category:NAME`` or ``item:ID``.

    Raises:
        ConfigError: The text has another form.
    """
    kind, _, name = text.partition(":")
    if kind not in ("category", "item") or not name:
        raise ConfigError(
            f"--add-interest is {text!r}; write category:NAME or item:ID, such as category:Drama."
        )
    return AddedInterest(category=name) if kind == "category" else AddedInterest(item=name)


def split_ids(text: str) -> tuple[str, ...]:
    """Return the ids in ``A,B,C``."""
    return tuple(name for name in text.split(",") if name)
