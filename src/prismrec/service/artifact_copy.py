"""Private copies of artifacts: what is served is read from files that nobody else writes to.

Vectors are mapped into memory from their file. Were that file cut short by someone who copies a
new artifact over it, the process would die; nobody writes to the copy. All workers share it, and
with it the memory of its pages. A copy is removed when no process holds it any more, and made anew
where it does not open: whoever cleans a folder of temporary files takes old ones, not whole copies.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any

from prismrec.errors import ConfigError, DataError
from prismrec.recommend import MANIFEST, Recommender, load, read_artifact_manifest


def private_folder() -> Path:
    """Give the folder of copies, which is this user's alone.

    Raises:
        ConfigError: Someone else made it.
    """
    folder = Path(tempfile.gettempdir()) / f"prismrec-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ConfigError(
            f"The folder {folder}, where artifacts are copied, is open to others; remove it, or "
            "set TMPDIR to a folder of this user."
        )
    return folder


class ArtifactCopy:
    """A copy of an artifact, held while this lives.

    Attributes:
        folder: The copy.
        name: Short name of its contents: the same artifact has the same everywhere.
        manifest: Its manifest.
        made: When the artifact was written: seconds since 1970, by its manifest's file.
    """

    def __init__(self, artifact: Path, private: Path) -> None:
        self.artifact = artifact
        self.manifest: dict[str, Any] = read_artifact_manifest(artifact)
        self.made = (artifact / MANIFEST).stat().st_mtime
        self._text = (artifact / MANIFEST).read_bytes()
        self.name = hashlib.sha256(self._text).hexdigest()[:12]
        self.folder = private / self.name
        weakref.finalize(self, os.close, _hold(private / f"{self.name}.lock"))
        if not self.folder.exists():
            _make(artifact, self.folder, self._text)
        _sweep(private)

    def open(self) -> Recommender:
        """Open the copy; one that was damaged is made anew.

        Raises:
            DataError: It cannot be made anew: see ``_make``.
        """
        try:
            found = _inode(self.folder)
            return load(self.folder)
        except DataError:
            _make(self.artifact, self.folder, self._text, damaged=found)
            return load(self.folder)


def _make(artifact: Path, copy: Path, text: bytes, *, damaged: int | None = None) -> None:
    """Copy an artifact and try it before it takes its name: a damaged copy is never opened.

    Args:
        artifact: What to copy.
        copy: Where. What is there already stays: another worker was faster.
        text: The manifest as it was read.
        damaged: The copy, by its inode, that does not stay.

    Raises:
        DataError: It cannot be copied, changed meanwhile, or is not whole.
    """
    making = os.open(copy.parent / ".making", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(making, fcntl.LOCK_EX)
        for left in copy.parent.glob(".part-*"):  # of a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        if _inode(copy) != damaged:
            return
        part = Path(tempfile.mkdtemp(prefix=".part-", dir=copy.parent))
        shutil.copytree(artifact, part, dirs_exist_ok=True)
        load(part)
        if (part / MANIFEST).read_bytes() != text:
            raise DataError(f"The artifact {artifact} changed while it was read; try again.")
        if damaged is not None:
            old = copy.rename(tempfile.mkdtemp(prefix=".part-", dir=copy.parent))
            shutil.rmtree(old, ignore_errors=True)
        part.rename(copy)
    except (OSError, shutil.Error) as error:
        reason = getattr(error, "strerror", None) or "some files could not be read or written"
        raise DataError(
            f"The artifact {artifact} could not be copied ({reason}); free the disk or set TMPDIR."
        ) from error
    finally:
        os.close(making)


def _inode(copy: Path) -> int | None:
    try:
        return copy.stat().st_ino
    except FileNotFoundError:
        return None


def _hold(path: Path) -> int:
    """Lock a file, with others, until it is closed; one that was removed meanwhile is made anew."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(file, fcntl.LOCK_SH)
        if _same(file, path):
            return file
        os.close(file)


def _same(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _sweep(private: Path) -> None:
    """Remove the copies that no process holds."""
    for path in private.glob("*.lock"):
        try:
            with path.open("ab") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path.with_suffix(""), ignore_errors=True)
                path.unlink(missing_ok=True)
        except OSError:  # it is held
            continue
