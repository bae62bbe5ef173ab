"""The parts that every route uses."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from types import UnionType
from typing import TYPE_CHECKING, Any

from fastapi import Depends, Request

from prismrec.errors import MissingExtra
from prismrec.service.answering import Answering
from prismrec.service.auth import check_scope
from prismrec.service.checked_route import check_query
from prismrec.service.errors import error_responses
from prismrec.service.experiments import Experiment
from prismrec.service.extensions import Extensions
from prismrec.service.insight import Insight
from prismrec.service.keys import Keys, Scope
from prismrec.service.lists import ListMaker
from prismrec.service.metrics import Metrics
from prismrec.service.rate_limit import RateLimit
from prismrec.service.readiness import Readiness
from prismrec.service.settings import ServePaths, Settings
from prismrec.service.stores import Store
from prismrec.service.thread_pool import Threads
from prismrec.service.users import MonotonicClock
from prismrec.service.variant_answers import RunningExperiment, VariantAnswering, check_of
from prismrec.service.versions import Versions

if TYPE_CHECKING:
    from prismrec.service.tracing import Tracing

MEASURED = 1.0
"""Seconds between two measurements of the gauges of a worker."""


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
    threads: Threads
    rate: RateLimit
    experiment: RunningExperiment | None = None
    tracing: "Tracing | None" = None
    clock: MonotonicClock = field(default_factory=MonotonicClock)

    @classmethod
    def open(
        cls, paths: ServePaths, store: Store, settings: Settings, keys: Keys
    ) -> "RouteContext":
        """Open the artifacts and start the threads.

        Raises:
            DataError: An artifact cannot be opened, or an experiment not be used with it.
            StoreError: The file of changes cannot be read.
            UnknownName, ConfigError: The operator's code, the experiment or a variable of
                OpenTelemetry cannot be used.
            MissingExtra: Requests are to be traced, but OpenTelemetry is not installed.
        """
        metrics, extensions = Metrics(), Extensions.of(settings)
        experiment = Experiment.of(paths, extensions)
        versions = Versions(paths, metrics, extensions, check_of(experiment, paths))
        return cls(
            versions=versions,
            store=store,
            settings=settings,
            keys=keys,
            metrics=metrics,
            lists=ListMaker(versions, rerankers=extensions.rerankers),
            insight=Insight(paths, metrics),
            threads=Threads.start(settings),
            rate=RateLimit(settings.rate),
            experiment=RunningExperiment.open(experiment, paths, metrics),
            tracing=start_tracing(settings),
        )

    @cached_property
    def answering(self) -> Answering:
        """Answers requests for lists."""
        newest = self.settings.history
        return Answering(self.lists, self.store, self.threads, self.metrics, newest=newest)

    @cached_property
    def variant_answering(self) -> VariantAnswering | None:
        """Answers requests for lists while an experiment runs; None without an experiment."""
        if self.experiment is None:
            return None
        return VariantAnswering(self.answering, self.experiment, self.clock)

    @cached_property
    def readiness(self) -> Readiness:
        """Checks whether requests can be answered."""
        return Readiness(self.versions, self.store, self.threads)

    def requires(self, scope: Scope) -> Callable[[Request], Awaitable[None]]:
        """Return the dependency that checks the key, the rate and the query of a request."""

        async def check(request: Request) -> None:
            key = check_scope(self.keys, request.headers, scope)
            if scope != "read":  # the log of changes has its id
                request.state.key = key
            self.rate.check(key or (request.client.host if request.client else ""))
            check_query(request)

        return check

    def route(
        self, scope: Scope, response: type[Any] | UnionType | None, **more: Any
    ) -> dict[str, Any]:
        """Return the keyword arguments that declare a route of this scope and response.

        Without a response class, the route declares its response in ``more``.
        """
        return {
            "dependencies": [Depends(self.requires(scope))],
            "response_model": response,
            "responses": error_responses(),
            "openapi_extra": {"security": [{"bearer": []}]},
        } | more

    def measure(self) -> None:
        """Set the gauges of this process."""
        self.metrics.measure(
            waiting=self.threads.pending + self.answering.pending,
            age=self.versions.age(),
            index_age=self.versions.index_age(),
        )

    async def measure_regularly(self) -> None:
        """Set the gauges every ``MEASURED`` seconds, because another worker may be asked for them.

        Its answer then has gauges of this process that are at most that old.
        """
        while True:
            self.measure()
            await asyncio.sleep(MEASURED)

    def close(self) -> None:
        """Stop the threads, close the store and write the last exposures."""
        self.threads.close()
        if self.experiment:
            self.experiment.log.close()
        self.store.close()
        if self.tracing:
            self.tracing.close()


def start_tracing(settings: Settings) -> "Tracing | None":
    """Start to trace requests, if a setting turns it on; otherwise nothing is imported.

    Raises:
        MissingExtra: OpenTelemetry is not installed.
        ConfigError: It refuses a value of the environment.
    """
    if not settings.tracing:
        return None
    try:
        from prismrec.service.tracing import Tracing
    except ImportError as error:
        raise MissingExtra.for_("tracing", "tracing") from error
    return Tracing.start()
