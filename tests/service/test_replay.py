"""Test an estimate from the first request to the report: a service, its log, and the command."""

import json
import time

import numpy as np
import pytest

from commands import run
from prismrec.cli._estimate import EstimateOptions
from prismrec.errors import ConfigError
from prismrec.evaluation import ReplayOptions, read_exposures
from prismrec.recommend import load, save
from prismrec.service import Experiment, ServePaths, Settings
from service.clients import post

pytestmark = pytest.mark.slow

SECRET = "a secret for the tests"  # noqa: S105
USERS = 50
TEXT = """
name = "three-ways"
salt = "2026"
[[variants]]
name = "control"
share = 0.4
[[variants]]
name = "diverse"
share = 0.4
options = {{ diversity = 0.8, interests = {{ mix = "shares" }}, {more} }}
[[variants]]
name = "other"
share = 0.2
options = {{ comparison = true }}
"""


@pytest.fixture
def experiment(world, serve, dataset, tmp_path, monkeypatch):
    """Return a function that serves users, and returns the exposure log and a file of events."""
    monkeypatch.setenv("PRISMREC_EXPOSURE_SECRET", SECRET)

    def serve_users(more="blocked = ['unknown']", users=USERS, artifact="first", **options):
        (tmp_path / "experiment.toml").write_text(TEXT.format(more=more))
        places = ServePaths(
            artifact=world / artifact, compare_with=world / "other",
            experiment=tmp_path / "experiment.toml", exposures=tmp_path / "log",
        )  # fmt: skip
        client = serve(places=places, history=8)
        random, events = np.random.default_rng(0), []

        def store(user, items, moment, kind="buy"):
            rows = [(user, item, moment + n, kind) for n, item in enumerate(items)]
            sent = [dict(zip(("user", "item", "time", "kind"), row, strict=True)) for row in rows]
            post(client, "/v1/events", events=sent)
            events.extend(rows)

        start = time.time_ns() // 1_000 - 10**9
        for number in range(users):
            user = f"user {number}"
            own = dataset.catalog.items.external(dataset.histories[number].tolist())
            if number:  # the first user has no history
                store(user, own[:7], start)
            first = post(client, "/v1/recommend", user=user, **options)
            bought = first["items"][random.integers(5)]["id"]
            store(user, [bought, *own[7:]], time.time_ns() // 1_000)
            if number % 3 == 0:  # of these, some like it again
                store(user, [bought, first["items"][5]["id"]], time.time_ns() // 1_000, "return")
            if number % 6 == 0:
                store(user, [bought], time.time_ns() // 1_000)
            post(client, "/v1/recommend/batch", requests=[{"user": user, **options}])
        client.context.close()
        lines = [",".join(map(str, row)) for row in events]
        (tmp_path / "events.csv").write_text("\n".join(["user,item,time,event", *lines]))
        return tmp_path / "log", tmp_path / "events.csv"

    return serve_users


def flags(world, estimate="other", artifact="first"):
    artifacts = ("--artifact", world / artifact, "--compare-with", world / "other", "--history", 8)
    return "--estimate", world / estimate, *artifacts


@pytest.mark.parametrize(
    ("more", "options"),
    [("blocked = ['unknown']", {"k": 12}), ("k = 7", {})],
)
def test_all_logged_lists_are_computed_again(experiment, world, capsys, more, options):
    logs = experiment(more, **options)
    assert run("abtest", *logs, "-k", 5, *flags(world), "--json") == 0
    report = json.loads(capsys.readouterr().out)
    found = report["estimate"]
    assert found["artifact"] == str(world / "other")
    assert (found["same"], found["lists"]) == (1, 2 * USERS)
    # With the options of the control, the other artifact makes the lists of the third variant.
    assert found["coverage"] == 1
    third = found["variants"][2]
    assert (third["name"], third["estimate"]) == ("other", found["estimate"])
    assert found["estimate"] > 0
    assert run("abtest", *logs, "-k", 5, *flags(world), "--options-of", "diverse") == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("Estimate (not a measurement) for") for line in lines)
    assert any(line.startswith("new artifact") for line in lines)
    assert any("logged lists were computed again exactly" in line for line in lines)
    assert all(len(line) <= 80 or str(world) in line for line in lines)


def test_lists_are_computed_again_with_the_dislikes_of_the_service(experiment, world, capsys):
    rules = {"dislikes": "event=return", "dislikes_by": "kind"}
    save(load(world / "first"), world / "rules", about={"dataset": {"weighting": rules}})
    logs = experiment(artifact="rules", k=12)
    asked = ["abtest", *logs, "-k", 5, *flags(world, artifact="rules"), "--json"]
    assert run(*asked, "--dislikes", "event=return") == 0
    with_dislikes = json.loads(capsys.readouterr().out)
    assert with_dislikes["estimate"]["same"] == 1
    assert not any("--dislikes" in note for note in with_dislikes["estimate"]["notes"])
    assert run(*asked) == 0
    without = json.loads(capsys.readouterr().out)
    assert without["estimate"]["same"] < 0.95
    assert "prepared with --dislikes event=return" in without["estimate"]["notes"][0]
    events = [one["variants"][0]["means"]["events_per_user"] for one in (without, with_dislikes)]
    assert events[0] > events[1]


def test_an_experiment_that_the_log_describes_is_checked(experiment, world, capsys):
    logs = experiment(users=15)
    assert run("abtest", *logs, *flags(world)[:4]) == 2
    assert "name it with --compare-with" in capsys.readouterr().err
    assert run("abtest", *logs, *flags(world), "--options-of", "contrl") == 2
    assert "No variant named 'contrl'" in capsys.readouterr().err
    assert run("abtest", *logs, "--estimate", world / "other") == 2
    assert "--estimate needs the artifact" in capsys.readouterr().err
    assert run("abtest", *logs, "--artifact", world / "other") == 2
    assert "add --estimate FOLDER" in capsys.readouterr().err
    definition = read_exposures(logs[0]).definition
    assert Experiment.logged(definition, compares=True).options_of("control").k == 20
    for changed, part in (
        ({"rerank": "os:system"}, "the re-ranker 'os:system', which does not exist"),
        ({"k": 10**9}, "'diverse' cannot be used: k: input should be less"),
        ({"user": "x"}, "sets 'user', which a variant cannot set"),
    ):
        control, diverse, other = definition["variants"]
        variants = [control, diverse | {"options": changed}, other]
        with pytest.raises(ConfigError, match=part):
            Experiment.logged(definition | {"variants": variants}, compares=True)
    with pytest.raises(ConfigError, match="The experiment of the exposure log cannot be used"):
        Experiment.logged({"name": "test"}, compares=True)


def test_histories_are_as_long_as_those_of_a_service_by_default():
    default = EstimateOptions().replaying(10, 60.0)
    assert default.newest == ReplayOptions().newest == Settings().history


def test_events_that_the_service_did_not_have_are_found(experiment, world, capsys):
    exposures, events = experiment(users=15, k=12)
    text = events.read_text().splitlines()
    events.write_text("\n".join([text[0], *text[1::2]]))
    assert run("abtest", exposures, events, *flags(world)) == 0
    assert "logged lists were computed again exactly: the" in capsys.readouterr().out
