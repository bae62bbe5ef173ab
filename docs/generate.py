"""Write docs/commands.md: the help of every command, as it is today.

A test holds the file to what this writes.
"""

import io
from pathlib import Path

from rich.console import Console

from prismrec.cli import COMMANDS, make_app

TARGET = Path(__file__).with_name("commands.md")


def commands() -> str:
    """Give the page."""
    pages = ["# Commands", "", "Written by `make docs`.", ""]
    for name in COMMANDS:
        text = io.StringIO()
        console = Console(file=text, width=80, force_terminal=False, color_system=None)
        make_app()([name, "--help"], console=console)
        lines = [line.rstrip() for line in text.getvalue().strip().splitlines()]
        pages += [f"## prismrec {name}", "", "```", *lines, "```", ""]
    return "\n".join(pages)


if __name__ == "__main__":
    TARGET.write_text(commands(), encoding="utf-8")
