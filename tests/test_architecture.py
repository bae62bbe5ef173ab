"""The house rules that a machine can check: who imports whom, how long things are, what is said."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "src" / "prismrec"
FILES = {path.relative_to(ROOT): ast.parse(path.read_text()) for path in ROOT.rglob("*.py")}

# Lower may not import higher; parts of one floor do not import one another.
FLOORS = [
    {"errors", "types", "answer"},
    {"clustering", "folders", "manifest", "resolve", "threads"},
    {"data", "extractors", "readouts", "negatives", "losses", "partition"}
    | {"item_table", "regularizers", "metrics", "rerank", "index", "merge", "stores", "tensors"},
    {"model", "evaluation", "baselines", "filters", "dial", "retrieval", "projection"},
    {"compare", "cooccurrence", "training", "listing", "new_items"},
    {"channel"},
    {"explanation"},
    {"recommender"},
    {"artifact", "diagnostics", "batch"},
    {"report", "tuning"},
    {"recipes"},
    {"service"},
    {"cli"},
]
FLOOR = {part: number for number, parts in enumerate(FLOORS) for part in parts}
# Lists can be saved, measured and compared, logs be read and commands be asked for without torch.
WITHOUT_TORCH = ["data", "metrics", "rerank", "stores", "evaluation", "compare", "baselines"]


def part_of(file):
    return file.with_suffix("").parts[0]


def imports(tree):
    """Yield the line and the dotted name of every import of this package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "prismrec":
            yield from ((node.lineno, f"prismrec.{a.name}") for a in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("prismrec."):
            yield node.lineno, node.module
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, a.name) for a in node.names if a.name.startswith("prismrec."))


def module_of(file):
    parts = file.with_suffix("").parts
    return ".".join(("prismrec", *(parts[:-1] if parts[-1] == "__init__" else parts)))


@pytest.mark.parametrize("file", FILES, ids=str)
def test_imports_go_down(file):
    here = part_of(file)
    if here in ("__init__", "__main__"):
        return
    for line, module in imports(FILES[file]):
        there = module.split(".")[1]
        if there != here:
            assert FLOOR[there] < FLOOR[here], f"{file}:{line} may not import prismrec.{there}"


def test_there_are_no_import_cycles():
    names = {module_of(file) for file in FILES}
    graph = {}
    for file, tree in FILES.items():
        # A package's own table may import its variants; they import their base directly.
        found = {m for _, m in imports(tree) if m in names}
        graph[module_of(file)] = found - {module_of(file)}
    done = set()

    def visit(module, path):
        assert module not in path, " imports ".join([*path[path.index(module) :], module])
        if module not in done:
            for other in graph[module]:
                visit(other, [*path, module])
            done.add(module)

    for module in graph:
        visit(module, [])


@pytest.mark.parametrize("file", FILES, ids=str)
def test_stays_small(file):
    lines = len((ROOT / file).read_text().splitlines())
    assert lines <= 400, f"{file} has {lines} lines; split it along its sections"
    for node in ast.walk(FILES[file]):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = node.end_lineno - node.lineno + 1
            assert length <= 60, f"{file}: {node.name} has {length} lines"
            arguments = len([*node.args.args, *node.args.kwonlyargs])
            limit = 9 if node.name == "__init__" else 8
            assert arguments <= limit, f"{file}: {node.name} takes {arguments} arguments"


@pytest.mark.parametrize("file", FILES, ids=str)
def test_every_module_says_what_it_is_for(file):
    assert ast.get_docstring(FILES[file]), f"{file} has no docstring"


@pytest.mark.parametrize("file", FILES, ids=str)
def test_only_the_top_floor_prints_and_reads_the_environment(file):
    if part_of(file) in ("cli", "service"):
        return
    for node in ast.walk(FILES[file]):
        called = node.func if isinstance(node, ast.Call) else None
        assert not (isinstance(called, ast.Name) and called.id == "print"), f"{file}:{node.lineno}"
        if isinstance(node, ast.Attribute):
            where = f"{file}:{node.lineno} reads the environment"
            assert not (node.attr in ("environ", "getenv") and node.value.id == "os"), where


@pytest.mark.parametrize("file", FILES, ids=str)
def test_nothing_is_pickled_or_evaluated(file):
    for node in ast.walk(FILES[file]):
        if isinstance(node, ast.Import):
            assert not {"pickle", "marshal", "shelve"} & {a.name for a in node.names}, file
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("eval", "exec"), f"{file}:{node.lineno}"


@pytest.mark.slow
@pytest.mark.parametrize("part", [*WITHOUT_TORCH, "cli"])
def test_needs_no_torch(part):
    names = sorted(module_of(file) for file in FILES if part_of(file) == part)
    names = ["prismrec.cli"] if part == "cli" else names  # its commands need what they need
    code = "import importlib, sys\nfor name in sys.argv[1:]:\n    importlib.import_module(name)\n"
    code += "    assert 'torch' not in sys.modules, name"
    line = [sys.executable, "-c", code, *names]
    run = subprocess.run(line, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
