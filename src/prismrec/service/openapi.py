"""The OpenAPI document of the service."""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": "A key with the scope read, write or admin; each scope includes those before "
    "it. A service without keys accepts requests without a key.",
}


def operation_id(route: APIRoute) -> str:
    """Return the operation id of a route: the name of its function."""
    return route.name


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """Return the document, with the security scheme that the routes refer to."""
    document = app.openapi()
    document["components"]["securitySchemes"] = {"bearer": BEARER}
    return document
