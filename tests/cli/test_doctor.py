"""Test doctor: it lists all requirements and reports each failure in one sentence."""

import importlib.metadata
import json
import sys

import pytest

from prismrec.cli import main
from prismrec.cli.doctor import check, required
from prismrec.data.storage import save_dataset
from prismrec.recommend.artifact import save
from worlds import small_dataset, untrained

REQUIRES = [
    "torch<2.14,>=2.9",
    "numpy",
    "psycopg[binary]>=3.2; extra == 'stores'",
    'redis (>=5.2) ; extra == "stores"',
    f"here>=1; (sys_platform == '{sys.platform}') and extra == 'dev'",
    "elsewhere>=1; (sys_platform == 'plan9') and extra == 'dev'",
    "faiss-cpu>=1.11; extra == 'ann'",
]


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    folder, dataset = tmp_path_factory.mktemp("healthy"), small_dataset()
    save(untrained(dataset), folder / "artifact")
    save_dataset(dataset, folder / "data")
    return folder


def test_requirements_are_read_from_the_metadata():
    assert required(REQUIRES) == ["torch", "numpy"]
    extras = {extra: required(REQUIRES, extra) for extra in ("stores", "dev", "ann")}
    assert extras == {"stores": ["psycopg", "redis"], "dev": ["here"], "ann": ["faiss-cpu"]}


def test_every_requirement_of_the_package_is_listed(capsys):
    main(["doctor", "--json"])
    message = json.loads(capsys.readouterr().out)
    assert {"rich", "threadpoolctl", "torch"} <= message["versions"].keys()
    assert all(message["versions"].values())
    known = importlib.metadata.metadata("prismrec").get_all("Provides-Extra")
    assert message["extras"].keys() == set(known)


def test_the_output_fits_into_a_terminal(capsys):
    main(["doctor"])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert not any(line.endswith(" ") for line in lines)


def test_source_code_that_is_not_installed_causes_no_traceback(capsys, monkeypatch):
    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.metadata", absent)
    main(["doctor"])
    assert "machine " in capsys.readouterr().out


def test_a_healthy_artifact_and_data_set_are_ok(healthy):
    assert check(healthy / "artifact").startswith(
        "OK: 40 items; the same history gets the same list again; "
    )
    assert check(healthy / "data").startswith("OK: 60 users")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no readable manifest.json"),
        ("{", "no readable manifest.json"),
        ("[" * 100_000, "no readable manifest.json"),
        ("[]", "neither of an artifact nor of a data set"),
        ("null", "neither of an artifact nor of a data set"),
        ('{"format": ["prismrec-artifact"]}', "neither of an artifact nor of a data set"),
        ('{"format": "prismrec-artifact", "version": 3}', "lacks extractor"),
        ('{"format": "prismrec-dataset", "version": 1}', "lacks users"),
    ],
)
@pytest.mark.slow
def test_a_wrong_manifest_is_reported_in_one_sentence(tmp_path, capsys, text, message):
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(SystemExit) as ended:
        main(["doctor", str(tmp_path)])
    assert ended.value.code == 2
    assert f"{tmp_path}: FAILED: " in (out := capsys.readouterr().out)
    assert message in out


def test_a_missing_library_fails_one_artifact_and_the_others_are_checked(
    healthy, capsys, monkeypatch
):
    from prismrec.errors import MissingExtra

    def absent(*_, **__):
        raise MissingExtra.for_("An index", "ann")

    monkeypatch.setattr("prismrec.recommend.artifact.load_index", absent)
    with pytest.raises(SystemExit) as ended:
        main(["doctor", str(healthy / "artifact"), str(healthy / "data")])
    assert ended.value.code == 2
    out = capsys.readouterr().out
    assert "artifact: FAILED: An index needs an optional dependency" in out
    assert "data: OK: " in out
