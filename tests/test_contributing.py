"""Run the recipes of CONTRIBUTING.md exactly as they are written there."""

import contextlib
import importlib.util
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import prismrec as pr
from prismrec import evaluation
from prismrec.cli import COMMANDS, main
from prismrec.data.readers.open import READERS
from test_readme import write_example_log

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()
RECIPES = {
    section.partition("\n")[0]: re.findall(r"^```(\w+) ?(\S*)\n(.*?)^```$", section, re.S | re.M)
    for section in re.split(r"^### ", TEXT.partition("## Rules")[0], flags=re.M)[1:]
}
TABLES = (COMMANDS, READERS, evaluation.BASELINES, evaluation.METRICS)


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """Return a folder with events.csv, data/ and model/, as the recipes expect it."""
    folder = tmp_path_factory.mktemp("example")
    write_example_log(folder)
    items = pr.read_items(str(folder / "items.csv"))
    dataset = pr.build_dataset(pr.read_events(str(folder / "events.csv")), items=items)
    pr.save_dataset(dataset, folder / "data", split={"name": "by-user", "options": {"seed": 0}})
    run(f"prismrec train {folder}/data --out {folder}/model --epochs 1 --no-single")
    return folder


@pytest.fixture
def restored(monkeypatch):
    """Restore the tables, the imported modules and the import path after the test."""
    for table in TABLES:
        for name, value in table.items():
            monkeypatch.setitem(table, name, value)
    before, tables = set(sys.modules), [dict(table) for table in TABLES]
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]
    for table, entries in zip(TABLES, tables, strict=True):
        for name in set(table) - set(entries):
            del table[name]


def run(line):
    """Run one command line in this process and return what it printed."""
    printed, code = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        try:
            main(shlex.split(line)[1:])
        except SystemExit as end:
            code = end.code
    assert not code, line
    return printed.getvalue()


def load_module(name, code, folder):
    """Load a file as if it were in the package."""
    path = folder / f"{name}.py"
    path.write_text(code)
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_works_as_written(recipe, example, tmp_path, monkeypatch, restored):
    for entry in example.iterdir():
        (tmp_path / entry.name).symlink_to(entry)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    names = {"pr": pr}
    for language, file, code in RECIPES[recipe]:
        if file.startswith("src/"):
            name = file.removeprefix("src/").removesuffix(".py").replace("/", ".")
            load_module(name, code, tmp_path)
        elif file:
            (tmp_path / file).write_text(code)
        elif language == "python":
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(code, recipe, "exec"), names)  # noqa: S102
        else:
            for line in code.splitlines():
                if not line.startswith("prismrec serve"):  # the server would run forever
                    assert run(line)


IN_TABLES = """
def pytest_configure():
    from last_item import fit_last_item
    from margin import hinge
    from newest import Newest
    from plain import PlainIndex
    from prismrec.evaluation import BASELINES
    from prismrec.models import EXTRACTORS, LOSSES, SAMPLERS
    from prismrec.rerank import RERANKERS
    from prismrec.retrieval.index.table import INDEXES
    from recent import square_root
    from spread import spread

    tables = [BASELINES, EXTRACTORS, INDEXES, LOSSES, RERANKERS, SAMPLERS]
    parts = [fit_last_item, Newest, PlainIndex, hinge, spread, square_root]
    for table, part in zip(tables, parts, strict=True):
        table["plain" if part is PlainIndex else "recipe"] = part  # an index has its name
"""
CONTRACTS = [
    *(f"contract/test_{n}.py" for n in ("baselines", "extractors", "indexes", "losses")),
    "contract/test_rerankers.py", "property/test_samplers.py",
]  # fmt: skip


@pytest.mark.slow
def test_the_recipes_pass_the_contract_tests(tmp_path):
    """Run the tests in a process of their own, which has the recipes in the tables."""
    for _, file, code in (block for blocks in RECIPES.values() for block in blocks):
        if file:
            (tmp_path / Path(file).name).write_text(code)
    (tmp_path / "in_tables.py").write_text(IN_TABLES)
    root = Path(__file__).parents[1]
    line = [sys.executable, "-m", "pytest", "-v", "-p", "in_tables", "-k", "recipe or plain"]
    paths = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    found = subprocess.run(
        [*line, *(f"tests/{name}" for name in CONTRACTS)], cwd=root, capture_output=True, text=True,
        check=False, env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
    )  # fmt: skip
    assert found.returncode == 0, found.stdout + found.stderr
    passed = {row.partition("::")[0] for row in found.stdout.splitlines() if " PASSED" in row}
    assert passed == {f"tests/{name}" for name in CONTRACTS}


def test_every_table_has_a_recipe():
    assert len(RECIPES) >= 9
    assert all(blocks for blocks in RECIPES.values())
