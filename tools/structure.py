"""Measure the structure of the package: imports, types, forward passes, help.

    python tools/structure.py                    # a table
    python tools/structure.py --source OTHER     # static rows of another checkout

``tests/test_structure.py`` compares the measured column with the wanted one.
"""

import argparse
import ast
import functools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

SOURCE = Path(__file__).parents[1] / "src" / "prismrec"
TIERS = (
    {"_version", "errors", "types", "numerics", "registry", "io"},
    {"data", "models", "rerank"},
    {"retrieval"},
    {"recommend"},
    {"evaluation"},
    {"training"},
    {"service"},
    {"cli"},
)
PRIVATE_VERBS = ("Give", "Gives", "Tell", "Tells", "Say", "Says", "Let", "Put", "Know")
PRIVATE_STRENGTHS = {"dial", "Dial", "coef", "lambda_", "lam", "turned"}
OPTIONS = ({"k"}, {"diversity", "dial"}, {"exclude_seen", "filter_seen", "keep_seen"})
EDGES = {"cli/_options.py", "service/schemas.py"}
"""Files with classes that are parsed into ``ListOptions`` at once, from flags or JSON."""


class Row(NamedTuple):
    """A line of the table."""

    name: str
    wanted: str
    measured: Any


@functools.cache
def trees(source: Path) -> dict[str, ast.Module]:
    """Return the syntax trees of a package's files by their paths."""
    files = sorted(source.rglob("*.py"))
    return {f.relative_to(source).as_posix(): ast.parse(f.read_text("utf-8")) for f in files}


def part_of(file: str) -> str:
    """Return the top-level module or package of a file."""
    return file.removesuffix(".py").partition("/")[0]


def imported_parts(tree: ast.Module) -> Iterator[str]:
    """Yield the top-level parts of the package that a file imports from."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not node.module:
            continue
        package, _, rest = node.module.partition(".")
        if package == "prismrec":
            yield from [rest.partition(".")[0]] if rest else (a.name for a in node.names)


def imports(source: Path) -> set[tuple[str, str]]:
    """Return the pairs of different parts of which the first imports from the second."""
    pairs = {
        (part_of(f), part) for f, tree in trees(source).items() for part in imported_parts(tree)
    }
    return {(one, other) for one, other in pairs if one != other}


def upward(source: Path) -> set[tuple[str, str]]:
    """Return the imports from the same tier or a higher one, except within the lowest tier."""
    tier = {part: number for number, parts in enumerate(TIERS) for part in parts}
    known = {(a, b) for a, b in imports(source) if a in tier and b in tier}
    return {(a, b) for a, b in known if tier[b] >= tier[a] and tier[a] > 0}


def docstrings(source: Path) -> list[str]:
    """Return every docstring of a package."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = (n for tree in trees(source).values() for n in ast.walk(tree) if isinstance(n, kinds))
    return [text for text in map(ast.get_docstring, nodes) if text]


def classes(source: Path) -> Iterator[tuple[str, str, set[str]]]:
    """Yield the file, the name and the annotated fields of every class."""
    for file, tree in trees(source).items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                fields = (n.target for n in node.body if isinstance(n, ast.AnnAssign))
                yield file, node.name, {t.id for t in fields if isinstance(t, ast.Name)}


def option_types(source: Path) -> list[str]:
    """Return the classes that carry a list's options from one part of the package to another."""
    return [
        name
        for file, name, fields in classes(source)
        if file not in EDGES and all(fields & names for names in OPTIONS)
    ]


def ranked_types(source: Path) -> list[str]:
    """Return the classes that are the ranked items of a batch and nothing else."""
    return [
        name for _, name, fields in classes(source) if fields == {"items", "scores", "interest"}
    ]


def strength_names(source: Path) -> set[str]:
    """Return the private names of the diversity strength that are left in the code."""
    found: set[str] = set()
    for tree in trees(source).values():
        for node in ast.walk(tree):
            name = (
                getattr(node, "arg", None) or getattr(node, "id", None) or getattr(node, "attr", "")
            )
            found |= {name} & PRIVATE_STRENGTHS
    return found


def forward_passes() -> dict[str, int]:
    """Count the forward passes of answers of a small model, by what is asked for."""
    import torch

    from prismrec.data import build_dataset, open_world
    from prismrec.models import Model, SelfAttentive
    from prismrec.recommend import Recommender
    from prismrec.rerank import ListOptions

    torch.set_num_threads(1)
    log, items = open_world("synthetic:many-taste?users=40&items=40&clusters=8&events=8")
    dataset = build_dataset(log, items=items, min_user_events=1, min_item_events=1)
    model = Model(dataset.catalog.size, SelfAttentive(dim=8, interests=3, max_len=8))
    recommender = Recommender.exact(model, dataset.catalog)
    histories = [dataset.catalog.items.external(dataset.histories[u].tolist()) for u in range(8)]
    passes = 0

    def count(*_: object) -> None:
        nonlocal passes
        passes += 1

    model.extractor.register_forward_hook(count)
    asked = {
        "plain": {"explain": False},
        "explain": {"explain": True},
        "explain + frontier": {"explain": True, "frontier": True},
    }
    found = {}
    for name, options in asked.items():
        passes = 0
        recommender.recommend_many(histories[:1], ListOptions(), **options)
        found[name] = passes
    passes = 0
    recommender.recommend_many(histories, ListOptions(), explain=True, frontier=True)
    return found | {"eight requests, explain + frontier": passes}


def help_groups() -> list[int]:
    """Return the number of options under each heading of ``train --help``, in order."""
    import io

    from rich.console import Console

    from prismrec.cli import make_app

    text = io.StringIO()
    make_app("train")(["train", "--help"], console=Console(file=text, width=200, color_system=None))
    groups: list[int] = []
    for line in text.getvalue().splitlines():
        if line.startswith("╭"):
            groups.append(0)
        elif groups and line.startswith("│") and " --" in line[:12]:
            groups[-1] += 1
    return [size for size in groups if size]


def static_rows(source: Path) -> list[Row]:
    """Measure what can be read from a package's source."""
    texts = docstrings(source)
    verbs = sum(text.split(maxsplit=1)[0] in PRIVATE_VERBS for text in texts)
    entries = [p for p in source.iterdir() if p.suffix == ".py" or (p / "__init__.py").is_file()]
    packages = sum(entry.is_dir() for entry in entries)
    return [
        Row("packages at the top level", "<= 10", packages),
        Row("modules at the top level", "<= 7", len(entries) - packages),
        Row("tiers", "8", len(TIERS)),
        Row("imports between parts", "<= 70", len(imports(source))),
        Row("of these upward or sideways", "0", len(upward(source))),
        Row("types that carry list options", "1", len(option_types(source))),
        Row("private names of the diversity strength", "0", len(strength_names(source))),
        Row("types for ranked items of a batch", "1", len(ranked_types(source))),
        Row(f"private verbs in {len(texts):,} docstrings", "0", verbs),
    ]


def rows() -> list[Row]:
    """Measure this package."""
    passes = [Row(f"forward passes: {name}", "1", n) for name, n in forward_passes().items()]
    groups = help_groups()
    heading = Row("options under the first heading of train --help", "10", groups[0])
    return [*static_rows(SOURCE), *passes, heading]


def reached(row: Row) -> bool:
    """Return whether a row has its wanted value."""
    most = row.wanted.removeprefix("<= ")
    return bool(row.measured <= int(most) if most != row.wanted else str(row.measured) == most)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, help="src/prismrec of another checkout")
    source = parser.parse_args().source
    for row in static_rows(source) if source else rows():
        mark = "" if reached(row) else "  <- not reached"
        sys.stdout.write(f"{row.name:<52}{row.measured:>8}   {row.wanted:>6}{mark}\n")


if __name__ == "__main__":
    main()
