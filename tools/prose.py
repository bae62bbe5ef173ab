"""Check the words of the documents, docstrings, comments and messages: part of `make lint`.

    python tools/prose.py              # every file, one line per word
    python tools/prose.py --count      # number of words per file
    python tools/prose.py docs src/prismrec/data

The reader does not know the project and may not be a native speaker. WORDS lists expressions that
such a reader would not understand, each with a usual one. Code in backticks is not checked.
"""

import argparse
import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
WORDS = {
    r"\bdial(s|led)?\b": "diversity",
    r"\bbeside\b": "with, next to, in addition to, compared with",
    r"\btold\b": "reported, described, given",
    r"\btells?\b": "report, describe, decide",
    r"\bsays?\b": "state, describe, report",
    r"\bspeaks?\b|\bspoken\b": "a plain verb",
    r"\bdesks?\b|\btwins?\b|\bsittings?\b": "a term of the field",
    r"\bthe-line\b|\bthe product's line\b": "pipeline",
    r"\bchannels?\b": "rule retriever, retriever",
    r"\bby rule\b": "by default, chosen from the data",
    r"\bin silence\b": "silently",
    r"\bMETHODS\b|\bDESIGN\b|\bSTYLE\b|\bSTACK\b|\bCASES\b": "a document of this repository",
    r"\baimed at\b": "the measured number alone",
    r"\bstands?\b(?!-in|ard)": "is",
    r"\bstood\b": "was",
    r"\bstruck\b|\bstrik(e|es|ing)\b": "masked",
    r"\bbarred\b": "excluded",
    r"\bgone\b": "removed, missing, excluded",
    r"\buntied\b": "tie_embeddings=False",
    r"\bretire[sd]?\b": "pruned",
    r"\bill\b": "FAILED, damaged",
    r"\banew\b": "again",
    r"\bthe very\b": "the same",
    r"\bone's own\b|\bfor want of\b|\bto be had\b|\bas it can be\b": "a plain clause",
    r"\bwhoever\b": "users who, if you",
    r"\bnobody's\b|\bsomebody's\b|\bsomebody else\b": "a plain noun",
    r"\bwhat (is|was) (seen|known|given|kept|there|odd|ill|well)\b": "a noun",
    r"\bthat (is|are|was|were) there\b": "existing, present",
    r"\bat work\b": "enabled, active",
    r"\blikeness\b|\blikenesses\b": "similarity",
    r"\bhas a mind\b|\bcares? for\b|\bowes?\b|\bowed\b": "a plain verb",
    r"\b(?:one|two|three|four|\d[\d,]*|\d+\.\d+|ms|µs|bytes?|seconds|numbers?|rows?|lines?|values?|"
    r"threads?|calls?) an? "
    r"(?:user|item|row|second|line|list|head|interest|category|worker|process|request|event)\b"
    r"(?! (?:has|is|of|that|who|can|may|does|did|in|at|and|was))": "per",
    r"(?<![\w.,/*(\[-])\.\d": "a number with a digit before the point",
    r"(?<![\d.,\w])\d{1,3} \d{3}\b(?![\d.%])": "1,024",
}
RULES = [
    (re.compile(pattern, 0 if "METHODS" in pattern else re.IGNORECASE), better)
    for pattern, better in WORDS.items()
]
FOLDERS = ("src", "docs", "benchmarks", "runs", "tools", "deploy")
DOCUMENTS = ("README", "CHANGELOG", "CONTRIBUTING", "SECURITY", "THIRD_PARTY_NOTICES")
COPIES = {ROOT / "docs" / name for name in ("commands.md", "python.md")}  # of help and docstrings
SKIPPED = COPIES | {Path(__file__).resolve()}  # this list


class Finding(NamedTuple):
    """A word, its place and a better one."""

    path: Path
    line: int
    word: str
    better: str

    def __str__(self) -> str:
        place = f"{self.path.relative_to(ROOT)}:{self.line}"
        return f"{place}: {self.word.strip()!r}; better: {self.better}"


def files(places: list[Path]) -> list[Path]:
    """Return the documents and Python files below some places, sorted."""
    found = {
        path
        for place in places
        for path in ([place] if place.is_file() else place.rglob("*"))
        if path.suffix in (".md", ".py")
    }
    return sorted(found - SKIPPED)


def check(path: Path) -> Iterator[Finding]:
    """Yield what a file should not contain."""
    text = path.read_text(encoding="utf-8")
    parts = python_texts(text) if path.suffix == ".py" else document_lines(path, text)
    for line, part in parts:
        plain = re.sub(r"``.*?``|`[^`]*`", lambda m: " " * len(m[0]), part, flags=re.S)
        for pattern, better in RULES:
            for match in pattern.finditer(plain):
                yield Finding(path, line + plain[: match.start()].count("\n"), match[0], better)


def document_lines(path: Path, text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a document, without blocks of code and link targets."""
    code = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith(("```", "> ")):
            code ^= line.startswith("```")
        elif not code and not line.startswith("    "):
            shown = re.sub(r"\]\([^)]*\)", "]", line)
            if path.name == "glossary.md":  # its last column lists former names
                shown = shown.rpartition(" | ")[0] if shown.startswith("|") else shown
            yield number, shown


def python_texts(text: str) -> Iterator[tuple[int, str]]:
    """Yield docstrings, comments and strings of several words, each with its first line."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            style_sheet = "{" in node.value and ";" in node.value
            if " " in node.value and not style_sheet:
                yield node.lineno, node.value


def main() -> int:
    """Print every finding, or the number per file; return 1 if there is one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("places", nargs="*", type=Path)
    parser.add_argument("--count", action="store_true", help="number of words per file")
    arguments = parser.parse_args()
    everywhere = [ROOT / name for name in FOLDERS] + [ROOT / f"{name}.md" for name in DOCUMENTS]
    places = [place.resolve() for place in arguments.places] or everywhere
    findings = [finding for path in files(places) for finding in check(path)]
    if arguments.count:
        for path, number in Counter(finding.path for finding in findings).most_common():
            print(f"{number:4} {path.relative_to(ROOT)}")
    else:
        print(*findings, sep="\n", end="\n" if findings else "")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
