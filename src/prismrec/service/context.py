"""The parts that every route uses."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fastapi import Depends, Request

from prismrec.service.auth import check_scope
from prismrec.service.errors import error_responses
from prismrec.service.extensions import Extensions
from prismrec.service.insight import Insight
from prismrec.service.lists import ListMaker
from prismrec.service.metrics import Metrics
from prismrec.service.microbatch import Batcher
from prismrec.service.rate_limit import RateLimit
from prismrec.service.responses import ServedAnswer
from prismrec.service.schemas import RecommendRequest
from prismrec.service.settings import Keys, Scope, ServePaths, Settings
from prismrec.service.stores import Store
from prismrec.service.thread_pool import ThreadPool
from prismrec.service.users import MonotonicClock
from prismrec.service.versions import Versions


@dataclass(frozen=True)
class RouteContext:
    """The parts of one service; ``open`` builds them."""

    versions: Versions
    store: Store
    settings: Settings
    keys: Keys
    metrics: Metrics
    lists: ListMaker
    insight: Insight
    workers: ThreadPool
    """Threads for lists and other answers."""
    writers: ThreadPool
    """Threads for events and changes, so that a burst of requests for lists does not delay them."""
    rate: RateLimit
    clock: MonotonicClock = field(default_factory=MonotonicClock)

    @classmethod
    def open(
        cls, paths: ServePaths, store: Store, settings: Settings, keys: Keys
    ) -> "RouteContext":
        """Open the artifacts and start the threads.

        Raises:
            DataError: An artifact cannot be opened.
            StoreError: The file of changes cannot be read.
            UnknownName, ConfigError: The operator's code cannot be used.
        """
        metrics, extensions = Metrics(), Extensions.of(settings)
        versions = Versions(paths, metrics, extensions)
        lists = ListMaker(
            versions,
            store,
            metrics,
            newest=settings.history,
            rerankers=extensions.rerankers,
        )
        return cls(
            versions=versions,
            store=store,
            settings=settings,
            keys=keys,
            metrics=metrics,
            lists=lists,
            insight=Insight(paths, metrics),
            workers=ThreadPool(settings.threads, settings.queue, settings.timeout, "answers"),
            writers=ThreadPool(4, settings.queue, 6 * settings.timeout, "writes"),
            rate=RateLimit(settings.rate),
        )

    @cached_property
    def batcher(self) -> Batcher[RecommendRequest, ServedAnswer]:
        """Answers waiting requests together."""
        return Batcher(self.lists.answer_each, self.workers)

    def requires(self, scope: Scope) -> Callable[[Request], Awaitable[None]]:
        """Return the dependency that checks the key and the rate of a request."""

        async def check(request: Request) -> None:
            key = check_scope(self.keys, request.headers, scope)
            self.rate.check(key or (request.client.host if request.client else ""))

        return check

    def route(self, scope: Scope, response: type[Any] | None, **more: Any) -> dict[str, Any]:
        """Return the keyword arguments that declare a route of this scope and response.

        Without a response class, the route declares its response in ``more``.
        """
        return {
            "dependencies": [Depends(self.requires(scope))],
            "response_model": response,
            "responses": error_responses(),
            "openapi_extra": {"security": [{"bearer": []}]},
        } | more

    def ready(self) -> str:
        """Return the name of the artifact if requests can be answered now.

        Raises:
            StoreError: The store does not answer, or the file of changes cannot be read.
        """
        self.store.ping()
        return self.versions.current().name

    def close(self) -> None:
        """Stop the threads and close the store."""
        self.workers.close()
        self.writers.close()
        self.store.close()
