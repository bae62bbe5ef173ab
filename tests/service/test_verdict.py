"""Test the verdict of the health report."""

import json

import numpy as np
import pytest

from prismrec.data import save_dataset
from prismrec.evaluation import compare
from prismrec.evaluation.metric_report import Report
from prismrec.service.page_responses import Verdict
from prismrec.service.settings import ServePaths
from prismrec.service.verdict import verdict

ONES = np.ones(4)
MEASURED = {"interests_used": 3.0, "largest_share": 0.6, "notes": []}


def entry(name, recall, at=50):
    metrics = {f"recall@{at}": recall, "recall@9": 0.1, "ndcg@50": 0.2}
    return {"name": name, "filtered": {"metrics": metrics}, "keep": {"metrics": {"recall@50": 9}}}


REPORT = {
    "entries": [entry("ease", 0.4), entry("prism", 0.45), entry("prism-k1", 0.44)],
    "differences": [
        "prism against ease, recall@50: better by 0.0470 ± 0.0269 over 95 users.",
        "prism against prism-k1, recall@50: level, +0.0033 ± 0.0183 over 95 users.",
    ],
}


def test_both_sources_give_their_parts():
    assert verdict(MEASURED, REPORT, "prism") == Verdict(
        interests_used_median=3.0, largest_share_median=0.6, metric="recall@50", recall=0.45,
        recall_single=0.44, difference=0.0033, interval=0.0183, level=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "difference"), [("better by 0.0200", 0.02), ("worse by 0.0200", -0.02)]
)
def test_a_difference_beyond_its_interval_is_not_level(text, difference):
    sentence = f"prism against prism-k1, recall@50: {text} ± 0.0100 over 95 users."
    found = verdict(None, REPORT | {"differences": [sentence]}, "prism")
    assert (found.difference, found.interval, found.level) == (difference, 0.01, False)


def test_the_comparison_of_the_served_artifact_is_preferred():
    other = "sa against sa-k1, recall@50: level, -0.0001 ± 0.0183 over 95 users."
    report = REPORT | {
        "entries": [*REPORT["entries"], entry("sa", 0.3), entry("sa-k1", 0.3)],
        "differences": [other, *REPORT["differences"]],
    }
    assert verdict(None, report, "prism").recall == 0.45
    assert verdict(None, report, "sa").recall == 0.3
    assert verdict(None, report, "renamed").recall == 0.3


def test_without_a_comparison_there_is_the_recall_alone():
    report = {"entries": [entry("prism", 0.45, at=100)], "differences": []}
    found = verdict(None, report, "prism")
    assert found == Verdict(metric="recall@100", recall=0.45)
    assert verdict(None, report, "other") is None


@pytest.mark.parametrize(
    "report",
    [
        None, {}, {"entries": None, "differences": 7}, {"entries": [7, {"name": "prism"}]},
        {"entries": [{"name": "prism", "filtered": {"metrics": [1]}}], "differences": [None, "x"]},
        {"entries": [entry("prism", float("nan"))], "differences": []},
    ],
)  # fmt: skip
def test_a_report_of_another_shape_adds_nothing(report):
    found = verdict(MEASURED, report, "prism")
    assert (found.interests_used_median, found.recall, found.level) == (3.0, None, None)
    assert verdict({"notes": ["No diagnostics."]}, None, "prism") is None


def test_the_sentence_of_the_evaluation_is_understood():
    made = [
        Report(metrics={"recall@50": value}, interval={}, users=4, how="", cases="c",
               repeat_users=0, excluded={}, distinct_lists=1.0, per_user={"recall@50": each})
        for value, each in ((0.5, ONES * 0.5), (0.25, ONES * 0.25))
    ]  # fmt: skip
    sentence = f"prism against prism-k1, {compare(*made, 'recall@50')}."
    found = verdict(None, REPORT | {"differences": [sentence]}, "prism")
    assert (found.difference, found.level) == (0.25, False)


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
