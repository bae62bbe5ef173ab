"""Check shared accounts: each event occurs once, in order per person, and its person is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared_accounts import purity, shared_accounts

from prismrec.errors import ConfigError
from worlds import small_dataset


@pytest.fixture(scope="module")
def dataset():
    return small_dataset()


@pytest.mark.parametrize("people", [1, 3, 4, 7, 60])
def test_an_account_contains_the_events_of_each_person_in_order(dataset, people):
    shared = shared_accounts(dataset, people=people, seed=2)
    made = shared.dataset
    assert len(made.users) == len(dataset.users) // people
    assert made.catalog is dataset.catalog
    used = set()
    for account in range(len(made.users)):
        names = made.users.external([account])[0].split("+")
        assert len(names) == people
        used |= set(names)
        owner = shared.owners_of(account)
        for person, name in enumerate(names):
            own = made.histories[account][owner == person]
            assert own.tolist() == dataset.histories[int(dataset.users.index([name])[0])].tolist()
        assert np.all(np.diff(made.histories.times_of(account)) >= 0)
    assert len(used) == len(made.users) * people


def test_people_are_interleaved_over_the_whole_account(dataset):
    shared = shared_accounts(dataset, people=2)
    swaps = [np.count_nonzero(np.diff(shared.owners_of(a))) for a in range(30)]
    lengths = shared.dataset.histories.lengths
    assert np.sum(swaps) == pytest.approx(np.sum(lengths) / 2, rel=0.2)


def test_the_seed_decides_who_shares_an_account(dataset):
    one, same, other = (shared_accounts(dataset, people=4, seed=seed) for seed in (1, 1, 2))
    assert one.dataset.fingerprint == same.dataset.fingerprint != other.dataset.fingerprint


@pytest.mark.parametrize("people", [0, 61])
def test_an_impossible_number_of_people_is_refused(dataset, people):
    with pytest.raises(ConfigError, match="people"):
        shared_accounts(dataset, people=people)


def test_a_negative_seed_is_refused(dataset):
    with pytest.raises(ConfigError, match="seed is -1"):
        shared_accounts(dataset, people=2, seed=-1)


def test_purity_matches_values_by_hand():
    owner = np.array([0, 0, 1, 1, 1])
    apart = np.array([[0.5, 0.5, 0, 0, 0], [0, 0, 0.4, 0.3, 0.3]])
    assert purity(apart, owner) == (1.0, 3 / 5)
    one = np.full((1, 5), 0.2)
    assert purity(one, owner) == (3 / 5, 3 / 5)
    # The first interest has events 0 and 2, one per person. The second has events 1, 3 and 4, of
    # which two belong to person 1.
    mixed = np.array([[0.6, 0, 0.4, 0, 0], [0, 0.4, 0, 0.3, 0.3]])
    assert purity(mixed, owner) == (3 / 5, 3 / 5)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(1, 5), st.integers(0, 99))
@pytest.mark.slow
def test_purity_is_not_below_that_of_one_interest(owner, interests, seed):
    weights = np.random.default_rng(seed).dirichlet(np.ones(len(owner)), interests)
    found, single = purity(weights, np.array(owner))
    assert single - 1e-12 <= found <= 1
