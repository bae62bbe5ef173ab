"""Write files and folders completely or not at all: first under a temporary name, then rename.

    with atomic_file("lists.parquet") as temporary:
        table.write_parquet(temporary)
    with atomic_folder("books", FolderKind("manifest.json", '"prismrec-artifact"')) as part:
        (part / "manifest.json").write_text(text)

An earlier file or folder stays until the new one is complete, and it stays if writing fails. A full
disk or a missing permission raises an error of one sentence that names the path.
"""

import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path

from prismrec.errors import DataError
from prismrec.io.folder_kinds import FolderKind, check_replaceable
from prismrec.io.locks import NoLocksError, locked, open_locked

TEMPORARY = ".prismrec-part"
"""End of the names of temporary files: no file of the user has it."""


@contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path; when the block ends, the file is renamed to ``path``.

    Args:
        path: The path of the file. Parent folders are created; a symbolic link is followed.

    Raises:
        DataError: The file cannot be written, another process writes it now, or there is something
            else than a file under the temporary name.
    """
    place = Path(path).resolve()
    temporary = temporary_path(place)
    with describe_write_errors(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        _create_part(temporary)
        with only_writer(temporary, place):
            try:
                yield temporary
                _flush(temporary)
                temporary.replace(place)
            except BaseException:  # after a success, the name may be that of the next writer's file
                temporary.unlink(missing_ok=True)
                raise


@contextmanager
def only_writer(path: Path, place: Path) -> Iterator[None]:
    """Refuse a second process or thread that writes the same, until the block ends.

    The operating system frees the lock of a process that is killed.

    Args:
        path: An existing file or folder; the block may rename or remove it. If it is a temporary
            one, it is removed where it cannot be locked, unless something is in it.
        place: What is written, for the message.

    Raises:
        DataError: Another process has the lock, or has just finished with it.
        OSError: See ``open_locked``.
    """
    try:
        descriptor = open_locked(path, wait=False)
    except (BlockingIOError, FileNotFoundError) as error:
        raise DataError(
            f"{place} cannot be written, because another process writes it now; wait until it has "
            "finished, or give another path."
        ) from error
    except NoLocksError:
        if path != place:
            _remove_empty(path)
        raise
    try:
        yield
    finally:
        os.close(descriptor)


def _remove_empty(path: Path) -> None:
    """Remove an empty file or folder, if that is possible."""
    with suppress(OSError):
        if path.is_dir():
            path.rmdir()
        elif not path.stat().st_size:
            path.unlink()


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading.

    Raises:
        OSError: There is none: a pipe or a device, for example, could be read without end.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe opens without its writer
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path.name} is not a regular file")
    return os.fdopen(descriptor, "rb")


def check_regular(path: Path) -> None:
    """Raise OSError if ``open_regular`` would, for a library that opens the path itself."""
    open_regular(path).close()


def temporary_path(path: str | Path) -> Path:
    """Return the path at which ``atomic_file`` writes before it renames; it may be overwritten."""
    place = Path(path).resolve()
    return place.with_name(f"{place.name}{TEMPORARY}")


def _create_part(part: Path) -> None:
    """Create a temporary file, or take the one that a killed writer left.

    Raises:
        DataError: There is a link or no file: to write to it would change something else.
    """
    with suppress(FileExistsError):
        part.touch(exist_ok=False)  # never through a symbolic link
    found = part.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        raise DataError(
            f"{part} is a link or no file, but a temporary file needs this name; move it away."
        )


@contextmanager
def atomic_folder(folder: str | Path, kind: FolderKind) -> Iterator[Path]:
    """Yield an empty temporary folder; when the block ends, it is renamed to ``folder``.

    Args:
        folder: The path of the folder. Parent folders are created; a symbolic link is followed.
        kind: The kind of folder that may be replaced. An empty folder may be replaced too; any
            other folder, and one with a file that is none of its kind, is never changed.

    Raises:
        DataError: The folder exists and has other content, or it cannot be written.
    """
    place = Path(folder).resolve()
    with describe_write_errors(place):
        check_replaceable(place, kind)
        place.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
        part, old = scratch / "new", scratch / "old"
        try:
            part.mkdir()
            yield part
            flush_folder(part)
            with locked(place.parent):  # others that rename here wait
                if place.exists():
                    place.rename(old)
                part.rename(place)
        except BaseException:
            if old.exists() and not place.exists():
                _restore(old, place)
            raise
        finally:
            if place.exists() or not old.exists():  # otherwise ``old`` is the only copy
                shutil.rmtree(scratch, ignore_errors=True)


def named_path(path: Path) -> Path:
    """Return the same path with a name: the absolute one of ``.`` and ``..``; others unchanged."""
    return Path(os.path.abspath(path)) if path.name in ("", "..") else path


def check_output_folder(folder: str | Path, kind: FolderKind) -> None:
    """Raise DataError if ``atomic_folder`` would refuse a folder: for long work, before it begins.

    Args:
        folder: As for ``atomic_folder``.
        kind: The kind of folder that may be replaced.
    """
    place = Path(folder).resolve()
    with describe_write_errors(place):
        check_replaceable(place, kind)
        _check_folder(place.parent)


def check_writable_folder(path: Path) -> None:
    """Raise DataError if a path is not a folder to write into, and cannot become one."""
    with describe_write_errors(path):
        _check_folder(path)


def _check_folder(path: Path) -> None:
    """Raise OSError if a path, or its nearest parent that exists, is no folder to write into."""
    place = path.resolve()
    nearest = next(one for one in (place, *place.parents) if one.exists())
    if not nearest.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _restore(old: Path, place: Path) -> None:
    try:
        old.rename(place)
    except OSError as error:
        raise DataError(
            f"{place} could not be written, and the earlier folder could not be moved back "
            f"({error.strerror}); move it from {old}."
        ) from error


@contextmanager
def describe_write_errors(place: Path) -> Iterator[None]:
    """Convert errors of the operating system into a sentence that names the path.

    Args:
        place: The path that the block writes. The block should do nothing else.

    Raises:
        DataError: The block raised an error of the operating system.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, DataError) or not is_os_error(error):
            raise
        advice = "free disk space, or give a path with write permission"
        if isinstance(error, NoLocksError):
            advice = "give a path on another file system"
        raise DataError(
            f"{place} could not be written ({os_error_reason(error)}); {advice}."
        ) from error


def flush_folder(folder: Path, *, files: bool = True) -> None:
    """Wait until the names in a folder are on disk, and, if ``files``, all files below it."""
    for path in folder.rglob("*") if files else ():
        if path.is_file():
            _flush(path)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush(path: Path) -> None:
    """Wait until a file is on disk; otherwise the rename could be stored before the content."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def is_os_error(error: Exception) -> bool:
    """Return whether the operating system raised an error, also if a library wraps it."""
    return isinstance(error, OSError) or "(os error " in str(error)


def os_error_reason(error: Exception) -> str:
    """Return the reason of an error of the operating system, on one line."""
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):
        _, _, reason = error.args[0][0]  # of the first of the files that could not be copied
        return re.sub(r"^\[Errno \d+\] ([^:]+).*", r"\1", str(reason), flags=re.S)
    return getattr(error, "strerror", None) or str(error).partition("\n")[0]
