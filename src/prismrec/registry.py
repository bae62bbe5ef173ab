"""From a name to a class, and from options to its constructor: the only plugin mechanism.

extractor = build("extractor", "sa", EXTRACTORS, {"interests": 4}, dim=64, max_len=50)
extractor = build("extractor", "yourpkg.yours:Yours", EXTRACTORS, {}, dim=64, max_len=50)
"""

import difflib
import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from prismrec.errors import ConfigError, UnknownName

T = TypeVar("T")


def resolve(kind: str, name: str, table: Mapping[str, T | str]) -> T:
    """Look up ``name`` in ``table``, or import it if it reads ``module:Name``.

    Args:
        kind: What is looked up, for the error message: "extractor", "loss".
        name: A key of ``table``, or the import path of something outside it.
        table: The short names that come with this package. A value may itself be an import
            path, where it needs an optional dependency.

    Raises:
        UnknownName: Neither; the message lists the names and the nearest one.
    """
    found = table.get(name, name)
    if not isinstance(found, str):
        return found
    module, colon, attribute = found.partition(":")
    if not colon:
        raise UnknownName.among(kind, name, table)
    try:
        imported: T = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UnknownName(f"No {kind} at {found!r}: {error}. Check the import path.") from error
    return imported


def options_of(factory: Callable[..., object]) -> list[str]:
    """Name the keyword arguments that ``factory`` takes, in order."""
    parameters = inspect.signature(factory).parameters.values()
    return [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]


def build(
    kind: str, name: str, table: Mapping[str, Callable[..., T] | str],
    options: Mapping[str, Any], **given: Any,
) -> T:  # fmt: skip
    """Construct what ``name`` stands for with ``given`` and the user's ``options``.

    ``given`` holds what the caller always offers (``dim``, ``max_len``); ``options`` come from
    a user and are checked against the constructor's signature.

    Raises:
        UnknownName: No such name.
        ConfigError: An option that the constructor does not take.
    """
    factory = resolve(kind, name, table)
    known = options_of(factory)
    for option in options:
        if option not in known:
            close = difflib.get_close_matches(option, known, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise ConfigError(
                f"The {kind} {name!r} has no option {option!r}.{hint} Options: {', '.join(known)}."
            )
    try:
        return factory(**{**given, **options})
    except TypeError as error:
        raise ConfigError(f"The {kind} {name!r} refused its options: {error}.") from error
