"""Does the service go on while something goes wrong?

    python benchmarks/faults.py                     # everything: about ten minutes
    python benchmarks/faults.py trailers bodies     # a part; --help lists the parts

Real processes and stores, on loopback, as in the tests. Each line has a bar; a missed bar ends the
run with exit code 1. Times are compared with those of the idle service in the same run, round by
round. The loss of events by SIGKILL is a test: ``PRISMREC_FAULTS=50 PRISMREC_KILLS=50 pytest
tests/service/test_faults.py tests/service/stores/test_killed.py``.
"""

import argparse
import contextlib
import json
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import fault_clients
from fault_services import (
    MISSED,
    Services,
    check,
    compare,
    hanging_postgres,
    hanging_redis,
    hanging_sqlite,
    p99,
)
from machine import ROOT
from service.processes import Clients, wait_until

KEY = "a-key-for-reading-1"
ROUNDS = 10
SECONDS = 3.0
"""Length of each round: one idle, one with the fault."""


def trailers(services: Services) -> None:
    """Measure the memory of a service that receives endless trailers on four connections."""
    with services.start(PRISMREC_READ_KEYS=KEY) as process:
        for name, key in (("a key", KEY), ("no key", "")):
            address = ("127.0.0.1", process.port)
            fault_clients.send_trailers(address, key, seconds=3)
            before = process.memory()
            sizes: list[int] = []
            watch = partial(lambda found: found.append(process.memory()), sizes)
            with fault_clients.in_background(watch, pause=0.02):
                sent = fault_clients.send_trailers(address, key, seconds=15)
            check(
                f"growth of memory under endless trailers with {name}",
                (max(sizes) - before) / 1e6, "MB", most=5, sent_megabytes=round(sent / 1e6),
            )  # fmt: skip


def bodies(services: Services) -> None:
    """Measure /healthz while four clients without a key send bodies of 900 kB."""
    with services.start(PRISMREC_READ_KEYS=KEY) as process:
        idle: list[float] = []
        loaded: list[float] = []
        for _ in range(ROUNDS):
            idle += fault_clients.timed(process.port, "GET", "/healthz", seconds=SECONDS)
            words = [sys.executable, fault_clients.__file__, str(process.port)]
            with subprocess.Popen(words, stdout=subprocess.PIPE) as flood:
                assert flood.stdout is not None
                flood.stdout.readline()  # the first refusal arrived
                loaded += fault_clients.timed(process.port, "GET", "/healthz", seconds=SECONDS)
                flood.terminate()
        compare("p99 of /healthz during large bodies without a key", idle, loaded, most=3)


def hanging(services: Services) -> None:
    """Count the lists from a history in the request that are answered while a store hangs."""
    for name, opened in (
        ("sqlite (its writers)", hanging_sqlite),
        ("postgres", hanging_postgres),
        ("redis", hanging_redis),
    ):
        body = {"history": services.items[:10]}
        with opened() as (url, hang), services.start(store=url) as process:
            fault_clients.timed(process.port, "POST", "/v1/recommend", body, seconds=1)
            event = {"events": [{"user": "ann", "item": services.items[0]}]}
            process.post("/v1/events", **event)
            callers = [("/v1/recommend", {"user": "ann"}), ("/v1/events", event)] * 8
            with fault_clients.calling(process.port, callers), hang(process):
                time.sleep(0.5)
                statuses: list[int] = []
                took = fault_clients.timed(
                    process.port, "POST", "/v1/recommend", body, seconds=20, statuses=statuses
                )
            share = 100 * statuses.count(200) / len(statuses)
            check(
                f"lists answered while {name} hangs", share, "%", least=99,
                requests=len(statuses), p99_ms=round(p99(took), 1),
            )  # fmt: skip


def abandoned(services: Services) -> None:
    """Measure other clients while expensive batches are sent that nobody waits for.

    The batch: 100 lists of 500 items with ``max_relevance_loss``; its client leaves after 0.3 s.
    The other clients are four, each with a new request 20 ms after its last answer, over two
    seconds from the start of each batch.
    """
    one = {"k": 500, "max_relevance_loss": 0.2}
    batch = {"requests": [one | {"history": services.items[i : i + 20]} for i in range(100)]}
    body = {"history": services.items[:20], "k": 20}
    with services.start() as process:

        def others(seconds: float) -> list[float]:
            return fault_clients.timed(
                process.port, "POST", "/v1/recommend", body, seconds=seconds, pause=0.02, clients=4
            )

        others(SECONDS)
        idle: list[float] = []
        loaded: list[float] = []
        for _ in range(ROUNDS):
            idle += others(2)
            sender = threading.Thread(
                target=fault_clients.abandon, args=(process.port, batch, 0.3), daemon=True
            )
            sender.start()
            loaded += others(2)
            sender.join()
        compare("p99 of other clients during an abandoned batch", idle, loaded, most=2)


def costs(services: Services) -> None:
    """Measure lists of 500 items with a diversity target or a frontier, against plain ones."""
    forms: dict[str, dict[str, object]] = {
        "a plain list": {},
        "a diversity target": {"diversity_target": 0.6},
        "a largest loss of relevance": {"max_relevance_loss": 0.2},
        "a frontier": {"frontier": True},
    }
    took: dict[str, list[float]] = {name: [] for name in forms}
    with services.start() as process:
        for number in range(60):
            history = services.items[3 * number : 3 * number + 20]
            for name, options in forms.items():
                began = time.perf_counter()
                process.post("/v1/recommend", history=history, k=500, **options)
                took[name].append(time.perf_counter() - began)
    plain = statistics.median(took.pop("a plain list"))
    for name, seconds in took.items():
        check(
            f"{name} of 500 items", statistics.median(seconds) / plain, "× a plain list", most=3,
            ms=round(1e3 * statistics.median(seconds), 1), plain_ms=round(1e3 * plain, 1),
        )  # fmt: skip


def erasure(services: Services) -> None:
    """Measure DELETE of a user while another process reads the file for three seconds more."""
    with services.start() as process:
        names = [f"secret-user-{number}" for number in range(200)]
        events = [{"id": name, "user": "secret-user", "item": name} for name in names]
        process.post("/v1/events", events=events)
        path = process.folder / "events.db"

        def traces() -> int:
            return sum(
                file.read_bytes().count(b"secret-user") for file in path.parent.glob("events.db*")
            )

        assert traces()
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM events").fetchone()
            began = time.monotonic()
            assert process.client.delete("/v1/users/secret-user").json()["forgotten"] == 200
            check("erasure while a transaction reads", time.monotonic() - began, "s", most=1)
            sent = time.monotonic()
            process.post("/v1/events", events=[{"user": "bob", "item": "tea"}])
            check("an event after this erasure", time.monotonic() - sent, "s", most=1)
            time.sleep(max(0.0, began + 3 - time.monotonic()))
            reader.execute("COMMIT")
            ended = time.monotonic()
        with contextlib.suppress(AssertionError):
            wait_until(lambda: not traces(), seconds=10)
        gone = time.monotonic() - ended
        time.sleep(max(0.0, began + 5 - time.monotonic()))
        check(
            "traces in the files 5 s after the erasure", traces(), "", most=0,
            seconds_after_the_reader=round(gone, 2),
        )  # fmt: skip


def termination(services: Services) -> None:
    """Count the requests that fail when a service with two workers gets SIGTERM under load."""
    broken, requests, stops, slowest = 0, 0, 0, 0.0
    while requests < 5_000:
        with services.start("--workers", "2") as process:
            clients = Clients(process, services.items[:10], keep=stops % 2 == 0)
            wait_until(lambda clients=clients: clients.answered > 400)
            began = time.monotonic()
            assert process.stop() in (0, -signal.SIGTERM)
            slowest = max(slowest, time.monotonic() - began)
            clients.join()
            requests += clients.answered + len(clients.broken)
            broken, stops = broken + len(clients.broken), stops + 1
    check(
        "failed requests when two workers get SIGTERM", broken, "", most=0,
        requests=requests, stops=stops, slowest_stop_s=round(slowest, 1),
    )  # fmt: skip


def users(services: Services) -> None:
    """Measure the memory while 100,000 users send an event each and get a list each."""
    with services.start() as process:
        sizes = []
        for tenth in range(10):
            names = [f"u{10_000 * tenth + number}" for number in range(10_000)]
            for start in range(0, len(names), 1_000):
                events = [
                    {"id": name, "user": name, "item": services.items[number % len(services.items)]}
                    for number, name in enumerate(names[start : start + 1_000])
                ]
                process.post("/v1/events", events=events)
            bodies_of = [json.dumps({"user": name, "k": 20}).encode() for name in names]
            fault_clients.post_all(process.port, "/v1/recommend", bodies_of)
            sizes.append(process.memory() / 2**20)
        growth = 100 * (max(sizes[1:]) / sizes[0] - 1)
        check(
            "growth of memory from 10,000 to 100,000 distinct users", growth, "%", most=5,
            least=-100, mebibytes=[round(size, 1) for size in sizes],
        )  # fmt: skip


PARTS = {
    part.__name__: part
    for part in (trailers, bodies, hanging, abandoned, costs, erasure, termination, users)
}


def main(arguments: argparse.Namespace) -> int:
    """Run the parts; return the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        services = Services(arguments.artifact.resolve(), Path(folder))
        for name in arguments.parts or PARTS:
            PARTS[name](services)
    for what in MISSED:
        print(f"missed: {what}", file=sys.stderr)
    return bool(MISSED)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART",
                        help=", ".join(PARTS))  # fmt: skip
    parser.add_argument("--artifact", type=Path, default=ROOT / "demo" / "prism")
    arguments = parser.parse_args()
    if not arguments.artifact.is_dir():
        raise SystemExit(f"No artifact at {arguments.artifact}; `make demo` trains one.")
    sys.exit(main(arguments))
