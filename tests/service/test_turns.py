"""Check that single requests are answered between the steps of a batch, and batches get a share."""

import asyncio
import threading
from contextlib import contextmanager

import pytest

from prismrec.io import as_step, listening_to_steps
from prismrec.service import turns as module
from prismrec.service.microbatch import TURNS
from prismrec.service.schemas import RecommendRequest
from prismrec.service.turns import SHARE, Turns

SECONDS = 2**-7


class World:
    """Threads that compute, and the order in which they did."""

    def __init__(self, monkeypatch, *, places=1):
        self.order, self.waiting, self.time = [], [], 0.0
        self.turns = Turns(places, pending=lambda: bool(self.waiting))
        monkeypatch.setattr(module, "perf_counter", lambda: self.time)

    def compute(self, name, seconds=SECONDS):
        self.order.append(name)
        self.time += seconds

    def single(self, name="single"):
        with self.turns.single():
            self.compute(name)

    def batch(self, steps, during=lambda _: None):
        """Compute a batch; ``during`` is called in each of its steps."""

        @as_step("search")
        def step(number):
            self.compute("batch")
            during(number)

        with self.turns.batch():
            for number in range(steps):
                step(number)

    def start(self, work, *args):
        thread = threading.Thread(target=work, args=args, daemon=True)
        thread.start()
        return thread


@pytest.fixture
def world(monkeypatch):
    return World(monkeypatch)


def wait_until(true):
    for _ in range(10_000):
        if true():
            return
        threading.Event().wait(0.001)
    raise TimeoutError


def test_a_single_request_is_answered_after_the_running_step_of_a_batch(world):
    started = []

    def during(number):
        if number == 1:
            started.append(world.start(world.single))
            wait_until(lambda: world.turns.asking == 1)

    world.batch(4, during)
    started[0].join()
    assert world.order == ["batch", "batch", "single", "batch", "batch"]


def test_a_batch_computes_without_pauses_while_nobody_waits(world):
    world.batch(3)
    world.single()
    world.batch(1)
    assert world.order == ["batch"] * 3 + ["single", "batch"]
    assert world.turns.free == 1


def test_while_single_requests_always_wait_batches_get_their_share_of_the_time(world):
    world.waiting.append("another")
    batch = world.start(world.batch, 10)
    for _ in range(12):
        wait_until(lambda: world.turns.held_up == 1)
        steps, due = (
            world.order.count("batch"),
            world.turns.credit + SECONDS * SHARE / (1 - SHARE) > 0,
        )
        world.single()
        if due:  # the next step of the batch
            wait_until(lambda steps=steps: world.order.count("batch") > steps)
    world.waiting.clear()
    batch.join()
    until = len(world.order) - world.order[::-1].index("single")
    share = world.order[:until].count("batch") / until
    assert abs(share - SHARE) < 0.1
    assert world.order.count("batch") == 10


def test_a_single_request_that_waits_is_answered_before_a_new_batch(world):
    world.waiting.append("single")
    batch = world.start(world.batch, 1)
    wait_until(lambda: world.turns.held_up == 1)
    with world.turns.single():
        world.waiting.clear()
        world.compute("single")
    batch.join()
    assert world.order == ["single", "batch"]


def test_time_before_somebody_waited_does_not_count_against_a_batch(world):
    def during(number):
        if number == 50:
            started.append(world.start(world.single))
            wait_until(lambda: world.turns.asking == 1)
            world.waiting.append("another")

    started = []
    batch = world.start(world.batch, 52, during)
    wait_until(lambda: started and "single" in world.order)
    debt = world.turns.credit
    world.waiting.clear()
    batch.join()
    assert -SECONDS <= debt < 0


@pytest.mark.parametrize("left", [1, 3])
def test_a_batch_continues_when_the_requests_that_wait_are_abandoned(world, left):
    world.waiting.extend(range(left))
    batch = world.start(world.batch, 3)
    wait_until(lambda: world.turns.held_up == 1)
    assert not world.order
    world.waiting.clear()  # the batch gets no notice
    batch.join(5)
    assert world.order == ["batch"] * 3


@pytest.mark.slow
def test_a_batch_does_not_wait_forever_for_requests_that_get_no_thread(world):
    world.waiting.append("another")
    batch = world.start(world.batch, 1)
    wait_until(lambda: world.turns.held_up == 1)
    assert not world.order
    for _ in range(4):  # before the batch, before and after its step
        world.time += module.PATIENCE
        batch.join(0.1)
    assert not batch.is_alive()
    assert world.order == ["batch"]


@pytest.mark.parametrize("kind", ["single", "batch"])
def test_an_error_gives_the_place_back(world, kind):
    with pytest.raises(ZeroDivisionError), getattr(world.turns, kind)():
        as_step("search")(lambda: 1 / 0)()
    world.single()
    world.batch(1)
    assert world.turns.free == 1


@pytest.mark.parametrize("places", [1, 2, 3])
def test_as_many_threads_compute_as_there_are_places(monkeypatch, places):
    world = World(monkeypatch, places=places)
    running, most, lock = [0], [0], threading.Lock()

    def compute():
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        threading.Event().wait(0.005)
        with lock:
            running[0] -= 1

    def send(kind):
        with getattr(world.turns, kind)():
            as_step("search")(compute)()

    threads = [world.start(send, kind) for kind in ("single", "batch") * 6]
    for thread in threads:
        thread.join()
    assert most[0] == places
    assert world.turns.free == places


def test_a_trace_has_the_steps_of_a_batch_without_the_time_that_others_computed(world):
    traced = []

    @contextmanager
    def listener(name):
        began = world.time
        yield
        traced.append((name, world.time - began))

    with listening_to_steps(listener):
        test_a_single_request_is_answered_after_the_running_step_of_a_batch(world)
    assert traced == [("search", SECONDS)] * 4


def test_single_requests_in_another_place_give_batches_no_credit(monkeypatch):
    world = World(monkeypatch, places=2)

    def during(number):
        if number == 0:
            for _ in range(100):
                world.single()

    world.batch(2, during)
    assert world.turns.credit <= 0
    assert world.order == ["batch", *["single"] * 100, "batch"]


@pytest.mark.parametrize("seconds", [1, 100])
def test_credit_and_debt_are_limited(world, seconds):
    for kind, sign in (("single", 1), ("batch", -1)):
        world.turns.held_up = 1
        with getattr(world.turns, kind)():
            world.time += seconds
        assert world.turns.credit == sign * module.MOST_CREDIT


def test_a_batch_keeps_its_place_if_another_one_is_free(monkeypatch):
    world = World(monkeypatch, places=2)
    world.batch(3, lambda _: world.waiting.append("another"))
    assert world.order == ["batch"] * 3


def test_single_requests_that_arrived_with_a_batch_come_before_it(serve, history, monkeypatch):
    client, order = serve(), []
    answering = client.context.answering
    for batcher, name in (("lists", "run"), ("lists_of_batches", "run_all")):
        owner = getattr(answering, batcher)
        monkeypatch.setattr(owner, name, called(order, name, getattr(owner, name)))
    request = RecommendRequest(history=history)

    async def send():
        batch = asyncio.ensure_future(answering.answer_all([request] * 3))
        for _ in range(TURNS // 2):  # the event loop reads another request
            await asyncio.sleep(0)
        return await asyncio.gather(batch, answering.answer(request))

    answers, answer = client.portal.call(send)
    # Another size of a batch may change the last digit of a score.
    listed = [item.id for item in answer.items]
    assert [[item.id for item in one.items] for one in answers] == [listed] * 3
    assert order == ["run", "run_all"]


def called(order, name, function):
    def call(*args):
        order.append(name)
        return function(*args)

    return call


def test_the_service_answers_a_request_while_a_batch_is_computed(serve, history, monkeypatch):
    client = serve()
    maker, gate, found = client.context.lists, threading.Event(), []
    answer_each = maker.answer_each

    @as_step("search")
    def step():
        gate.set()
        wait_until(lambda: client.context.answering.turns.asking == 1)

    def slowly(jobs):
        if len(jobs) > 1:
            step()
        answers = answer_each(jobs)
        found.append(len(jobs))
        return answers

    monkeypatch.setattr(maker, "answer_each", slowly)
    requests = [{"history": history, "k": k} for k in (3, 4, 5)]
    sender = threading.Thread(
        target=lambda: client.post("/v1/recommend/batch", json={"requests": requests})
    )
    sender.start()
    gate.wait(5)
    assert client.post("/v1/recommend", json={"history": history}).status_code == 200
    sender.join()
    assert found == [1, 3]
