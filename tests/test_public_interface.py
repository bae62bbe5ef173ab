"""Check the public interface as the first script of a user sees it."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import prismrec as pr
from python_page import documented, resolve
from source_texts import fields, members
from typechecking import run_mypy

SCRIPT = """\
import prismrec as pr

data = pr.build_dataset(pr.read_events("events.csv"), items=pr.read_items("items.csv"))
split = pr.split_by_user(data)
trained = pr.fit(split, data.catalog)
print(pr.evaluate(trained.recommender.ranked, split.test))
answer = trained.recommender.recommend(["B00A", "B00B"], k=20, diversity=0.2)
for item in answer:
    print(item.title, item.score + 1.0, [reason.title for reason in item.because])
print(answer.to_frame().height, [interest.name for interest in answer.interests])
"""


def run(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, cwd=cwd
    )


@pytest.mark.slow
def test_mypy_strict_passes_a_script_of_ten_lines_and_sees_a_wrong_type_in_another(tmp_path):
    """Both in one run, which takes long; wrong types are seen through the lazy names."""
    assert len(SCRIPT.splitlines()) == 10
    (tmp_path / "first.py").write_text(SCRIPT)
    (tmp_path / "wrong.py").write_text(SCRIPT.replace("k=20", 'k="twenty"'))
    checked = run_mypy(tmp_path, "first.py", "wrong.py")
    assert checked.returncode == 1
    errors = [line for line in checked.stdout.splitlines() if ": error: " in line]
    assert len(errors) == 1, checked.stdout + checked.stderr
    assert errors[0].startswith("wrong.py:")
    assert "[arg-type]" in errors[0]


@pytest.mark.parametrize("name", pr.__all__)
def test_every_public_name_exists_and_is_documented(name):
    value = getattr(pr, name)
    assert name == "__version__" or value.__doc__


def test_the_python_document_has_every_public_name_once():
    names = [name for name in pr.__all__ if not inspect.ismodule(getattr(pr, name))]
    paths = documented()
    assert len(set(paths)) == len(paths)
    assert {name for name in paths if ":" not in name} == set(names) - {"__version__"}


@pytest.mark.parametrize("path", documented())
def test_every_documented_name_field_and_method_has_a_text(path):
    """For a field, write a string below it; for a property or a method, a docstring."""
    value = resolve(path)
    assert inspect.getdoc(value)
    if inspect.isclass(value):
        assert [field.name for field in fields(value) if not field.text] == []
        assert [name for name, (member, _) in members(value).items() if not member.__doc__] == []


def test_results_of_a_first_session_have_short_reprs(dataset):
    split = pr.split_by_user(dataset)
    values = [dataset, dataset.catalog, split, pr.ListOptions(), pr.Diversity(), pr.Columns()]
    for value in values:
        text = repr(value)
        assert len(text.splitlines()) <= 10, text
        assert len(text) <= 1_000, text
        assert type(value).__name__ in text


def test_no_diversity_is_the_default_diversity():
    assert pr.Diversity() == pr.ListOptions().diversity == pr.Diversity(strength=0.0)


def test_a_notebook_shows_tables_as_html(dataset):
    split = pr.split_by_user(dataset)
    assert "<table" in dataset._repr_html_()
    assert "<table" in split._repr_html_()


def test_importing_the_package_loads_no_large_library():
    code = "import sys; before = set(sys.modules); import prismrec; print(len(sys.modules) - "
    code += "len(before), sorted({'torch', 'polars', 'numpy', 'scipy'} & set(sys.modules)))"
    loaded, _, heavy = run("-c", code).stdout.strip().partition(" ")
    assert heavy == "[]"
    assert int(loaded) < 60


def test_the_package_contains_type_information():
    assert (Path(pr.__file__).parent / "py.typed").is_file()
