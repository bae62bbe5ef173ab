"""Merge real users into shared accounts, so that the true interest of every event is known.

    shared = shared_accounts(dataset, people=4, seed=0)
    shared.dataset          # a data set whose users are accounts of four users
    shared.owner            # the person of each event, from 0: the true interest

It is the only test on real data in which the true interest of every event is known. To write such
a data set as a folder, for ``prismrec train`` and ``prismrec evaluate``:

    python runs/shared_accounts.py DATA --people 4 --out ACCOUNTS
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from prismrec.data import Dataset, Histories, IdMap, load_dataset, make_split, save_dataset
from prismrec.errors import ConfigError


@dataclass(frozen=True)
class Shared:
    """A data set of shared accounts, with the owner of each event."""

    dataset: Dataset
    owner: NDArray[np.int64]
    """``[E]``: a person per event of ``dataset.histories.items``, from 0 to people - 1."""

    def owners_of(self, account: int) -> NDArray[np.int64]:
        """Return the owner of each event of one account, oldest first."""
        indptr = self.dataset.histories.indptr
        return self.owner[indptr[account] : indptr[account + 1]]


def shared_accounts(dataset: Dataset, *, people: int, seed: int = 0) -> Shared:
    """Merge users at random, ``people`` users per account; users that remain are dropped.

    The events of an account are interleaved at random, and the events of each person keep their
    order. They are spread evenly over the life of the account, because the real times of different
    people need not overlap. The times are those of the events, sorted.

    Args:
        dataset: A data set; its users are the people.
        people: Users per account, at least 1. With 1 the users are the same, in another order.
        seed: Seed of the merging and of the interleaving.

    Raises:
        ConfigError: ``people`` below 1 or more than there are users; a negative seed.

    Cost: O(E log E).
    """
    if not 1 <= people <= len(dataset.users):
        raise ConfigError(
            f"Accounts of {people} people cannot be made of {len(dataset.users)} users; use 1 to "
            f"{len(dataset.users)} people per account."
        )
    if seed < 0:
        raise ConfigError(f"seed is {seed}, but it must not be negative; use 0 or more.")
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
    # Draw a moment per event; the events of a person get their moments in order.
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
    """Compute how well the interests separate the people of one account.

    An event is assigned to the interest that weighs it most, relative to the mean weight of that
    interest. An interest is right about the events of the person who has most of its events.

    Args:
        weights: The weight of each event of the account in each interest.
        owner: The owner of each event.

    Returns:
        The share of events that are right, in [0, 1], and the same share for a single interest,
        which is the share of the person with the most events. NaN without events.
    """
    if not len(owner):
        return float("nan"), float("nan")
    mean = weights.mean(axis=1, keepdims=True)
    assigned = (weights / np.where(mean > 0, mean, 1)).argmax(axis=0)
    right = sum(np.bincount(owner[assigned == k]).max(initial=0) for k in np.unique(assigned))
    return float(right / len(owner)), float(np.bincount(owner).max() / len(owner))


def main(args: argparse.Namespace) -> None:
    """Write the shared accounts of a data set as a data set folder, split by user."""
    dataset = shared_accounts(load_dataset(args.data), people=args.people, seed=args.seed).dataset
    options = {} if args.split_seed is None else {"seed": args.split_seed}
    split = make_split(dataset, "by-user", **options)
    save_dataset(dataset, args.out, split={"name": "by-user", "options": options})
    print(f"{len(dataset.users):,} accounts of {args.people} people in {args.out}; {split.how}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="data set folder of single users")
    parser.add_argument("--out", type=Path, required=True, help="data set folder to write")
    parser.add_argument("--people", type=int, default=4, help="users per account")
    parser.add_argument("--seed", type=int, default=0, help="seed of the merging")
    parser.add_argument("--split-seed", type=int, help="seed of the split by user; default 0")
    main(parser.parse_args())
