"""Check one rule for everything that is saved: after an error the earlier version is complete."""

import fcntl
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Barrier

import numpy as np
import polars as pl
import pytest
import torch

from event_logs import dataset_of
from limits import full_disk
from prismrec.data.sources import fetch
from prismrec.data.storage import load_dataset, save_dataset
from prismrec.errors import DataError
from prismrec.io.files import atomic_file, temporary_path
from prismrec.io.tensors import read_tensors, save_tensors
from prismrec.recommend import artifact
from prismrec.retrieval.index import ExactIndex, ShardedIndex, load_index
from worlds import small_dataset, untrained

pytestmark = pytest.mark.slow

world = cache(small_dataset)


def index(place, size):
    vectors = np.eye(size, dtype=np.float32)
    ShardedIndex([ExactIndex.build(vectors, np.arange(1, size + 1))]).save(place)


def named(place, size):
    raw = place.parent.parent / "raw"
    raw.mkdir(exist_ok=True)
    (raw / "ratings.dat").write_text("1::11::5::978300760\n" * size)
    (raw / "movies.dat").write_text("11::Heat (1995)::Action\n")
    fetch(place.name, place.parent, source=raw)


FOLDERS = {
    "artifact": (
        lambda place, size: artifact.save(untrained(world(), interests=size), place),
        lambda place: artifact.load(place).model.extractor.interests,
    ),
    "data set": (
        lambda place, size: save_dataset(dataset_of({"u": "abcd"[:size]}), place),
        lambda place: len(load_dataset(place, verify=True).catalog.items),
    ),
    "index": (index, lambda place: len(load_index(place))),
    "named data set": (named, lambda place: pl.read_parquet(place / "events.parquet").height),
}
FILES = {
    "text": (
        lambda place, size: write(place, "x" * 1_000 * size),
        lambda place: len(place.read_text()) // 1_000,
    ),
    "tensors": (
        lambda place, size: save_tensors(place, {"x": torch.zeros(1_000 * size)}, {}),
        lambda place: len(read_tensors(place)[0]["x"]) // 1_000,
    ),
}
every = pytest.mark.parametrize(
    ("save", "read"), [*FOLDERS.values(), *FILES.values()], ids=[*FOLDERS, *FILES]
)
folders = pytest.mark.parametrize(("save", "read"), FOLDERS.values(), ids=FOLDERS)


def write(place, text):
    with atomic_file(place) as temporary:
        temporary.write_text(text)


@pytest.fixture
def place(tmp_path):
    return tmp_path / "some" / "ml-1m"  # the folder of a named data set needs this name


def names_in_folder_of(place):
    return [path.name for path in place.parent.iterdir()]


@every
def test_saving_replaces_the_earlier_one_and_leaves_no_other_file(place, save, read):
    for size in (2, 3):
        save(place, size)
        assert read(place) == size
        assert names_in_folder_of(place) == [place.name]


@every
def test_a_full_disk_is_an_error_and_the_earlier_one_stays(place, save, read):
    save(place, 2)
    with full_disk(), pytest.raises(DataError, match=rf"{place} could not be written .*; free"):
        save(place, 3)
    assert read(place) == 2
    assert names_in_folder_of(place) == [place.name]


# The helper of a named data set writes its source anew, which must not happen during a reading.
@pytest.mark.parametrize("kind", ["artifact", "data set", "index"])
def test_of_two_that_save_at_once_one_remains_and_neither_fails(place, kind):
    save, read = FOLDERS[kind]
    save(place, 2)
    together = Barrier(4)

    def save_together(size):
        together.wait()
        save(place, size)

    for _ in range(3):
        with ThreadPoolExecutor(4) as threads:
            assert list(threads.map(save_together, [2, 3, 2, 3])) == [None] * 4
        assert read(place) in {2, 3}
        assert names_in_folder_of(place) == [place.name]


def test_a_second_writer_of_a_file_is_refused_and_the_first_is_not_disturbed(place):
    with atomic_file(place) as temporary:
        temporary.write_text("first")
        with pytest.raises(DataError, match="another process writes it now") as error:
            write(place, "second")
        assert "disk" not in str(error.value)
        temporary.write_text("first, to the end")
    assert place.read_text() == "first, to the end"
    write(place, "second")
    assert place.read_text() == "second"
    assert names_in_folder_of(place) == [place.name]


def test_a_writer_that_comes_when_another_one_has_just_finished_is_refused(place, monkeypatch):
    def renamed(file, kind):
        temporary_path(place).unlink()

    monkeypatch.setattr(fcntl, "flock", renamed)
    with pytest.raises(DataError, match="another process writes it now"), atomic_file(place):
        pass


def test_a_file_that_a_killed_writer_left_is_no_obstacle(place):
    place.parent.mkdir()
    temporary_path(place).write_text("half")
    write(place, "whole")
    assert place.read_text() == "whole"
    assert names_in_folder_of(place) == [place.name]


@pytest.mark.parametrize("kind", ["symlink", "hard link", "folder", "pipe"])
def test_what_has_the_name_of_a_temporary_file_is_not_changed(place, kind):
    place.parent.mkdir()
    precious, temporary = place.with_name("precious"), temporary_path(place)
    precious.write_text("precious")
    make = {
        "symlink": lambda: temporary.symlink_to(precious),
        "hard link": lambda: temporary.hardlink_to(precious),
        "folder": temporary.mkdir,
        "pipe": lambda: os.mkfifo(temporary),
    }
    make[kind]()
    with pytest.raises(DataError, match=r"prismrec-part is a link or no file, .*; move it away\.$"):
        write(place, "lists")
    assert precious.read_text() == "precious"
    assert sorted(names_in_folder_of(place)) == [place.name + ".prismrec-part", "precious"]


def test_a_file_that_ends_with_part_is_not_changed(place):
    place.parent.mkdir()
    other = place.with_name(f"{place.name}.part")
    other.write_text("half of a download")
    write(place, "lists")
    assert other.read_text() == "half of a download"


@folders
def test_if_the_second_rename_fails_the_earlier_one_is_restored(place, save, read, monkeypatch):
    save(place, 2)
    calls = []

    def rename(source, target, original=os.rename):
        calls.append(source)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")
        original(source, target)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(DataError, match=rf"{place} could not be written \(Input/output error\)"):
        save(place, 3)
    assert len(calls) == 3
    assert read(place) == 2
    assert names_in_folder_of(place) == [place.name]


@folders
def test_the_earlier_one_is_not_removed_if_it_cannot_be_restored(place, save, read, monkeypatch):
    save(place, 2)
    calls = []

    def rename(source, target, original=os.rename):
        calls.append(source)
        if len(calls) > 1:
            raise OSError(30, "Read-only file system")
        original(source, target)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(DataError, match=r"moved back \(Read-only.*\); move it from") as error:
        save(place, 3)
    (left,) = place.parent.rglob("old")
    assert str(left) in str(error.value)
    assert read(left) == 2


@folders
def test_after_an_interruption_the_earlier_one_stays(place, save, read, monkeypatch):
    save(place, 2)

    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(place, 3)
    assert read(place) == 2
    assert names_in_folder_of(place) == [place.name]


def test_the_content_is_on_disk_before_the_file_has_its_name(tmp_path, monkeypatch):
    calls, fsync, replace = [], os.fsync, os.replace

    def flushed(descriptor):
        calls.append(("flushed", os.fstat(descriptor).st_ino))
        fsync(descriptor)

    def renamed(source, target):
        calls.append(("renamed", os.stat(source).st_ino))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "replace", renamed)
    write(tmp_path / "f", "x")
    file = (tmp_path / "f").stat().st_ino
    assert calls == [("flushed", file), ("renamed", file)]


@folders
def test_a_folder_with_other_content_is_not_replaced(place, save, read):
    place.mkdir(parents=True)
    (place / "thesis.txt").write_text("three years")
    with pytest.raises(
        DataError, match=rf"{place} cannot be replaced, because it contains something else"
    ):
        save(place, 2)
    assert (place / "thesis.txt").read_text() == "three years"
    assert names_in_folder_of(place) == [place.name]


@pytest.mark.parametrize("name", ["NOTES.md", "model/manifest.json", "rules/.gitkeep"])
@pytest.mark.parametrize("kind", ["artifact", "data set", "named data set"])
def test_a_folder_that_has_other_files_too_is_not_replaced(place, kind, name):
    save, read = FOLDERS[kind]
    save(place, 2)
    (place / name).parent.mkdir(exist_ok=True)
    (place / name).write_text("three years")
    with pytest.raises(DataError, match=rf"it contains something else \({name}\); give another"):
        save(place, 3)
    assert read(place) == 2
    assert (place / name).read_text() == "three years"
    (place / name).rename((place / name).with_name("Thumbs.db"))
    save(place, 3)
    assert read(place) == 3


@folders
def test_a_folder_that_was_only_looked_at_is_empty(place, save, read):
    place.mkdir(parents=True)
    (place / ".DS_Store").touch()
    save(place, 2)
    assert read(place) == 2


@folders
def test_an_empty_folder_may_be_filled(place, save, read):
    place.mkdir(parents=True)
    save(place, 2)
    assert read(place) == 2


@every
def test_an_impossible_path_is_an_error(place, save, read):
    place.parent.write_text("a file, not a folder")
    with pytest.raises(DataError, match=rf"{place} could not be written"):
        save(place, 2)


@every
def test_a_symbolic_link_is_followed(place, save, read):
    save(place, 2)
    target = place.parent.parent / "target"
    place.rename(target)
    place.symlink_to(target)
    save(place, 3)
    assert place.is_symlink()
    assert read(target) == 3
    assert names_in_folder_of(place) == [place.name]
