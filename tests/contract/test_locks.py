"""Lock files and folders, also on file systems that have no locks, or only of files to write."""

import errno
import fcntl
import os
import stat

import pytest

from prismrec.errors import DataError
from prismrec.io import FolderKind, atomic_file, atomic_folder, locked
from prismrec.training.tuning.locks import FileLock

FAILURES = [errno.ENOLCK, errno.EOPNOTSUPP, errno.EBADF]


def fail_with(number):
    def flock(descriptor, kind):
        raise OSError(number, os.strerror(number))

    return flock


def flock_of_nfs(descriptor, kind, flock=fcntl.flock):
    reads = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
    if reads and stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    flock(descriptor, kind)


def write_file(place):
    with atomic_file(place) as temporary:
        temporary.write_text("x")


def write_folder(place):
    with atomic_folder(place, FolderKind("marker", "x")) as part:
        (part / "marker").write_text("x")


def lock_file(place):
    with FileLock(place):
        pass


@pytest.mark.parametrize("number", FAILURES)
@pytest.mark.parametrize(
    ("write", "left"), [(write_file, []), (write_folder, []), (lock_file, ["out"])]
)
def test_a_file_system_without_locks_is_an_error_of_one_sentence(
    write, left, number, tmp_path, monkeypatch
):
    monkeypatch.setattr(fcntl, "flock", fail_with(number))
    place = tmp_path / "out"
    with pytest.raises(DataError) as error:
        write(place)
    assert str(error.value).startswith(f"{place} could not be written ({tmp_path}")
    end = f" is on a file system without locks: {os.strerror(number)}); give a path on another file"
    assert str(error.value).endswith(f"{end} system.")
    assert [path.name for path in tmp_path.iterdir()] == left


def test_a_file_is_locked_where_that_needs_a_descriptor_for_writing(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", flock_of_nfs)
    write_file(tmp_path / "out")
    write_folder(tmp_path / "folder")
    assert (tmp_path / "out").read_text() == (tmp_path / "folder/marker").read_text() == "x"


def test_a_folder_or_a_file_without_write_permission_can_be_locked(tmp_path):
    with locked(tmp_path), pytest.raises(BlockingIOError), locked(tmp_path, wait=False):
        pass
    file = tmp_path / "file"
    file.touch(0o400)
    with locked(file), pytest.raises(BlockingIOError), locked(file, wait=False):
        pass
    with pytest.raises(FileNotFoundError), locked(tmp_path / "none"):
        pass
