"""Requests that wait are computed together, and each gets its own."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from prismrec.errors import DataError, StoreError
from prismrec.service import lists
from prismrec.service.errors import ApiError
from prismrec.service.microbatch import MOST, Batcher
from prismrec.service.schemas import RecommendRequest
from prismrec.service.thread_pool import ThreadPool


def run(compute, asked, *, threads=1, queue=100, timeout=5.0):
    """Ask everything at once; give each result or exception."""
    workers = ThreadPool(threads, queue, timeout, "test")

    async def all_of_it():
        batcher = Batcher(compute, workers)
        calls = [batcher.run(one) for one in asked]
        return await asyncio.gather(*calls, return_exceptions=True)

    # On a thread of its own: a browser test before this one leaves a loop running here.
    with ThreadPoolExecutor(1) as thread:
        try:
            return thread.submit(lambda: asyncio.run(all_of_it())).result()
        finally:
            workers.close()


def test_what_waits_is_taken_together_and_everyone_gets_their_own():
    sizes = []

    def compute(batch):
        sizes.append(len(batch))
        return [2 * one for one in batch]

    assert run(compute, range(70)) == [2 * one for one in range(70)]
    assert sizes == [MOST, MOST, 6]


def test_one_that_cannot_be_answered_leaves_the_others_alone():
    def compute(batch):
        return [ValueError("odd") if one % 2 else one for one in batch]

    found = run(compute, range(6))
    assert [one for one in found if not isinstance(one, Exception)] == [0, 2, 4]
    assert [str(one) for one in found if isinstance(one, Exception)] == ["odd"] * 3


def test_a_batch_that_breaks_is_told_to_all_of_it_and_the_next_one_is_computed():
    broken = [True]

    def compute(batch):
        if broken.pop() if broken else False:
            raise RuntimeError("bug")
        return list(batch)

    found = run(compute, range(MOST + 3))
    assert all(isinstance(one, RuntimeError) for one in found[:MOST])
    assert found[MOST:] == [MOST, MOST + 1, MOST + 2]


def test_too_many_are_refused_at_once_and_a_slow_one_after_the_timeout():
    gate = threading.Event()

    def compute(batch):
        gate.wait(0.4)
        return list(batch)

    found = run(compute, range(9), queue=3, timeout=0.1)
    gate.set()
    kinds = [one.kind for one in found if isinstance(one, ApiError)]
    assert kinds.count("timed_out") == 4  # a thread and three that wait
    assert kinds.count("overloaded") == 5


@pytest.mark.parametrize("threads", [1, 3])
def test_no_more_batches_run_than_there_are_threads(threads):
    running, most = [0], [0]
    lock = threading.Lock()

    def compute(batch):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        threading.Event().wait(0.01)
        with lock:
            running[0] -= 1
        return list(batch)

    assert run(compute, range(200), threads=threads, queue=300) == list(range(200))
    assert most[0] <= threads


def test_of_a_group_that_cannot_be_computed_only_the_cause_is_refused(client, history, monkeypatch):
    compute, sizes = lists.answers_of, []

    def refusing(served, histories, asked):
        sizes.append(len(histories))
        if ["odd"] in histories:
            raise DataError("odd")
        return compute(served, histories, asked)

    monkeypatch.setattr(lists, "answers_of", refusing)
    group = [RecommendRequest(history=one, k=3) for one in (history, ["odd"], history[:2])]
    first, odd, last = client.context.lists.answer_each(group)
    assert str(odd) == "odd"
    assert len(first.items) == len(last.items) == 3
    assert sizes == [3, 1, 1, 1]


def test_a_store_that_is_down_fails_whoever_needs_it_and_is_asked_once(
    client, history, monkeypatch
):
    calls = []

    def down(users, _n):
        calls.append(users)
        raise StoreError("down")

    monkeypatch.setattr(client.context.store, "recent_many", down)
    group = [RecommendRequest(user="ann"), RecommendRequest(history=history),
             RecommendRequest(user="bob")]  # fmt: skip
    ann, given, bob = client.context.lists.answer_each(group)
    assert isinstance(ann, StoreError)
    assert isinstance(bob, StoreError)
    assert given.items
    assert calls == [["ann", "bob"]]
