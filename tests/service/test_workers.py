"""Test artifacts that are replaced while the service runs, several workers, and load.

PRISMREC_FAULTS=50 starts the long run: 10,000 requests while the artifact is replaced.
"""

import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import threading
import time

import httpx2
import psutil
import pytest

from prismrec.recommend.artifact import load
from service.processes import Process, replace_folder, wait_until

pytestmark = pytest.mark.slow
ROUNDS = int(os.environ.get("PRISMREC_FAULTS", "2"))
LONG = ROUNDS > 2


def damage(artifact):
    """Damage all files of an artifact in place: truncate each, add garbage to every second one."""
    for place, path in enumerate(sorted(path for path in artifact.rglob("*") if path.is_file())):
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size // 2)
            if place % 2:
                file.write(random.Random(0).randbytes(path.stat().st_size))


def test_a_damaged_artifact_does_not_change_or_stop_the_service(serving, world, history):
    process = serving()
    artifact = process.folder / "artifact"
    before = process.post("/v1/recommend", history=history, explain=True)
    damage(artifact)
    assert process.post("/v1/recommend", history=history, explain=True) == before
    for _ in range(2):
        refused = process.client.post("/v1/admin/reload")
        assert refused.status_code == 409
        assert refused.json()["error"]["kind"] == "artifact_refused"
        assert str(process.folder) not in refused.text
    process.hang_up()
    wait_until(lambda: process.metrics().get('prismrec_reloads_total{end="refused"}') == 3)
    assert process.post("/v1/recommend", history=history, explain=True) == before
    replace_folder(world / "other", artifact)
    done = process.post("/v1/admin/reload")
    assert done["was"] == before["artifact"]
    assert process.post("/v1/recommend", history=history)["artifact"] == done["artifact"]


def exchange(process, number):
    """Reload for the ``number``-th time, alternately by request and by signal."""
    if number % 2:
        process.post("/v1/admin/reload")
        return
    process.hang_up()
    wait_until(lambda: process.metrics()['prismrec_reloads_total{end="done"}'] == number)


def test_answers_stay_correct_while_artifacts_are_replaced(serving, world, history):
    process = serving("--threads", "2", "--queue", "1000")
    wanted, asked, wrong = 10_000 if LONG else 400, [], []
    first, other = (load(world / name) for name in ("first", "other"))
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
        replace_folder(world / ("other", "first")[reloads % 2], process.folder / "artifact")
        exchange(process, reloads + 1)
        reloads += 1
    over.set()
    for client in clients:
        client.join()
    assert not wrong
    assert len(names) == 2
    copies = [path for path in (process.folder / "tmp").glob("prismrec-*/*") if path.is_dir()]
    assert len(copies) <= 2, "copies that nobody holds are removed"


def test_workers_apply_each_others_changes_and_a_killed_one_is_replaced(serving, world, history):
    process = serving("--workers", "2")
    wait_until(lambda: len(workers(process)) == 2)
    wait_until(lambda: "Serving artifact" in process.log.read_text())
    assert "store opened" in process.log.read_text()
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
    replace_folder(world / "other", process.folder / "artifact")
    process.hang_up()

    def swapped():
        return process.post("/v1/recommend", history=history)["artifact"] != found["artifact"]

    asked_by_each(process, lambda: wait_until(swapped))
    assert {w.pid for w in workers(process)} == {one.pid, other.pid}, "nobody was restarted"
    replace_folder(world / "first", process.folder / "artifact")
    with stopped(one):
        process.post("/v1/admin/reload")
    asked_by_each(process, lambda: wait_until(lambda: not swapped()))
    count = 'prismrec_requests_total{route="/v1/recommend",status="200"}'
    time.sleep(1)  # the last request is counted after its answer, by a worker that was suspended
    before = process.metrics()[count]
    one.kill()
    wait_until(lambda: one.pid not in {w.pid for w in workers(process)})
    for _ in range(20):
        assert process.client.get("/healthz").status_code == 200
    assert process.metrics()[count] == before, "what the dead one counted stays"


def test_a_worker_that_is_replaced_does_not_load_what_nobody_reloaded(serving, world, history):
    process = serving("--workers", "2")
    wait_until(lambda: len(workers(process)) == 2)
    asked_by_each(process, lambda: process.post("/v1/recommend", history=history))
    before = process.post("/v1/recommend", history=history)
    replace_folder(world / "other", process.folder / "artifact")
    one, other = workers(process)
    one.kill()
    wait_until(lambda: len({w.pid for w in workers(process)} - {one.pid}) == 2)
    with stopped(other):  # the new one answers
        assert process.post("/v1/recommend", history=history) == before


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_hangup_during_the_start_reloads_once_the_service_is_ready(world, tmp_path, workers):
    shutil.copytree(world / "first", tmp_path / "artifact")
    process = Process(tmp_path, "--workers", workers)
    with contextlib.closing(process), process.log.open("ab") as log:
        process.launch(log)
        wait_until(lambda: handles_hangup(process.process.pid))
        process.hang_up()
        process.until_ready()
        wait_until(lambda: process.metrics()['prismrec_reloads_total{end="done"}'] >= 1)
        time.sleep(1)
        lines = [json.loads(line)["message"] for line in process.log.read_text().splitlines()]
        assert lines.count("reloaded") == 1
        assert sum(line.startswith("Serving artifact: the API and") for line in lines) == 1
        assert not [line for line in lines if "is replaced" in line]


def handles_hangup(pid):
    """Return whether a process has its own handler of SIGHUP."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    (caught,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> signal.SIGHUP - 1 & 1)


def workers(process):
    """Return the worker processes."""
    found = psutil.Process(process.process.pid).children()
    return [w for w in found if any("spawn_main" in word for word in command_of(w))]


def command_of(process):
    """Return the command line of a process; [] if it has just died."""
    try:
        return process.cmdline()
    except (psutil.ZombieProcess, psutil.NoSuchProcess):
        return []


@contextlib.contextmanager
def stopped(worker):
    """Suspend a worker, so that another one answers new connections."""
    worker.suspend()
    try:
        yield
    finally:
        worker.resume()


def asked_by_each(process, ask):
    """Call ``ask`` for each worker while the other one is suspended."""
    for asleep in workers(process):
        with stopped(asleep):
            ask()


def test_a_stopped_service_first_answers_all_waiting_requests(serving, history):
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

    def all_have_arrived():
        # Count waiting and answered requests, because some may be answered already.
        seen.update(process.metrics())
        done = seen.get('prismrec_requests_total{route="/v1/recommend/batch",status="200"}', 0)
        return done + seen["prismrec_waiting"] >= len(clients)

    wait_until(all_have_arrived)
    assert seen["prismrec_waiting"] >= 4
    assert process.stop() in (0, -signal.SIGTERM)
    for client in clients:
        client.join()
    assert answers == [(200, len(slow))] * len(clients)
    assert "Traceback" not in process.log.read_text()


def test_large_requests_and_idle_clients_do_not_increase_memory(serving, history):
    process = serving()
    chunk, deep = bytes(1 << 20), b"[" * 900_000

    def hundred_megabytes():
        yield from (chunk for _ in range(100))

    def annoy():
        for content in (hundred_megabytes(), deep, b'{"history":' * 80_000):
            with contextlib.suppress(httpx2.TransportError):  # closed by the service
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
