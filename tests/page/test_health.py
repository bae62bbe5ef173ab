"""Test Health: its verdict, the results with intervals, and terms that explain themselves."""

import json
import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow


def test_health_begins_with_a_verdict(visit, server, world):
    page = visit(server.address, "diagnostics")
    page.locator(".verdict").wait_for()
    told = page.request.get(f"{server.address}/v1/health-report").json()["verdict"]
    said = page.locator(".verdict li").all_inner_texts()
    assert len(said) == 3
    used, share = told["interests_used_median"], round(100 * told["largest_share_median"])
    if share == 100:
        assert said[0].startswith("The median history uses one interest")
    else:
        assert f"uses {used:g} interests; the largest interest has {share}%" in said[0]
    sign = "+" if told["difference"] >= 0 else "-"
    difference = f"{sign}{abs(told['difference']):.4f} ± {told['interval']:.4f}"
    assert told["level"]
    single = f"recall@20 is level with that of one interest (K = 1), {difference}."
    assert said[1].replace("−", "-") == single
    report = json.loads((world / "report" / "report.json").read_text("utf-8"))
    other = re.search(
        r"artifact against (\S+), recall@20: worse by (.+?) over", " ".join(report["differences"])
    )
    assert said[2] == (
        f"artifact: recall@20 is worse than that of the best baseline, {other[1]}, by {other[2]}."
    )
    # In this order: verdict, results, interests, response time, training.
    heads = page.get_by_role("heading", level=2).all_inner_texts()
    assert heads == ["Health", "Results", "Interests", "Response time", "Training information"]


def test_the_results_have_intervals_and_the_best_baseline(visit, server, world):
    page = visit(server.address, "diagnostics")
    report = json.loads((world / "report" / "report.json").read_text("utf-8"))
    rows = page.locator("table tbody tr")
    expect(rows).to_have_count(len(report["entries"]))
    metrics = page.locator("thead th").all_inner_texts()[1:-1]
    assert metrics[:2] == ["recall@10", "recall@20"]
    for way, name in (("filtered", "left out of the lists"), ("keep", "kept in the lists")):
        page.get_by_label("Items of the history").select_option(label=name)
        for entry, row in zip(report["entries"], rows.all(), strict=True):
            numbers, half = entry[way]["metrics"], entry[way]["interval"]
            cells = row.locator("td.number").all_inner_texts()
            for metric, cell in zip(metrics, cells, strict=False):
                assert cell.split() == [f"{numbers[metric]:.4f}", "±", f"{half[metric]:.4f}"]
        baselines = [one for one in report["entries"] if one["baseline"]]
        best = max(baselines, key=lambda one: one[way]["metrics"]["recall@20"])["name"]
        expect(rows.filter(has_text="best baseline")).to_contain_text([best])
        if way == "filtered":
            words = rows.filter(has_text="artifact-k1").filter(has_text="worse than")
            expect(words.first).to_contain_text(f"worse than {best} by")
    expect(page.get_by_text("The report compares models only on lists")).to_be_visible()


@pytest.mark.parametrize(
    ("locale", "term", "words"),
    [("en-US", "K = 1", "number of interests per user"), ("zh-CN", "K = 1", "每个用户的兴趣数")],
)
def test_terms_explain_themselves_by_pointer_focus_and_tap(visit, server, locale, term, words):
    page = visit(server.address, "diagnostics", locale=locale)
    button = page.get_by_role("button", name=term).first
    tip = page.locator(f"#{button.get_attribute('aria-describedby')}")
    expect(tip).to_contain_text(words)
    expect(tip).to_be_hidden()
    button.hover()
    expect(tip).to_be_visible()
    tip.hover()  # it stays, so that it can be read with a magnifier
    page.wait_for_timeout(300)
    expect(tip).to_be_visible()
    page.mouse.move(0, 0)
    expect(tip).to_be_hidden()
    button.focus()
    expect(tip).to_be_visible()
    box = tip.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 1280
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()


def test_health_has_no_verdict_of_another_model(visit, own_server):
    page = visit(own_server("--report", "report", artifact="other").address, "diagnostics")
    expect(page.get_by_text("The report has no entry of this artifact (other)")).to_be_visible()
    expect(page.locator(".verdict li")).to_have_count(1)
    expect(page.locator(".verdict")).not_to_contain_text("recall")


def test_the_result_of_a_training_is_no_evaluation(visit, own_server):
    page = visit(own_server(artifact="rated").address, "diagnostics")
    expect(page.get_by_text("No evaluation report; start")).to_be_visible()
    expect(page.get_by_text("About the evaluation")).to_have_count(0)
    # The page has a list, but no client has asked for one.
    expect(page.get_by_text("over 0 answers of POST /v1/recommend")).to_be_visible()
    page.get_by_text("Settings of the training").click()
    expect(page.get_by_text("result · steps")).to_be_visible()


def test_health_without_a_report_says_only_what_was_measured(visit, own_server):
    page = visit(own_server().address, "diagnostics")
    expect(
        page.get_by_text("No evaluation report; start the service with --report.")
    ).to_be_visible()
    expect(page.locator(".verdict li")).to_have_count(1)
    expect(page.get_by_text("Cosine similarity of interests")).to_be_visible()
    expect(page.get_by_role("heading", name="Share of hits per interest")).to_be_visible()
    page.get_by_text("Settings of the training").click()
    expect(page.get_by_text("seconds")).to_be_visible()
