"""Check the tables of results that ``evaluate`` and ``demo`` print."""

from pathlib import Path

import pytest

from prismrec.cli._results import results_table
from prismrec.cli.evaluate import cases_of
from prismrec.data import Histories, Split
from prismrec.errors import DataError
from prismrec.evaluation import Entry, Report


def entry(name, *, baseline=False, largest=None, used=None, **metrics):
    names = ("recall@5", "recall@30", "ndcg@5", "ndcg@30")
    report = Report(
        metrics=dict.fromkeys(names, 0.25)
        | {f"subtopic_recall@{name[1:]}": value for name, value in metrics.items()},
        interval={}, users=9, how="", cases="", repeat_users=0, distinct_lists=1, excluded={},
        largest_share=largest, interests_used=used,
    )  # fmt: skip
    return Entry(name=name, how="", keep=report, filtered=report, baseline=baseline)


def test_the_second_table_shows_how_the_interests_share_a_list():
    entries = [
        entry("rules", baseline=True, largest=1, used=1, k5=0.5, k30=0.75),
        entry("prism", largest=0.85, used=2.5, k5=0.125, k30=1),
        entry("plain"),  # no categories, and no user has a history
    ]
    lines = results_table(entries, (5, 30))
    start = lines.index("        S@5   S@30 largest used")
    assert lines[start : start + 4] == [
        "        S@5   S@30 largest used",
        "rules .5000  .7500       –    –",
        "prism .1250 1.0000    85 %  2.5",
        "plain     –      –       –    –",
    ]
    assert "largest: share of the first 20 items that belong to the largest interest;" in lines
    assert max(map(len, lines)) <= 80


def test_a_list_shorter_than_twenty_is_measured_as_a_whole():
    lines = results_table([entry("prism", largest=1, used=1, k5=1, k30=1)], (5,))
    assert "largest: share of the first 5 items that belong to the largest interest;" in lines


@pytest.mark.parametrize(("on", "users"), [("test", "test"), ("valid", "validation")])
def test_evaluate_names_the_users_that_a_split_does_not_have(on, users):
    split = Split(train=Histories.of([[1, 2]]), valid=[], test=[], how="by hand")
    with pytest.raises(DataError, match=f"measure the {users} users of data, but its split has"):
        cases_of(split, on, Path("data"))
