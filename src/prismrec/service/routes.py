"""The routes: what goes in, who may ask, which function answers."""

from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Path, Query, Response

from prismrec.service import items as item_pages
from prismrec.service import responses as out
from prismrec.service import schemas as s
from prismrec.service import users as user_pages
from prismrec.service.context import RouteContext
from prismrec.service.errors import ApiError, error_responses
from prismrec.service.lists import placed

IdPath = Annotated[s.Id, Path()]
TextQuery = Annotated[str, Query(max_length=200)]


def reply(content: object) -> Response:
    """Send a response dataclass without validating once more what this package made."""
    return Response(orjson.dumps(content), media_type="application/json")


def make_routes(context: RouteContext) -> APIRouter:
    """Return all routes."""
    routes = APIRouter()
    for add in (_lists, _users, _items, _artifact, _monitoring):
        add(routes, context)
    return routes


def _lists(routes: APIRouter, context: RouteContext) -> None:
    lists, workers, batcher = context.lists, context.workers, context.batcher

    @routes.post("/v1/recommend", **context.route("read", out.ServedAnswer))
    async def recommend(asked: s.RecommendRequest) -> Response:
        """Recommend items to a user or a history."""
        return reply(await batcher.run(asked))

    @routes.post("/v1/recommend/batch", **context.route("read", out.Answers))
    async def recommend_batch(asked: s.BatchRequest) -> Response:
        """Recommend items to several users or histories."""
        return reply(out.Answers(await workers.run(lists.answer_all, asked.requests)))


def _users(routes: APIRouter, context: RouteContext) -> None:
    store, workers, writers = context.store, context.workers, context.writers
    versions, newest = context.versions, context.settings.history

    @routes.post("/v1/events", **context.route("write", out.StoredEvents))
    async def store_events(asked: s.EventsRequest) -> Response:
        """Store events; they are safe when this answers."""
        arrived = context.clock.now()
        stored = await writers.run(user_pages.store_events, store, asked.events, arrived)
        context.metrics.count_events(stored)
        return reply(stored)

    @routes.get("/v1/users/{user:path}/history", **context.route("read", out.History))
    async def history(user: IdPath, n: Annotated[int, Query(ge=1, le=10_000)] = 50) -> Response:
        """Return a user's newest events, newest last."""

        def read() -> out.History:
            return user_pages.history_of(versions.current(), store, user, n)

        return reply(await workers.run(read))

    @routes.get("/v1/users/{user:path}/interests", **context.route("read", out.UserInterests))
    async def interests(user: IdPath) -> Response:
        """Return a user's interests."""

        def read() -> out.UserInterests:
            served = versions.current()
            found = user_pages.interests_of(served, store, user, newest)
            return out.UserInterests(user, served.name, list(placed(served, found)))

        return reply(await workers.run(read))

    @routes.delete("/v1/users/{user:path}", **context.route("write", out.ErasedUser))
    async def erase_user(user: IdPath) -> Response:
        """Erase everything of a user."""
        return reply(out.ErasedUser(await writers.run(store.forget, user)))

    @routes.get("/v1/examples", **context.route("read", out.Examples))
    async def examples(
        search: TextQuery = "",
        order: Literal["random", "different"] = "random",
        seed: Annotated[int, Query(ge=0, lt=2**31)] = 0,
        limit: Annotated[int, Query(ge=1, le=200)] = 20,
    ) -> Response:
        """Return users of the data set."""

        def read() -> out.Examples:
            return context.insight.examples(versions.current(), search, order, seed, limit)

        return reply(await writers.run(read))


def _items(routes: APIRouter, context: RouteContext) -> None:
    versions, workers, writers = context.versions, context.workers, context.writers

    @routes.get("/v1/items", **context.route("read", out.CatalogItems))
    async def find_items(
        search: TextQuery = "",
        id: Annotated[list[str], Query(max_length=500)] = [],  # noqa: B006
        limit: Annotated[int, Query(ge=1, le=200)] = 20,
    ) -> Response:
        """Return items by id, or by title."""

        def read() -> out.CatalogItems:
            return item_pages.find_items(versions.current(), id, search, limit)

        return reply(await workers.run(read))

    @routes.get("/v1/items/{item:path}/similar", **context.route("read", out.SimilarItems))
    async def similar_items(item: IdPath, k: Annotated[int, Query(ge=1, le=500)] = 20) -> Response:
        """Return the items nearest to another one."""

        def read() -> out.SimilarItems:
            return item_pages.similar_items(versions.current(), item, k)

        return reply(await workers.run(read))

    @routes.post("/v1/items", **context.route("write", out.AddedItems))
    async def add_items(asked: s.ItemsRequest) -> Response:
        """Add items without training, or describe known ones anew."""
        return reply(out.AddedItems(await writers.run(versions.add, asked.items)))

    @routes.post("/v1/items/hide", **context.route("write", out.HiddenItems))
    async def hide_items(asked: s.NamesRequest) -> Response:
        """Recommend these items to nobody, from the next answer on."""
        return reply(out.HiddenItems(await writers.run(versions.mark, asked.items, "hide")))

    @routes.post("/v1/items/unhide", **context.route("write", out.HiddenItems))
    async def unhide_items(asked: s.NamesRequest) -> Response:
        """Recommend these items again."""
        return reply(out.HiddenItems(await writers.run(versions.mark, asked.items, "unhide")))


def _artifact(routes: APIRouter, context: RouteContext) -> None:
    versions, workers, writers = context.versions, context.workers, context.writers

    @routes.get("/v1/artifact", **context.route("read", out.ServedArtifacts))
    async def artifact() -> Response:
        """Return what answers."""

        def read() -> out.ServedArtifacts:
            main, compared = versions.both()
            second = compared.info() if compared else None
            return out.ServedArtifacts(**vars(main.info()), compare_with=second)

        return reply(await workers.run(read))

    @routes.get("/v1/map", **context.route("read", out.CatalogMap))
    async def catalog_map(limit: Annotated[int, Query(ge=1, le=20_000)] = 3_000) -> Response:
        """Return the most popular items on a plane."""

        def read() -> out.CatalogMap:
            return item_pages.catalog_map(versions.current(), limit)

        return reply(await workers.run(read))

    @routes.get("/v1/health-report", **context.route("read", out.HealthReport))
    async def health_report() -> Response:
        """Return how the model and the service are doing."""

        def read() -> out.HealthReport:
            return context.insight.health_report(versions.current())

        return reply(await writers.run(read))

    refused = error_responses("artifact_refused")

    @routes.post(
        "/v1/admin/reload", **context.route("admin", out.ReloadedArtifact, responses=refused)
    )
    async def reload_artifact() -> Response:
        """Answer from the artifact that is at its place now."""
        return reply(await writers.run(versions.reload))


def _monitoring(routes: APIRouter, context: RouteContext) -> None:
    versions, workers, writers = context.versions, context.workers, context.writers
    text = {"content": {"text/plain": {"schema": {"type": "string"}}}}

    @routes.get(
        "/metrics",
        dependencies=[Depends(context.requires("read"))],
        response_class=Response,
        responses={**error_responses(), 200: text},
        openapi_extra={"security": [{"bearer": []}]},
    )
    async def metrics() -> Response:
        """Return the metrics in Prometheus' text format."""
        waiting = workers.pending + len(context.batcher.waiting) + writers.pending
        found = context.metrics.text(
            waiting=waiting, age=versions.age(), index_age=versions.index_age()
        )
        return Response(found, media_type="text/plain; version=0.0.4")

    @routes.get("/healthz", response_model=out.Status)
    async def healthz() -> Response:
        """Return that the process is alive."""
        return reply(out.Status("ok"))

    errors: dict[int | str, dict[str, Any]] = error_responses()
    # The one place with the model itself, which brings it among the document's components.
    unavailable = errors[503] | {"model": out.ErrorResponse}

    @routes.get(
        "/readyz", response_model=out.Status, responses={503: unavailable, 504: errors[504]}
    )
    async def readyz() -> Response:
        """Return whether answers can be given: the store and the file of changes are there too."""
        return reply(out.Status("ready", await writers.run(context.ready)))


def not_found() -> ApiError:
    """Return the error for an address that no route has."""
    return ApiError("not_found", "There is nothing at this address; see /openapi.json.")
