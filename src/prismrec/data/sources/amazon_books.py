"""Amazon Books: the reviews of 2014 (5-core), or ComiRec's preprocessed files.

The reviews have categories if ``meta_Books.json`` is in the same folder. Its lines are Python
literals instead of JSON; they are parsed and never executed.
"""

import ast
import gzip
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from prismrec.data.sources.base import Source, Tables, download
from prismrec.errors import DataError

REVIEWS = {"reviewerID": pl.String, "asin": pl.String, "unixReviewTime": pl.Int64}


def _reviews(paths: list[Path]) -> Tables:
    time = pl.from_epoch("unixReviewTime", time_unit="s").cast(pl.Datetime("us"))
    events = pl.scan_ndjson(paths[0], schema=REVIEWS)
    return events.select(user="reviewerID", item="asin", time=time), None


def _reviews_with_metadata(paths: list[Path]) -> Tables:
    events, _ = _reviews(paths[:1])
    rows = list(_metadata(paths[1]))
    items = pl.DataFrame(
        {"item": [row[0] for row in rows], "title": [row[1] for row in rows]},
        schema_overrides={"title": pl.String},
    )
    lists = pl.Series([row[2] for row in rows], dtype=pl.List(pl.String))
    return events, items.with_columns(categories=lists)


def _metadata(path: Path) -> Iterator[tuple[str, str | None, list[str]]]:
    """Yield the id, the title and the most specific categories of each item."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                item = ast.literal_eval(line)
            except (ValueError, SyntaxError) as error:
                raise DataError(
                    f"{path}, line {number} is not the description of an item ({error}); "
                    "download the file again, or leave it out: it only adds categories."
                ) from error
            paths = item.get("categories", [])
            yield item["asin"], item.get("title"), sorted({names[-1] for names in paths if names})


def _comirec(paths: list[Path]) -> Tables:
    """Read ComiRec's three files ``user,item,rank`` and its file ``item,category``."""
    names = {"user": pl.Int64, "item": pl.Int64, "rank": pl.Int64}
    events = pl.scan_csv(paths[:3], has_header=False, schema=names)
    # The files have only the order of a user's events: the ranks are used as seconds.
    time = pl.from_epoch("rank", time_unit="s").cast(pl.Datetime("us"))
    columns = {"item": pl.String, "category": pl.String}
    categories = pl.read_csv(paths[3], has_header=False, schema=columns)
    items = categories.group_by("item", maintain_order=True).agg(categories="category")
    items = items.with_columns(pl.lit(None, dtype=pl.String).alias("title"))
    return events.select("user", "item", time=time), items


AMAZON_BOOKS = Source(
    name="amazon-books",
    what="8.9 million reviews of 368,000 books by 604,000 people, until 2014",
    terms=(
        "Amazon reviews were collected by Julian McAuley (UC San Diego) for research; "
        "cite He and McAuley, WWW 2016."
    ),
    home="https://cseweb.ucsd.edu/~jmcauley/datasets/amazon/links.html",
    size_mib=3_000,
    layouts=(
        (("reviews_Books_5.json", "meta_Books.json"), _reviews_with_metadata),
        (("reviews_Books_5.json",), _reviews),
        (("book_train.txt", "book_valid.txt", "book_test.txt", "book_item_cate.txt"), _comirec),
    ),
    download=lambda folder: download(
        "https://snap.stanford.edu/data/amazon/productGraph/categoryFiles/reviews_Books_5.json.gz",
        folder,
    ),
)
