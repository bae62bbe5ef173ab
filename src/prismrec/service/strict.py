"""The base of all request bodies: an unknown field is an error, and so is another type."""

import contextlib
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import to_jsonable_python

MOST_FIELDS = 50
"""Largest number of fields of an object of a request; no object has as many."""


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
    if isinstance(value, str):
        for read in (int, float):
            with contextlib.suppress(ValueError):
                return read(value)
    return value


def is_utf8(text: str) -> bool:
    """Return whether a text can be written as UTF-8: JSON may have half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


TEXT = BeforeValidator(from_text)
"""Allows a number to be sent as text."""
