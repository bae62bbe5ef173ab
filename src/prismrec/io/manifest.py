"""Manifests: the JSON by which a folder says what it holds, read and checked before all else.

    FORM = Form(what="artifact", format="prismrec-artifact", version=3, kinds={"items": COUNT}, …)
    manifest = read(folder / "manifest.json", FORM)

Whatever the file holds, it is a manifest of the form asked for or a sentence that names the file
and the key.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from prismrec._version import __version__
from prismrec.errors import DataError

SHOWN = 60
"""Characters of a wrong value that are shown."""


class FieldKind(NamedTuple):
    """What the value of a key must be."""

    words: str
    fits: Callable[[Any], bool]


def is_whole_number(value: object, least: int, most: float = math.inf) -> bool:
    """Tell whether a value is a whole number from ``least`` to ``most``; True and False are not."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


OBJECT = FieldKind("an object", lambda value: isinstance(value, dict))
TEXT = FieldKind("a text", lambda value: isinstance(value, str))
COUNT = FieldKind("a whole number from 0 up", lambda value: is_whole_number(value, 0))


def object_with(**keys: FieldKind) -> FieldKind:
    """Give the kind of an object that holds these keys, and perhaps others."""
    words = " and ".join(f"{key} ({kind.words})" for key, kind in keys.items())
    return FieldKind(
        f"an object with {words}",
        lambda value: (
            isinstance(value, dict)
            and all(key in value and kind.fits(value[key]) for key, kind in keys.items())
        ),
    )


def optional(kind: FieldKind) -> FieldKind:
    """Give the kind of what may be absent."""
    return FieldKind(f"null or {kind.words}", lambda value: value is None or kind.fits(value))


@dataclass(frozen=True, kw_only=True)
class ManifestForm:
    """What the manifests of one kind of folder hold."""

    what: str
    """The folder's kind, for messages: "artifact"."""
    format: str
    """The value of ``format`` in it."""
    version: int | None = None
    """The value of ``version``, where the format does not say it."""
    kinds: Mapping[str, FieldKind]
    """Each key that must be there, and what it must be."""
    make: str
    """What to do where there is none: "make one with 'prismrec train'"."""
    again: str
    """What to do about a wrong one: "train again"."""


def read_manifest(path: Path, form: ManifestForm) -> dict[str, Any]:
    """Read a manifest.

    Raises:
        DataError: None there, no JSON, another format or version, or a key that is absent or of
            another kind.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            f"No {form.what} at {path.parent}: its {path.name} is missing or is not JSON "
            f"({error}); {form.make}."
        ) from error
    if not isinstance(value, dict):
        raise DataError(f"{path} holds {_shown(value)}, where an object must be; {form.again}.")
    found = value.get("format"), value.get("version")
    if found != (form.format, form.version):
        wanted = form.format + (f", version {form.version}" if form.version else "")
        raise DataError(
            f"{path} is of format {found[0]}, version {found[1]!r}, but this prismrec "
            f"({__version__}) reads {wanted}; give the folder of one, or "
            f"{form.make}."
        )
    check_fields(value, form.kinds, path, form.again)
    return value


def check_fields(
    value: Mapping[str, Any], kinds: Mapping[str, FieldKind], path: Path, again: str
) -> None:
    """Refuse an object that lacks a key, or whose value is not of the key's kind.

    Raises:
        DataError: The first of them.
    """
    for key, kind in kinds.items():
        if key not in value:
            raise DataError(f"{path} lacks {key}, {kind.words}; {again}.")
        if not kind.fits(value[key]):
            raise DataError(
                f"{path} gives {key} as {_shown(value[key])}, but it must be {kind.words}; {again}."
            )


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
