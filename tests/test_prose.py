"""Check the words of documents, docstrings, comments and messages with tools/prose.py."""

import prose
import pytest

PLACES = [prose.ROOT / name for name in prose.FOLDERS]
PLACES += [prose.ROOT / f"{name}.md" for name in prose.DOCUMENTS]


@pytest.mark.slow
def test_documents_and_code_use_only_usual_words():
    paths = list(prose.files(PLACES))
    assert len(paths) > 250
    findings = [str(finding) for path in paths for finding in prose.check(path)]
    assert not findings, "\n".join(findings)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.md", "The dial\n\nis `told` .5\n```\ntold\n```\n", ["dial", ".5"]),
        (
            "a.py",
            '"""One row a user."""\n\nx = 1  # gone\ny = "told"\n',
            ["row a user", "gone"],
        ),
        ("a.py", '"""Return `told`, and 1,024 rows that a user has."""\n', []),
        ("glossary.md", "| term | told | told |\n", ["told"]),
    ],
)
def test_unusual_words_are_found(tmp_path, name, text, words):
    path = tmp_path / name
    path.write_text(text)
    assert sorted(f.word for f in prose.check(path)) == sorted(words)
