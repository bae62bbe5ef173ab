"""Test how the settings and the numbers of an evaluated recommender are stated."""

import numpy as np
import polars as pl
import torch
from scipy import sparse

from prismrec.data import Catalog, IdMap
from prismrec.evaluation import Entry, Report, describe_recommender, entries_as_json
from prismrec.models import Forming, MeanPool, Model
from prismrec.recommend import Recommender
from prismrec.retrieval import RuleRetriever


def recommender():
    torch.manual_seed(0)
    catalog = Catalog(
        items=IdMap(["a", "b"], first=1, kind="item"),
        titles=pl.Series(["a", "b"]),
        category_names=[],
        category_indptr=np.zeros(4, dtype=np.int64),
        category_ids=np.zeros(0, dtype=np.int32),
        count=np.array([0, 2, 1]),
    )
    model = Model(3, MeanPool(dim=4, interests=1, max_len=7), normalized=True)
    return Recommender.exact(model, catalog)


def test_the_settings_name_formed_interests_and_rules():
    one = recommender()
    assert describe_recommender(one) == "MeanPool, K=1, D=4, newest 7 events, dot"
    one = one.with_forming(Forming(clusters=5, whole_weight=0.6))
    rules = RuleRetriever(sparse.csr_array(([1.0], ([1], [2])), shape=(3, 3)), 0.5)
    assert describe_recommender(one.with_rules(rules)) == (
        "MeanPool, K=1, D=4, newest 7 events, dot, interests formed from up to 5 clusters and the "
        "whole history (weight 0.6), rules (sequential-rules) at 0.5"
    )


def test_a_baseline_has_no_interests_in_json():
    report = Report(
        metrics={"recall@5": 0.5}, interval={}, users=9, how="", cases="", repeat_users=0,
        distinct_lists=1, excluded={}, largest_share=0.75, interests_used=3,
    )  # fmt: skip
    entries = [
        Entry(name=name, how="", keep=report, filtered=report, baseline=name == "ease")
        for name in ("ease", "prism")
    ]
    found = entries_as_json(entries)
    for way in ("keep_seen", "exclude_seen"):
        assert found["ease"][way]["largest_share"] is None
        assert found["ease"][way]["interests_used"] is None
        assert found["prism"][way] == {
            "metrics": {"recall@5": 0.5}, "interval": {}, "largest_share": 0.75,
            "interests_used": 3,
        }  # fmt: skip
