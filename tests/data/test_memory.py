"""Check that the memory for a large log is proportional to its size."""

import subprocess
import sys

import numpy as np
import polars as pl
import pytest

ROWS = 10_000_000

# The peak of memory is measured in the process that builds the data set.
BUILD = """
import re, sys
from prismrec.data.dataset import build_dataset
from prismrec.data.events import read_events

dataset = build_dataset(read_events(sys.argv[1]))
# The peak of this program only: getrusage includes memory of the parent process.
peak = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())
print(len(dataset.histories.items), int(peak[1]) * 1024)
"""


@pytest.mark.slow
def test_a_large_log_needs_less_memory_than_three_times_its_file(tmp_path):
    # 10 million rows, 5 columns, about 50 events per user
    random, path = np.random.default_rng(0), tmp_path / "events.csv"
    frame = pl.DataFrame(
        {
            "user_id": random.integers(100_000_000, 100_200_000, ROWS, dtype=np.int32),
            "item_id": random.integers(50_000_000, 50_100_000, ROWS, dtype=np.int32),
            "timestamp": 1_500_000_000 + np.arange(ROWS),
            "event": np.repeat("click", ROWS),
            "price": random.integers(100, 999, ROWS, dtype=np.int16),
        }
    )
    frame.write_csv(path)
    del frame
    run = subprocess.run(
        [sys.executable, "-c", BUILD, str(path)], capture_output=True, text=True, check=True
    )
    events, peak = map(int, run.stdout.split())
    assert events == ROWS
    assert peak < 3 * path.stat().st_size
