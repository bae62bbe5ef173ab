"""Error messages in the words of the command line: flags for parameters, files for error codes."""

import re
from collections.abc import Mapping, Sequence

from prismrec.io import os_error_reason


def with_flags(sentence: str, flags: Mapping[str, str]) -> str:
    """Replace the names of parameters by their flags: ``min_user_events`` by ``--min-user-events``.

    A name that is also an English word (``seed is -1``) stays, except with a value in Python's
    syntax: ``encoding="latin-1"`` becomes ``--encoding latin-1``. Text in quotes and paths stay,
    because they come from the user; so do the names after "Known:", which are values.

    Args:
        sentence: The message of an error.
        flags: Flags by the names of the parameters.
    """

    def flag(match: re.Match[str]) -> str:
        name, value = match.groups()
        if name not in flags or not (value or "_" in name):
            return match[0]
        return f"{flags[name]} {value}" if value else flags[name]

    name = r"""(?<![^\s(])([a-z_]+)(?:="([\w-]+)")?(?![\w'"/=])"""
    before, known, values = sentence.partition(" Known: ")
    return re.sub(name, flag, before) + known + values


def describe_unused(unused: Sequence[str], arguments: Sequence[str]) -> str:
    """Return what to write instead of words that no option uses.

    Args:
        unused: The words.
        arguments: The whole command line.
    """
    word = unused[0]
    before = arguments[: arguments.index(word)] if word in arguments else []
    flag = next((each for each in reversed(before) if each.startswith("--")), None)
    sentence = f"{' '.join(map(repr, unused))} is not part of an option."
    if flag is not None and "=" not in flag:
        value = before[-1] if before[-1] != flag else "VALUE"
        sentence += f" To give {flag} several values, repeat it: {flag} {value} {flag} {word}."
    return sentence


def describe_os_error(error: Exception) -> str:
    """Return which file the operating system could not read or write, and why."""
    name = getattr(error, "filename", None)
    what = f"{name} could not be read or written" if name else "The operating system refused a step"
    return f"{what}: {os_error_reason(error)}; check the path, its permissions and the free space."
