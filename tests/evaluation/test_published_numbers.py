"""Compare the evaluator with numbers of an independent implementation, on real purchases.

The data set is Amazon Beauty, split by user with seed 2020. Popularity and item-kNN are equal
within 0.001. Sequential rules are within the interval of 2,237 users, which is about 0.014.
"""

import numpy as np
import polars as pl
import pytest

from prismrec.data.catalog import Catalog
from prismrec.data.dataset import Dataset
from prismrec.data.histories import Histories
from prismrec.data.ids import IdMap
from prismrec.data.split import split_by_user
from prismrec.evaluation.baselines import (
    BASELINES,
    by_score,
    item_knn,
    popularity,
    sequential_rules,
)
from prismrec.evaluation.compare import compare
from prismrec.evaluation.evaluate import evaluate

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def beauty(shared_data):
    """Return the split; build it without the log reader, which has its own tests."""
    lines = (shared_data / "amazon-beauty" / "sequences.txt").read_text().split("\n")
    rows = [[int(item) for item in line.split()[1:]] for line in lines if line]
    histories = Histories.of(rows)
    size = max(map(max, rows)) + 1
    names = [str(item) for item in range(1, size)]
    catalog = Catalog(
        items=IdMap(names, first=1, kind="item"),
        titles=pl.Series(names),
        category_names=[],
        category_indptr=np.zeros(size + 1, dtype=np.int64),
        category_ids=np.zeros(0, dtype=np.int32),
        count=histories.counts(size),
    )
    users = IdMap([str(user) for user in range(len(rows))], kind="user")
    return split_by_user(Dataset(users, catalog, histories, {}), seed=2020), size


def measure(score, split):
    reports = [evaluate(by_score(score, exclude_seen=f), split.test) for f in (False, True)]
    keep, filtered = reports
    return [
        keep.metrics["recall@20"],
        keep.metrics["recall@50"],
        filtered.metrics["recall@50"],
        keep.metrics["ndcg@50"],
    ]


def test_popularity_has_the_independent_numbers(beauty):
    split, size = beauty
    found = measure(popularity(split.train, size), split)
    assert found == pytest.approx([0.0258, 0.0473, 0.0477, 0.0165], abs=0.001)


def test_item_knn_has_the_independent_numbers(beauty):
    split, size = beauty
    found = measure(item_knn(split.train, size, recency=1, shrink=20), split)
    assert found == pytest.approx([0.0980, 0.1491, 0.1530, 0.0689], abs=0.001)


def test_sequential_rules_have_the_independent_numbers(beauty):
    split, size = beauty
    score = sequential_rules(split.train, size, window=5, backward=0, beta=0)
    assert measure(score, split) == pytest.approx([0.1159, 0.1678, 0.1700, 0.0860], abs=0.006)


def test_the_rules_of_every_report_are_better_than_item_knn(beauty):
    split, size = beauty
    rules = BASELINES["sequential-rules"](split.train, split.valid, size)
    assert measure(rules, split) == pytest.approx([0.1159, 0.1678, 0.1700, 0.0860], abs=0.006)
    knn = BASELINES["item-knn"](split.train, split.valid, size)
    a, b = (evaluate(by_score(score, exclude_seen=True), split.test) for score in (rules, knn))
    assert compare(a, b, "recall@50").verdict == "better"
