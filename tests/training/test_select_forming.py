"""How interests are formed is chosen on validation: the first way that is level with the best."""

from types import SimpleNamespace

import numpy as np
import pytest

from prismrec.data.cases import Case
from prismrec.evaluation.evaluate import evaluate
from prismrec.models import Forming
from prismrec.training import select_forming
from prismrec.training.select_forming import (
    FORMINGS,
    MIXED,
    MIXED_FORMINGS,
    UNCERTAIN,
    choose_forming,
    usual_forming,
)
from worlds import formed


@pytest.fixture(autouse=True)
def many_users(monkeypatch):
    """Treat the few users of these tests as many, and their few items too."""
    monkeypatch.setattr(select_forming, "MANY_USERS", 20)
    monkeypatch.setattr(select_forming, "list_lengths", lambda _, *wanted: wanted)


@pytest.fixture
def recommender(dataset):
    return formed(dataset).with_forming(None)


@pytest.fixture
def cases(dataset):
    histories = [dataset.histories[user] for user in range(40)]
    return [Case(history[:-3], history[-3:]) for history in histories]


@pytest.fixture
def pretend(monkeypatch):
    """Return a function that sets the recall of each way to form interests, and what is worse."""

    def set_recall(recall, worse=()):
        """``recall``: by place in ``FORMINGS``, None for the model alone; ``worse``: the same."""

        def report(recommend, cases, **options):
            forming = recommend.func.__self__.model.forming
            place = None if forming is None else FORMINGS.index(forming)
            value = recall.get(place, 0.05)
            values = value if isinstance(value, tuple) else (value,) * 3
            lengths = options["ks"]
            metrics = {f"recall@{k}": v for k, v in zip(lengths, values, strict=True)}
            return SimpleNamespace(metrics=metrics, place=place)

        def compared(one, plain, name):
            assert plain.place is None
            return SimpleNamespace(verdict=worse.get(one.place, {}).get(name, "level"))

        worse = {place: {"recall@50": "worse"} for place in worse}
        monkeypatch.setattr(select_forming, "evaluate", report)
        monkeypatch.setattr(select_forming, "compare", compared)
        monkeypatch.setattr(select_forming, "TOLERANCE", 0.01)

    return set_recall


def chosen(recommender, cases):
    found, how, _ = choose_forming(recommender, cases, metric="recall", exclude_seen=True)
    return found.model.forming, how


@pytest.mark.parametrize(
    ("recall", "expected"),
    [
        ({}, 0),  # all are level
        ({0: 0.0991, 1: 0.1}, 0),  # the first one is within 1 %
        ({0: 0.0989, 1: 0.1}, 1),
        ({0: 0.0980, 1: 0.0985, 2: 0.0995, 3: 0.0995, 4: 0.1}, 2),
        ({4: 0.1}, 4),
        # The geometric mean counts: a long list does not make up for its top.
        ({0: (0.05, 0.1, 0.3), 1: (0.1, 0.1, 0.2)}, 1),
        ({None: 0.5}, 0),  # only "worse" beyond the interval matters
    ],
)
def test_the_first_way_within_the_tolerance_of_the_best_is_chosen(
    recommender, cases, pretend, recall, expected
):
    pretend(recall)
    assert chosen(recommender, cases)[0] == FORMINGS[expected]


@pytest.mark.parametrize(("better", "expected"), [(1.01, 0), (1.03, 1)])
def test_the_tolerance_is_two_percent(recommender, cases, pretend, monkeypatch, better, expected):
    tolerance = select_forming.TOLERANCE
    pretend({0: 0.1, 1: 0.1 * better})
    monkeypatch.setattr(select_forming, "TOLERANCE", tolerance)
    assert chosen(recommender, cases)[0] == FORMINGS[expected]


def test_ways_that_lower_a_metric_are_left_out(recommender, cases, pretend):
    pretend({0: 0.3, 1: 0.2, 2: 0.1, 3: 0.1}, worse=[0, 1])
    assert chosen(recommender, cases)[0] == FORMINGS[2]


def test_where_every_way_lowers_a_metric_no_interests_are_formed(recommender, cases, pretend):
    pretend({}, worse=range(len(FORMINGS)))
    forming, how = chosen(recommender, cases)
    assert forming is None
    assert how == "interests were not formed: each way lowers recall on validation"


def test_the_sentence_states_the_choice_and_both_results(recommender, cases, pretend):
    pretend({None: 0.0812, 1: (0.07, 0.0923, 0.11)})
    forming, how = chosen(recommender, cases)
    assert how == (
        f"interests are the whole history (weight {forming.whole_weight:g}) and up to "
        f"{forming.clusters} clusters of it: recall@20 on validation 0.0923, with one interest "
        "0.0812"
    )


def test_with_few_users_the_default_is_used(recommender, cases, monkeypatch):
    monkeypatch.setattr(select_forming, "evaluate", None)  # nothing is measured
    for few in ([], cases[: select_forming.MIN_USERS - 1]):
        forming, how = chosen(recommender, few)
        assert forming == UNCERTAIN
        assert f"up to {UNCERTAIN.clusters} clusters" in how
        assert "too few validation users" in how


def test_few_users_do_not_choose_a_small_weight_of_the_whole(
    recommender, cases, pretend, monkeypatch
):
    pretend({place: 0.2 if one.whole_weight < 0.7 else 0.1 for place, one in enumerate(FORMINGS)})
    assert chosen(recommender, cases)[0].whole_weight == 0.5
    monkeypatch.setattr(select_forming, "MANY_USERS", len(cases) + 1)
    assert chosen(recommender, cases)[0] == UNCERTAIN


def test_after_a_training_that_read_clusters_also_few_users_choose_a_small_weight(
    recommender, cases, monkeypatch
):
    monkeypatch.setattr(select_forming, "MANY_USERS", len(cases) + 1)
    mixed = {"metric": "recall", "exclude_seen": True, "mixed": True}
    _, _, reports = choose_forming(recommender, cases, **mixed)
    assert tuple(reports) == MIXED_FORMINGS
    few = cases[: select_forming.MIN_USERS - 1]
    found, how, _ = choose_forming(recommender, few, **mixed)
    assert found.model.forming == MIXED == usual_forming(mixed=True)
    assert "too few validation users" in how
    assert usual_forming(mixed=False) == UNCERTAIN


def test_users_are_an_even_sample_and_options_are_passed_on(recommender, cases, monkeypatch):
    asked = []

    def recorded(recommend, some, **options):
        asked.append((len(some), recommend.keywords, options["only"]))
        return evaluate(recommend, some, **options)

    monkeypatch.setattr(select_forming, "evaluate", recorded)
    monkeypatch.setattr(select_forming, "FORMING_USERS", 20)
    choose_forming(recommender, cases, metric="ndcg", exclude_seen=False)
    assert asked == [(20, {"exclude_seen": False}, ("ndcg",))] * (1 + len(FORMINGS))


def test_what_is_chosen_is_what_was_measured(recommender, cases):
    names = [f"recall@{k}" for k in select_forming.LENGTHS]

    def measured(one):
        found = evaluate(one.ranked, cases, ks=select_forming.LENGTHS, only=("recall",)).metrics
        return found, np.exp(np.mean([np.log(max(found[name], 1e-9)) for name in names]))

    forming, how = chosen(recommender, cases)
    assert forming in FORMINGS  # a random model: no way is worse beyond the interval
    results = {one: measured(recommender.with_forming(one))[1] for one in FORMINGS}
    assert results[forming] >= (1 - select_forming.TOLERANCE) * max(results.values())
    reached, _ = measured(recommender.with_forming(forming))
    alone, _ = measured(recommender)
    assert f"{reached['recall@20']:.4f}, with one interest {alone['recall@20']:.4f}" in how
    assert recommender.model.forming is None  # the given one is unchanged


def test_the_choices_are_different_and_possible():
    assert len(set(FORMINGS)) == len(FORMINGS)
    assert all(isinstance(one, Forming) for one in FORMINGS)
    assert UNCERTAIN in FORMINGS
