"""Test the first request of the page."""

import json
import shutil
import time

import pytest

from prismrec.data import save_dataset
from prismrec.errors import StoreError
from prismrec.recommend import load
from prismrec.service.settings import ServePaths
from service.clients import event, kind_of, listed, post

pytestmark = pytest.mark.slow

READ = {"read": ("read-key-of-some-length",)}


@pytest.fixture
def data(dataset, tmp_path):
    save_dataset(dataset, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def with_data(serve, artifact, data):
    return serve(places=ServePaths(artifact=artifact, data=data))


def start(client, **query):
    answer = client.get("/v1/start", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(items):
    return [item["id"] for item in items]


def test_one_request_has_all_that_the_page_shows_first(with_data):
    found = start(with_data)
    assert found["artifact"] == with_data.get("/v1/artifact").json()
    examples = with_data.get("/v1/examples", params={"order": "different"}).json()["users"]
    assert found["examples"] == examples
    assert found["source"] == "example"
    chosen = next(user for user in examples if user["user"] == found["user"])
    assert ids(found["history"]) == ids(found["base"]) == chosen["history"]
    answer = post(with_data, "/v1/recommend", history=chosen["history"], explain=True)
    assert found["answer"] == answer
    assert found["answer"]["interests"]


def test_the_history_has_titles_and_marks_unknown_items(with_data, artifact, history):
    catalog = load(artifact).catalog
    found = start(with_data, history=[*history[:2], "no such item", ""])
    assert found["source"] == "history"
    assert found["user"] is None
    titles = [catalog.title(int(catalog.items.index([name])[0])) for name in history[:2]]
    assert [(one["title"], one["known"]) for one in found["history"]] == [
        *((title, True) for title in titles),
        ("no such item", False),
    ]
    assert found["answer"]["unknown"] == ["no such item"]


def test_an_empty_history_gets_popular_items(with_data):
    found = start(with_data, history="")
    assert found["base"] == found["history"] == []
    assert found["answer"]["source"] == "popular"


def test_without_a_data_set_there_is_nobody_to_choose(client):
    found = start(client)
    assert (found["source"], found["user"], found["examples"]) == ("none", None, [])
    assert found["answer"]["source"] == "popular"


def test_a_user_is_an_example_or_has_stored_events(with_data, dataset, history):
    name = dataset.users.external([3])[0]
    own = dataset.catalog.items.external(dataset.histories[3].tolist())
    post(with_data, "/v1/events", events=[event(name, history[0])])
    post(with_data, "/v1/events", events=[event("ann", item) for item in history[:4]])
    example = start(with_data, user=name)
    assert (example["source"], ids(example["history"])) == ("example", own)
    stored = start(with_data, user="ann")
    assert (stored["source"], ids(stored["history"])) == ("stored", history[:4])
    assert all(item["time"] for item in stored["history"])
    nobody = start(with_data, user="nobody")
    assert (nobody["source"], nobody["history"]) == ("stored", [])


def test_the_history_can_be_changed(client, history):
    a, b, c = history[:3]
    found = start(client, history=[a, b, a, c], removed=[a, "zzz"], appended=[b])
    assert ids(found["base"]) == [a, b, a, c]
    assert ids(found["history"]) == [a, b, c, b], "the newest occurrence is removed"
    assert listed(found["answer"]) == listed(
        post(client, "/v1/recommend", history=[a, b, c, b], explain=True)
    )


def test_the_options_of_the_list_are_those_of_a_request(client, history):
    options = {"k": 5, "diversity": 0.3, "explain": False, "blocked": history[-1:]}
    found = start(client, history=history[:3], options=json.dumps(options))
    assert found["answer"] == post(client, "/v1/recommend", history=history[:3], **options)
    assert len(found["answer"]["items"]) == 5


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({"options": "x"}, "options is not a JSON object"),
        ({"options": "[1]"}, "options is not a JSON object"),
        ({"options": '{"user":"ann"}'}, "without user and history"),
        ({"options": '{"history":[]}'}, "without user and history"),
        ({"options": '{"k":0}'}, "options.k: "),
        ({"options": '{"unknown":0}'}, "options.unknown: "),
        ({"options": '{"rerank":"os:system"}'}, "rerank is 'os:system'"),
        ({"options": '{"categories":["no such"]}'}, "no such"),
        ({"options": '{"diversity":1,"diversity_target":1}'}, "two units"),
        ({"examples": "201"}, "examples: "),
        ({"user": "x" * 1_001}, "user: "),
    ],
)
def test_wrong_queries_are_refused_with_the_reason(client, query, text):
    answer = client.get("/v1/start", params=query)
    assert answer.status_code in (404, 422)
    assert kind_of(answer) in ("invalid_request", "unknown_name")
    assert text in answer.json()["error"]["message"]


def test_a_read_key_is_needed(serve):
    guarded = serve(keys=READ)
    assert guarded.get("/v1/start").status_code == 401
    key = {"Authorization": f"Bearer {READ['read'][0]}"}
    assert guarded.get("/v1/start", headers=key).status_code == 200


def test_without_a_store_only_its_users_have_to_wait(with_data, history, monkeypatch):
    def stopped(*_):
        raise StoreError("The store has stopped.")

    client = with_data
    monkeypatch.setattr(client.context.store, "recent", stopped)
    assert client.get("/v1/start").status_code == 200
    assert client.get("/v1/start", params={"history": history}).status_code == 200
    refused = client.get("/v1/start", params={"user": "ann"})
    assert kind_of(refused) == "store_unavailable"
    assert refused.headers["retry-after"] == "1"


def test_the_list_counts_in_the_metrics(client, history):
    start(client, history=history)
    text = client.get("/metrics").text
    assert 'prismrec_lists_total{source="interests"} 1.0' in text
    assert 'prismrec_requests_total{route="/v1/start",status="200"} 1.0' in text


def test_a_reload_in_between_does_not_mix_two_artifacts(
    serve, artifact, world, history, monkeypatch
):
    client = serve(places=ServePaths(artifact=artifact))
    answering, reloaded = client.context.answering, []
    answer = answering.answer

    async def reload_first(request):
        if not reloaded:
            shutil.rmtree(artifact)
            shutil.copytree(world / "other", artifact)
            reloaded.append(client.context.versions.reload())
        return await answer(request)

    monkeypatch.setattr(answering, "answer", reload_first)
    found = start(client, history=history)
    assert found["artifact"]["artifact"] == found["answer"]["artifact"] == reloaded[0].artifact
    assert reloaded[0].artifact != reloaded[0].was


def test_the_search_and_the_map_are_prepared_while_the_visitor_reads(client):
    served = client.context.versions.current()
    assert not {"titles", "labels", "plane"} & served.__dict__.keys()
    start(client, history="")
    until = time.monotonic() + 20
    while not {"titles", "labels", "plane"} <= served.__dict__.keys():
        assert time.monotonic() < until
        time.sleep(0.01)
