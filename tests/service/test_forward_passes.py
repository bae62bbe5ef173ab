"""Check that each batch costs one forward pass of the model, with any options."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from prismrec.models import Model
from prismrec.recommend import load
from prismrec.rerank import Diversity, ListOptions
from prismrec.service.lists import ListJob
from prismrec.service.microbatch import Batcher
from prismrec.service.schemas import RecommendRequest

pytestmark = pytest.mark.slow


@pytest.fixture
def passes(monkeypatch):
    """Collect the number of histories of each forward pass."""
    sizes, forward = [], Model.forward

    def counted(self, *inputs):
        sizes.append(len(inputs[0]))
        return forward(self, *inputs)

    monkeypatch.setattr(Model, "forward", counted)
    return sizes


def answered_together(context, requests):
    """Return the answers to requests that are all in the queue before the first one is taken."""

    async def send():
        batcher = Batcher(context.lists.answer_each, context.threads.answers)
        return await asyncio.gather(*(batcher.run(ListJob(request)) for request in requests))

    # This needs a separate thread: an earlier browser test leaves an event loop running here.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(send())).result()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"explain": True},
        {"frontier": True},
        {"explain": True, "frontier": True, "mix_frontier": True},
        {"explain": True, "frontier": True, "diversity": 0.3},
        {"explain": True, "frontier": True, "diversity_target": 0.9},
        {"explain": True, "frontier": True, "max_relevance_loss": 0.1},
        {"explain": True, "frontier": True, "diversity": 0.3, "rerank": "dpp"},
    ],
    ids=str,
)
def test_one_request_costs_one_pass(client, history, passes, fields):
    answer = client.post("/v1/recommend", json={"history": history, "k": 6, **fields})
    assert answer.status_code == 200, answer.text
    assert passes == [1]
    assert bool(answer.json()["interests"]) == fields.get("explain", False)
    for name in ("frontier", "mix_frontier"):
        assert bool(answer.json()[name]) == fields.get(name, False)


def test_eight_similar_requests_with_all_options_cost_one_pass(client, history, passes):
    requests = [
        RecommendRequest(history=history[: n + 1], k=6, explain=True, frontier=True)
        for n in range(8)
    ]
    answers = answered_together(client.context, requests)
    assert passes == [8]
    assert all(answer.interests and answer.frontier for answer in answers)


def test_a_batch_request_costs_one_pass(client, history, passes):
    requests = [{"history": history[:n], "k": 4, "explain": True} for n in range(1, 9)]
    assert client.post("/v1/recommend/batch", json={"requests": requests}).status_code == 200
    assert passes == [8]


def test_requests_with_different_options_cost_one_pass_per_group(client, history, passes):
    requests = [
        RecommendRequest(history=history[: n + 1], k=5 + n % 2, explain=True) for n in range(8)
    ]
    answered_together(client.context, requests)
    assert passes == [4, 4]


@pytest.mark.parametrize("diversity", [Diversity(strength=0.3), Diversity(target=0.9)], ids=str)
def test_recommend_many_costs_one_pass_in_python_too(artifact, history, passes, diversity):
    recommender = load(artifact)
    histories = [history[: n + 1] for n in range(8)]
    options = ListOptions(k=6, diversity=diversity)
    for explain, frontier in ((False, False), (True, False), (False, True), (True, True)):
        recommender.recommend_many(histories, options, explain=explain, frontier=frontier)
        assert passes == [8]
        passes.clear()
