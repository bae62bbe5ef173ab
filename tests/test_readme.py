"""The documents tell the truth: the README's code runs, the commands' page is today's."""

import contextlib
import io
import re
import runpy
from pathlib import Path

import pytest

from prismrec.data.synthetic import open_world

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_code_of_the_readme_runs(tmp_path, monkeypatch):
    log, items = open_world("synthetic:many-taste?users=150&items=60&clusters=6&seed=0")
    log.frame.collect().write_csv(tmp_path / "events.csv")
    table = items.frame.with_columns(categories=items.frame["categories"].list.join("|"))
    table.write_csv(tmp_path / "items.csv")
    code = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    (tmp_path / "readme.py").write_text("\n".join(code))
    monkeypatch.chdir(tmp_path)
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        runpy.run_path("readme.py")
    assert "recall@20" in shown.getvalue()
    assert (tmp_path / "model" / "manifest.json").exists()


def test_every_link_of_the_readme_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / target).exists(), target


def test_the_page_of_commands_is_what_help_prints_today():
    page = runpy.run_path(str(ROOT / "docs" / "generate.py"))["commands"]()
    assert page == (ROOT / "docs" / "commands.md").read_text(), "run `make docs`"


def test_the_readme_names_the_two_commands():
    text = (ROOT / "README.md").read_text()
    assert "make demo" in text
    assert "make test" in text
