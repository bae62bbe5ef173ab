"""Shared accounts: real users merged, so that a history holds several tastes and we know whose.

    shared = shared_accounts(dataset, people=4, seed=0)
    shared.dataset          # a data set like any other: an account is a user of it
    shared.owner            # which of the people each event is, from 0: the true interest

The one test on real data in which the true interest of every event is known.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from prismrec.data.dataset import Dataset
from prismrec.data.histories import Histories
from prismrec.data.ids import IdMap
from prismrec.errors import ConfigError


@dataclass(frozen=True)
class Shared:
    """A data set of accounts, and whose each event is."""

    dataset: Dataset
    owner: NDArray[np.int64]
    """``[E]``: from 0 to people - 1, beside ``dataset.histories.items``."""

    def owners_of(self, account: int) -> NDArray[np.int64]:
        """Give whose the events of one account are, oldest first."""
        indptr = self.dataset.histories.indptr
        return self.owner[indptr[account] : indptr[account + 1]]


def shared_accounts(dataset: Dataset, *, people: int, seed: int = 0) -> Shared:
    """Merge users at random, ``people`` to an account; those that are left over make none.

    The events of an account are interleaved at random, each person's in their order: drawn
    evenly over the account's life, for real times of different people need not overlap. Times
    are those of the events, sorted.

    Args:
        dataset: Its users are the people.
        people: To an account, at least 1. With 1 the users are the same, in another order.
        seed: Of who is merged with whom and of the interleaving.

    Raises:
        ConfigError: ``people`` below 1 or more than there are users; a negative seed.

    Cost: O(E log E).
    """
    if not 1 <= people <= len(dataset.users):
        raise ConfigError(
            f"Accounts of {people} people were to be made of {len(dataset.users)} users; give "
            "from 1 to as many as there are."
        )
    if seed < 0:
        raise ConfigError(f"seed is {seed}; it must be 0 or more.")
    generator = np.random.default_rng([seed, people])
    drawn = generator.permutation(len(dataset.users))
    drawn = drawn[: len(drawn) // people * people]
    merged = dataset.histories.select(drawn)
    lengths = merged.lengths.reshape(-1, people)
    whole = lengths.sum(axis=1)
    indptr = np.concatenate([[0], np.cumsum(whole)]).astype(np.int64)
    account = np.repeat(np.arange(len(whole)), whole)
    owner = np.repeat(np.tile(np.arange(people), len(whole)), merged.lengths)
    person = np.repeat(np.arange(len(drawn)), merged.lengths)
    # Every event draws a moment; a person's events take their own moments in order.
    moment = generator.random(len(owner))
    moment = moment[np.lexsort((moment, person))]
    order = np.lexsort((moment, account))
    times = merged.times[np.lexsort((merged.times, account))]
    names = np.array(dataset.users.external(drawn.tolist()), dtype=object).reshape(-1, people)
    users = IdMap(["+".join(row) for row in names], kind="user")
    how = {**dataset.how, "shared_accounts": {"people": people, "seed": seed}}
    histories = Histories(indptr, merged.items[order], times)
    return Shared(replace(dataset, users=users, histories=histories, how=how), owner[order])


def purity(weights: Float[np.ndarray, "K L"], owner: Int[np.ndarray, " L"]) -> tuple[float, float]:
    """Tell how far interests keep people apart.

    Each event belongs to the interest that weighs it most beside what that interest gives its
    average event; an interest is right about the events of the person it holds most of.

    Args:
        weights: How much each interest draws on each event of one account.
        owner: Whose the events are.

    Returns:
        The share of events that are right, and what a single interest would get: the share of
        the person with the most events.
    """
    if not len(owner):
        return float("nan"), float("nan")
    mean = weights.mean(axis=1, keepdims=True)
    taken = (weights / np.where(mean > 0, mean, 1)).argmax(axis=0)
    right = sum(np.bincount(owner[taken == k]).max(initial=0) for k in np.unique(taken))
    return float(right / len(owner)), float(np.bincount(owner).max() / len(owner))
