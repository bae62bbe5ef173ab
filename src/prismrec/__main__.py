"""``python -m prismrec`` and ``prismrec``: the command line."""

import sys


def main() -> None:
    """Import the command line and run it; Ctrl-C may come before it is imported."""
    try:
        from prismrec.cli import main as run_command

        run_command()
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
