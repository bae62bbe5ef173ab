"""Test the private copies of artifacts and the clock that orders events."""

import errno
import fcntl
import gc
import os
import shutil
import weakref
from pathlib import Path

import pytest

from prismrec.errors import ConfigError, DataError
from prismrec.recommend import artifact_classes
from prismrec.recommend.artifact import load, save
from prismrec.service import artifact_copy as copies_module
from prismrec.service.app import _try_reload
from prismrec.service.artifact_copy import ArtifactCopy, private_folder
from prismrec.service.loaded_artifact import LoadedArtifact
from prismrec.service.users import BACK, MonotonicClock
from service.processes import replace_folder
from worlds import untrained


@pytest.fixture
def folder(private):
    return private_folder()


def copies(folder):
    return {path.name for path in folder.iterdir() if path.is_dir()}


@pytest.mark.slow
def test_a_copy_is_kept_while_in_use_and_removed_afterwards(folder, artifact, dataset, tmp_path):
    first, again = ArtifactCopy(artifact, folder), ArtifactCopy(artifact, folder)
    assert first.folder == again.folder
    save(untrained(dataset, interests=1), tmp_path / "other")
    other = ArtifactCopy(tmp_path / "other", folder)
    assert copies(folder) == {first.name, other.name}
    name = first.name
    del first
    gc.collect()
    ArtifactCopy(tmp_path / "other", folder)
    assert copies(folder) == {name, other.name}, "one still holds it"
    del again
    gc.collect()
    ArtifactCopy(tmp_path / "other", folder)
    assert copies(folder) == {other.name}


def test_incomplete_copies_of_a_killed_process_are_removed(folder, artifact):
    (folder / ".part-left").mkdir()
    ArtifactCopy(artifact, folder)
    assert not (folder / ".part-left").exists()


def test_an_artifact_that_is_replaced_during_copying_is_refused(
    folder, artifact, dataset, tmp_path, monkeypatch
):
    save(untrained(dataset, interests=1), tmp_path / "other")
    hold = copies_module.open_locked

    def meanwhile(path, **how):
        replace_folder(tmp_path / "other", artifact)
        return hold(path, **how)

    monkeypatch.setattr(copies_module, "open_locked", meanwhile)
    with pytest.raises(DataError, match="changed while it was read"):
        ArtifactCopy(artifact, folder)
    assert all(name.startswith(".part") for name in copies(folder))


def test_a_copy_that_is_made_again_while_the_old_one_is_removed_is_kept(
    folder, artifact, monkeypatch
):
    name, kept, flock = ArtifactCopy(artifact, folder).name, [], fcntl.flock
    gc.collect()

    def meanwhile(file, kind):
        if not kept:
            kept.append("begun")
            (folder / f"{name}.lock").unlink()  # another process removed the copy first
            shutil.rmtree(folder / name)
            kept.append(ArtifactCopy(artifact, folder))
        flock(file, kind)

    monkeypatch.setattr(fcntl, "flock", meanwhile)
    copies_module._remove_unused(folder)
    assert len(kept) == 2
    assert copies(folder) == {name}


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"damaged")])
def test_a_damaged_copy_is_made_again_and_used_by_the_next_start(folder, artifact, spoil):
    copy = ArtifactCopy(artifact, folder)
    spoil(copy.folder / "items.parquet")
    spoil(copy.folder / "manifest.json")
    assert copy.written == (artifact / "manifest.json").stat().st_mtime
    again = ArtifactCopy(artifact, folder)
    assert again.open().catalog.size == load(artifact).catalog.size
    whole = again.folder.stat().st_ino
    assert copy.open()
    assert again.folder.stat().st_ino == whole, "what opens is not made again"
    assert copies(folder) == {copy.name}


def test_a_damaged_artifact_is_refused_and_its_damaged_copy_is_kept(folder, artifact):
    _, copy = ArtifactCopy(artifact, folder), ArtifactCopy(artifact, folder)
    for place in (artifact, copy.folder):
        (place / "items.parquet").unlink()
    with pytest.raises(DataError, match=r"items\.parquet is missing"):
        copy.open()
    assert copy.folder.exists()


def test_an_error_of_a_new_copy_names_the_artifact(folder, artifact):
    (artifact / "model.safetensors").unlink()
    with pytest.raises(DataError, match="is missing") as refused:
        ArtifactCopy(artifact, folder)
    assert str(artifact / "model.safetensors") in str(refused.value)
    assert str(folder) not in str(refused.value)


def test_a_new_artifact_is_loaded_once(folder, artifact, dataset, monkeypatch):
    loaded, read_parts = [], artifact_classes.read_parts
    monkeypatch.setattr(
        artifact_classes,
        "read_parts",
        lambda *own, **more: loaded.append(own[0]) or read_parts(*own, **more),
    )
    copy = ArtifactCopy(artifact, folder)
    opened = copy.open()
    assert len(loaded) == 1
    histories = [dataset.histories[0]]
    expected = load(artifact).ranked(histories, 10).items.tolist()
    assert opened.ranked(histories, 10).items.tolist() == expected
    assert ArtifactCopy(artifact, folder).open().ranked(histories, 10).items.tolist() == expected
    assert len(loaded) == 2, "another worker loads the copy"
    kept = weakref.ref(opened)
    del opened
    gc.collect()
    assert kept() is None, "the copy does not keep it in memory"


def test_a_folder_of_copies_that_other_users_may_write_is_refused(folder):
    folder.chmod(0o777)
    with pytest.raises(ConfigError, match="open to others"):
        private_folder()


@pytest.mark.slow
def test_a_folder_of_copies_that_was_removed_is_made_again(client, folder):
    shutil.rmtree(folder)
    assert client.post("/v1/admin/reload").status_code == 200
    shutil.rmtree(folder)
    _try_reload(client.context.versions)  # SIGHUP calls this
    assert copies(folder) == {client.get("/v1/artifact").json()["artifact"]}
    assert 'prismrec_reloads_total{end="done"} 2.0' in client.get("/metrics").text


def test_a_copy_without_a_folder_is_a_clear_error(folder, artifact):
    _, copy = ArtifactCopy(artifact, folder), ArtifactCopy(artifact, folder)
    shutil.rmtree(folder)
    with pytest.raises(DataError, match=r"could not be copied \(No such file"):
        copy.open()
    with pytest.raises(DataError, match=r"could not be copied \(No such file"):
        ArtifactCopy(artifact, folder)


def test_a_folder_of_copies_that_cannot_be_made_is_a_clear_error(folder, monkeypatch):
    folder.rmdir()
    folder.write_text("a file")
    with pytest.raises(ConfigError, match=r"cannot be made \(File exists\)"):
        private_folder()


def test_every_failed_reload_is_logged_and_counted(client, monkeypatch, caplog):
    versions = client.context.versions

    def fail(*_):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(LoadedArtifact, "open", fail)
    _try_reload(versions)
    versions._follow_reload()
    assert client.post("/v1/admin/reload").status_code == 500
    lines = [one for one in caplog.records if one.message == "reload refused"]
    assert [one.fields for one in lines] == [{"reason": "a bug"}] * 2
    assert all(one.exc_info for one in lines)
    assert 'prismrec_reloads_total{end="refused"} 3.0' in client.get("/metrics").text


def test_the_clock_does_not_go_back_if_the_system_clock_does():
    times = iter([10 * BACK, 10 * BACK - 5_000_000, 10 * BACK + 7, 5 * BACK, 5 * BACK + 1])
    arrivals = MonotonicClock(lambda: 1_000 * next(times))
    times_read = [arrivals.now() for _ in range(5)]
    assert times_read[:3] == [10 * BACK, 10 * BACK, 10 * BACK + 7]
    assert times_read[3:] == [5 * BACK, 5 * BACK + 1], (
        "a clock that was hours ahead is believed again"
    )


@pytest.mark.slow
def test_events_without_a_time_stay_in_order_if_the_system_clock_goes_back(client):
    now = [10**18]
    client.context.clock.clock = lambda: now[0]
    for number in range(4):
        event = {"id": f"e{number}", "user": "ann", "item": "x"}
        assert client.post("/v1/events", json={"events": [event]}).status_code == 200
        now[0] -= 10**9
    events = client.get("/v1/users/ann/history").json()["events"]
    assert [event["id"] for event in events] == ["e0", "e1", "e2", "e3"]


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(errno.EACCES, "Permission denied"),
        shutil.Error([("model.safetensors", "copy", "[Errno 13] Permission denied: 'model'")]),
        shutil.Error([("a", "b", "[Errno 13] Permission denied"), ("c", "d", "Input error")]),
    ],
)
def test_an_unreadable_artifact_is_a_matter_of_permission(folder, artifact, monkeypatch, error):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(shutil, "copytree", refuse)
    with pytest.raises(DataError, match=r"permission denied.*readable for the user of the service"):
        ArtifactCopy(artifact, folder)


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077, 0o002])
def test_the_files_of_an_artifact_follow_the_umask(dataset, tmp_path, umask):
    before = os.umask(umask)
    try:
        save(untrained(dataset), tmp_path / "saved")
    finally:
        os.umask(before)
    files = [path for path in (tmp_path / "saved").rglob("*") if path.is_file()]
    assert len(files) > 3
    assert {path.stat().st_mode & 0o777 for path in files} == {0o666 & ~umask}
