"""Files and folders written whole or not at all: beside their place, and then renamed into it.

    with atomic_file("lists.parquet") as beside:
        table.write_parquet(beside)
    with atomic_folder("books", "manifest.json", '"prismrec-artifact"') as part:
        (part / "manifest.json").write_text(text)

What stood in the place stays there until then, and for good where writing fails. A full disk and
a place that may not be written to become one sentence that names the place.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prismrec.errors import DataError


@contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """Give the path of a file to write, which takes its place once it is on the disk.

    Args:
        path: The place; its parents are made. A link is followed.

    Raises:
        DataError: It cannot be written.
    """
    place = Path(path).resolve()
    beside = temporary_path(place)
    with describe_write_errors(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield beside
            _flush(beside)
            beside.replace(place)
        finally:
            beside.unlink(missing_ok=True)


def temporary_path(path: str | Path) -> Path:
    """Give where ``atomic_file`` writes before it renames; what stands there is written over."""
    place = Path(path).resolve()
    return place.with_name(f"{place.name}.part")


@contextmanager
def atomic_folder(folder: str | Path, note: str, mark: str) -> Iterator[Path]:
    """Give an empty folder to fill, which takes its place once all in it is on the disk.

    Args:
        folder: The place; its parents are made. A link is followed.
        note: The file by which a folder says what it is.
        mark: What the note says of a folder that may be replaced. An empty folder may be, too;
            any other is left alone.

    Raises:
        DataError: Something else is in the way, or the folder cannot be written.
    """
    place = Path(folder).resolve()
    with describe_write_errors(place):
        _check_place(place, note, mark)
        place.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
        part, old = scratch / "new", scratch / "old"
        try:
            part.mkdir()
            yield part
            for path in part.rglob("*"):
                if path.is_file():
                    _flush(path)
            if place.exists():
                place.rename(old)
            part.rename(place)
        except BaseException:
            if old.exists() and not place.exists():
                _put_back(old, place)
            raise
        finally:
            if place.exists() or not old.exists():  # else the former folder is there and no other
                shutil.rmtree(scratch, ignore_errors=True)


def _put_back(old: Path, place: Path) -> None:
    try:
        old.rename(place)
    except OSError as error:
        raise DataError(
            f"{place} could not be written, and what stood there could not be put back "
            f"({error.strerror}); move it there from {old}."
        ) from error


def _check_place(place: Path, note: str, mark: str) -> None:
    if not place.exists() or (place.is_dir() and not any(place.iterdir())):
        return
    try:
        ours = mark in (place / note).read_text(encoding="utf-8")
    except (OSError, ValueError):
        ours = False
    if not ours:
        raise DataError(
            f"{place} was to be written, but it holds something else; give another folder or move "
            "it away."
        )


@contextmanager
def describe_write_errors(place: Path) -> Iterator[None]:
    """Say in a sentence why a place could not be written.

    Raises:
        DataError: For an error of the system in the block, which has nothing to do but write.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, DataError) or not is_os_error(error):
            raise
        raise DataError(
            f"{place} could not be written ({os_error_reason(error)}); free the disk, or give a place "
            "that may be written to."
        ) from error


def _flush(path: Path) -> None:
    """Wait until a file is on the disk: a rename may get there before what it names."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def is_os_error(error: Exception) -> bool:
    """Tell the operating system's refusals, which polars and safetensors put in words of theirs."""
    return isinstance(error, OSError) or "(os error " in str(error)


def os_error_reason(error: Exception) -> str:
    """Give why the operating system refused something, on one line."""
    return getattr(error, "strerror", None) or str(error).partition("\n")[0]
