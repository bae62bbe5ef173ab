"""Write a large synthetic log whose right answer is known.

    python benchmarks/large_log.py large.parquet              # 20 M events, about 210 MB
    python benchmarks/large_log.py small.parquet --scale 0.1
    python benchmarks/large_log.py own.parquet --events 4000000 --users 300000 --items 200000

Each user has three topics of 500 items. An event is of one of them, and in it the item of rank
500 · x^2.5 for a uniform x: the next item is from one of three topics, popular ranks first.
"""

import argparse
from pathlib import Path

import numpy as np
import polars as pl

EVENTS, USERS, TOPICS, OF_TOPIC = 20_000_000, 1_500_000, 2_000, 500
BEGIN, SECONDS = 1_577_836_800, 3 * 365 * 86_400
"""The first second, 2020-01-01 UTC, and three years."""


def make_log(events: int, users: int, topics: int, seed: int = 0) -> pl.DataFrame:
    """Return the columns user, item and time of so many events, users and topics of 500 items."""
    random = np.random.default_rng(seed)
    of_user = random.integers(0, topics, (users, 3))
    user = random.integers(0, users, events)
    topic = of_user[user, random.integers(0, 3, events)]
    rank = np.floor(OF_TOPIC * random.random(events) ** 2.5).astype(np.int64)
    return pl.DataFrame(
        {
            "user": user.astype(np.int32),
            "item": (topic * OF_TOPIC + rank).astype(np.int32),
            "time": random.integers(0, SECONDS, events) + BEGIN,
        }
    )


def main() -> None:
    """Write the log."""
    parser = argparse.ArgumentParser(description="Write a large synthetic log.")
    parser.add_argument("out", type=Path, help="Parquet file to write")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the 20 M events")
    for name, default in (("events", EVENTS), ("users", USERS), ("items", TOPICS * OF_TOPIC)):
        parser.add_argument(f"--{name}", type=int, help=f"instead of a share of {default:,}")
    given = parser.parse_args()
    events, users, items = (
        number or round(given.scale * default)
        for number, default in (
            (given.events, EVENTS),
            (given.users, USERS),
            (given.items, TOPICS * OF_TOPIC),
        )
    )
    make_log(events, users, max(items // OF_TOPIC, 1)).write_parquet(given.out)


if __name__ == "__main__":
    main()
