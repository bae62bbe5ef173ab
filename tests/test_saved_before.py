"""Load files of an earlier version and check that the answers are the same.

Commit 803a338 wrote the fixtures: artifact format 3, data set format 1. The artifact has
a rule retriever, an approximate index with an added item, a hidden item and a pruned interest.
"""

import json
from pathlib import Path

import pytest

from prismrec.data.saved_split import load_split
from prismrec.data.storage import load_dataset
from prismrec.recommend.artifact import load

FIXTURES = Path(__file__).parent / "fixtures"


def test_an_artifact_of_format_3_gives_the_same_answers():
    pytest.importorskip("faiss")
    recommender = load(FIXTURES / "artifact-3")
    for case in json.loads((FIXTURES / "expected-3.json").read_text()):
        answer = recommender.recommend(case["history"], 8, diversity=case["diversity"])
        assert [item.id for item in answer] == case["items"]
        assert [item.interest for item in answer] == case["interest"]
        assert [item.score for item in answer] == pytest.approx(case["scores"], rel=1e-5)


def test_a_data_set_of_format_1_loads_and_gives_the_same_split():
    dataset = load_dataset(FIXTURES / "dataset-1", verify=True)
    split = load_split(FIXTURES / "dataset-1", dataset)
    assert dataset.how["rejected"] == {}
    assert (len(dataset.users), len(dataset.catalog.items)) == (80, 64)
    assert (len(split.train), len(split.valid), len(split.test)) == (64, 8, 8)
