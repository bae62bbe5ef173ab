"""Test inverted lists: cases that the contract tests of all indexes do not cover."""

import builtins
import json
import subprocess
import sys
from unittest import mock

import numpy as np
import pytest

from prismrec.errors import DataError, MissingExtra
from prismrec.retrieval.index import ExactIndex, choose_index, load_index, recall_of
from prismrec.retrieval.index.faiss import IvfFlat, IvfSq8, inverted_lists, lists_for

pytest.importorskip("faiss")
RNG = np.random.default_rng(0)
VECTORS = RNG.standard_normal((120, 8)).astype(np.float32)
IDS = np.arange(1, 121)


def test_the_search_covers_more_lists_until_there_are_enough_items():
    # There are 120 items in 100 lists. The search wants 50 items and begins with one list.
    whole = ExactIndex.build(VECTORS, IDS)
    index = IvfFlat(whole, inverted_lists(VECTORS, 100, bits8=False), 1)
    alone = index._nearest(VECTORS[:1], 50, 1)
    assert (alone == -1).any(), "one list has enough items, so nothing is tested"
    found = index.search(VECTORS[:40].reshape(10, 4, 8), 50)
    assert (found.items > 0).all()
    assert all(len(set(row)) == 50 for row in found.items.reshape(-1, 50).tolist())


def test_exact_search_is_used_if_all_lists_return_too_few_items():
    index = IvfFlat.build(VECTORS, IDS)
    with mock.patch.object(IvfFlat, "_nearest", lambda *arguments: np.full((4, arguments[2]), -1)):
        found = index.search(VECTORS[None, :4], 50)
    assert (found.items == index.exact_index.search(VECTORS[None, :4], 50).items).all()


def test_positions_are_mapped_by_the_stored_ids():
    # There are three items, and the search wants ten. No item number is its row number plus one.
    index = IvfFlat.build(VECTORS[:3], np.array([700, 5, 30]))
    found = index.search(VECTORS[None, 1:2], 10)
    order = [int(np.array([700, 5, 30])[row]) for row in np.argsort(-VECTORS[:3] @ VECTORS[1])]
    assert found.items.tolist() == [[[*order, 0, 0, 0, 0, 0, 0, 0]]]


def mixture(items):
    """Return vectors of different norms, and queries, from 500 clusters with Zipf sizes."""
    rng = np.random.default_rng(0)
    topics = rng.standard_normal((30, 64))[rng.integers(30, size=500)] / 8
    centres = topics + 0.7 * rng.standard_normal((500, 64)) / 8
    share = 1 / np.arange(1, 501)
    cluster = rng.choice(500, items + 200, p=share / share.sum())
    near = centres[cluster] + 0.6 * rng.standard_normal((items + 200, 64)) / 8
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    vectors = near[:items] * rng.lognormal(0.17, 0.364, (items, 1))
    return vectors.astype(np.float32), near[None, items:].astype(np.float32)


def test_different_norms_do_not_lower_recall():
    # The default of faiss assigns items by direction only. Its recall is 0.86 or less if 8 of these
    # 200 lists are searched.
    vectors, queries = mixture(8_000)
    exact = ExactIndex.build(vectors, np.arange(1, 8_001))
    index = IvfFlat(exact, inverted_lists(vectors, 200, bits8=False), 8)
    assert recall_of(index.search(queries, 50), exact.search(queries, 50)) > 0.93


@pytest.mark.parametrize("items", [1, 39, 78, 120, 10_000, 1_000_000])
def test_the_number_of_lists_leaves_enough_items_per_list(items):
    lists = lists_for(items)
    assert 1 <= lists <= max(1, items / 39)
    assert lists == 4_000 or items < 1_000_000


def test_the_same_vectors_give_the_same_lists():
    one, other = (IvfSq8.build(VECTORS, IDS).search(VECTORS[None], 20) for _ in range(2))
    assert (one.items == other.items).all()


def test_a_loaded_index_works_after_its_folder_is_replaced(tmp_path):
    index = IvfSq8.build(VECTORS, IDS)
    index.save(tmp_path / "index")
    opened = load_index(tmp_path / "index")
    IvfSq8.build(VECTORS[::-1] * 2, IDS).save(tmp_path / "index")
    assert (opened.search(VECTORS[None], 9).items == index.search(VECTORS[None], 9).items).all()


def test_a_damaged_file_is_named_in_the_error(tmp_path):
    IvfFlat.build(VECTORS, IDS).save(tmp_path / "index")
    file = tmp_path / "index" / "lists.faiss"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(DataError, match=r"lists\.faiss cannot be read"):
        load_index(tmp_path / "index")


def test_without_faiss_the_error_has_the_install_command_and_exact_search_works():
    real = builtins.__import__

    def absent(name, *others, **more):
        if name == "faiss":
            raise ImportError(name)
        return real(name, *others, **more)

    with mock.patch.object(builtins, "__import__", absent):
        with pytest.raises(MissingExtra, match=r"pip install 'prismrec\[ann\]'"):
            choose_index(VECTORS, IDS, VECTORS[None], name="ivf-flat")
        with mock.patch("prismrec.retrieval.index.choose.EXACT_UP_TO", 100):
            choice = choose_index(VECTORS, IDS, VECTORS[None])
    assert choice.index.exact
    assert "prismrec[ann]" in choice.reason


CHECK = """
import json, sys
import torch
import prismrec.retrieval.index
before = "faiss" in sys.modules
import numpy as np
from prismrec.io.threads import set_threads
from prismrec.retrieval.index.faiss import IvfFlat
set_threads(3)  # differs from the defaults of the libraries
vectors = np.random.default_rng(0).standard_normal((20_000, 16)).astype(np.float32)
index = IvfFlat.build(vectors, np.arange(1, 20_001))
import threading, threadpoolctl, faiss
set_threads(3)
seen = []
def serve():
    index._nearest(vectors[:4], 10, 1)
    seen.append(faiss.omp_get_max_threads())
thread = threading.Thread(target=serve); thread.start(); thread.join()
threads = {pool["num_threads"] for pool in threadpoolctl.threadpool_info()}
print(json.dumps([before, seen, sorted(threads), torch.get_num_threads()]))
"""


@pytest.mark.slow
def test_torch_and_faiss_keep_the_number_of_threads_in_one_process():
    # The script loads torch first, then faiss. Importing the package loads only torch's runtime.
    run = subprocess.run([sys.executable, "-c", CHECK], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == [False, [3], [3], 3]


@pytest.mark.parametrize("search_budget", [None, 0, "8", 1.0, 2**63])
def test_an_invalid_saved_search_budget_is_refused(tmp_path, search_budget):
    IvfFlat.build(VECTORS, IDS).save(tmp_path / "index")
    path = tmp_path / "index" / "index.json"
    header = json.loads(path.read_text())
    for settings in ({"search_budget": search_budget}, {"effort": search_budget}, {}):
        path.write_text(json.dumps({**header, "settings": settings}))
        with pytest.raises(DataError, match=r"index is damaged \(.*search.budget"):
            load_index(tmp_path / "index")


def test_lists_of_another_index_are_refused(tmp_path):
    IvfFlat.build(VECTORS, IDS).save(tmp_path / "index")
    IvfFlat.build(VECTORS[:100], IDS[:100]).save(tmp_path / "other")
    (tmp_path / "other" / "lists.faiss").rename(tmp_path / "index" / "lists.faiss")
    with pytest.raises(DataError, match=r"100 vectors of width 8 in lists\.faiss"):
        load_index(tmp_path / "index")


def test_a_full_disk_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("prismrec.retrieval.index.faiss.LISTS_FILE", "no/such/folder")
    with pytest.raises(DataError, match=r"index could not be written \(.*No such file"):
        IvfFlat.build(VECTORS, IDS).save(tmp_path / "index")
