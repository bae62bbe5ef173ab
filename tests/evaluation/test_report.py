"""Test the report: it shows the measured numbers, and any name is safe."""

import json
import math
import re
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

from prismrec.errors import DataError
from prismrec.evaluation.diagnostics import Diagnostics
from prismrec.evaluation.metric_report import Report
from prismrec.evaluation.report import (
    Content,
    Entry,
    check_report_folder,
    differences,
    markdown,
    page,
    write_report,
)
from prismrec.evaluation.report.markdown import plain
from prismrec.evaluation.report.markdown import table as markdown_table
from prismrec.evaluation.report.tables import (
    interests_table,
    metrics_table,
    models_table,
    results_table,
)

HOSTILE = "</title><script>alert('x')</script>\"|**a** `b`\n# [c](d)"


def report(recall, *, cases="c", notes=(), **metrics):
    means = {"recall@50": recall, **metrics}
    users = np.array([recall - 0.1, recall + 0.1] * 3)
    return Report(
        metrics=means, interval={"recall@50": 0.0123}, users=1234, how="by-user", cases=cases,
        repeat_users=5, distinct_lists=0.9, excluded={"diversity@50": 3}, notes=notes,
        per_user={"recall@50": users},
    )  # fmt: skip


def entry(name, recall, *, baseline=False, seconds=None, **metrics):
    return Entry(
        name=name, how=f"how of {name}", keep=report(recall / 2),
        filtered=report(recall, **metrics), baseline=baseline, seconds=seconds,
    )  # fmt: skip


FOUND = Diagnostics(
    k=50, users=10, formed=False, active=(1.0, 0.5), usage=(0.995, 0.005), usage_entropy=0.045,
    effective_items=(3.25, None), read_items=12.0, cosine=0.95, overlap=0.5,
    marginal_recall=(0.125, None), recall=0.25, pool_recall=0.5, pool_items=75.5,
    distinct_lists=1.0, largest_share=0.85, interests_used=2.5, subtopic_recall=None,
)  # fmt: skip


@pytest.fixture
def content():
    entries = [
        entry("rules", 0.2, baseline=True, seconds=1.25),
        entry("popularity", 0.1, baseline=True),
        entry("prism", 0.3, seconds=60.0),
    ]
    return Content(
        title="Prism on beauty",
        dataset={"name": "beauty", "users": 22363},
        protocol="by-user, seed 0",
        entries=entries,
        depth={"rules": {10: 0.1, 50: 0.2}, "prism": {10: 0.15, 50: math.nan}},
        tradeoff={"prism": [(0, 0.3, 0.5), (0.1, 0.29, math.nan)]},
        diagnostics={"prism": FOUND},
        differences=differences(entries),
        command="prismrec demo",
        commit="abc123",
        machine="2 cores",
        date="2026-01-02",
    )


def test_the_main_table_as_markdown(content):
    assert markdown_table(results_table(content)).splitlines() == [
        "| model                 |      recall@50 keep |    recall@50 filter | seconds |",
        "| --------------------- | ------------------: | ------------------: | ------: |",
        "| rules (baseline)      |     0.1000 ± 0.0123 |     0.2000 ± 0.0123 |     1.2 |",
        "| popularity (baseline) |     0.0500 ± 0.0123 |     0.1000 ± 0.0123 |       – |",
        "| prism                 | **0.1500 ± 0.0123** | **0.3000 ± 0.0123** |    60.0 |",
    ]


def test_every_number_of_the_table_comes_from_its_report(content):
    found = results_table(content)
    for made, row in zip(content.entries, found.rows, strict=True):
        assert row[1].line == made.keep.shown("recall@50")
        assert row[2].line == made.filtered.shown("recall@50")


def test_all_means_that_look_equal_are_marked_best(content):
    level = replace(content, entries=[entry("a", 0.2), entry("b", 0.200001), entry("c", 0.1)])
    assert [row[2].best for row in results_table(level).rows] == [True, True, False]


def test_no_value_is_best_if_a_metric_has_no_better_direction(content):
    both = [entry(name, 0.1, **{"diversity@50": value}) for name, value in (("a", 0.1), ("b", 0.9))]
    found = results_table(replace(content, entries=both))
    column = [cell.line for cell in found.head].index("diversity@50")
    assert not any(row[column].best for row in found.rows)


def test_a_missing_metric_is_shown_as_a_dash(content):
    both = [entry("a", 0.1), entry("b", 0.2, **{"ndcg@50": 0.5})]
    found = results_table(replace(content, entries=both))
    column = [cell.line for cell in found.head].index("ndcg@50")
    assert [row[column].line for row in found.rows] == ["–", "0.5000"]


def test_models_are_compared_with_the_best_baseline(content):
    assert content.differences == [
        "prism against rules, recall@50: better by 0.1000 ± 0.0000 over 6 users."
    ]
    assert differences([entry("a", 0.1)]) == []


def test_notes_name_their_model(content):
    assert content.notes[0].startswith("prism: Interest 1 is hardly used: less than 1 %")


def test_an_empty_report_and_repeated_names_are_refused(content):
    with pytest.raises(DataError, match="at least one"):
        replace(content, entries=[])
    with pytest.raises(DataError, match=r"\['a', 'a'\]"):
        replace(content, entries=[entry("a", 0.1), entry("a", 0.2)])


class Reader(HTMLParser):
    """An HTML parser that collects all tags and fails if a tag is not closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.ids += [value for name, value in attributes if name == "id"]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, _):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_needs_no_other_file(content):
    made = page(content)
    reader = Reader(made)
    assert not re.search(r"https?://|url\(|@import|src=", made)
    assert not {"script", "link", "img", "iframe"} & set(reader.tags)
    assert reader.open == []
    assert len(set(reader.ids)) == len(reader.ids)
    assert set(re.findall('href="#([^"]*)"', made)) <= set(reader.ids)
    assert reader.tags.count("svg") == 3


def test_hostile_names_are_shown_as_text(content):
    bad = Content(
        title=HOSTILE, dataset={HOSTILE: HOSTILE}, protocol=HOSTILE,
        entries=[entry(HOSTILE, 0.1)], depth={HOSTILE: {1: 0.5}},
        tradeoff={HOSTILE: [(0, 0.1, 0.2)]}, diagnostics={HOSTILE: FOUND}, differences=[HOSTILE],
        command=f"{HOSTILE}\n```\nx", commit=HOSTILE, machine=HOSTILE,
    )  # fmt: skip
    reader = Reader(page(bad))
    assert reader.open == []
    assert "script" not in reader.tags
    rows = [line for line in markdown(bad).splitlines() if line.startswith("|")]
    assert len(rows) == 6 * 2 + 1 + 1 + 1 + 1 + 2 + 1
    assert all("<script" not in row.replace("\\<", "") for row in rows)


def test_special_characters_are_escaped_in_markdown():
    assert plain("a|b *c* <d>\n# e_f _g") == r"a\|b \*c\* \<d\> \# e_f \_g"


def test_a_command_cannot_close_its_code_block(content):
    made = markdown(replace(content, command="a\n```\n# b"))
    assert "\n````text\na\n```\n# b\n````\n" in made


def test_a_single_entry_is_enough_for_a_report(content):
    alone = Content(title="T", dataset={}, protocol="P", entries=[entry("a", 0.1)])
    assert "**0.1" not in markdown(alone)
    assert "<svg" not in page(alone)
    assert "## Interests" not in markdown(alone)


def test_a_folder_with_other_content_gets_no_report(content, tmp_path):
    for name, text in (("mine.txt", "mine"), ("report.json", '{"mine": 1}')):
        (tmp_path / name).write_text(text)
        for refused in (check_report_folder, partial(write_report, content)):
            with pytest.raises(DataError, match="it contains something else; give another folder"):
                refused(tmp_path)
        assert (tmp_path / name).read_text() == text
    assert len(list(tmp_path.iterdir())) == 2


def test_all_files_are_written_and_other_files_are_kept(content, tmp_path):
    write_report(content, tmp_path)
    (tmp_path / "mine.txt").write_text("mine")
    check_report_folder(tmp_path)
    write_report(content, tmp_path)
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    plots = {f"plots/{name}.svg" for name in ("depth", "tradeoff", "interests")}
    assert files == {"mine.txt", "report.md", "report.html", "report.json", *plots}
    text = (tmp_path / "report.md").read_text()
    assert set(re.findall(r"\((plots/[^)]*)\)", text)) == plots
    for plot in plots:
        ElementTree.parse(tmp_path / plot)  # noqa: S314 - written by this test


def test_json_contains_all_numbers_and_null_for_missing_ones(content, tmp_path):
    write_report(content, tmp_path)
    found = json.loads((tmp_path / "report.json").read_text())
    assert found["entries"][2]["filtered"]["metrics"]["recall@50"] == 0.3
    assert found["entries"][1]["seconds"] is None
    assert found["depth"]["prism"] == {"10": 0.15, "50": None}
    assert found["tradeoff"]["prism"][1] == {"strength": 0.1, "recall": 0.29, "diversity": None}
    assert found["diagnostics"]["prism"]["marginal_recall"] == [0.125, None]
    assert (found["commit"], found["command"]) == ("abc123", "prismrec demo")


def test_the_table_of_interests_has_one_row_per_interest(content):
    rows = [[cell.line for cell in row] for row in interests_table(content).rows]
    assert rows == [
        ["prism, interest 0", "100.0 %", "99.5 %", "3.2 of 12.0", "+0.1250"],
        ["prism, interest 1", "50.0 %", "0.5 %", "–", "–"],
    ]


def test_the_table_of_models_shows_how_the_interests_share_a_list(content):
    found = models_table(content)
    names = [cell.line for cell in found.head][-3:]
    assert names == ["largest interest", "interests used", "S-recall"]
    assert [cell.line for cell in found.rows[0]][-3:] == ["85.0 %", "2.5", "–"]
    other = replace(FOUND, largest_share=None, interests_used=None, subtopic_recall=0.7)
    (row,) = models_table(replace(content, diagnostics={"prism": other})).rows
    assert [cell.line for cell in row][-3:] == ["–", "–", "0.7000"]
    assert "S-recall, the share of the categories of the targets" in markdown(content)


def test_subtopic_recall_is_a_column_of_the_main_table(content):
    both = [entry("a", 0.1, **{"subtopic_recall@20": 0.4}), entry("b", 0.1)]
    found = results_table(replace(content, entries=both))
    column = [cell.line for cell in found.head].index("subtopic_recall@20")
    assert [row[column].line for row in found.rows] == ["0.4000", "–"]


def test_the_main_table_has_the_lengths_that_were_measured(content):
    means = {f"{name}@{k}": 0.4 for name in ("recall", "ndcg", "subtopic_recall") for k in (6, 12)}
    measured = Report(
        metrics=means, interval={}, users=1, how="", cases="c", repeat_users=0,
        distinct_lists=1.0, excluded={},
    )  # fmt: skip
    one = Entry(name="a", how="", keep=measured, filtered=measured)
    found = results_table(replace(content, entries=[one]))
    assert [cell.line for cell in found.head] == [
        "model", "recall@6 keep", "recall@6 filter", "recall@12 keep", "recall@12 filter",
        "ndcg@12", "subtopic_recall@6", "seconds",
    ]  # fmt: skip
    short = replace(measured, metrics={"recall@6": 0.4})
    found = results_table(replace(content, entries=[replace(one, keep=short, filtered=short)]))
    assert [cell.line for cell in found.rows[0]] == ["a", "0.4000", "0.4000", "–"]


def test_the_table_of_all_metrics_marks_the_best_in_the_direction_of_each(content):
    both = [
        entry("a", 0.1, **{"calibration@6": 0.3, "novelty@6": 9.0}),
        entry("b", 0.2, **{"calibration@6": 0.5}),
    ]
    made = replace(content, entries=both)
    rows = [[(cell.line, cell.best) for cell in row] for row in metrics_table(made).rows]
    assert rows == [
        [("recall@50", False), ("higher", False), ("0.1000 ± 0.0123", False),
         ("0.2000 ± 0.0123", True)],
        [("calibration@6", False), ("lower", False), ("0.3000", True), ("0.5000", False)],
        [("novelty@6", False), ("–", False), ("9.0000", False), ("–", False)],
    ]  # fmt: skip
    assert "## All metrics" in markdown(made)


def test_the_whole_history_is_not_shown_as_an_interest(content):
    formed = replace(
        FOUND, formed=True, active=(0.0, 1.0, 0.2), usage=(0.0, 0.995, 0.005),
        effective_items=(None, 3.0, 2.0), marginal_recall=(None, 0.1, 0.02),
    )  # fmt: skip
    found = replace(content, diagnostics={"prism": formed})
    rows = [row[0].line for row in interests_table(found).rows]
    assert rows == ["prism, interest 1", "prism, interest 2"]
    assert models_table(found).rows[0][1].line == "2"
    assert "prism, interest 2: 0.5 %" in page(found)
    assert "interest 0" not in page(found)
