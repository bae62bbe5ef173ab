"""Check that the package contains the page built from web/, and that web/ passes its checks."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
WEB, SHIPPED = ROOT / "web", ROOT / "src" / "prismrec" / "service" / "page"
MOST_LINES = 300
"""Most lines of a file of web/src, except for generated types and the texts."""
WORDS = ("words.ts", "words.zh.ts")


@pytest.fixture
def npm():
    """Return a function that runs a script of web/package.json."""
    if shutil.which("npm") is None or not (WEB / "node_modules").is_dir():
        pytest.skip("Node or the page's packages are missing: run npm ci in web/")

    def run(script, *flags):
        line = ["npm", "run", "--silent", script, "--", *flags]
        done = subprocess.run(line, cwd=WEB, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    return run


def contents(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_new_build_gives_the_same_bytes(npm, tmp_path):
    npm("build", "--outDir", str(tmp_path / "page"), "--emptyOutDir")
    built, shipped = contents(tmp_path / "page"), contents(SHIPPED)
    assert built.keys() == shipped.keys(), "run make web and commit its result"
    assert built == shipped, "run make web and commit its result"


def test_types_and_components_pass_the_checks(npm):
    npm("check")


def test_the_tests_of_web_pass(npm):
    npm("test")


def sources():
    """Return the files of web/src with code."""
    return [path for path in (WEB / "src").rglob("*") if path.suffix in {".svelte", ".ts", ".css"}]


def test_every_text_is_used():
    keys = re.findall(r"^  (\w+):", (WEB / "src" / "words.ts").read_text("utf-8"), re.MULTILINE)
    files = [path for path in sources() if path.name not in WORDS]
    code = "\n".join(path.read_text("utf-8") for path in files)
    views = {"explore", "map", "compare", "diagnostics"}  # used by the name of the view
    assert set(keys) - views <= set(re.findall(r"\b(?:w|words)\.(\w+)", code))


def test_no_file_is_long():
    long = {
        path.name: lines
        for path in sources()
        if (lines := len(path.read_text("utf-8").splitlines())) > MOST_LINES
    }
    assert long.keys() <= {"api-types.ts", *WORDS}, long


def test_the_page_is_small_and_loads_nothing_from_other_hosts():
    shipped = contents(SHIPPED)
    # All views together; test_conditions.py measures what the first load takes.
    assert sum(map(len, shipped.values())) < 260_000
    page = shipped["index.html"].decode()
    assert "http" not in page.replace("http-equiv", "")
    assert "style=" not in page
    assert "<script>" not in page
