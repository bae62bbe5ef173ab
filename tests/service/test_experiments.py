"""Test experiments over HTTP: assignment, options of variants, and the exposure log."""

import errno
import json
import shutil
import time
from collections import Counter
from dataclasses import replace
from io import FileIO

import numpy as np
import polars as pl
import pytest
from prometheus_client import CollectorRegistry
from scipy import stats

from event_logs import log_of
from prismrec.data import Attributes
from prismrec.errors import ConfigError, DataError
from prismrec.evaluation import Exposures, hash_user, read_exposures
from prismrec.evaluation.experiments.differences import difference
from prismrec.evaluation.experiments.exposures import SCHEMA
from prismrec.evaluation.experiments.outcomes import measure_outcomes
from prismrec.evaluation.pairwise import holm
from prismrec.recommend import save
from prismrec.rerank import RERANKERS
from prismrec.service import exposures as exposure_log
from prismrec.service.checks import check_served
from prismrec.service.experiments import Experiment
from prismrec.service.exposures import Exposed, ExposureLog
from prismrec.service.schemas import RecommendRequest
from prismrec.service.settings import ServePaths, Settings, exposure_secret
from service.clients import kind_of, listed, post
from worlds import untrained

pytestmark = pytest.mark.slow

SECRET = "a secret for the tests"  # noqa: S105
TEXT = """
name = "diverse"
salt = "2026"
[[variants]]
name = "control"
share = 0.4
[[variants]]
name = "new"
share = 0.6
options = { diversity = 0.8, k = 6 }
"""


@pytest.fixture
def experiment_of(tmp_path):
    """Return a function that reads an experiment from text."""

    def read(text=TEXT, *, compares=False):
        path = tmp_path / "experiment.toml"
        path.write_text(text)
        return Experiment.read(path, frozenset(RERANKERS), compares=compares)

    return read


@pytest.fixture
def running(serve, artifact, tmp_path, monkeypatch):
    """Start a service with an experiment; its log is in the folder ``log``."""
    monkeypatch.setenv("PRISMREC_EXPOSURE_SECRET", SECRET)
    (tmp_path / "experiment.toml").write_text(TEXT)
    places = ServePaths(
        artifact=artifact, experiment=tmp_path / "experiment.toml", exposures=tmp_path / "log"
    )
    return serve(places=places)


def user_in(variant, client):
    experiment = client.context.experiment.experiment
    return next(u for n in range(99) if experiment.variant_of(u := f"user {n}") == variant)


def test_users_are_divided_by_the_shares(experiment_of):
    experiment = experiment_of()
    found = Counter(experiment.variant_of(str(number)) for number in range(100_000))
    assert stats.chisquare([found["control"], found["new"]], [40_000, 60_000]).pvalue > 0.01


def test_the_variant_of_a_user_never_changes(experiment_of):
    found = [experiment_of().variant_of(user) for user in ("ann", "bob", "李", "e", "x" * 500)]
    # sha256sum of "2026\\0ann" and so on begins with these parts of the largest number:
    # 0.22, 0.36, 0.83, 0.01, 0.65.
    assert found == ["control", "control", "new", "control", "new"]
    one, other = experiment_of(), experiment_of(TEXT.replace("2026", "2027"))
    both = Counter((one.variant_of(str(n)), other.variant_of(str(n))) for n in range(2_000))
    table = [[both[a, b] for b in ("control", "new")] for a in ("control", "new")]
    assert stats.chi2_contingency(table).pvalue > 0.01  # another salt is another division


def test_a_mark_of_utf_8_may_begin_the_file(experiment_of):
    assert experiment_of(f"\ufeff{TEXT}").file == experiment_of().file


def test_equal_variants_seldom_differ(experiment_of):
    """Divide the same users by 100 salts, so that no variant has an effect."""
    random, users = np.random.default_rng(0), [f"user {number}" for number in range(600)]
    rows = [(hash_user(user, b"s"), 0, "control", False, ["X"]) for user in users]
    exposures = Exposures("diverse", {}, pl.DataFrame(rows, schema=SCHEMA, orient="row"), 1)
    events = log_of([(users[n], item, 9) for n in random.integers(600, size=800) for item in "XY"])
    found = measure_outcomes(exposures, events, b"s", k=10, window=60).users.sort("user")
    values = found.select("hit_rate", "events").to_numpy().T
    names = {hash_user(user, b"s"): user for user in users}
    order = [names[user] for user in found["user"]]
    different = 0
    for salt in range(100):
        experiment = experiment_of(TEXT.replace("2026", str(salt)))
        new = np.array([experiment.variant_of(user) == "new" for user in order])
        p_values = [difference(each[new], each[~new])[2] for each in values]
        different += min(holm(p_values)) < 0.05
    assert different <= 7


def test_a_variant_makes_the_list_of_its_options(running, serve, history):
    plain = serve()
    expected = {
        "control": post(plain, "/v1/recommend", history=history),
        "new": post(plain, "/v1/recommend", history=history, diversity=0.8, k=6),
    }
    assert listed(expected["new"]) != listed(expected["control"])[:6]
    for variant, answer in expected.items():
        user = user_in(variant, running)
        found = post(running, "/v1/recommend", user=user, history=history)
        assert found.pop("variant") == variant
        assert found == answer


def test_a_variant_may_filter_and_boost_by_attributes(experiment_of, dataset):
    text = """where = [{ attribute = "price", max = 9 }],
    boosts = [{ factor = 2, where = [{ attribute = "price", max = 5 }] }]""".replace("\n", "")
    experiment = experiment_of(TEXT.replace("k = 6", text))
    user = next(str(n) for n in range(50) if experiment.variant_of(str(n)) == "new")
    found = experiment.assign(RecommendRequest(user=user, dislikes=["A"]))
    where = [{"attribute": "price", "max": 9}]
    boosts = [{"factor": 2, "where": [{"attribute": "price", "max": 5}]}]
    expected = RecommendRequest(
        user=user, dislikes=["A"], diversity=0.8, where=where, boosts=boosts
    )
    assert found.request.options == expected.options
    assert not found.overridden
    assert experiment.assign(RecommendRequest(user=user, where=where)).overridden
    prices = pl.Series([1.0] * (dataset.catalog.size - 1))
    experiment.check(dataset.catalog.with_attributes(Attributes.of({"price": prices})), None)
    for attributes in (None, Attributes.of({"cost": prices})):
        with pytest.raises(DataError, match="'new' cannot be used with this artifact"):
            experiment.check(dataset.catalog.with_attributes(attributes), None)


def test_a_variant_is_checked_with_the_artifact_that_answers(experiment_of, dataset):
    category = dataset.catalog.category_names[0]
    for options in (
        f"categories = ['{category}']",
        f"interests = {{ added = [{{ category = '{category}' }}] }}",
    ):
        both = experiment_of(TEXT.replace("k = 6", options + ", comparison = true"), compares=True)
        alone = experiment_of(TEXT.replace("k = 6", options))
        without = replace(
            dataset.catalog, category_names=["none", *dataset.catalog.category_names[1:]]
        )
        both.check(without, dataset.catalog)
        alone.check(dataset.catalog, without)
        for experiment, catalogs in ((both, (dataset.catalog, without)), (alone, (without, None))):
            with pytest.raises(DataError, match="No category named"):
                experiment.check(*catalogs)


def test_a_reload_warns_if_the_file_of_the_experiment_changed(running, tmp_path, caplog):
    changed = "the file of the experiment changed"
    assert running.post("/v1/admin/reload").status_code == 200
    assert changed not in caplog.text
    path = tmp_path / "experiment.toml"
    for change in (lambda: path.write_text(TEXT.replace("0.8", "0.9")), path.unlink):
        caplog.clear()
        change()
        assert running.post("/v1/admin/reload").status_code == 200
        assert changed in caplog.text
    assert running.context.experiment.experiment.values["new"]["diversity"] == 0.8


def test_a_reload_refuses_an_artifact_that_a_variant_cannot_use(
    artifact, serve, dataset, tmp_path, monkeypatch, caplog
):
    monkeypatch.setenv("PRISMREC_EXPOSURE_SECRET", SECRET)
    where = "where = [{ attribute = 'price', max = 9 }]"
    (tmp_path / "experiment.toml").write_text(TEXT.replace("k = 6", where))
    prices = Attributes.of({"price": pl.Series([1.0] * (dataset.catalog.size - 1))})
    good = untrained(replace(dataset, catalog=dataset.catalog.with_attributes(prices)))
    save(good, artifact)
    places = ServePaths(artifact=artifact, experiment=tmp_path / "experiment.toml")
    client = serve(places=places)
    before = client.get("/v1/artifact").json()["artifact"]
    save(untrained(dataset, interests=1), artifact)
    refused = client.post("/v1/admin/reload")
    assert (refused.status_code, kind_of(refused)) == (409, "artifact_refused")
    assert "'new' cannot be used with this artifact" in str(caplog.records[-1].fields["reason"])
    assert 'prismrec_reloads_total{end="refused"} 1.0' in client.get("/metrics").text
    user = user_in("new", client)
    assert post(client, "/v1/recommend", user=user)["artifact"] == before
    save(good, artifact)
    assert client.post("/v1/admin/reload").status_code == 200


def test_a_variant_of_an_unknown_category_stops_the_start(artifact, serve, tmp_path, monkeypatch):
    monkeypatch.setenv("PRISMREC_EXPOSURE_SECRET", SECRET)
    (tmp_path / "experiment.toml").write_text(TEXT.replace("k = 6", "categories = ['none']"))
    with pytest.raises(DataError, match="'new' cannot be used with this artifact: "):
        serve(places=ServePaths(artifact=artifact, experiment=tmp_path / "experiment.toml"))


def test_a_variant_of_an_unknown_item_needs_it_in_the_artifact_or_added(
    artifact, serve, dataset, tmp_path, monkeypatch
):
    monkeypatch.setenv("PRISMREC_EXPOSURE_SECRET", SECRET)
    added = "interests = { added = [{ item = 'n2' }] }"
    (tmp_path / "experiment.toml").write_text(TEXT.replace("k = 6", added))
    places = ServePaths(artifact=artifact, experiment=tmp_path / "experiment.toml")
    with pytest.raises(DataError, match="'new' cannot be used with this artifact: No item"):
        serve(places=places)
    categories = dataset.catalog.category_names[:1]
    post(serve(), "/v1/items", items=[{"id": "n2", "categories": categories}])
    client = serve(places=places)
    assert client.post("/v1/admin/reload").status_code == 200
    answer = post(client, "/v1/recommend", user=user_in("new", client), explain=True)
    assert any(interest["added"] for interest in answer["interests"])
    places.journal.unlink()
    assert client.get("/v1/items?id=n2").json()["items"] == []
    assert kind_of(client.post("/v1/admin/reload")) == "artifact_refused"


def test_without_an_experiment_nothing_changes(running, serve, history):
    plain = serve()
    found = post(plain, "/v1/recommend", user="ann", history=history)
    assert "variant" not in found
    assert "prismrec_exposures" not in plain.get("/metrics").text
    document = plain.get("/openapi.json").json()["components"]["schemas"]
    assert "VariantAnswer" not in document
    schemas = running.get("/openapi.json").json()["components"]["schemas"]
    assert "variant" in schemas["VariantAnswer"]["properties"]


def test_a_request_without_a_user_gets_the_default_and_is_not_logged(running, serve, history):
    answer = post(running, "/v1/recommend", history=history)
    assert answer.pop("variant") is None
    assert answer == post(serve(), "/v1/recommend", history=history)
    running.context.close()
    assert 'prismrec_exposures_total{end="written"} 0.0' in running.get("/metrics").text


def test_each_list_of_a_user_is_logged(running, tmp_path, history):
    user = user_in("new", running)
    before = time.time_ns() // 1_000
    headers = {"x-request-id": "request-1"}
    body = {"user": user, "history": history}
    first = running.post("/v1/recommend", json=body, headers=headers).json()
    second = {"user": user_in("control", running), "history": history, "k": 3}
    batch = post(running, "/v1/recommend/batch", requests=[body, second, {"history": history}])
    assert [each["variant"] for each in batch["answers"]] == ["new", "control", None]
    running.context.close()
    (path,) = (tmp_path / "log").iterdir()
    assert path.stat().st_mode & 0o077 == 0
    header, *lines = map(json.loads, path.read_text().splitlines())
    assert header["experiment"]["variants"][1]["options"] == {"diversity": 0.8, "k": 6}
    assert "2026" not in header["experiment"]["salt"]
    assert user not in path.read_text()
    line = lines[0]
    assert before <= line.pop("time") <= time.time_ns() // 1_000
    assert line == {
        "request": "request-1", "user": hash_user(user, SECRET.encode()), "experiment": "diverse",
        "variant": "new", "overridden": False, "items": listed(first),
    }  # fmt: skip
    assert [each["overridden"] for each in lines] == [False, False, True]
    assert lines[2]["items"] == listed(batch["answers"][1])
    found = read_exposures(tmp_path / "log")
    assert (len(found.frame), found.torn, found.rejected) == (3, 0, 0)
    assert 'prismrec_exposures_total{end="written"} 3.0' in running.get("/metrics").text


@pytest.mark.parametrize(
    ("own", "changed", "overridden"),
    [
        ({}, {"diversity": 0.8, "k": 6}, False),
        ({"exclude_seen": False, "blocked": ["A"]}, {"diversity": 0.8, "k": 6}, False),
        ({"explain": True, "frontier": True}, {"diversity": 0.8, "k": 6}, False),
        ({"k": 9}, {"diversity": 0.8}, True),
        ({"offset": 20}, {"diversity": 0.8}, True),
        ({"diversity_target": 0.5}, {"k": 6}, True),
        ({"rerank": "mmr"}, {"k": 6}, True),
        ({"k": 9, "diversity": 0.0}, {}, True),
        ({"comparison": True}, {"diversity": 0.8, "k": 6}, True),
    ],
)
def test_options_of_the_request_win(experiment_of, own, changed, overridden):
    experiment = experiment_of()
    users = {experiment.variant_of(str(number)): str(number) for number in range(50)}
    request = RecommendRequest(user=users["new"], **own)
    found = experiment.assign(request)
    assert found.overridden is overridden
    assert found.request.model_dump() == request.model_dump() | changed
    assert found.request.options.k == found.request.whole
    # The same requests are left out of the control, which varies nothing itself.
    request = RecommendRequest(user=users["control"], **own)
    found = experiment.assign(request)
    assert (found.request, found.overridden) == (request, overridden)


def test_a_variant_may_be_answered_by_the_other_artifact(world, serve, tmp_path, monkeypatch):
    monkeypatch.setenv("PRISMREC_EXPOSURE_SECRET", SECRET)
    text = TEXT.replace("diversity = 0.8, k = 6", "comparison = true")
    (tmp_path / "experiment.toml").write_text(text)
    places = ServePaths(
        artifact=world / "first", compare_with=world / "other",
        experiment=tmp_path / "experiment.toml", exposures=tmp_path / "log",
    )  # fmt: skip
    client = serve(places=places)
    found = {
        name: post(client, "/v1/recommend", user=user_in(name, client))["artifact"]
        for name in ("control", "new")
    }
    plain = serve(places=ServePaths(artifact=world / "first", compare_with=world / "other"))
    assert found == {
        "control": post(plain, "/v1/recommend", user="x")["artifact"],
        "new": post(plain, "/v1/recommend", user="x", comparison=True)["artifact"],
    }
    assert found["new"] != found["control"]


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ('name = "diverse"', "", "name: field required"),
        ('name = "diverse"', 'name = "a/b"', "name: string should match"),
        ('salt = "2026"', 'salt = ""', "salt: string should have"),
        ("share = 0.4", "share = 0.5", "shares that sum to 1.1"),
        ('name = "new"', 'name = "control"', "names control, control"),
        ("share = 0.4", "share = 1", "variants.0.share: input should be less than 1"),
        ("share = 0.4", "share = 0.4\nother = 1", "variants.0.other: extra inputs"),
        ("k = 6", "user = 'x'", "sets 'user', which a variant cannot set"),
        ("k = 6", "offset = 2", "sets 'offset'"),
        ("k = 6", "k = 0", "'new' cannot be used: k: input should be greater"),
        ("k = 6", "diversity_target = 0.2", "two units of diversity"),
        ("k = 6", "rerank = 'os:system'", "the re-ranker 'os:system', which does not exist"),
        ("k = 6", "comparison = true", "name it with --compare-with"),
        ("k = 6 }", "k = 6", "is not valid TOML"),
    ],
)
def test_an_experiment_that_cannot_work_is_refused(experiment_of, old, new, part):
    with pytest.raises(ConfigError) as error:
        experiment_of(TEXT.replace(old, new, 1))
    assert part in str(error.value)


def test_a_service_is_checked_before_it_starts(artifact, tmp_path, monkeypatch):
    paths = ServePaths(artifact=artifact, experiment=tmp_path / "experiment.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        check_served(paths, Settings(store="memory:"))
    paths.experiment.write_text(TEXT)
    monkeypatch.setenv("PRISMREC_EXPOSURE_SECRET", "short")
    with pytest.raises(ConfigError, match="PRISMREC_EXPOSURE_SECRET, which has 5 characters"):
        check_served(paths, Settings(store="memory:"))
    monkeypatch.setenv("PRISMREC_EXPOSURE_SECRET", SECRET)
    assert exposure_secret() == SECRET.encode()
    assert paths.exposure_folder == artifact.parent / "artifact.exposures"


DEFINITION = {"name": "e", "variants": [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5}]}


@pytest.fixture
def open_log(tmp_path, monkeypatch):
    """Return a function that opens a log; only ``close`` and the test write."""
    monkeypatch.setattr(exposure_log, "PAUSE", 60.0)

    def make():
        return ExposureLog(tmp_path / "log", DEFINITION, b"secret", CollectorRegistry())

    return make


def exposed(number):
    return Exposed(f"r{number}", number, "ann", "a", overridden=False, items=["X"] * 20)


def times_in(folder):
    return sorted(read_exposures(folder).frame["time"].to_list())


def ends(log):
    return (log.written._value.get(), log.dropped._value.get())


def test_a_file_ends_at_its_largest_size_and_at_midnight(open_log, tmp_path, monkeypatch):
    monkeypatch.setattr(exposure_log, "LARGEST", 2_000)
    log = open_log()
    for number in range(30):
        log.add(exposed(number))
        log._write_waiting()
    files = sorted((tmp_path / "log").iterdir())
    assert len(files) > 3
    assert all(file.stat().st_size <= 2_000 for file in files)
    monkeypatch.setattr(exposure_log, "_day", lambda: "20991231")
    log.add(exposed(30))
    log.close()
    assert len(list((tmp_path / "log").glob("e-20991231-*.jsonl"))) == 1
    assert times_in(tmp_path / "log") == list(range(31))
    assert ends(log) == (31, 0)


def test_each_start_creates_its_own_file(open_log, tmp_path):
    for number in range(3):
        log = open_log()
        log.add(exposed(number))
        log.close()
    assert len(list((tmp_path / "log").iterdir())) == 3
    assert times_in(tmp_path / "log") == [0, 1, 2]


def test_no_name_of_a_file_comes_again(open_log, tmp_path, monkeypatch):
    monkeypatch.setattr(exposure_log, "LARGEST", 1)  # each write begins a file
    monkeypatch.setattr("os.getpid", lambda: 1)  # as in a container
    names = []
    for _ in range(2):
        log = open_log()
        for number in range(2):
            log.add(exposed(number))
            log._write_waiting()
            for file in (tmp_path / "log").iterdir():  # moved to another place
                names.append(file.name)
                file.unlink()
        log.close()
    assert len(set(names)) == len(names) >= 4


@pytest.mark.parametrize("removed", ["the file", "the folder"])
def test_a_list_after_a_removal_begins_a_new_file(open_log, tmp_path, removed):
    folder = tmp_path / "log"
    log = open_log()
    log.add(exposed(0))
    log._write_waiting()
    if removed == "the folder":
        shutil.rmtree(folder)
    else:
        next(folder.iterdir()).unlink()
    for number in (1, 2):
        log.add(exposed(number))
        log._write_waiting()
    log.close()
    assert times_in(folder) == [1, 2]
    assert len(list(folder.iterdir())) == 1
    assert ends(log) == (3, 0)


def test_exposures_that_a_full_disk_took_are_not_counted_as_dropped(open_log, tmp_path, caplog):
    log = open_log()
    write, calls = FileIO.write, []

    class FullDisk(FileIO):
        def write(self, text):
            calls.append(len(text))
            if len(calls) == 1:
                return write(self, bytes(text)[: len(text) // 2 + 9])  # room for half a batch
            raise OSError(errno.ENOSPC, "No space left on device")

    log.file.close()
    log.file = FullDisk(next((tmp_path / "log").iterdir()), "a")
    for number in range(10):
        log.add(exposed(number))
    log.close()
    found = read_exposures(tmp_path / "log")
    assert (sorted(found.frame["time"].to_list()), found.torn) == ([*range(5)], 1)
    assert ends(log) == (5, 5)
    (record,) = [r for r in caplog.records if r.message == "exposures not written"]
    assert record.fields == {"reason": "No space left on device", "dropped": 5}


def test_a_full_disk_drops_exposures_and_begins_another_file(open_log, tmp_path, monkeypatch):
    log = open_log()
    log.add(exposed(0))
    log._write_waiting()
    write, calls = FileIO.write, []

    class FullDisk(FileIO):
        def write(self, text):
            calls.append(len(text))
            if len(calls) == 1:
                return write(self, bytes(text[:50]))  # the disk has room for a part
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self):
            super().close()
            raise OSError(errno.EDQUOT, "Disk quota exceeded")  # a network file system

    log.file.close()
    log.file = FullDisk(next((tmp_path / "log").iterdir()), "a")
    log.add(exposed(1))
    log._write_waiting()
    log.add(exposed(2))
    log.close()
    found = read_exposures(tmp_path / "log")
    assert (sorted(found.frame["time"].to_list()), found.torn, found.rejected) == ([0, 2], 1, 0)
    assert ends(log) == (2, 1)


def test_attempts_on_a_full_disk_leave_no_files(open_log, tmp_path, monkeypatch):
    class FullDisk(FileIO):
        def write(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    log = open_log()
    log._close_file()
    with monkeypatch.context() as full:
        full.setattr(exposure_log, "FileIO", FullDisk)
        for number in range(3):
            log.add(exposed(number))
            log._write_waiting()
    assert len(list((tmp_path / "log").iterdir())) == 1
    log.add(exposed(3))
    log.close()
    assert times_in(tmp_path / "log") == [3]
    assert ends(log) == (1, 3)


def test_a_queue_that_is_full_drops_exposures(open_log, tmp_path, monkeypatch):
    monkeypatch.setattr(exposure_log, "MOST", 5)
    log = open_log()
    for number in range(8):
        log.add(exposed(number))
    log.close()
    assert times_in(tmp_path / "log") == [0, 1, 2, 3, 4]
    assert ends(log) == (5, 3)


def test_the_log_is_written_while_the_service_runs(open_log, tmp_path, monkeypatch):
    monkeypatch.setattr(exposure_log, "PAUSE", 0.01)
    log = open_log()
    log.add(exposed(7))
    end = time.monotonic() + 10
    while ends(log) != (1, 0) and time.monotonic() < end:
        time.sleep(0.01)
    assert times_in(tmp_path / "log") == [7]  # before it is closed
    log.close()


def test_a_folder_that_cannot_be_written_is_an_error(open_log, tmp_path):
    (tmp_path / "log").write_text("a file")
    with pytest.raises(ConfigError, match="give another --exposures"):
        open_log()
