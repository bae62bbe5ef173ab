"""Which artifact answers now: opened, changed, exchanged, always as a whole.

versions = Versions(ServePaths(artifact=Path("model")))
versions.current()            # the LoadedArtifact that answers, with every change so far
versions.reload()             # opens what lies at its place now; other processes follow
"""

import logging
import threading
import time
from collections.abc import Sequence
from typing import Literal
from uuid import uuid4

from prismrec.errors import ConfigError, PrismrecError
from prismrec.service.artifact_copy import private_folder
from prismrec.service.changes import Added, AddedItem, Change, Journal, Marked, Reloaded
from prismrec.service.loaded_artifact import LoadedArtifact, with_items
from prismrec.service.metrics import Metrics
from prismrec.service.responses import ReloadedArtifact
from prismrec.service.schemas import ItemIn
from prismrec.service.settings import ServePaths

log = logging.getLogger("prismrec.service")
Pair = tuple[LoadedArtifact, LoadedArtifact | None]
"""The artifact that answers, and the one it is compared with."""


class Versions:
    """The artifacts that answer; every method may be called from any thread.

    Args:
        paths: What is served.
        metrics: Counts reloads.

    Raises:
        DataError: An artifact cannot be opened.
    """

    def __init__(self, paths: ServePaths, metrics: Metrics) -> None:
        self.paths, self.metrics = paths, metrics
        self.journal, self.lock = Journal(paths.journal), threading.Lock()
        self.reloading = threading.Lock()
        self.private = private_folder()
        self.changes = self.journal.new()
        self._take(*self._opened())
        self.opened = time.monotonic()
        self.own: set[str] = set()

    def current(self) -> LoadedArtifact:
        """Return the artifact that answers, with every change that any process made."""
        return self.both()[0]

    def both(self) -> Pair:
        """Return both artifacts as they answer together."""
        with self.lock:
            new = self.journal.new()
            if self.journal.anew:
                self.changes = []
                self._take(*self.unchanged)
            if new:
                self._follow(new)
            return self.main, self.compared

    def reload(self) -> ReloadedArtifact:
        """Open the artifact that is at its place now; other processes follow.

        Raises:
            DataError: It cannot be opened; the one before answers on.
        """
        with self.reloading:
            was = self._swap()
            name, mark = self.main.name, uuid4().hex
            self.own.add(mark)
            self.journal.append(Reloaded(artifact=name, id=mark))
        return ReloadedArtifact(artifact=name, was=was)

    def add(self, items: Sequence[ItemIn]) -> int:
        """Add items, for every process and over a restart; return how many.

        Raises:
            DataError: Nothing is known to place one of them by; none is added then.
        """
        added = [AddedItem(**item.model_dump()) for item in items]
        with_items(self.current().recommender, added)  # raises where it cannot be done
        self.journal.append(Added(items=added))
        self.current()
        return len(items)

    def mark(self, names: Sequence[str], kind: Literal["hide", "unhide"]) -> int:
        """Hide or unhide items, for every process and over a restart; return how many are hidden."""
        self.journal.append(Marked(kind=kind, items=list(names)))
        return len(self.current().recommender.hidden)

    def age(self) -> float:
        """Return the seconds since the artifact was opened."""
        return time.monotonic() - self.opened

    def index_age(self) -> float:
        """Return the seconds since the artifact was written."""
        return max(time.time() - self.main.copy.made, 0.0)

    def _take(self, main: LoadedArtifact, compared: LoadedArtifact | None) -> None:
        """Answer with these artifacts from now on, with every change."""
        self.unchanged = main, compared
        self.main = main.changed(self.changes)
        self.compared = compared.changed(self.changes) if compared else None

    def _follow(self, new: Sequence[Change]) -> None:
        """Apply changes; an artifact that another process reloaded is opened in the background."""
        self.changes = [*self.changes, *new]
        self.main = self.main.changed(new)
        self.compared = self.compared.changed(new) if self.compared else None
        reloads = [change for change in new if isinstance(change, Reloaded)]
        if [change for change in reloads if change.id not in self.own]:
            threading.Thread(target=self._reload_too, daemon=True).start()

    def _opened(self) -> Pair:
        """Open the artifacts that are at their places now."""
        second = self.paths.compare_with
        main = LoadedArtifact.open(self.paths.artifact, self.private)
        return main, LoadedArtifact.open(second, self.private) if second else None

    def _swap(self) -> str:
        """Open the artifacts again and answer with them; return the name before.

        Nobody waits while they are opened.

        Raises:
            DataError: One cannot be opened; those before answer on.
        """
        try:
            main, compared = self._opened()
        except PrismrecError:
            self.metrics.reloads.labels("refused").inc()
            raise
        with self.lock:
            was = self.main.name
            self._take(main, compared)
            self.opened = time.monotonic()
        self.metrics.reloads.labels("done").inc()
        return was

    def _reload_too(self) -> None:
        """Follow another process's reload."""
        try:
            with self.reloading:
                self._swap()
        except PrismrecError as error:
            log.error("reload refused", extra={"told": {"reason": str(error)}})


def choose(pair: Pair, *, comparison: bool) -> LoadedArtifact:
    """Return one of the two artifacts.

    Raises:
        ConfigError: There is no second one.
    """
    main, compared = pair
    if not comparison:
        return main
    if compared is None:
        raise ConfigError(
            "The request asks for the artifact to compare with, but none is served; start the "
            "service with --compare-with."
        )
    return compared
