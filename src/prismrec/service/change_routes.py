"""The routes that change users, items and the artifact; each change is a line in the log.

The line is written by the thread that makes the change, so it is also there if the client no longer
waits. It has the id of the key, the kind of the change and how much was changed, but no id of a
user or an item.
"""

import hashlib
import logging
from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter, Path, Request, Response

from prismrec.service import responses as out
from prismrec.service.context import RouteContext
from prismrec.service.errors import ApiError, error_responses
from prismrec.service.item_schemas import AttributesRequest, ItemsRequest, NamesRequest
from prismrec.service.schemas import Id, MergeRequest

IdPath = Annotated[Id, Path()]
T = TypeVar("T")
log = logging.getLogger("prismrec.service")


def key_id(key: str) -> str:
    """Return the id of a key in the log: the first 8 hexadecimal digits of its SHA-256.

    Nobody can compute the key from it: a key is random, and has far more bits. It is "" without a
    key.
    """
    return hashlib.sha256(key.encode()).hexdigest()[:8] if key else ""


def logged(
    http: Request, kind: str, change: Callable[[], T], count: Callable[[T], int]
) -> Callable[[], T]:
    """Return a function that makes a change and then logs it.

    Args:
        http: The request; ``state`` has its key and its id.
        kind: What is changed.
        change: Makes the change.
        count: Returns how many events or items were changed, from what ``change`` returned.
    """
    fields = {"request_id": http.state.request_id, "key": key_id(http.state.key), "kind": kind}

    def run() -> T:
        result = change()
        log.info("change", extra={"fields": {**fields, "count": count(result)}})
        return result

    return run


def add_erasure(routes: APIRouter, context: RouteContext) -> None:
    """Add the routes that erase and move the events of users."""
    store, writes = context.store, context.threads.writes

    async def change(http: Request, kind: str, work: Callable[[], int]) -> int:
        return await writes.run(logged(http, kind, work, int))

    @routes.delete("/v1/users/{user:id}", **context.route("write", out.ErasedUser))
    async def erase_user(user: IdPath, http: Request) -> Response:
        """Erase all events of a user."""
        erased = await change(http, "erase user", lambda: store.forget(user))
        return out.reply(out.ErasedUser(erased))

    @routes.delete(
        "/v1/users/{user:id}/events/{event:id}", **context.route("write", out.ErasedUser)
    )
    async def erase_event(user: IdPath, event: IdPath, http: Request) -> Response:
        """Erase one event of a user."""
        erased = await change(http, "erase event", lambda: store.forget_events(user, [event]))
        if not erased:
            raise ApiError("unknown_name", "The user has no event with this id; it may be erased.")
        return out.reply(out.ErasedUser(erased))

    @routes.post("/v1/users/{user:id}/merge", **context.route("write", out.MergedUser))
    async def merge_user(user: IdPath, body: MergeRequest, http: Request) -> Response:
        """Move all events of an anonymous user to this user."""
        moved = await change(http, "merge users", lambda: store.merge(body.anonymous, user))
        return out.reply(out.MergedUser(moved))


def add_changes(routes: APIRouter, context: RouteContext) -> None:
    """Add the routes that change items."""
    versions, changes = context.versions, context.threads.changes

    async def change(
        http: Request, kind: str, work: Callable[[], T], count: Callable[[T], int]
    ) -> T:
        return await changes.run(logged(http, kind, work, count))

    async def mark(http: Request, kind: Literal["hide", "unhide"], names: list[str]) -> Response:
        given = len(set(names))
        marked = await change(
            http, kind, lambda: versions.mark(names, kind), lambda m: given - len(m.unknown)
        )
        return out.reply(marked)

    @routes.post("/v1/items", **context.route("write", out.AddedItems))
    async def add_items(body: ItemsRequest, http: Request) -> Response:
        """Add items without training, or change the title and categories of known items."""
        items = body.items
        added = await change(http, "add", lambda: versions.add(items), int)
        return out.reply(out.AddedItems(added))

    @routes.patch("/v1/items/attributes", **context.route("write", out.UpdatedItems))
    async def update_attributes(body: AttributesRequest, http: Request) -> Response:
        """Change attributes of items: from the next answer on they apply to filters and boosts."""
        items = body.items
        updated = await change(
            http, "attributes", lambda: versions.update(items), lambda u: u.items
        )
        return out.reply(updated)

    @routes.post("/v1/items/hide", **context.route("write", out.HiddenItems))
    async def hide_items(body: NamesRequest, http: Request) -> Response:
        """Hide items: from the next answer on they are recommended to nobody."""
        return await mark(http, "hide", body.items)

    @routes.post("/v1/items/unhide", **context.route("write", out.HiddenItems))
    async def unhide_items(body: NamesRequest, http: Request) -> Response:
        """Unhide items: they may be recommended again."""
        return await mark(http, "unhide", body.items)


def add_reload(routes: APIRouter, context: RouteContext) -> None:
    """Add the route that reloads the artifact."""
    versions, changes = context.versions, context.threads.changes
    refused = error_responses("artifact_refused")

    @routes.post(
        "/v1/admin/reload", **context.route("admin", out.ReloadedArtifact, responses=refused)
    )
    async def reload_artifact(http: Request) -> Response:
        """Reload the artifact from its path."""
        return out.reply(await changes.run(logged(http, "reload", versions.reload, lambda _: 1)))
