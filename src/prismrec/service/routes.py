"""The routes: request and response types, the scope of each, and the function that answers."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from prismrec.service import items as item_pages
from prismrec.service import page_responses as page
from prismrec.service import responses as out
from prismrec.service import schemas as s
from prismrec.service import users as user_pages
from prismrec.service.catalog_map import catalog_map as make_map
from prismrec.service.change_routes import IdPath, add_changes, add_erasure, add_reload
from prismrec.service.checked_route import CheckedRoute
from prismrec.service.context import RouteContext
from prismrec.service.errors import error_responses
from prismrec.service.event_rules import EventRules
from prismrec.service.list_routes import add_lists
from prismrec.service.lists import with_positions
from prismrec.service.loaded_artifact import describe_both
from prismrec.service.start import Starter, StartQuery
from prismrec.service.strict import TEXT

TextQuery = Annotated[str, Query(max_length=200)]


def make_routes(context: RouteContext) -> APIRouter:
    """Return all routes."""
    routes = APIRouter(route_class=CheckedRoute)
    for add in (
        add_lists,
        _start,
        _events,
        _users,
        add_erasure,
        _items,
        add_changes,
        _artifact,
        add_reload,
        _monitoring,
    ):
        add(routes, context)
    return routes


def _start(routes: APIRouter, context: RouteContext) -> None:
    answering, reports = context.answering, context.threads.reports
    starter = Starter(context.versions, context.insight)

    async def stored_history(query: StartQuery) -> user_pages.StoredUser:
        """Return what is stored of the user, if it is not an example user."""
        if query.user is None or query.history is not None:
            return user_pages.StoredUser()
        if await reports.run(starter.is_example, query.user):
            return user_pages.StoredUser()
        return await context.threads.reads.run(
            user_pages.stored_user, context.store, query.user, context.settings.history
        )

    @routes.get("/v1/start", **context.route("read", page.Start))
    async def start(query: Annotated[StartQuery, Query()]) -> Response:
        """Return what the page needs before its first list, with the list."""
        stored = await stored_history(query)
        prepared = await reports.run(starter.prepare, query, stored)
        answer = await answering.answer(prepared.request)
        if answer.artifact not in prepared.artifacts:  # the artifact was reloaded in between
            prepared = await reports.run(starter.prepare, query, stored)
        reports.submit(starter.prepare_next)  # nobody waits for it
        return out.reply(prepared.finish(answer))


def _events(routes: APIRouter, context: RouteContext) -> None:
    store, writes = context.store, context.threads.writes

    def rules() -> EventRules:
        return context.versions.current().event_rules

    @routes.post("/v1/events", **context.route("write", out.StoredEvents | out.StoredFeedback))
    async def store_events(body: s.EventsRequest) -> Response:
        """Store events. They are as durable as the store promises when the response arrives."""
        arrived = context.clock.now()
        stored = await writes.run(user_pages.store_events, store, body.events, arrived, rules)
        context.metrics.count_events(stored)
        return out.reply(stored)


def _users(routes: APIRouter, context: RouteContext) -> None:
    store, threads, versions = context.store, context.threads, context.versions

    @routes.get("/v1/users/{user:id}/history", **context.route("read", out.History))
    async def history(
        user: IdPath, n: Annotated[int, Query(ge=1, le=10_000, strict=True), TEXT] = 50
    ) -> Response:
        """Return the newest events of a user, newest last."""
        stored = await threads.reads.run(store.recent, user, n)

        def describe() -> out.History:
            return user_pages.describe_events(versions.current(), user, stored)

        return out.reply(await threads.catalog.run(describe))

    @routes.get("/v1/users/{user:id}/interests", **context.route("read", out.UserInterests))
    async def interests(user: IdPath) -> Response:
        """Return the interests that follow from the stored events of a user."""
        stored = await context.answering.stored.run(user)

        def describe() -> out.UserInterests:
            served = versions.current()
            described = served.recommender.interests(stored.history)
            return out.UserInterests(user, served.name, list(with_positions(served, described)))

        return out.reply(await threads.answers.run(describe))

    @routes.get("/v1/examples", **context.route("read", out.Examples))
    async def examples(
        search: TextQuery = "",
        order: Literal["random", "different"] = "random",
        seed: Annotated[int, Query(ge=0, lt=2**31, strict=True), TEXT] = 0,
        limit: Annotated[int, Query(ge=1, le=200, strict=True), TEXT] = 20,
    ) -> Response:
        """Return users of the data set as examples."""

        def read() -> out.Examples:
            return context.insight.examples(versions.current(), search, order, seed, limit)

        return out.reply(await threads.reports.run(read))


def _items(routes: APIRouter, context: RouteContext) -> None:
    versions, threads = context.versions, context.threads
    images = frozenset(context.settings.image_hosts)

    @routes.get("/v1/items", **context.route("read", out.CatalogItems))
    async def find_items(
        http: Request,
        search: TextQuery = "",
        id: Annotated[list[str], Query(max_length=500)] = [],  # noqa: B006
        limit: Annotated[int, Query(ge=1, le=200, strict=True), TEXT] = 20,
    ) -> Response:
        """Return items by id, or search them by title."""
        item_pages.check_question(http.query_params.keys(), id, limit)

        def read() -> out.CatalogItems:
            return item_pages.find_items(versions.current(), id, search, limit, images)

        return out.reply(await threads.catalog.run(read))

    @routes.get("/v1/items/{item:id}/similar", **context.route("read", out.SimilarItems))
    async def similar_items(
        item: IdPath, k: Annotated[int, Query(ge=1, le=500, strict=True), TEXT] = 20
    ) -> Response:
        """Return the items nearest to an item."""

        def read() -> out.SimilarItems:
            return item_pages.similar_items(versions.current(), item, k)

        return out.reply(await threads.answers.run(read))


def _artifact(routes: APIRouter, context: RouteContext) -> None:
    versions, threads = context.versions, context.threads

    @routes.get("/v1/artifact", **context.route("read", out.ServedArtifacts))
    async def artifact() -> Response:
        """Return a description of the served artifacts."""

        def read() -> out.ServedArtifacts:
            return describe_both(*versions.both())

        return out.reply(await threads.catalog.run(read))

    @routes.get("/v1/map", **context.route("read", page.CatalogMap))
    async def catalog_map(
        limit: Annotated[int, Query(ge=1, le=20_000, strict=True), TEXT] = 3_000,
        items: Annotated[list[str], Query(max_length=2_000)] = [],  # noqa: B006
    ) -> Response:
        """Return the most popular items on the map, the items asked for, and labels."""

        def read() -> page.CatalogMap:
            served = versions.current()
            return make_map(served.recommender, served.plane, served.labels, limit, items)

        return out.reply(await threads.catalog.run(read))

    @routes.get("/v1/health-report", **context.route("read", page.HealthReport))
    async def health_report() -> Response:
        """Return diagnostics, evaluation report, latency and warnings."""

        def read() -> page.HealthReport:
            return context.insight.health_report(versions.current())

        return out.reply(await threads.reports.run(read))


def _monitoring(routes: APIRouter, context: RouteContext) -> None:
    plain_text = {"content": {"text/plain": {"schema": {"type": "string"}}}}

    @routes.get(
        "/metrics",
        **context.route(
            "read",
            None,
            response_class=Response,
            responses={**error_responses(), 200: plain_text},
        ),
    )
    async def metrics() -> Response:
        """Return the metrics in the text format of Prometheus."""
        context.measure()
        return Response(context.metrics.text(), media_type="text/plain; version=0.0.4")

    errors: dict[int | str, dict[str, Any]] = error_responses()

    @routes.get("/healthz", response_model=out.Status, responses={400: errors[400]})
    async def healthz() -> Response:
        """Return that the process is alive."""
        return out.reply(out.Status("ok"))

    # Names the model itself once, so that the document has it among its components.
    unavailable = errors[503] | {"model": out.ErrorResponse}

    @routes.get(
        "/readyz",
        response_model=out.Status,
        responses={400: errors[400], 503: unavailable, 504: errors[504]},
    )
    async def readyz() -> Response:
        """Return whether requests can be answered: artifact, store and file of changes."""
        return out.reply(out.Status("ready", await context.readiness.check()))
