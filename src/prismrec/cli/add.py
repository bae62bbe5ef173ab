"""``prismrec add``: add items without events to an artifact."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import polars as pl
from cyclopts import Parameter

from prismrec.cli._content import read_content
from prismrec.cli._extensions import ClassFlags
from prismrec.cli._headings import AsJson
from prismrec.cli._item_files import ItemFileOptions
from prismrec.cli._output import print_output, wrapped
from prismrec.cli._progress import Progress
from prismrec.data import (
    Attributes,
    Catalog,
    Cell,
    ItemColumns,
    ItemContent,
    ItemDescriptions,
)
from prismrec.io import stage
from prismrec.recommend import NewItem, check_artifact_folder, save


@dataclass(frozen=True)
class Chosen:
    """The items of a file that can be added, and the number of the others."""

    items: list[NewItem]
    known: int
    """Items that the artifact has already."""
    unusable: int
    """Items without a vector and without a category of the artifact."""


def add(
    artifact: Path,
    /,
    *,
    items: Path,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    item_vectors: Path | None = None,
    category_separator: str = "|",
    file: Annotated[ItemFileOptions, Parameter(name="*")] = ItemFileOptions(),  # noqa: B008
    classes: Annotated[ClassFlags, Parameter(name="*")] = ClassFlags(),  # noqa: B008
    as_json: AsJson = False,
) -> None:
    """Add items without events to an artifact, by their vectors or categories.

    An item with a vector gets the projection of its vector, if the artifact was trained with
    --item-vectors; an item without one gets a vector from its categories. Items that the
    artifact has already do not change, and if there is no other item, OUT is the same artifact. New
    items get their values of the attributes that the artifact has.

    Args:
        artifact: Folder made by 'prismrec train'.
        items: Titles, categories and attributes of the items, as for 'prismrec prepare'.
        out: Folder of the artifact with the new items; it may be the same folder.
        item_vectors: Vectors of items, of the encoder whose vectors were used in training.
        category_separator: Text between the categories of an item.
        file: How to read the file of items.
        classes: Classes of the artifact that are not built in.
        as_json: Print one JSON object.
    """
    check_artifact_folder(out)
    with Progress(artifact.name, quiet=as_json):
        with stage("reading the items"):
            recommender = classes.load(artifact)
            read = partial(file.read, items, separator=category_separator)
            described = describe(read, recommender.catalog.attributes)
        content = None
        if item_vectors is not None:
            ids = described.frame["item"]
            content = read_content(item_vectors, ids, quiet=as_json)
        chosen = new_items(recommender.catalog, described, content)
        larger = recommender.with_items(chosen.items)
        if described.attributes:
            larger = larger.with_attributes(values_of(chosen.items, described))
        with stage("saving the artifact"):
            save(larger, out)
    rejected = sum(each.count for each in described.rejected)
    counts = {
        "added": len(chosen.items), "known": chosen.known, "unusable": chosen.unusable,
        "rejected": rejected,
    }  # fmt: skip
    lines = {each.reason: list(each.lines) for each in described.rejected}
    value = counts | {"rejected_lines": lines}
    print_output(value, lines_of(counts, described, items, out), as_json=as_json)


def lines_of(
    counts: Mapping[str, int], described: ItemDescriptions, items: Path, out: Path
) -> Iterator[str]:
    """Yield the lines that report what was added."""
    yield (
        f"{out}: {counts['added']:,} items were added, {counts['known']:,} are in the artifact "
        "already"
    )
    if counts["unusable"]:
        yield (
            f"  {counts['unusable']:,} items were not added: they have no vector and no category "
            "of the artifact"
        )
    if counts["rejected"]:
        yield f"  {counts['rejected']:,} rows of {items.name} were rejected"
    for rejected in described.rejected:
        yield wrapped(f"  rejected: {rejected}", indent=" " * 4)
    for note in described.notes:
        yield wrapped(f"  note: {note}", indent=" " * 4)
    for report in described.reports:
        if report.bad:
            yield wrapped(f"  bad cells: {report.bad}")


def describe(
    read: Callable[[ItemColumns], ItemDescriptions], attributes: Attributes | None
) -> ItemDescriptions:
    """Read a file of items, with those of its columns that are attributes of an artifact."""
    if attributes is None:
        return read(ItemColumns())
    found = read(ItemColumns(attributes=["all"]))
    own = attributes.columns
    names = [f"{name}:{own[name].kind}" for name in found.attributes if name in own]
    return read(ItemColumns(attributes=names))


def values_of(items: Sequence[NewItem], described: ItemDescriptions) -> dict[str, dict[str, Cell]]:
    """Return the values of the attributes of new items, by id and attribute."""
    cells = described.frame.select("item").with_columns(**described.attributes)
    chosen = pl.Series([item.id for item in items], dtype=pl.String)
    rows = cells.filter(pl.col("item").is_in(chosen.implode())).iter_rows(named=True)
    return {row.pop("item"): row for row in rows}


def new_items(catalog: Catalog, described: ItemDescriptions, content: ItemContent | None) -> Chosen:
    """Return the items of a file that are not in the catalog and can be added."""
    frame = described.frame
    place = [-1] * len(frame) if content is None else content.positions(frame["item"]).tolist()
    sizes = set(catalog.category_ids.tolist())
    with_items = {name for number, name in enumerate(catalog.category_names) if number in sizes}
    chosen, known, unusable = [], 0, 0
    rows = frame.select("item", "title", "categories").iter_rows()
    for row, (name, title, categories) in zip(place, rows, strict=True):
        if name in catalog.items:
            known += 1
        elif content is None or row < 0:
            if with_items.isdisjoint(categories):
                unusable += 1
            else:
                chosen.append(NewItem(id=name, title=title, categories=categories))
        else:
            vector = content.vectors[row].tolist()
            chosen.append(NewItem(id=name, title=title, categories=categories, vector=vector))
    return Chosen(chosen, known, unusable)
