"""The routes: what goes in, who may, which method answers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel

from prismrec.service import schemas as s
from prismrec.service.auth import check_scope
from prismrec.service.errors import STATUS, ApiError
from prismrec.service.microbatch import Batcher
from prismrec.service.middleware import Rates
from prismrec.service.service import Service
from prismrec.service.settings import Keys, Scope
from prismrec.service.thread_pool import Workers

IdPath = Annotated[s.Id, Path()]
TextQuery = Annotated[str, Query(max_length=200)]


def declared(kinds: str) -> dict[str, Any]:
    """Declare an answer that is an error, by reference: a model for each would cost the start."""
    schema = {"$ref": "#/components/schemas/ErrorOut"}
    return {"description": kinds, "content": {"application/json": {"schema": schema}}}


ERRORS: dict[int | str, dict[str, Any]] = {
    status: declared(", ".join(sorted(kinds)))
    for status in sorted(set(STATUS.values()) - {409})
    for kinds in [{kind for kind, own in STATUS.items() if own == status}]
}


def reply(content: dict[str, Any]) -> Response:
    """Answer without validating once more what this package made."""
    return Response(orjson.dumps(content), media_type="application/json")


@dataclass(frozen=True)
class Desk:
    """What every route works with."""

    service: Service
    workers: Workers
    """Threads for answers."""
    writers: Workers
    """Threads for events and changes: a burst of questions does not hold them up."""
    keys: Keys
    rates: Rates

    @cached_property
    def batcher(self) -> Batcher[s.RecommendRequest, dict[str, Any]]:
        """What computes lists together."""
        return Batcher(self.service.recommend_group, self.workers)

    def needs(self, scope: Scope) -> Callable[[Request], Awaitable[None]]:
        """Give the check of a route's scope and rate."""

        async def check(request: Request) -> None:
            key = check_scope(self.keys, request.headers, scope)
            self.rates.check(key or (request.client.host if request.client else ""))

        return check

    def may(self, scope: Scope, model: type[BaseModel]) -> dict[str, Any]:
        """Give what a route of this scope and answer is declared with."""
        return {
            "dependencies": [Depends(self.needs(scope))],
            "response_model": model,
            "responses": ERRORS,
        }


def make_routes(desk: Desk) -> APIRouter:
    """Give all routes."""
    routes = APIRouter()
    for add in (_lists, _users, _items, _artifact, _watching):
        add(routes, desk)
    return routes


def _lists(routes: APIRouter, desk: Desk) -> None:
    """Lists."""
    service, workers = desk.service, desk.workers
    batcher = desk.batcher

    @routes.post("/v1/recommend", **desk.may("read", s.AnswerOut))
    async def recommend(asked: s.RecommendRequest) -> Response:
        """Give a list to a user or a history."""
        return reply(await batcher.run(asked))

    @routes.post("/v1/recommend/batch", **desk.may("read", s.AnswersOut))
    async def recommend_batch(asked: s.BatchRequest) -> Response:
        """Give lists to several."""
        return reply(await workers.run(service.recommend_many, asked.requests))


def _users(routes: APIRouter, desk: Desk) -> None:
    """Events and users."""
    service, workers, writers = desk.service, desk.workers, desk.writers

    @routes.post("/v1/events", **desk.may("write", s.StoredOut))
    async def record(asked: s.EventsRequest) -> Response:
        """Store events; they are safe when this answers."""
        return reply(await writers.run(service.record, asked.events))

    @routes.get("/v1/users/{user:path}/history", **desk.may("read", s.HistoryOut))
    async def history(user: IdPath, n: Annotated[int, Query(ge=1, le=10_000)] = 50) -> Response:
        """Give a user's newest events, newest last."""
        return reply(await workers.run(service.history, user, n))

    @routes.get("/v1/users/{user:path}/interests", **desk.may("read", s.InterestsOut))
    async def interests(user: IdPath) -> Response:
        """Give a user's interests."""
        return reply(await workers.run(service.interests, user))

    @routes.delete("/v1/users/{user:path}", **desk.may("write", s.ForgottenOut))
    async def forget(user: IdPath) -> Response:
        """Erase everything of a user."""
        return reply({"forgotten": await writers.run(service.store.forget, user)})

    @routes.get("/v1/examples", **desk.may("read", s.ExamplesOut))
    async def examples(
        search: TextQuery = "",
        order: Literal["random", "different"] = "random",
        seed: Annotated[int, Query(ge=0, lt=2**31)] = 0,
        limit: Annotated[int, Query(ge=1, le=200)] = 20,
    ) -> Response:
        """Give users of the data set."""
        return reply(await writers.run(service.examples, search, order, seed, limit))


def _items(routes: APIRouter, desk: Desk) -> None:
    """Items."""
    service, workers, writers = desk.service, desk.workers, desk.writers

    @routes.get("/v1/items", **desk.may("read", s.DescribedItemsOut))
    async def items(
        search: TextQuery = "",
        id: Annotated[list[str], Query(max_length=500)] = [],  # noqa: A002, B006
        limit: Annotated[int, Query(ge=1, le=200)] = 20,
    ) -> Response:
        """Give items by id, or by title."""
        return reply(await workers.run(service.items, id, search, limit))

    @routes.get("/v1/items/{item:path}/similar", **desk.may("read", s.SimilarOut))
    async def similar(item: IdPath, k: Annotated[int, Query(ge=1, le=500)] = 20) -> Response:
        """Give items near another one."""
        return reply(await workers.run(service.similar, item, k))

    @routes.post("/v1/items", **desk.may("write", s.AddedOut))
    async def add(asked: s.ItemsRequest) -> Response:
        """Add items without training, or describe known ones anew."""
        return reply(await writers.run(service.add, asked.items))

    @routes.post("/v1/items/hide", **desk.may("write", s.HiddenOut))
    async def hide(asked: s.NamesRequest) -> Response:
        """Recommend these items to nobody, from the next answer on."""
        return reply(await writers.run(service.hide, asked.items, kind="hide"))

    @routes.post("/v1/items/unhide", **desk.may("write", s.HiddenOut))
    async def unhide(asked: s.NamesRequest) -> Response:
        """Recommend these items again."""
        return reply(await writers.run(service.hide, asked.items, kind="unhide"))


def _artifact(routes: APIRouter, desk: Desk) -> None:
    """What answers."""
    service, workers, writers = desk.service, desk.workers, desk.writers

    @routes.get("/v1/artifact", **desk.may("read", s.ArtifactOut))
    async def artifact() -> Response:
        """Say what answers."""
        return reply(await workers.run(service.artifact))

    @routes.get("/v1/map", **desk.may("read", s.MapOut))
    async def plane(limit: Annotated[int, Query(ge=1, le=20_000)] = 3_000) -> Response:
        """Place the most popular items on a plane."""
        return reply(await workers.run(service.map, limit))

    @routes.get("/v1/health-report", **desk.may("read", s.HealthReportOut))
    async def health_report() -> Response:
        """Say how the model and the service do."""
        return reply(await writers.run(service.health_report))

    @routes.post(
        "/v1/admin/reload",
        dependencies=[Depends(desk.needs("admin"))],
        response_model=s.ReloadedOut,
        responses={**ERRORS, 409: declared("artifact_refused")},
    )
    async def reload() -> Response:
        """Answer from the artifact that is at its place now."""
        return reply(await writers.run(service.reload))


def _watching(routes: APIRouter, desk: Desk) -> None:
    """What watches the service."""
    service, workers, writers = desk.service, desk.workers, desk.writers

    @routes.get(
        "/metrics",
        dependencies=[Depends(desk.needs("read"))],
        response_class=Response,
        responses={**ERRORS, 200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def metrics() -> Response:
        """Give Prometheus its numbers."""
        waiting = workers.pending + len(desk.batcher.waiting) + writers.pending
        age = service.age()
        text = service.metrics.text(waiting=waiting, age=age, index_age=service.index_age())
        return Response(text, media_type="text/plain; version=0.0.4")

    @routes.get("/healthz", response_model=s.StatusOut)
    async def healthz() -> Response:
        """Say that the process is alive."""
        return reply({"status": "ok", "artifact": None})

    @routes.get(
        "/readyz",
        response_model=s.StatusOut,
        # The one place with the model itself, which brings it among the document's components.
        responses={503: ERRORS[503] | {"model": s.ErrorOut}, 504: ERRORS[504]},
    )
    async def readyz() -> Response:
        """Say whether answers can be given: the store and the file of changes are there too."""
        return reply({"status": "ready", "artifact": await writers.run(service.ready)})


def not_found() -> ApiError:
    """Say that there is no such route."""
    return ApiError("not_found", "There is nothing at this address; see /openapi.json.")
