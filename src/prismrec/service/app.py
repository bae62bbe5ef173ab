"""The service as one ASGI application."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Scope

from prismrec._version import __version__
from prismrec.errors import DataError, PrismrecError
from prismrec.io import set_threads
from prismrec.service.auth import check_scope
from prismrec.service.context import RouteContext
from prismrec.service.errors import INTERNAL, ApiError
from prismrec.service.logging import log_as_json
from prismrec.service.middleware import App, Limits
from prismrec.service.openapi import openapi_document, operation_id
from prismrec.service.routes import make_routes, not_found
from prismrec.service.settings import Keys, ServePaths, Settings, check_exposure, store_address
from prismrec.service.stores import open_store
from prismrec.service.versions import Versions

log = logging.getLogger("prismrec.service")
PAGE = Path(__file__).parent / "page"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
SWITCH = 5e-4
"""Seconds after which a computing thread lets the event loop go on; 5 ms were seen in answers."""
ENVIRONMENT = "PRISMREC_SERVE"
"""Where a worker process finds what it is to serve: JSON, nothing secret."""


def create_app(context: RouteContext) -> App:
    """Return the application of a service.

    Args:
        context: Its parts; closed with the application.
    """
    settings, keys = context.settings, context.keys

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with _reloading_on_hangup(context.versions):
            yield
        context.close()

    app = FastAPI(
        title="Prismrec",
        version=__version__,
        description="Multi-interest recommendations that say why.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        generate_unique_id_function=operation_id,
        lifespan=lifespan,
    )
    app.include_router(make_routes(context))
    _say_errors(app)

    async def may_read(request: Request) -> None:
        check_scope(keys, request.headers, "read")

    @app.get("/openapi.json", dependencies=[Depends(may_read)], include_in_schema=False)
    async def openapi() -> Response:
        return Response(orjson.dumps(openapi_document(app)), media_type="application/json")

    # The page answers what no route does; below /v1 nothing is ever a file of it.
    app.add_route("/v1/{rest:path}", _nothing, METHODS, include_in_schema=False)
    if settings.page_for(keys) and (PAGE / "index.html").is_file():
        app.mount("/", Page(directory=PAGE, html=True), name="page")
    if settings.cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=[origin.strip() for origin in settings.cors.split(",")],
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type"],
        )
    return Limits(app, settings=settings, on_answer=context.metrics.answered)


class Page(StaticFiles):
    """The page's files: those with a hash in their name may be kept, the first one never.

    A browser that kept it would ask a newer service for files that are no more.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        """See ``StaticFiles.get_response``."""
        answer = await super().get_response(path, scope)
        kept = "public, max-age=31536000, immutable" if "-" in path else "no-cache"
        answer.headers["Cache-Control"] = kept
        return answer


async def _nothing(request: Request) -> Response:
    """Say that there is no such address, or that it takes another method."""
    partly = (route.matches(request.scope)[0] for route in request.app.routes)
    if Match.PARTIAL in partly:
        raise HTTPException(405)
    raise not_found()


def _say_errors(app: FastAPI) -> None:
    """Give every error its one shape."""
    turned: dict[type[Exception], Callable[[Request, Any], ApiError]] = {
        ApiError: lambda _, error: error,
        PrismrecError: _of_package,
        RequestValidationError: lambda _, error: _invalid(error),
        HTTPException: lambda _, error: _of_framework(error),
        Exception: lambda *_: ApiError("internal", INTERNAL),
    }
    for kind, turn in turned.items():
        app.add_exception_handler(kind, _saying(turn))


def _saying(
    turned: Callable[[Request, Any], ApiError],
) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def say(request: Request, error: Exception) -> Response:
        found = turned(request, error)
        body = orjson.dumps(found.content(request.state.request_id))
        return Response(body, found.status, dict(found.headers), "application/json")

    return say


def _of_package(request: Request, error: PrismrecError) -> ApiError:
    """Say a deliberate error of the package; what it may not tell everyone goes to the log."""
    told = {"request_id": request.state.request_id, "reason": str(error)}
    found = ApiError.from_package(error)
    if request.url.path == "/v1/admin/reload" and isinstance(error, DataError):
        found = ApiError("artifact_refused", "The artifact was refused; the log says why.")
    if found.status not in (404, 422):
        log.warning("refused", extra={"told": told})
    return found


def _of_framework(error: HTTPException) -> ApiError:
    if error.status_code == 405:
        return ApiError("method_not_allowed", "This address takes another method.")
    if error.status_code == 404:
        return not_found()
    return ApiError("malformed", "The request could not be read.")


def _invalid(error: RequestValidationError) -> ApiError:
    """Say the first thing that is wrong with a request, without repeating what was sent."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return ApiError("malformed", "The body is not JSON; send one JSON object.")
    place = ".".join(str(part) for part in first["loc"][1:]) or "the body"
    message = str(first["msg"]).removeprefix("Value error, ")
    return ApiError("invalid_request", f"{place}: {message[0].lower()}{message[1:]}.")


@contextlib.contextmanager
def _reloading_on_hangup(versions: Versions) -> Iterator[None]:
    """Reload on SIGHUP while this lasts."""
    loop = asyncio.get_running_loop()
    running: set[asyncio.Future[Any]] = set()

    def reload() -> None:
        future = loop.run_in_executor(None, _try_reload, versions)
        running.add(future)
        future.add_done_callback(running.discard)

    try:
        loop.add_signal_handler(signal.SIGHUP, reload)
    except (RuntimeError, ValueError, NotImplementedError):  # not the main thread, or no signals
        yield
        return
    yield
    loop.remove_signal_handler(signal.SIGHUP)


def _try_reload(versions: Versions) -> None:
    try:
        log.info("reloaded", extra={"told": vars(versions.reload())})
    except PrismrecError as error:
        log.error("reload refused", extra={"told": {"reason": str(error)}})


def write_environment(places: ServePaths, settings: Settings) -> None:
    """Leave for worker processes what they are to serve."""
    told = {"places": asdict(places), "settings": asdict(settings)}
    os.environ[ENVIRONMENT] = json.dumps(told, default=str)


def from_environment() -> App:
    """Make the application that ``write_environment`` told of: what uvicorn calls in a worker.

    Raises:
        PrismrecError: It cannot be served.
    """
    told = json.loads(os.environ[ENVIRONMENT])
    places = {name: Path(value) if value else None for name, value in told["places"].items()}
    settings, keys = Settings(**told["settings"]), Keys.from_environment()
    check_exposure(settings, keys)
    log_as_json()
    set_threads(settings.threads)
    sys.setswitchinterval(SWITCH)
    store = open_store(store_address(settings))
    log.info("events are kept", extra={"told": {"promise": store.promise}})
    paths = ServePaths(**places)  # type: ignore[arg-type]
    return create_app(RouteContext.open(paths, store, settings, keys))
