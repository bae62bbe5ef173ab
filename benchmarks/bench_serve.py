"""How many recommendations a second does one worker give, while events are written?

    python benchmarks/bench_serve.py ARTIFACT --seconds 20
    python benchmarks/bench_serve.py ARTIFACT --soak 200000

The service is a process of its own on loopback, its store SQLite; the clients are another one,
with keep-alive connections, each asking again when it is answered. Beside it, in the same run, the
same clients ask a handler of the same framework that returns a constant: what HTTP itself costs.
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np
import psutil

from machine import ROOT, report
from prismrec.recommend.artifact import load

CONSTANT = """
import sys, uvicorn
from fastapi import FastAPI, Response
app = FastAPI()
@app.post("/v1/recommend")
async def recommend():
    return Response(b'{"items": []}', media_type="application/json")
@app.get("/readyz")
async def ready():
    return {}
uvicorn.run(app, port=int(sys.argv[1]), log_config=None, access_log=False)
"""
SERVE = "from prismrec.cli import main; main()"
USERS = 1_000


class Connection:
    """One keep-alive connection: as little as a client can do, so that the server is measured."""

    async def open(self, port):
        """Connect."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        return self

    async def post(self, path, body):
        """Send a request; give its status."""
        head = f"POST {path} HTTP/1.1\r\nHost: b\r\nContent-Type: application/json\r\n"
        self.writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        length = answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
        await self.reader.readexactly(int(length))
        return int(answer.split(b" ", 2)[1])

    def close(self):
        """Hang up."""
        self.writer.close()


def started(words, port, folder):
    """Start a server; give its process once it is ready."""
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", *words], cwd=folder, stdout=log, stderr=log,
            env=os.environ | {"TMPDIR": str(folder)},
        )  # fmt: skip
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz").close()
        except OSError:
            if process.poll() is not None:
                raise SystemExit((folder / "log").read_text()) from None
            time.sleep(0.05)
        else:
            return process


async def ask(port, bodies, clients, until, seconds):
    """Ask for lists on so many connections; note each answer's seconds."""
    statuses = []

    async def one(number):
        connection = await Connection().open(port)
        chance = random.Random(number)
        while not until():
            began = time.perf_counter()
            statuses.append(await connection.post("/v1/recommend", chance.choice(bodies)))
            seconds.append(time.perf_counter() - began)
        connection.close()

    await asyncio.gather(*(one(number) for number in range(clients)))
    assert set(statuses) == {200}, set(statuses)


async def write(port, items, rate, until, seconds):
    """Write events one by one, so many a second, on four connections."""
    chance, statuses = random.Random(0), []

    async def one(first):
        connection, number = await Connection().open(port), first
        began = time.perf_counter()
        while not until():
            await asyncio.sleep(began + number / rate - time.perf_counter())
            event = {"id": f"e{number}", "user": f"u{chance.randrange(USERS)}",
                     "item": chance.choice(items)}  # fmt: skip
            sent = time.perf_counter()
            statuses.append(
                await connection.post("/v1/events", json.dumps({"events": [event]}).encode())
            )
            seconds.append(time.perf_counter() - sent)
            number += 4
        connection.close()

    await asyncio.gather(*(one(first) for first in range(4)))
    assert set(statuses) == {200}, set(statuses)


def measured(port, bodies, items, *, clients, duration, rate):
    """Give the seconds of each list and of each event in so long a time."""

    async def both():
        end = time.perf_counter() + duration
        lists, events = [], []

        def until():
            return time.perf_counter() > end

        asking = [ask(port, bodies, clients, until, lists)]
        asking += [write(port, items, rate, until, events)] if rate else []
        await asyncio.gather(*asking)
        return lists, events

    return asyncio.run(both())


def soak(process, port, bodies, requests, clients):
    """Ask so many times; report memory at ten points after a tenth as warm-up."""
    memory = psutil.Process(process.pid)
    held = []
    for _ in range(10):
        done = []

        def until(done=done):
            return len(done) >= requests // 10

        asyncio.run(ask(port, bodies, clients, until, done))
        held.append(memory.memory_info().rss / 2**20)
    growth = held[-1] / held[0] - 1
    report("soak, memory after warm-up", held[0], "MiB", requests=requests)
    report("soak, memory at the end", held[-1], "MiB", all=[round(value, 1) for value in held])
    report("soak, growth", 100 * growth, "%")


def tell(what, lists, duration, clients):
    """Report a rate and its times; give the rate."""
    rate = len(lists) / duration
    report(what, rate, "a second", clients=clients)
    for share in (50, 99):
        report(f"{what}, p{share}", 1e3 * float(np.percentile(lists, share)), "ms")
    return rate


def main(asked):
    """Measure."""
    catalog = load(asked.artifact).catalog
    items = catalog.items.external(range(1, catalog.size))
    chance = random.Random(0)
    histories = [chance.choices(items, k=chance.randrange(5, 50)) for _ in range(USERS)]
    bodies = [json.dumps({"user": f"u{i}", "k": 20}).encode() for i in range(USERS)]
    with tempfile.TemporaryDirectory() as temporary:
        folder, port = Path(temporary), asked.port
        constant = started([CONSTANT, str(port + 1)], port + 1, folder)
        try:
            lists, _ = measured(
                port + 1, bodies, items, clients=asked.clients, duration=asked.seconds / 2, rate=0
            )
        finally:
            constant.terminate()
            constant.wait()
        floor = tell("constant", lists, asked.seconds / 2, asked.clients)
        words = [SERVE, "serve", str(asked.artifact.resolve()), "--port", str(port)]
        process = started([*words, "--changes", "changes"], port, folder)
        try:
            events = [
                {"id": f"s{i}-{n}", "user": f"u{i}", "item": item, "time": n}
                for i, history in enumerate(histories)
                for n, item in enumerate(history)
            ]
            fill(port, events)
            options = {"clients": asked.clients, "rate": asked.events}
            measured(port, bodies, items, duration=3, **options)  # warm-up
            lists, events = measured(port, bodies, items, duration=asked.seconds, **options)
            rate = tell("recommendations", lists, asked.seconds, asked.clients)
            if asked.events:
                tell("events", events, asked.seconds, 4)
            report("recommendations, share of the constant handler's rate", rate / floor, "")
            if asked.soak:
                soak(process, port, bodies, asked.soak, asked.clients)
        finally:
            process.terminate()
            process.wait()


def fill(port, events):
    """Store histories to recommend from."""

    async def send():
        connection = await Connection().open(port)
        for start in range(0, len(events), 1_000):
            body = json.dumps({"events": events[start : start + 1_000]}).encode()
            assert await connection.post("/v1/events", body) == 200
        connection.close()

    asyncio.run(send())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("artifact", type=Path, nargs="?", default=ROOT / "demo" / "prism")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--events", type=float, default=200, help="a second")
    parser.add_argument("--soak", type=int, default=0, help="requests after the measurement")
    parser.add_argument("--port", type=int, default=8931)
    given = parser.parse_args()
    if not given.artifact.is_dir():
        raise SystemExit(f"No artifact at {given.artifact}: `make demo` makes one.")
    main(given)
