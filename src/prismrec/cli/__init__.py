"""The command line: each command parses its options, calls one function and prints the result.

A deliberate error is one sentence on stderr and exit code 2; a bug keeps its traceback. Exit code 3
is the refusal of ``evaluate --gate``. A command
is imported when it is called, so that ``prismrec --help`` does not wait for torch. No command
imports another one: what commands share is in the files that begin with an underscore.

To add a command: write ``cli/yours.py`` with a function ``yours`` and add a line to ``COMMANDS``.
"""

import importlib
import os
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import cyclopts

from prismrec._version import __version__
from prismrec.cli._errors import describe_os_error, describe_unused, describe_usage, with_flags
from prismrec.cli._output import prepare_streams, print_note
from prismrec.cli._values import check_values
from prismrec.errors import ConfigError, PrismrecError, reason_of
from prismrec.io import is_os_error

__all__ = ["COMMANDS", "main", "make_app"]

COMMANDS = {
    "demo": "Train on MovieLens-100K and show tables, recommendations and a report.",
    "datasets": "List the named data sets and their terms of use.",
    "inspect": "Report problems of an event log, and what each filter would drop.",
    "prepare": "Build a data set folder from an event log or a named data set.",
    "plan": "Estimate time, memory and disk of every step from the sizes of a log.",
    "train": "Train a model on a data set folder.",
    "tune": "Search settings on validation; keep the default unless others are better.",
    "evaluate": "Compare a trained model with every baseline.",
    "recommend": "Recommend items for one history, or for a file of histories.",
    "publish": "Make an artifact the current version in a folder of versions.",
    "rollback": "Switch a folder of versions back to the version before.",
    "tables": "List tables of item vectors in PostgreSQL, and remove unused ones.",
    "add": "Add items without events to an artifact, by their vectors or categories.",
    "serve": "Serve an artifact over HTTP, with a page that explains each list.",
    "abtest": "Compare the variants of an experiment of a service.",
    "events": "Load an event log into the store of a service.",
    "doctor": "Check this installation, and artifacts and data sets if you name some.",
}
HELP = """Multi-interest recommendations: from an event log to a diverse list with reasons.

Every option can also be set in a TOML file: --config FILE. An option on the command line replaces
the value in the file.

prismrec --install-completion adds completion of commands and options to your shell.
"""
SETTINGS_OF_TORCH = {
    # Threads that wait must sleep: if they run instead, and another program uses a core, torch on
    # two threads is ten times slower than on one.
    "OMP_WAIT_POLICY": "passive",
    # Large tensors use large pages of memory where Linux allows it (madvise): the rows of a large
    # table are then found faster.
    "THP_MEM_ALLOC_ENABLE": "1",
}
"""Environment variables that are set unless the user has set them; torch reads them at import."""
COMPLETION = "Install completion for bash, zsh, fish or PowerShell, and load it at startup."


def make_app(called: str | None = None) -> cyclopts.App:
    """Build the command line.

    Args:
        called: The command that is about to run. Its help is the docstring of its function. The
            other commands are not imported, so their help is their line in ``COMMANDS``.
    """
    app = cyclopts.App(
        name="prismrec",
        help=HELP,
        version=__version__,
        group_parameters=cyclopts.Group("Options", sort_key=0),
        help_format="markdown",  # joins the lines of a docstring to the width of the terminal
        exit_on_error=False,
        print_error=False,
        suppress_keyboard_interrupt=False,  # it would exit without a word
        result_action="return_value",
        config=[check_values],
    )
    app.register_install_completion_command(help=COMPLETION)
    for number, (name, line) in enumerate(COMMANDS.items()):
        text = None if name == called else line
        app.command(f"prismrec.cli.{name}:{name}", name=name, help=text, sort_key=number)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0, 2 after a mistake, 3 if the gate refuses, 130 after Ctrl-C."""
    os.environ.update(SETTINGS_OF_TORCH | dict(os.environ))
    prepare_streams()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    called = next((word for word in arguments if word in COMMANDS), None)
    try:
        _import_command(called)
        app = make_app(called)
        _check_paths(arguments)
        _read_config_file(app, arguments)
        app(arguments)
    except cyclopts.UnusedCliTokensError as error:
        _fail(describe_unused(error.unused_tokens or [], arguments))
    except cyclopts.CycloptsError as error:
        _fail(describe_usage(error))
    except PrismrecError as error:
        _fail(with_flags(str(error), _flags(called)))
    except KeyboardInterrupt:
        print_note("Stopped.")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # the reader (head, less) closed the pipe
        sys.exit(0)
    except Exception as error:
        if not is_os_error(error):
            raise
        _fail(describe_os_error(error))


def _import_command(called: str | None) -> None:
    """Import the file of a command; exit with a sentence if memory or a library is missing."""
    try:
        if called is not None:
            importlib.import_module(f"prismrec.cli.{called}")
    except (ImportError, MemoryError) as error:
        of_prismrec = str(getattr(error, "name", None)).startswith("prismrec")
        if isinstance(error, PrismrecError) or of_prismrec:  # the latter is a bug
            raise
        _fail(
            f"prismrec {called} could not be loaded ({reason_of(error) or 'out of memory'}); free "
            "memory, or install prismrec again if a library is missing."
        )


def _fail(sentence: str) -> NoReturn:
    """Print an error as one line and exit with code 2."""
    print_note(f"error: {' '.join(sentence.split())}")
    sys.exit(2)


def _flags(called: str | None) -> dict[str, str]:
    """Return the flags of a command by the names that they have in Python."""
    if called is None:
        return {}
    arguments = make_app(called)[called].assemble_argument_collection()
    flags = {name[2:].replace("-", "_"): name for each in arguments for name in each.names}
    other = {"keep_events": "events", "user": "user_column", "item": "item_column",
             "time": "time_column"}  # fmt: skip
    return flags | {name: flags[flag] for name, flag in other.items() if flag in flags}


def _check_paths(arguments: Sequence[str]) -> None:
    """Raise ConfigError for an empty path of an output, which would be the current folder."""
    for place, argument in enumerate(arguments):
        flag, equals, value = argument.partition("=")
        if flag in ("--out", "-o", "--report", "--to"):
            given = [value] if equals else arguments[place + 1 : place + 2]
            if given == [""]:
                raise ConfigError(f"{flag} is empty; write the path of the output after it.")


def _read_config_file(app: cyclopts.App, arguments: list[str]) -> None:
    """Remove ``--config FILE`` from the arguments and use the file for options that are absent."""
    for place, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name != "--config":
            continue
        after = arguments[place + 1 : place + 2]
        if not (equals or after):
            raise ConfigError("--config has no value; write the name of a TOML file after it.")
        del arguments[place : place + (1 if equals else 2)]
        path = os.path.expanduser(value if equals else after[0])
        if not Path(path).is_file():
            raise ConfigError(f"--config names {path!r}, which is not a file; name a TOML file.")
        try:
            found = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))  # a mark may begin it
        except (ValueError, RecursionError) as error:
            raise ConfigError(
                f"--config names {path!r}, which is not valid TOML: {error}; write one setting per "
                'line, such as split = "by-time".'
            ) from error
        if table := next((name for name in found if isinstance(found[name], dict)), None):
            raise ConfigError(
                f"--config names {path!r}, which has a table [{table}]; write its settings at the "
                "top, without a table."
            )
        # By the name of the command: otherwise settings with the name of a command are left out.
        called = next((word for word in arguments if word in COMMANDS), "")
        source = str(Path(path).absolute())
        app.config = (cyclopts.config.Dict({called: found}, source=source), *app.config)
        return
