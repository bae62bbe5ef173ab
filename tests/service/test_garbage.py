"""Check that the search for garbage leaves out what is loaded, and finds a former artifact."""

import gc
import subprocess
import sys
import weakref

import pytest

from prismrec.service import garbage

CODE = """
import gc
from pathlib import Path
from prismrec.service.app import from_environment, write_environment
from prismrec.service.settings import ServePaths, Settings
write_environment(ServePaths(artifact=Path({artifact!r})), Settings(store="memory:"))
app = from_environment()
print(gc.get_freeze_count(), len(gc.get_objects()))
"""


@pytest.fixture
def restored():
    """Undo what a test excludes; the tests exclude what exists, too."""
    yield
    garbage.DONE.clear()


class Cycle:
    def __init__(self):
        self.own = self


@pytest.mark.slow
def test_a_service_leaves_out_what_it_has_loaded(artifact, tmp_path):
    words = [sys.executable, "-c", CODE.format(artifact=str(artifact))]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, check=True)
    left_out, searched = map(int, done.stdout.split())
    assert left_out > 100_000
    assert searched < left_out / 100


@pytest.mark.slow
def test_a_former_artifact_is_freed_at_once(client, history, restored):
    versions = client.context.versions
    client.post("/v1/recommend", json={"history": history, "explain": True, "frontier": True})
    garbage.exclude_loaded()
    former = weakref.ref(versions.main), weakref.ref(versions.main.recommender.model)
    gc.disable()
    try:
        versions.reload()
        assert [one() for one in former] == [None, None]
    finally:
        gc.enable()


@pytest.mark.slow
def test_garbage_that_was_left_out_is_found_at_the_next_reload(client, restored):
    cycle = Cycle()
    seen = weakref.ref(cycle)
    garbage.exclude_loaded()
    del cycle
    gc.collect()
    assert seen() is not None
    client.context.versions.reload()
    assert seen() is None


def test_a_library_that_has_left_out_nothing_is_not_changed(restored):
    gc.unfreeze()  # what a test before has left out
    garbage.exclude_reloaded()
    assert gc.get_freeze_count() == 0
