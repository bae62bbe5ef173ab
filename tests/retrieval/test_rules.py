"""Rules of three kinds: scores of the baselines, reasons that sum to 1, saving, old artifacts."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from prismrec.data.histories import Histories
from prismrec.errors import DataError
from prismrec.evaluation.baselines import by_score, ease, item_knn
from prismrec.evaluation.baselines.ease import ease_weights
from prismrec.evaluation.baselines.item_knn import cosine_similarities
from prismrec.recommend.artifact import load, save
from prismrec.recommend.manifest import MANIFEST
from prismrec.retrieval import rules as module
from prismrec.retrieval.rules import RuleRetriever, keep_strongest, keep_strongest_positive
from worlds import untrained

pytestmark = pytest.mark.slow

V = 9
ITEMS = st.lists(st.integers(1, V - 1), min_size=1, max_size=8)
TRAIN = st.lists(ITEMS, min_size=1, max_size=8).map(Histories.of)
RECENCY = st.sampled_from([0.5, 0.8, 1.0])


def ranking_of(score, history):
    return by_score(score, exclude_seen=True)([np.array(history)], V).items.tolist()


def scores_of(rules):
    return lambda histories: rules.scores(histories).toarray()


@given(TRAIN, ITEMS, RECENCY, st.sampled_from([0.0, 20.0]))
def test_item_knn_as_rules_ranks_like_the_baseline(train, history, recency, shrink):
    table = cosine_similarities(train, V, neighbours=None, shrink=shrink)
    rules = RuleRetriever(table, 1.0, "item-knn", recency)
    baseline = item_knn(train, V, recency=recency, shrink=shrink)
    assert rules.scores([np.array(history)]).toarray() == pytest.approx(
        baseline([np.array(history)])
    )
    assert ranking_of(scores_of(rules), history) == ranking_of(
        baseline.score, history
    )  # without its order of ties


@given(TRAIN, ITEMS, RECENCY)
def test_ease_as_rules_ranks_like_the_baseline_if_no_weight_is_negative(train, history, recency):
    # One user has every item, and the regularization is strong: all weights are positive.
    train = Histories.of([*train, np.arange(1, V)])
    weights = ease_weights(train, V, 1e4)
    assert ((weights[1:, 1:] > 0) == ~np.eye(V - 1, dtype=bool)).all()
    rules = RuleRetriever(keep_strongest_positive(weights, V), 1.0, "ease", recency)
    baseline = ease(train, V, l2=1e4, recency=recency)
    assert rules.scores([np.array(history)]).toarray() == pytest.approx(
        baseline([np.array(history)])
    )
    assert ranking_of(scores_of(rules), history) == ranking_of(
        baseline.score, history
    )  # without its order of ties


@given(
    st.lists(st.lists(st.integers(-2, 2), min_size=5, max_size=5), min_size=1, max_size=7),
    st.integers(1, 6),
)
def test_of_a_dense_table_the_strongest_positive_entries_are_kept(rows, neighbours):
    table = np.array(rows, dtype=np.float32)
    positive = sparse.csr_array(np.maximum(table, 0))
    expected = keep_strongest(positive, neighbours).toarray()
    for block in (1024, 2):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "BLOCK", block)
            kept = keep_strongest_positive(table, neighbours)
        assert (kept.data > 0).all()
        assert kept.toarray().tolist() == expected.tolist()
        assert kept.dtype == np.float32


@given(TRAIN, ITEMS, RECENCY)
def test_the_shares_of_the_reasons_sum_to_one(train, history, recency):
    rules = RuleRetriever(
        cosine_similarities(train, V, neighbours=None, shrink=0.0), 1.0, "item-knn", recency
    )
    history = np.array(history)
    scores = rules.scores([history]).toarray()[0]
    items = np.random.default_rng(len(history)).permutation(V).tolist()  # in any order
    for item, (found, shares) in zip(items, rules.reasons(history, items), strict=True):
        assert bool(len(found)) == bool(scores[item] > 0)
        if len(found):
            assert shares.sum() == pytest.approx(1)
            assert set(found.tolist()) <= set(history.tolist())
            ages = len(history) - 1 - np.flatnonzero(history == found[0])
            own = (recency**ages).sum() * rules.table[found[0], item]
            assert shares[0] == pytest.approx(own / scores[item])


@pytest.fixture
def recommender(dataset):
    table = keep_strongest_positive(
        ease_weights(dataset.histories, dataset.catalog.size, 50.0), 200
    )
    return untrained(dataset).with_rules(RuleRetriever(table, 2.0, "ease", 1.0))


def test_kind_and_recency_are_saved_and_kept_when_items_are_added(dataset, recommender, tmp_path):
    save(recommender, tmp_path / "a")
    found = load(tmp_path / "a")
    histories = [dataset.histories[user] for user in range(5)]
    assert (found.rules.kind, found.rules.recency, found.rules.weight) == ("ease", 1.0, 2.0)
    assert (found.ranked(histories, 9).items == recommender.ranked(histories, 9).items).all()
    more = recommender.rules.extended(dataset.catalog.size + 2)
    assert (more.kind, more.recency, more.weight) == ("ease", 1.0, 2.0)
    assert more.table.shape[0] == dataset.catalog.size + 2


def test_an_artifact_of_an_earlier_version_holds_sequential_rules(recommender, tmp_path):
    save(recommender, tmp_path / "a")
    path = tmp_path / "a" / MANIFEST
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"rules": {"weight": 2.0}}))
    found = load(tmp_path / "a").rules
    assert (found.kind, found.recency, found.weight) == ("sequential-rules", 0.8, 2.0)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"kind": 3}, "perhaps kind"),
        ({"recency": "old"}, "perhaps kind .* recency"),
        ({"recency": 0}, "recency of rules is 0"),
        ({"recency": 1.5}, "recency of rules is 1.5"),
    ],
)
def test_impossible_kinds_and_recencies_are_refused(recommender, tmp_path, option, message):
    save(recommender, tmp_path / "a")
    path = tmp_path / "a" / MANIFEST
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"rules": manifest["rules"] | option}))
    with pytest.raises(DataError, match=message):
        load(tmp_path / "a")


@given(TRAIN, st.integers(1, 4), st.sampled_from([0.0, 0.5]), st.sampled_from([None, 2]))
def test_rules_do_not_depend_on_the_number_of_events_counted_at_a_time(
    train, events, backward, neighbours
):
    options = {"window": 2, "backward": backward, "alpha": 0.3, "neighbours": neighbours}
    whole = module.count_rules(train, V, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "COUNTED_EVENTS", events)
        parts = module.count_rules(train, V, **options)
    assert parts.toarray().tolist() == whole.toarray().tolist()
    assert parts.dtype == whole.dtype == np.float32


@given(TRAIN, st.sampled_from([0.0, 0.5]))
def test_rules_sum_what_followed_soon_and_what_came_before(train, backward):
    expected = np.zeros((V, V))
    for history in train:
        for place, first in enumerate(history):
            for distance, second in enumerate(history[place + 1 : place + 4]):
                expected[first, second] += 0.8**distance
                expected[second, first] += backward * 0.8**distance
    rules = module.count_rules(train, V, window=3, backward=backward, beta=0.0)
    assert rules.toarray() == pytest.approx(expected, rel=1e-6)
