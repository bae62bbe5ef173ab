"""Test the counters of several workers on a full disk."""

import contextlib
import resource

import pytest
from prometheus_client import CollectorRegistry, Counter, values
from prometheus_client.mmap_dict import MmapedDict

from prismrec.service.metrics import Metrics
from prismrec.service.shared_metrics import FIRST, share_metrics


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Share the counters of this process in a folder, as a worker does."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    monkeypatch.setattr(values, "MmapedDict", MmapedDict)
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    share_metrics()
    return tmp_path


@contextlib.contextmanager
def full(size):
    """Let no file of this process become larger, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def has_no_holes(path):
    status = path.stat()
    return status.st_blocks * 512 >= status.st_size


def test_the_files_of_counters_have_no_holes(folder):
    counter = Counter("counted", "Counted.", ["name"], registry=CollectorRegistry())
    for number in range(500):
        counter.labels(f"{number}" * 100).inc()
    (path,) = folder.glob("counter_*.db")
    assert path.stat().st_size > FIRST
    assert has_no_holes(path)
    assert len(list(MmapedDict.read_all_values_from_file(path))) == 500


@pytest.mark.parametrize("space", [0, 1_000, FIRST])
def test_counters_without_space_count_in_their_process_only(folder, caplog, space):
    with full(space):
        metrics = Metrics()
        for status in range(500):
            metrics.answered("/v1/recommend", status, 0.01)
        text = metrics.text().decode()
    assert metrics.requests.labels("/v1/recommend", "499")._value.get() == 1
    assert ('status="0"' in text, 'status="499"' in text) == (space == FIRST, False)
    assert all(has_no_holes(path) for path in folder.iterdir())
    assert [one.message for one in caplog.records] == [
        "some counters of this worker are not in /metrics until it is restarted"
    ]
    metrics.answered("/v1/events", 200, 0.01)
    assert 'route="/v1/events",status="200"' in metrics.text().decode(), "there is space again"
