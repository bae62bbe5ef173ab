"""Test ``prismrec abtest``."""

import json

import pytest

from commands import run
from prismrec.evaluation import exposure_header, exposure_line, hash_user, power_of, users_needed

SECRET = "a secret for the tests"  # noqa: S105
VARIANTS = [{"name": name, "share": 0.5, "options": {}} for name in ("control", "new")]


@pytest.fixture
def logs(tmp_path, monkeypatch):
    """Write exposures of 40 users per variant and their events; return both paths."""
    monkeypatch.setenv("PRISMREC_EXPOSURE_SECRET", SECRET)
    rows = [exposure_header({"name": "test", "salt": "0", "variants": VARIANTS})]
    events = ["user,item,time"]
    for number in range(80):
        variant = ("control", "new")[number % 2]
        rows.append(
            exposure_line(
                request="r", time=1_700_000_000_000_000, experiment="test", variant=variant,
                user=hash_user(f"user {number}", SECRET.encode()), overridden=number > 77,
                items=["A", "B"],
            )
        )  # fmt: skip
        hit = number % 4 == 0 or number % 8 == 1
        events.append(f"user {number},{'B' if hit else 'C'},{1_700_000_060 + number}")
    events.append("somebody,A,1700200000")
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "events.csv").write_text("\n".join(events))
    return tmp_path / "log.jsonl", tmp_path / "events.csv"


def test_the_report_is_a_table(logs, capsys):
    assert run("abtest", *logs, "-k", 2, "--effect", 0.1) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "test: k=2, window 24 hours" in lines
    control = next(line.split() for line in lines if line.startswith("control"))
    # 20 of 39 users have a hit; their deviation is 0.5064, and t with 38 degrees is 2.0244.
    assert control[1:6] == ["39", "39", "0.5128", "±", "0.1641"]
    assert "Not counted: 2 lists with options of the request." in lines
    assert any("The effect asked for needs" in line for line in lines)
    assert all(len(line) <= 80 for line in lines)


def test_the_report_is_one_json_object(logs, capsys):
    assert run("abtest", *logs, "--window", 0.01, "--json") == 0  # 36 seconds
    report = json.loads(capsys.readouterr().out)
    assert report["variants"][0]["means"] == {"hit_rate@10": 0, "events_per_user": 1}
    assert report["differences"][0]["p_corrected"] is None  # no list was hit
    assert report["differences"][0]["interval"] is None
    assert run("abtest", *logs, "--window", 0.01) == 0
    out = capsys.readouterr().out
    assert "hit_rate@10    +0.0000 - " in " ".join(out.split()).replace(" +", "    +")


@pytest.mark.slow
def test_what_is_left_out_of_the_events_is_reported(logs, capsys):
    with logs[1].open("a") as file:
        file.write("\n,A,1700200000\nuser 3,A,1\nuser 3,A,0")
    assert run("abtest", *logs) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "rejected 1: user is missing, for example line 83" in text
    assert "warning Times that are placeholders" in text
    assert run("abtest", *logs, "--json") == 0
    log = json.loads(capsys.readouterr().out)["log"]
    assert (log["rows_read"], log["rejected_lines"]) == (84, {"user is missing": [83]})
    assert [one["line"] for one in log["warnings"]] == [85]


def test_options_of_an_estimate_need_one(logs, capsys):
    assert run("abtest", *logs, "--history", 20) == 2
    assert "add --estimate FOLDER" in capsys.readouterr().err
    estimate = ["--estimate", "new", "--artifact", "model", "--compare-with", "other"]
    assert run("abtest", *logs, *estimate) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert "--compare-with is other, but no variant of the experiment 'test' was answered" in error


def test_the_secret_is_needed(logs, capsys, monkeypatch):
    monkeypatch.delenv("PRISMREC_EXPOSURE_SECRET")
    assert run("abtest", *logs) == 2
    assert "PRISMREC_EXPOSURE_SECRET, which has 0 characters" in capsys.readouterr().err


def test_the_example_of_the_document_is_true():
    assert users_needed(effect=0.01, deviation=0.3) == 28_256
    assert power_of(effect=0.01, deviation=0.3, users=10_000) == pytest.approx(0.38, abs=0.005)
