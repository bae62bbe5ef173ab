"""Check the structure of the package: imports, lengths, docstrings and names.

CONTRIBUTING.md describes these rules. ``tools/structure.py`` measures the same structure.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from structure import TIERS, trees

import prismrec as pr

ROOT = Path(__file__).parents[1] / "src" / "prismrec"
FILES = {Path(name): tree for name, tree in trees(ROOT).items()}

# A package may import only from lower tiers, not from its own tier or a higher one. The lowest
# tier is divided further.
BASE = [{"_version", "errors"}, {"types", "numerics"}, {"registry", "io"}]
TIER = {part: number for number, parts in enumerate([*BASE, *TIERS[1:]]) for part in parts}
TOP_LEVEL = {*TIER, "__init__", "__main__"}
# Packages that do not need torch: lists can be saved, measured and compared without it.
WITHOUT_TORCH = ["data", "rerank", "evaluation.metrics", "evaluation.baselines", "service.stores"]
WITHOUT_TORCH += ["evaluation.evaluate", "evaluation.compare"]
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
REGISTRIES = {
    "models.EXTRACTORS": pr.models.EXTRACTORS,
    "models.LOSSES": pr.models.LOSSES,
    "retrieval.INDEXES": pr.retrieval.INDEXES,
    "rerank.RERANKERS": pr.rerank.RERANKERS,
}
# A docstring may begin with these verbs. Add a verb if it describes what a function does.
VERBS = """
    Add Answer Append Apply Assign Average Bind Build Check Choose Clear Close Collect Combine
    Compare Compute Convert Copy Correct Count Create Cut Decode Delete Derive Describe Divide
    Download Draw Encode Erase Estimate Evaluate Export Factor Fetch Fill Find Finish Fit Flush
    Format Group Hash Hide Import Initialize Insert Join Keep Limit List Load Log Look Lower
    Make Map Mark Mask Match Measure Merge Move Name Normalize Number Open Order Pad Parse Plot
    Pool Prepare Print Prune Publish Raise Rank Read Rebuild Recommend Record Reduce Refuse
    Register Reject Release Reload Remove Rename Render Reorder Repeat Replace Report Require
    Rerank Reset Resolve Retrieve Return Route Run Sample Save Scale Score Search See Select
    Send Serve Set Shorten Show Shuffle Sort Split Start Stop Store Subtract Suggest Sum Switch
    Test Train Undo Update Validate Wait Warn Weight Wrap Write Yield
"""
# Names of earlier versions. The glossary lists the current name of each.
OLD_NAMES = {"effort", "judge", "partition", "own_lists", "directions", "open_items", "single_of"}
OLD_NAMES |= {"relevance_lost", "taken_with", "taken_after", "filter_seen", "keep_seen", "at_work"}
OLD_WORDS = """
    Dial dial coef Telling told barred gone Traits Sitting sitting Asked Wanted Wish Done Making
    Reading Measuring Desk likeness Arrivals Guarded strike struck untied Memberships
    refusals recipes settle lasting surroundings twin stands
"""


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
            names = (a.name for a in node.names)
            yield from ((node.lineno, n) for n in names if n.split(".")[0] == "prismrec")


def public(names):
    return [name for name in names if not name.startswith("_")]


def methods(node, *, properties=False):
    """Return the methods of a class; include properties only if ``properties`` is True."""
    found = [child for child in node.body if isinstance(child, FUNCTIONS)]
    names = {"property", "cached_property", "setter"}
    marks = {
        child.name: {ast.unparse(d).split(".")[-1] for d in child.decorator_list} for child in found
    }
    return [child for child in found if properties or not names & marks[child.name]]


def module_of(file):
    parts = file.with_suffix("").parts
    return ".".join(("prismrec", *(parts[:-1] if parts[-1] == "__init__" else parts)))


def test_the_top_level_contains_only_allowed_packages():
    found = {part_of(file) for file in FILES}
    assert found == TOP_LEVEL, f"put {sorted(found ^ TOP_LEVEL)} into one of the packages"
    assert (ROOT / "py.typed").is_file()


@pytest.mark.parametrize("file", FILES, ids=str)
def test_packages_import_only_interfaces_of_lower_tiers(file):
    here = part_of(file)
    if here in ("__init__", "__main__"):
        return
    for line, module in imports(FILES[file]):
        assert module != "prismrec", f"{file}:{line} imports the whole package from inside it"
        there, *rest = module.split(".")[1:]
        if there != here:
            assert TIER[there] < TIER[here], f"{file}:{line} may not import prismrec.{there}"
            assert not rest, f"{file}:{line} imports a file of prismrec.{there}, not its interface"


@pytest.mark.parametrize("package", sorted(p.parent for p in ROOT.glob("*/__init__.py")), ids=str)
def test_a_package_declares_its_interface(package):
    tree = FILES[Path(package.name) / "__init__.py"]
    text = ast.get_docstring(tree)
    assert len(text.splitlines()) >= 5, f"{package.name}: purpose, limits, how to extend it"
    module = __import__(f"prismrec.{package.name}", fromlist=["__all__"])
    assert module.__all__, package.name
    for name in module.__all__:
        assert getattr(module, name) is not None


def test_there_are_no_import_cycles():
    names = {module_of(file) for file in FILES}
    graph = {}
    for file, tree in FILES.items():
        # The registry of a package may import its variants; they import their base directly.
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
def test_files_and_functions_are_short(file):
    lines = len((ROOT / file).read_text().splitlines())
    assert lines <= 300, f"{file} has {lines} lines; split it by topic"
    for node in ast.walk(FILES[file]):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = node.end_lineno - node.lineno + 1
            assert length <= 60, f"{file}: {node.name} has {length} lines"
            arguments = len([*node.args.args, *node.args.kwonlyargs])
            limit = 9 if node.name == "__init__" else 8
            assert arguments <= limit, f"{file}: {node.name} takes {arguments} arguments"


@pytest.mark.parametrize("file", FILES, ids=str)
def test_a_class_has_at_most_twelve_public_methods(file):
    for node in ast.walk(FILES[file]):
        if isinstance(node, ast.ClassDef):
            found = public(method.name for method in methods(node))
            assert len(found) <= 12, f"{file}: {node.name} has {len(found)}: {', '.join(found)}"


@pytest.mark.parametrize("file", FILES, ids=str)
def test_every_public_name_has_a_docstring(file):
    assert ast.get_docstring(FILES[file]), f"{file} has no docstring"
    nodes = [n for n in FILES[file].body if isinstance(n, (*FUNCTIONS.__args__, ast.ClassDef))]
    nodes += [m for n in nodes if isinstance(n, ast.ClassDef) for m in methods(n, properties=True)]
    for node in nodes:
        if not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{file}: {node.name} has no docstring"


@pytest.mark.parametrize("file", FILES, ids=str)
def test_a_function_docstring_begins_with_a_usual_verb(file):
    for owner in ast.walk(FILES[file]):
        if isinstance(owner, ast.Module | ast.ClassDef):
            for node in methods(owner):
                words = (ast.get_docstring(node) or "Return").split()
                first = words[0].rstrip(".,:")
                assert first in VERBS.split(), f"{file}: {node.name} begins with {first!r}"


@pytest.mark.parametrize("file", FILES, ids=str)
def test_no_name_contains_an_old_private_word(file):
    for node in ast.walk(FILES[file]):
        if isinstance(node, FUNCTIONS):
            defined = [node.name, *(a.arg for a in [*node.args.args, *node.args.kwonlyargs])]
        elif isinstance(node, ast.ClassDef):
            fields = [n.target for n in node.body if isinstance(n, ast.AnnAssign)]
            defined = [node.name, *(f.id for f in fields if isinstance(f, ast.Name))]
        else:
            continue
        for name in defined:
            words = set(re.findall(r"[A-Z]?[a-z]+", name))
            assert name not in OLD_NAMES, f"{file}: {name} has another name in the glossary"
            assert not words & set(OLD_WORDS.split()), (
                f"{file}: {name} is not a usual word of the field"
            )


def test_no_list_repeats_the_names_of_a_registry():
    for file, tree in FILES.items():
        for node in ast.walk(tree):
            literal = isinstance(node, ast.List | ast.Tuple | ast.Set)
            items = node.elts if literal else []
            found = {i.value for i in items if isinstance(i, ast.Constant)}
            for name, table in REGISTRIES.items():
                repeats = len(found) > 2 and len(found) >= len(table) / 2 and found <= set(table)
                assert not repeats, f"{file}:{node.lineno} repeats keys of {name}: read the table"


@pytest.mark.parametrize("file", FILES, ids=str)
def test_only_service_and_cli_print_and_read_the_environment(file):
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
def test_imports_without_torch(part):
    names = sorted(
        name for name in map(module_of, FILES) if f"{name}.".startswith(f"prismrec.{part}.")
    )
    names = ["prismrec.cli"] if part == "cli" else names  # a single command may need torch
    code = "import importlib, sys\nfor name in sys.argv[1:]:\n    importlib.import_module(name)\n"
    code += "    assert 'torch' not in sys.modules, name"
    line = [sys.executable, "-c", code, *names]
    run = subprocess.run(line, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_public_names_are_listed_and_loaded_on_first_use():
    assert set(pr.__all__) <= set(dir(pr))
    assert 30 <= len(pr.__all__) <= 60
    code = "import sys, prismrec; heavy = {'torch', 'polars', 'numpy'} & set(sys.modules)"
    code += "; assert not heavy, heavy; dir(prismrec)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
