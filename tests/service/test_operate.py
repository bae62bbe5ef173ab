"""Check the documents and files for operators: docs/serving.md, deploy/, doctor."""

import ast
import json
import logging
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from prometheus_client.metrics import MetricWrapperBase

import prismrec.service
import source_texts
from prismrec.cli import main
from prismrec.data import IdMap
from prismrec.data.storage import save_dataset
from prismrec.errors import ConfigError
from prismrec.recommend.artifact import load, save
from prismrec.recommend.build import build_recommender
from prismrec.recommend.recommender import Recommender
from prismrec.service.metrics import Metrics
from prismrec.service.settings import Keys, ServePaths, Settings, check_exposure
from service.processes import Process, replace_folder
from worlds import small_dataset, untrained

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
OTHER = "synthetic:many-taste?users=60&items=40&clusters=8&events=12&seed=9"
SERVING = ROOT / "docs" / "serving.md"


def table_in_docs(name):
    """Return the rows of a generated table of docs/serving.md."""
    text = SERVING.read_text(encoding="utf-8")
    table = text.split(f"<!-- {name} -->")[1].split("<!-- end -->")[0].strip()
    return table.splitlines()[2:]


def settings_table():
    """Return one row per setting: name, default, docstring."""
    return [
        f"| `{one.name}` | `{json.dumps(ast.literal_eval(one.default))}` | {one.text.rstrip('.')} |"
        for one in source_texts.fields(Settings)
    ]


def metrics_table():
    """Return one row per metric: name as Prometheus reads it, labels, meaning."""
    rows = []
    for one in vars(Metrics()).values():
        if isinstance(one, MetricWrapperBase):
            name = one._name + ("_total" if one._type == "counter" else "")
            labels = "{" + ", ".join(one._labelnames) + "}" if one._labelnames else ""
            rows.append(f"| `{name}{labels}` | {one._documentation.rstrip('.')} |")
    return rows


@pytest.mark.parametrize("name", ["settings", "metrics"])
def test_the_tables_in_the_documents_match_the_code(name):
    assert table_in_docs(name) == {"settings": settings_table, "metrics": metrics_table}[name]()


def test_the_dashboard_shows_exactly_the_existing_metrics():
    text = (ROOT / "deploy" / "grafana.json").read_text(encoding="utf-8")
    asked = set(re.findall(r"prismrec_[a-z_]+", json.dumps(json.loads(text)["panels"])))
    there = {row.split("`")[1].split("{")[0] for row in metrics_table()}
    assert {name.removesuffix("_bucket") for name in asked} == there


def test_the_dashboard_is_the_output_of_its_script():
    script = ROOT / "deploy" / "make_dashboard.py"
    written = json.loads((ROOT / "deploy" / "grafana.json").read_text(encoding="utf-8"))
    assert runpy.run_path(str(script))["dashboard"]() == written


def test_the_docstring_of_the_service_lists_every_module():
    folder = Path(prismrec.service.__file__).parent
    listed = re.findall(r"^(\w+)  +", prismrec.service.__doc__, re.MULTILINE)
    assert sorted(listed) == sorted(f.stem for f in folder.glob("[!_]*.py"))


def test_the_example_file_contains_every_setting():
    example = tomllib.loads((ROOT / "deploy" / "serve.toml").read_text(encoding="utf-8"))
    assert set(example) - {"changes"} == {field.name for field in fields(Settings)}
    made = Settings(**{name: value for name, value in example.items() if name != "changes"})
    with pytest.raises(ConfigError, match="there is no key"):
        check_exposure(made, Keys())


@pytest.mark.slow
def test_serve_accepts_the_example_file(artifact, tmp_path):
    text = (ROOT / "deploy" / "serve.toml").read_text(encoding="utf-8")
    (tmp_path / "serve.toml").write_text(text.replace("/var/lib/prismrec", str(tmp_path)))
    process = Process(
        tmp_path, "--config", "serve.toml", "--host", "127.0.0.1",
        PRISMREC_READ_KEYS="a-key-for-reading-1", PRISMREC_WRITE_KEYS="a-key-for-writing-1",
    )  # fmt: skip
    try:
        process.start()
        assert process.client.get("/v1/artifact").status_code == 401
        headers = {"Authorization": "Bearer a-key-for-reading-1"}
        assert process.client.get("/v1/artifact", headers=headers).status_code == 200
        assert process.client.get("/").status_code == 404
        assert process.stop() in (0, -15)
    finally:
        process.close()


@pytest.fixture
def folder_of_artifacts(artifact, dataset, private, tmp_path):
    """Return a folder with an artifact, another data set and a damaged artifact."""
    save(load(artifact), artifact, about={"dataset": {"ids_fingerprint": dataset.ids_fingerprint}})
    save_dataset(small_dataset(OTHER), tmp_path / "other")
    shutil.copytree(artifact, tmp_path / "cut")
    (tmp_path / "cut" / "items.parquet").unlink()
    return tmp_path


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["nowhere"], "No artifact at nowhere"),
        (["artifact", "--host", "::"], "there is no key"),
        (["artifact", "--workers", "0"], "workers is 0"),
        (["artifact", "--host", "203.0.113.7"], "cannot be bound"),
        (["artifact", "--compare-with", "nowhere"], "No artifact at nowhere"),
        (["artifact", "--data", "nowhere"], "No data set at nowhere"),
        (["artifact", "--data", "other"], "artifact was trained on another data set than other"),
        (["artifact", "--report", "nowhere"], "No report at nowhere"),
        (["cut"], "cut/items.parquet is missing"),
        (
            ["artifact", "--changes", "no/changes"],
            "no/changes cannot be written: there is no folder",
        ),
        (["artifact", "--changes", "other"], "other cannot be written: it is not a file"),
        (["artifact", "--exposures", "log"], "lists are logged in an experiment only"),
    ],
)
def test_an_invalid_command_ends_with_a_clear_error(
    folder_of_artifacts, monkeypatch, capsys, flags, message
):
    monkeypatch.chdir(folder_of_artifacts)
    monkeypatch.setenv("PRISMREC_SERVE", "")  # pytest restores it after the test
    if "bound" in message:
        monkeypatch.setenv("PRISMREC_READ_KEYS", "a-key-for-reading-1")
    with pytest.raises(SystemExit) as ended:
        main(["serve", *flags, "--port", "0"])
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert "Serving" not in printed.out + printed.err, "nothing is served"


def test_a_reload_checks_the_data_set_as_the_start_does(serve, artifact, dataset, tmp_path):
    other = small_dataset(OTHER)
    for name, made in (("own", dataset), ("other", other)):
        about = {"dataset": {"ids_fingerprint": made.ids_fingerprint}}
        save(untrained(made), tmp_path / name, about=about)
    save_dataset(dataset, tmp_path / "data")
    replace_folder(tmp_path / "own", artifact)
    client = serve(places=ServePaths(artifact=artifact, data=tmp_path / "data"))
    before = client.get("/v1/artifact").json()["artifact"]
    assert client.post("/v1/admin/reload").status_code == 200
    replace_folder(tmp_path / "other", artifact)
    refused = client.post("/v1/admin/reload")
    assert refused.json()["error"]["kind"] == "artifact_refused"
    assert client.get("/v1/artifact").json()["artifact"] == before


@pytest.mark.parametrize("shift", [0, 10, 30])
def test_an_artifact_with_other_items_is_logged(serve, artifact, dataset, caplog, shift):
    client = serve()
    added = [
        {"id": f"new{n}", "related_to": dataset.catalog.items.external([1])} for n in range(50)
    ]
    assert client.post("/v1/items", json={"items": added}).status_code == 200
    names = [str(int(name) + shift) for name in dataset.catalog.items.external(range(1, 41))]
    changed = replace(dataset.catalog, items=IdMap(names, first=1, kind="item"))
    save(Recommender(load(artifact).model, load(artifact).index, changed), artifact)
    with caplog.at_level(logging.WARNING, logger="prismrec.service"):
        assert client.post("/v1/admin/reload").status_code == 200
    assert ("other items than" in caplog.text) == (shift > 20)


def test_a_data_set_with_other_items_gives_no_diagnostics(serve, artifact, dataset, tmp_path):
    save_dataset(small_dataset(OTHER), tmp_path / "other")
    save_dataset(dataset, tmp_path / "own", split={"name": "by-user", "options": {}})
    found = {}
    for name in ("own", "other"):
        client = serve(places=ServePaths(artifact=artifact, data=tmp_path / name))
        found[name] = client.get("/v1/health-report").json()["diagnostics"]
    assert found["own"]["users"] > 0
    assert list(found["other"]) == ["notes"]
    assert "number their items differently" in found["other"]["notes"][0]


def test_the_dockerfile_is_valid():
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        pytest.skip("hadolint has no wheel for this system")
    found = subprocess.run(
        [hadolint, ROOT / "deploy" / "Dockerfile"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is absent")
def test_the_systemd_unit_is_valid(tmp_path):
    unit = (ROOT / "deploy" / "prismrec.service").read_text(encoding="utf-8")
    here = Path(sys.executable).with_name("prismrec")
    (tmp_path / "prismrec.service").write_text(
        unit.replace("/opt/prismrec/bin/prismrec", str(here))
    )
    found = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / "prismrec.service"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert "prismrec.service" not in found.stderr, found.stderr


def test_doctor_lists_the_extras_and_measures_an_index(artifact, dataset, tmp_path, capsys):
    made = load(artifact)
    model, catalog = made.model, made.catalog
    histories = [dataset.histories[user] for user in range(20)]
    approximate, _ = build_recommender(model, catalog, histories, index="ivf-flat")
    save(approximate, tmp_path / "approximate")
    short = Recommender(model, made.index.remove(np.array([3])), catalog)
    save(short, tmp_path / "short")
    with pytest.raises(SystemExit) as ended:
        main(["doctor", *(str(tmp_path / name) for name in ("artifact", "approximate", "short"))])
    assert ended.value.code == 2
    out = capsys.readouterr().out
    assert "extra serve: fastapi " in out
    assert "extra stores: psycopg " in out
    assert f"{artifact}: OK: 40 items; " in out
    assert re.search(rf"{artifact}: .*; index exact", out)
    assert re.search(r"approximate: OK: .*; index ivf-flat, recall@50 \d+\.\d % against", out)
    assert "short: FAILED: its index has 39 of 40 items" in out
