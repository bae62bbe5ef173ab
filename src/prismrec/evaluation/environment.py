"""Describe the environment of a measurement: versions, commit, machine, command."""

import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import torch

from prismrec._version import __version__


def describe_environment() -> dict[str, str]:
    """Return command, commit, versions, machine and date, as text."""
    program = Path(sys.argv[0]).name
    return {
        "command": shlex.join([program, *sys.argv[1:]]),
        "commit": commit(),
        "prismrec": __version__,
        "torch": torch.__version__,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"{torch.get_num_threads()} threads"
        + (f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def commit() -> str:
    """Return the commit of the source, with "+" if files were changed; "" if installed."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        run = subprocess.run(  # noqa: S603 -- fixed arguments
            ["git", "-C", str(here), *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
        return run.stdout.strip() if run.returncode == 0 else ""

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", str(here))
        revision = git("rev-parse", "--short", "HEAD")
    except OSError:  # no git on this machine
        return ""
    return revision + ("+" if revision and changed else "")
