"""Error messages in the words of the command line: flags for parameters, files for error codes."""

import re
from collections.abc import Mapping, Sequence

import cyclopts

from prismrec.io import os_error_reason

NUMBERS: Mapping[object, str] = {
    int: "a whole number; write it in digits, such as 20",
    float: "a number; write decimals with a point, such as 0.2",
}
"""What options of numbers need, by their type."""


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


def describe_usage(error: cyclopts.CycloptsError) -> str:
    """Return what is missing or wrong in the words of a command line, and what to write."""
    named = error.argument
    if named is None:
        return str(error)
    if isinstance(error, cyclopts.MissingArgumentError):
        command = " ".join(error.command_chain or ["prismrec"])
        suggestion = str(error).partition(" Did you mean ")[2]
        more = f" Did you mean {suggestion}" if suggestion else ""
        if error.keyword is not None:
            return f"{error.keyword} has no value; write it after the option.{more}"
        return (
            f"{command} needs {named.name}, which was not given; add it, as described by "
            f"prismrec {command} --help.{more}"
        )
    if not isinstance(error, cyclopts.CoercionError) or error.token is None:
        return str(error)
    kind, token = NUMBERS.get(error.target_type), error.token
    is_flag = token.keyword is not None and token.keyword.startswith("-")
    name = token.keyword if is_flag else named.name  # a file of settings has names in brackets
    return str(error) if kind is None else f"{name} is {token.value!r}, but must be {kind}."


def describe_os_error(error: Exception) -> str:
    """Return which file the operating system could not read or write, and why."""
    name = getattr(error, "filename", None)
    what = f"{name} could not be read or written" if name else "The operating system refused a step"
    return f"{what}: {os_error_reason(error)}; check the path, its permissions and the free space."
