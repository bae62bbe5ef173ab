"""Taobao user behaviour: page views, purchases, cart and favourites on nine days of 2017."""

from pathlib import Path

import polars as pl

from prismrec.data.sources.base import Source, Tables

COLUMNS = {
    "user": pl.Int64, "item": pl.Int64, "category": pl.Int64, "event": pl.String, "time": pl.Int64,
}  # fmt: skip


def _behaviour(paths: list[Path]) -> Tables:
    """Read ``user,item,category,pv|buy|cart|fav,seconds``, without a header."""
    rows = pl.scan_csv(paths[0], has_header=False, schema=COLUMNS)
    items = rows.select("item", "category").unique().group_by("item").agg("category").sort("item")
    time = pl.from_epoch("time", time_unit="s").cast(pl.Datetime("us"))
    return (
        rows.select("user", "item", "event", time=time),
        items.select(
            pl.col("item").cast(pl.String),
            title=pl.lit(None, dtype=pl.String),
            categories=pl.col("category").list.sort().cast(pl.List(pl.String)),
        ).collect(),
    )


TAOBAO = Source(
    name="taobao",
    what="100 million events (pv, buy, cart, fav) of 988,000 people, nine days of 2017",
    terms=(
        "UserBehavior belongs to Alibaba, which provides it on Tianchi to registered users for "
        "research; read the licence there."
    ),
    home="https://tianchi.aliyun.com/dataset/649",
    size_mib=900,
    layouts=((("UserBehavior.csv",), _behaviour),),
)
