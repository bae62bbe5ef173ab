"""The options of the interests over HTTP: what they do, and what happens when they conflict."""

import pytest

from prismrec.recommend.artifact import save
from prismrec.service.settings import ServePaths
from worlds import formed, ids

pytestmark = pytest.mark.slow


@pytest.fixture
def ask(dataset, serve, tmp_path):
    """Return a function that asks a service with a formed model for a list."""
    save(formed(dataset), tmp_path / "formed")
    client = serve(places=ServePaths(artifact=tmp_path / "formed"))

    def request(history=None, *, status=200, k=8, diversity=None, frontier=False, **interests):
        body = {"history": ids(dataset, 0) if history is None else history, "k": k}
        body |= {"interests": interests, "explain": True, "frontier": frontier}
        if diversity is not None:
            body["diversity"] = diversity
        answer = client.post("/v1/recommend", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    return request


def numbers(answer):
    return [item["interest"] for item in answer["items"]]


def test_a_muted_interest_is_shown_without_items(ask):
    first = ask()["interests"][0]["number"]
    answer = ask(weights={str(first): 0})
    (muted,) = (one for one in answer["interests"] if one["number"] == first)
    assert (muted["weight"], muted["share"]) == (0, 0)
    assert first not in numbers(answer)
    assert len(answer["items"]) == 8


def test_a_minimum_of_a_muted_interest_has_no_effect(ask):
    first = ask()["interests"][0]["number"]
    answer = ask(weights={str(first): 0}, minimum={str(first): 5})
    assert first not in numbers(answer)
    assert len(answer["items"]) == 8


def test_the_minima_of_smaller_numbers_are_met_first(ask):
    shown = [one["number"] for one in ask()["interests"]]
    answer = ask(k=4, minimum={str(shown[1]): 3, str(shown[0]): 3})
    assert numbers(answer).count(shown[0]) == 3
    assert numbers(answer).count(shown[1]) == 1


def test_a_minimum_holds_together_with_diversity_and_shares(ask):
    last = ask()["interests"][-1]["number"]
    for mix in ("mixture", "shares"):
        answer = ask(mix=mix, minimum={str(last): 4}, diversity=0.5)
        assert numbers(answer).count(last) >= 4


def test_numbers_of_no_interest_have_no_effect(ask):
    plain, answer = ask(), ask(weights={"77": 0, "99": 2}, minimum={"88": 3})
    assert answer["items"] == plain["items"]
    assert answer["interests"] == plain["interests"]


def test_the_whole_history_has_no_items_to_mute(ask):
    assert ask(weights={"0": 0})["items"] == ask()["items"]


def test_the_weight_by_number_wins_over_that_of_the_added_interest(ask):
    added = [{"category": "cluster 3", "weight": 0}]
    number = ask(added=added)["interests"][-1]["number"]
    answer = ask(added=added, weights={str(number): 3}, minimum={str(number): 2})
    (one,) = (one for one in answer["interests"] if one["number"] == number)
    assert (one["added"], one["weight"], one["name"]) == (True, 3, "cluster 3")
    assert numbers(answer).count(number) >= 2


def test_an_empty_history_with_an_added_interest_gets_a_list_of_interests(ask):
    answer = ask([], added=[{"item": "3"}])
    assert answer["source"] == "interests"
    assert len(answer["items"]) == 8
    assert ask([], weights={"0": 0, "1": 0})["items"] == ask([])["items"]


def test_an_empty_history_with_muted_interests_gets_popular_items(ask):
    muted = [{"category": "cluster 3", "weight": 0}, {"item": "3", "weight": 0}]
    answer, popular = ask([], added=muted, frontier=True), ask([], frontier=True)
    assert answer["source"] == "popular"
    assert answer["items"] == popular["items"]
    assert answer["frontier"] == popular["frontier"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"mix": "both"},
        {"weights": {"1": -1}},
        {"weights": {"one": 1}},
        {"minimum": {"1": -1}},
        {"added": [{}]},
        {"added": [{"category": "cluster 3", "item": "3"}]},
    ],
)
def test_impossible_options_are_refused(ask, wrong):
    message = ask(status=422, **wrong)["error"]["message"]
    assert message.endswith(".")
    assert not message.endswith("..")


def test_unknown_categories_and_items_are_refused(ask):
    for wrong in ({"category": "nothing"}, {"item": "nothing"}):
        assert "nothing" in ask(status=404, added=[wrong])["error"]["message"]
