"""Test the API: requests, answers, and how events change answers."""

import json
import re
import shutil
import urllib.parse
from dataclasses import replace

import numpy as np
import pytest

from prismrec.data.storage import save_dataset
from prismrec.models import Forming
from prismrec.recommend import ContentProjection
from prismrec.recommend.artifact import load, save
from prismrec.service import items
from prismrec.service.settings import ServePaths
from service.clients import event, kind_of, listed, post
from service.processes import wait_until
from worlds import formed, untrained

pytestmark = pytest.mark.slow


def test_the_answer_equals_that_of_the_recommender(client, artifact, history):
    answer = post(client, "/v1/recommend", history=history, k=7, diversity=0.2, explain=True)
    expected = load(artifact).recommend(history, 7, diversity=0.2)
    assert listed(answer) == [item.id for item in expected]
    for item, same in zip(answer["items"], expected, strict=True):
        assert item["score"] == pytest.approx(same.score)
        assert item["because"] == [vars(reason) for reason in same.because]
        assert item["rank_by_score"] == same.rank_by_score
    assert answer["diversity"] == pytest.approx(expected.diversity)
    assert answer["strength"] == 0.2
    assert sum(interest["share"] for interest in answer["interests"]) == pytest.approx(1)


def test_an_unknown_user_with_a_history_gets_an_answer_from_it(client, history):
    answer = post(client, "/v1/recommend", history=history[:2], k=5)
    assert answer["source"] == "interests"
    assert len(answer["items"]) == 5


@pytest.mark.parametrize(
    ("given", "source", "unknown"),
    [(["zzz"], "popular", ["zzz"]), ([], "popular", [])],
)
def test_unknown_items_are_named_and_popular_answers_are_marked(client, given, source, unknown):
    answer = post(client, "/v1/recommend", history=given, k=5)
    assert (answer["source"], answer["unknown"]) == (source, unknown)
    assert len(answer["items"]) == 5


def test_an_event_changes_the_next_answer(client, history):
    post(client, "/v1/events", events=[event("ann", item) for item in history])
    before = post(client, "/v1/recommend", user="ann", k=5, explain=True)
    assert post(client, "/v1/recommend", user="ann", k=5, explain=True) == before
    clicked = listed(before)[0]
    assert post(client, "/v1/events", events=[event("ann", clicked)])["stored"] == 1
    after = post(client, "/v1/recommend", user="ann", k=5, explain=True)
    assert clicked not in listed(after)
    assert after["interests"] != before["interests"]
    kept = post(client, "/v1/recommend", user="ann", k=40, exclude_seen=False)
    assert clicked in listed(kept)


def test_an_event_sent_twice_is_stored_once(client):
    once = event("ann", "x")
    assert post(client, "/v1/events", events=[once]) == {"stored": 1, "duplicates": 0}
    assert post(client, "/v1/events", events=[once]) == {"stored": 0, "duplicates": 1}
    found = client.get("/v1/users/ann/history").json()["events"]
    assert [e["id"] for e in found] == [once["id"]]


def test_a_late_event_is_sorted_by_its_time(client):
    events = [event("ann", name, time=time) for name, time in (("a", 10), ("c", 30), ("b", 20))]
    post(client, "/v1/events", events=events)
    found = client.get("/v1/users/ann/history").json()["events"]
    assert [e["item"] for e in found] == ["a", "b", "c"]
    assert {e["known"] for e in found} == {False}


@pytest.mark.parametrize("user", ["a/b", "ümlaut 用户", "9000000000000000019", "a?b#c", "."])
def test_unusual_ids_are_stored_and_returned_unchanged(client, history, user):
    post(client, "/v1/events", events=[event(user, item) for item in history])
    path = "/v1/users/" + urllib.parse.quote(user, safe="").replace(".", "%2E")
    found = client.get(f"{path}/history").json()
    assert found["user"] == user
    assert len(found["events"]) == len(history)
    assert client.get(f"{path}/interests").json()["interests"]
    assert client.delete(path).json() == {"forgotten": len(history)}
    assert client.get(f"{path}/history").json()["events"] == []


def test_a_hidden_item_is_removed_immediately_and_stays_hidden_after_a_restart(serve, history):
    client = serve()
    top = listed(post(client, "/v1/recommend", history=history, k=3))[0]
    hidden = {"hidden": 1, "changed": [top], "unknown": []}
    assert post(client, "/v1/items/hide", items=[top, top]) == hidden
    # Somebody who hides it again knows that it was hidden before.
    assert post(client, "/v1/items/hide", items=[top]) == hidden | {"changed": []}
    for same in (client, serve()):
        answer = post(same, "/v1/recommend", history=history, k=3)
        assert top not in listed(answer)
        assert len(answer["items"]) == 3
    assert client.get("/v1/items", params={"id": top}).json()["items"][0]["hidden"]
    for changed in ([top], []):
        answer = post(client, "/v1/items/unhide", items=[top])
        assert answer == {"hidden": 0, "changed": changed, "unknown": []}
    assert listed(post(client, "/v1/recommend", history=history, k=3))[0] == top


def test_a_change_in_one_process_also_applies_in_another(serve, history, dataset):
    one, other = serve(), serve()
    top = listed(post(one, "/v1/recommend", history=history, k=1))[0]
    post(other, "/v1/items/hide", items=[top])
    post(other, "/v1/items", items=[{"id": "new", "title": "New", "related_to": [top]}])
    answer = post(one, "/v1/recommend", history=history, k=5)
    assert "new" in listed(answer)
    assert top not in listed(answer)
    assert [item["id"] for item in answer["items"] if item["provisional"]] == ["new"]


def test_a_model_that_forms_interests_gets_new_items(dataset, serve, history, tmp_path):
    save(formed(dataset), tmp_path / "formed")
    client = serve(places=ServePaths(artifact=tmp_path / "formed"))
    top = listed(post(client, "/v1/recommend", history=history, k=1))[0]
    assert post(client, "/v1/items", items=[{"id": "new", "related_to": [top]}])
    answer = post(client, "/v1/recommend", history=history, k=500, explain=True)
    assert "new" in listed(answer)
    assert len(answer["interests"]) > 1


def test_an_item_with_a_vector_is_added_by_the_projection(dataset, serve, tmp_path):
    plain = untrained(dataset)
    weight = np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32)
    zeros = np.zeros(8, dtype=np.float32)
    projection = ContentProjection(weight, zeros, zeros - np.inf)
    save(replace(plain, projection=projection), tmp_path / "content")
    client = serve(places=ServePaths(artifact=tmp_path / "content"))
    new = {"id": "new", "title": "New", "vector": [1, 0.5, -2.25]}
    post(client, "/v1/items", items=[new])
    for service in (client, serve(places=ServePaths(artifact=tmp_path / "content"))):
        model = service.context.versions.current().recommender.model
        expected = projection.rows_of(np.array([new["vector"]]))
        assert np.allclose(model.vectors_as_numpy()[-1], expected[0], atol=1e-6)
    for vector in ([1.0], [0, 0, 0], ["1", 2, 3], [None], []):
        wrong = client.post("/v1/items", json={"items": [{"id": "x", "vector": vector}]})
        assert wrong.status_code in (400, 422), vector


def test_a_later_artifact_without_a_projection_keeps_new_items_by_their_categories(
    dataset, serve, tmp_path
):
    plain, zeros = untrained(dataset), np.zeros(8, dtype=np.float32)
    projection = ContentProjection(np.ones((3, 8), dtype=np.float32), zeros, zeros - np.inf)
    save(replace(plain, projection=projection), tmp_path / "a")
    client = serve(places=ServePaths(artifact=tmp_path / "a"))
    both = {"id": "both", "categories": dataset.catalog.category_names[:1], "vector": [1, 0, 2]}
    post(client, "/v1/items", items=[{"id": "vector only", "vector": [1, 2, 3]}, both])
    save(plain, tmp_path / "a")
    post(client, "/v1/admin/reload")
    catalog = client.context.versions.current().recommender.catalog
    assert "both" in catalog.items
    assert "vector only" not in catalog.items


def test_an_item_with_a_changed_category_is_filtered_by_the_new_one(client, dataset, history):
    a, b = dataset.catalog.category_names[:2]
    top = listed(post(client, "/v1/recommend", history=history, k=1, categories=[a]))[0]
    post(client, "/v1/items", items=[{"id": top, "categories": [b]}])
    assert top not in listed(post(client, "/v1/recommend", history=history, k=50, categories=[a]))


def test_an_update_keeps_fields_of_an_item_that_it_does_not_contain(serve, dataset):
    item, other = dataset.catalog.items.external([3, 4])
    own = list(dataset.catalog.categories_named(3))
    assert own, "the item has a category to lose"
    one, follower = serve(), serve()
    post(one, "/v1/items", items=[{"id": item, "title": "Anew"}, {"id": other, "categories": []}])
    post(one, "/v1/items", items=[{"id": item, "categories": None}])
    for client in (one, follower, serve()):
        found = client.get("/v1/items", params={"id": [item, other]}).json()["items"]
        assert [(f["title"], f["categories"]) for f in found] == [
            ("Anew", own),
            (dataset.catalog.title(4), []),
        ]


def test_filters_limit_the_list_and_a_short_list_has_a_reason(client, dataset, history):
    some = dataset.catalog.items.external(range(1, 11))
    answer = post(
        client, "/v1/recommend", history=history, k=5, allowed=some, blocked=some[:9],
        exclude_seen=False,
    )  # fmt: skip
    assert (listed(answer), answer["reason"]) == (some[9:], "exhausted")


def test_unknown_ids_of_a_filter_are_named(client, history):
    asked = {"history": [*history, "zzz"], "blocked": ["yyy", history[0]], "allowed": ["xxx"]}
    answer = post(client, "/v1/recommend", **asked)
    assert (answer["unknown"], answer["unknown_filter"]) == (["zzz"], ["yyy", "xxx"])
    assert (answer["items"], answer["reason"]) == ([], "exhausted")
    assert post(client, "/v1/recommend", history=history)["unknown_filter"] == []


def test_offset_continues_where_the_previous_list_ended(client, history):
    whole = listed(post(client, "/v1/recommend", history=history, k=9))
    rest = listed(post(client, "/v1/recommend", history=history, k=4, offset=5))
    assert rest == whole[5:]


def test_all_three_units_of_diversity_agree_with_the_frontier(client, history):
    found = post(client, "/v1/recommend", history=history, k=6, frontier=True)["frontier"]
    assert found["relevance"][0] == pytest.approx(1)
    assert found["diversity"] == sorted(found["diversity"])
    last = found["diversity"][-1]
    answer = post(client, "/v1/recommend", history=history, k=6, diversity_target=last)
    assert answer["diversity"] == pytest.approx(last)
    spared = post(client, "/v1/recommend", history=history, k=6, max_relevance_loss=0.0)
    assert listed(spared) == listed(post(client, "/v1/recommend", history=history, k=6))


def test_a_batch_gives_the_same_answers_as_single_requests(client, history):
    requests = [{"history": history[:n], "k": 4} for n in (0, 1, 5)]
    answers = post(client, "/v1/recommend/batch", requests=requests)["answers"]
    for answer, one in zip(answers, requests, strict=True):
        alone = post(client, "/v1/recommend", **one)
        assert listed(answer) == listed(alone)
        scores = [[item["score"] for item in found["items"]] for found in (answer, alone)]
        assert scores[0] == pytest.approx(scores[1], rel=1e-5)  # sums depend on the batch size


def test_similar_items_and_search_by_title_and_id(client, dataset):
    item = dataset.catalog.items.external([3])[0]
    similar = client.get(f"/v1/items/{item}/similar", params={"k": 4}).json()
    assert len(similar["items"]) == 4
    assert item not in [near["id"] for near in similar["items"]]
    title = dataset.catalog.title(3)
    found = client.get("/v1/items", params={"search": title.upper()}).json()["items"]
    assert item in [one["id"] for one in found]
    by_id = client.get("/v1/items", params={"id": [item, "zzz"]}).json()["items"]
    assert [one["id"] for one in by_id] == [item]
    assert kind_of(client.get("/v1/items/zzz/similar")) == "unknown_name"


def test_two_artifacts_answer_the_same_request(serve, artifact, dataset, history, tmp_path):
    save(untrained(dataset, interests=1), tmp_path / "k1")
    client = serve(places=ServePaths(artifact=artifact, compare_with=tmp_path / "k1"))
    first = post(client, "/v1/recommend", history=history, k=5)
    second = post(client, "/v1/recommend", history=history, k=5, comparison=True)
    assert first["artifact"] != second["artifact"]
    assert client.get("/v1/artifact").json()["compare_with"]["interests"] == 1


def test_the_map_contains_popular_items_and_positions_of_interests(client, dataset, history):
    found = client.get("/v1/map", params={"limit": 10}).json()
    assert {len(found[name]) for name in ("ids", "titles", "x", "y", "category")} == {10}
    answer = post(client, "/v1/recommend", history=history, explain=True)
    for interest in answer["interests"]:
        assert max(map(abs, interest["position"])) <= 2
        assert len(interest["top"]) == 5


def test_no_answer_contains_a_traceback_or_a_path(client, monkeypatch):
    def broken(_served, _item, _k):
        raise RuntimeError("/secret/path of a bug")

    monkeypatch.setattr(items, "similar_items", broken)
    answer = client.get("/v1/items/a/similar")
    assert answer.status_code == 500
    assert kind_of(answer) == "internal"
    assert "secret" not in answer.text


def test_every_answer_status_is_in_the_openapi_document(client):
    declared = client.get("/openapi.json").json()
    for path in declared["paths"].values():
        for operation in path.values():
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    schema = answer["content"]["application/json"]["schema"]
                    assert schema["$ref"].endswith("/ErrorResponse")
    assert "HTTPValidationError" not in json.dumps(declared)


def test_metrics_count_answers_lists_and_events(client, history):
    post(client, "/v1/recommend", history=history, k=5)
    post(client, "/v1/events", events=[event("ann", "x")])
    text = client.get("/metrics").text
    assert 'prismrec_requests_total{route="/v1/recommend",status="200"} 1.0' in text
    assert 'prismrec_lists_total{source="interests"} 1.0' in text
    assert 'prismrec_events_total{kind="stored"} 1.0' in text
    assert "prismrec_distinct_lists 1.0" in text


def test_only_lists_that_a_caller_gets_are_counted(client, history):
    good, wrong = {"history": history}, {"history": history, "categories": ["unknown"]}
    answer = client.post("/v1/recommend/batch", json={"requests": [good] * 5 + [wrong]})
    assert answer.status_code == 404
    text = client.get("/metrics").text
    assert "prismrec_lists_total{" not in text
    assert "prismrec_interest_items_total{" not in text
    post(client, "/v1/recommend/batch", requests=[good] * 3)
    assert 'prismrec_lists_total{source="interests"} 3.0' in client.get("/metrics").text


def test_reloads_are_counted_from_zero(client):
    text = client.get("/metrics").text
    assert all(f'prismrec_reloads_total{{end="{end}"}} 0.0' in text for end in ("done", "refused"))


def test_gauges_are_measured_also_if_another_worker_is_asked(serve, monkeypatch):
    monkeypatch.setattr("prismrec.service.context.MEASURED", 0.01)
    registry = serve().context.metrics.registry

    def ages():
        names = ("prismrec_artifact_seconds", "prismrec_index_age_seconds")
        return [registry.get_sample_value(name) for name in names]

    before = ages()
    wait_until(lambda: all(now > then for now, then in zip(ages(), before, strict=True)))


def test_popular_items_are_not_counted_for_any_interest(client, history):
    post(client, "/v1/recommend", history=[], k=5)
    assert "prismrec_interest_items_total{" not in client.get("/metrics").text
    post(client, "/v1/recommend", history=history, k=5)
    found = re.findall(r"prismrec_interest_items_total\{.*\} (.*)", client.get("/metrics").text)
    assert sum(map(float, found)) == 5


def test_an_exact_user_name_is_listed_before_longer_names(serve, artifact, dataset, tmp_path):
    save_dataset(dataset, tmp_path / "data")
    client = serve(places=ServePaths(artifact=artifact, data=tmp_path / "data"))
    found = client.get("/v1/examples", params={"search": "1", "limit": 60}).json()["users"]
    names = [user["user"] for user in found]
    assert names[0] == "1"
    begins = [name.startswith("1") for name in names]
    assert begins == sorted(begins, reverse=True)
    assert not all(begins)


def test_a_reload_computes_the_spread_of_the_example_users_again(
    serve, artifact, dataset, tmp_path
):
    save_dataset(dataset, tmp_path / "data")
    client = serve(places=ServePaths(artifact=artifact, data=tmp_path / "data"))
    before = client.get("/v1/examples").json()["users"]
    assert any(user["spread"] for user in before)
    shutil.rmtree(artifact)
    save(untrained(dataset, interests=1), artifact)
    assert client.post("/v1/admin/reload").status_code == 200
    after = client.get("/v1/examples").json()["users"]
    assert [user["user"] for user in after] == [user["user"] for user in before]
    assert not any(user["spread"] for user in after)


def test_the_health_report_contains_the_evaluation_report(serve, artifact, tmp_path):
    places = ServePaths(artifact=artifact, report=tmp_path)
    assert serve(places=places).get("/v1/health-report").json()["report"] is None
    (tmp_path / "report.json").write_text(json.dumps({"entries": [{"name": "prism"}]}))
    found = serve(places=places).get("/v1/health-report").json()["report"]
    assert found == {"entries": [{"name": "prism"}]}


def test_browsers_cache_all_files_of_the_page_except_the_first(client):
    first = client.get("/")
    assert first.headers["cache-control"] == "no-cache"
    script = re.search(r"page-[^\"]+\.js", first.text)[0]
    assert "immutable" in client.get(f"/{script}").headers["cache-control"]


def test_the_whole_history_does_not_count_as_an_interest(serve, dataset, tmp_path):
    recommender = untrained(dataset, interests=1, normalized=True)
    recommender = recommender.with_forming(Forming(clusters=3))
    save(recommender, tmp_path / "formed")
    client = serve(places=ServePaths(artifact=tmp_path / "formed"))
    assert client.get("/v1/artifact").json()["interests"] == 3


def test_dislikes_of_a_request_lower_similar_items(client, artifact, history):
    plain = post(client, "/v1/recommend", history=history, k=10)
    disliked = listed(plain)[:2]
    answer = post(client, "/v1/recommend", history=history, k=10, dislikes=[*disliked, "zzz"])
    expected = load(artifact).recommend(history, 10, dislikes=disliked)
    assert listed(answer) == [item.id for item in expected]
    assert not set(listed(answer)) & set(disliked)
    assert answer["unknown_filter"] == ["zzz"]
    together = post(
        client, "/v1/recommend/batch",
        requests=[{"history": history, "k": 10},
                  {"history": history, "k": 10, "dislikes": disliked}],
    )["answers"]  # fmt: skip
    assert [listed(one) for one in together] == [listed(plain), listed(answer)]
