"""The file of content vectors, and a report of what is used of it."""

from pathlib import Path

import polars as pl

from prismrec.cli._output import print_note, wrapped
from prismrec.data import ItemContent, read_item_content
from prismrec.io import stage


def read_content(path: Path, ids: pl.Series, *, quiet: bool) -> ItemContent:
    """Read a file of content vectors and report how many of them are used.

    Args:
        path: Parquet or ``.npz``.
        ids: Ids of the items that can be used.
        quiet: Print no report.

    Raises:
        DataError: It cannot be read.
    """
    with stage("reading the item vectors"):
        content = read_item_content(path)
    known = int((content.positions(ids) >= 0).sum())
    parts = [f"{path.name}: {known:,} of {len(ids):,} items have a vector of {content.width:,}"]
    if len(content) > known:
        parts.append(f"{len(content) - known:,} vectors are of other ids")
    parts += [f"dropped {count:,} {reason}" for reason, count in content.rejected.items()]
    print_note(wrapped("; ".join(parts) + "."), quiet=quiet)
    return content
