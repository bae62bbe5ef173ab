"""Test kinds and values of events over HTTP, and the dislikes that follow from them."""

from dataclasses import replace

import pytest

from prismrec.data.split import split_by_user
from prismrec.errors import DataError
from prismrec.recommend.artifact import save
from prismrec.service.event_rules import EventRules
from prismrec.service.settings import ServePaths
from prismrec.training import RunConfig, TrainConfig, fit
from service.clients import kind_of, listed, post
from worlds import untrained

pytestmark = pytest.mark.slow
STARS = {"dislikes": "rating<=2", "dislikes_by": "value", "kinds": {"view": 1, "buy": 5}}
RETURNS = {"dislikes": "event=return", "dislikes_by": "kind", "kept_kinds": ["view"]}


@pytest.fixture
def served(dataset, serve, tmp_path):
    """Return a function that starts a service with rules of events and returns its client."""

    def start(weighting, **settings):
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        about = {"dataset": {"fingerprint": "", "weighting": weighting}}
        save(untrained(dataset), folder, about=about)
        return serve(places=ServePaths(artifact=folder), **settings)

    return start


def sent(item, time, user="ann", **more):
    return {"id": f"{item}-{time}", "user": user, "item": item, "time": time} | more


def store_history(client, items):
    post(client, "/v1/events", events=[sent(item, time) for time, item in enumerate(items)])


def without(answer, *names):
    return {name: value for name, value in answer.items() if name not in names}


@pytest.mark.parametrize("states", [True, False])
def test_a_recommender_saved_with_python_knows_dislikes_or_the_log_names_it(
    dataset, serve, tmp_path, caplog, states
):
    dataset = replace(dataset, how={**dataset.how, "weighting": STARS})
    split = split_by_user(dataset)
    made = fit(split, dataset.catalog, RunConfig(dim=8), TrainConfig(steps=1)).recommender
    save(made if states else replace(made, about={}), tmp_path / "a")
    client = serve(places=ServePaths(artifact=tmp_path / "a"))
    bad = sent(dataset.catalog.items.ids[0], 1, value=1)
    assert post(client, "/v1/events", events=[bad])["dislikes"] == int(states)
    assert ("does not state the data set of its training" in caplog.text) != states


@pytest.mark.parametrize("store", ["memory:", "sqlite"])
def test_one_star_is_a_dislike_in_all_later_lists(served, history, store, tmp_path):
    address = f"sqlite:///{tmp_path}/events.db" if store == "sqlite" else store
    client = served(STARS, store=address)
    store_history(client, history)
    before = post(client, "/v1/recommend", user="ann", k=20)
    worst = before["items"][0]["id"]
    one = sent(worst, 50, value=1, kind="view")
    expected = {"stored": 1, "duplicates": 0, "dislikes": 1, "unknown_kinds": 0}
    assert post(client, "/v1/events", events=[one]) == expected
    again = {"stored": 0, "duplicates": 1, "dislikes": 0, "unknown_kinds": 0}
    assert post(client, "/v1/events", events=[one | {"value": 5}]) == again
    after = post(client, "/v1/recommend", user="ann", k=20, explain=True)
    asked = post(client, "/v1/recommend", history=history, dislikes=[worst], k=20, explain=True)
    assert after == asked
    assert after["options"]["dislikes"] == [worst]
    assert worst not in listed(after)
    assert all(
        event["id"] != worst for interest in after["interests"] for event in interest["items"]
    )
    (batch,) = post(client, "/v1/recommend/batch", requests=[{"user": "ann"}])["answers"]
    assert listed(batch) == listed(after)
    shown = client.get("/v1/users/ann/history").json()["events"][-1]
    assert without(shown, "title", "known") == {
        "id": f"{worst}-50", "item": worst, "time": 50, "kind": "view", "value": 1.0,
        "disliked": True,
    }  # fmt: skip
    interests = client.get("/v1/users/ann/interests").json()["interests"]
    assert worst not in [item["id"] for one in interests for item in one["items"]]
    assert client.delete(f"/v1/users/ann/events/{worst}-50").json() == {"forgotten": 1}
    assert post(client, "/v1/recommend", user="ann", k=20) == before


def test_a_later_like_ends_a_dislike_and_a_dislike_ends_no_like(served, history):
    client = served(STARS)
    store_history(client, history)
    item = history[-1]

    def dislikes(**more):
        return post(client, "/v1/recommend", user="ann", **more)["options"]["dislikes"]

    post(client, "/v1/events", events=[sent(item, 50, value=2), sent("x", 50, value=2)])
    assert dislikes() == [item, "x"]
    assert post(client, "/v1/recommend", user="ann")["unknown_filter"] == ["x"]
    assert dislikes(history=[item]) == ["x"]  # it follows the stored events
    assert dislikes(dislikes=[item, "y"]) == [item, "y", "x"]
    stored = client.get("/v1/users/ann/history").json()["events"]
    assert [one["disliked"] for one in stored if one["item"] == item][-2:] == [False, True]
    post(client, "/v1/events", events=[sent(item, 51, value=3)])
    assert dislikes() == ["x"]
    post(client, "/v1/events", events=[sent(item, 52, value=-4.5)])
    assert dislikes() == ["x", item]
    post(client, "/v1/events", events=[{"user": "ann", "item": "x", "value": 2}])
    post(client, "/v1/events", events=[{"user": "ann", "item": "x"}])
    assert dislikes() == [item]


def test_an_event_without_a_time_ends_a_dislike_of_a_clock_that_is_ahead(served, history):
    client = served(STARS)
    ahead = client.context.clock.now() + 60_000_000
    post(client, "/v1/events", events=[sent(history[0], ahead, value=1)])
    post(client, "/v1/events", events=[{"user": "ann", "item": history[0]}])
    assert post(client, "/v1/recommend", user="ann")["options"]["dislikes"] == []


def test_users_of_one_group_get_lists_by_their_own_dislikes(served, history):
    client = served(STARS)
    top = listed(post(client, "/v1/recommend", history=history))[0]
    for user, value in (("ann", 1), ("bob", 5)):
        events = [sent(item, time, user) for time, item in enumerate(history)]
        post(client, "/v1/events", events=[*events, sent(top, 99, user, value=value)])
    post(client, "/v1/events", events=[sent(item, n, "eve") for n, item in enumerate(history)])
    requests = [{"user": "ann"}, {"user": "bob"}, {"user": "eve"}, {"history": history}]
    ann, bob, eve, plain = post(client, "/v1/recommend/batch", requests=requests)["answers"]
    assert top not in listed(ann)
    assert [one["options"]["dislikes"] for one in (ann, bob, eve)] == [[top], [], []]
    assert listed(eve) == listed(plain)
    assert top in listed(eve)


def test_kinds_are_those_of_the_data_set(served):
    client = served(RETURNS)
    kinds = ["view", "return", "refund", None]
    events = [sent(f"{n}", n, kind=kind, value=1) for n, kind in enumerate(kinds)]
    counts = post(client, "/v1/events", events=events)
    assert counts == {"stored": 4, "duplicates": 0, "dislikes": 1, "unknown_kinds": 1}
    stored = client.get("/v1/users/ann/history").json()["events"]
    assert [(one["kind"], one["disliked"]) for one in stored] == [
        ("view", False), ("return", True), ("refund", False), (None, False),
    ]  # fmt: skip


def test_without_rules_every_event_is_a_plain_one(client):
    events = [sent("a", 1, kind="return"), sent("b", 2, value=-1)]
    counts = post(client, "/v1/events", events=events)
    assert counts == {"stored": 2, "duplicates": 0, "dislikes": 0, "unknown_kinds": 1}
    assert post(client, "/v1/recommend", user="ann")["options"]["dislikes"] == []


def test_dislikes_are_merged_and_erased_with_their_user(served, history):
    client = served(STARS)
    post(client, "/v1/events", events=[sent(history[0], 1, "guest", value=1), sent("b", 2)])
    assert post(client, "/v1/users/ann/merge", anonymous="guest") == {"merged": 1}
    assert post(client, "/v1/recommend", user="ann")["options"]["dislikes"] == [history[0]]
    assert client.delete("/v1/users/ann").json() == {"forgotten": 2}
    assert post(client, "/v1/recommend", user="ann")["options"]["dislikes"] == []


@pytest.mark.parametrize(
    "wrong",
    [{"kind": ""}, {"kind": 5}, {"kind": "a\0"}, {"kind": "é" * 501}, {"value": "good"},
     {"value": True}, {"value": [1]}],
)  # fmt: skip
def test_a_wrong_kind_or_value_is_refused(client, wrong):
    answer = client.post("/v1/events", json={"events": [sent("a", 1, **wrong)]})
    assert (answer.status_code, kind_of(answer)) == (422, "invalid_request")
    assert client.get("/v1/users/ann/history").json()["events"] == []


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999"])
def test_a_value_that_is_not_finite_is_refused(client, value):
    body = '{"events": [{"user": "ann", "item": "a", "value": VALUE}]}'.replace("VALUE", value)
    answer = client.post("/v1/events", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize(
    "weighting",
    [5, "x", {"dislikes": 5, "dislikes_by": "value"}, {"dislikes": "?", "dislikes_by": "kind"},
     {"kinds": 5}, {"kept_kinds": [[]]}],
)  # fmt: skip
def test_a_wrong_entry_of_the_manifest_is_refused(weighting):
    with pytest.raises(DataError, match="wrong entry"):
        EventRules.of({"dataset": {"weighting": weighting}})


def test_artifacts_of_earlier_versions_have_no_rules():
    for about in ({}, {"dataset": None}, {"dataset": {}}, {"dataset": {"weighting": {}}},
                  {"dataset": {"weighting": {"dislikes": "rating<=2"}}}):  # fmt: skip
        assert EventRules.of(about) == EventRules()


def test_the_first_answer_of_the_page_has_the_dislikes_of_the_user(served, history):
    client = served(STARS)
    store_history(client, history)
    post(client, "/v1/events", events=[sent("x", 50, value=1, kind="view")])
    start = client.get("/v1/start", params={"user": "ann"}).json()
    assert start["answer"]["options"]["dislikes"] == ["x"]
    assert [one["id"] for one in start["history"]] == history
    last = start["base"][-1]
    assert last["id"] == history[-1]
    assert start["disliked"] == [
        {"id": "x", "title": "x", "known": False, "time": 50, "kind": "view", "value": 1.0}
    ]
