"""A warm start makes the rules of the earlier artifact again, from new histories."""

from dataclasses import replace

import numpy as np
import pytest

from prismrec.data.cases import Case
from prismrec.data.histories import Histories
from prismrec.evaluation.baselines.item_knn import cosine_similarities
from prismrec.retrieval.rules import RuleRetriever
from prismrec.training import select_rules
from prismrec.training.select_rules import refit_rules
from worlds import untrained

ROWS = [[(start + step) % 40 + 1 for step in range(8)] for start in range(40)]
OPTIONS = {"backward": 0.5, "alpha": 0.3, "beta": 0.3}
CASES = [Case(np.array(row[:4]), np.array(row[4:5])) for row in ROWS]


@pytest.fixture
def rules(dataset):
    size = dataset.catalog.size
    return RuleRetriever.count(Histories.of(ROWS[:3]), size, weight=4.0, **OPTIONS)


def refitted(rules, dataset, cases=CASES):
    parts = rules, untrained(dataset), Histories.of(ROWS), cases
    return refit_rules(*parts, metric="recall@5", exclude_seen=True)


@pytest.mark.parametrize("kind", ["sequential-rules", "item-knn", "ease"])
@pytest.mark.parametrize("recency", [0.8, 0.9, 1.0])
def test_kind_weight_and_recency_stay_and_the_table_is_new(dataset, rules, kind, recency):
    earlier = replace(rules, kind=kind, recency=recency)
    for cases in (CASES, []):
        found, how = refitted(earlier, dataset, cases)
        assert (found.kind, found.weight, found.recency) == (kind, 4.0, recency)
        assert found.table.nnz > earlier.table.nnz
        assert how == f"{kind} was blended in with weight 4, as in the earlier artifact"


def test_the_best_of_several_tables_is_used(dataset, rules, monkeypatch):
    tables = [
        cosine_similarities(Histories.of(part), dataset.catalog.size, neighbours=10, shrink=0.0)
        for part in (ROWS[:2], ROWS, ROWS[:3])
    ]
    made = [RuleRetriever(table, 0.0, "item-knn") for table in tables]
    monkeypatch.setattr(select_rules, "_item_knn", lambda *_: iter(made))
    found, _ = refitted(replace(rules, kind="item-knn"), dataset)
    assert found.table is tables[1]


def test_why_there_are_no_rules_is_said(dataset, rules, monkeypatch):
    assert refitted(None, dataset) == (
        None, "rules were not blended in, as in the earlier artifact",
    )  # fmt: skip
    none, how = refitted(replace(rules, kind="mine"), dataset)
    assert none is None
    assert "mine of the earlier artifact is no kind of rules" in how
    monkeypatch.setattr(select_rules, "EASE_UP_TO", 5)
    monkeypatch.setattr(select_rules, "PAIRS_UP_TO", 5)
    none, how = refitted(replace(rules, kind="ease"), dataset)
    assert none is None
    assert how.startswith("rules were not blended in: ease was not tried (")
    assert "item-knn" not in how
