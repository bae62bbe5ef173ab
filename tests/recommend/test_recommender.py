"""Test the recommender: lists, explanations, and unusual histories."""

import pickle
from copy import deepcopy
from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl
import pytest
import torch

from prismrec.data.catalog import Catalog
from prismrec.data.ids import IdMap
from prismrec.data.split import split_by_user
from prismrec.errors import ConfigError, DataError
from prismrec.evaluation.diagnostics import diagnose
from prismrec.evaluation.evaluate import evaluate
from prismrec.models.clustering import Forming
from prismrec.models.extractors import EXTRACTORS
from prismrec.models.extractors.mean import MeanPool
from prismrec.models.model import Model
from prismrec.recommend.artifact import save
from prismrec.recommend.cold_start import NewItem
from prismrec.recommend.interests import name_interests
from prismrec.recommend.recommender import Recommender
from prismrec.rerank import ListOptions
from prismrec.retrieval.rules import RuleRetriever, count_rules
from prismrec.training import TrainConfig, train
from prismrec.training.found_once import find_once
from worlds import formed, ids, untrained


@pytest.fixture(scope="module")
def recommender(dataset):
    return untrained(dataset)


def test_the_list_contains_the_best_items_of_the_catalog_without_seen_items(dataset, recommender):
    history = dataset.histories[0]
    listed = recommender.ranked([history], 10).items[0]
    vectors = recommender.model.interests_of([history]).vectors[0]
    scores = (vectors @ recommender.model.item_vectors().T).amax(0).detach().numpy()
    scores[[0, *history]] = -np.inf
    assert listed.tolist() == np.argsort(-scores, kind="stable")[:10].tolist()


def test_seen_items_can_be_kept_in_the_list(dataset, recommender):
    whole = dataset.catalog.size - 1
    kept = recommender.ranked([dataset.histories[0]], whole, exclude_seen=False).items[0]
    assert sorted(kept.tolist()) == list(range(1, whole + 1))


def test_keywords_replace_the_fields_of_the_options(dataset, recommender):
    histories, options = [dataset.histories[0]], ListOptions(k=12, diversity=0.3)
    found = recommender.ranked(histories, options, exclude_seen=False)
    expected = recommender.ranked(histories, 12, diversity=0.3, exclude_seen=False)
    assert np.array_equal(found.items, expected.items)
    assert not np.array_equal(found.items, recommender.ranked(histories, options).items)


def test_a_list_is_shorter_than_k_if_too_few_items_are_left(dataset, recommender):
    answer = recommender.recommend(ids(dataset, 0), k=1_000)
    assert len(answer) == dataset.catalog.size - 1 - len(set(dataset.histories[0].tolist()))


def test_a_list_does_not_depend_on_other_users_in_the_batch(dataset, recommender):
    histories = [dataset.histories[user] for user in range(9)]
    together = recommender.ranked(histories, 7, diversity=0.1)
    for row, history in enumerate(histories):
        alone = recommender.ranked([history], 7, diversity=0.1)
        assert alone.items[0].tolist() == together.items[row].tolist()


def test_the_retriever_of_an_answer_can_make_the_lists_of_two_batches(dataset, recommender):
    options = ListOptions(k=7)
    retriever, found = recommender.retriever_for(options), []
    for histories in ([dataset.histories[0]], [dataset.histories[1]]):
        read = recommender.model.interests_of(histories)
        lists = retriever.lists(retriever.parts(histories, read, options, None))
        assert np.array_equal(lists.items, recommender.ranked(histories, 7).items)
        found.append(lists.items.tolist())
    assert found[0] != found[1]


def test_a_batch_without_users_has_no_lists_of_the_usual_length(recommender):
    assert recommender.ranked([], 5).items.shape == (0, 5)
    assert recommender.ranked([], 10_000).items.shape == (0, recommender.catalog.size - 1)
    assert recommender.recommend_many([]) == []


def test_the_answer_changes_only_when_an_event_is_added(dataset, recommender):
    history = ids(dataset, 0)
    answers = {recommender.recommend(history, k=5) for _ in range(20)}
    assert len(answers) == 1
    before = recommender.interests(history)
    assert recommender.interests([*history, ids(dataset, 1)[0]]) != before


def test_unknown_items_are_left_out_and_named(dataset, recommender):
    known = ids(dataset, 0)
    answer = recommender.recommend(["zzz", *known], k=5)
    assert answer.unknown == ("zzz",)
    assert answer.items == recommender.recommend(known, k=5).items


@pytest.mark.parametrize("history", [[], ["zzz"]])
def test_a_history_without_known_items_gets_popular_items(dataset, recommender, history):
    answer = recommender.recommend(history, k=3)
    assert answer.source == "popular"
    most = np.argsort(-dataset.catalog.count[1:], kind="stable")[:3] + 1
    assert [item.id for item in answer] == dataset.catalog.items.external(most.tolist())
    assert recommender.interests(history) == []


def test_every_item_names_its_interest_and_the_history_items_behind_it(dataset, recommender):
    history = ids(dataset, 3)
    numbers = {view.number for view in recommender.interests(history)}
    for item in recommender.recommend(history, k=8):
        assert item.interest in numbers
        assert {reason.id for reason in item.because} <= set(history)
        added = [reason.contribution for reason in item.because]
        assert added == sorted(added, reverse=True)


def test_the_weights_of_an_interest_sum_to_one(dataset, recommender):
    for view in recommender.interests(ids(dataset, 0)):
        assert sum(reason.weight for reason in view.items) == pytest.approx(1, abs=1e-5)


def test_a_larger_strength_never_lowers_diversity(dataset):
    recommender = untrained(dataset)
    cases = split_by_user(dataset, valid=0.0, test=0.5).test
    found = []
    for diversity in (0.0, 0.05, 0.2, 1.0, 10.0):
        recommend = partial(recommender.ranked, diversity=diversity)
        report = evaluate(recommend, cases, ks=(8,), catalog=dataset.catalog, only=("diversity",))
        found.append(report.metrics["diversity@8"])
    assert found == sorted(found)
    assert found[-1] > found[0]


@pytest.mark.slow
def test_a_recommender_of_a_model_that_was_trained_further_is_an_error(dataset, tmp_path):
    recommender, history = untrained(dataset), ids(dataset, 0)
    other = recommender.with_hidden(history[:1]).remembering()
    before = other.recommend(history)
    assert other.recommend(history) == before
    split = split_by_user(dataset)
    train(recommender.model, split.train, TrainConfig(steps=1))
    for one in (recommender, other, other.with_visible(history[:1])):
        for use in (
            lambda one: one.recommend(history),
            lambda one: one.ranked([dataset.histories[0]], 5),
            lambda one: one.similar(history[0]),
            lambda one: one.with_items([NewItem(id="new", related_to=history)]),
            lambda one: save(one, tmp_path / "a"),
        ):
            with pytest.raises(ConfigError, match="changed after the recommender was made"):
                use(one)
    assert not (tmp_path / "a").exists()
    again = Recommender.exact(recommender.model, dataset.catalog)
    assert len(again.recommend(history)) == 20


@pytest.mark.parametrize("copy", [deepcopy, pickle.dumps])
def test_a_recommender_that_is_pickled_or_copied_names_save_and_load(recommender, copy):
    with pytest.raises(ConfigError, match=r"write it with pr\.save\(recommender, folder\)"):
        copy(recommender)


def test_an_item_number_outside_the_catalog_is_named_in_the_error(dataset, recommender):
    beyond = dataset.catalog.size
    with pytest.raises(DataError, match=f"item number {beyond}"):
        recommender.ranked([np.array([1, beyond])], 5)


def test_a_model_of_another_catalog_is_refused(dataset):
    model = Model(dataset.catalog.size + 1, EXTRACTORS["sa"](dim=4, interests=2, max_len=5))
    with pytest.raises(ConfigError, match="catalog of"):
        Recommender.exact(model, dataset.catalog)


@pytest.mark.parametrize("diversity", [-1, float("nan"), float("inf")])
def test_an_invalid_diversity_is_an_error(dataset, recommender, diversity):
    with pytest.raises(ConfigError, match="λ, is"):
        recommender.ranked([dataset.histories[0]], 5, diversity=diversity)


def test_options_and_lengths_of_another_type_are_refused(dataset, recommender):
    history = ids(dataset, 0)
    with pytest.raises(ConfigError, match="options is 5, but must be a ListOptions"):
        recommender.recommend_many([history], 5)
    with pytest.raises(ConfigError, match=r"k is 2\.5, but must be the length of a list"):
        recommender.similar(history[0], 2.5)
    with pytest.raises(ConfigError, match="filter is None, but must be a Filter"):
        recommender.similar(history[0], filter=None)


def test_a_list_of_no_items_is_an_error(dataset, recommender):
    with pytest.raises(ConfigError, match="k is 0"):
        recommender.ranked([dataset.histories[0]], 0)


@pytest.mark.parametrize("name", sorted(EXTRACTORS))
def test_every_extractor_can_recommend(dataset, name):
    interests = 1 if EXTRACTORS[name].single else 3
    recommender = untrained(dataset, extractor=name, interests=interests)
    answer = recommender.recommend(ids(dataset, 0), k=5)
    assert len(answer) == 5
    assert all(0 <= item.interest < interests for item in answer)


def test_of_a_long_history_the_model_reads_only_the_newest_items(dataset, recommender):
    history = np.tile(dataset.histories[0], 5)
    newest = history[-recommender.model.extractor.max_len :]
    whole, cut = (recommender.model.interests_of([h]).vectors for h in (history, newest))
    torch.testing.assert_close(whole, cut)


def test_an_interest_is_named_after_its_most_distinctive_category():
    # Most events are drama (80 of 100). One interest consists of drama and some war, the other of
    # drama and some music. The interests are named after war and music.
    catalog = Catalog(
        items=IdMap(["d", "w", "m"], first=1, kind="item"),
        titles=pl.Series(["D", "W", "M"]),
        category_names=["drama", "war", "music"],
        category_indptr=np.array([0, 0, 1, 2, 3]),
        category_ids=np.array([0, 1, 2], dtype=np.int32),
        count=np.array([0, 80, 10, 10]),
    )
    weights = np.array([[0.6, 0.4, 0.0], [0.6, 0.0, 0.4]])
    read, found = np.array([1, 2, 3]), [np.array([1, 2]), np.array([1, 3])]
    names = name_interests(catalog, read, weights, found, {})
    assert [name.split(", ")[0] for name in names] == ["war", "music"]
    assert name_interests(catalog, read[:1], np.ones((1, 1)), [read[:1]], {}) == ["drama"]


def test_no_two_interests_have_one_name():
    catalog = Catalog(
        items=IdMap(["d", "e", "n"], first=1, kind="item"),
        titles=pl.Series(["D", "E", "N"]),
        category_names=["drama"],
        category_indptr=np.array([0, 0, 1, 2, 2]),
        category_ids=np.array([0, 0], dtype=np.int32),
        count=np.array([0, 1, 1, 1]),
    )
    read, found = np.array([1, 2, 3]), [np.array([1, 2])] * 3
    names = name_interests(catalog, read, np.eye(3), found, {})
    assert names == ["drama", "drama (E)", "N"]  # the last one has no category
    with_given = name_interests(catalog, read, np.eye(3), found, {2: "drama"})
    assert with_given == ["drama (D)", "drama (E)", "drama"]  # the name that is set stays


class CountingExtractor(MeanPool):
    """An extractor that counts in a buffer how often it is used."""

    def __init__(self, **options):
        super().__init__(**options)
        self.register_buffer("uses", torch.zeros(1))

    def forward(self, items, mask):
        self.uses.add_(1)
        return super().forward(items, mask)


def test_an_extractor_may_write_into_its_own_buffers_when_it_is_used(dataset, tmp_path):
    model = Model(dataset.catalog.size, CountingExtractor(dim=8, interests=1, max_len=10))
    recommender = Recommender.exact(model, dataset.catalog)
    recommender.ranked([dataset.histories[0]], 5)
    recommender.ranked([dataset.histories[1]], 5)
    assert model.extractor.uses > 0
    recommender.check_weights()


def test_a_new_index_after_further_training_keeps_the_other_parts(dataset):
    split = split_by_user(dataset)
    hidden = ids(dataset, 0)[0]
    made = replace(untrained(dataset), about={"note": 1}).with_hidden([hidden]).remembering()
    history = dataset.histories[1]
    made.recommend(ids(dataset, 1))
    train(made.model, split.train, TrainConfig(steps=1))
    with pytest.raises(ConfigError, match=r"replace\(recommender, index=index\)"):
        made.with_hidden([]).ranked([history], 5)
    exact = Recommender.exact(made.model, made.catalog)
    renewed = replace(made, index=exact.index)
    expected = exact.with_hidden([hidden]).recommend(ids(dataset, 1))
    assert renewed.recommend(ids(dataset, 1)) == expected
    assert renewed.about == {"note": 1}
    with pytest.raises(ConfigError, match="do not fit its index"):
        made.ranked([history], 5)


def test_measures_of_a_model_that_was_trained_further_are_an_error(dataset):
    split, recommender = split_by_user(dataset), untrained(dataset)
    train(recommender.model, split.train, TrainConfig(steps=1))
    with pytest.raises(ConfigError, match="do not fit its index"):
        diagnose(recommender, split.test)
    with pytest.raises(ConfigError, match="do not fit its index"):
        find_once(recommender, split.test, depth=5, exclude_seen=True)


def test_the_record_states_what_is_blended_in_and_how_interests_are_formed(dataset):
    notes = {"rules": "item-knn was blended in", "interests": "3 clusters", "popularity": "low"}
    about = {"run": {"forming": True, "rules": True, "dim": 8}, "seed": 1} | notes
    rules = RuleRetriever(count_rules(dataset.histories, dataset.catalog.size), 1.0)
    full = replace(formed(dataset).with_rules(rules), about=about)
    without = full.with_rules(None)
    assert without.about == {
        "run": {"forming": True, "rules": False, "dim": 8}, "seed": 1, "interests": "3 clusters",
    }  # fmt: skip
    single = full.with_forming(None)
    assert single.about == {
        "run": {"forming": False, "rules": True, "dim": 8}, "seed": 1,
        "rules": "taken from the model with several interests: item-knn was blended in",
    }  # fmt: skip
    assert full.about == about
    again = single.with_forming(Forming(clusters=3, whole_weight=0.5)).about
    assert (again["run"]["forming"], again["rules"]) == (True, single.about["rules"])
    assert full.with_forming(full.model.forming).about == about
    assert full.with_rules(rules).about == about
