"""Measure the memory for building an index in one piece and in shards, and the time of a search.

    python benchmarks/bench_shards.py --items 400000 exact exact/8 ivf-sq8 ivf-sq8/8

Each index is built in a process of its own. The vectors of width 64 are those of
``bench_search.py``; the memory is the peak of the process beyond what it had with the vectors in
memory. One thread, Linux.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from bench_search import mixture
from prismrec.io import set_threads
from prismrec.retrieval.index import choose_index

USERS = 128
KILOBYTES = 1 << 10
"""Kilobytes per megabyte; the system reports kilobytes."""


def memory(field):
    """Return the memory of this process now (VmRSS), or its peak (VmHWM), in kilobytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def measure(name, items):
    """Build an index and search it; print one line."""
    set_threads(1)
    vectors, users = mixture(items, 2 * USERS)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins again
    before, start = memory("VmRSS"), time.process_time()
    numbers = np.arange(1, items + 1)
    choice = choose_index(lambda some: vectors[some - 1], numbers, users[:USERS], name=name)
    built, peak = time.process_time() - start, memory("VmHWM") - before
    start = time.process_time()
    choice.index.search(users[USERS:], 50)
    search = time.process_time() - start
    print(
        f"{name:10} {peak / KILOBYTES:5.0f} MB  build {built:5.1f} s  search per user "
        f"{1e3 * search / USERS:5.1f} ms  recall@50 {choice.recall:.3f}",
        flush=True,
    )


def main():
    """Measure each index in a new process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--items", type=int, default=400_000)
    parser.add_argument("--one", action="store_true", help="measure in this process")
    args = parser.parse_args()
    for name in args.names:
        if args.one:
            measure(name, args.items)
            continue
        line = [sys.executable, __file__, "--one", "--items", str(args.items), name]
        subprocess.run(line, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})


if __name__ == "__main__":
    main()
