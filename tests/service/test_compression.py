"""Test compressed responses, and how much a browser loads before it shows the page."""

import gzip
import re

import pytest

from prismrec.service.page_files import PAGE, SMALLEST, Page
from service.clients import post

pytestmark = pytest.mark.slow

FIRST_LOAD = 60_000
"""Most bytes of index.html, scripts and styles before the page shows something."""
PLAIN = {"Accept-Encoding": "identity"}


def raw(client, path, **headers):
    """Return a response without decoding its body."""
    headers = {"Accept-Encoding": "gzip, br", **headers}
    with client.stream("GET", path, headers=headers) as answer:
        answer.bytes = b"".join(answer.iter_raw())
    return answer


def files_of(text, pattern):
    return {name.split("/")[-1] for name in re.findall(pattern, text)}


def first_files(folder=PAGE):
    """Return the files that a browser loads with index.html, also those that they import."""
    html = (folder / "index.html").read_text("utf-8")
    left = files_of(html, r'<(?:script|link)[^>]*(?:src|href)="([^"]+\.(?:js|css))"')
    found = {"index.html"}
    while left:
        name = left.pop()
        found.add(name)
        text = (folder / name).read_text("utf-8")
        if name.endswith(".js"):  # import("…") loads later
            left |= files_of(text, r'(?:from|import)\s*"(\./[^"]+)"') - found
    return found


def test_the_first_load_of_the_page_is_small(client):
    names = first_files()
    assert {name.rsplit(".")[-1] for name in names} == {"html", "js", "css"}
    sizes = {name: len(raw(client, f"/{name}").bytes) for name in names}
    assert sum(sizes.values()) <= FIRST_LOAD, sizes


def test_imports_of_imports_belong_to_the_first_load(tmp_path):
    (tmp_path / "index.html").write_text(
        '<script type="module" src="./page-a.js"></script><link rel="stylesheet" href="./a.css">'
    )
    (tmp_path / "a.css").write_text("a{}")
    (tmp_path / "page-a.js").write_text('import{x}from"./b.js";import("./later.js")')
    (tmp_path / "b.js").write_text('import"./c.js";export{x}from "./d.js"')
    for name in ("c.js", "d.js", "later.js"):
        (tmp_path / name).write_text("")
    assert first_files(tmp_path) == {"index.html", "page-a.js", "a.css", "b.js", "c.js", "d.js"}


@pytest.fixture
def script():
    return next(path for path in PAGE.glob("*.js") if path.stat().st_size > 10 * SMALLEST)


def test_a_file_of_the_page_is_compressed_once(client, script, monkeypatch):
    first = raw(client, f"/{script.name}")
    assert first.headers["content-encoding"] == "gzip"
    assert first.headers["vary"] == "Accept-Encoding"
    assert "immutable" in first.headers["cache-control"]
    assert "javascript" in first.headers["content-type"]
    assert first.headers["etag"].startswith("W/")
    assert gzip.decompress(first.bytes) == script.read_bytes()
    assert len(first.bytes) == int(first.headers["content-length"]) < script.stat().st_size / 2
    monkeypatch.setattr("gzip.compress", None)
    assert raw(client, f"/{script.name}").bytes == first.bytes


@pytest.mark.parametrize(
    ("sent", "accepted"),
    [
        ("gzip;q=0", False),
        ("gzip; q=0.000, br", False),
        ("br;q=1, x-gzip", False),
        ("gzip;q=0.001", True),
        ("br, gzip;q=1", True),
    ],
)
def test_the_weight_of_gzip_decides(client, script, sent, accepted):
    for path in (f"/{script.name}", "/openapi.json"):
        found = raw(client, path, **{"Accept-Encoding": sent})
        assert found.headers.get("content-encoding") == ("gzip" if accepted else None)
        assert found.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize("sent", ["identity", "gzip;q=0"])
def test_a_client_that_accepts_no_gzip_gets_the_file_itself(client, script, sent):
    plain = raw(client, f"/{script.name}", **{"Accept-Encoding": sent})
    assert "content-encoding" not in plain.headers
    assert plain.headers.get_list("vary") == ["Accept-Encoding"]
    assert plain.bytes == script.read_bytes()


def test_head_names_the_length_and_has_no_body(client, script):
    head = client.head(f"/{script.name}", headers={"Accept-Encoding": "gzip"})
    got = raw(client, f"/{script.name}")
    for name in ("content-length", "content-encoding", "etag"):
        assert head.headers[name] == got.headers[name]
    assert head.content == b""


@pytest.mark.parametrize("part", ["bytes=10-19", "bytes=999999999-", "bytes=x", "bytes=1-2,5-6"])
@pytest.mark.parametrize("sent", ["gzip", "identity"])
def test_a_request_for_part_of_a_file_gets_the_whole_file(client, script, part, sent):
    found = raw(client, f"/{script.name}", **{"Range": part, "Accept-Encoding": sent})
    assert (found.status_code, found.headers["accept-ranges"]) == (200, "none")
    body = gzip.decompress(found.bytes) if sent == "gzip" else found.bytes
    assert body == script.read_bytes()


def test_an_unchanged_file_is_not_sent_again(client, script):
    etag = raw(client, f"/{script.name}").headers["etag"]
    for sent in (etag, etag.removeprefix("W/")):
        again = raw(client, f"/{script.name}", **{"If-None-Match": sent})
        assert (again.status_code, again.bytes) == (304, b"")
    assert raw(client, f"/{script.name}", **{"If-None-Match": '"other"'}).status_code == 200


def test_a_changed_file_is_compressed_again(tmp_path):
    import asyncio
    import os
    from concurrent.futures import ThreadPoolExecutor

    page, path = Page(directory=tmp_path), tmp_path / "a-1.js"
    scope = {"type": "http", "method": "GET", "headers": [(b"accept-encoding", b"gzip")]}
    bodies = []
    for number in (1, 2):
        path.write_text(f"{number}" * 2_000)
        os.utime(path, ns=(number, number))
        with ThreadPoolExecutor(1) as thread:  # a browser test of this process may hold a loop
            answer = thread.submit(lambda: asyncio.run(page.get_response("a-1.js", scope))).result()
        bodies.append(gzip.decompress(answer.body))
    assert bodies == [b"1" * 2_000, b"2" * 2_000]


def test_large_data_is_compressed_and_small_data_is_not(client, history):
    small = raw(client, "/healthz")
    assert "content-encoding" not in small.headers
    large = raw(client, "/v1/map")
    assert large.headers["content-encoding"] == "gzip"
    assert large.headers["vary"] == "Accept-Encoding"
    assert len(large.bytes) == int(large.headers["content-length"])
    plain = raw(client, "/v1/map", **PLAIN)
    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"] == "Accept-Encoding", "or a cache would give it to everybody"
    assert gzip.decompress(large.bytes) == plain.bytes
    assert len(large.bytes) < len(plain.bytes) / 2
    assert client.post(
        "/v1/recommend", json={"history": history, "explain": True}
    ).headers["content-encoding"] == "gzip"  # fmt: skip


def test_an_error_is_read_by_every_client(client):
    for headers in ({}, PLAIN):
        answer = client.get("/v1/items/nothing/similar", headers=headers)
        assert answer.json()["error"]["kind"] == "unknown_name"
    assert post(client, "/v1/recommend", history=[])["source"] == "popular"
