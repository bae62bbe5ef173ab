"""Compare each greedy re-ranker with a simple implementation of its definition."""

from itertools import combinations
from math import exp, log

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from prismrec.rerank import calibrated, diversify, dpp, mmr, overlap, xquad
from prismrec.types import Pool

quick = settings(deadline=None, max_examples=30)

CATEGORIES = 4


def assert_each_choice_has_the_largest_gain(chosen, pool, k, gain):
    """Check that each choice has the largest ``gain(list, i)``. Ties may be in any order."""
    eligible = [i for i, score in enumerate(pool.scores) if score > -np.inf]
    assert len(set(chosen.tolist())) == len(chosen) == min(k, len(eligible))
    for place, picked in enumerate(chosen):
        before = chosen[:place].tolist()
        gains = {i: gain(before, i) for i in eligible if i not in before}
        assert gains[picked] >= max(gains.values()) - 1e-7


@st.composite
def pools(draw):
    m = draw(st.integers(1, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = rng.standard_normal(m).round(1)
    scores[rng.random(m) < 0.1] = -np.inf

    def sets(count):
        return [
            frozenset(rng.choice(CATEGORIES, rng.integers(0, 4), replace=False).tolist())
            for _ in range(count)
        ]

    interest_scores = rng.standard_normal((m, 3))
    interest_scores[:, rng.random(3) < 0.2] = -np.inf
    return Pool(
        scores=scores,
        categories=sets(m),
        vectors=rng.standard_normal((m, draw(st.integers(1, 9)))).round(1),
        interest_scores=interest_scores,
        history=sets(draw(st.integers(0, 4))),
    )


strengths = st.sampled_from([0, 0.05, 0.5, 3])
lengths = st.integers(1, 9)


def distance(a, b):
    return 1 - len(a & b) / len(a | b) if a | b else 1


def objective(chosen, pool, strength):
    pairs = (distance(pool.categories[i], pool.categories[j]) for i, j in combinations(chosen, 2))
    return sum(pool.scores[i] for i in chosen) + strength * sum(pairs)


@quick
@given(pools(), lengths, strengths)
def test_each_choice_of_overlap_increases_the_objective_most(pool, k, strength):
    def gain(before, i):
        return objective([*before, i], pool, strength)

    assert_each_choice_has_the_largest_gain(overlap(pool, k, strength=strength), pool, k, gain)


@quick
@given(pools(), st.integers(1, 4), strengths)
def test_the_objective_of_overlap_is_at_least_half_of_the_best(pool, k, strength):
    pool = Pool(scores=np.abs(pool.scores.clip(-9)), categories=pool.categories)
    chosen = overlap(pool, k, strength=strength).tolist()
    every = combinations(range(len(pool.scores)), len(chosen))
    best = max(objective(other, pool, strength) for other in every)
    assert objective(chosen, pool, strength) >= best / 2 - 1e-9


@quick
@given(st.integers(0, 2**32 - 1), lengths, st.integers(0, 40))
def test_with_one_category_per_item_overlap_equals_diversify(seed, k, strength):
    rng = np.random.default_rng(seed)
    scores = rng.integers(-20, 20, 10).astype(float)
    own = rng.integers(-1, 3, 10)
    sets = [{c} if c >= 0 else set() for c in own.tolist()]
    expected = diversify(scores[None], own[None], k, strength=strength)[0]
    chosen = overlap(Pool(scores=scores, categories=sets), k, strength=strength)
    np.testing.assert_array_equal(chosen, expected)


def cosine(a, b):
    length = np.linalg.norm(a) * np.linalg.norm(b)
    return a @ b / length if length else 0.0


@quick
@given(pools(), lengths, strengths)
def test_mmr_subtracts_the_largest_cosine_with_the_list(pool, k, strength):
    def gain(before, i):
        near = [cosine(pool.vectors[i], pool.vectors[j]) for j in before]
        return pool.scores[i] - strength * max(near, default=0)

    assert_each_choice_has_the_largest_gain(mmr(pool, k, strength=strength), pool, k, gain)


@quick
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), strengths)
def test_each_choice_of_dpp_increases_its_objective_most(seed, k, strength):
    rng = np.random.default_rng(seed)
    # Vectors have more dimensions than the list has items, so the determinant is not zero.
    vectors = rng.standard_normal((8, 12))
    pool = Pool(scores=rng.standard_normal(8), vectors=vectors)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def gain(before, i):
        chosen = [*before, i]
        volume = np.linalg.slogdet(unit[chosen] @ unit[chosen].T)[1]
        return sum(pool.scores[chosen]) + strength * volume

    assert_each_choice_has_the_largest_gain(dpp(pool, k, strength=strength), pool, k, gain)


@quick
@given(st.integers(0, 2**32 - 1))
def test_dpp_continues_by_score_if_the_determinant_is_zero(seed):
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal(8)
    chosen = dpp(Pool(scores=scores, vectors=rng.standard_normal((8, 2))), 8, strength=1)
    assert sorted(chosen) == list(range(8))
    assert (np.diff(scores[chosen[2:]]) <= 0).all()


def mix_of(sets):
    """Return the shares of the categories. The categories of an item share its weight."""
    total = dict.fromkeys(range(CATEGORIES), 0.0)
    for own in sets:
        for category in own:
            total[category] += 1 / len(own)
    weight = sum(total.values())
    return {c: value / weight if weight else 0 for c, value in total.items()}


@quick
@given(pools(), lengths, strengths)
def test_each_choice_of_calibrated_increases_its_objective_most(pool, k, strength):
    wanted = mix_of(pool.history)

    def gain(before, i):
        given_ = mix_of([pool.categories[j] for j in [*before, i]])
        divergence = sum(p * log(p / (0.01 * p + 0.99 * given_[c])) for c, p in wanted.items() if p)
        return pool.scores[i] - strength * divergence

    assert_each_choice_has_the_largest_gain(calibrated(pool, k, strength=strength), pool, k, gain)


@quick
@given(pools(), lengths, strengths)
def test_each_choice_of_xquad_increases_its_objective_most(pool, k, strength):
    eligible = [i for i, score in enumerate(pool.scores) if score > -np.inf]
    likely = []
    for own in pool.interest_scores.T:
        if eligible and own[eligible[0]] > -np.inf:
            total = sum(exp(own[i]) for i in eligible)
            likely.append({i: exp(own[i]) / total for i in eligible})

    def gain(before, i):
        parts = (p[i] * np.prod([1 - p[j] for j in before]) for p in likely)
        return pool.scores[i] + strength * sum(parts) / max(len(likely), 1)

    assert_each_choice_has_the_largest_gain(xquad(pool, k, strength=strength), pool, k, gain)
