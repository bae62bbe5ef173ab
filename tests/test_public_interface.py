"""Check the public interface as the first script of a user sees it."""

import subprocess
import sys
from pathlib import Path

import pytest

import prismrec as pr

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
def test_a_script_of_ten_lines_passes_mypy_strict(tmp_path):
    script = tmp_path / "first.py"
    script.write_text(SCRIPT)
    assert len(SCRIPT.splitlines()) == 10
    checked = run("-m", "mypy", "--strict", str(script), cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.slow
def test_mypy_sees_a_wrong_type_through_the_lazy_names(tmp_path):
    script = tmp_path / "first.py"
    script.write_text(SCRIPT.replace("k=20", 'k="twenty"'))
    checked = run("-m", "mypy", "--strict", str(script), cwd=tmp_path)
    assert checked.returncode == 1
    assert "[arg-type]" in checked.stdout


@pytest.mark.parametrize("name", pr.__all__)
def test_every_public_name_exists_and_is_documented(name):
    value = getattr(pr, name)
    assert name == "__version__" or value.__doc__


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
