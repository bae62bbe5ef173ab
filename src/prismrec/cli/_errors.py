"""Errors in the words of the command line: flags for parameters, files for errno."""

import re
from collections.abc import Mapping

from prismrec.io import os_error_reason


def with_flags(sentence: str, flags: Mapping[str, str]) -> str:
    """Call parameters by their flags: ``min_user_events`` is ``--min-user-events``.

    Words that are plain English (``seed is -1``) stay, unless they are given a value in Python's
    way: ``encoding="latin-1"`` is ``--encoding latin-1``. So does all that stands in quotes or in
    a path, which is the user's own.

    Args:
        sentence: What an error says.
        flags: By the parameters' names.
    """

    def flag(found: re.Match[str]) -> str:
        name, value = found.groups()
        if name not in flags or not (value or "_" in name):
            return found[0]
        return f"{flags[name]} {value}" if value else flags[name]

    return re.sub(r"""(?<![^\s(])([a-z_]+)(?:="([\w-]+)")?(?![\w'"/=])""", flag, sentence)


def of_the_system(error: Exception) -> str:
    """Say of which file the operating system refused something, and why."""
    name = getattr(error, "filename", None)
    what = f"{name} could not be read or written" if name else "The operating system refused a step"
    return f"{what}: {os_error_reason(error)}; check path, rights and the space left."
