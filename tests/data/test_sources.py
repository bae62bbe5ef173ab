"""Check public data sets: local copies, downloads, the cache, and conversion."""

import gzip
import json
import threading
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import polars as pl
import pytest

from prismrec.data.dataset import build_dataset
from prismrec.data.sources import DATASETS, fetch, open_named
from prismrec.data.sources.base import Source, download
from prismrec.errors import DataError, UnknownName

EVERYTHING = {"min_user_events": 1, "min_item_events": 1}
ML_1M = {
    "ml-1m/ratings.dat": "1::11::5::978300760\n1::12::3::978302109\n2::11::4::978299026\n",
    "ml-1m/movies.dat": "11::Amélie (2001)::Comedy|Romance\n12::Heat (1995)::Action\n",
}
U_ITEM = "1|Toy Story (1995)|01-Jan-1995||http://x|0|0|0|1|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0\n"


def folder_of(path, files):
    for name, text in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(text.encode("latin-1"))
    return path


def zip_of(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text.encode("latin-1"))
    return path


@pytest.fixture(params=["folder", "zip"])
def films(request, tmp_path):
    if request.param == "folder":
        return folder_of(tmp_path / "here", ML_1M)
    return zip_of(tmp_path / "ml-1m.zip", ML_1M)


def test_a_local_copy_is_read_from_a_folder_or_an_archive(films, tmp_path):
    log, items = open_named("ml-1m", tmp_path / "cache", source=films)
    dataset = build_dataset(log, items=items, **EVERYTHING)
    assert dataset.users.ids.to_list() == ["1", "2"]
    assert dataset.catalog.titles.to_list() == ["Amélie (2001)", "Heat (1995)"]
    assert dataset.catalog.category_names == ["Comedy", "Romance", "Action"]
    assert dataset.how["source"] == "ml-1m"  # and not the path of the cache
    assert dataset.histories.times_of(0).tolist() == [978300760_000000, 978302109_000000]


def test_a_cached_data_set_is_not_downloaded_again(films, tmp_path, monkeypatch):
    first = fetch("ml-1m", tmp_path / "cache", source=films)
    assert fetch("ml-1m", tmp_path / "cache") == first
    assert set(first.sha256) == {"ratings.dat", "movies.dat"}
    assert "GroupLens" in first.terms
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["ml-1m"]


def test_a_file_with_another_hash_is_an_error(tmp_path):
    header = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
    folder_of(tmp_path / "here", {"ml-100k.inter": header, "ml-100k.item": ""})
    with pytest.raises(
        DataError, match=r"ml-100k\.inter is not the known file .* SHA-256 is [0-9a-f]{64}"
    ):
        fetch("ml-100k", tmp_path / "cache", source=tmp_path / "here")
    assert not list((tmp_path / "cache").iterdir())


def test_files_of_grouplens_have_titles_and_genres(tmp_path):
    files = {"ml-100k/u.data": "7\t1\t3\t881250949\n", "ml-100k/u.item": U_ITEM}
    log, items = open_named("ml-100k", tmp_path, source=folder_of(tmp_path / "here", files))
    catalog = build_dataset(log, items=items, **EVERYTHING).catalog
    assert catalog.title(1) == "Toy Story (1995)"
    assert catalog.category_names == ["Animation", "Children's", "Comedy"]


def test_books_are_read_from_reviews_and_metadata_is_not_executed(tmp_path):
    reviews = [
        {"reviewerID": "A", "asin": a, "unixReviewTime": t, "overall": 5.0}
        for a, t in [("0002", 7), ("0001", 3)]
    ]
    metadata = (
        "{'asin': '0001', 'title': 'It\\'s', 'categories': [['Books', 'Fiction'], ['Art']]}\n"
        "{'asin': '0002', 'categories': [[]]}\n"
    )
    (tmp_path / "here").mkdir()
    for name, text in (
        ("reviews_Books_5.json.gz", "\n".join(map(json.dumps, reviews))),
        ("meta_Books.json.gz", metadata),
    ):
        with gzip.open(tmp_path / "here" / name, "wt") as file:
            file.write(text)
    log, items = open_named("amazon-books", tmp_path / "cache", source=tmp_path / "here")
    dataset = build_dataset(log, items=items, **EVERYTHING)
    assert dataset.catalog.items.external(dataset.histories[0]) == ["0001", "0002"]
    assert dataset.catalog.titles.to_list() == ["0002", "It's"]
    assert sorted(dataset.catalog.category_names) == ["Art", "Fiction"]
    with gzip.open(tmp_path / "here" / "meta_Books.json.gz", "wt") as file:
        file.write("__import__('os').abort()\n")
    with pytest.raises(DataError, match=r"meta_Books\.json\.gz, line 1"):
        fetch("amazon-books", tmp_path / "cache", source=tmp_path / "here")


def test_comirec_books_are_one_log_in_the_order_of_ranks(tmp_path):
    files = {
        "book_train.txt": "1,5,0\n1,6,1\n",
        "book_valid.txt": "2,6,0\n",
        "book_test.txt": "3,5,1\n3,7,0\n",
        "book_item_cate.txt": "5,1\n6,1\n7,2\n",
    }
    folder_of(tmp_path / "book_data", files)
    log, items = open_named("amazon-books", tmp_path / "cache", source=tmp_path / "book_data")
    dataset = build_dataset(log, items=items, **EVERYTHING)
    rows = [dataset.catalog.items.external(row) for row in dataset.histories]
    assert rows == [["5", "6"], ["6"], ["7", "5"]]
    assert dataset.catalog.category_names == ["1", "2"]


def test_taobao_is_read_from_its_file_by_event_type(tmp_path):
    rows = "1,10,900,pv,1511544070\n1,11,901,buy,1511544080\n2,10,900,cart,1511544090\n"
    file = folder_of(tmp_path, {"UserBehavior.csv": rows}) / "UserBehavior.csv"
    log, items = open_named("taobao", tmp_path / "cache", source=file, keep_events=["pv"])
    dataset = build_dataset(log, items=items, **EVERYTHING)
    assert dataset.users.ids.to_list() == ["1"]
    assert dataset.catalog.category_names == ["900"]
    everything, _ = open_named("taobao", tmp_path / "cache")
    assert len(build_dataset(everything, **EVERYTHING).histories.items) == 3


def test_the_error_of_a_data_set_without_download_has_its_page(tmp_path):
    with pytest.raises(DataError, match=r"without an account; get it from https://tianchi"):
        fetch("taobao", tmp_path)


def test_the_error_of_a_wrong_path_has_the_expected_files(tmp_path):
    (tmp_path / "here").mkdir()
    with pytest.raises(
        DataError, match=r"does not contain ratings\.dat and movies\.dat; see https"
    ):
        fetch("ml-1m", tmp_path / "cache", source=tmp_path / "here")
    with pytest.raises(DataError, match="does not exist"):
        fetch("ml-1m", tmp_path / "cache", source=tmp_path / "nowhere")
    with pytest.raises(UnknownName, match="Did you mean 'ml-1m'"):
        fetch("ml-1", tmp_path / "cache")


def test_the_error_of_an_unreachable_site_suggests_a_path(tmp_path, monkeypatch):
    def unreachable(*_, **__):
        raise OSError("no route")

    monkeypatch.setattr("requests.get", unreachable)
    with pytest.raises(
        DataError, match=r"ml-1m\.zip could not be downloaded \(no route\); download"
    ):
        fetch("ml-1m", tmp_path)
    monkeypatch.setattr("subprocess.run", unreachable)
    with pytest.raises(DataError, match=r"from the package index \(no route\)"):
        fetch("ml-100k", tmp_path)


@pytest.fixture
def serve(monkeypatch):
    """Serve bodies at a local address, one per request; a short body is a broken connection."""
    monkeypatch.setattr("time.sleep", lambda _: None)  # between two attempts
    requests, servers = [], []

    def start(*bodies, length):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = bodies[min(len(requests), len(bodies) - 1)]
                requests.append(self.path)
                self.send_response(200 if body else 404)
                self.send_header("Content-Length", str(length if body else 0))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/data/ml-1m.zip", requests

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.slow
def test_a_download_is_converted_and_cached(serve, tmp_path, monkeypatch):
    body = zip_of(tmp_path / "a.zip", ML_1M).read_bytes()
    url, requests = serve(body, length=len(body))
    source = replace(DATASETS["ml-1m"], download=lambda folder: download(url, folder))
    monkeypatch.setitem(DATASETS, "ml-1m", source)
    assert pl.read_parquet(fetch("ml-1m", tmp_path / "cache").items_path).height == 2
    fetch("ml-1m", tmp_path / "cache")
    assert requests == ["/data/ml-1m.zip"]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["ml-1m"]


@pytest.mark.slow
def test_an_incomplete_download_is_tried_again(serve, tmp_path):
    url, requests = serve(b"half", b"complete", length=8)
    path = download(url, tmp_path)
    assert (path, path.read_bytes(), len(requests)) == (tmp_path / "ml-1m.zip", b"complete", 2)


@pytest.mark.slow
@pytest.mark.parametrize("body", [b"half", b""], ids=["incomplete", "not there"])
def test_a_download_that_fails_leaves_no_file(serve, tmp_path, body):
    url, requests = serve(body, length=8)
    with pytest.raises(DataError, match=r"ml-1m\.zip could not be downloaded \(.*give its path\."):
        download(url, tmp_path)
    assert len(requests) == 3
    assert list(tmp_path.iterdir()) == []


def test_synthetic_names_are_opened_too(tmp_path):
    log, items = open_named("synthetic:noise?users=10", tmp_path)
    assert (log.rows_kept, items.frame.height) == (130, 256)


@pytest.mark.parametrize("source", DATASETS.values(), ids=DATASETS)
def test_every_data_set_states_its_owner_and_page(source: Source):
    assert source.terms.endswith(".")
    assert source.home.startswith("https://")
    assert source.size_mib > 0
    assert DATASETS[source.name] is source
