"""Manifests: the JSON file that describes a folder. It is checked before anything else is read.

    FORM = ManifestForm(what="index", format="prismrec-index-1", fields={"parts": COUNT}, …)
    manifest = read_manifest(folder / "index.json", FORM)

Every error is one sentence that names the file and the key.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from prismrec._version import __version__
from prismrec.errors import DataError, is_whole
from prismrec.io.files import open_regular

SHOWN = 60
"""Number of characters of a wrong value that a message shows."""


class FieldType(NamedTuple):
    """The type of the value of a key."""

    description: str
    """For messages: "a whole number, at least 0"."""
    is_valid: Callable[[Any], bool]


OBJECT = FieldType("an object", lambda value: isinstance(value, dict))
TEXT = FieldType("text", lambda value: isinstance(value, str))
COUNT = FieldType("a whole number, at least 0", lambda value: is_whole(value, 0))


def object_with(**fields: FieldType) -> FieldType:
    """Return the type of an object that has these keys; it may have others too."""
    parts = " and ".join(f"{key} ({field.description})" for key, field in fields.items())
    return FieldType(
        f"an object with {parts}",
        lambda value: (
            isinstance(value, dict)
            and all(key in value and field.is_valid(value[key]) for key, field in fields.items())
        ),
    )


def optional(field: FieldType) -> FieldType:
    """Return the type of a value that may be null."""
    return FieldType(
        f"null or {field.description}", lambda value: value is None or field.is_valid(value)
    )


@dataclass(frozen=True, kw_only=True)
class ManifestForm:
    """The content of the manifests of one kind of folder."""

    what: str
    """The kind of folder, for messages: "artifact"."""
    format: str
    """The value of the key ``format``."""
    version: int | None = None
    """The value of the key ``version``; None if ``format`` includes it."""
    fields: Mapping[str, FieldType]
    """The other required keys, and the types of their values."""
    create: str
    """What to do if there is no manifest: "make one with 'prismrec train'"."""
    repair: str
    """What to do if the manifest is wrong: "train again"."""

    @property
    def header(self) -> dict[str, Any]:
        """The first keys of a manifest: its format, and the version of this package."""
        version = {} if self.version is None else {"version": self.version}
        return {"format": self.format, **version, "prismrec": __version__}


def read_manifest(path: Path, form: ManifestForm) -> dict[str, Any]:
    """Read and check a manifest.

    Raises:
        DataError: The file is missing, is not JSON, or has another format or version; or a key is
            missing or has a value of another type.
    """
    try:
        with open_regular(path) as file:
            value = json.loads(file.read().decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            f"No {form.what} at {path.parent}: its {path.name} is missing or is not JSON "
            f"({error}); {form.create}."
        ) from error
    if not isinstance(value, dict):
        raise DataError(f"{path} contains {_shown(value)}, but must be an object; {form.repair}.")
    actual = value.get("format"), value.get("version")
    if actual != (form.format, form.version):
        expected = form.format + (f", version {form.version}" if form.version else "")
        raise DataError(
            f"{path} has format {actual[0]}, version {actual[1]!r}, but this prismrec "
            f"({__version__}) reads {expected}; give another folder, or {form.create}."
        )
    check_keys(value, form.fields, path, form.repair)
    return value


def check_keys(
    value: Mapping[str, Any], fields: Mapping[str, FieldType], path: Path, repair: str
) -> None:
    """Raise if a key is missing or has a value of another type.

    Raises:
        DataError: The message names the first such key.
    """
    for key, field in fields.items():
        if key not in value:
            raise DataError(f"{path} lacks {key} ({field.description}); {repair}.")
        if not field.is_valid(value[key]):
            raise DataError(
                f"{path} has {key} = {_shown(value[key])}, but it must be {field.description}; "
                f"{repair}."
            )


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
