"""Run mypy on the scripts of users, with the settings and a copy of the cache of `make lint`."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".mypy_cache"


def run_mypy(folder, *arguments):
    """Run ``mypy --strict`` in a folder; return what it printed and its exit status.

    To check torch and the other libraries takes 15 seconds if the cache does not have them.
    """
    if CACHE.is_dir():
        shutil.copytree(CACHE, folder / "cache")
    settings = ["--config-file", ROOT / "pyproject.toml", "--cache-dir", "cache"]
    command = [sys.executable, "-m", "mypy", "--strict", *settings]
    return subprocess.run(
        [*command, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
