"""The house rules that a machine can check: who imports whom, how long things are, what is said."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "src" / "prismrec"
FILES = {path.relative_to(ROOT): ast.parse(path.read_text()) for path in ROOT.rglob("*.py")}

# Imports go down, never up, and never sideways on a tier.
TIERS = [
    {"_version", "errors"},
    {"types", "numerics"},
    {"registry"},
    {"io"},
    {"data", "models", "rerank"},
    {"retrieval"},
    {"recommend"},
    {"evaluation"},
    {"training"},
    {"service"},
    {"cli"},
]
TIER = {part: number for number, parts in enumerate(TIERS) for part in parts}
# Packages that are imported without torch: lists can be saved, measured and compared without it.
WITHOUT_TORCH = ["data", "rerank", "evaluation.metrics", "evaluation.baselines", "service.stores"]
WITHOUT_TORCH += ["evaluation.evaluate", "evaluation.compare"]


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
            assert TIER[there] < TIER[here], f"{file}:{line} may not import prismrec.{there}"


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
    assert lines <= 420, f"{file} has {lines} lines; split it along its sections"
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
    names = sorted(
        name for name in map(module_of, FILES) if f"{name}.".startswith(f"prismrec.{part}.")
    )
    names = ["prismrec.cli"] if part == "cli" else names  # its commands need what they need
    code = "import importlib, sys\nfor name in sys.argv[1:]:\n    importlib.import_module(name)\n"
    code += "    assert 'torch' not in sys.modules, name"
    line = [sys.executable, "-c", code, *names]
    run = subprocess.run(line, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
