"""Check the structure of the package: imports, lengths, docstrings and names.

CONTRIBUTING.md describes these rules. ``tools/structure.py`` measures the same structure. A rule is
a function from a file to its violations; each rule is also tested with code that violates it.
"""

import ast
import importlib
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
# Imports of a lower tier that are not allowed: retrieval never sees a model, and re-ranking sees
# only arrays.
NEVER = {("retrieval", "models"), ("rerank", "io"), ("models", "io")}
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


def module_of(file):
    parts = file.with_suffix("").parts
    return ".".join(("prismrec", *(parts[:-1] if parts[-1] == "__init__" else parts)))


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


def functions(tree):
    return [node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)]


def classes(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]


def arguments(function):
    return [each.arg for each in [*function.args.args, *function.args.kwonlyargs]]


def methods(node, *, properties=False):
    """Return the methods of a class or module; properties only if ``properties`` is True."""
    found = [child for child in node.body if isinstance(child, FUNCTIONS)]
    names = {"property", "cached_property", "setter"}
    marks = {
        child.name: {ast.unparse(d).split(".")[-1] for d in child.decorator_list} for child in found
    }
    return [child for child in found if properties or not names & marks[child.name]]


def imports_interfaces_of_lower_tiers(file, tree):
    here = part_of(file)
    if here in ("__init__", "__main__"):
        return
    for line, module in imports(tree):
        there, *rest = module.split(".")[1:] or [""]
        if not there:
            yield f"line {line} imports the whole package from inside it"
        elif there != here and (TIER[there] >= TIER[here] or (here, there) in NEVER):
            yield f"line {line} may not import prismrec.{there}"
        elif there != here and rest:
            yield f"line {line} imports a file of prismrec.{there}, not its interface"


def is_short(file, tree):
    lines = max((getattr(node, "end_lineno", 0) for node in tree.body), default=0)
    if lines > 300:
        yield f"{lines} lines; split it by topic"
    for node in functions(tree):
        length, taken = node.end_lineno - node.lineno + 1, len(arguments(node))
        if length > 60:
            yield f"{node.name} has {length} lines"
        if taken > (9 if node.name == "__init__" else 8):
            yield f"{node.name} takes {taken} arguments"


def has_classes_of_few_methods(file, tree):
    for node in classes(tree):
        found = [m.name for m in methods(node) if not m.name.startswith("_")]
        if len(found) > 12:
            yield f"{node.name} has {len(found)} public methods: {', '.join(found)}"


def has_docstrings(file, tree):
    if not ast.get_docstring(tree):
        yield "no docstring"
    nodes = [n for n in tree.body if isinstance(n, FUNCTIONS | ast.ClassDef)]
    nodes += [m for n in nodes if isinstance(n, ast.ClassDef) for m in methods(n, properties=True)]
    for node in nodes:
        if not node.name.startswith("_") and not ast.get_docstring(node):
            yield f"{node.name} has no docstring"


def begins_docstrings_with_a_usual_verb(file, tree):
    for owner in [tree, *classes(tree)]:
        for node in methods(owner):
            first = (ast.get_docstring(node) or "Return").split()[0].rstrip(".,:")
            if first not in VERBS.split():
                yield f"{node.name} begins with {first!r}"


def has_usual_names(file, tree):
    defined = [name for node in functions(tree) for name in (node.name, *arguments(node))]
    for node in classes(tree):
        fields = [n.target for n in node.body if isinstance(n, ast.AnnAssign)]
        defined += [node.name, *(f.id for f in fields if isinstance(f, ast.Name))]
    for name in defined:
        words = set(re.findall(r"[A-Z]?[a-z]+", name))
        if name in OLD_NAMES or words & set(OLD_WORDS.split()):
            yield f"{name} has another name in the glossary"


def repeats_no_registry(file, tree):
    for node in ast.walk(tree):
        items = node.elts if isinstance(node, ast.List | ast.Tuple | ast.Set) else []
        found = {i.value for i in items if isinstance(i, ast.Constant)}
        for name, table in REGISTRIES.items():
            if len(found) > 2 and len(found) >= len(table) / 2 and found <= set(table):
                yield f"line {node.lineno} repeats keys of {name}: read the table"


def prints_only_in_service_and_cli(file, tree):
    if part_of(file) in ("cli", "service"):
        return
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Name) and called.id == "print":
            yield f"line {node.lineno} prints"
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv"):
            yield f"line {node.lineno} reads the environment"


def pickles_and_evaluates_nothing(file, tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {getattr(node, "module", None), *(a.name for a in node.names)}
            if names & {"pickle", "marshal", "shelve"}:
                yield f"line {node.lineno} imports {names}"
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Name) and called.id in ("eval", "exec"):
            yield f"line {node.lineno} calls {called.id}"


# Each rule, and code in a file of the package ``retrieval`` that violates it.
RULES = {
    imports_interfaces_of_lower_tiers: [
        "import prismrec",
        "from prismrec import models",
        "from prismrec.models import Model",
        "from prismrec.recommend import load",
        "from prismrec.data.catalog import Catalog",
    ],
    is_short: [
        "pass\n" * 301,
        "def f():\n" + "    pass\n" * 60,
        "def f(a, b, c, d, e, f, g, *, h, i): ...",
    ],
    has_classes_of_few_methods: [
        "class A:\n" + "".join(f"    def m{number}(self): ...\n" for number in range(13))
    ],
    has_docstrings: ["x = 1", '"""A."""\ndef f(): ...', '"""A."""\nclass A: ...'],
    begins_docstrings_with_a_usual_verb: ['def f():\n    """Give it."""'],
    has_usual_names: [
        "def dial(): ...",
        "def f(coef): ...",
        "class Desk: ...",
        "class A:\n    effort: int",
    ],
    repeats_no_registry: ['NAMES = ("category", "mmr", "dpp", "overlap")'],
    prints_only_in_service_and_cli: ["print(1)", "import os\nos.environ['A']"],
    pickles_and_evaluates_nothing: ["import pickle", "from pickle import loads", "eval('1')"],
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_file_follows(rule):
    problems = [f"{file}: {text}" for file, tree in FILES.items() for text in rule(file, tree)]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(
    ("rule", "code"), [(rule, code) for rule, codes in RULES.items() for code in codes]
)
def test_a_rule_finds_code_that_violates_it(rule, code):
    assert list(rule(Path("retrieval/example.py"), ast.parse(code)))


def test_the_top_level_contains_only_allowed_packages():
    found = {part_of(file) for file in FILES}
    assert found == TOP_LEVEL, f"put {sorted(found ^ TOP_LEVEL)} into one of the packages"
    assert (ROOT / "py.typed").is_file()


@pytest.mark.parametrize("name", sorted(path.parent.name for path in ROOT.glob("*/__init__.py")))
def test_a_package_declares_its_interface(name):
    text = ast.get_docstring(FILES[Path(name) / "__init__.py"])
    assert len(text.splitlines()) >= 5, "state the purpose, the limits and how to extend it"
    module = importlib.import_module(f"prismrec.{name}")
    assert module.__all__
    assert all(getattr(module, each) is not None for each in module.__all__)


def test_there_are_no_import_cycles():
    names = {module_of(file) for file in FILES}
    graph = {}
    for file, tree in FILES.items():
        # The registry of a package may import its variants; they import their base directly.
        found = {module for _, module in imports(tree) if module in names}
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


@pytest.mark.slow
@pytest.mark.parametrize("part", [*WITHOUT_TORCH, "cli"])
def test_imports_without_torch(part):
    names = sorted(
        name for name in map(module_of, FILES) if f"{name}.".startswith(f"prismrec.{part}.")
    )
    if part == "cli":  # a single command may need torch; these must start fast
        names = ["prismrec.cli", *(f"prismrec.cli.{name}" for name in ("prepare", "inspect"))]
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
