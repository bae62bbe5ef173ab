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
IN_PYTHON = "\n\ndocs/python.md describes the fields."
"""Part of docstrings for readers of ``help``."""


def operation_id(route: APIRoute) -> str:
    """Return the operation id of a route: the name of its function."""
    return route.name


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """Return the document, with the security scheme that the routes refer to."""
    document = app.openapi()
    for schema in document["components"]["schemas"].values():
        if "description" in schema:  # the schema itself describes the fields
            schema["description"] = schema["description"].replace(IN_PYTHON, "")
    document["components"]["securitySchemes"] = {"bearer": BEARER}
    return document
