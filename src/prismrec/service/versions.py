"""Which artifact answers: loads it, applies changes and reloads it, always as a whole.

versions = Versions(ServePaths(artifact=Path("model")), Metrics(), Extensions())
versions.current()            # the LoadedArtifact that answers, with every change so far
versions.reload()             # opens the artifact at the same path again; other processes follow
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from pathlib import Path
from typing import Literal
from uuid import uuid4

from prismrec.errors import DataError, PrismrecError, StoreError
from prismrec.recommend import check_artifact, check_trained_on
from prismrec.service.applied_changes import check_values, with_items
from prismrec.service.artifact_copy import private_folder
from prismrec.service.changes import (
    Added,
    AddedItem,
    Change,
    ChangeJournal,
    Marked,
    Reloaded,
    Updated,
    UpdatedItem,
    write_fault,
)
from prismrec.service.extensions import Extensions
from prismrec.service.garbage import exclude_reloaded
from prismrec.service.item_schemas import ItemAttributes, ItemIn
from prismrec.service.known_changes import KnownChanges, applied
from prismrec.service.loaded_artifact import (
    CatalogCheck,
    LoadedArtifact,
    Pair,
    check_catalogs,
    warn_of_other_items,
)
from prismrec.service.logging import log_refusal
from prismrec.service.metrics import Metrics
from prismrec.service.replacement import Answered, inherited, report
from prismrec.service.responses import HiddenItems, ReloadedArtifact, UpdatedItems
from prismrec.service.settings import ServePaths

log = logging.getLogger("prismrec.service")


class Versions:
    """The artifacts that answer; every method may be called from any thread.

    Args:
        paths: Paths of the artifacts and of the journal.
        metrics: Counts reloads.
        extensions: The operator's classes for parts that are not built in.
        check: Called with both catalogs at the start and at each reload, before they answer; raises
            DataError if they cannot be used.

    Raises:
        DataError: An artifact cannot be opened or used.
        StoreError: The journal cannot be read.
    """

    def __init__(
        self, paths: ServePaths, metrics: Metrics, extensions: Extensions,
        check: CatalogCheck | None = None,
    ) -> None:  # fmt: skip
        self.paths, self.metrics, self.extensions = paths, metrics, extensions
        self.check = check
        self.journal, self.lock = ChangeJournal(paths.journal), threading.Lock()
        self.reloading = threading.Lock()
        try:
            self.journal.shorten()
        except PrismrecError as error:  # a file that is mounted alone cannot be replaced
            fields = {"reason": str(error)}
            log.warning("the file of changes was not shortened", extra={"fields": fields})
        if fault := write_fault(paths.journal):
            fields = {"file": str(paths.journal), "reason": fault}
            log.warning("changes and reloads cannot be written", extra={"fields": fields})
        read = self.journal.new()
        self.known, self.known_reloads = KnownChanges(read), {one.id for one in _reloads(read)}
        self.newest = _reloads(read)[-1].id if self.known_reloads else None
        """Id of the newest reload of any process, as far as this one has read it."""
        self.unchanged = self._open_first()
        self.main, self.compared = applied(self.unchanged, self.known.changes, self.known.values)
        self.recorded = self.main.name
        """The artifact of the newest reload of any process, as far as this one has read it."""
        self.opened = time.monotonic()
        self._report(self.newest)

    def current(self) -> LoadedArtifact:
        """Return the artifact that answers, with the changes of all processes.

        Raises:
            StoreError: The journal cannot be read.
        """
        return self.both()[0]

    def both(self) -> Pair:
        """Return both artifacts, with the same changes."""
        with self.lock:
            new = self.journal.new()
            if self.journal.restarted:
                self._apply_restarted(new)
            elif new:
                pair = applied((self.main, self.compared), *self.known.add(new))
                self.main, self.compared = pair
            if new:
                self._follow(new)
            return self.main, self.compared

    def reload(self) -> ReloadedArtifact:
        """Open the artifact at the same path again; other processes follow.

        Raises:
            DataError: It is not whole, or cannot be opened; the previous one continues to answer.
            StoreError: The reload cannot be written to the journal; likewise.
        """
        with self.reloading, self._counted():
            # A copy of the same artifact may exist, so that opening would not read the files.
            for artifact in self.paths.artifacts:
                check_artifact(artifact)
            opened = self._open()
            name, reload_id = opened[0].name, uuid4().hex
            was = self._last_reloaded()
            self.known_reloads.add(reload_id)
            # Before the switch: a refused reload must not change what answers.
            self.journal.append(Reloaded(artifact=name, id=reload_id))
            self._switch(opened)
            self.recorded = name
            with suppress(StoreError):  # the next request reads it
                self.current()  # so that ``newest`` is this reload, unless a later one is read
            self._report(reload_id)
            return ReloadedArtifact(artifact=name, was=was)

    def add(self, items: Sequence[ItemIn]) -> int:
        """Add or change items for all processes, also after a restart; return their number.

        Raises:
            DataError: A new item has neither a category nor a related item; then none is added.
        """
        main = self.current()
        added = [
            AddedItem(**item.model_dump(), new=not main.has(item.id) or None) for item in items
        ]
        with_items(main.recommender, added)  # raises if it is impossible
        self.journal.append(Added(items=added))
        self.current()
        return len(items)

    def update(self, items: Sequence[ItemAttributes]) -> UpdatedItems:
        """Update attributes of items for all processes, also after a restart and a reload.

        Raises:
            DataError: An id appears twice; then nothing is changed.
            UnknownName, ConfigError: An attribute that does not exist, or a value of another type.
        """
        updated = [UpdatedItem(**item.model_dump()) for item in items]
        values = {item.id: item.attributes for item in updated}
        if len(values) < len(updated):
            twice = next(one for one, n in Counter(item.id for item in updated).items() if n > 1)
            raise DataError(
                f"The item {twice!r} has its attributes twice in one request; send it once."
            )
        catalog = self.current().recommender.catalog
        check_values(values, catalog)
        self.journal.append(Updated(items=updated))
        self.current()
        unknown = [name for name in values if name not in catalog.items]
        return UpdatedItems(len(values) - len(unknown), unknown)

    def mark(self, names: Sequence[str], kind: Literal["hide", "unhide"]) -> HiddenItems:
        """Hide or unhide items for all processes, also after a restart and a reload."""
        given = list(dict.fromkeys(names))
        before = self.current().hidden_of(given)
        self.journal.append(Marked(kind=kind, items=given))
        now = self.current()
        other = before ^ now.hidden_of(given)
        unknown = [name for name in given if name not in now.recommender.catalog.items]
        changed = [name for name in given if name in other]
        return HiddenItems(len(now.recommender.hidden), changed, unknown)

    def age(self) -> float:
        """Return the seconds since the artifact was opened."""
        return time.monotonic() - self.opened

    def index_age(self) -> float:
        """Return the seconds since the artifact was written."""
        return max(time.time() - self.main.copy.written, 0.0)

    def _apply_restarted(self, new: Sequence[Change]) -> None:
        """Apply a file that was read from its start again."""
        before, self.known = self.known, KnownChanges(new)
        self.main, self.compared = self._updated((self.main, self.compared), before)

    def _updated(self, pair: Pair, before: KnownChanges) -> Pair:
        """Return a pair that has the changes ``before``, with those that are known now."""
        if self.known.include(before):
            return applied(pair, *self.known.since(before))
        return applied(self.unchanged, self.known.changes, self.known.values)

    def _follow(self, new: Sequence[Change]) -> None:
        """Reload in the background if another process did."""
        if reloads := _reloads(new):
            self.newest = reloads[-1].id  # also one of this process: the file has their order
        others = self._unknown_reloads(new)
        if others:
            self.known_reloads |= {one.id for one in others}
            self.recorded = others[-1].artifact
            threading.Thread(target=self._follow_reload, daemon=True).start()

    def _unknown_reloads(self, changes: Sequence[Change]) -> list[Reloaded]:
        """Return the reloads of other processes that this one has not read before."""
        return [one for one in _reloads(changes) if one.id not in self.known_reloads]

    def _last_reloaded(self) -> str:
        """Return the artifact of the newest reload of any process; the next request follows it."""
        with self.lock:
            others = self._unknown_reloads(copy(self.journal).new())
            return others[-1].artifact if others else self.recorded

    def _open_first(self) -> Pair:
        """Open what the worker answered from that this process replaces; else see ``_open``."""
        before = inherited()
        if before and before.reload == self.newest:
            try:
                return self._open([private_folder() / name for name in before.copies])
            except DataError as error:
                fields = {"reason": str(error)}
                log.warning("the copy of the artifact cannot be opened", extra={"fields": fields})
        return self._open()

    def _open(self, copies: Sequence[Path] = ()) -> Pair:
        """Open the artifacts that are at the paths now, or copies of earlier ones.

        Raises:
            DataError: One cannot be opened or used, or the first was trained on another data set
                than that of the page.
        """
        folders = copies or self.paths.artifacts
        if self.paths.data:
            check_trained_on(folders[0], self.paths.data)

        # A cleaner of temporary files may have removed the folder, which is then made again.
        main, *rest = (
            LoadedArtifact.open(one, private_folder(), self.extensions) for one in folders
        )
        compared = rest[0] if rest else None
        if self.check:
            check_catalogs(self.check, main, compared, self.known.changes)
        return main, compared

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Count a reload as done or refused."""
        try:
            yield
        except Exception:
            self.metrics.reloads.labels("refused").inc()
            raise
        self.metrics.reloads.labels("done").inc()

    def _switch(self, opened: Pair) -> None:
        """Answer with artifacts that were opened.

        Known changes may take long to apply, so answers do not wait for them.
        """
        warn_of_other_items(self.unchanged[0], opened[0])  # without items added over HTTP
        with self.lock:
            before = self.known.copy()
        ready = applied(opened, before.changes, before.values)
        with self.lock:
            self.unchanged = opened
            self.main, self.compared = self._updated(ready, before)
            self.opened = time.monotonic()
        exclude_reloaded()

    def _follow_reload(self) -> None:
        """Reload after another process did."""
        with log_refusal(), self.reloading:
            followed = self.newest
            try:
                with self._counted():
                    self._switch(self._open())
            finally:
                self._report(followed)

    def _report(self, followed: str | None) -> None:
        """Report the copies that answer, for a worker that replaces this one."""
        report(Answered(followed, tuple(one.name for one in self.unchanged if one)))


def _reloads(changes: Sequence[Change]) -> list[Reloaded]:
    return [one for one in changes if isinstance(one, Reloaded)]
