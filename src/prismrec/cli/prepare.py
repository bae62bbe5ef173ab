"""``prismrec prepare``: from an event log to a data set folder."""

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from cyclopts import Parameter

from prismrec.cli._headings import COMMON, WEIGHTS, AsJson
from prismrec.cli._options import ReadOptions, is_named, open_log
from prismrec.cli._output import check_inputs, check_out, one_line, print_output, wrapped
from prismrec.cli._progress import Progress
from prismrec.cli._reading import reading_json, reading_lines, warning_lines
from prismrec.cli._spark import Engine, open_session
from prismrec.data import (
    MIN_EVENTS,
    Comparison,
    Dataset,
    Duplicates,
    EventLog,
    Histories,
    ItemDescriptions,
    Split,
    Weighting,
    build_dataset,
    build_dataset_on_spark,
    categories_source,
    check_dataset_folder,
    check_for_spark,
    make_split,
    parse_kinds,
    save_dataset,
    serious_warnings,
)
from prismrec.io import stage


@dataclass(frozen=True, kw_only=True)
class PrepareOptions:
    """How to build a data set from an event log."""

    min_user_events: int = MIN_EVENTS
    """Smallest number of events of a user; users and items are dropped until all have enough."""
    min_item_events: int = MIN_EVENTS
    """Smallest number of events of an item."""
    duplicates: Duplicates = "keep"
    """Repeated events: keep them; drop-exact drops events with the same user, item and time;
    collapse-repeats drops an event if the event of this user before it has the same item."""
    split: Literal["by-user", "leave-last-out", "by-time"] = "by-user"
    """How to split the data into training, validation and test data."""
    seed: int | None = None
    """Random seed of the split by-user; 0 by default."""
    valid: float | None = None
    """Share of the users (by-user) or of the newest events (by-time) for validation; 0.1 by
    default."""
    test: float | None = None
    """The same share for test; with by-time it is newer than that for validation."""
    engine: Engine = "local"
    """What builds the data set: this process, or Spark on one machine or many, from Parquet files;
    the result is the same."""


@dataclass(frozen=True, kw_only=True)
class WeightFlags:
    """The flags of ``Weighting``."""

    weight_column: str | None = None
    """Name of a column with the weight of each event, a number of 0 or more."""
    event_weights: Annotated[str, Parameter(show_default=False)] = ""
    """Weight of each kind of event: view=1,purchase=5. Other kinds have weight 1. With
    --weight-column the two weights are multiplied."""
    dislikes: str | None = None
    """Events that are dislikes, by a column: 'rating<=2' or event=return. They are no part of a
    history and never a target."""

    @property
    def weighting(self) -> Weighting:
        """Return the ``Weighting`` of the flags.

        Raises:
            ConfigError: A flag has another form.
        """
        return Weighting(
            column=self.weight_column,
            kinds=parse_kinds(self.event_weights),
            dislikes=None if self.dislikes is None else Comparison.parse(self.dislikes),
        )


def prepare(
    log: str,
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"], group=COMMON)],
    reading: Annotated[ReadOptions, Parameter(name="*")] = ReadOptions(),  # noqa: B008 -- frozen
    options: Annotated[PrepareOptions, Parameter(name="*", group=COMMON)] = PrepareOptions(),
    weights: Annotated[WeightFlags, Parameter(name="*", group=WEIGHTS)] = WeightFlags(),
    as_json: AsJson = False,
) -> None:
    """Build a data set folder from an event log: item and user numbers, histories and a split.

    Reports invalid rows, what each filter dropped, what is left, and serious problems of the log.
    Nothing is dropped silently.

    Args:
        log: A file, glob or folder of CSV, TSV, JSON lines or Parquet, or a named data set.
        out: Folder to write.
        reading: How to read the log.
        options: How to build the data set.
        weights: Which events count more than others, and which are dislikes.
        as_json: Print one JSON object.
    """
    given = {name: getattr(options, name) for name in ("seed", "valid", "test")}
    split_options = {name: value for name, value in given.items() if value is not None}
    weighting = weights.weighting
    check_out(out)
    check_dataset_folder(out)
    check_inputs(out, None if is_named(log) else log, reading.items, reading.source)
    with builder(options.engine, out, weighting) as build, Progress(out.name, quiet=as_json):
        events, items = open_log(log, reading, weighting)
        with stage("building the data set"):
            dataset = build(
                events,
                items=items,
                min_user_events=options.min_user_events,
                min_item_events=options.min_item_events,
                duplicates=options.duplicates,
            )
            split = make_split(dataset, options.split, **split_options)
            value = dict(summary(events, items, dataset, split, out))
            lines = [*summary_lines(events, items, dataset, split, out)]
            # Only its protocol is written; the split itself has a copy of most events.
            split = Split(Histories.of([]), [], [], split.how, protocol=split.protocol)
        with stage("writing the data set"):
            save_dataset(dataset, out, split=split)
        with stage("checking the events"):
            warnings = serious_warnings(events, dataset)
    value["warnings"] = [asdict(each) for each in warnings]
    lines[-1:-1] = warning_lines(warnings)
    print_output(value, lines, as_json=as_json)


@contextmanager
def builder(engine: Engine, out: Path, weighting: Weighting) -> Iterator[Callable[..., Dataset]]:
    """Yield the function that builds a data set with an engine; start and stop Spark."""
    if engine == "local":
        yield build_dataset
        return
    check_for_spark(weighting)
    out.parent.mkdir(parents=True, exist_ok=True)
    with open_session() as session:
        yield partial(build_dataset_on_spark, session, scratch=out.parent)


def summary(
    log: EventLog, items: ItemDescriptions | None, dataset: Dataset, split: Split, out: Path
) -> Mapping[str, Any]:
    """Return what was read, dropped and written, as JSON values."""
    return {
        "out": str(out),
        **reading_json(log),
        "users": len(dataset.users),
        "items": dataset.catalog.size - 1,
        "items_described": None if items is None else count_described(items, dataset),
        "items_without_category": count_without_category(dataset),
        "categories_from": categories_source(log, items),
        "items_notes": None if items is None else list(items.notes),
        **_attributes(items, dataset),
        "events": len(dataset.histories.items),
        "how": dict(dataset.how),
        "split": {"how": split.how, "train": len(split.train), "valid": len(split.valid)}
        | {"test": len(split.test)},
        "fingerprint": dataset.fingerprint,
    }


def _attributes(items: ItemDescriptions | None, dataset: Dataset) -> Mapping[str, Any]:
    """Return the type, the items with a value and the bad cells of each attribute, if any."""
    attributes = dataset.catalog.attributes
    if items is None or attributes is None:
        return {}
    return {
        "attributes": {
            one.name: {
                "type": one.kind,
                "items": int(attributes.column(one.name).present.sum()),
                "bad_cells": one.bad.count if one.bad else 0,
            }
            for one in items.reports
        }
    }


def count_described(items: ItemDescriptions, dataset: Dataset) -> int:
    """Count the items of a data set that are in the file of items."""
    return int(dataset.catalog.items.ids.is_in(items.frame["item"].implode()).sum())


def count_without_category(dataset: Dataset) -> int:
    """Count the items of a data set that have no category."""
    return int((np.diff(dataset.catalog.category_indptr)[1:] == 0).sum())  # 0 is padding


def summary_lines(
    log: EventLog, items: ItemDescriptions | None, dataset: Dataset, split: Split, out: Path
) -> Iterator[str]:
    """Yield the lines that report what was read, dropped and written."""
    yield f"source      {log.source}"
    yield from reading_lines(log)
    how: Mapping[str, Any] = dataset.how
    exact, repeats = how["exact_duplicates"], how["repeats"]
    yield f"duplicates  {exact:,} exact, {repeats:,} repeats in a row: {how['duplicates']}"
    yield from _lines_of_feedback(dataset)
    for step in how["steps"]:
        counts = f"{step['users']:,} users, {step['items']:,} items, {step['events']:,} events"
        yield f"{step['step']:<31} {counts}"
    if items is not None:
        yield from _lines_of_items(items, dataset)
    yield from _lines_of_categories(log, items)
    yield wrapped(f"split       {split.how}", indent=" " * 12)
    sizes = f"{len(split.train):,} train, {len(split.valid):,} valid, {len(split.test):,} test"
    yield f"            {sizes}"
    yield f"wrote       {out}"
    train = ["prismrec", "train", str(out), "--out", str(out.with_name(out.name + "-model"))]
    yield f"Next: {shlex.join(train)}"


def _lines_of_feedback(dataset: Dataset) -> Iterator[str]:
    """Yield the lines about weights and dislikes."""
    weights = dataset.histories.weights
    if weights is not None:
        least, mean, most = weights.min(), weights.mean(dtype=np.float64), weights.max()
        yield f"weights     {least:g} to {most:g}, mean {mean:.4g}"
    how: Mapping[str, Any] = dataset.how
    if "dislikes" in how:
        counts = how["dislikes"]
        yield f"dislikes    {counts['events']:,} events, which are no part of a history"
        pairs = f"{counts['pairs']:,} pairs of {counts['users']:,} users and an item"
        yield f"            {pairs}; {counts['also_liked']:,} are in the history too"
        if counts["left_out"]:
            yield f"            {counts['left_out']:,} events of users or items that were dropped"


def _lines_of_items(items: ItemDescriptions, dataset: Dataset) -> Iterator[str]:
    """Yield the lines about the file of items."""
    for rejected in items.rejected:
        yield wrapped(f"rejected    in the file of items: {rejected}", indent=" " * 12)
    for note in items.notes:
        yield wrapped(f"note        in the file of items: {note}", indent=" " * 12)
    described, size = count_described(items, dataset), dataset.catalog.size - 1
    if not described:
        yield f"items       none of {size:,} is in the file of items; are the ids the same?"
    else:
        without = f"{count_without_category(dataset):,} without category"
        yield f"items       {described:,} of {size:,} are in the file of items, {without}"
    for name, one in _attributes(items, dataset).get("attributes", {}).items():
        have = f"{one['items']:,} of {size:,} items have a value"
        yield one_line(f"attribute   {name}: {one['type']}, {have}")
    for report in items.reports:
        if report.bad:
            text = f"bad cells   in the file of items: {report.bad}"
            yield wrapped(text, indent=" " * 12)


def _lines_of_categories(log: EventLog, items: ItemDescriptions | None) -> Iterator[str]:
    """Yield the line about the source of the categories, if there are any."""
    source = categories_source(log, items)
    if source == "log":
        yield "categories  from the log"
    elif source == "items":
        unused = "category" in log.frame.collect_schema()
        yield f"categories  from the file of items{', not from the log' * unused}"
