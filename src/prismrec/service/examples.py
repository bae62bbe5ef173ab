"""Example users: users of the data set whose histories the page offers.

``spread`` measures how well the interests of a user mix in the list: 1 - the largest share of one
interest among the 20 items of the list with neutral options. It is measured for a sample only,
because it costs a list per user.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

from prismrec.data import load_dataset
from prismrec.recommend import Answer, Recommender
from prismrec.service.responses import Example

MOST_EXAMPLES = 2_000
"""Number of example users, evenly spread over the data set."""
MEASURED = 512
"""Largest number of users whose lists are computed."""
ENOUGH = 40
"""Number of users with mixed lists after which no further lists are computed."""
SECONDS = 8.0
"""Time after which no further lists are computed: the first visitor waits for them."""
MIXED = 0.5
"""Smallest spread of a mixed list: no interest has more than half of it."""
SHORT = 45
"""Longest history that a new visitor can take in."""
BLOCK = 32
"""Number of users whose lists are computed together."""


def example_users(
    recommender: Recommender, data: Path, *, most: int = MOST_EXAMPLES
) -> list[Example]:
    """Return users of a data set, a sample of them with the spread of their interests.

    Args:
        recommender: Computes the lists.
        data: The data set folder; its ids are looked up in the recommender's catalog.
        most: Number of users, evenly spread over the data set.

    Cost: lists for at most ``MEASURED`` users, fewer if ``ENOUGH`` of them mix or if they take more
    than ``SECONDS``.
    """
    dataset = load_dataset(data)
    step = max(len(dataset.users) // most, 1)
    users = list(range(0, len(dataset.users), step))[:most]
    items = dataset.catalog.items
    examples = [
        Example(name, len(dataset.histories[user]), None, items.external(dataset.histories[user]))
        for name, user in zip(dataset.users.external(users), users, strict=True)
    ]
    spreads = measure_spreads(recommender, examples)
    return [replace(user, spread=spreads.get(user.user)) for user in examples]


def measure_spreads(recommender: Recommender, examples: Sequence[Example]) -> dict[str, float]:
    """Return the spread of a sample of users by name.

    Users with a single interest are part of the sample: to find out that they have only one costs
    as much as their list. The order is random but always the same, so that the sample covers the
    whole data set.
    """
    order = sorted(examples, key=lambda example: hash_of(example.user, 0))
    spreads: dict[str, float] = {}
    mixed, until = 0, time.monotonic() + SECONDS
    for start in range(0, len(order), BLOCK):
        if start >= MEASURED or mixed >= ENOUGH or (start and time.monotonic() > until):
            break
        block = order[start : start + BLOCK]
        answers = recommender.recommend_many([user.history for user in block], explain=False)
        found = [spread_of(answer) for answer in answers]
        spreads |= {user.user: spread for user, spread in zip(block, found, strict=True)}
        mixed += sum(spread >= MIXED for spread in found)
    return spreads


def spread_of(answer: Answer) -> float:
    """Return 1 - the largest share of one interest in a list; 0 for a list without interests."""
    if answer.source != "interests" or not answer.items:
        return 0.0
    largest = max(Counter(item.interest for item in answer.items).values())
    return round(1 - largest / len(answer.items), 4)


def most_mixed(example: Example) -> tuple[float, int]:
    """Return a sort key: users with the largest spread first, users that were not measured last."""
    spread = -1.0 if example.spread is None else example.spread
    return -spread, hash_of(example.user, 0)


def choose_example(examples: Sequence[Example]) -> Example | None:
    """Return the user to show first: the first with a short history and a mixed list, if any.

    Args:
        examples: In the order of ``most_mixed``.
    """
    short = (user for user in examples if user.events <= SHORT and (user.spread or 0) >= MIXED)
    return next(short, examples[0] if examples else None)


def hash_of(name: str, seed: int) -> int:
    """Return a number that puts names in a random order per seed, the same on every machine."""
    return int.from_bytes(blake2b(f"{seed}:{name}".encode(), digest_size=8).digest())
