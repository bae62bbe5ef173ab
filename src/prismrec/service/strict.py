"""The base of all request bodies: an unknown field is an error, and so is another type."""

import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import to_jsonable_python

MOST_FIELDS = 50
"""Largest number of fields of an object of a request; no object has as many."""
LONGEST_QUOTE = 200
"""Largest number of characters of a field or a message in an error."""

JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
"""A number as JSON writes it; Python also reads spaces, underscores and digits of other scripts."""


class Strict(BaseModel):
    """A body without conversions: each value has exactly its type, and there is no other field."""

    model_config = ConfigDict(strict=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _not_too_many_fields(cls, value: Any) -> Any:
        """Check the number of fields: each unknown one would be an error of its own."""
        if isinstance(value, dict) and len(value) > MOST_FIELDS:
            raise ValueError(f"the object has more than {MOST_FIELDS} fields; send fewer")
        return value


def default_from(make: Callable[[], object]) -> Any:
    """Return a default that a function makes; the document of the API has it too.

    Pydantic makes a deep copy of an empty list per object, which takes ten times as long.
    """
    return Field(default_factory=make, json_schema_extra={"default": to_jsonable_python(make())})


def from_text(value: Any) -> Any:
    """Convert a number sent as text, as forms and shells do; return anything else as it is."""
    if isinstance(value, str) and JSON_NUMBER.fullmatch(value):
        for read in (int, float):
            with contextlib.suppress(ValueError):
                return read(value)
    return value


def fault_of(error: Mapping[str, Any], place: Sequence[object], whole: str) -> str:
    """Return an error of a validation as a clause, without the value that was sent.

    Args:
        error: As pydantic describes it.
        place: Names of the field and of those around it; a sender may choose long ones.
        whole: What has the error if there is no field.
    """
    field = ".".join(map(str, place)) or whole
    message = str(error["msg"]).removeprefix("Value error, ").rstrip(".")
    return f"{shortened(field)}: {message[0].lower()}{shortened(message[1:])}"


def shortened(text: str) -> str:
    """Return a text of a request for a message."""
    return text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…"


TEXT = BeforeValidator(from_text)
"""Allows a number to be sent as text. Numbers of a query, which is text, are strict and have it."""
