"""Versions of an artifact in one folder, and a link to the current one.

    publish("books/", "versions/", keep=7)      # copies, then switches versions/current
    rollback("versions/")                       # switches back to the version before

    versions/000001-8457e00a0b31/     artifacts: a number, and the name of the artifact
    versions/000002-c1fbcc686697/
    versions/current                  a symbolic link to one of them

A version is copied under another name and then renamed, and the link is replaced by a rename. So
``current`` names a whole artifact at every moment, also if a process is killed. A version with a
higher number than the current one was rolled back, or not finished; the next ``publish`` removes it
if there is a current one.

The vectors of an index of the kind pgvector are a table of a database. A version takes its table
with it: when the version is removed, the table is removed too, unless a version that is kept uses
it, or another artifact of this machine: see ``retrieval.index.removal``.
"""

import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from prismrec.errors import ConfigError, DataError, PrismrecError
from prismrec.io import describe_write_errors, flush_folder, only_writer
from prismrec.recommend.manifest import INDEX, MANIFEST, artifact_name, check_artifact
from prismrec.retrieval import Table, check_tables, claim_tables, remove_tables, saved_tables

CURRENT = "current"
"""Name of the link."""
KEPT = 7
"""Number of versions that are kept."""
VERSION_NAME = re.compile(r"(\d{6,})-[0-9a-f]{12}")
PART, REMOVED = ".part-", ".removed-"
"""Beginnings of the names of what is being copied, and of versions that are being removed."""


@dataclass(frozen=True)
class Switch:
    """The change of the current version."""

    current: str
    """Name of the folder that ``current`` links to now."""
    before: str | None
    """The one before; None if there was none."""
    versions: tuple[str, ...]
    """All versions, oldest first."""
    removed_tables: tuple[str, ...] = ()
    """Tables of vectors that were removed with their versions."""
    left: str | None = None
    """Why tables of removed versions are still in their database; the next ``publish`` tries
    again. None if all are removed."""
    used_tables: tuple[str, ...] = ()
    """Tables of removed versions that are kept, because other artifacts use them."""


def publish(
    artifact: str | Path, folder: str | Path, *, keep: int = KEPT, keep_tables: bool = False
) -> Switch:
    """Copy an artifact into a folder of versions and make it the current one.

    The current artifact is not copied again, unless its version is missing or damaged.

    Args:
        artifact: The artifact; it is not changed.
        folder: The folder of versions; created if it does not exist.
        keep: Number of versions to keep, with the new one; the oldest are removed.
        keep_tables: Do not remove the tables of removed versions, because copies of artifacts, or
            artifacts of other machines, use them.

    Raises:
        ConfigError: ``keep`` is below 2, so that there would be no version to roll back to.
        DataError: The artifact is damaged, its table is missing or has another content, another
            process publishes now, the folder cannot be written, has other content and no version,
            or is itself an artifact or a version, or ``current`` is not a link.
    """
    if keep < 2:
        raise ConfigError(f"keep is {keep}; keep at least 2 versions, to be able to roll back.")
    artifact, folder = Path(artifact), Path(folder)
    _check_folder(folder)
    _check_content(folder)
    _check(artifact)
    name = artifact_name(artifact)
    with describe_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with only_writer(folder, folder):
            before = current_version(folder)
            for left in _named(folder, PART):  # of a process that was killed
                left.unlink() if left.is_symlink() else shutil.rmtree(left)
            old = versions_in(folder)
            version = _version_of(artifact, name, folder, before)
            for place in (artifact / INDEX, folder / version / INDEX):
                claim_tables(saved_tables(place), place)
            for one in old if before in old else ():  # without it, nobody knows what was current
                if _number(one) > _number(before):  # before the link: nobody may roll back to them
                    _take_name(folder / one)
            _link(folder, version)
            if before in old and before.endswith(f"-{name}") and before != version:  # damaged
                _take_name(folder / before)
            for one in versions_in(folder)[:-keep]:
                _take_name(folder / one)
            removed, used, left_for = _remove_versions(folder, keep_tables=keep_tables)
            return Switch(version, before, versions_in(folder), removed, left_for, used)


def rollback(folder: str | Path) -> Switch:
    """Make the version before the current one the current one.

    Raises:
        DataError: There is no version before, it is damaged, or its table is missing or has
            another content; then nothing changes. Or see ``publish``.
    """
    folder = Path(folder)
    _check_folder(folder)
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
        _check(folder / earlier[-1])
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


def _version_of(artifact: Path, name: str, folder: Path, before: str | None) -> str:
    """Return the current version if it is a whole copy of an artifact, or copy it as the next."""
    if before is not None and before.endswith(f"-{name}"):
        with suppress(DataError):  # it is missing or damaged
            check_artifact(folder / before)
            return before
    version = f"{max(map(_number, (*versions_in(folder), before))) + 1:06}-{name}"
    _copy(artifact, folder / version)
    return version


def _copy(artifact: Path, version: Path) -> None:
    """Copy an artifact under another name, check the copy and rename it; or leave nothing.

    Raises:
        DataError: The artifact changed while it was copied.
    """
    part = version.with_name(f"{PART}{version.name}")
    try:
        shutil.copytree(artifact, part)
        check_artifact(part)
        if not version.name.endswith(artifact_name(part)):
            raise DataError(
                f"The artifact {artifact} changed while it was copied; publish it again."
            )
        flush_folder(part)
        part.rename(version)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _link(folder: Path, version: str) -> None:
    """Replace the link to the current version by a rename."""
    part = folder / f"{PART}{CURRENT}"
    part.unlink(missing_ok=True)
    part.symlink_to(version)
    part.replace(folder / CURRENT)
    flush_folder(folder, files=False)


def _check_folder(folder: Path) -> None:
    """Check that a folder of versions is not itself an artifact, a version or a data set.

    Raises:
        DataError: It is. Versions in it would be lost when it is written again or removed.
    """
    if not (folder / MANIFEST).exists():
        return
    is_version = VERSION_NAME.fullmatch(folder.resolve().name) is not None
    what = "a version" if is_version else "an artifact or a data set"
    other = str(folder.parent) if is_version else "a folder for versions only"
    raise DataError(f"{folder} is {what}, so versions cannot be kept in it; give {other}.")


def _check_content(folder: Path) -> None:
    """Check that a folder is new or empty, or has something that a folder of versions has.

    Hidden files do not count, nor what a new volume has: nothing is removed.

    Raises:
        DataError: It has only other content.
    """
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    names = [name for name in names if not name.startswith(".") and name != "lost+found"]
    if names and not any(map(_is_own, names)):
        raise DataError(
            f"Versions cannot be kept in {folder}, because it contains something else; give "
            "another folder, or move it."
        )


def _is_own(name: str) -> bool:
    """Return whether a folder of versions has this name: files such as current.changes too."""
    rest = name.removeprefix(PART).removeprefix(REMOVED)
    return VERSION_NAME.fullmatch(rest) is not None or rest.partition(".")[0] == CURRENT


def _named(folder: Path, beginning: str) -> list[Path]:
    """Return what ``publish`` named so, sorted; nothing that only begins like it."""
    return sorted(path for path in folder.glob(f"{beginning}*") if _is_own(path.name))


def _check(artifact: Path) -> None:
    """Check that an artifact is whole, with the tables of its index.

    Raises:
        DataError: It is not.
        MissingExtra: It has a table, but the library of the database is not installed.
    """
    check_artifact(artifact)
    check_tables(artifact / INDEX)


def _take_name(version: Path) -> None:
    """Rename a version that is to be removed, so that no rest of it is ever a version."""
    place = version.with_name(f"{REMOVED}{version.name}")
    if place.exists():  # left by an earlier removal; the same name is the same content
        shutil.rmtree(place)
    version.rename(place)


def _remove_versions(
    folder: Path, *, keep_tables: bool
) -> tuple[tuple[str, ...], tuple[str, ...], str | None]:
    """Remove the versions without a name, and their tables that no version of the folder uses.

    Returns:
        The tables that were removed, those that are kept for other artifacts, and why others are
        left. A version whose tables are left is left too, because it names them.
    """
    removed: list[str] = []
    used: list[str] = []
    reason = None
    for version in _named(folder, REMOVED):
        try:
            tables = frozenset() if keep_tables else _own_tables(version, folder)
            gone = remove_tables(tables)
        except PrismrecError as error:
            reason = str(error)
            continue
        removed += sorted(table.name for table in gone)
        used += sorted(table.name for table in tables - gone)
        shutil.rmtree(version)
    return tuple(removed), tuple(used), reason


def _own_tables(removed: Path, folder: Path) -> frozenset[Table]:
    """Return the tables of a removed version that no version of the folder uses."""
    tables = saved_tables(removed / INDEX)
    for one in versions_in(folder) if tables else ():
        tables -= saved_tables(folder / one / INDEX)
    return tables
