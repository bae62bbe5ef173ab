"""How many lists per second does one worker answer, while events are written?

    python benchmarks/bench_serve.py ARTIFACT --seconds 20
    python benchmarks/bench_serve.py ARTIFACT --users 50000    # histories that rarely come again
    python benchmarks/bench_serve.py ARTIFACT --soak 200000

The service is one process on loopback with a SQLite store. The clients are in another process, with
keep-alive connections; each sends its next request when it gets an answer. In the same run, the
same clients call a handler of the same framework that returns a constant: the cost of HTTP itself.
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


class Connection:
    """One keep-alive connection: a client with little work, so that the server is measured."""

    async def open(self, port):
        """Connect and return the connection."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        return self

    async def post(self, path, body):
        """Send a request and return the status of the response."""
        head = f"POST {path} HTTP/1.1\r\nHost: b\r\nContent-Type: application/json\r\n"
        self.writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        length = answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
        await self.reader.readexactly(int(length))
        return int(answer.split(b" ", 2)[1])

    def close(self):
        """Close the connection."""
        self.writer.close()


def started(words, port, folder):
    """Start a server and return its process when it is ready."""
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


async def request_lists(port, bodies, clients, until, seconds):
    """Request lists on ``clients`` connections; append the seconds of each answer."""
    statuses = []

    async def one(number):
        connection = await Connection().open(port)
        chance = random.Random(number)
        while not until():
            begin = time.perf_counter()
            statuses.append(await connection.post("/v1/recommend", chance.choice(bodies)))
            seconds.append(time.perf_counter() - begin)
        connection.close()

    await asyncio.gather(*(one(number) for number in range(clients)))
    assert set(statuses) == {200}, set(statuses)


async def write(port, items, users, rate, until, seconds):
    """Write events one by one, ``rate`` per second, on four connections."""
    chance, statuses = random.Random(0), []

    async def one(first):
        connection, number = await Connection().open(port), first
        begin = time.perf_counter()
        while not until():
            await asyncio.sleep(begin + number / rate - time.perf_counter())
            event = {"id": f"e{number}", "user": f"u{chance.randrange(users)}",
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


def measure(port, bodies, items, *, clients, duration, rate):
    """Return the seconds of each list and of each event within ``duration`` seconds."""

    async def both():
        end = time.perf_counter() + duration
        lists, events = [], []

        def until():
            return time.perf_counter() > end

        tasks = [request_lists(port, bodies, clients, until, lists)]
        tasks += [write(port, items, len(bodies), rate, until, events)] if rate else []
        await asyncio.gather(*tasks)
        return lists, events

    return asyncio.run(both())


def soak(process, port, bodies, requests, clients):
    """Send ``requests`` requests; report the memory after each tenth; the first is a warm-up."""
    memory = psutil.Process(process.pid)
    sizes = []
    for _ in range(10):
        done = []

        def until(done=done):
            return len(done) >= requests // 10

        asyncio.run(request_lists(port, bodies, clients, until, done))
        sizes.append(memory.memory_info().rss / 2**20)
    growth = sizes[-1] / sizes[0] - 1
    report("soak, memory after warm-up", sizes[0], "MiB", requests=requests)
    report("soak, memory at the end", sizes[-1], "MiB", all=[round(size, 1) for size in sizes])
    report("soak, growth", 100 * growth, "%")


def report_rate(what, lists, duration, clients):
    """Report and return a rate; report quantiles of its times."""
    rate = len(lists) / duration
    report(what, rate, "per second", clients=clients)
    for share in (50, 99):
        report(f"{what}, p{share}", 1e3 * float(np.percentile(lists, share)), "ms")
    return rate


def main(arguments):
    """Measure the service on an artifact."""
    catalog = load(arguments.artifact).catalog
    items = catalog.items.external(range(1, catalog.size))
    chance = random.Random(0)
    histories = [chance.choices(items, k=chance.randrange(5, 50)) for _ in range(arguments.users)]
    bodies = [json.dumps({"user": f"u{i}", "k": 20}).encode() for i in range(arguments.users)]
    with tempfile.TemporaryDirectory() as temporary:
        folder, port = Path(temporary), arguments.port
        constant = started([CONSTANT, str(port + 1)], port + 1, folder)
        try:
            lists, _ = measure(
                port + 1,
                bodies,
                items,
                clients=arguments.clients,
                duration=arguments.seconds / 2,
                rate=0,
            )
        finally:
            constant.terminate()
            constant.wait()
        floor = report_rate("constant", lists, arguments.seconds / 2, arguments.clients)
        words = [SERVE, "serve", str(arguments.artifact.resolve()), "--port", str(port)]
        process = started([*words, "--changes", "changes"], port, folder)
        try:
            events = [
                {"id": f"s{i}-{n}", "user": f"u{i}", "item": item, "time": n}
                for i, history in enumerate(histories)
                for n, item in enumerate(history)
            ]
            fill(port, events)
            options = {"clients": arguments.clients, "rate": arguments.events}
            measure(port, bodies, items, duration=3, **options)  # warm-up
            lists, events = measure(port, bodies, items, duration=arguments.seconds, **options)
            rate = report_rate("recommendations", lists, arguments.seconds, arguments.clients)
            if arguments.events:
                report_rate("events", events, arguments.seconds, 4)
            report("recommendations, share of the constant handler's rate", rate / floor, "")
            if arguments.soak:
                soak(process, port, bodies, arguments.soak, arguments.clients)
        finally:
            process.terminate()
            process.wait()


def fill(port, events):
    """Store the histories of the users."""

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
    parser.add_argument("--events", type=float, default=200, help="events per second")
    parser.add_argument("--users", type=int, default=1_000, help="users with stored events")
    parser.add_argument("--soak", type=int, default=0, help="requests after the measurement")
    parser.add_argument("--port", type=int, default=8931)
    arguments = parser.parse_args()
    if not arguments.artifact.is_dir():
        raise SystemExit(f"No artifact at {arguments.artifact}; `make demo` trains one.")
    main(arguments)
