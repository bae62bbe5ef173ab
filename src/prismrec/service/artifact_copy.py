"""Private copies of artifacts: the service only reads files that nobody else writes.

Vectors are mapped into memory from their file. If another process truncated that file, by copying a
new artifact over it, this process would die. Nobody writes to the copy. All workers share the copy,
and so the memory of its pages. A copy is removed when no process uses it any more. A copy that
cannot be opened is made again: a cleaner of temporary files removes single old files.
"""

import errno
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from prismrec.errors import ConfigError, DataError
from prismrec.io import locked, open_locked
from prismrec.recommend import (
    MANIFEST,
    Recommender,
    linked_folder,
    read_artifact_manifest,
    short_hash,
)
from prismrec.service.extensions import Extensions


def private_folder() -> Path:
    """Return the folder of copies, which only this user may read and write.

    Raises:
        ConfigError: Another user owns it or may use it.
    """
    folder = Path(tempfile.gettempdir()) / f"prismrec-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        raise ConfigError(
            f"The folder {folder}, to which artifacts are copied, cannot be made "
            f"({error.strerror}); make its parent writable, or set TMPDIR to another folder."
        ) from error
    if folder.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise ConfigError(
            f"The folder {folder}, to which artifacts are copied, is open to others; remove it, or "
            "set TMPDIR to a folder of this user."
        )
    return folder


class ArtifactCopy:
    """A copy of an artifact, kept as long as this object exists.

    Args:
        artifact: The artifact to copy.
        private: The folder of copies.
        extensions: Opens the artifact; the operator's classes for parts that are not built in.

    Attributes:
        folder: The copy.
        name: Short hash of the manifest: the same for the same artifact on every machine.
        manifest: The manifest.
        written: When the artifact was written: seconds since 1970, from the manifest's file.

    Raises:
        DataError: The artifact is not whole, or cannot be copied.
    """

    def __init__(
        self,
        artifact: Path,
        private: Path,
        extensions: Extensions = Extensions(),  # noqa: B008
    ) -> None:
        artifact = linked_folder(artifact)
        self.artifact, self.extensions = artifact, extensions
        self.manifest: dict[str, Any] = read_artifact_manifest(artifact)
        self._opened: Recommender | None = None  # by ``_make``, until ``open`` returns it
        with _describe_errors(artifact):
            self.written = (artifact / MANIFEST).stat().st_mtime
            self._text = (artifact / MANIFEST).read_bytes()
            self.name = short_hash(self._text)
            self.folder = private / self.name
            lock = open_locked(private / f"{self.name}.lock", create=True, shared=True)
            weakref.finalize(self, os.close, lock)
            if not self.folder.exists():
                self._make()
            _remove_unused(private)

    def open(self) -> Recommender:
        """Open the copy, or return what was opened to check a new copy; make a damaged one again.

        Raises:
            DataError: It cannot be made again: the artifact was changed, or is damaged too.
        """
        if opened := self._pop_opened():
            return opened
        with _describe_errors(self.artifact):
            inode = _inode(self.folder)
            try:
                return self.extensions.classes.load(self.folder)
            except DataError:
                self._make(damaged=inode)
                return self._pop_opened() or self.extensions.classes.load(self.folder)

    def _pop_opened(self) -> Recommender | None:
        """Return what ``_make`` opened, once: this object must not keep it in memory."""
        opened, self._opened = self._opened, None
        return opened

    def _load(self, part: Path) -> Recommender:
        """Load a copy that has no name yet; an error names the artifact, not the copy.

        Raises:
            DataError: The artifact is not whole.
        """
        try:
            return self.extensions.classes.load(part)
        except DataError as error:
            raise DataError(str(error).replace(str(part), str(self.artifact))) from error

    def _make(self, *, damaged: int | None = None) -> None:
        """Copy the artifact, and open the copy before it gets its name.

        A copy that is already present stays: another worker was faster.

        Args:
            damaged: Inode of a damaged copy, which is replaced.

        Raises:
            DataError: The artifact changed meanwhile, or is not whole.
            OSError: It cannot be copied.
        """
        copy = self.folder
        with locked(copy.parent / ".making", create=True):
            for part in copy.parent.glob(".part-*"):  # of a process that was killed
                shutil.rmtree(part, ignore_errors=True)
            if _inode(copy) != damaged:
                return
            part = Path(tempfile.mkdtemp(prefix=".part-", dir=copy.parent))
            shutil.copytree(self.artifact, part, dirs_exist_ok=True)
            opened = self._load(part)
            if (part / MANIFEST).read_bytes() != self._text:
                raise DataError(
                    f"The artifact {self.artifact} changed while it was read; try again."
                )
            if damaged is not None:
                old = copy.rename(tempfile.mkdtemp(prefix=".part-", dir=copy.parent))
                shutil.rmtree(old, ignore_errors=True)
            part.rename(copy)  # what is mapped into memory stays mapped
            self._opened = opened


@contextmanager
def _describe_errors(artifact: Path) -> Iterator[None]:
    """Describe the errors of the system in a block that copies an artifact.

    Raises:
        DataError: The artifact cannot be copied.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or "some files could not be read or written"
        advice = "free disk space, or set TMPDIR to another folder"
        if os.strerror(errno.EACCES) in str(error):
            reason = os.strerror(errno.EACCES).lower()
            advice = "make its files readable for the user of the service"
        raise DataError(
            f"The artifact {artifact} could not be copied ({reason}); {advice}."
        ) from error


def _inode(copy: Path) -> int | None:
    try:
        return copy.stat().st_ino
    except FileNotFoundError:
        return None


def _remove_unused(private: Path) -> None:
    """Remove the copies that no process has locked."""
    for path in private.glob("*.lock"):
        with suppress(OSError), locked(path, wait=False):  # a process has it, or removes it too
            shutil.rmtree(path.with_suffix(""), ignore_errors=True)
            path.unlink(missing_ok=True)
