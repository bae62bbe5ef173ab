"""Run every command on a small data set, and check the messages for mistakes."""

import dataclasses
import importlib
import inspect
import io
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from dataclasses import replace
from unittest.mock import Mock

import pyarrow.parquet as pq
import pytest
import torch

from commands import WORLD, run
from prismrec.cli import COMMANDS
from prismrec.cli._split_data import read_split_data
from prismrec.data import load_dataset, save_dataset
from prismrec.recommend.artifact import load, save
from prismrec.recommend.manifest import artifact_name
from prismrec.service.responses import ServedAnswer
from prismrec.training.initialize import init_from_cooccurrence

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    """Prepare and train once; return a folder with data, a model, and a model with one interest."""
    folder = tmp_path_factory.mktemp("pipeline")
    assert run("prepare", WORLD, "--out", folder / "data", "--seed", 1) == 0
    train = ["train", folder / "data", "--out", folder / "books", "--dim", 8, "--max-len", 10]
    assert run(*train, "--epochs", 2, "--quiet", "--batch-size", 64) == 0
    return folder


@pytest.fixture
def mistake(capsys):
    """Return a function that runs a command which must fail, and returns its message."""

    def fails(*arguments):
        assert run(*arguments) == 2
        shown = capsys.readouterr()
        assert shown.out == ""
        lines = shown.err.splitlines()
        assert len(lines) == 1, shown.err
        assert lines[0].startswith("error: ")
        return lines[0]

    return fails


def test_prepare_prints_the_remaining_data_and_the_next_command(tmp_path, capsys):
    assert run("prepare", WORLD, "--out", tmp_path / "data") == 0
    out = capsys.readouterr().out
    assert "120 users, 60 items, 1,440 events" in out
    assert "96 train, 12 valid, 12 test" in out
    assert f"Next: prismrec train {tmp_path / 'data'}" in out


def test_prepare_takes_the_shares_of_the_split(tmp_path, capsys, mistake):
    asked = ["prepare", WORLD, "--out", tmp_path / "data"]
    assert run(*asked, "--split", "by-user", "--valid", 0.2, "--test", 0.3) == 0
    assert "60 train, 24 valid, 36 test" in capsys.readouterr().out
    assert "their sum must be below 1" in mistake(*asked, "--valid", 0.6, "--test", 0.4)
    message = mistake(*asked, "--split", "leave-last-out", "--test", 0.2)
    assert "'leave-last-out' has no option 'test'" in message


@pytest.mark.slow
def test_train_from_an_earlier_artifact_records_it_and_refuses_another_size(
    pipeline, tmp_path, capsys, mistake
):
    asked = ["train", pipeline / "data", "--out", tmp_path / "new", "--from", pipeline / "books"]
    assert "dim is 64, but the earlier artifact" in mistake(*asked, "--dim", 64, "--quiet")
    assert run(*asked, "--no-single") == 0
    shown = " ".join(capsys.readouterr().err.split())
    assert "Chosen from the earlier training or from your data" in shown
    assert "epochs 1" in shown
    settings = tomllib.loads((tmp_path / "new" / "run.toml").read_text())
    assert settings["from"] == str(pipeline / "books")
    again = ["--config", tmp_path / "new" / "run.toml", "--quiet"]
    assert run("train", pipeline / "data", "--out", tmp_path / "again", *again) == 0
    assert "interests are formed as in the earlier artifact" in capsys.readouterr().out
    one, other = (load(tmp_path / name).model.item_vectors() for name in ("new", "again"))
    assert torch.equal(one, other)
    capsys.readouterr()
    assert "No artifact at" in mistake(*asked[:4], "--from", tmp_path / "nowhere", "--quiet")


def test_prepare_prints_the_number_and_the_handling_of_duplicates(tmp_path, capsys):
    rows = [f"u{user},i{item},{item}" for user in range(30) for item in range(5)]
    log = tmp_path / "log.csv"
    log.write_text("\n".join(["user,item,time", *rows, *rows[:72]]))
    assert run("prepare", log, "--out", tmp_path / "kept") == 0
    assert "duplicates  72 exact, 72 repeats in a row: keep\n" in capsys.readouterr().out
    drop = ["--duplicates", "drop-exact"]
    assert run("prepare", log, "--out", tmp_path / "dropped", *drop) == 0
    out = capsys.readouterr().out
    assert "duplicates  72 exact, 72 repeats in a row: drop-exact\n" in out
    assert "30 users, 5 items, 150 events" in out


@pytest.mark.parametrize(
    ("table", "message", "counts"),
    [
        ("X1,T,c", "none of 5 is in the file of items; are the ids the same?", (0, 5)),
        ("i1,T,c\ni2,T,", "2 of 5 are in the file of items, 4 without category", (2, 4)),
        (
            "i1,T,c\n,T,c",
            "rejected    in the file of items: 1 row: item is missing (line 3",
            (1, 4),
        ),
    ],
)
def test_prepare_prints_how_many_items_the_table_describes(
    tmp_path, capsys, table, message, counts
):
    rows = [f"u{user},i{item},{item}" for user in range(30) for item in range(5)]
    (tmp_path / "log.csv").write_text("\n".join(["user,item,time", *rows]))
    (tmp_path / "items.csv").write_text(f"item,title,category\n{table}\n")
    asked = ["prepare", tmp_path / "log.csv", "--items", tmp_path / "items.csv", "--out"]
    assert run(*asked, tmp_path / "data") == 0
    assert message in capsys.readouterr().out
    assert run(*asked, tmp_path / "data", "--json") == 0
    value = json.loads(capsys.readouterr().out)
    assert (value["items_described"], value["items_without_category"]) == counts


def test_prepare_reports_where_categories_are_from(tmp_path, capsys):
    rows = [f"u{user},i{item},{item},c" for user in range(30) for item in range(5)]
    (tmp_path / "log.csv").write_text("\n".join(["user,item,time,category", *rows]))
    (tmp_path / "items.csv").write_text("item,title\ni1,T\n")
    asked = ["prepare", tmp_path / "log.csv", "--items", tmp_path / "items.csv", "--out"]
    assert run(*asked, tmp_path / "data") == 0
    assert "categories  from the log\n" in capsys.readouterr().out
    (tmp_path / "items.csv").write_text("item,title,category\ni1,T,d\n")
    assert run(*asked, tmp_path / "data") == 0
    assert "categories  from the file of items, not from the log\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["prepare", "{log}", "--out", "{log}/x"],
            "log.csv/x could not be written (Not a directory)",
        ),
        (["prepare", "{log}", "--out", "x", "--seed", "-1"], "seed is -1"),
        (
            ["prepare", "{log}", "--out", "x", "--config", "{bad}"],
            "bad.toml', which is not valid TOML",
        ),
        (["prepare", "{bad}", "--out", "x", "--encoding", "rot13"], "encoding is 'rot13'"),
        (["recommend", "a", "--user", "b", "--data", "a" * 5_000], "No data set at aaa"),
    ],
)
def test_errors_of_the_system_and_of_files_are_one_sentence(mistake, tmp_path, arguments, message):
    rows = [f"u{user},i{item},{item}" for user in range(30) for item in range(5)]
    (tmp_path / "log.csv").write_text("\n".join(["user,item,time", *rows]))
    (tmp_path / "bad.toml").write_text("split = by-time\n")
    names = {"log": tmp_path / "log.csv", "bad": tmp_path / "bad.toml"}
    assert message in mistake(*(argument.format(**names) for argument in arguments))


@pytest.mark.parametrize(
    ("text", "flags", "message"),
    [
        ("u,a,5\nv,b,6\n", [], "lower --min-user-events or --min-item-events"),
        ("u,a,5\n", ["--min-user-events", "0"], "--min-user-events is 0; it must"),
        (
            "u,a,1511544070\nu,b,1511544080000\n",
            [],
            "with --time-unit, or read each time by its own ",
        ),
        ("u,a,1511544070\nu,b,1511544080000\n", [], "size with --time-unit auto-per-row."),
        ("u,\xe9,5\n", [], "such as --encoding latin-1."),
        ("u,a,5\n", ["--events", "buy"], "--events is 'buy', but "),
        ("u,a,5\n", ["--user-column", "time_unit"], "The user column 'time_unit' is not in "),
    ],
)
def test_an_error_names_flags_and_not_python_parameters(mistake, tmp_path, text, flags, message):
    log = tmp_path / "log.csv"
    log.write_bytes(f"user,item,time\n{text}".encode("latin-1"))
    assert message in mistake("prepare", log, "--out", tmp_path / "data", *flags)


@pytest.mark.parametrize("size", [0, 400, 3_000])
def test_the_error_for_a_full_disk_names_the_folder(mistake, tmp_path, size):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        message = mistake("prepare", WORLD, "--out", tmp_path / "data")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert f"{tmp_path / 'data'} could not be written (" in message
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("ways", [["--min-user-events", 4.5], ["--seed=0.5"], "valid=1\nseed=1.5"])
def test_a_fraction_is_not_rounded_to_a_whole_number(mistake, tmp_path, ways):
    if isinstance(ways, str):
        (tmp_path / "set.toml").write_text(ways)
        ways = ["--config", tmp_path / "set.toml"]
    message = mistake("prepare", "x.csv", "--out", tmp_path / "x", *ways)
    assert "5; it must be a whole number, written without a point." in message


@pytest.mark.parametrize("in_file", [True, False])
def test_the_home_folder_is_expanded_in_every_path(tmp_path, monkeypatch, in_file):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home").mkdir()
    out = '\ufeffout = "~/data"' if in_file else ""  # with a mark of the byte order
    (tmp_path / "home" / "set.toml").write_text(out)
    ways = ["--config=~/set.toml"] + ([] if in_file else ["--out=~/data"])
    assert run("prepare", WORLD, *ways) == 0
    assert (tmp_path / "home" / "data" / "manifest.json").exists()
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[prepare]\nworkers = 2\n", "has a table [prepare]; write its settings at the top"),
        ('events = ["buy"]\n', "--events is 'buy', but "),  # also the name of a command
        ("serve = 1\n", 'Unknown option: "[serve]"'),
    ],
)
def test_no_line_of_a_settings_file_is_ignored(mistake, tmp_path, text, message):
    (tmp_path / "log.csv").write_text("user,item,time\nu,a,5\n")
    (tmp_path / "set.toml").write_text(text)
    asked = ["prepare", tmp_path / "log.csv", "--out", tmp_path / "x"]
    assert message in mistake(*asked, "--config", tmp_path / "set.toml")


@pytest.mark.parametrize(("error", "message"), [
    (OSError(5, "Input/output error", "log.csv"), "log.csv could not be read or written: Input"),
    (RuntimeError("Broken (os error 28)"), "refused a step: Broken (os error 28)"),
])  # fmt: skip
def test_any_error_of_the_system_is_one_sentence(monkeypatch, mistake, error, message):
    def refused(app, arguments):
        raise error

    monkeypatch.setattr("prismrec.cli._read_config_file", refused)
    assert message in mistake("datasets")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "out of memory"),
        (ImportError("libtorch.so: failed to map segment"), "libtorch.so: failed to map segment"),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), "No module named 'torch'"),
    ],
)
def test_a_command_that_cannot_be_loaded_is_one_sentence(monkeypatch, capsys, error, reason):
    monkeypatch.setattr("importlib.import_module", Mock(side_effect=error))
    assert run("datasets") == 2
    assert f"error: prismrec datasets could not be loaded ({reason}); free memory, or " in (
        " ".join(capsys.readouterr().err.split())
    )


def test_a_bug_at_the_import_of_a_command_keeps_its_traceback(monkeypatch):
    error = ImportError("cannot import name 'x'", name="prismrec.data")
    monkeypatch.setattr("importlib.import_module", Mock(side_effect=error))
    with pytest.raises(ImportError, match="cannot import name"):
        run("datasets")


def test_a_bug_keeps_its_traceback(monkeypatch):
    monkeypatch.setattr("prismrec.cli._read_config_file", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("datasets")


def test_a_closed_output_pipe_is_not_an_error(monkeypatch, capsys):
    def enough(app, arguments):
        raise BrokenPipeError

    monkeypatch.setattr("prismrec.cli._read_config_file", enough)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert run("datasets") == 0


@pytest.mark.parametrize(
    ("users", "message"), [(30, "Known: user0, user1"), (31, "among the 31 known")]
)
def test_the_error_for_an_unknown_user_lists_only_a_few_users(
    tmp_path, mistake, capsys, users, message
):
    rows = [f"user{user},i{item},{item}" for user in range(users) for item in range(5)]
    (tmp_path / "log.csv").write_text("\n".join(["user,item,time", *rows]))
    assert run("prepare", tmp_path / "log.csv", "--out", tmp_path / "data") == 0
    capsys.readouterr()
    asked = ["recommend", "nowhere", "--user", "usre7", "--data", tmp_path / "data"]
    sentence = mistake(*asked)
    assert message in sentence
    assert "Did you mean 'user7'?" in sentence
    assert ("user29" in sentence) == (users == 30)


@pytest.mark.slow
def test_training_writes_two_artifacts_and_keeps_no_checkpoint(pipeline):
    assert {path.name for path in pipeline.iterdir()} == {"data", "books", "books-k1"}
    manifest = json.loads((pipeline / "books" / "manifest.json").read_text())
    assert manifest["about"]["run"]["interests"] == 1
    assert manifest["extractor"]["options"] == {
        "dim": 8, "interests": 1, "max_len": 10, "block": False,
    }  # fmt: skip
    assert manifest["model"]["forming"]["clusters"] in (3, 6)
    single = json.loads((pipeline / "books-k1" / "manifest.json").read_text())
    assert "forming" not in single["model"]
    weights = "model.safetensors"
    assert (pipeline / "books" / weights).read_bytes() == (
        pipeline / "books-k1" / weights
    ).read_bytes()


@pytest.mark.slow
def test_the_saved_settings_train_the_same_model_again(pipeline, tmp_path):
    again = tmp_path / "again"
    config = ["--config", pipeline / "books" / "run.toml"]
    assert run("train", pipeline / "data", "--out", again, *config, "--no-single", "--quiet") == 0
    weights = "model.safetensors"
    assert (again / weights).read_bytes() == (pipeline / "books" / weights).read_bytes()


@pytest.mark.slow
def test_the_lists_of_all_users_are_made_in_shards(pipeline, tmp_path, capsys, mistake):
    words = ["recommend", pipeline / "books", "--histories", pipeline / "data"]
    words += ["--out", tmp_path / "lists.parquet", "-k", 3]
    users = 0
    for shard in ("1/2", "2/2"):
        assert run(*words, "--shard", shard, "--json") == 0
        summary = json.loads(capsys.readouterr().out)
        number = shard[0]
        assert summary["out"] == str(tmp_path / f"lists-{number}-of-2.parquet")
        table = pq.read_table(summary["out"])
        assert len(set(table["user"].to_pylist())) == summary["histories"]
        users += summary["histories"]
    assert users == 120
    assert "The shard is 3/2" in mistake(*words, "--shard", "3/2")
    alone = mistake("recommend", pipeline / "books", "--history", "1,2", "--shard", "1/2")
    assert "--shard I/N needs --histories FILE" in alone


@pytest.mark.slow
@pytest.mark.parametrize("many", [True, False])
def test_the_cost_of_many_events_is_estimated_before_the_training(
    pipeline, tmp_path, monkeypatch, capsys, many
):
    monkeypatch.setattr("prismrec.cli.train.MANY_EVENTS", 1 if many else 10**6)
    assert run("train", pipeline / "data", "--out", tmp_path / "model", "--steps", 3) == 0
    shown = " ".join(capsys.readouterr().err.split())
    estimated = r"On this machine: about \d+ s \(initial vectors 1 s, steps .* of memory\."
    assert bool(re.search(estimated, shown)) == many
    if many:
        assert shown.index("On this machine") < shown.index("model: step")


@pytest.mark.slow
def test_clusters_are_initialized_and_the_second_model_has_one_interest(
    pipeline, tmp_path, monkeypatch
):
    starts = []

    def start(model, train, *, clusters, **options):
        starts.append(clusters)
        init_from_cooccurrence(model, train, clusters=clusters, **options)

    monkeypatch.setattr("prismrec.training.build.init_from_cooccurrence", start)
    clusters = ("--interests", 3, "--set", "clusters=2", "--epochs", 1, "--quiet")
    assert run("train", pipeline / "data", "--out", tmp_path / "model", *clusters) == 0
    assert starts == [2, 0]
    made = [load(tmp_path / name).model.extractor for name in ("model", "model-k1")]
    assert [(one.interests, one.clusters) for one in made] == [(3, 2), (1, 0)]


@pytest.mark.slow
def test_an_artifact_without_a_fingerprint_is_compared_by_its_items(
    pipeline, tmp_path, mistake, capsys
):
    recommender = load(pipeline / "books")
    for name, about in (("silent", {}), ("odd", {"dataset": "ml-100k"})):
        save(replace(recommender, about=about), tmp_path / name)
        assert run("evaluate", tmp_path / name, pipeline / "data", "-k", 5) == 0
    other = "synthetic:many-taste?users=90&items=48&clusters=6&seed=7"
    assert run("prepare", other, "--out", tmp_path / "other") == 0
    capsys.readouterr()
    for name in ("silent", "odd"):
        message = mistake("evaluate", tmp_path / name, tmp_path / "other")
        assert f"{name} numbers other items" in " ".join(message.split())
    assert "was trained on another data set" in mistake(
        "evaluate", pipeline / "books", tmp_path / "other"
    )


@pytest.mark.slow
def test_a_model_of_another_split_or_of_other_events_is_not_evaluated(
    pipeline, tmp_path, mistake, capsys
):
    assert run("prepare", WORLD, "--out", tmp_path / "other", "--seed", 2) == 0
    capsys.readouterr()
    message = mistake("evaluate", pipeline / "books", tmp_path / "other")
    for seed in (1, 2):
        assert f"by-user (valid 0.1, test 0.1, seed {seed}, history_share 0.8)" in message
    dataset = load_dataset(pipeline / "data")
    changed = replace(dataset.histories, times=dataset.histories.times + 1)
    save_dataset(replace(dataset, histories=changed), tmp_path / "later")
    message = mistake("evaluate", pipeline / "books", tmp_path / "later")
    assert "was trained on other events of the users and items of" in message


def test_a_folder_without_a_split_is_split_by_user_with_a_note(pipeline, tmp_path, capsys):
    save_dataset(replace(load_dataset(pipeline / "data"), split=None), tmp_path / "data")
    read_split_data(tmp_path / "data", quiet=False)
    assert "saved without a split" in (note := " ".join(capsys.readouterr().err.split()))
    assert "by-user, seed 0, 80/10/10" in note
    read_split_data(pipeline / "data", quiet=False)
    read_split_data(tmp_path / "data", quiet=True)
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_unknown_ids_of_a_filter_are_named(pipeline, capsys):
    asked = ["recommend", pipeline / "books", "--history", "1,2"]
    asked += ["--allowed", "zzz,3", "--blocked", "yyy"]
    assert run(*asked) == 0
    assert "neither blocked nor allowed: yyy, zzz" in capsys.readouterr().out
    assert run(*asked, "--json") == 0
    assert json.loads(capsys.readouterr().out)["unknown_filter"] == ["yyy", "zzz"]


@pytest.mark.slow
def test_numbers_of_no_interest_are_named(pipeline, capsys):
    asked = ["recommend", pipeline / "books", "--history", "1,2", "--interest-minimum", "98=3"]
    assert run(*asked, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["unknown_interests"] == [98]
    known = ", ".join(str(one["number"]) for one in found["interests"])
    assert run(*asked) == 0
    assert f"Interest 98 does not exist; this history has {known}." in capsys.readouterr().out
    assert run(*asked, "--interest-weight", "99=0") == 0
    assert "Interests 98, 99 do not exist; this history has" in capsys.readouterr().out


@pytest.mark.slow
def test_evaluate_shows_every_baseline_and_the_model_with_one_interest(pipeline, capsys, tmp_path):
    report = ["--report", tmp_path / "report", "-k", 5, "-k", 10, "--diversity", 0.2]
    assert run("evaluate", pipeline / "books", pipeline / "data", *report) == 0
    out = capsys.readouterr().out
    names = ["popularity", "item-knn", "sequential-rules", "ease", "books", "books-k1"]
    table = out.splitlines()[1 : out.splitlines().index("")]
    rows = [row.split("  ")[0] for row in table]
    # Where validation prefers rules, the models are measured without them too.
    shown = [row for row in rows if not row.endswith(" without rules")]
    assert shown == [*names[:5], "books λ=0.2", "books-k1", "books-k1 λ=0.2"]
    assert "books against books-k1, recall@10: " in out
    assert max(map(len, table)) <= 80
    written = json.loads((tmp_path / "report" / "report.json").read_text())
    assert [entry["name"] for entry in written["entries"]] == rows
    hashes = {entry["name"]: entry["artifact"] for entry in written["entries"]}
    assert hashes["ease"] is None
    for name in ("books", "books-k1"):
        assert hashes[name] == hashes[f"{name} λ=0.2"] == artifact_name(pipeline / name)
    assert (tmp_path / "report" / "report.html").stat().st_size > 10_000


@pytest.mark.slow
def test_evaluate_measures_a_reranker(pipeline, capsys, mistake):
    asked = ["evaluate", pipeline / "books", pipeline / "data", "-k", 5, "--rerank", "mmr"]
    assert run(*asked, "--diversity", 0.9, "--json") == 0
    found = json.loads(capsys.readouterr().out)["entries"]
    lists = {name: found[name]["exclude_seen"] for name in ("books", "books mmr λ=0.9")}
    assert lists["books"] != lists["books mmr λ=0.9"]
    sentence = "--rerank is mmr, but without a diversity strength no re-ranker changes a list"
    assert sentence in mistake(*asked)
    assert "Did you mean 'mmr'?" in mistake(*asked[:-1], "mmmr", "--diversity", 0.9)


@pytest.mark.slow
def test_evaluate_names_shorter_lists_if_they_have_most_of_the_catalog(pipeline, capsys):
    items = 2 * 30  # of the world of ``pipeline``
    for k, warns in ((items // 2, False), (items // 2 + 1, True)):
        assert run("evaluate", pipeline / "books", pipeline / "data", "-k", k, "--json") == 0
        sentences = json.loads(capsys.readouterr().out)["differences"]
        said = [one for one in sentences if f"Lists of {k} of {items} items have most" in one]
        assert bool(said) == warns


@pytest.mark.slow
def test_evaluate_prints_a_repeated_number_once(pipeline, capsys, tmp_path):
    repeated = ["-k", 7, "-k", 5, "-k", 7, "--diversity", 0.2, "--diversity", 0.2]
    report = ["--report", tmp_path / "report"]
    assert run("evaluate", pipeline / "books", pipeline / "data", *repeated, *report) == 0
    lines = capsys.readouterr().out.splitlines()
    columns = ["R@5 keep", "R@7 keep", "N@7 keep", "R@5 filt", "R@7 filt", "N@7 filt"]
    assert lines[0].split() == " ".join(columns).split()
    assert sum(line.startswith("books λ=0.2") for line in lines[: lines.index("")]) == 1


@pytest.mark.slow
def test_evaluate_compares_every_two_of_several_artifacts(pipeline, capsys, tmp_path, mistake):
    shutil.copytree(pipeline / "books", tmp_path / "copy")
    artifacts = [pipeline / "books", pipeline / "books-k1", tmp_path / "copy"]
    assert run("evaluate", *artifacts, "--data", pipeline / "data", "-k", 5, "--json") == 0
    sentences = json.loads(capsys.readouterr().out)["differences"]
    pairs = [sentence for sentence in sentences if "Holm" in sentence]
    assert [sentence.partition(",")[0] for sentence in pairs] == [
        "books against books-k1", "books against copy", "books-k1 against copy",
    ]  # fmt: skip
    assert all("(Holm, 3 pairs)" in sentence for sentence in pairs)
    assert "recall@5: level, +0.0000 ± 0.0000" in pairs[1]
    assert "p = 1.0000" in pairs[1]

    assert "no data set folder" in mistake("evaluate", pipeline / "books")
    shutil.copytree(pipeline / "books", tmp_path / "other" / "books")
    same = mistake("evaluate", artifacts[0], tmp_path / "other" / "books", "--data",
                   pipeline / "data")  # fmt: skip
    assert "Two artifacts have the name books" in same


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"seed": 9, "dim": 4}, "they were trained with other settings (dim, seed)"),
        (None, "books-k1 has several interests"),
    ],
)
def test_another_model_with_the_name_of_one_interest_is_left_out(
    pipeline, capsys, tmp_path, change, reason
):
    for name in ("books", "books-k1"):
        shutil.copytree(pipeline / (name if change else "books"), tmp_path / name)
    file = tmp_path / "books-k1" / "manifest.json"
    manifest = json.loads(file.read_text())
    manifest["about"]["run"] |= change or {}
    file.write_text(json.dumps(manifest))
    assert run("evaluate", tmp_path / "books", pipeline / "data", "-k", 5) == 0
    out = " ".join(capsys.readouterr().out.split())
    left_out = "books-k1 is left out, since it is not the same model as books with one interest"
    assert f"{left_out}: {reason}." in out
    assert "books against books-k1" not in out
    named = [tmp_path / "books", tmp_path / "books-k1", "--data", pipeline / "data", "-k", 5]
    assert run("evaluate", *named) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "books against books-k1, recall@5: " in out  # as any two artifacts
    assert "the same model as books" not in out


@pytest.mark.slow
def test_evaluate_refuses_another_data_set(pipeline, tmp_path, mistake, capsys):

    assert run("prepare", WORLD + "9", "--out", tmp_path / "other") == 0
    capsys.readouterr()
    sentence = mistake("evaluate", pipeline / "books", tmp_path / "other")
    assert "trained on another data set" in sentence


@pytest.mark.slow
def test_recommend_gives_ids_titles_scores_and_interests(pipeline, capsys):
    assert run("recommend", pipeline / "books", "--history", "1,2,3", "-k", 4, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert len(answer["items"]) == 4
    assert {"id", "title", "score", "interest", "because"} <= set(answer["items"][0])
    assert not {"1", "2", "3"} & {item["id"] for item in answer["items"]}
    over_http = {field.name for field in dataclasses.fields(ServedAnswer)}
    assert answer.keys() == over_http - {"artifact"}
    assert run("recommend", pipeline / "books", "--user", "0", "--data", pipeline / "data") == 0
    out = capsys.readouterr().out
    assert re.search(r"interest \d \(cluster ", out)
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.slow
def test_doctor_passes_healthy_folders_and_fails_a_damaged_one(pipeline, capsys, tmp_path):
    assert run("doctor", pipeline / "books", pipeline / "data") == 0
    out = capsys.readouterr().out
    assert out.count(": OK: ") == 2
    (tmp_path / "manifest.json").write_text("{}")
    assert run("doctor", tmp_path) == 2
    assert ": FAILED: " in capsys.readouterr().out


@pytest.mark.slow
def test_inspect_prints_the_same_values_as_json(capsys):
    assert run("inspect", WORLD, "--json") == 0
    message = json.loads(capsys.readouterr().out)
    assert message["users"] == 120
    assert run("inspect", WORLD) == 0
    assert "120 users" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], 'Did you mean "train"?'),
        (["prepare", "ml-100kk", "--out", "x"], "no data set of that name"),
        (["prepare", "synthetic:taste", "--out", "x"], "No synthetic world named 'taste'"),
        (["recommend", "nowhere", "--history", "a"], "No artifact at nowhere"),
        (["recommend", "nowhere"], "give one"),
        (["recommend", "a", "--history", "b", "--out", "c"], "needs --histories"),
        (["evaluate", "nowhere", "nothere"], "No data set at nothere"),
        (["train", "nothere", "--out", "x"], "No data set at nothere"),
        (["train", "nothere", "--out", "x", "--epochs", "many"], "epochs"),
        (["train", "nothere", "--out", "x", "--epochs", "0"], "epochs is 0"),
        (["train", "nothere", "--out", "x", "--disagreement", "nan"], "disagreement is nan"),
        (["train", "nothere", "--out", "x", "--config", "absent.toml"], "absent.toml"),
        (["recommend", "a", "--history", "b", "--diversity", "abc"], "abc"),
        (["recommend", "a", "--history", "b", "--interest-weight", "1"], "such as 2=0.5"),
        (["recommend", "a", "--history", "b", "--interest-weight", "a=1"], "such as 2=0.5"),
        (["recommend", "a", "--history", "b", "--interest-weight", "1=nan"], "is nan"),
        (["recommend", "a", "--history", "b", "--interest-weight=-1=2"], "such as 2=0.5"),
        (["recommend", "a", "--history", "b", "--interest-minimum", "1=1.5"], "such as 2=4"),
        (["recommend", "a", "--history", "b", "--interest-minimum", "1=nan"], "such as 2=4"),
    ],
)
def test_a_mistake_prints_one_sentence_to_stderr_and_exits_with_2(
    mistake, arguments, message, tmp_path
):
    assert message in mistake(*arguments)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--extractor", "saa"], "No extractor named 'saa'. Did you mean 'sa'?"),
        (
            ["--extractor", "sa", "--set", "hiden=4"],
            "has no option 'hiden'. Did you mean 'hidden'?",
        ),
        (["--set", "hidden"], "write NAME=VALUE"),
        (["--extractor", "sa", "--set", "interests=3"], "on the command line --interests"),
        (["--set", "clusters=abc"], "clusters is 'abc', but it must be a whole number"),
        (["--extractor", "gru", "--interests", "3"], "computes one interest; set interests to 1"),
        (["--readout", "soff"], "Did you mean 'soft'?"),
        (["--dropout", "1"], "dropout is 1"),
        (["--temperature", "-1"], "temperature is -1"),
    ],
)
def test_the_error_for_a_wrong_option_suggests_the_right_one(
    pipeline, mistake, tmp_path, flags, message
):
    assert message in mistake(
        "train", pipeline / "data", "--out", tmp_path / "x", "--quiet", *flags
    )
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "flags",
    [
        ["--extractor", "dr", "--readout", "hard", "--similarity", "dot"],
        ["--extractor", "sa"],
        ["--init", "random", "--tie-embeddings", "--negatives", "0", "--similarity", "cosine"],
        ["--extractor", "mind", "--readout", "soft", "--negatives", "50"],
        ["--extractor", "transformer", "--loss", "gbce", "--negatives", "20"],
        ["--extractor", "gru", "--sampler", "mixed", "--negatives", "40", "--sparse"],
        ["--extractor", "mean", "--loss", "bpr", "--negatives", "10", "--targets", "random"],
        ["--interests", "2", "--routing-variance", "1", "--disagreement", "0.1"],
        ["--readout", "maxsim"],
        ["--loss", "hard_negatives", "--readout", "hard", "--negatives", "30"],
        ["--precision", "bf16", "--horizon", "3", "--sampler", "log_uniform", "--negatives", "30"],
    ],
    ids=" ".join,
)
def test_every_training_option_works_from_the_command_line(pipeline, tmp_path, flags, capsys):
    small = ["--dim", 8, "--max-len", 8, "--steps", 3, "--warmup", 1, "--no-single", "--quiet"]
    assert run("train", pipeline / "data", "--out", tmp_path / "m", *small, *flags) == 0
    assert run("recommend", tmp_path / "m", "--history", "1,2", "-k", 3) == 0


@pytest.mark.slow
def test_a_run_interrupted_by_ctrl_c_resumes_to_the_same_model(pipeline, tmp_path):
    out = tmp_path / "m"
    arguments = ["--dim", "8", "--max-len", "8", "--epochs", "15", "--patience", "15"]
    arguments += ["--batch-size", "64", "--no-single", "--no-forming", "--no-rules"]
    flags = [*arguments, "--threads", "1", "--out", str(out)]
    command = [sys.executable, "-m", "prismrec", "train", str(pipeline / "data"), *flags]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as training:
        checkpoint = tmp_path / "m.run" / "last.safetensors"
        deadline = time.monotonic() + 120
        while not checkpoint.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        training.send_signal(signal.SIGINT)
        assert training.wait(60) == 130
    assert checkpoint.exists()
    assert not out.exists()
    assert run("train", pipeline / "data", *flags, "--resume", "--quiet") == 0
    unbroken = tmp_path / "unbroken"
    assert run("train", pipeline / "data", *flags[:-1], str(unbroken), "--quiet") == 0
    weights = "model.safetensors"
    assert (out / weights).read_bytes() == (unbroken / weights).read_bytes()


@pytest.mark.slow
def test_tensorboard_scalars_are_written(pipeline, tmp_path):
    board = ["--tensorboard", tmp_path / "board", "--no-single", "--quiet"]
    small = ["--dim", 8, "--steps", 3, "--warmup", 1]
    assert run("train", pipeline / "data", "--out", tmp_path / "m", *small, *board) == 0
    assert list((tmp_path / "board" / "m").glob("events.*"))


@pytest.mark.slow
def test_the_demo_runs_completely_on_a_small_data_set(tmp_path, capsys):
    assert run("demo", "--data", WORLD, "--out", tmp_path / "demo", "--epochs", 1) == 0
    out = capsys.readouterr().out
    for name in ("popularity", "sequential-rules", "comirec-sa", "prism-k1"):
        assert name in out
    assert re.search(r"interest \d \(cluster ", out)
    assert "The same user at diversity 0.5" in out
    assert (tmp_path / "demo" / "report" / "report.html").exists()
    table = [
        row for row in out.splitlines() if row.startswith(("popularity", "sa", "prism", "ease"))
    ]
    assert max(map(len, table[:3])) <= 80


@pytest.mark.slow
def test_the_demo_without_a_network_uses_synthetic_data(tmp_path, capsys, monkeypatch):
    def no_network(*_, **__):
        raise socket.gaierror("no network")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": "", "CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    demo = importlib.import_module("prismrec.cli.demo")
    smaller = demo.SYNTHETIC.replace("users=1500&items=1280", "users=300&items=160")
    assert smaller != demo.SYNTHETIC
    monkeypatch.setattr(demo, "SYNTHETIC", smaller)
    where = ["--out", tmp_path / "demo", "--cache", tmp_path / "cache"]
    assert run("demo", *where, "--epochs", 1) == 0
    printed = capsys.readouterr()
    assert "ml-100k could not be downloaded, so the demo uses synthetic data" in printed.err
    assert re.search(r"interest \d \(cluster ", printed.out)
    assert not any((tmp_path / "cache").glob("*"))
    assert run("demo", *where, "--data", "ml-1m") == 2
    assert "could not be downloaded" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_fits_into_80_columns(name, capsys):
    assert run(name, "--help") == 0
    out = capsys.readouterr().out
    command = getattr(importlib.import_module(f"prismrec.cli.{name}"), name)
    description = inspect.getdoc(command).partition("Args:")[0]  # the whole text
    assert " ".join(description.split()) in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 80


def test_the_list_of_commands_is_shown_without_loading_polars():
    code = "import sys, prismrec.cli as c; c.main(['--help']); sys.exit('polars' in sys.modules)"
    command = [sys.executable, "-c", code]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "--config FILE" in shown
    assert all(name in shown for name in COMMANDS)


def test_settings_of_torch_are_set_unless_the_user_has_set_them(monkeypatch, capsys):
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    monkeypatch.setenv("THP_MEM_ALLOC_ENABLE", "")  # restored at the end
    monkeypatch.delenv("THP_MEM_ALLOC_ENABLE")
    run("datasets")
    assert os.environ["OMP_WAIT_POLICY"] == "active"
    assert os.environ["THP_MEM_ALLOC_ENABLE"] == "1"


def test_an_interrupted_command_prints_that_it_stopped(tmp_path, capsys, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("prismrec.cli.prepare.open_log", interrupt)
    assert run("prepare", WORLD, "--out", tmp_path / "data") == 130
    assert capsys.readouterr().err == "Stopped.\n"


@pytest.mark.slow
def test_interrupted_lists_of_many_users_can_be_continued(pipeline, tmp_path, capsys, monkeypatch):
    asked = ["recommend", pipeline / "books", "--histories", pipeline / "data"]
    asked += ["--out", tmp_path / "lists.parquet"]

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("prismrec.recommend.bulk.batch_lists", interrupt)
        assert run(*asked) == 130
    assert "Interrupted; no list is finished. Continue with the" in capsys.readouterr().err
    with monkeypatch.context() as patch:
        patch.setattr("prismrec.recommend.bulk.pq.read_table", interrupt)  # after all parts
        assert run(*asked) == 130
    assert capsys.readouterr().err.endswith(
        "Interrupted; the lists of 120 histories are kept. Continue with the same command.\n"
        "Stopped.\n"
    )
    assert run(*asked) == 0
    assert "for 120 histories, 120 from a run before" in capsys.readouterr().out
