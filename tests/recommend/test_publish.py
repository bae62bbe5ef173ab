"""Check the folder of versions: ``current`` names a whole artifact at every moment."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from commands import run
from prismrec.errors import ConfigError, DataError
from prismrec.recommend import publish as module_function
from prismrec.recommend.artifact import load, save
from prismrec.recommend.manifest import artifact_name, check_hashes, read_artifact_manifest
from prismrec.recommend.publish import current_version, publish, rollback, versions_in
from worlds import untrained

pytestmark = pytest.mark.slow

KILLED = """
import os, sys
from pathlib import Path
from prismrec.recommend import publish
calls = int(sys.argv[3])
def counted(function):
    def call(*arguments, **options):
        global calls
        calls -= 1
        if calls < 0:
            os._exit(9)
        return function(*arguments, **options)
    return call
for place, names in ((os, "rename replace symlink unlink rmdir mkdir fsync"),):
    for name in names.split():
        setattr(place, name, counted(getattr(place, name)))
publish(sys.argv[1], sys.argv[2], keep=2)
"""


@pytest.fixture(scope="module")
def artifacts(dataset, tmp_path_factory):
    """Save three artifacts that differ in their manifests."""
    folder = tmp_path_factory.mktemp("artifacts")
    recommender = untrained(dataset)
    for number in range(4):
        save(recommender, folder / str(number), about={"number": number})
    return [folder / str(number) for number in range(4)]


def number_of(folder):
    """Return which artifact is the current one, after loading it."""
    load(folder / "current")
    manifest = json.loads((folder / "current" / "manifest.json").read_text())
    return manifest["about"]["number"]


def test_the_function_is_public_although_the_module_has_its_name():
    assert module_function is publish


def test_a_version_is_on_disk_before_it_has_its_name(artifacts, tmp_path, monkeypatch):
    calls, fsync, rename = [], os.fsync, os.rename

    def flushed(descriptor):
        calls.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    def renamed(source, target):
        calls.append(Path(target).name)
        rename(source, target)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "rename", renamed)
    version = publish(artifacts[0], tmp_path / "versions").current
    before = calls[: calls.index(version)]
    whole = (tmp_path / "versions" / version).rglob("*")
    assert {path.stat().st_ino for path in whole if path.is_file()} <= set(before)


def test_a_version_is_published_and_rolled_back(artifacts, tmp_path):
    folder = tmp_path / "versions"
    first = publish(artifacts[0], folder)
    assert (first.before, first.current) == (None, f"000001-{artifact_name(artifacts[0])}")
    assert os.readlink(folder / "current") == first.current
    second = publish(artifacts[1], folder)
    assert (second.before, number_of(folder)) == (first.current, 1)
    back = rollback(folder)
    assert (back.current, back.before, number_of(folder)) == (first.current, second.current, 0)
    # The bad version is removed, so that the next rollback does not switch to it.
    third = publish(artifacts[2], folder)
    assert third.versions == (first.current, third.current)
    assert number_of(folder) == 2
    rollback(folder)
    assert number_of(folder) == 0
    with pytest.raises(DataError, match="no version before the current one"):
        rollback(folder)
    assert number_of(folder) == 0


def test_the_current_artifact_is_not_copied_again_and_the_oldest_are_removed(artifacts, tmp_path):
    folder = tmp_path / "versions"
    for artifact in artifacts:
        publish(artifact, folder, keep=2)
    before = versions_in(folder)
    assert [int(one[:6]) for one in before] == [3, 4]
    assert publish(artifacts[3], folder, keep=2).versions == before
    rollback(folder)
    assert publish(artifacts[2], folder, keep=2).versions == before[:1]
    assert number_of(folder) == 2
    assert publish(folder / before[0], folder).current == before[0]


def test_a_version_that_was_rolled_back_can_be_published_again(artifacts, tmp_path):
    folder = tmp_path / "versions"
    publish(artifacts[0], folder)
    bad = publish(artifacts[1], folder).current
    rollback(folder)
    again = publish(folder / bad, folder)
    assert number_of(folder) == 1
    assert [int(one[:6]) for one in again.versions] == [1, 3]


@pytest.mark.parametrize("link", ["missing", "dangling"])
def test_without_a_current_version_no_version_is_removed(artifacts, tmp_path, link):
    folder = tmp_path / "versions"
    for artifact in artifacts[:3]:
        publish(artifact, folder)
    before = versions_in(folder)
    (folder / "current").unlink()
    if link == "dangling":
        shutil.rmtree(folder / before[0])
        (folder / "current").symlink_to(before[0])
        before = before[1:]
    found = publish(artifacts[3], folder)
    assert found.versions == (*before, f"000004-{artifact_name(artifacts[3])}")
    assert rollback(folder).current == before[-1]
    assert number_of(folder) == 2


@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_the_current_artifact_is_copied_again_if_its_version_is_not_whole(
    artifacts, tmp_path, damage
):
    folder = tmp_path / "versions"
    first, second = (publish(artifact, folder).current for artifact in artifacts[:2])
    if damage == "missing":
        shutil.rmtree(folder / second)
    else:
        (folder / second / "model.safetensors").write_bytes(b"x")
    found = publish(artifacts[1], folder)
    assert found.versions == (first, f"000003-{artifact_name(artifacts[1])}")
    assert (found.before, found.current) == (second, found.versions[-1])
    assert number_of(folder) == 1
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    shutil.rmtree(folder / found.current)
    assert rollback(folder).current == first
    assert number_of(folder) == 0


def test_an_artifact_or_a_version_is_no_folder_of_versions(artifacts, tmp_path):
    folder = tmp_path / "versions"
    name = publish(artifacts[0], folder).current
    for wrong in (folder / "current", folder / name):
        with pytest.raises(DataError, match=f"is a version, so .*; give {folder}\\."):
            publish(artifacts[1], wrong)
        with pytest.raises(DataError, match=f"give {folder}\\."):
            rollback(wrong)
    with pytest.raises(DataError, match="is an artifact or a data set, so versions cannot be kept"):
        publish(artifacts[1], artifacts[2])
    assert versions_in(folder) == (name,)
    assert not (artifacts[2] / "current").is_symlink()
    (tmp_path / "link").symlink_to(folder)
    assert publish(artifacts[1], tmp_path / "link").before == name


@pytest.mark.parametrize("damage", ["manifest.json", "model.safetensors"])
def test_a_damaged_artifact_changes_nothing(artifacts, tmp_path, damage):
    folder, bad = tmp_path / "versions", tmp_path / "bad"
    publish(artifacts[0], folder)
    publish(artifacts[1], folder)
    shutil.copytree(artifacts[2], bad)
    with (bad / damage).open("ab") as file:
        file.write(b" x")
    before = versions_in(folder)
    with pytest.raises(DataError):
        publish(bad, folder)
    first = folder / before[0]
    with (first / damage).open("ab") as file:
        file.write(b" x")
    with pytest.raises(DataError):
        rollback(folder)
    assert (versions_in(folder), number_of(folder)) == (before, 1)


def test_other_things_in_the_folder_are_errors_or_left_alone(artifacts, tmp_path):
    with pytest.raises(ConfigError, match="keep is 1; keep at least 2"):
        publish(artifacts[0], tmp_path, keep=1)
    with pytest.raises(DataError, match="No folder of versions"):
        rollback(tmp_path / "nowhere")
    (tmp_path / "current.changes").write_text("kept")
    (tmp_path / "current").mkdir()
    with pytest.raises(DataError, match="current is not a link to a version"):
        publish(artifacts[0], tmp_path)
    (tmp_path / "current").rmdir()
    (tmp_path / "current").symlink_to(artifacts[0])
    with pytest.raises(DataError, match="which is not a version"):
        publish(artifacts[1], tmp_path)
    (tmp_path / "current").unlink()
    publish(artifacts[0], tmp_path)
    assert (tmp_path / "current.changes").read_text() == "kept"


def test_a_new_volume_gets_a_version(artifacts, tmp_path):
    folder = tmp_path / "volume"
    (folder / "lost+found").mkdir(parents=True)
    (folder / ".gitignore").write_text("*")
    publish(artifacts[0], folder)
    assert (folder / "current").is_dir()
    assert {"lost+found", ".gitignore"} < {path.name for path in folder.iterdir()}


def test_a_folder_with_other_content_gets_no_version(artifacts, tmp_path):
    folder = tmp_path / "own"
    (folder / ".part-mine").mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="own, because it contains something else; give another"):
        publish(artifacts[0], folder)
    assert len(list(folder.iterdir())) == 2
    (folder / "notes.txt").rename(tmp_path / "notes.txt")
    (folder / ".part-mine").rename(tmp_path / "mine")
    publish(artifacts[0], folder)
    (tmp_path / "mine").rename(folder / ".part-mine")
    (folder / ".removed-mine").mkdir()
    publish(artifacts[1], folder)
    assert {".part-mine", ".removed-mine"} <= {path.name for path in folder.iterdir()}


def kill_after(artifact, folder, calls):
    """Publish in a process that is killed after some calls of the system; return its exit code."""
    words = [sys.executable, "-c", KILLED, artifact, folder, str(calls)]
    return subprocess.run(words, check=False).returncode


def test_a_kill_at_any_moment_leaves_a_whole_current_version(artifacts, tmp_path, monkeypatch):
    """Each change of a name is the last one once; the process is killed by an exception."""
    folder, reached = tmp_path / "versions", set()
    publish(artifacts[0], folder, keep=2)
    publish(artifacts[1], folder, keep=2)
    for calls in range(100):
        copy = tmp_path / f"copy-{calls}"
        shutil.copytree(folder, copy, symlinks=True)
        with monkeypatch.context() as patch:
            left = [calls]
            for name in ("rename", "replace", "symlink", "rmdir", "mkdir"):
                patch.setattr(os, name, stopping(getattr(os, name), left))
            try:
                publish(artifacts[2], copy, keep=2)
                finished = True
            except Killed:
                finished = False
        reached.add(number_of(copy))
        for one in versions_in(copy):
            check_hashes(copy / one, read_artifact_manifest(copy / one)["sha256"])
        publish(artifacts[3], copy, keep=2)
        assert number_of(copy) == 3
        assert not [path for path in copy.iterdir() if path.name.startswith(".")]
        assert len(versions_in(copy)) == 2
        shutil.rmtree(copy)
        if finished:
            break
    assert finished
    assert reached == {1, 2}


class Killed(BaseException):
    """Raised in place of a call of the system; nothing in the package catches it."""


def stopping(function, left):
    """Return the function; after ``left`` calls it raises."""

    def call(*arguments, **options):
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return function(*arguments, **options)

    return call


def test_a_killed_process_frees_its_lock(artifacts, tmp_path):
    folder = tmp_path / "versions"
    publish(artifacts[0], folder)
    assert kill_after(artifacts[1], folder, 5) == 9
    assert number_of(folder) == 0
    publish(artifacts[1], folder)
    assert number_of(folder) == 1


def test_the_commands_print_the_switch(artifacts, tmp_path, capsys):
    folder = tmp_path / "versions"
    for artifact in artifacts[:2]:
        assert run("publish", artifact, "--to", folder, "--keep", 3) == 0
    assert "before    000001-" in capsys.readouterr().out
    assert run("rollback", folder, "--json") == 0
    value = json.loads(capsys.readouterr().out)
    assert value["current"] == current_version(folder) == versions_in(folder)[0]
    assert run("rollback", folder) == 2
    assert run("publish", Path("nowhere"), "--to", folder) == 2
    assert "No artifact at nowhere" in capsys.readouterr().err


@pytest.mark.parametrize("fails", ["copy2", "copystat"])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(artifacts, tmp_path, monkeypatch, fails):
    publish(artifacts[0], tmp_path / "v", keep=2)
    before = sorted(path.name for path in (tmp_path / "v").iterdir())
    real = getattr(shutil, fails)

    def full(source, target, **options):
        real(source, target, **options)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))

    monkeypatch.setattr(shutil, fails, full)
    if fails == "copy2":  # it is the default of an argument
        defaults = [full if each is real else each for each in shutil.copytree.__defaults__]
        monkeypatch.setattr(shutil.copytree, "__defaults__", tuple(defaults))
    with pytest.raises(DataError) as raised:
        publish(artifacts[1], tmp_path / "v", keep=2)
    assert str(raised.value) == (
        f"{tmp_path / 'v'} could not be written (No space left on device); free disk space, or "
        "give a path with write permission."
    )
    assert sorted(path.name for path in (tmp_path / "v").iterdir()) == before
    assert number_of(tmp_path / "v") == 0
