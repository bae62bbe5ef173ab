"""Test estimates from logged lists: golden values, a search of all pairs, a world with a truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prismrec.errors import DataError
from prismrec.evaluation import LoggedLists, estimate_rate
from prismrec.evaluation.experiments.off_policy import (
    agreement,
    measured_rate,
    propensities,
    ratio,
)


def logged(rows, shares):
    """Build logged lists of (user, variant, list per variant, hits) rows."""
    users, variant, lists, hits = zip(*rows, strict=True)
    return LoggedLists(
        users=np.array(users),
        variant=np.array(variant),
        lists=np.array(lists).transpose(1, 0, 2),
        hits=np.array(hits, dtype=bool),
        shares=np.array(shares),
    )


THREE = logged(
    [
        (0, 0, [[1, 2], [2, 3]], [0, 1]),
        (1, 0, [[1, 2], [3, 4]], [0, 0]),
        (2, 1, [[5, 6], [3, 5]], [1, 0]),
    ],
    [0.25, 0.75],
)
NEW = np.array([[2, 4], [1, 3], [3, 5]])


def test_propensities_by_hand():
    assert propensities(THREE.shown, THREE.lists, THREE.shares).tolist() == [
        [0.25, 0.25 + 0.75],
        [0.25, 0.25],
        [0.75, 0.25 + 0.75],
    ]
    assert propensities(np.array([[0, 9]] * 3), THREE.lists, THREE.shares).tolist() == [[0, 0]] * 3


def test_an_estimate_by_hand():
    found = estimate_rate(THREE, NEW)
    # Items that are shown and new: 2 (weight 1, hit), 1 (weight 1 / 0.25), 3 (weight 1 / 0.75, hit)
    # and 5 (weight 1).
    weight, squares = 1 + 4 + 4 / 3 + 1, 1 + 16 + (4 / 3) ** 2 + 1
    value = (1 + 4 / 3) / weight
    assert found.rate.value == pytest.approx(value) == pytest.approx(7 / 22)
    assert found.coverage == (1 + 2 + 2) / 6  # item 4 of the first list is in no list
    assert found.effective_items == pytest.approx(weight**2 / squares)
    parts = [1 - value, -4 * value, 4 / 3 * (1 - value) - value]
    assert found.rate.influence == pytest.approx(np.array(parts) / weight)
    error = (sum(part**2 for part in parts) / weight**2 * 3 / 2) ** 0.5
    assert found.rate.interval == pytest.approx(1.96 * error)
    assert (found.rate.users, found.rate.hits) == (3, 2)


def test_a_measured_rate_by_hand():
    found = measured_rate(THREE, 0)
    assert found.value == 1 / 4
    # The users 0 and 1 have 2 items each, with 1 and 0 hits.
    assert found.error == pytest.approx((2 * (0.5 / 4) ** 2 * 2 / 1) ** 0.5)
    with pytest.raises(DataError, match="shown to 1 users"):
        measured_rate(THREE, 1)


def test_lists_of_one_user_are_one_unit():
    """Copy every row for the same user: the items are twice as many, but the error is the same."""
    twice = LoggedLists(
        users=np.tile(THREE.users, 2), variant=np.tile(THREE.variant, 2),
        lists=np.tile(THREE.lists, (1, 2, 1)), hits=np.tile(THREE.hits, (2, 1)),
        shares=THREE.shares,
    )  # fmt: skip
    one, other = estimate_rate(THREE, NEW), estimate_rate(twice, np.tile(NEW, (2, 1)))
    assert other.rate.error == pytest.approx(one.rate.error)
    assert other.effective_items == pytest.approx(2 * one.effective_items)


def test_new_lists_that_nobody_saw_are_refused():
    for new in (np.full((3, 2), 9), np.zeros((3, 2), dtype=int)):
        with pytest.raises(DataError, match="No item of the new lists was shown"):
            estimate_rate(THREE, new)
    with pytest.raises(DataError, match="shown to 1 users"):
        estimate_rate(THREE, np.array([[1, 2], [9, 9], [9, 9]]))


def test_rates_agree_if_their_difference_is_small():
    one, other = estimate_rate(THREE, NEW).rate, measured_rate(THREE, 0)
    assert agreement(one, one) == 1
    assert agreement(one, other) == agreement(other, one)
    assert 0.05 < agreement(one, other) < 1
    users = np.arange(400)
    hits = (users % 4 == 0)[:, None]
    low = ratio(hits, np.ones((400, 1)), users)
    high = ratio(~hits, np.ones((400, 1)), users)
    assert agreement(low, high) < 1e-9


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 3), st.integers(1, 4))
def test_an_estimate_equals_a_search_of_all_items(seed, variants, k):
    random = np.random.default_rng(seed)
    rows = 12
    shares = random.dirichlet(np.ones(variants))

    def draw():
        made = np.array([random.permutation(np.arange(1, 9))[:k] for _ in range(rows)])
        made[np.arange(k) >= random.integers(1, k + 1, rows)[:, None]] = 0
        return made

    lists, new = np.stack([draw() for _ in range(variants)]), draw()
    users, variant = random.integers(5, size=rows), random.integers(variants, size=rows)
    hits = random.random((rows, k)) < 0.4
    found = LoggedLists(users=users, variant=variant, lists=lists, hits=hits, shares=shares)
    covered, every, parts = 0, 0, []
    for r in range(rows):
        for place, item in enumerate(lists[variant[r], r]):
            if item and item in new[r]:
                weight = 1 / sum(shares[v] for v in range(variants) if item in lists[v, r])
                parts.append((users[r], weight, hits[r, place]))
        own = [item for item in new[r] if item]
        every += len(own)
        covered += sum(any(item in each[r] for each in lists) for item in own)
    top, bottom = sum(w * y for _, w, y in parts), sum(w for _, w, _ in parts)
    squares = sum(w * w for _, w, _ in parts)
    if len({u for u, _, _ in parts}) < 2:
        with pytest.raises(DataError):
            estimate_rate(found, new)
        return
    made = estimate_rate(found, new)
    assert made.rate.value == pytest.approx(top / bottom)
    assert made.coverage == pytest.approx(covered / every)
    assert made.effective_items == pytest.approx(bottom**2 / squares)
    by_user = [sum(w * (y - top / bottom) for u, w, y in parts if u == user) for user in range(5)]
    counted = len({u for u, _, _ in parts})
    error = np.sqrt(sum(e * e for e in by_user) * counted / (counted - 1)) / bottom
    assert made.rate.error == pytest.approx(error)


ITEMS, LENGTH, SHARES = 20, 5, np.array([0.8, 0.2])
ATTRACTION = np.linspace(-3.0, 0.5, ITEMS)


def a_world(random, users):
    """Draw users with 1 to 3 requests each, lists of three policies, and hits of their variant.

    The first policy prefers attractive items, the second one does not; the third is in between.
    The hits of a user depend on one another.
    """
    owner = np.repeat(np.arange(users), random.integers(1, 4, size=users))
    taste = random.normal(0, 1, (users, ITEMS))[owner]
    noise = random.normal(0, 1, (3, len(owner), ITEMS))
    strength = np.array([1.0, -0.2, 0.5])[:, None, None]
    lists = np.argsort(-(strength * ATTRACTION + taste + noise), axis=2)[:, :, :LENGTH] + 1
    mood = random.normal(0, 1, users)[owner]
    logit = ATTRACTION + 0.5 * taste + mood[:, None]
    chance = np.hstack([np.zeros((len(owner), 1)), 1 / (1 + np.exp(-logit))])
    variant = (random.random(users) < SHARES[1]).astype(int)[owner]
    rows = np.arange(len(owner))
    hits = random.random(lists[0].shape) < chance[rows[:, None], lists[variant, rows]]
    found = LoggedLists(users=owner, variant=variant, lists=lists[:2], hits=hits, shares=SHARES)
    return found, lists[2], chance


def true_rate(found, new, chance):
    """Return the expected hit rate of the items of the new lists that a variant shows."""
    covered = propensities(new, found.lists, SHARES) > 0
    return np.take_along_axis(chance, new, axis=1)[covered].mean()


def naive_rate(found, new):
    """Return the mean over the shown items that are in the new lists too, without weights."""
    common = (found.shown[:, :, None] == new[:, None, :]).any(axis=2)
    return found.hits[common].mean()


@pytest.mark.slow
def test_the_interval_has_the_truth_and_a_naive_mean_does_not():
    truth = true_rate(*a_world(np.random.default_rng(0), 60_000))
    random = np.random.default_rng(1)
    inside = naive_inside = 0
    values = []
    for _ in range(100):
        found, new, _ = a_world(random, 400)
        estimate = estimate_rate(found, new)
        assert 0.6 < estimate.coverage < 0.8
        values.append((estimate.rate.value, naive_rate(found, new)))
        inside += abs(estimate.rate.value - truth) <= estimate.rate.interval
        naive_inside += abs(naive_rate(found, new) - truth) <= estimate.rate.interval
    estimate_mean, naive_mean = np.mean(values, axis=0)
    error = np.std([value for value, _ in values]) / 10
    assert inside >= 90
    assert abs(estimate_mean - truth) < 3 * error
    assert naive_mean - truth > 10 * error  # the first policy and its attractive items are frequent
    assert naive_inside < 50


@pytest.mark.slow
def test_each_variant_is_estimated_as_it_is_measured():
    found, _, chance = a_world(np.random.default_rng(2), 20_000)
    for variant in (0, 1):
        estimate = estimate_rate(found, found.lists[variant])
        measured = measured_rate(found, variant)
        truth = true_rate(found, found.lists[variant], chance)
        assert estimate.coverage == 1
        assert abs(estimate.rate.value - truth) < 2 * estimate.rate.interval
        assert agreement(estimate.rate, measured) > 0.01
        assert estimate.rate.interval < measured.interval  # it uses the lists of all variants
