"""Check a service that is started with the link of a folder of versions."""

import shutil
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from prismrec.data.storage import save_dataset
from prismrec.errors import ConfigError, DataError
from prismrec.recommend.artifact import load, save
from prismrec.recommend.manifest import read_artifact_manifest
from prismrec.recommend.publish import publish, rollback
from prismrec.service.artifact_copy import ArtifactCopy, private_folder
from prismrec.service.checks import check_served
from prismrec.service.extensions import Extensions
from prismrec.service.metrics import Metrics
from prismrec.service.replacement import Reports
from prismrec.service.settings import ServePaths, Settings
from prismrec.service.versions import Versions
from service.clients import kind_of
from worlds import small_dataset, untrained

NIGHTLY = Path(__file__).parents[2] / "deploy" / "nightly"


@pytest.fixture
def two(artifact, dataset, tmp_path):
    """Publish one artifact and return the folder, and a second artifact."""
    publish(artifact, tmp_path / "versions")
    save(untrained(dataset, interests=2), tmp_path / "second")
    return tmp_path / "versions", tmp_path / "second"


@pytest.mark.slow
def test_a_reload_loads_the_version_that_the_link_names_now(two, serve):
    folder, second = two
    client = serve(places=ServePaths(artifact=folder / "current"))
    first = client.get("/v1/artifact").json()["artifact"]
    switch = publish(second, folder)
    assert client.get("/v1/artifact").json()["artifact"] == first
    assert client.post("/v1/admin/reload").status_code == 200
    assert switch.current.endswith(client.get("/v1/artifact").json()["artifact"])
    client.post("/v1/items/hide", json={"items": ["1"]})
    assert (folder / "current.changes").exists(), "the changes are of no single version"
    rollback(folder)
    assert client.post("/v1/admin/reload").json()["artifact"] == first


@pytest.fixture
def start_worker(private, monkeypatch):
    """Return a function that starts a worker and returns it with its reports."""
    monkeypatch.setattr(Reports, "newest", None)
    monkeypatch.setattr(Reports, "current", None)

    def start(paths):
        reports = Reports()
        reports.use()
        versions = Versions(paths, Metrics(), Extensions())
        reports.read()
        return versions, reports

    return start


def test_a_worker_that_is_replaced_answers_from_what_the_others_do(two, start_worker):
    folder, second = two
    paths = ServePaths(artifact=folder / "current", compare_with=folder / "current")
    first, _ = start_worker(paths)
    publish(second, folder)  # and nobody reloads
    replaced, reports = start_worker(paths)
    assert [one.name for one in replaced.both()] == [first.current().name] * 2
    name = replaced.reload().artifact
    assert name != first.unchanged[0].name
    reports.read()
    rollback(folder)
    again, _ = start_worker(paths)
    assert [one.name for one in again.both()] == [name] * 2
    assert again.reload().artifact != name


def test_a_worker_is_replaced_while_the_artifact_at_the_path_is_damaged(two, start_worker):
    folder, _ = two
    paths = ServePaths(artifact=folder / "current")
    first, _ = start_worker(paths)
    (folder / "current" / "manifest.json").write_text("{}")
    with pytest.raises(DataError):
        first.reload()
    replaced, _ = start_worker(paths)
    assert replaced.current().name == first.current().name


@pytest.mark.parametrize("read_first", [True, False])
def test_reports_have_the_order_of_the_reloads(two, start_worker, monkeypatch, read_first):
    folder, _ = two
    paths = ServePaths(artifact=folder / "current")
    worker, reports = start_worker(paths)
    monkeypatch.setattr(Reports, "current", None)
    other = Versions(paths, Metrics(), Extensions())
    monkeypatch.setattr("prismrec.service.versions.threading.Thread", Mock())  # it follows later
    other.reload()
    if read_first:
        worker.current()
    monkeypatch.setattr(Reports, "current", reports)
    worker.reload()  # the newest one
    worker.current()
    worker._follow_reload()
    reports.read()
    assert Reports.newest.reload == Versions(paths, Metrics(), Extensions()).newest


def test_a_worker_that_is_replaced_after_an_unread_reload_opens_the_path(two, start_worker):
    folder, second = two
    paths = ServePaths(artifact=folder / "current")
    _first, _ = start_worker(paths)
    publish(second, folder)
    Reports.current = None  # another service with the same file of changes
    other = Versions(paths, Metrics(), Extensions()).reload().artifact
    replaced, _ = start_worker(paths)
    assert replaced.current().name == other


def test_a_worker_whose_copy_was_removed_opens_the_path(two, start_worker, caplog):
    folder, second = two
    paths = ServePaths(artifact=folder / "current")
    first, _ = start_worker(paths)
    publish(second, folder)
    shutil.rmtree(private_folder() / first.current().name)
    replaced, _ = start_worker(paths)
    assert replaced.current().name != first.current().name
    assert "the copy of the artifact cannot be opened" in caplog.text


def test_a_copy_is_of_one_version_if_the_link_is_switched_meanwhile(two, tmp_path, monkeypatch):
    folder, second = two
    private = tmp_path / "private"
    private.mkdir()

    def switched_after_reading(artifact):
        manifest = read_artifact_manifest(artifact)
        publish(second, folder)
        return manifest

    place = "prismrec.service.artifact_copy.read_artifact_manifest"
    monkeypatch.setattr(place, switched_after_reading)
    first = load(folder / "current").model.interests
    copied = ArtifactCopy(folder / "current", private, Extensions())
    assert copied.open().model.interests == first
    assert load(folder / "current").model.interests != first


def test_the_start_and_each_reload_refuse_an_artifact_of_another_data_set(
    artifact, dataset, private, tmp_path
):
    """A worker that is replaced starts without the check of the command line."""
    of_data = {"dataset": {"ids_fingerprint": dataset.ids_fingerprint}}
    save(load(artifact), artifact, about=of_data)
    save_dataset(dataset, tmp_path / "data")
    paths = ServePaths(artifact=artifact, data=tmp_path / "data")
    versions = Versions(paths, Metrics(), Extensions())
    other = small_dataset("synthetic:many-taste?users=60&items=40&clusters=8&events=12&seed=9")
    save(untrained(other), artifact, about={"dataset": {"ids_fingerprint": other.ids_fingerprint}})
    for start in (versions.reload, lambda: Versions(paths, Metrics(), Extensions())):
        with pytest.raises(DataError, match="was trained on another data set"):
            start()
    assert versions.current().recommender.catalog.begins_with(dataset.catalog)


def test_the_check_of_the_start_accepts_a_link_and_refuses_one_without_a_version(two):
    folder, _ = two
    check_served(ServePaths(artifact=folder / "current"), Settings())
    (folder / "current").unlink()
    (folder / "current").symlink_to("000009-abcdefabcdef")
    with pytest.raises(DataError, match="No artifact at"):
        check_served(ServePaths(artifact=folder / "current"), Settings())


def test_workers_that_cannot_share_the_store_are_refused(artifact, monkeypatch):
    paths = ServePaths(artifact=artifact)
    check_served(paths, Settings(store="memory:"))
    check_served(paths, Settings(workers=2))
    with pytest.raises(ConfigError, match="workers is 2 with the store memory:, which processes"):
        check_served(paths, Settings(store="memory:", workers=2))
    monkeypatch.setenv("PRISMREC_STORE", "memory:")
    with pytest.raises(ConfigError, match="use one worker, or a store such as"):
        check_served(paths, Settings(workers=2))


@pytest.mark.parametrize("name", ["model.safetensors", "items.parquet"])
@pytest.mark.slow
def test_the_start_and_each_reload_refuse_a_damaged_artifact_that_was_copied_before(
    artifact, serve, dataset, tmp_path, name
):
    save(untrained(dataset, interests=1), tmp_path / "other")
    client = serve(places=ServePaths(artifact=artifact, compare_with=tmp_path / "other"))
    before = client.get("/v1/artifact").json()
    for folder in (artifact, tmp_path / "other"):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        refused = client.post("/v1/admin/reload")
        assert (refused.status_code, kind_of(refused)) == (409, "artifact_refused")
        places = client.context.versions.paths
        with pytest.raises(DataError, match=f"{folder.name}/{name} is missing or differs"):
            check_served(places, Settings())
        assert Versions(places, Metrics(), Extensions()), "a worker that is replaced has the copy"
        (folder / name).write_bytes(whole)
    assert client.get("/v1/artifact").json() == before
    assert client.post("/v1/admin/reload").status_code == 200


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is absent")
def test_the_units_of_the_night_are_valid(tmp_path):
    for unit in NIGHTLY.glob("prismrec-nightly.*"):
        text = unit.read_text().replace("/usr/share/prismrec/nightly.sh", sys.executable)
        (tmp_path / unit.name).write_text(text)
    names = [str(tmp_path / f"prismrec-nightly.{kind}") for kind in ("service", "timer")]
    found = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *names],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "prismrec-nightly" not in found.stderr, found.stderr
    assert found.returncode == 0
