"""Blend interests with rules: exact lists, explanations and saving."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import logsumexp

from prismrec.errors import DataError
from prismrec.evaluation.baselines import by_score, sequential_rules
from prismrec.recommend.artifact import load, save
from prismrec.recommend.cold_start import NewItem
from prismrec.recommend.recommender import Recommender
from prismrec.rerank import Filter
from prismrec.retrieval import blended, search
from prismrec.retrieval.rules import RuleRetriever, keep_strongest
from worlds import ids, untrained


@pytest.fixture(scope="module")
def rules(dataset):
    size = dataset.catalog.size
    return RuleRetriever.count(
        dataset.histories, size, backward=0.5, alpha=0.0, beta=0.3, weight=1.5
    )


@pytest.fixture(params=["short", "long"])
def recommender(dataset, rules, request, monkeypatch):
    if request.param == "long":
        monkeypatch.setattr(search, "SMALL_CATALOG", 0)
    return untrained(dataset).with_rules(rules)


def blended_scores(recommender, history, reference=None):
    """Return the blended scores of the whole catalog; padding and seen items get -inf."""
    interests = recommender.model.interests_of([history])
    scores = (
        (interests.vectors[0] @ recommender.model.item_vectors().T)
        .amax(0)
        .detach()
        .double()
        .numpy()
    )
    weights = 0.8 ** np.arange(len(history))[::-1]
    follows = np.zeros(len(scores))
    for item, weight in zip(history, weights, strict=True):
        follows += weight * recommender.rules.table[[item], :].toarray()[0]
    scores[[0, *history]], follows[[0, *history]] = -np.inf, 0
    likely = np.exp(scores - logsumexp(np.sort(scores)[::-1][:reference]))
    with np.errstate(divide="ignore"):
        return np.log(likely + recommender.rules.weight * follows / follows.sum())


@pytest.mark.slow
def test_the_list_contains_the_best_blended_items_of_the_whole_catalog(dataset, recommender):
    for user in range(8):
        history = dataset.histories[user]
        expected = blended_scores(recommender, history)
        found = recommender.ranked([history], 9)
        assert found.items[0].tolist() == np.argsort(-expected, kind="stable")[:9].tolist()
        assert found.scores[0] == pytest.approx(expected[found.items[0]], abs=1e-4)


def test_other_users_in_the_batch_do_not_change_a_list(dataset, recommender):
    nearly_all = np.arange(1, dataset.catalog.size - 3)
    histories = [dataset.histories[user] for user in range(9)] + [nearly_all, np.array([1])]
    together = recommender.ranked(histories, 9)
    for row, history in enumerate(histories):
        alone = recommender.ranked([history], 9)
        assert np.array_equal(together.items[row], alone.items[0])
        assert np.array_equal(together.interest[row], alone.interest[0])
        assert together.scores[row] == pytest.approx(alone.scores[0], abs=1e-5)


def test_a_few_candidates_of_the_interests_are_enough(dataset, recommender, monkeypatch):
    monkeypatch.setattr(blended, "REFERENCE", 4)
    for user in range(8):
        expected = blended_scores(recommender, dataset.histories[user], reference=4)
        found = recommender.ranked([dataset.histories[user]], 3).items[0]
        assert found.tolist() == np.argsort(-expected, kind="stable")[:3].tolist()


def test_rules_with_a_tiny_weight_do_not_change_the_order(dataset, recommender, rules):
    plain = recommender.with_rules(None)
    light = recommender.with_rules(RuleRetriever(rules.table, 1e-12))
    histories = [dataset.histories[user] for user in range(9)]
    for diversity in (0.0, 0.2):
        first, second = (r.ranked(histories, 8, diversity=diversity) for r in (plain, light))
        assert np.array_equal(first.items, second.items)
        assert np.array_equal(first.interest, second.interest)


def test_filters_also_apply_to_items_from_rules(dataset, recommender):
    history = ids(dataset, 0)
    whole = [item.id for item in recommender.recommend(history, 40)]
    allowed = whole[1::2]
    answer = recommender.with_hidden(allowed[:1]).recommend(
        history, 40, filter=Filter(allowed=allowed)
    )
    assert [item.id for item in answer] == allowed[1:]


def test_an_item_lists_the_history_items_it_goes_with(dataset, recommender, rules):
    history = ids(dataset, 3)
    numbers = dataset.histories[3]
    for item in recommender.recommend(history, 8):
        number = dataset.catalog.items.index([item.id])[0]
        own = {}
        for age, past in enumerate(numbers[::-1].tolist()):
            own[past] = own.get(past, 0) + 0.8**age * rules.table[past, number]
        strong = sorted((name for name in own if own[name]), key=lambda n: -own[n])[:2]
        assert [r.id for r in item.goes_with] == dataset.catalog.items.external(strong)
        total = sum(own.values())
        assert [r.weight for r in item.goes_with] == pytest.approx(
            [own[name] / total for name in strong]
        )


def test_rules_are_saved_and_kept_when_items_are_added(dataset, recommender, tmp_path):
    save(recommender, tmp_path / "a")
    again = load(tmp_path / "a")
    history = ids(dataset, 0)
    assert again.recommend(history, 8) == recommender.recommend(history, 8)
    best = recommender.recommend(history, 1).items[0].id
    added = again.with_items([NewItem(id="new", related_to=[best])])
    assert "new" in [item.id for item in added.recommend([*history, "new"], 40, exclude_seen=False)]


def test_the_representation_is_one_short_line(dataset, rules, recommender):
    shown = (
        f"RuleRetriever(sequential-rules, {rules.table.nnz:,} rules, "
        f"{dataset.catalog.size - 1} items, recency 0.8, weight 1.5)"
    )
    assert repr(rules) == shown
    assert repr(recommender.retriever) == f"Retriever({recommender.index!r}, {shown})"


def test_damaged_rules_are_refused(dataset, recommender, tmp_path):
    save(recommender, tmp_path / "a")
    path = tmp_path / "a" / "rules" / "data.npy"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(DataError, match=r"rules/data\.npy"):
        load(tmp_path / "a")
    with pytest.raises(DataError, match="not finite or negative"):
        RuleRetriever(sparse.csr_array(np.array([[0, -1.0], [0, 0]])), 1.0)
    with pytest.raises(DataError, match="weight"):
        RuleRetriever(sparse.csr_array((2, 2)), -1.0)


def test_only_the_strongest_rules_after_an_item_are_kept():
    table = sparse.csr_array(np.array([[0, 0, 0, 0], [0, 3, 1, 2], [0, 5, 5, 5], [0, 0, 7, 0.0]]))
    kept = keep_strongest(table, 2).toarray()
    assert kept.tolist() == [[0, 0, 0, 0], [0, 3, 0, 2], [0, 5, 5, 0], [0, 0, 7, 0]]


@given(
    st.lists(st.lists(st.integers(0, 3), min_size=6, max_size=6), min_size=1, max_size=5),
    st.integers(1, 6),
)
def test_of_equal_rules_those_to_smaller_columns_are_kept(rows, neighbours):
    table = sparse.csr_array(np.array(rows, dtype=np.float32))
    for row, kept in zip(rows, keep_strongest(table, neighbours).toarray().tolist(), strict=True):
        strongest = sorted(range(6), key=lambda column: -row[column])[:neighbours]
        assert kept == [value if place in strongest else 0 for place, value in enumerate(row)]


def test_rules_with_a_huge_weight_rank_like_the_baseline(dataset, rules):
    recommender = untrained(dataset).with_rules(RuleRetriever(rules.table, 1e12))
    histories = [dataset.histories[user] for user in range(9)]
    baseline = by_score(
        sequential_rules(dataset.histories, dataset.catalog.size), exclude_seen=True
    )
    assert np.array_equal(recommender.ranked(histories, 3).items, baseline(histories, 3).items)


def test_only_the_strongest_items_of_the_rules_become_candidates(dataset, rules, monkeypatch):
    monkeypatch.setattr(blended, "CANDIDATES", 3)
    plain = untrained(dataset)
    recommender = plain.with_rules(RuleRetriever(rules.table, 1e12))
    histories = [dataset.histories[user] for user in range(9)]
    strongest_ones = by_score(
        sequential_rules(dataset.histories, dataset.catalog.size), exclude_seen=True
    )(histories, 3).items
    for found, first, own in zip(
        recommender.ranked(histories, 8).items,
        strongest_ones,
        plain.ranked(histories, 20).items,
        strict=True,
    ):
        rest = [item for item in own.tolist() if item not in first]
        assert found.tolist() == [*first.tolist(), *rest[:5]]


def test_very_different_scores_do_not_remove_items(dataset, rules):
    recommender = untrained(dataset).with_rules(rules)
    with torch.no_grad():
        recommender.model.items.weight *= 1_000
    far = Recommender.exact(recommender.model, dataset.catalog).with_rules(rules)
    found = far.ranked([dataset.histories[0]], 30)
    assert np.isfinite(found.scores[found.items > 0]).all()
    left = dataset.catalog.size - 1 - len(set(dataset.histories[0].tolist()))
    assert (found.items > 0).sum() == min(30, left)
