"""Test diagnostics with models that are small enough to compute by hand."""

import json
from functools import partial
from math import log, log2
from statistics import median

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from prismrec.data.cases import Case
from prismrec.data.catalog import Catalog
from prismrec.data.ids import IdMap
from prismrec.errors import ConfigError, DataError
from prismrec.evaluation.diagnostics import diagnose
from prismrec.evaluation.diversity_tradeoff import tradeoff
from prismrec.evaluation.evaluate import evaluate
from prismrec.models.extractors.base import Extractor
from prismrec.models.model import Model
from prismrec.recommend.recommender import Recommender
from prismrec.retrieval.rules import RuleRetriever
from prismrec.types import Interests

pytestmark = pytest.mark.slow

approx = pytest.approx

# Odd items point east, even items point north; larger item numbers have shorter vectors.
EAST_AND_NORTH = [(1, 0), (0, 1), (0.9, 0), (0, 0.9), (0.8, 0), (0, 0.8)]


class OneInterestPerItem(Extractor):
    """An extractor whose interest j is the vector of history item j, active if that item exists.

    Interest 0 has equal weights for the whole history; the others have only their item.
    """

    def forward(self, items, mask):
        b, length, _ = items.shape
        vectors = items.new_zeros(b, self.interests, self.dim)
        weights = items.new_zeros(b, self.interests, length)
        active = torch.zeros(b, self.interests, dtype=torch.bool)
        shown = min(self.interests, length)
        vectors[:, :shown] = items[:, :shown]
        weights[:, :shown] = torch.eye(length)[:shown]
        weights[:, 0] = 1.0 * mask
        active[:, :shown] = mask[:, :shown]
        active[:, 0] = True
        return Interests(vectors, weights, torch.zeros(b, self.interests), active)


class WholeAndItems(Extractor):
    """An extractor whose interest 0 is the whole history, and interest j its item j, from 1.

    Vector 0 is the mean of the items, of which each of the other interests brings its item's part.
    """

    def forward(self, items, mask):
        b, length, _ = items.shape
        share = mask / mask.sum(dim=1, keepdim=True).clamp(min=1)
        whole = share[:, None] @ items
        none = torch.zeros_like(whole)
        parts = torch.cat([none, share[..., None] * items], dim=1)
        several = mask.sum(dim=1, keepdim=True) > 1  # otherwise the whole is the item
        weights = torch.cat([share[:, None], torch.eye(length).expand(b, -1, -1)], dim=1)
        return Interests(
            torch.cat([whole, items], dim=1), weights, torch.zeros(b, 1 + length),
            torch.cat([several, mask], dim=1), None, parts,
        )  # fmt: skip


def catalog_of(items, categories=None):
    """Build a catalog of ``items`` items with one category each, or without categories."""
    names = [str(number) for number in range(1, items + 1)]
    indptr = np.concatenate([[0], np.arange(items + 1)]) if categories else np.zeros(items + 2, int)
    return Catalog(
        items=IdMap(names, first=1, kind="item"),
        titles=pl.Series(names),
        category_names=["a", "b"] if categories else [],
        category_indptr=indptr.astype(np.int64),
        category_ids=np.array(categories or [], dtype=np.int32),
        count=np.array([0, *range(items, 0, -1)]),
    )


def recommender_of(vectors, *, interests, categories=None, kind=OneInterestPerItem):
    table = torch.tensor([(0.0,) * len(vectors[0]), *vectors], dtype=torch.float32)
    extractor = kind(dim=table.shape[1], interests=interests, max_len=5)
    model = Model(len(table), extractor)
    with torch.no_grad():
        model.items.weight.copy_(table)
    return Recommender.exact(model, catalog_of(len(vectors), categories))


def case(history, targets):
    return Case(np.array(history, dtype=np.int64), np.array(targets, dtype=np.int64))


@pytest.fixture
def two():
    """Diagnose two users: one with both directions, one with north and an inactive interest."""
    recommender = recommender_of(EAST_AND_NORTH, interests=2)
    return diagnose(recommender, [case([1, 2], [3, 4, 5, 5]), case([2], [4])], k=2)


# The first user has the targets 3, 4, 5 and the list 3, 4. Interest 0 alone lists 3 and 5,
# interest 1 alone 4 and 6. The second user has the target 4 and the list 4, 6 from interest 0.


def test_usage_is_the_share_of_targets_each_interest_wins(two):
    assert two.usage == approx((3 / 4, 1 / 4))
    assert two.usage_entropy == approx((3 / 4 * log2(4 / 3) + 1 / 4 * log2(4)) / log2(2))
    assert two.active == (1, 1 / 2)
    assert two.unused == ()


def test_effective_items_are_averaged_over_users_with_the_interest(two):
    assert two.effective_items == approx(((2 + 1) / 2, 1))
    assert two.read_items == (2 + 1) / 2


def test_marginal_recall_is_the_recall_lost_without_the_interest(two):
    assert two.recall == approx((2 / 3 + 1) / 2)
    assert two.marginal_recall == approx((((2 / 3 - 1 / 3) + (1 - 0)) / 2, 2 / 3 - 2 / 3))


def test_the_pool_combines_the_lists_of_all_interests(two):
    assert two.pool_recall == (3 / 3 + 1) / 2
    assert two.pool_items == (4 + 2) / 2


def test_orthogonal_interests_have_no_similarity_and_no_common_items(two):
    assert two.cosine == approx(0)
    assert two.overlap == 0
    assert two.distinct_lists == 1
    assert two.notes == ()


def test_overlap_and_cosine_of_interests_that_share_an_item():
    # Interest 0 points east and lists 1 and 4. Interest 1 points north-east and lists 4 and 3.
    vectors = [(1, 0), (0, 0.9), (0.9, 0.9), (1, 1)]
    found = diagnose(
        recommender_of(vectors, interests=2), [case([1, 4], [3])], k=2, exclude_seen=False
    )
    assert found.cosine == approx(1 / 2**0.5)
    assert found.overlap == approx(1 / 3)
    assert found.pool_items == 3


def test_two_equal_interests_have_notes_and_one_is_unused():
    found = diagnose(recommender_of(EAST_AND_NORTH, interests=2), [case([1, 1], [3])], k=2)
    assert found.usage == (1, 0)
    assert found.usage_entropy == 0
    assert found.cosine == approx(1)
    assert found.overlap == 1
    assert found.marginal_recall == (0, 0)
    assert found.unused == (1,)
    assert json.loads(found.to_json())["unused"] == [1]
    assert found.notes == (
        "Interest 1 is hardly used: less than 1 % of the targets score highest with it.",
        "The interests are almost equal: the mean cosine of their vectors is 1.00.",
        "One interest brings the whole list for the median user: several interests add nothing to "
        "see here.",
    )


def test_an_interest_without_users_is_absent_and_not_unused():
    found = diagnose(recommender_of(EAST_AND_NORTH, interests=2), [case([1], [3])], k=2)
    assert found.unused == ()
    assert found.marginal_recall[1] is None
    assert found.effective_items[1] is None
    assert found.cosine is None


def test_an_inactive_interest_never_wins_even_if_all_scores_are_negative():
    opposite = recommender_of([(1, 0), (-1, 0)], interests=2)
    assert diagnose(opposite, [case([1], [2])], k=1).usage == (1, 0)


def test_the_same_list_for_all_users_has_a_note():
    cases = [case([1], [2]) for _ in range(6)]
    found = diagnose(recommender_of(EAST_AND_NORTH, interests=1), cases, k=2)
    assert found.distinct_lists == 1 / 6
    assert "Only 16.7 % of the lists are distinct: many users" in found.notes[0]


# Of the first user's list, 3 belongs to interest 0 and 4 to interest 1; both items of the second
# user's list belong to interest 0.


def test_the_interests_that_bring_the_list_are_medians_over_users(two):
    assert two.largest_share == median([1 / 2, 2 / 2])
    assert two.interests_used == median([2, 1])
    assert two.subtopic_recall is None  # no item has a category


def test_the_interests_that_bring_the_list_are_those_of_its_first_twenty_items():
    # Eastern items score higher, so that places 1 to 15 are east (interest 0), the others north.
    vectors = [(1, 0), (0, 0.1), *[(0.9, 0)] * 15, *[(0, 0.05)] * 15]
    recommender = recommender_of(vectors, interests=2)
    one = [case([1, 2], [3])]
    found = diagnose(recommender, one, k=30)
    assert (found.largest_share, found.interests_used) == (15 / 20, 2)
    found = diagnose(recommender, one, k=4)  # a shorter list is measured as a whole
    assert (found.largest_share, found.interests_used) == (4 / 4, 1)


def test_subtopic_recall_is_that_of_the_first_twenty_items():
    # East is category 0, north is category 1, as above.
    vectors = [(1, 0), (0, 0.1), *[(0.9, 0)] * 20, *[(0, 0.05)] * 5]
    recommender = recommender_of(vectors, interests=2, categories=[0, 1, *[0] * 20, *[1] * 5])
    cases = [case([1, 2], [3, 24]), case([1, 2], [4])]
    assert diagnose(recommender, cases, k=25).subtopic_recall == (1 / 2 + 1) / 2
    assert diagnose(recommender, cases[:1], k=2).subtopic_recall == 1 / 2


def test_a_note_reports_that_one_interest_brings_the_whole_list():
    note = (
        "One interest brings the whole list for the median user: several interests add nothing to "
        "see here."
    )
    # Without northern items of a high score, interest 1 brings nothing.
    recommender = recommender_of([(1, 0), (0, 0.1), (0.9, 0), (0.8, 0)], interests=2)
    assert note in diagnose(recommender, [case([1, 2], [3])], k=2).notes
    recommender = recommender_of(EAST_AND_NORTH, interests=2)
    assert note not in diagnose(recommender, [case([1, 2], [3])], k=2).notes
    # With a single interest there is nothing to share.
    assert diagnose(recommender, [case([1], [3])], k=2).notes == ()


def test_hidden_items_are_in_no_list():
    recommender = recommender_of(EAST_AND_NORTH, interests=2).with_hidden(["3", "4"])
    found = diagnose(recommender, [case([1, 2], [3, 4, 5])], k=1)
    assert found.recall == approx(1 / 3)  # 5 is in the list; interest 1 alone would list 6
    assert found.pool_recall == approx(1 / 3)
    assert found.marginal_recall == approx((1 / 3, 0))


def test_recall_is_measured_on_the_served_list_with_rules():
    after = sparse.csr_array(([1.0], ([2], [5])), shape=(7, 7))  # 5 follows 2
    recommender = recommender_of(EAST_AND_NORTH, interests=1).with_rules(RuleRetriever(after, 1e12))
    found = diagnose(recommender, [case([2], [5])], k=1)
    assert found.recall == 1
    assert found.marginal_recall == (0,)  # the interest alone lists 4
    # A later ranker can reach what is served, with the item of the rules.
    assert (found.pool_recall, found.pool_items) == (1, 2)


def test_a_single_interest_has_no_pairwise_numbers():
    found = diagnose(recommender_of(EAST_AND_NORTH, interests=1), [case([2, 1], [4, 6, 1])], k=2)
    assert found.usage == (1,)
    assert (found.usage_entropy, found.cosine, found.overlap) == (None, None, None)
    assert found.marginal_recall == (found.recall,) == (approx(2 / 3),)
    assert found.pool_recall == found.recall
    assert json.loads(found.to_json())["cosine"] is None


def test_the_model_runs_once_per_batch(monkeypatch):
    calls = []
    forward = Model.interests_of

    def count(self, histories):
        calls.append(len(histories))
        return forward(self, histories)

    monkeypatch.setattr(Model, "interests_of", count)
    recommender = recommender_of(EAST_AND_NORTH, interests=2)
    diagnose(recommender, [case([1, 2], [3])] * 5, k=2, batch_size=2)
    assert calls == [2, 2, 1]


def test_the_short_text_and_the_table_of_a_notebook(two):
    assert repr(two) == f"Diagnostics(2 interests, recall@2 {two.recall:.4f}, 2 users)"
    table = two._repr_html_()
    assert table.count("<tr>") == 1 + 2
    assert "First 2 items: the largest interest brings 75 %, 1.5 interests bring an item" in table
    assert "<tr><td>1</td><td>50.0 %</td><td>25.0 %</td><td>1.0</td><td>+0.0000</td></tr>" in table
    found = diagnose(recommender_of(EAST_AND_NORTH, interests=2), [case([1], [3])], k=2)
    assert found.present == (0,)  # interest 1 is active for nobody
    assert found._repr_html_().count("<tr>") == 1 + 1
    assert repr(found).startswith("Diagnostics(1 interests, ")


def test_users_without_a_history_are_left_out():
    recommender = recommender_of(EAST_AND_NORTH, interests=2)
    both = [case([], [1]), case([1, 2], [3])]
    assert diagnose(recommender, both, k=2) == diagnose(recommender, both[1:], k=2)
    with pytest.raises(DataError, match="none has a history"):
        diagnose(recommender, both[:1])


@pytest.mark.parametrize("one", [case([1], [9]), case([9], [1]), case([1], [0])])
def test_a_case_with_an_item_outside_the_catalog_is_refused(one):
    with pytest.raises(DataError, match=r"A case has the item \d; the catalog has the items 1 to"):
        diagnose(recommender_of(EAST_AND_NORTH, interests=2), [one], k=2)


def test_invalid_sizes_are_refused():
    with pytest.raises(ConfigError, match="k 0 and batch_size 256"):
        diagnose(recommender_of(EAST_AND_NORTH, interests=2), [case([1], [2])], k=0)


@st.composite
def worlds(draw):
    """Draw a recommender with random vectors, and users with one to five events."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    items = draw(st.integers(6, 12))
    recommender = recommender_of(
        random.normal(size=(items, 3)).tolist(), interests=draw(st.integers(1, 4))
    )
    cases = [
        case(
            random.integers(1, items + 1, random.integers(1, 6)),
            random.integers(1, items + 1, random.integers(1, 4)),
        )
        for _ in range(draw(st.integers(1, 7)))
    ]
    return recommender, cases


@settings(deadline=None, max_examples=40)
@given(worlds(), st.integers(1, 5), st.booleans())
def test_diagnostics_use_the_served_lists(world, k, exclude_seen):
    recommender, cases = world
    found = diagnose(recommender, cases, k=k, exclude_seen=exclude_seen)
    served = evaluate(partial(recommender.ranked, exclude_seen=exclude_seen), cases, ks=(k,))
    assert found.recall == approx(served.metrics[f"recall@{k}"])
    assert found.distinct_lists == served.distinct_lists
    assert found.largest_share == served.largest_share
    assert found.interests_used == served.interests_used
    assert sum(found.usage) == approx(1)
    assert found.pool_recall >= found.recall - 1e-12
    assert all(1 - 1e-6 <= n <= 5 + 1e-6 for n in found.effective_items if n is not None)


@settings(deadline=None, max_examples=20)
@given(worlds())
def test_the_numbers_do_not_depend_on_the_batch_size(world):
    recommender, cases = world
    whole = json.loads(diagnose(recommender, cases, k=3).to_json())
    single = json.loads(diagnose(recommender, cases, k=3, batch_size=1).to_json())
    assert single.keys() == whole.keys()
    for name, value in whole.items():
        if name != "notes":
            flat = np.array(value, dtype=np.float64)
            np.testing.assert_allclose(np.array(single[name], dtype=np.float64), flat, atol=1e-6)


@settings(deadline=None, max_examples=20)
@given(worlds())
def test_marginal_recall_is_zero_if_the_list_contains_all_items(world):
    recommender, cases = world
    several = [user for user in cases if len(user.history) > 1]
    if recommender.model.extractor.interests == 1 or not several:
        return
    found = diagnose(recommender, several, k=20)
    assert all(lost == 0 for lost in found.marginal_recall if lost is not None)


def test_the_trade_off_is_recall_and_diversity_at_each_strength():
    # East is category 0 and north is category 1. The user likes east, so 3 and 5 score highest.
    recommender = recommender_of(EAST_AND_NORTH, interests=1, categories=[0, 1, 0, 1, 0, 1])
    points = tradeoff(recommender, [case([1], [3, 5])], (0, 2), k=2)
    assert points == [(0, 2 / 2, 0), (2, 1 / 2, 1)]


def test_a_trade_off_needs_categories():
    recommender = recommender_of(EAST_AND_NORTH, interests=1)
    with pytest.raises(DataError, match="a catalog with categories"):
        tradeoff(recommender, [case([1], [3])], (0, 1), k=2)


def test_entropy_is_normalized_by_the_number_of_all_interests():
    cases = [case([1, 2, 2, 2], [3, 4])]
    found = diagnose(recommender_of(EAST_AND_NORTH, interests=4), cases, k=2)
    assert found.usage == (1 / 2, 1 / 2, 0, 0)
    assert found.usage_entropy == approx(log(2) / log(4))
    assert found.unused == (2, 3)
    assert found.notes[0].startswith("Interests 2, 3 are hardly used: less than 1 %")


def test_the_whole_history_scores_but_is_not_measured():
    # The history points east and north. Item 3 is between them and scores best, with the whole.
    vectors = [(1, 0), (0, 1), (1.5, 1.2), (0.9, 0), (0, 0.7)]
    recommender = recommender_of(vectors, interests=3, kind=WholeAndItems)
    found = diagnose(recommender, [case([1, 2], [3, 5]), case([2], [5])], k=2)
    # The first list is 3 and 4: with both, the events of interest 1 add most to the score. The
    # second user has one interest, number 1, whose list is 3 and 5.
    assert found.formed
    assert found.active == (0, 1, 1 / 2)
    assert found.present == (1, 2)
    assert found.usage == (0, 2 / 3, 1 / 3)
    assert found.usage_entropy == approx((2 / 3 * log2(3 / 2) + 1 / 3 * log2(3)) / log2(2))
    assert found.unused == ()
    assert found.cosine == approx(0)
    # Interest 1 alone lists 3 and 4, interest 2 alone 3 and 5.
    assert found.overlap == approx(1 / 3)
    assert found.effective_items == (None, 1, 1)
    # Without interest 1 the first user's list is 3 and 5; the second user has no other interest.
    assert found.recall == approx((1 / 2 + 1) / 2)
    assert found.marginal_recall == (None, approx(((1 / 2 - 1) + (1 - 0)) / 2), approx(0))
    assert (found.largest_share, found.interests_used) == (1, 1)


def test_few_users_of_an_interest_are_no_fault_where_interests_are_formed():
    vectors = [(1, 0), (0, 1), (0.9, 0), (0, 0.9), (0.8, 0)]
    recommender = recommender_of(vectors, interests=3, kind=WholeAndItems)
    cases = [case([1], [3]) for _ in range(150)] + [case([1, 2], [3])]
    found = diagnose(recommender, cases, k=2)
    assert (found.usage[2], found.active[2]) == (0, approx(1 / 151))
    assert found.unused == ()
    assert not any("hardly used" in note for note in found.notes)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"recommender": len}, "must be a Recommender; pass the whole recommender"),
        ({"cases": 5}, r"cases is 5, but must be a list of cases; pass split\.test"),
        ({"k": 2.5}, r"k is 2\.5, but must be a whole number"),
        ({"batch_size": "8"}, "batch_size is '8', but must be a whole number"),
    ],
)
def test_an_argument_of_another_type_is_refused(wrong, sentence):
    recommender = recommender_of([[1.0, 0.0], [0.0, 1.0]], interests=1)
    cases = [case([1], [2])]
    with pytest.raises(ConfigError, match=sentence):
        diagnose(**({"recommender": recommender, "cases": cases} | wrong))
