"""Private copies of artifacts: what is served is read from files that nobody else writes to.

Vectors are mapped into memory from their file. Were that file cut short by someone who copies a
new artifact over it, the process would die; nobody writes to the copy. All workers share it, and
with it the memory of its pages. A copy is removed when no process holds it any more.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any

from prismrec.artifact import MANIFEST, load, read_manifest
from prismrec.errors import ConfigError, DataError


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


class Copy:
    """A copy of an artifact, held while this lives.

    Attributes:
        folder: The copy.
        name: Short name of its contents: the same artifact has the same everywhere.
        manifest: Its manifest.
    """

    def __init__(self, artifact: Path, private: Path) -> None:
        self.manifest: dict[str, Any] = read_manifest(artifact)
        text = (artifact / MANIFEST).read_bytes()
        self.name = hashlib.sha256(text).hexdigest()[:12]
        self.folder = private / self.name
        weakref.finalize(self, os.close, _hold(private / f"{self.name}.lock"))
        if not self.folder.exists():
            _make(artifact, self.folder, text)
        _sweep(private)

    @property
    def made(self) -> float:
        """When the artifact was written: seconds since 1970, by its manifest's file."""
        return (self.folder / MANIFEST).stat().st_mtime


def _make(artifact: Path, copy: Path, text: bytes) -> None:
    """Copy an artifact and try it before it takes its name: a damaged copy is never opened.

    Raises:
        DataError: It cannot be copied, changed meanwhile, or is not whole.
    """
    making = os.open(copy.parent / ".making", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(making, fcntl.LOCK_EX)
        for left in copy.parent.glob(".part-*"):  # of a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        if copy.exists():  # another worker was faster
            return
        part = Path(tempfile.mkdtemp(prefix=".part-", dir=copy.parent))
        shutil.copytree(artifact, part, dirs_exist_ok=True)
        load(part)
        if (part / MANIFEST).read_bytes() != text:
            raise DataError(f"The artifact {artifact} changed while it was read; try again.")
        part.rename(copy)
    except (OSError, shutil.Error) as error:
        reason = getattr(error, "strerror", None) or "some files could not be read or written"
        raise DataError(
            f"The artifact {artifact} could not be copied ({reason}); free the disk or set TMPDIR."
        ) from error
    finally:
        os.close(making)


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
