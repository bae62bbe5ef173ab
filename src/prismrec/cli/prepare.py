"""``prismrec prepare``: from an event log to a data set folder."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from cyclopts import Parameter

from prismrec.cli._options import ReadOptions, open_log
from prismrec.cli._output import print_output
from prismrec.data import (
    Dataset,
    Duplicates,
    EventLog,
    ItemDescriptions,
    Split,
    build_dataset,
    make_split,
    save_dataset,
)


@dataclass(frozen=True, kw_only=True)
class PrepareOptions:
    """What is made of an event log."""

    min_user_events: int = 5
    """Events that a user needs; users and items are dropped until all have enough."""
    min_item_events: int = 5
    """Events that an item needs."""
    duplicates: Duplicates = "keep"
    """Repeated events: keep them; drop-exact, those of the same user, item and time; or
    collapse-repeats, an item that its user took in the event before."""
    split: Literal["by-user", "leave-last-out", "by-time"] = "by-user"
    """Protocol of train, validation and test."""
    seed: int | None = None
    """Of a split by user; 0 if not given."""


def prepare(
    log: str,
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    reading: Annotated[ReadOptions, Parameter(name="*")] = ReadOptions(),  # noqa: B008 -- frozen
    making: Annotated[PrepareOptions, Parameter(name="*")] = PrepareOptions(),
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Make a data set folder: dense ids, histories in time order, and how they are split.

    Says what was refused, what each filter dropped and what is left; nothing is dropped in
    silence.

    Args:
        log: A file, glob or folder of CSV, TSV, JSON lines or Parquet, or a named data set.
        out: Folder to write.
        reading: How the log reads.
        making: What is made of it.
        as_json: Print one JSON object.
    """
    events, items = open_log(log, reading)
    dataset = build_dataset(
        events,
        items=items,
        min_user_events=making.min_user_events,
        min_item_events=making.min_item_events,
        duplicates=making.duplicates,
    )
    options = {} if making.seed is None else {"seed": making.seed}
    made = make_split(dataset, making.split, **options)
    save_dataset(dataset, out, split={"name": making.split, "options": options})
    value = value_of(events, items, dataset, made, out)
    print_output(value, lines_of(events, items, dataset, made, out), as_json=as_json)


def value_of(
    log: EventLog, items: ItemDescriptions | None, dataset: Dataset, split: Split, out: Path
) -> Mapping[str, Any]:
    """Give what was done, for programs."""
    return {
        "out": str(out),
        "rows_read": log.rows_read,
        "rows_kept": log.rows_kept,
        "refused": {refused.reason: refused.count for refused in log.refused},
        "users": len(dataset.users),
        "items": dataset.catalog.size - 1,
        "items_described": None if items is None else described(items, dataset),
        "items_without_category": without_category(dataset),
        "events": len(dataset.histories.items),
        "how": dict(dataset.how),
        "split": {"how": split.how, "train": len(split.train), "valid": len(split.valid)}
        | {"test": len(split.test)},
        "fingerprint": dataset.fingerprint,
    }


def described(items: ItemDescriptions, dataset: Dataset) -> int:
    """Count the items of a data set of which a table of items knows anything."""
    return int(dataset.catalog.items.ids.is_in(items.frame["item"].implode()).sum())


def without_category(dataset: Dataset) -> int:
    """Count the items of a data set that are of no category."""
    return int((np.diff(dataset.catalog.category_indptr)[1:] == 0).sum())  # 0 is padding


def lines_of(
    log: EventLog, items: ItemDescriptions | None, dataset: Dataset, split: Split, out: Path
) -> Iterator[str]:
    """Tell a person what was done."""
    yield f"read     {log.rows_read:,} rows of {log.source}, kept {log.rows_kept:,}"
    for refused in log.refused:
        where = f", for example line {refused.lines[0]}" if refused.lines else ""
        yield f"refused  {refused.count:,}: {refused.reason}{where}"
    if log.events_left_out:
        yield f"left out {log.events_left_out:,} other events, {log.users_left_out:,} users whole"
    how: Mapping[str, Any] = dataset.how
    exact, repeats = how["exact_duplicates"], how["repeats"]
    yield f"repeated {exact:,} exact duplicates, {repeats:,} repeats in a row: {how['duplicates']}"
    for step in how["steps"]:
        counts = f"{step['users']:,} users, {step['items']:,} items, {step['events']:,} events"
        yield f"{step['step']:<28} {counts}"
    if items is not None:
        yield from _lines_of_items(items, dataset)
    yield f"split    {split.how}"
    sizes = f"{len(split.train):,} train, {len(split.valid):,} valid, {len(split.test):,} test"
    yield f"         {sizes}"
    yield f"wrote    {out}"
    yield f"next: prismrec train {out} --out {out.with_name(out.name + '-model')}"


def _lines_of_items(items: ItemDescriptions, dataset: Dataset) -> Iterator[str]:
    for refused in items.refused:
        yield f"refused  of the items {refused}"
    found, all_ = described(items, dataset), dataset.catalog.size - 1
    if not found:
        yield f"items    none of {all_:,} is in the table of items: are its ids those of the log?"
    else:
        without = f"{without_category(dataset):,} without category"
        yield f"items    {found:,} of {all_:,} are in the table of items, {without}"
