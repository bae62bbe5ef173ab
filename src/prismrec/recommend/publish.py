"""Versions of an artifact in one folder, and a link to the current one.

    publish("books/", "versions/", keep=7)      # copies, then switches versions/current
    rollback("versions/")                       # switches back to the version before

    versions/000001-8457e00a0b31/     artifacts: a number, and the name of the artifact
    versions/000002-c1fbcc686697/
    versions/current                  a symbolic link to one of them

A version is copied under another name and then renamed, and the link is replaced by a rename. So
``current`` names a whole artifact at every moment, also if a process is killed. A version with a
higher number than the current one was rolled back, or not finished; the next ``publish`` removes
it.
"""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from prismrec.errors import ConfigError, DataError
from prismrec.io import describe_write_errors, flush_folder, only_writer
from prismrec.recommend.manifest import artifact_name, check_hashes, read_artifact_manifest

CURRENT = "current"
"""Name of the link."""
KEPT = 7
"""Number of versions that are kept."""
VERSION_NAME = re.compile(r"(\d{6,})-[0-9a-f]{12}")
PART = ".part-"
"""Beginning of the names of what is being copied or removed."""


@dataclass(frozen=True)
class Switch:
    """The change of the current version."""

    current: str
    """Name of the folder that ``current`` links to now."""
    before: str | None
    """The one before; None if there was none."""
    versions: tuple[str, ...]
    """All versions, oldest first."""


def publish(artifact: str | Path, folder: str | Path, *, keep: int = KEPT) -> Switch:
    """Copy an artifact into a folder of versions and make it the current one.

    The current artifact is not copied again.

    Args:
        artifact: The artifact; it is not changed.
        folder: The folder of versions; created if it does not exist.
        keep: Number of versions to keep, with the new one; the oldest are removed.

    Raises:
        ConfigError: ``keep`` is below 2, so that there would be no version to roll back to.
        DataError: The artifact is damaged, another process publishes now, the folder cannot be
            written, or ``current`` is not a link.
    """
    if keep < 2:
        raise ConfigError(f"keep is {keep}; keep at least 2 versions, to be able to roll back.")
    artifact, folder = Path(artifact), Path(folder)
    check_hashes(artifact, read_artifact_manifest(artifact)["sha256"])
    name = artifact_name(artifact)
    with describe_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with only_writer(folder, folder):
            before = current_version(folder)
            for left in folder.glob(f"{PART}*"):  # of a process that was killed
                _remove(left)
            old = versions_in(folder)
            version = before
            if version is None or not version.endswith(f"-{name}"):
                version = f"{max(map(_number, old), default=0) + 1:06}-{name}"
                _copy(artifact, folder / version)
            for one in old:
                if _number(one) > _number(before):  # before the link: nobody may roll back to them
                    _remove(folder / one)
            _link(folder, version)
            for one in versions_in(folder)[:-keep]:
                _remove(folder / one)
            return Switch(version, before, versions_in(folder))


def rollback(folder: str | Path) -> Switch:
    """Make the version before the current one the current one.

    Raises:
        DataError: There is no version before, or it is damaged; then nothing changes. Or see
            ``publish``.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"No folder of versions at {folder}; make one with 'prismrec publish'.")
    with describe_write_errors(folder), only_writer(folder, folder):
        now = current_version(folder)
        earlier = [one for one in versions_in(folder) if _number(one) < _number(now)]
        if not earlier:
            raise DataError(
                f"{folder} has no version before the current one ({now or 'none'}), so it cannot "
                "be rolled back; publish another artifact."
            )
        check_hashes(folder / earlier[-1], read_artifact_manifest(folder / earlier[-1])["sha256"])
        _link(folder, earlier[-1])
        return Switch(earlier[-1], now, versions_in(folder))


def versions_in(folder: Path) -> tuple[str, ...]:
    """Return the names of the versions, oldest first."""
    names = (path.name for path in folder.iterdir() if VERSION_NAME.fullmatch(path.name))
    return tuple(sorted(names, key=_number))


def current_version(folder: Path) -> str | None:
    """Return the name of the version that ``current`` links to; None if there is no link.

    Raises:
        DataError: It is not a link to a version.
    """
    link = folder / CURRENT
    if not link.is_symlink():
        if link.exists():
            raise DataError(f"{link} is not a link to a version; move it, and publish again.")
        return None
    name = os.readlink(link)
    if not VERSION_NAME.fullmatch(name):
        raise DataError(f"{link} links to {name}, which is not a version; remove the link.")
    return name


def _number(version: str | None) -> int:
    """Return the number of a version; 0 for None."""
    found = VERSION_NAME.fullmatch(version or "")
    return int(found[1]) if found else 0


def _copy(artifact: Path, version: Path) -> None:
    """Copy an artifact under another name, check the copy and rename it.

    Raises:
        DataError: The artifact changed while it was copied.
    """
    part = version.with_name(f"{PART}{version.name}")
    shutil.copytree(artifact, part)
    check_hashes(part, read_artifact_manifest(part)["sha256"])
    if not version.name.endswith(artifact_name(part)):
        raise DataError(f"The artifact {artifact} changed while it was copied; publish it again.")
    flush_folder(part)
    part.rename(version)


def _link(folder: Path, version: str) -> None:
    """Replace the link to the current version by a rename."""
    part = folder / f"{PART}{CURRENT}"
    part.unlink(missing_ok=True)
    part.symlink_to(version)
    part.replace(folder / CURRENT)
    flush_folder(folder, files=False)


def _remove(path: Path) -> None:
    """Remove a version; it loses its name first, so that no rest of it is ever a version."""
    if path.is_symlink():
        path.unlink()
        return
    if not path.name.startswith(PART):
        path = path.rename(path.with_name(f"{PART}{path.name}"))
    shutil.rmtree(path)
