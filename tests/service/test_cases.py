"""Test further unusual and hostile cases over HTTP."""

import json
import zipfile

import pytest
import torch

from prismrec.recommend.artifact import load, save
from prismrec.recommend.recommender import Recommender
from prismrec.recommend.results import Item
from prismrec.rerank import ListOptions
from prismrec.service.metrics import NEWEST, Metrics
from prismrec.service.responses import ServedAnswer
from service.clients import post
from service.processes import Process, replace_folder
from worlds import untrained

pytestmark = pytest.mark.slow


def test_vectors_with_nan_are_refused_and_the_old_artifact_stays_in_use(
    client, artifact, dataset, history, tmp_path
):
    before = post(client, "/v1/recommend", history=history)
    broken = untrained(dataset, interests=2)
    with torch.no_grad():
        broken.model.items.weight[3] = float("nan")
    save(Recommender(broken.model, load(artifact).index, broken.catalog), tmp_path / "broken")
    replace_folder(tmp_path / "broken", artifact)
    refused = client.post("/v1/admin/reload")
    assert refused.status_code == 409, refused.text
    assert post(client, "/v1/recommend", history=history) == before
    assert json.dumps(before, allow_nan=False)


def test_an_artifact_contains_no_pickle_and_loads_with_weights_only(artifact):
    files = [path for path in artifact.rglob("*") if path.is_file()]
    assert not [path for path in files if path.read_bytes()[:2] in (b"\x80\x02", b"\x80\x04")]
    assert not [path for path in files if zipfile.is_zipfile(path)], "torch.save writes one"


def test_another_process_answers_with_the_same_list_and_scores(artifact, history, tmp_path):
    expected = load(artifact).recommend(history, 8, diversity=0.2)
    process = Process(tmp_path).start()
    try:
        found = process.post("/v1/recommend", history=history, k=8, diversity=0.2)
    finally:
        process.close()
    assert [(item["id"], item["score"]) for item in found["items"]] == [
        (item.id, item.score) for item in expected
    ]


def test_a_new_item_with_only_a_category_is_found_and_marked(client, dataset, history):
    category = dataset.catalog.category_names[0]
    post(client, "/v1/items", items=[{"id": "new", "title": "New", "categories": [category]}])
    found = client.get("/v1/items", params={"search": "new"}).json()["items"]
    assert [(one["id"], one["provisional"]) for one in found] == [("new", True)]
    answer = post(client, "/v1/recommend", history=history, k=40, categories=[category])
    assert {item["id"]: item["provisional"] for item in answer["items"]}["new"]
    assert client.get("/v1/items/new/similar").json()["items"]


def test_answers_contain_external_ids_and_no_padding(client, dataset, history):
    names = set(dataset.catalog.items.external(range(1, dataset.catalog.size)))
    answer = post(
        client, "/v1/recommend", history=history, k=500, exclude_seen=False, explain=True,
        diversity=0.5,
    )  # fmt: skip
    returned = [item["id"] for item in answer["items"]]
    assert set(returned) == names
    assert len(returned) == len(names)
    others = [one["id"] for item in answer["items"] for one in item["because"]]
    others += [one["id"] for it in answer["interests"] for one in it["items"] + it["top"]]
    assert set(others) <= names
    assert client.get("/v1/artifact").json()["items"] == len(names)
    assert set(client.get("/v1/map").json()["ids"]) == names


def test_a_hundred_equal_requests_get_equal_answers(client, history):
    first = post(client, "/v1/recommend", history=history, k=10, explain=True)
    for _ in range(99):
        assert post(client, "/v1/recommend", history=history, k=10, explain=True) == first


def test_the_same_list_for_all_users_is_reported(client, dataset, history):
    for user in range(50):
        own = dataset.catalog.items.external(dataset.histories[user].tolist())
        post(client, "/v1/recommend", history=own, k=10)
    assert "prismrec_distinct_lists 1.0" in client.get("/metrics").text
    assert not [n for n in client.get("/v1/health-report").json()["notes"] if "distinct" in n]
    for _ in range(250):
        post(client, "/v1/recommend", history=history, k=10)
    share = next(
        float(line.split()[1])
        for line in client.get("/metrics").text.splitlines()
        if line.startswith("prismrec_distinct_lists ")
    )
    assert share == pytest.approx(50 / 300)
    assert [n for n in client.get("/v1/health-report").json()["notes"] if "17 % of the" in n]


def served_list(name):
    """Return an answer that contains one popular item."""
    item = Item(id=name, title=name, score=0.0, interest=0, rank_by_score=1)
    return ServedAnswer(items=(item,), source="popular", options=ListOptions(k=1), artifact="a")


def test_the_share_of_distinct_lists_counts_only_the_newest():
    metrics = Metrics()
    for number in range(NEWEST):
        metrics.count_list(served_list(str(number)))
    assert metrics.share_distinct() == 1
    for _ in range(NEWEST):
        metrics.count_list(served_list("same"))
    assert metrics.share_distinct() == 1 / NEWEST
