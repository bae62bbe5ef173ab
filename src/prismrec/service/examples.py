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
SECONDS = 3.0
"""Time for the lists that the first visitor waits for; the others are computed afterwards."""
MIXED = 0.5
"""Smallest spread of a mixed list: no interest has more than half of it."""
SHORT = 45
"""Longest history that a new visitor can take in."""
BLOCK = 32
"""Number of users whose lists are computed together."""


def example_users(data: Path) -> list[Example]:
    """Return ``MOST_EXAMPLES`` users of a data set folder, without their spreads."""
    dataset = load_dataset(data)
    step = max(len(dataset.users) // MOST_EXAMPLES, 1)
    users = list(range(0, len(dataset.users), step))[:MOST_EXAMPLES]
    items = dataset.catalog.items
    return [
        Example(name, len(dataset.histories[user]), None, items.external(dataset.histories[user]))
        for name, user in zip(dataset.users.external(users), users, strict=True)
    ]


def with_spreads(
    recommender: Recommender, examples: Sequence[Example], seconds: float
) -> list[Example]:
    """Return the same users, a sample of them with the spread of their interests.

    The sample is random but always the same, so that it covers the whole data set. Users with a
    single interest are part of it: to find out that they have only one costs as much as their list.

    Args:
        recommender: Computes the lists; the ids of the histories are looked up in its catalog.
        examples: The users; those that have a spread keep it.
        seconds: Time after which no further lists are computed. At least one block of users is
            measured, unless the whole sample has spreads.

    Cost: lists for at most ``MEASURED`` users, fewer if ``ENOUGH`` of them mix.
    """
    until = time.monotonic() + seconds
    spreads = {user.user: user.spread for user in examples if user.spread is not None}
    sample = sorted(examples, key=lambda example: hash_of(example.user, 0))[:MEASURED]
    left = [user for user in sample if user.user not in spreads]
    for start in range(0, len(left), BLOCK):
        mixed = sum(spread >= MIXED for spread in spreads.values())
        if mixed >= ENOUGH or (start and time.monotonic() > until):
            break
        block = left[start : start + BLOCK]
        answers = recommender.recommend_many([user.history for user in block], explain=False)
        found = [spread_of(answer) for answer in answers]
        spreads |= {user.user: spread for user, spread in zip(block, found, strict=True)}
    return [replace(user, spread=spreads.get(user.user)) for user in examples]


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
