"""Write small files in the format of the published data sets, from a synthetic world.

    python runs/subsample.py OUT --users 3000 --items 2000

Writes OUT/events.csv (``user,item,time``, no header) and OUT/items.csv (``item,category``). They
are enough to try ``books.sh`` and ``taobao.sh`` on a machine without the data.
"""

import argparse
from pathlib import Path

import polars as pl

from prismrec.data import open_world


def main(out, users, items):
    """Write both files."""
    world = f"synthetic:many-taste?users={users}&items={items}&clusters=40&events=20&seed=0"
    log, table = open_world(world)
    out.mkdir(parents=True, exist_ok=True)
    events = log.frame.select("user", "item", pl.col("time") // 1_000_000).collect()
    events.write_csv(out / "events.csv", include_header=False)
    categories = table.frame.select("item", pl.col("categories").list.first().alias("category"))
    categories.write_csv(out / "items.csv")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--users", type=int, default=3_000)
    parser.add_argument("--items", type=int, default=2_000)
    arguments = parser.parse_args()
    main(arguments.out, arguments.users, arguments.items)
