"""Start a service with hostile item titles, and a browser that opens its page."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import httpx2 as httpx
import numpy as np
import polars as pl
import pytest
import torch

from prismrec.data import Dataset, split_by_user
from prismrec.data.storage import save_dataset
from prismrec.evaluation import (
    Benchmark,
    compare_with_single_interest,
    differences,
    lists_of,
    measure_baselines,
    report_content,
    write_report,
)
from prismrec.recommend import Recommender
from prismrec.recommend.artifact import save
from worlds import small_dataset, untrained

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

WORLD = "synthetic:many-taste?users=60&items=120&clusters=8&events=12&seed=0"
HOSTILE = "<script>window.broken = 1</script><img src=x onerror='window.broken = 2'>"
LONG = "unbroken" * 20
REVERSED = "\u202ereversed"
# Chromium as root needs --no-sandbox; the other flags stop requests to its vendor.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SOON = (
    "const later = window.setTimeout; window.setTimeout = (f, ms) => later(f, Math.min(ms, 300));"
)
"""Script that shortens the waits of the page, such as that before it asks a service again."""
WATCH = """
window.violations = [];
addEventListener("securitypolicyviolation", (e) => violations.push(e.violatedDirective));
"""


@pytest.fixture(scope="session")
def chromium():
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("Chromium is not installed")
    return path


# The scope is not the session: Playwright keeps an event loop, and other tests start one too.
@pytest.fixture(scope="package")
def browser(chromium):
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def world(tmp_path_factory):
    """Write four artifacts, their data set and a report; every item title is hostile or unusual."""
    folder = tmp_path_factory.mktemp("page")
    dataset = small_dataset(WORLD)
    names = dataset.catalog.items.external(range(1, dataset.catalog.size))
    titles = [f"{HOSTILE} {name}" if int(name) % 3 == 0 else f"Title {name} 物品" for name in names]
    titles[names.index("5")] = f"Title 5 {LONG}"
    titles[names.index("10")] = f"Title 10 {REVERSED}"
    catalog = replace(dataset.catalog, titles=pl.Series(titles))
    dataset = replace(dataset, catalog=catalog)
    save_dataset(dataset, folder / "data")
    models = {}
    for name, interests in (("artifact", 3), ("other", 1)):
        models[name] = untrained(dataset, interests=interests)
        save(models[name], folder / name, about={"seconds": 1.5})
    save(in_a_circle(dataset), folder / "regions", about={})
    rules = {"dislikes": "rating<=2", "dislikes_by": "value"}
    save(
        models["artifact"],
        folder / "rated",
        about={"dataset": {"weighting": rules}, "result": {"steps": 9}},
    )
    named = {"artifact": models["artifact"], "artifact-k1": models["other"]}
    write_small_report(dataset, named, folder / "report")
    pruned = untrained(dataset, extractor="prism")
    pruned.model.extractor.prune([0])
    save(pruned, folder / "pruned", about={})
    return folder


def in_a_circle(dataset: Dataset) -> Recommender:
    """Return a recommender whose items lie in a circle, those of a category next to each other."""
    model = untrained(dataset, interests=1).model
    categories = dataset.catalog.single_category
    angles = 2 * np.pi * categories / len(dataset.catalog.category_names)
    noise = np.random.default_rng(0).normal(0, 0.05, model.items.weight.shape)
    noise[:, 0] += np.cos(angles)
    noise[:, 1] += np.sin(angles)
    with torch.no_grad():
        model.items.weight.copy_(torch.from_numpy(noise))
    return Recommender.exact(model, dataset.catalog)


def write_small_report(dataset: Dataset, models: dict[str, Recommender], folder: Path) -> None:
    """Write an evaluation report of some models and all baselines."""
    split = split_by_user(dataset)
    benchmark = Benchmark(split=split, cases=split.test, catalog=dataset.catalog, ks=(10, 20))
    lists, entries, _ = measure_baselines(benchmark)
    for name, model in models.items():
        lists[name] = lists_of(model)
        several = "artifact" if name == "artifact-k1" else None
        entry = benchmark.entry(name, "", lists[name])
        entries.append(replace(entry, one_interest_of=several))
    single = map(str, compare_with_single_interest(entries, "recall@20"))
    compared = [*differences(entries, "recall@20"), *single]
    content = report_content(benchmark, entries, lists, models, compared, "a small world")
    write_report(content, folder)


class Server:
    """``prismrec serve`` in a separate process, always on the same port."""

    def __init__(
        self, folder: Path, *flags: str, artifact: str = "artifact", **environment: str
    ) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.folder, self.flags, self.environment = folder, (artifact, *flags), environment
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        code = "from prismrec.cli import main; main()"
        line = [sys.executable, "-c", code, "serve", *self.flags, "--data", "data"]
        line += ["--store", "memory:", "--port", str(self.port)]
        environment = os.environ | {"TMPDIR": str(self.folder)} | self.environment
        with (self.folder / f"{self.port}.log").open("ab") as log:
            self.process = subprocess.Popen(
                line, cwd=self.folder, env=environment, stdout=log, stderr=log
            )
        for _ in range(600):
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.address}/readyz").is_success:
                    return
            assert self.process.poll() is None, (self.folder / f"{self.port}.log").read_text()
            time.sleep(0.05)
        raise TimeoutError("the service did not start")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture(scope="package")
def server(world, chromium):
    server = Server(world, "--compare-with", "other", "--report", "report")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_server(world, chromium):
    """Return a function that starts a server, which the test may stop."""
    started = []

    def start(*flags, **options):
        server = Server(world, *flags, **options)
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def visit(browser):
    """Return a function that opens the page; check after the test that no page had an error."""
    opened = []

    def open_page(address, view="", *, query="", wait=True, before=None, soon=False, **options):
        options = {"viewport": {"width": 1280, "height": 900}, "locale": "en-US"} | options
        context = browser.new_context(**options)
        context.add_init_script(WATCH + (SOON if soon else ""))
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.errors, page.hosts = [], set()
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("request", lambda request: page.hosts.add(request.url.split("/")[2]))
        if before is not None:
            before(page)  # for example, to change the answers of the service
        page.goto(f"{address}/{query}#{view}")
        if wait:
            page.get_by_role("heading", level=2).first.wait_for()
        opened.append((context, page, address))
        return page

    yield open_page
    for context, page, address in opened:
        assert not page.errors
        assert page.hosts == {address.split("/")[2]}, "a request went to another host"
        assert page.evaluate("window.violations") == [], "against the content security policy"
        assert page.evaluate("window.broken") is None, "a title was executed"
        context.close()


@pytest.fixture
def page(visit, server):
    """Open the page and wait for its list."""
    page = visit(server.address)
    page.locator(".item").first.wait_for()
    return page
