"""Histories that come again are not read again, and their lists stay the same."""

from dataclasses import replace
from unittest import mock

import numpy as np
import pytest

from prismrec.models import Model
from prismrec.recommend import remembered
from prismrec.recommend.cold_start import NewItem
from prismrec.rerank import AddedInterest, InterestOptions, ListOptions
from worlds import formed, ids, untrained


@pytest.fixture(params=["formed", "one head"])
def recommender(dataset, request):
    made = formed(dataset) if request.param == "formed" else untrained(dataset)
    return made.remembering()


@pytest.fixture
def reads(monkeypatch):
    """Return the number of histories of each call of the model."""
    calls, whole = [], Model.interests_of

    def counted(self, histories, *given, **named):
        calls.append(len(histories))
        return whole(self, histories, *given, **named)

    monkeypatch.setattr(Model, "interests_of", counted)
    return calls


def same(one, other):
    assert [item.id for item in one] == [item.id for item in other]
    assert [item.score for item in one] == pytest.approx([i.score for i in other], abs=1e-5)
    assert [item.because for item in one] == [
        tuple(
            replace(b, contribution=pytest.approx(b.contribution, abs=1e-5), share=pytest.approx(
                b.share, abs=1e-4)) for b in item.because
        ) for item in other
    ]  # fmt: skip
    assert [(i.name, i.number) for i in one.interests] == [
        (i.name, i.number) for i in other.interests
    ]


def test_a_history_that_comes_again_is_not_read_again(dataset, recommender, reads):
    history = ids(dataset, 0)
    first = recommender.recommend(history, 7)
    for options in ({}, {"diversity": 0.4}, {"explain": False}, {"frontier": True}):
        again = recommender.recommend(history, 7, **options)
        if not options.get("diversity"):
            assert [item.id for item in again] == [item.id for item in first]
            assert [item.score for item in again] == [item.score for item in first]
    same(recommender.recommend(history, 7), first)
    assert reads == [1]
    recommender.recommend(history[:-1], 7)
    assert reads == [1, 1]


def test_known_and_new_histories_of_other_lengths_are_joined(dataset, recommender, reads):
    histories = [ids(dataset, user) for user in range(6)]
    histories += [histories[0][:1], [], ["unknown"], histories[1]]
    fresh = recommender.remembering()
    expected = [fresh.recommend(history, 7) for history in histories]
    assert reads == [1] * 8  # the empty one, and the last one, came before
    reads.clear()
    recommender.recommend_many([histories[n] for n in (4, 6, 1)], ListOptions(k=7))
    found = recommender.recommend_many(histories, ListOptions(k=7))
    assert reads == [3, 6]
    for one, other in zip(found, expected, strict=True):
        same(one, other)


def test_states_are_read_when_reasons_are_asked_for(dataset, recommender, reads):
    history = ids(dataset, 2)
    plain = recommender.recommend(history, 5, explain=False)
    with_reasons = recommender.recommend(history, 5)
    assert reads == [1, 1]
    assert all(item.because for item in with_reasons)
    assert [item.id for item in plain] == [item.id for item in with_reasons]
    recommender.recommend(history, 5, explain=False)
    assert reads == [1, 1]


def test_only_the_newest_histories_are_remembered(dataset, recommender, reads):
    histories = [ids(dataset, user)[-5:] for user in range(5)]
    other = recommender.remembering()
    other.recommend(histories[0], 5)
    three = 3 * other.remembered.size
    with mock.patch.object(remembered, "REMEMBERED", three):
        for number in (0, 1, 2, 0, 3, 4):
            recommender.recommend(histories[number], 5)
        assert len(recommender.remembered.found) == 3
        assert recommender.remembered.size == three
        reads.clear()
        for number in (0, 3, 4, 1):
            recommender.recommend(histories[number], 5)
    assert reads == [1]
    assert all(
        one.vectors.untyped_storage().nbytes() == one.vectors.nbytes
        for one in recommender.remembered.found.values()
    )


@pytest.mark.slow
def test_a_whole_file_of_histories_is_not_remembered(dataset, recommender):
    histories = [ids(dataset, user % 30) for user in range(remembered.TOGETHER + 1)]
    recommender.recommend_many(histories)
    assert not recommender.remembered.found
    assert recommender.recommend_many([]) == []


def test_another_model_and_added_interests_are_read(dataset, reads):
    recommender = formed(dataset).remembering()
    history = ids(dataset, 0)
    several = recommender.recommend(history, 9)
    single = recommender.with_forming(None).recommend(history, 9)
    assert len(several.interests) > len(single.interests) == 1
    added = InterestOptions(added=[AddedInterest(category=dataset.catalog.category_names[0])])
    for _ in range(2):
        recommender.recommend(history, 9, interests=added)
    assert reads == [1, 1, 1, 1]
    hiding = recommender.with_hidden([several.items[0].id])
    assert several.items[0].id not in [item.id for item in hiding.recommend(history, 9)]
    assert reads == [1, 1, 1, 1]  # another recommender, but the same model
    assert np.array_equal(
        [item.score for item in recommender.recommend(history, 9)],
        [item.score for item in several],
    )


def test_a_recommender_with_new_items_remembers_without_the_model_of_before(dataset, reads):
    recommender, history = formed(dataset).remembering(), ids(dataset, 0)
    recommender.recommend(history, 5)
    larger = recommender.with_items([NewItem(id="new", related_to=history[:1])])
    assert larger.remembered.model is larger.model is not recommender.model
    for _ in range(2):
        larger.recommend(history, 5)
    assert reads == [1, 1]


def test_only_a_recommender_that_is_asked_to_remembers(dataset, reads):
    recommender = untrained(dataset)
    for _ in range(2):
        recommender.recommend(ids(dataset, 0), 5)
    assert reads == [1, 1]
    assert recommender.remembered is None
