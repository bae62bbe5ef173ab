"""Check that waiting requests are computed together and each gets its own answer."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from prismrec.errors import ConfigError, DataError, StoreError
from prismrec.service import lists
from prismrec.service.errors import ApiError
from prismrec.service.lists import ListJob
from prismrec.service.microbatch import MOST, Batcher
from prismrec.service.schemas import RecommendRequest
from prismrec.service.thread_pool import ThreadPool

pytestmark = pytest.mark.slow


def run(compute, asked, **more):
    """Send all requests at once; return the result or exception of each."""

    async def send_all(batcher):
        calls = [batcher.run(one) for one in asked]
        return await asyncio.gather(*calls, return_exceptions=True)

    return in_thread(compute, send_all, **more)


def in_thread(compute, send_all, *, threads=1, queue=100, timeout=5.0, weight=lambda _: 1):
    """Return what the coroutine ``send_all(batcher)`` returns."""
    workers = ThreadPool(threads, queue, timeout, "test")

    async def send():
        return await send_all(Batcher(compute, workers, weight))

    # This needs a separate thread: an earlier browser test leaves an event loop running here.
    with ThreadPoolExecutor(1) as thread:
        try:
            return thread.submit(lambda: asyncio.run(send())).result()
        finally:
            workers.close()


def test_waiting_requests_form_batches_and_each_gets_its_own_answer():
    sizes = []

    def compute(batch):
        sizes.append(len(batch))
        return [2 * one for one in batch]

    assert run(compute, range(70)) == [2 * one for one in range(70)]
    assert sizes == [MOST, MOST, 6]


BOOST = {"where": [{"attribute": "price", "max": 5}], "factor": 2}


@pytest.mark.parametrize(
    ("options", "weight"),
    [
        ({}, 1),
        ({"k": 50}, 1),
        ({"k": 100}, 2),
        ({"diversity": 0}, 1),
        ({"diversity": 0.1}, 3),
        ({"diversity_target": 0.5}, 3),
        ({"interests": {"weights": {"1": 0}}}, 3),
        ({"boosts": [BOOST]}, 3),
        ({"frontier": True}, 3),
        ({"mix_frontier": True}, 3),
        ({"frontier": True, "diversity": 0.1, "boosts": [BOOST], "k": 200}, 12),
        ({"explain": True, "blocked": ["a"], "exclude_seen": False}, 1),
    ],
)
def test_a_request_weighs_what_the_documents_say(options, weight):
    request = RecommendRequest.model_validate({"history": ["a"], **options})
    assert lists.weight_of(ListJob(request)) == weight


def test_one_failed_request_does_not_affect_the_others():
    def compute(batch):
        return [ValueError("odd") if one % 2 else one for one in batch]

    found = run(compute, range(6))
    assert [one for one in found if not isinstance(one, Exception)] == [0, 2, 4]
    assert [str(one) for one in found if isinstance(one, Exception)] == ["odd"] * 3


def test_an_unexpected_exception_fails_only_the_request_that_raises_it():
    sizes = []

    def compute(batch):
        sizes.append(len(batch))
        if 3 in batch:
            raise RuntimeError("bug")
        return list(batch)

    found = run(compute, range(MOST + 3))
    assert isinstance(found.pop(3), RuntimeError)
    assert found == [one for one in range(MOST + 3) if one != 3]
    assert sizes == [MOST, *[1] * MOST, 3]


def test_a_store_that_does_not_answer_is_called_once_per_group():
    sizes = []

    def compute(batch):
        sizes.append(len(batch))
        raise StoreError("down")

    assert all(isinstance(one, StoreError) for one in run(compute, range(5)))
    assert sizes == [5]


@pytest.mark.parametrize(
    ("error", "logged"),
    [(StoreError("hangs"), 1), (RuntimeError("a bug"), 1), (ConfigError("a wrong option"), 0)],
)
def test_what_fails_after_its_caller_left_is_logged_once_per_second(caplog, error, logged):
    gate = threading.Event()

    def compute(batch):
        gate.wait(20)
        return [error for _ in batch]

    async def send_all(batcher):
        waiting = [batcher.run(one) for one in range(3)]
        found = await asyncio.gather(*waiting, return_exceptions=True)
        gate.set()
        while len(caplog.records) < logged:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)  # no second line follows
        return found

    found = in_thread(compute, send_all, timeout=0.05)
    assert [one.kind for one in found] == ["timed_out"] * 3
    assert len(caplog.records) == logged
    assert all(record.fields == {"work": "test", "reason": str(error)} for record in caplog.records)


def test_extra_requests_are_refused_immediately_and_slow_ones_time_out():
    gate = threading.Event()

    def compute(batch):
        gate.wait(0.4)
        return list(batch)

    found = run(compute, range(9), queue=3, timeout=0.1)
    gate.set()
    kinds = [one.kind for one in found if isinstance(one, ApiError)]
    assert kinds.count("timed_out") == 4  # one is computed and three wait
    assert kinds.count("overloaded") == 5


@pytest.mark.parametrize("threads", [1, 3])
def test_at_most_one_batch_runs_per_thread(threads):
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


def test_only_the_invalid_request_of_a_batch_is_refused(client, history, monkeypatch):
    compute, sizes = lists.answers_of, []

    def refusing(served, histories, *asked):
        sizes.append(len(histories))
        if ["odd"] in histories:
            raise DataError("odd")
        return compute(served, histories, *asked)

    monkeypatch.setattr(lists, "answers_of", refusing)
    histories = (history, ["odd"], history[:2])
    group = [ListJob(RecommendRequest(history=one, k=3)) for one in histories]
    first, odd, last = client.context.lists.answer_each(group)
    assert (type(odd), str(odd)) == (DataError, "odd")
    assert len(first.items) == len(last.items) == 3
    assert sizes == [3, 1, 1, 1]


def answer_together(client, *asked):
    """Return the answers to requests that arrive at once, or their errors."""

    async def send_all():
        calls = [client.context.answering.answer(RecommendRequest(**one)) for one in asked]
        return await asyncio.gather(*calls, return_exceptions=True)

    return client.portal.call(send_all)


def test_a_failure_of_requests_together_and_not_alone_is_logged(
    client, history, monkeypatch, caplog
):
    compute = lists.answers_of

    def failing(served, histories, *asked):
        if len(histories) > 1:
            raise ValueError("together")
        return compute(served, histories, *asked)

    monkeypatch.setattr(lists, "answers_of", failing)
    with caplog.at_level("WARNING", logger="prismrec.service"):
        answers = answer_together(client, *[{"history": history, "k": 3}] * 2)
    assert [len(one.items) for one in answers] == [3, 3]
    (record,) = caplog.records
    assert "not alone" in record.message
    assert str(record.exc_info[1]) == "together"


def test_a_fault_of_one_request_is_its_own_500_and_in_the_log_once(
    client, history, monkeypatch, caplog
):
    compute = lists.answers_of

    def faulty(served, histories, *asked):
        if ["odd"] in histories:
            raise ValueError("odd")
        return compute(served, histories, *asked)

    monkeypatch.setattr(lists, "answers_of", faulty)
    answering = client.context.answering

    async def send_all():
        asked = [RecommendRequest(history=one, k=3) for one in (history, ["odd"], history)]
        return await asyncio.gather(
            *(answering.answer(one) for one in asked),
            answering.answer_all(asked[:2]),
            answering.answer_all(asked[::2]),
            return_exceptions=True,
        )

    first, odd, last, refused, answered = client.portal.call(send_all)
    assert len(first.items) == len(last.items) == len(answered[0].items) == 3
    assert isinstance(odd, ValueError)
    assert isinstance(refused, ValueError)
    with caplog.at_level("WARNING", logger="prismrec.service"):
        answer = client.post("/v1/recommend", json={"history": ["odd"], "k": 3})
    assert answer.status_code == 500
    (record,) = (one for one in caplog.records if one.exc_info)
    assert str(record.exc_info[1]) == "odd"


def test_a_request_without_a_key_of_its_group_has_no_answer_alone(client, history, monkeypatch):
    key = lists.batch_key

    def failing(request):
        if request.k == 2:
            raise ValueError("odd")
        return key(request)

    monkeypatch.setattr(lists, "batch_key", failing)
    asked = [{"history": history, "k": k} for k in (1, 2, 3, 1)]
    first, odd, *others = answer_together(client, *asked)
    assert str(odd) == "odd"
    assert [len(one.items) for one in (first, *others)] == [1, 3, 1]


def test_an_unexpected_error_of_the_store_fails_only_the_user_with_it(client, history, monkeypatch):
    read = client.context.store.recent_feedback

    def damaged(users, n):
        if "bob" in users:
            raise ValueError("a damaged row")
        return read(users, n)

    monkeypatch.setattr(client.context.store, "recent_feedback", damaged)
    ann, given, bob = answer_together(
        client, {"user": "ann"}, {"history": history}, {"user": "bob"}
    )
    assert ann.items
    assert given.items
    assert isinstance(bob, ValueError)


def test_an_unavailable_store_fails_only_requests_of_users_and_is_read_once(
    client, history, monkeypatch
):
    calls = []

    def down(users, _n):
        calls.append(users)
        raise StoreError("down")

    monkeypatch.setattr(client.context.store, "recent_feedback", down)
    monkeypatch.setattr(client.context.store, "ping", lambda: down("ping", 1))
    ann, given, bob = answer_together(
        client, {"user": "ann"}, {"history": history}, {"user": "bob"}
    )
    assert isinstance(ann, StoreError)
    assert isinstance(bob, StoreError)
    assert given.items
    assert calls == [["ann", "bob"], "ping"]


@pytest.mark.parametrize("slow", [False, True])
def test_a_user_who_cannot_be_read_fails_alone_unless_the_store_is_slow(
    client, history, monkeypatch, slow
):
    calls, read = [], client.context.store.recent_feedback

    def damaged(users, newest):
        calls.append(users)
        if "bob" in users:
            raise StoreError("The entry of a user is damaged.")
        return read(users, newest)

    monkeypatch.setattr(client.context.store, "recent_feedback", damaged)
    monkeypatch.setattr("prismrec.service.users.ALONE", -1 if slow else 60)
    ann, bob, given, eve = answer_together(
        client, {"user": "ann"}, {"user": "bob"}, {"history": history}, {"user": "eve"}
    )
    assert isinstance(bob, StoreError)
    assert given.items
    assert [isinstance(one, StoreError) for one in (ann, eve)] == [slow, slow]
    assert calls == [["ann", "bob", "eve"], *([] if slow else [["ann"], ["bob"], ["eve"]])]


@pytest.mark.parametrize("weight", [1, 4, 31, 32, 500])
def test_expensive_requests_form_small_groups_and_fill_the_queue(weight):
    sizes = []

    def compute(batch):
        sizes.append(len(batch))
        return list(batch)

    found = run(compute, range(64), queue=100, weight=lambda _: weight)
    refused = [one for one in found if isinstance(one, ApiError)]
    assert max(sizes) == max(32 // weight, 1)
    assert len(refused) == max(0, 64 - -(-101 // weight))


@pytest.mark.parametrize("whole", [False, True])
def test_a_request_that_nobody_waits_for_is_not_computed(whole):
    computed, gate = [], threading.Event()

    def compute(batch):
        gate.wait(5)
        computed.extend(batch)
        return list(batch)

    async def send_all(batcher):
        first = asyncio.ensure_future(batcher.run(0))
        await asyncio.sleep(0.05)
        send = batcher.run_all([1, 2, 3]) if whole else batcher.run(1)
        abandoned, last = asyncio.ensure_future(send), asyncio.ensure_future(batcher.run(9))
        await asyncio.sleep(0.05)
        abandoned.cancel()
        gate.set()
        return [await first, await last]

    assert in_thread(compute, send_all) == [0, 9]
    assert computed == [0, 9]


def test_requests_whose_callers_left_do_not_count_as_waiting():
    gate = threading.Event()

    def compute(batch):
        gate.wait(5)
        return list(batch)

    async def send_all(batcher):
        first = asyncio.ensure_future(batcher.run(0))
        await asyncio.sleep(0.05)
        found = [batcher.has_callers()]
        second = asyncio.ensure_future(batcher.run(1))
        await asyncio.sleep(0.05)
        found.append(batcher.has_callers())
        second.cancel()
        await asyncio.sleep(0.05)
        found.append(batcher.has_callers())
        gate.set()
        await first
        return found

    assert in_thread(compute, send_all) == [False, True, False]


@pytest.mark.parametrize("waits", [True, False])
def test_a_group_that_waits_for_something_else_does_not_hold_up_the_next(waits):
    gate, order = threading.Event(), []
    spare = ThreadPool(2, 10, 5.0, "spare")

    def compute(batch):
        if "slow" in batch:
            gate.wait(1)
        order.extend(batch)
        return list(batch)

    async def send(batcher):
        batcher.waits = lambda group: waits and "slow" in group
        batcher.pool_of = lambda group: spare if "slow" in group else None
        slow = asyncio.ensure_future(batcher.run("slow"))
        await asyncio.sleep(0.01)
        quick = [asyncio.ensure_future(batcher.run(name)) for name in ("a", "b")]
        await asyncio.sleep(0.2)
        finished = [one.done() for one in quick]
        gate.set()
        answers = await asyncio.gather(slow, *quick, batcher.run("c"))
        await asyncio.sleep(0.05)
        assert batcher.running == 0
        return finished, answers

    finished, answers = in_thread(compute, send)
    spare.close()
    assert finished == [waits, waits]
    assert answers == ["slow", "a", "b", "c"]
    assert sorted(order) == ["a", "b", "c", "slow"]


def test_a_slow_store_is_read_by_one_group_and_then_apart_from_lists(serve, history, monkeypatch):
    client, gate = serve(), threading.Event()
    answering, asked = client.context.answering, []
    read = client.context.store.recent_feedback

    def slowly(users, n):
        asked.append(list(users))
        gate.wait(5)
        return read(users, n)

    def post_user(user):
        return client.post("/v1/recommend", json={"user": user})

    monkeypatch.setattr(client.context.store, "recent_feedback", slowly)
    found = []
    senders = [
        threading.Thread(target=lambda user=user: found.append(post_user(user)))
        for user in ("ann", "bob", "eve")
    ]
    for sender in senders:
        sender.start()
        threading.Event().wait(0.1)
    assert len(answering.late) == 1
    assert client.post("/v1/recommend", json={"history": history}).status_code == 200
    assert not found
    gate.set()
    for sender in senders:
        sender.join()
    assert [answer.status_code for answer in found] == [200] * 3
    assert not answering.late
    assert not answering.reading
