"""Run commands of the command line in this process, on a small data set."""

from prismrec.cli import main

WORLD = "synthetic:many-taste?users=120&items=60&clusters=6&events=12&seed=0"


def run(*arguments):
    """Run a command; return its exit code."""
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as stopped:
        return stopped.code
    return 0
