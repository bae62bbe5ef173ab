"""Test the verdict of the health report."""

import json

import numpy as np
import pytest

from prismrec.data import save_dataset
from prismrec.evaluation.metric_report import Report
from prismrec.evaluation.report import Content, Entry, numbers
from prismrec.recommend.artifact import load, save
from prismrec.recommend.manifest import artifact_name
from prismrec.service.page_responses import Verdict
from prismrec.service.settings import ServePaths
from prismrec.service.verdict import find_entry, verdict

ONES = np.ones(4)
MEASURED = {"interests_used": 3.0, "largest_share": 0.6, "notes": []}


def entry(name, recall, at=50):
    metrics = {f"recall@{at}": recall, "recall@9": 0.1, "ndcg@50": 0.2}
    return {"name": name, "filtered": {"metrics": metrics}, "keep": {"metrics": {"recall@50": 9}}}


def compared(model, other, mean, interval, verdict="level"):
    numbers = {"mean": mean, "interval": interval, "users": 95}
    return {"model": model, "other": other, "metric": "recall@50", "verdict": verdict} | numbers


REPORT = {
    "entries": [entry("ease", 0.4), entry("prism", 0.45), entry("prism-k1", 0.44)],
    "comparisons": [
        compared("prism", "ease", 0.0470, 0.0269, "better"),
        compared("prism", "prism-k1", 0.0033, 0.0183),
    ],
}


def test_both_sources_give_their_parts():
    assert verdict(MEASURED, REPORT, "prism") == Verdict(
        interests_used_median=3.0, largest_share_median=0.6, model="prism", metric="recall@50",
        recall=0.45, recall_single=0.44, difference=0.0033, interval=0.0183, level=True,
    )  # fmt: skip


@pytest.mark.parametrize(("outcome", "difference"), [("better", 0.02), ("worse", -0.02)])
def test_a_difference_beyond_its_interval_is_not_level(outcome, difference):
    one = compared("prism", "prism-k1", difference, 0.01, outcome)
    found = verdict(None, REPORT | {"comparisons": [one]}, "prism")
    assert (found.difference, found.interval, found.level) == (difference, 0.01, False)


def test_the_comparison_of_the_served_artifact_is_preferred():
    other = compared("sa", "sa-k1", -0.0001, 0.0183)
    report = REPORT | {
        "entries": [*REPORT["entries"], entry("sa", 0.3), entry("sa-k1", 0.3)],
        "comparisons": [other, *REPORT["comparisons"]],
    }
    assert verdict(None, report, "prism").recall == 0.45
    assert verdict(None, report, "sa").recall == 0.3
    assert verdict(None, report, "renamed") is None  # never the numbers of another model


def test_an_entry_is_found_by_the_hash_of_its_artifact_and_not_by_the_name_of_the_folder():
    rows = [entry("ease", 0.4), *(entry(name, 0.4) | {"artifact": name * 2} for name in "ab")]
    rows.append(entry("a λ=0.2", 0.3) | {"artifact": "aa"})  # the artifact itself comes first
    report = {"entries": rows, "comparisons": []}
    assert find_entry(report, "aa", "current") == ("a", [])
    assert find_entry(report, "bb", "a") == ("b", [])
    found, (note,) = find_entry(report, "cc", "a")
    assert found is None
    assert note == (
        "The report has no entry of this artifact (a, cc), so it is not compared; the entries are "
        "a (aa), a λ=0.2 (aa), b (bb), ease."
    )


def test_a_report_without_hashes_is_matched_by_the_folder_and_a_note_says_so():
    found, (note,) = find_entry(REPORT, "aa", "prism")
    assert found == "prism"
    assert (
        "the entry shown has the name of this folder (prism), and may be of an earlier artifact"
        in note
    )
    assert find_entry({}, "aa", "new") == find_entry(None, "aa", "new") == (None, [])
    found, (note,) = find_entry(REPORT, "aa", "new")
    assert found is None
    assert note.startswith("The report has no entry of this artifact (new),")
    assert note.endswith("the entries are ease, prism, prism-k1.")


def test_without_a_comparison_there_is_the_recall_alone():
    report = {"entries": [entry("prism", 0.45, at=100)], "comparisons": []}
    found = verdict(None, report, "prism")
    assert found == Verdict(model="prism", metric="recall@100", recall=0.45)
    assert verdict(None, report, "other") is None


@pytest.mark.parametrize(
    "report",
    [
        None, {}, {"entries": None, "comparisons": 7}, {"entries": [7, {"name": "prism"}]},
        {"entries": [{"name": "prism", "filtered": {"metrics": [1]}}], "comparisons": [None, "x"]},
        {"comparisons": [compared("prism", "prism-k1", None, 1)]},
        {"entries": [entry("prism", float("nan"))], "comparisons": []},
    ],
)  # fmt: skip
def test_a_report_of_another_shape_adds_nothing(report):
    found = verdict(MEASURED, report, "prism")
    assert (found.interests_used_median, found.recall, found.level) == (3.0, None, None)
    assert verdict({"notes": ["No diagnostics."]}, None, "prism") is None


def test_the_report_of_the_evaluation_is_understood():
    made = [
        Report(metrics={"recall@50": value}, interval={}, users=4, how="", cases="c",
               repeat_users=0, excluded={}, distinct_lists=1.0, per_user={"recall@50": each})
        for value, each in ((0.5, ONES * 0.5), (0.25, ONES * 0.25))
    ]  # fmt: skip
    entries = [
        Entry(
            name=name, how="", keep=report, filtered=report, baseline=name == "ease",
            one_interest_of="prism" if name == "prism-k1" else None,
        )
        for name, report in (("prism", made[0]), ("prism-k1", made[1]), ("ease", made[0]))
    ]  # fmt: skip
    report = numbers(Content(title="", dataset={}, protocol="", entries=entries))
    assert [(one["model"], one["other"]) for one in report["comparisons"]] == [
        ("prism", "ease"), ("prism-k1", "ease"), ("prism", "prism-k1"),
    ]  # fmt: skip
    found = verdict(None, json.loads(json.dumps(report)), "prism")
    assert (found.difference, found.recall_single, found.level) == (
        0.25,
        0.25,
        True,
    )  # of four users


@pytest.mark.slow
def test_the_health_report_begins_with_the_verdict(serve, artifact, dataset, tmp_path):
    save_dataset(dataset, tmp_path / "data")
    (tmp_path / "report.json").write_text(json.dumps(REPORT).replace("prism", artifact.name))
    places = ServePaths(artifact=artifact, data=tmp_path / "data", report=tmp_path)
    found = serve(places=places).get("/v1/health-report").json()
    assert next(iter(found)) == "verdict"
    assert found["verdict"]["recall"] == 0.45
    assert found["verdict"]["level"] is True
    measured = found["diagnostics"]
    assert found["verdict"]["interests_used_median"] == measured["interests_used"]
    assert found["verdict"]["largest_share_median"] == measured["largest_share"]
    assert serve().get("/v1/health-report").json()["verdict"] is None


@pytest.mark.slow
def test_a_served_link_has_the_entry_of_its_artifact_until_it_is_trained_again(
    serve, artifact, tmp_path
):
    (tmp_path / "current").symlink_to(artifact)
    row = entry("current", 0.45) | {"artifact": artifact_name(artifact)}
    (tmp_path / "report.json").write_text(json.dumps({"entries": [row]}))
    places = ServePaths(artifact=tmp_path / "current", report=tmp_path)
    found = serve(places=places).get("/v1/health-report").json()
    assert (found["verdict"]["model"], found["verdict"]["recall"]) == ("current", 0.45)
    save(load(artifact), artifact, about={"trained": "again"})
    found = serve(places=places).get("/v1/health-report").json()
    assert found["verdict"] is None
    assert any("no entry of this artifact (artifact, " in note for note in found["notes"])
