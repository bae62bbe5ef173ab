"""The command line: each command parses, calls one function and prints.

A deliberate error is one sentence on stderr and exit code 2; a bug keeps its traceback. Commands
are imported when they are called, so that ``prismrec --help`` does not wait for torch.
"""

import importlib
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import cyclopts

from prismrec._version import __version__
from prismrec.cli._errors import of_the_system, with_flags
from prismrec.errors import ConfigError, PrismrecError
from prismrec.io import is_os_error

COMMANDS = {
    "demo": "Train on MovieLens-100K and show tables, recommendations and a report.",
    "datasets": "List the named data sets, and under what terms they come.",
    "inspect": "Say what is odd about an event log, and what each filter would drop.",
    "prepare": "Make a data set folder from an event log or a named data set.",
    "train": "Train a model on a data set folder.",
    "evaluate": "Measure a trained model beside every baseline.",
    "recommend": "Recommend to one history, or to a file of histories.",
    "serve": "Serve an artifact over HTTP, with a page that shows why.",
    "doctor": "Check this installation, and an artifact or data set if one is given.",
}


def make_app(called: str | None = None) -> cyclopts.App:
    """Give the command line as a value.

    Args:
        called: The command that is about to be called: its help is all that its function's
            docstring says. The others, which are not imported, have their line of ``COMMANDS``.
    """
    app = cyclopts.App(
        name="prismrec",
        help="Multi-interest recommendations, from an event log to a list that says why.\n\n"
        "Every flag can stand in a TOML file, given as --config FILE: flag, file, default.",
        version=__version__,
        help_format="plaintext",
        exit_on_error=False,
        print_error=False,
        result_action="return_value",
    )
    for name, line in COMMANDS.items():
        text = _docstring(name) if name == called else line
        app.command(f"prismrec.cli.{name}:{name}", name=name, help=text)
    return app


def _docstring(name: str) -> str:
    """Give what a command's function says of itself, a line a paragraph."""
    command = getattr(importlib.import_module(f"prismrec.cli.{name}"), name)
    paragraphs = (command.__doc__ or "").partition("Args:\n")[0].split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs).strip()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0, 2 after a user's mistake, 130 after Ctrl-C."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    called = next((word for word in arguments if word in COMMANDS), None)
    try:
        app = make_app(called)
        _read_config_file(app, arguments)
        app(arguments)
    except cyclopts.CycloptsError as error:
        _refuse(str(error))
    except PrismrecError as error:
        _refuse(with_flags(str(error), _flags(called)))
    except KeyboardInterrupt:
        print("stopped.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # the reader (head, less) has had enough
        sys.exit(0)
    except Exception as error:
        if not is_os_error(error):
            raise
        _refuse(of_the_system(error))


def _refuse(sentence: str) -> NoReturn:
    print(f"error: {' '.join(sentence.split())}", file=sys.stderr)
    sys.exit(2)


def _flags(called: str | None) -> dict[str, str]:
    """Give the flags of a command by the names that they have in Python."""
    if called is None:
        return {}
    arguments = make_app(called)[called].assemble_argument_collection()
    flags = {name[2:].replace("-", "_"): name for each in arguments for name in each.names}
    return flags | ({"keep_events": flags["events"]} if "events" in flags else {})


def _read_config_file(app: cyclopts.App, arguments: list[str]) -> None:
    """Let ``--config FILE`` set what no flag sets: flag, then file, then default."""
    for place, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name != "--config":
            continue
        after = arguments[place + 1 : place + 2]
        if not (equals or after):
            raise ConfigError("--config was given no file; name a TOML file after it.")
        del arguments[place : place + (1 if equals else 2)]
        path = value if equals else after[0]
        if not Path(path).is_file():
            raise ConfigError(f"--config names {path!r}, which is no file; give a TOML file.")
        try:
            tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise ConfigError(
                f"--config names {path!r}, which is no TOML: {error}; write a line a setting, such "
                'as split = "by-time".'
            ) from error
        app.config = (cyclopts.config.Toml(path, must_exist=True, use_commands_as_keys=False),)
        return
