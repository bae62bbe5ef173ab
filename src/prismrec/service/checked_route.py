"""Routes that ignore no part of a request: unknown and repeated parts are errors."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from functools import cached_property
from typing import Annotated, Any, get_args, get_origin

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel

from prismrec.service.errors import ApiError
from prismrec.service.strict import shortened

API = "/v1/"
"""Beginning of the paths whose query is checked. Load balancers and scrapers add parameters to the
addresses of other paths."""


class CheckedRoute(APIRoute):
    """A route that reads its body with ``read_json``."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the function that answers a request."""
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await answer(_JsonRequest(request.scope, request.receive))

        return handle

    @cached_property
    def query(self) -> dict[str, bool]:
        """Whether each parameter of the query is a list, by name."""
        found: dict[str, Any] = {}
        for parameter in self.dependant.query_params:
            kind = parameter.field_info.annotation
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found |= {name: field.annotation for name, field in kind.model_fields.items()}
            else:
                found[parameter.name] = kind
        return {name: _is_list(kind) for name, kind in found.items()}


class _JsonRequest(Request):
    async def json(self) -> Any:
        """Return the body; FastAPI calls it."""
        return read_json(await self.body())


def check_query(request: Request) -> None:
    """Check that a query has only parameters of its route, and each one once or as a list.

    Raises:
        ApiError: It has others.
    """
    route = request.scope["route"]
    if not request.scope["query_string"] or not route.path.startswith(API):
        return
    known = route.query
    names = [name for name, _ in request.query_params.multi_items()]
    for name, number in Counter(names).items():
        shown = shortened(repr(name))
        if name not in known:
            others = f"send only {', '.join(known)}" if known else "leave it out"
            raise ApiError(
                "invalid_request",
                f"The query has the parameter {shown}, which this route does not have; {others}.",
            )
        if number > 1 and not known[name]:
            raise ApiError(
                "invalid_request",
                f"The query has the parameter {shown} more than once, but it is not a list; send "
                "it once.",
            )


def read_json(body: bytes) -> Any:
    """Return a body as Python values.

    Raises:
        ApiError: It cannot be read, or an object has a field twice.
    """
    try:
        return parse_json(body.decode("utf-8-sig"))
    except UnicodeDecodeError:
        fault = "is not UTF-8; send JSON in UTF-8"
    except json.JSONDecodeError:
        fault = "is not JSON; send one JSON object"
    except RecursionError:
        fault = "is nested too deeply; send an object with the fields of /openapi.json"
    except ValueError:  # of int()
        most = sys.get_int_max_str_digits()
        fault = f"has a number of more than {most:,} digits; send a shorter one"
    raise ApiError("malformed", f"The body {fault}.")


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object.

    Raises:
        ApiError: A field is there twice: one of its values would be lost.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, number in Counter(n for n, _ in pairs).items() if number > 1)
        raise ApiError(
            "invalid_request",
            f"An object of the request has the field {shortened(repr(twice))} more than once; send "
            "it once.",
        )
    return found


parse_json = json.JSONDecoder(object_pairs_hook=_object).decode
"""Parses a text, and raises ApiError if an object has a field twice."""


def _is_list(kind: Any) -> bool:
    """Return whether a type is a list, or allows one."""
    if get_origin(kind) is Annotated:
        return _is_list(get_args(kind)[0])
    return get_origin(kind) is list or any(map(_is_list, get_args(kind)))
