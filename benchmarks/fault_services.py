"""Services, stores that hang, and results with bars, for ``faults.py``."""

import contextlib
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from machine import ROOT, report

sys.path.insert(0, str(ROOT / "tests"))
import fault_clients
from postgres import data_folder, postgres, server_processes
from redis_server import redis_server
from service.processes import Process

MISSED: list[str] = []


class Services:
    """Starts services on copies of one artifact; each has a folder of its own.

    Args:
        artifact: The artifact.
        folder: An empty folder.
    """

    def __init__(self, artifact: Path, folder: Path) -> None:
        self.artifact, self.folder, self.number = artifact, folder, 0
        items = pl.read_parquet(artifact / "items.parquet")["id"].cast(pl.String)
        self.items = items.to_list()

    @contextlib.contextmanager
    def start(self, *flags: str, store: str | None = None, **environment: str) -> Iterator[Process]:
        """Start a service, yield it, and kill it if it still runs."""
        self.number += 1
        folder = self.folder / str(self.number)
        folder.mkdir()
        shutil.copytree(self.artifact, folder / "artifact")
        process = Process(folder, *flags, store=store, **environment)
        try:
            yield process.start()
        finally:
            process.close()


def check(what: str, value: float, unit: str, *, most: float | None = None, least: float = 0,
          **more: object) -> None:  # fmt: skip
    """Report a value with its bar, and remember it if the bar is missed."""
    bar = f"at least {least:g}" if most is None else f"at most {most:g}"
    met = least <= value and (most is None or value <= most)
    report(what, value, unit, bar=bar, met=met, **more)
    if not met:
        MISSED.append(what)


def p99(seconds: list[float]) -> float:
    """Return the 99th percentile in milliseconds."""
    return 1e3 * float(np.percentile(seconds, 99))


def compare(what: str, idle: list[float], loaded: list[float], *, most: float) -> None:
    """Report how many times as long the slowest answers take as without the fault."""
    check(
        what, p99(loaded) / p99(idle), "× idle", most=most,
        idle_ms=round(p99(idle), 2), ms=round(p99(loaded), 2), answers=len(loaded),
    )  # fmt: skip


@contextlib.contextmanager
def hanging_sqlite() -> Iterator[tuple[str | None, fault_clients.Hang]]:
    """Yield the default store, and a context in which another process's write never ends."""

    @contextlib.contextmanager
    def hang(process: Process) -> Iterator[None]:
        path = process.folder / "events.db"
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")

    yield None, hang


@contextlib.contextmanager
def hanging_postgres() -> Iterator[tuple[str | None, fault_clients.Hang]]:
    """Yield a database, and a context in which all its processes are stopped."""
    with postgres() as url:
        yield url, lambda _: fault_clients.stopped(server_processes(data_folder(url)))


@contextlib.contextmanager
def hanging_redis() -> Iterator[tuple[str | None, fault_clients.Hang]]:
    """Yield a server, and a context in which it is stopped."""
    with redis_server() as server:
        yield server.url, lambda _: fault_clients.stopped([server.process])
