"""The measurement of ``bench_capacity`` that starts a service."""

import asyncio
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

import bench_serve
from capacity_runs import Found, recommender_of
from prismrec.recommend import save
from prismrec.training import Sizes

PORT, REQUESTS, CLIENTS = 8_941, 600, 4


def measure_service(sizes: Sizes, folder: Path) -> Found:
    """Measure a service: requests over HTTP, with reasons, of users whose events are stored."""
    recommender, histories, _ = recommender_of(sizes, "exact")
    artifact = folder / "artifact"
    save(recommender, artifact)
    stored = [recommender.catalog.items.external(history.tolist()) for history in histories]
    del recommender
    words = [bench_serve.SERVE, "serve", str(artifact.resolve()), "--port", str(PORT)]
    process = bench_serve.started([*words, "--threads", "1"], PORT, folder)
    try:
        used = psutil.Process(process.pid)
        fill(stored)
        bodies = [*bodies_of(stored)]
        request_lists(bodies, 50)
        before = used.cpu_times()
        request_lists(bodies, REQUESTS)
        after = used.cpu_times()
        memory = used.memory_info().rss
    finally:
        process.terminate()
        process.wait()
    seconds = after.user + after.system - before.user - before.system
    return sizes, {"service.seconds": seconds / REQUESTS, "service.memory": float(memory)}


def bodies_of(stored: Sequence[Sequence[str]]) -> Iterator[bytes]:
    """Yield requests with other histories: a history that comes again would not be read again."""
    chance = random.Random(0)
    for _ in range(100 * REQUESTS):
        user = chance.randrange(len(stored))
        history = chance.choices(stored[chance.randrange(len(stored))], k=2)
        yield json.dumps({"user": f"u{user}", "history": history, "k": 20}).encode()


def fill(stored: Sequence[Sequence[str]]) -> None:
    """Store one history per user."""
    events = [
        {"id": f"s{user}-{number}", "user": f"u{user}", "item": item, "time": number}
        for user, history in enumerate(stored)
        for number, item in enumerate(history)
    ]
    bench_serve.fill(PORT, events)


def request_lists(bodies: list[bytes], number: int) -> None:
    """Request so many lists."""
    done: list[float] = []
    asyncio.run(bench_serve.request_lists(PORT, bodies, CLIENTS, lambda: len(done) >= number, done))
