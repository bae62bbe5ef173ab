"""Check how interests share a list: weights, shares and minima, against a list made by brute force.

Sources here are random, for one user: scores, interests and categories of the items of a catalog.
"""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prismrec.errors import ConfigError
from prismrec.rerank import InterestOptions, ListOptions, Ranking, build, mix_frontiers_of
from prismrec.rerank.build import build_lists
from prismrec.rerank.options import AddedInterest
from prismrec.rerank.shares import weights_of
from prismrec.types import Pool, RankedItems
from worlds import formed

pytestmark = pytest.mark.slow


@dataclass
class Source:
    """A source of candidates of one user; item i has the i-th best score."""

    scores: np.ndarray
    interest: np.ndarray
    category: np.ndarray
    prior: np.ndarray

    def __len__(self):
        return 1

    def search(self, rows, depth):
        """Return the best items; as wide as the catalog if that is smaller than ``depth``."""
        items = np.arange(1, len(self.scores) + 1)
        parts = items, self.scores.astype(np.float32), self.interest
        found = RankedItems(*(part[None, :depth].repeat(len(rows), 0) for part in parts))
        return Ranking(found, np.ones(len(rows), dtype=bool))

    def shares(self, rows):
        return self.prior[None].repeat(len(rows), 0)

    def pool(self, _, items, scores):
        return Pool(scores=scores, vectors=np.ones((len(items), 2)))

    @property
    def category_of(self):
        return np.array([-1, *self.category])

    def lists(self, k, *, diversity=0.0, **interests):
        options = ListOptions(k=k, diversity=diversity, interests=InterestOptions(**interests))
        return build_lists(self, options, category_of=self.category_of)

    def listed(self, k, **options):
        """Return the items of the list, from 0, in their order."""
        items = self.lists(k, **options).items[0]
        return items[items > 0] - 1

    def counts(self, k, **options):
        found = self.interest[self.listed(k, **options)]
        return np.bincount(found, minlength=len(self.prior))

    def relevance(self, *, mix, weights):
        """Return the relevance of each item, one by one."""
        weight = np.array([weights.get(number, 1.0) for number in range(len(self.prior))])
        total = (self.prior * weight).sum()
        found, seen = [], [0] * len(self.prior)
        for score, own in zip(self.scores.astype(np.float32), self.interest, strict=True):
            if weight[own] == 0:
                found.append(-np.inf)
            elif mix == "mixture":
                found.append(float(score) + np.log(weight[own]))
            else:
                found.append(-(seen[own] + 0.5) / (self.prior[own] * weight[own] / total))
            seen[own] += 1
        return np.array(found)


@st.composite
def sources(draw, most=120, interests=4):
    """Draw a source; the whole history may be interest 0, to which no item belongs."""
    random = np.random.default_rng(draw(st.integers(0, 100_000)))
    size, number = draw(st.integers(1, most)), draw(st.integers(1, interests))
    prior = random.dirichlet(np.full(number, 2.0))
    first = 1 if draw(st.booleans()) else 0
    # Items of one interest often have the best scores.
    scores = random.normal(size=size) * draw(st.sampled_from([0.3, 3.0]))
    interest = random.integers(number, size=size) + first
    scores += draw(st.sampled_from([0.0, 4.0])) * (interest == first)
    order = np.argsort(-scores, kind="stable")
    category = random.integers(-1, 5, size)
    return Source(scores[order], interest[order], category, np.append(np.zeros(first), prior))


MIXES = st.sampled_from(["mixture", "shares"])
WEIGHTS = st.dictionaries(st.integers(0, 6), st.sampled_from([0, 0.2, 1, 1.5, 2, 30]), max_size=4)


@given(sources(), MIXES, WEIGHTS, st.integers(1, 25))
@settings(max_examples=80)
def test_a_list_has_the_most_relevant_items_of_the_whole_catalog(source, mix, weights, k):
    relevance = source.relevance(mix=mix, weights=weights)
    found = source.lists(k, mix=mix, weights=weights)
    assert found.certified.all()
    own = source.listed(k, mix=mix, weights=weights)
    best = np.sort(relevance[np.isfinite(relevance)])[::-1][:k]
    assert relevance[own] == pytest.approx(best, abs=1e-6)  # in this order


@given(sources(), MIXES, WEIGHTS, st.sampled_from([0.0, 0.1, 5.0]), st.integers(1, 15))
@settings(max_examples=60)
def test_weight_zero_removes_all_items_of_an_interest(source, mix, weights, strength, k):
    counts = source.counts(k, mix=mix, weights=weights, diversity=strength)
    muted = [n for n, weight in weights.items() if weight == 0 and n < len(counts)]
    assert not counts[muted].any()
    others = ~np.isin(source.interest, muted)
    assert counts.sum() == min(k, others.sum())


@given(
    sources(), WEIGHTS, st.sampled_from([0.0, 0.02, 0.3, 4.0]), st.integers(1, 20),
    st.sampled_from([1.1, 3, 100]), st.integers(0, 10),
)  # fmt: skip
@settings(max_examples=300)
def test_a_larger_weight_never_lowers_the_number_of_items(source, weights, strength, k, more, at):
    number = at % len(source.prior)
    larger = weights | {number: min(weights.get(number, 1) * more + 0.1, 1000)}
    for options in ({"diversity": strength}, {"mix": "shares"}):
        before = source.counts(k, weights=weights, **options)
        after = source.counts(k, weights=larger, **options)
        assert after[number] >= before[number]


@given(sources(), MIXES, st.sampled_from([0.0, 0.2, 3.0]), st.integers(1, 15))
@settings(max_examples=40)
def test_neutral_weights_change_nothing(source, mix, strength, k):
    ones = dict.fromkeys(range(len(source.prior) + 3), 1)
    plain = source.lists(k, mix=mix, diversity=strength)
    for weights in (ones, {99: 0, 98: 5}):  # there are no interests 98 and 99
        found = source.lists(k, mix=mix, diversity=strength, weights=weights, minimum={0: 0})
        assert np.array_equal(found.items, plain.items)
        assert np.array_equal(found.certified, plain.certified)


MINIMUM = st.dictionaries(st.integers(0, 6), st.integers(0, 8), max_size=3)


@given(sources(), MIXES, WEIGHTS, MINIMUM, st.integers(1, 15))
@settings(max_examples=80)
def test_minima_are_met_by_the_most_relevant_items(source, mix, weights, minimum, k):
    relevance = source.relevance(mix=mix, weights=weights)
    order = np.argsort(-relevance, kind="stable")
    order = order[np.isfinite(relevance[order])]
    expected = []
    for number, least in sorted(minimum.items()):  # smaller numbers are met first
        own = order[source.interest[order] == number]
        expected += own[: min(least, k - len(expected))].tolist()
    expected += [item for item in order.tolist() if item not in expected][: k - len(expected)]
    found = source.lists(k, mix=mix, weights=weights, minimum=minimum)
    own = source.listed(k, mix=mix, weights=weights, minimum=minimum)
    assert relevance[own] == pytest.approx(np.sort(relevance[expected])[::-1], abs=1e-6)
    assert len(set(own.tolist())) == len(own) == min(k, len(order))
    assert found.certified.all()


@given(sources(), MIXES, MINIMUM, st.sampled_from([0.05, 0.5, 10.0]), st.integers(1, 12))
@settings(max_examples=80)
def test_minima_hold_in_a_diverse_list(source, mix, minimum, strength, k):
    counts = source.counts(k, mix=mix, minimum=minimum, diversity=strength)
    there = np.bincount(source.interest, minlength=len(source.prior))
    left = k
    for number, least in sorted(minimum.items()):
        wanted = min(least, there[number] if number < len(there) else 0, left)
        assert number >= len(counts) or counts[number] >= wanted
        left -= wanted
    without = source.lists(k, mix=mix, diversity=strength)
    found = source.lists(k, mix=mix, minimum=minimum, diversity=strength)
    # A list that a minimum changed need not be the best of the diverse ones.
    assert not found.certified.any() or set(found.items[0]) == set(without.items[0])
    if all(n >= len(counts) or source.counts(k, mix=mix, diversity=strength)[n] >= least
           for n, least in minimum.items()):  # fmt: skip
        assert np.array_equal(found.items, without.items)
        assert np.array_equal(found.certified, without.certified)


def test_where_minima_exceed_the_list_those_of_smaller_numbers_are_met_first():
    source = Source(np.linspace(1, 0, 12), np.arange(12) % 3, np.full(12, -1), np.full(3, 1 / 3))
    assert source.counts(4, minimum={2: 3, 0: 2}).tolist() == [2, 0, 2]
    assert source.counts(4, minimum={2: 9}).tolist() == [0, 0, 4]
    assert source.counts(4, minimum={1: 3}, weights={1: 0}).tolist() == [2, 0, 2]  # muted


@given(sources(interests=3), WEIGHTS, st.integers(1, 60))
@settings(max_examples=80)
def test_shared_places_are_proportional_to_prior_times_weight(source, weights, k):
    weight = np.array([weights.get(number, 1) for number in range(len(source.prior))])
    there = np.bincount(source.interest, minlength=len(source.prior))
    portion = source.prior * weight / max((source.prior * weight).sum(), 1e-9)
    counts = source.counts(k, mix="shares", weights=weights)
    if (there >= np.ceil(portion * k) + 1).all() and portion.any():
        assert (np.abs(counts - portion * k) <= 1 + 1e-9).all()


def test_shared_places_by_hand():
    # Portions .6 and .4: places (r + ½) / portion are .83, 2.5, 4.2, … and 1.25, 3.75, 6.25, …
    source = Source(
        np.linspace(2, 1, 9), np.array([0, 0, 0, 0, 0, 1, 1, 1, 1]), np.full(9, -1),
        np.array([0.6, 0.4]),
    )  # fmt: skip
    assert source.listed(5).tolist() == [0, 1, 2, 3, 4]
    assert source.listed(5, mix="shares").tolist() == [0, 5, 1, 6, 2]
    # Portions .75 and .25: .67, 2, 3.3, 4.7 and 2, 6; of equal places the better score is first.
    assert source.listed(5, mix="shares", weights={0: 2}).tolist() == [0, 1, 5, 2, 3]
    assert source.listed(5, mix="shares", weights={1: 0}).tolist() == [0, 1, 2, 3, 4]


def test_all_interests_muted_leave_an_empty_list():
    source = Source(np.linspace(2, 1, 9), np.arange(9) % 2, np.zeros(9, int), np.array([0.6, 0.4]))
    for mix in ("mixture", "shares"):
        for strength in (0.0, 0.5):
            found = source.lists(4, mix=mix, weights={0: 0, 1: 0}, diversity=strength)
            assert not found.items.any()
            assert found.certified.all()
            assert np.isfinite(found.relevance).all()


def test_a_list_that_needs_more_candidates_than_allowed_is_not_certified(monkeypatch):
    # The only items of interest 1 come after 100 of interest 0.
    source = Source(np.linspace(5, 0, 110), np.repeat([0, 1], [100, 10]), np.full(110, -1),
                    np.array([0.5, 0.5]))  # fmt: skip
    whole = source.lists(2, mix="shares")
    assert whole.items[0].tolist() == [1, 101]
    assert whole.certified.all()
    monkeypatch.setattr(build, "MAX_CANDIDATES", 64)
    cut = source.lists(2, mix="shares")
    assert cut.items[0].tolist() == [1, 2]
    assert not cut.certified.any()
    assert not source.lists(2, minimum={1: 1}).certified.any()


@given(sources(), WEIGHTS, st.integers(1, 15))
@settings(max_examples=60)
def test_the_lists_between_mixture_and_shares(source, weights, k):
    options = ListOptions(k=k, interests=InterestOptions(weights=weights))
    (found,) = mix_frontiers_of(source, options)
    relevance = source.relevance(mix="mixture", weights=weights)
    if len(set(source.interest[np.isfinite(relevance)].tolist())) < 2:
        assert found is None
        return
    assert (np.diff(found.strength) >= 0).all()
    assert (np.diff(found.relevance) <= 1e-9).all()
    spread = np.ptp(source.scores.astype(np.float32)[: 4 * k]) or 1
    depth = 4 * k
    while np.isfinite(relevance[:depth]).sum() < 4 * k and depth < len(relevance):
        depth *= 4
    best = np.sort(relevance[:depth][np.isfinite(relevance[:depth])])[::-1][: 4 * k]
    for at, mix in ((0, "mixture"), (-1, "shares")):
        own = source.listed(k, mix=mix, weights=weights)
        counts = np.bincount(source.interest[own])
        assert found.largest[at] == pytest.approx(counts.max() / counts.sum())
        scaled = (relevance[own] - best.min()) / spread
        assert found.relevance[at] == pytest.approx(scaled.sum(), abs=1e-5)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"mix": "both"}, "mix is 'both'"),
        ({"weights": {1: -0.1}}, "weight of interest 1 is -0.1"),
        ({"weights": {2: float("nan")}}, "weight of interest 2 is nan"),
        ({"weights": {2: 1001}}, "weight of interest 2 is 1001"),
        ({"minimum": {3: -1}}, "minimum of interest 3 is -1"),
    ],
)
def test_impossible_options_are_refused(wrong, named):
    with pytest.raises(ConfigError, match=named):
        InterestOptions(**wrong)


def test_an_added_interest_is_one_category_or_one_item():
    for wrong in ({}, {"category": "a", "item": "b"}):
        with pytest.raises(ConfigError, match="needs a category or an item"):
            AddedInterest(**wrong)
    with pytest.raises(ConfigError, match="weight of the added interest is -1"):
        AddedInterest(category="a", weight=-1)


def test_a_weight_above_one_of_an_added_interest_applies_to_its_number():
    added = [AddedInterest(category="a", weight=0.5), AddedInterest(item="b", weight=3)]
    options = InterestOptions(added=added, weights={1: 2, 9: 0})
    assert weights_of(options, 5).tolist() == [1, 2, 1, 1, 3]
    assert weights_of(replace(options, weights={4: 0}), 5).tolist() == [1, 1, 1, 1, 1]


@pytest.fixture(scope="module")
def recommender(dataset):
    return formed(dataset, whole_weight=0.5)


@pytest.fixture(scope="module")
def whole(dataset, recommender):
    """Return each user as a ``Source`` with all items of the catalog."""
    histories = [dataset.histories[user] for user in range(8)]
    read = recommender.model.interests_of(histories)
    source = recommender.retriever.source(histories, read, exclude_seen=True, eligible=None)
    rows = np.arange(len(histories))
    ranked, _ = source.search(rows, dataset.catalog.size)
    every = []
    for row in rows.tolist():
        there = ranked.items[row] > 0
        parts = (part[row, there] for part in (ranked.scores, ranked.interest, ranked.items))
        scores, interest, items = parts
        # The true prior of each interest: its bias, and its normalizer over the catalog.
        own = recommender.model.interests_of([histories[row]])
        logits = own.vectors @ recommender.model.item_vectors()[1:].T
        log_prior = own.bias + logits.detach().logsumexp(dim=2)
        prior = (log_prior[0].exp() * own.shown[0]).double().numpy()
        every.append((Source(scores, interest, items, prior / prior.sum()), histories[row]))
    return every


@pytest.mark.parametrize("mix", ["mixture", "shares"])
@pytest.mark.parametrize("weights", [{}, {1: 2, 2: 0.3}, {1: 0}, {2: 0, 3: 50}])
def test_lists_of_a_formed_recommender_are_certified_and_the_best(recommender, whole, mix, weights):
    interests = InterestOptions(mix=mix, weights=weights)
    for source, history in whole:
        parts = recommender.retriever.parts(
            [history], recommender.model.interests_of([history]),
            ListOptions(k=8, interests=interests), None,
        )  # fmt: skip
        found = recommender.retriever.lists(parts)
        assert found.certified.all()
        relevance = source.relevance(mix=mix, weights=weights)
        at = [source.category.tolist().index(item) for item in found.items[0] if item]
        best = np.sort(relevance[np.isfinite(relevance)])[::-1][:8]
        assert relevance[at] == pytest.approx(best, abs=1e-4)
        assert np.array_equal(source.interest[at], found.interest[0, : len(at)])


def test_a_larger_weight_gives_more_items_of_a_formed_recommender(recommender, whole):
    for _, history in whole[:4]:
        for mix, strength in (("mixture", 0.0), ("mixture", 0.3), ("shares", 0.0)):
            counts = []
            for weight in (0, 0.3, 1, 4, 100):
                interests = InterestOptions(mix=mix, weights={2: weight})
                found = recommender.ranked([history], 8, interests=interests, diversity=strength)
                counts.append(int((found.interest[0][found.items[0] > 0] == 2).sum()))
            assert counts[0] == 0
            assert counts == sorted(counts)


@pytest.mark.parametrize("rerank", ["category", "mmr"])
def test_a_list_is_filled_from_deeper_candidates(rerank):
    # The first 100 items are of interest 0, the last 10 of interest 1.
    source = Source(np.linspace(5, 0, 110), np.repeat([0, 1], [100, 10]), np.full(110, -1),
                    np.array([0.5, 0.5]))  # fmt: skip

    def listed(**interests):
        options = ListOptions(k=3, rerank=rerank, interests=InterestOptions(**interests))
        return build_lists(source, options, category_of=source.category_of).items[0].tolist()

    assert listed(weights={0: 0}) == [101, 102, 103]
    assert listed(minimum={1: 2}) == [1, 101, 102]


@given(sources(interests=3), st.sampled_from([0.02, 0.1, 0.5]), st.integers(1, 8))
@settings(max_examples=60)
def test_a_tiny_weight_does_not_change_what_diversity_means(source, strength, k):
    number = int(source.interest[0])
    # The first search has enough other items, so that none of this interest sets the scale.
    others = np.flatnonzero(source.interest[: 16 * k] != number)
    if len(others) >= 4 * k:
        muted = source.listed(k, mix="shares", weights={number: 0}, diversity=strength)
        tiny = source.listed(k, mix="shares", weights={number: 1e-9}, diversity=strength)
        assert muted.tolist() == tiny.tolist()
