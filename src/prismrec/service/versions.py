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
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Literal
from uuid import uuid4

from prismrec.data import Cell
from prismrec.errors import ConfigError, DataError, PrismrecError
from prismrec.recommend import check_artifact, check_trained_on
from prismrec.service.applied_changes import check_values, keep_newest, with_items
from prismrec.service.artifact_copy import private_folder
from prismrec.service.changes import (
    Added,
    AddedItem,
    Change,
    Journal,
    Marked,
    Reloaded,
    Updated,
    UpdatedItem,
    write_fault,
)
from prismrec.service.extensions import Extensions
from prismrec.service.garbage import exclude_reloaded
from prismrec.service.item_schemas import ItemAttributes, ItemIn
from prismrec.service.loaded_artifact import (
    CatalogCheck,
    LoadedArtifact,
    check_catalogs,
    warn_of_other_items,
)
from prismrec.service.metrics import Metrics
from prismrec.service.responses import HiddenItems, ReloadedArtifact, UpdatedItems
from prismrec.service.settings import ServePaths

log = logging.getLogger("prismrec.service")
Pair = tuple[LoadedArtifact, LoadedArtifact | None]
"""The artifact that answers, and the artifact to compare with."""


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
        self.journal, self.lock = Journal(paths.journal), threading.Lock()
        self.reloading = threading.Lock()
        self.private = private_folder()
        self.changes: list[Change] = []
        self.values: dict[str, dict[str, Cell]] = {}
        """The newest values of attributes, by item and attribute."""
        try:
            self.journal.shorten()
        except PrismrecError as error:  # a file that is mounted alone cannot be replaced
            fields = {"reason": str(error)}
            log.warning("the file of changes was not shortened", extra={"fields": fields})
        if fault := write_fault(paths.journal):
            fields = {"file": str(paths.journal), "reason": fault}
            log.warning("changes and reloads cannot be written", extra={"fields": fields})
        self._remember(self.journal.new())
        self.known_reloads = {one.id for one in self.changes if isinstance(one, Reloaded)}
        self._serve(*self._open())
        self.recorded = self.main.name
        """The artifact of the newest reload of any process, as far as this one has read it."""
        self.opened = time.monotonic()

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
                self.changes, self.values = [], {}
                self._serve(*self.unchanged)
            if new:
                self._apply(new)
            return self.main, self.compared

    def reload(self) -> ReloadedArtifact:
        """Open the artifact at the same path again; other processes follow.

        Raises:
            DataError: It is not whole, or cannot be opened; the previous one continues to answer.
            StoreError: The reload cannot be written to the journal; likewise.
        """
        with self.reloading:
            with self._counted():
                # A copy of the same artifact may exist, so that opening would not read the files.
                for artifact in self.paths.artifacts:
                    check_artifact(artifact)
                opened = self._open()
                name, reload_id = opened[0].name, uuid4().hex
                was = self._last_reloaded()
                self.known_reloads.add(reload_id)
                # Before the switch: a refused reload must not change what answers.
                self.journal.append(Reloaded(artifact=name, id=reload_id))
            self._switch(*opened)
            self.recorded = name
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
        self.journal.append(Marked(kind=kind, items=list(names)))
        recommender = self.current().recommender
        unknown = [name for name in dict.fromkeys(names) if name not in recommender.catalog.items]
        return HiddenItems(len(recommender.hidden), unknown)

    def age(self) -> float:
        """Return the seconds since the artifact was opened."""
        return time.monotonic() - self.opened

    def index_age(self) -> float:
        """Return the seconds since the artifact was written."""
        return max(time.time() - self.main.copy.written, 0.0)

    def _serve(self, main: LoadedArtifact, compared: LoadedArtifact | None) -> None:
        """Answer with these artifacts from now on, with every change."""
        self.unchanged = main, compared
        self.main = main.changed(self.changes).with_values(self.values)
        if compared:
            compared = compared.changed(self.changes).with_values(self.values)
        self.compared = compared

    def _apply(self, new: Sequence[Change]) -> None:
        """Apply changes; after a reload by another process, reload in the background."""
        values = self._remember(new)
        self.main = self.main.changed(new).with_values(values)
        if self.compared:
            self.compared = self.compared.changed(new).with_values(values)
        others = self._unknown_reloads(new)
        if others:
            self.known_reloads |= {one.id for one in others}
            self.recorded = others[-1].artifact
            threading.Thread(target=self._follow_reload, daemon=True).start()

    def _unknown_reloads(self, changes: Sequence[Change]) -> list[Reloaded]:
        """Return the reloads of other processes that this one has not read before."""
        reloads = [one for one in changes if isinstance(one, Reloaded)]
        return [one for one in reloads if one.id not in self.known_reloads]

    def _last_reloaded(self) -> str:
        """Return the artifact of the newest reload of any process; the next request follows it."""
        with self.lock:
            others = self._unknown_reloads(copy(self.journal).new())
            return others[-1].artifact if others else self.recorded

    def _remember(self, new: Sequence[Change]) -> dict[str, dict[str, Cell]]:
        """Add changes to those of before; return the values of attributes that are to be set.

        Of each attribute of an item only the newest value is kept, so the memory does not grow with
        every change of a stock. An item that is added gets the values that came before it.
        """
        self.changes = [*self.changes, *(one for one in new if not isinstance(one, Updated))]
        keep_newest(self.values, new)
        touched: dict[str, None] = {}
        for change in new:
            if isinstance(change, Updated | Added):
                touched |= dict.fromkeys(item.id for item in change.items)
        return {name: self.values[name] for name in touched if name in self.values}

    def _open(self) -> Pair:
        """Open the artifacts that are at the paths now; the start and each reload do this.

        Raises:
            DataError: One cannot be opened or used, or the first was trained on another data set
                than that of the page.
        """
        if self.paths.data:
            check_trained_on(self.paths.artifact, self.paths.data)

        def load(folder: Path) -> LoadedArtifact:
            return LoadedArtifact.open(folder, self.private, self.extensions)

        compare_with = self.paths.compare_with
        main, compared = load(self.paths.artifact), load(compare_with) if compare_with else None
        if self.check:
            check_catalogs(self.check, main, compared, self.changes)
        return main, compared

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Count a reload as done or refused."""
        try:
            yield
        except PrismrecError:
            self.metrics.reloads.labels("refused").inc()
            raise
        self.metrics.reloads.labels("done").inc()

    def _switch(self, main: LoadedArtifact, compared: LoadedArtifact | None) -> None:
        """Answer with artifacts that were opened."""
        warn_of_other_items(self.main, main)
        with self.lock:
            self._serve(main, compared)
            self.opened = time.monotonic()
        exclude_reloaded()

    def _follow_reload(self) -> None:
        """Reload after another process did."""
        try:
            with self.reloading:
                with self._counted():
                    opened = self._open()
                self._switch(*opened)
        except PrismrecError as error:
            log.error("reload refused", extra={"fields": {"reason": str(error)}})


def choose(pair: Pair, *, comparison: bool) -> LoadedArtifact:
    """Return the artifact that answers, or the artifact to compare with.

    Raises:
        ConfigError: There is no artifact to compare with.
    """
    main, compared = pair
    if not comparison:
        return main
    if compared is None:
        raise ConfigError(
            "comparison is true, but the service has no artifact to compare with; start it with "
            "--compare-with."
        )
    return compared
