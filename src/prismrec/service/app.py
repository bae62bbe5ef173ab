"""The ASGI application: routes, errors and the page."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from prismrec._version import __version__
from prismrec.errors import ConfigError, DataError, PrismrecError
from prismrec.io import set_threads
from prismrec.service.auth import check_scope
from prismrec.service.bodies import BodyLimits
from prismrec.service.compression import Compression
from prismrec.service.connection import ON_ANSWER
from prismrec.service.context import RouteContext
from prismrec.service.errors import INTERNAL, ApiError, not_found
from prismrec.service.garbage import exclude_loaded
from prismrec.service.hangup import pop_hangups
from prismrec.service.keys import Keys
from prismrec.service.logging import log_as_json, log_refusal
from prismrec.service.middleware import Cors, HeadAsGet, RequestFrame, error_response
from prismrec.service.openapi import openapi_document, operation_id
from prismrec.service.page_files import PAGE, SMALLEST, Page
from prismrec.service.routes import make_routes
from prismrec.service.settings import ServePaths, Settings, check_exposure, store_address
from prismrec.service.stores import LateStore, open_store, place_of
from prismrec.service.strict import fault_of
from prismrec.service.versions import Versions

log = logging.getLogger("prismrec.service")
COMPRESSION = 1
"""Level of gzip for data: level 9 takes ten times as long for a fifth fewer bytes."""
NO_TELEMETRY: Any = dict.fromkeys(("tracing", "metrics", "logs", "auto_configure"), False)
"""FastAPI's own spans have paths and errors, and so ids of users; ``tracing`` makes ours."""
SWITCH = 5e-4
"""Seconds after which a computing thread yields to the event loop; Python's default, 5 ms, slows
answers measurably."""
ENVIRONMENT = "PRISMREC_SERVE"
"""Environment variable from which a worker process reads paths and settings: JSON, no secrets."""


def create_app(context: RouteContext) -> ASGIApp:
    """Return the application of a service.

    Args:
        context: The parts of the service; closed when the application stops.
    """
    settings, keys = context.settings, context.keys

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
        gauges = asyncio.create_task(context.measure_regularly())
        with _reloading_on_hangup(context.versions):
            yield {ON_ANSWER: context.metrics.answered}
        gauges.cancel()
        context.close()

    app = FastAPI(
        title="Prismrec",
        version=__version__,
        description="Multi-interest recommendations with reasons.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        generate_unique_id_function=operation_id,
        lifespan=lifespan,
        telemetry=NO_TELEMETRY,
    )
    app.state.routes = make_routes(context)
    app.include_router(app.state.routes)
    _add_error_handlers(app)

    async def may_read(request: Request) -> None:
        check_scope(keys, request.headers, "read")

    @app.get("/openapi.json", dependencies=[Depends(may_read)], include_in_schema=False)
    async def openapi() -> Response:
        return Response(orjson.dumps(openapi_document(app)), media_type="application/json")

    # The page answers all paths without a route, but never below /v1.
    app.router.routes.append(Route("/v1/{rest:path}", _NoRoute(), include_in_schema=False))
    if settings.page_for(keys) and (PAGE / "index.html").is_file():
        app.mount("/", Page(directory=PAGE, html=True), name="page")
    app.add_middleware(BodyLimits, keys=keys, settings=settings)
    app.add_middleware(Compression, minimum_size=SMALLEST, compresslevel=COMPRESSION)
    if settings.origins:
        app.add_middleware(Cors, origins=settings.origins)
    app.add_middleware(HeadAsGet)
    answering = RequestFrame(app, settings=settings, on_answer=context.metrics.answered)
    return context.tracing.layer(answering) if context.tracing else answering


class _NoRoute:
    """Answers paths below /v1 without a route, and those with the wrong method, of any name."""

    async def __call__(self, scope: Scope, receive: Receive, _: Send) -> None:
        if _methods(Request(scope, receive)):
            raise HTTPException(405)
        raise not_found()


def _methods(request: Request) -> set[str]:
    """Return the methods of the routes of a path; none if it has no route."""
    routes = [*request.app.state.routes.routes, *request.app.routes]
    own = (
        route.methods or ()
        for route in routes
        if isinstance(route, Route) and route.matches(request.scope)[0] == Match.PARTIAL
    )
    methods = {method for each in own for method in each}
    return methods | {"HEAD"} if "GET" in methods else methods


def _add_error_handlers(app: FastAPI) -> None:
    """Convert every error to the one shape of errors."""
    convert: dict[type[Exception], Callable[[Request, Any], ApiError]] = {
        ApiError: lambda _, error: error,
        PrismrecError: _from_package,
        RequestValidationError: lambda _, error: _from_validation(error),
        HTTPException: _from_framework,
        Exception: lambda *_: ApiError("internal", INTERNAL),
    }
    for kind, to_api_error in convert.items():
        app.add_exception_handler(kind, _handler(to_api_error))


def _handler(
    to_api_error: Callable[[Request, Any], ApiError],
) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handle(request: Request, error: Exception) -> Response:
        return error_response(to_api_error(request, error), request.state.request_id)

    return handle


def _from_package(request: Request, error: PrismrecError) -> ApiError:
    """Convert an error of this package; details that callers must not see only go to the log."""
    converted = ApiError.from_package(error)
    if request.url.path == "/v1/admin/reload" and isinstance(error, DataError | ConfigError):
        message = "The artifact was refused; see the reason in the log of the service."
        converted = ApiError("artifact_refused", message)
    if converted.status not in (404, 422):
        fields = {"request_id": request.state.request_id, "reason": str(error)}
        log.warning("refused", extra={"fields": fields})
    return converted


def _from_framework(request: Request, error: HTTPException) -> ApiError:
    if error.status_code == 405:
        # The page, to which paths with the wrong method fall through, has GET and HEAD.
        methods = _methods(request) or {"GET", "HEAD"}
        message = "This path needs another HTTP method; see /openapi.json for the routes."
        return ApiError("method_not_allowed", message, {"Allow": ", ".join(sorted(methods))})
    if error.status_code == 404:
        return not_found()
    if isinstance(error.__cause__, ApiError):  # of ``read_json``
        return error.__cause__
    return ApiError("malformed", "The request could not be read; send one JSON object.")


def _from_validation(error: RequestValidationError) -> ApiError:
    """Return the first error of a request, without the values that were sent."""
    first = error.errors()[0]
    return ApiError("invalid_request", f"{fault_of(first, first['loc'][1:], 'the body')}.")


@contextlib.contextmanager
def _reloading_on_hangup(versions: Versions) -> Iterator[None]:
    """Reload on SIGHUP inside this context, and at once if it arrived during the start."""
    loop = asyncio.get_running_loop()
    running: set[asyncio.Future[Any]] = set()

    def reload() -> None:
        future = loop.run_in_executor(None, _try_reload, versions)
        running.add(future)
        future.add_done_callback(running.discard)

    try:
        loop.add_signal_handler(signal.SIGHUP, reload)
    except (RuntimeError, ValueError, NotImplementedError):  # not in the main thread
        yield
        return
    if pop_hangups():
        reload()
    yield
    loop.remove_signal_handler(signal.SIGHUP)


def _try_reload(versions: Versions) -> None:
    with log_refusal():
        log.info("reloaded", extra={"fields": vars(versions.reload())})


def write_environment(paths: ServePaths, settings: Settings) -> None:
    """Write paths and settings to the environment, from which worker processes read them."""
    values = {"paths": asdict(paths), "settings": asdict(settings)}
    os.environ[ENVIRONMENT] = json.dumps(values, default=str)


def from_environment() -> ASGIApp:
    """Return the application that ``write_environment`` describes; uvicorn calls it in each worker.

    Raises:
        PrismrecError: The service cannot be started.
    """
    values = json.loads(os.environ[ENVIRONMENT])
    named: dict[str, Any] = {name: p and Path(p) for name, p in values["paths"].items()}
    paths = ServePaths(**named)
    settings, keys = Settings(**values["settings"]), Keys.from_environment()
    check_exposure(settings, keys)
    log_as_json()
    set_threads(settings.threads)
    sys.setswitchinterval(SWITCH)
    address = store_address(settings.store)
    store = LateStore(partial(open_store, address), place_of(address))
    app = create_app(RouteContext.open(paths, store, settings, keys))
    exclude_loaded()
    return app
