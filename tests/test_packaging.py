"""Check the installed package: its wheel, its types, its metadata and its licenses."""

import email
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import smoke

import prismrec
from typechecking import run_mypy

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
USER_SCRIPT = """
import prismrec as pr

data = pr.build_dataset(pr.read_events("events.csv"), items=pr.read_items("items.csv"))
split = pr.split_by_user(data)
trained: pr.Trained = pr.fit(split, data.catalog)
print(pr.evaluate(trained.recommender.ranked, split.test))
answer: pr.Answer = trained.recommender.recommend(["A", "B"], k=5, diversity=0.2)
titles: list[str] = [item.title for item in answer]
shares: dict[int, float] = {interest.number: interest.share for interest in answer.interests}
options = pr.ListOptions(k=3, diversity=pr.Diversity(target=0.8), filter=pr.Filter(blocked=["A"]))
answers: list[pr.Answer] = trained.recommender.recommend_many([["A"], ["B"]], options)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return smoke.build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.mark.slow
def test_a_users_script_passes_mypy_strict_against_the_installed_package(wheel, tmp_path):
    python = smoke.make_environment(tmp_path / "environment", wheel)
    (tmp_path / "script.py").write_text(USER_SCRIPT)
    done = run_mypy(tmp_path, "--python-executable", python, "script.py")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_package_description_has_only_absolute_links(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(name))
    home = PROJECT["urls"]["Homepage"]
    assert f"]({home}/blob/main/docs/glossary.md)" in metadata.get_payload()
    assert f"]({home.replace('github.com', 'raw.githubusercontent.com')}" in metadata.get_payload()
    assert "](docs/" not in metadata.get_payload()
    assert set(metadata.get_all("License-File")) == {"LICENSE", "THIRD_PARTY_NOTICES.md"}


@pytest.mark.parametrize("name", dir(prismrec))
def test_every_public_name_can_be_imported(name):
    assert getattr(prismrec, name) is not None


def test_the_license_notices_list_every_dependency():
    notices = (ROOT / "THIRD_PARTY_NOTICES.md").read_text()
    extras = PROJECT["optional-dependencies"]
    needed = PROJECT["dependencies"] + [d for e in extras for d in extras[e] if e != "dev"]
    for requirement in needed:
        name = requirement.partition(">")[0].partition("[")[0]
        assert name in notices, name


def test_the_citation_has_the_current_version():
    assert f"version: {prismrec.__version__}" in (ROOT / "CITATION.cff").read_text().splitlines()


def test_the_tested_range_of_torch_is_the_same_everywhere():
    tested = [line for line in (ROOT / "Makefile").read_text().splitlines() if "torch>=" in line]
    image = (ROOT / "deploy" / "Dockerfile").read_text()
    (line,) = tested
    assert line.removeprefix("TORCH := ") in image


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_refuses_a_python_that_is_too_old_or_another_one(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "old").write_text(
        "#!/bin/sh\ncase $1 in -V) echo Python 3.9.1;; *) exit 1;; esac\n"
    )
    (tmp_path / "old").chmod(0o755)
    inside = tmp_path / ".venv" / "bin" / "python"
    inside.parent.mkdir(parents=True)

    def refusal(*words):
        done = subprocess.run(
            ["make", *words, "python"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        return done.stderr.splitlines()[0] if done.returncode else None

    assert refusal(f"PYTHON={sys.executable}") is None
    named = "./old is not Python 3.11 or newer; name one, such as: make PYTHON=python3.12 demo"
    assert refusal("PYTHON=./old") == named
    inside.symlink_to(sys.executable)
    assert refusal() is None
    assert refusal("PYTHON=./old").startswith(".venv is not of the ./old that PYTHON names; run: ")
    inside.unlink()
    shutil.copy(tmp_path / "old", inside)
    assert refusal() == ".venv/bin/python is not Python 3.11 or newer; run: make clean"
