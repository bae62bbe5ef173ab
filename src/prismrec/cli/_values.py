"""Values of options as they were written, on the command line or in a file, before their types."""

import os
from pathlib import Path
from typing import Any, get_args

from cyclopts import App, ArgumentCollection

from prismrec.errors import ConfigError


def check_values(_app: App, _commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Check that no whole number is a fraction, which the library would round; expand ``~``.

    The library calls it with every value that was given.

    Raises:
        ConfigError: A whole number has a point.
    """
    for argument in arguments:
        types = _types_in(argument.hint)
        for place, token in enumerate(argument.tokens):
            if int in types and float not in types and "." in token.value:
                raise ConfigError(
                    f"{argument.name} is {token.value}; it must be a whole number, written without "
                    "a point."
                )
            if Path in types:
                argument.tokens[place] = token.evolve(value=os.path.expanduser(token.value))


def _types_in(hint: Any) -> set[Any]:
    """Return the types in a type such as ``list[int] | None``."""
    return {hint}.union(*map(_types_in, get_args(hint)))
