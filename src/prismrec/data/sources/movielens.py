"""MovieLens 100K and 1M of GroupLens: each rating is an event.

MovieLens 100K is taken from the package index: the wheel of RecBole contains it as plain text
(the code of that package is not executed). If the index cannot be reached, it is downloaded from
GroupLens.

Events are sorted by the number of the user, so that a split by user with a given seed is the same
as in other software that numbers users as MovieLens does.
"""

import subprocess
import sys
from pathlib import Path

import polars as pl

from prismrec.data.sources.base import Source, Tables, download
from prismrec.errors import DownloadError

GENRES = [
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary",
    "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi",
    "Thriller", "War", "Western",
]  # fmt: skip
"""Genres in the order of the flags of ``u.item``."""
TERMS = (
    "MovieLens belongs to GroupLens (University of Minnesota): for research, not to be "
    "redistributed; cite Harper and Konstan, ACM TiiS 5(4), 2015."
)


def _from_package_index(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest"]
    subprocess.run(  # noqa: S603
        [*command, str(folder), "recbole==1.2.1"],
        check=True, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    return next(folder.glob("recbole-*.whl"))


def _download_100k(folder: Path) -> Path:
    try:
        return _from_package_index(folder)
    except (subprocess.SubprocessError, OSError) as unreachable:
        try:
            return download("https://files.grouplens.org/datasets/movielens/ml-100k.zip", folder)
        except DownloadError as error:
            lines = str(getattr(unreachable, "stderr", None) or unreachable).strip().splitlines()
            raise DownloadError(
                f"ml-100k could not be downloaded from the package index ({lines[-1]}), and {error}"
            ) from error


def _seconds(name: str) -> pl.Expr:
    return pl.from_epoch(pl.col(name).cast(pl.Int64), time_unit="s").cast(pl.Datetime("us"))


def _atomic(paths: list[Path]) -> Tables:
    """Read RecBole's files: tab-separated, ``name:type`` headers, genres in one column."""
    events = pl.scan_csv(paths[0], separator="\t", infer_schema=False, quote_char=None).select(
        user=pl.col("user_id:token").cast(pl.Int64),
        item=pl.col("item_id:token").cast(pl.Int64),
        time=_seconds("timestamp:float"),
    )
    events = events.sort("user", maintain_order=True)
    year = pl.col("release_year:token")
    title = pl.col("movie_title:token_seq")
    items = pl.read_csv(paths[1], separator="\t", infer_schema=False, quote_char=None).select(
        item=pl.col("item_id:token"),
        title=pl.when(year.str.contains(r"^\d{4}$"))
        .then(pl.format("{} ({})", title, year))
        .otherwise(title),
        categories=pl.col("class:token_seq").str.split(" "),
    )
    return events, items


def _tables_100k(paths: list[Path]) -> Tables:
    """Read GroupLens's files of 100K: titles in Latin-1 with the year, genres as 19 flags."""
    events = pl.scan_csv(
        paths[0], separator="\t", has_header=False, new_columns=["user", "item", "rating", "time"]
    ).select("user", "item", time=_seconds("time"))
    events = events.sort("user", maintain_order=True)
    lines = paths[1].read_text(encoding="latin-1").splitlines()
    rows = [line.split("|") for line in lines if line]
    flags = [[g for g, flag in zip(GENRES, row[5:], strict=True) if flag == "1"] for row in rows]
    items = {"item": [row[0] for row in rows], "title": [row[1] for row in rows]}
    return events, pl.DataFrame({**items, "categories": flags})


def _tables_1m(paths: list[Path]) -> Tables:
    """Read GroupLens's files of 1M: fields separated by ``::``, genres by ``|``, Latin-1."""

    def fields(path: Path, *names: str) -> pl.DataFrame:
        rows = [row.split("::") for row in path.read_text(encoding="latin-1").splitlines()]
        return pl.DataFrame(rows, schema=list(names), orient="row")

    events = fields(paths[0], "user", "item", "rating", "time")
    items = fields(paths[1], "item", "title", "categories")
    whole = pl.col("user", "item").cast(pl.Int64)
    return (
        events.lazy().select(whole, time=_seconds("time")),
        items.with_columns(pl.col("categories").str.split("|")),
    )


ML_100K = Source(
    name="ml-100k",
    what="100,000 ratings of 1,682 films by 943 people, 1997-1998",
    terms=TERMS,
    home="https://grouplens.org/datasets/movielens/100k/",
    size_mib=2,
    layouts=((("ml-100k.inter", "ml-100k.item"), _atomic), (("u.data", "u.item"), _tables_100k)),
    download=_download_100k,
    sha256={
        "ml-100k.inter": "4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff",
        "ml-100k.item": "51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532",
    },
)
ML_1M = Source(
    name="ml-1m",
    what="1 million ratings of 3,706 films by 6,040 people, 2000-2003",
    terms=TERMS,
    home="https://grouplens.org/datasets/movielens/1m/",
    size_mib=6,
    layouts=((("ratings.dat", "movies.dat"), _tables_1m),),
    download=lambda folder: download(
        "https://files.grouplens.org/datasets/movielens/ml-1m.zip", folder
    ),
)
