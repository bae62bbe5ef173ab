"""Copies of many rows are on disk, read-only, and equal to copies in memory."""

import subprocess
import sys
import tempfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismrec.data import Histories
from prismrec.io import copy_rows
from prismrec.io import rows as copies

# Splits a data set of 12 M events, whose arrays are on disk, with 150 MB more memory than the
# imports need. A copy of its training events takes 154 MB.
SPLIT = """
import resource, re, sys
import numpy as np
import polars as pl
from prismrec.data import Catalog, Dataset, Histories, IdMap, make_split
from prismrec.data.build_catalog import build_catalog

folder, events, users = sys.argv[1], 12_000_000, 400_000
indptr = np.arange(0, events + 1, events // users, dtype=np.int64)
for name in ("items", "times"):
    made = np.lib.format.open_memmap(f"{folder}/{name}.npy", "w+", np.int64, (events,))
    made[:] = np.arange(events) % 97 + 1 if name == "items" else np.arange(events)
    made.flush()
    del made
items, times = (np.asarray(np.load(f"{folder}/{n}.npy", mmap_mode="r")) for n in ("items", "times"))
ids = pl.Series([str(n) for n in range(1, 98)])
nothing = pl.DataFrame(schema={"item": pl.String, "title": pl.String,
                               "categories": pl.List(pl.String), "image": pl.String})
catalog = build_catalog(ids, np.ones(98, dtype=np.int64), nothing)
numbers = IdMap(pl.Series(range(users)).cast(pl.String), kind="user")
dataset = Dataset(numbers, catalog, Histories(indptr, items, times), {})
used = int(re.search(r"VmData:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) << 10
resource.setrlimit(resource.RLIMIT_DATA, (used + 150_000_000,) * 2)
for name in ("by-user", "leave-last-out"):
    split = make_split(dataset, name)
    print(name, len(split.train.items), len(split.test))
"""


@given(st.lists(st.booleans(), max_size=50), st.data())
@pytest.mark.slow
def test_large_copies_equal_copies_in_memory(mask, data):
    array, rows = np.arange(len(mask)) * 3, np.array(mask, dtype=bool)
    numbers = np.array(data.draw(st.lists(st.integers(0, max(len(mask) - 1, 0)), max_size=20)
                                 if mask else st.just([])), dtype=np.int64)  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copies, "IN_MEMORY", 0)
        patch.setattr(copies, "BLOCK", 7)
        for chosen in (rows, numbers):
            copy = copy_rows(array, chosen)
            assert copy.tolist() == array[chosen].tolist()
            assert copy.dtype == array.dtype
            assert not len(copy) or not copy.flags.writeable


def test_a_full_disk_leaves_the_copy_in_memory(monkeypatch):
    def full(*_):
        raise OSError("no space")

    monkeypatch.setattr(copies, "IN_MEMORY", 0)
    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    assert copy_rows(np.arange(4), np.array([3, 1])).tolist() == [3, 1]


def test_training_histories_on_disk_equal_those_in_memory(monkeypatch):
    histories = Histories.of([[1, 2, 3], [], [4, 5], [6]])
    wanted = [row.tolist() for row in histories.select(np.array([0, 2]))]
    monkeypatch.setattr(copies, "IN_MEMORY", 0)
    assert (
        [row.tolist() for row in histories.select(np.array([0, 2]))]
        == wanted
        == [[1, 2, 3], [4, 5]]
    )


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit of private memory is Linux's")
def test_the_memory_of_a_split_does_not_grow_with_its_events(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", SPLIT, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert run.stdout.split() == [
        "by-user",
        "9600000",
        "40000",
        "leave-last-out",
        "11200000",
        "400000",
    ]
