"""A history must be a list of texts: everything else is refused, not read as something else."""

import datetime

import numpy as np
import polars as pl
import pytest

from prismrec.errors import ConfigError
from prismrec.rerank import ListOptions
from worlds import untrained


@pytest.fixture(scope="module")
def recommender(dataset):
    return untrained(dataset)


@pytest.mark.parametrize("method", ["recommend", "interests", "frontier"])
@pytest.mark.parametrize(
    ("history", "sentence"),
    [
        ("SKU-177", r"the text 'SKU-177', but must be a list; write \['SKU-177'\]"),
        (b"SKU-177", "the text b'SKU-177', but must be a list"),
        ("", "the text '', but must be a list"),
        (441, "The item ids are 441, but must be a list"),
        (None, "The item ids are None, but must be a list"),
        ([441, 442], "The item id 441 is of type int, but must be a text; write '441'"),
        (["1", 2.5], "The item id 2.5 is of type float"),
        (["1", None], "The item id None is of type NoneType"),
        ([b"1"], "is of type bytes"),
        ([["1"]], "is of type list"),
        ([datetime.date(2024, 1, 1)], "is of type date"),
    ],
)
def test_a_history_that_is_no_list_of_texts_is_refused(recommender, method, history, sentence):
    with pytest.raises(ConfigError, match=sentence):
        getattr(recommender, method)(history)


@pytest.mark.parametrize("histories", ["SKU-177", ["SKU-177"], [["1"], "2"], [["1"], [2]]])
def test_a_batch_with_a_history_that_is_no_list_is_refused(recommender, histories):
    with pytest.raises(ConfigError, match=r"must be a (list|text)"):
        recommender.recommend_many(histories, ListOptions(k=3))


@pytest.mark.parametrize("kind", [list, tuple, dict.fromkeys, np.array, pl.Series])
def test_every_collection_of_texts_is_a_history(recommender, dataset, kind):
    history = dataset.catalog.items.external([1, 2, 3])
    expected = [item.id for item in recommender.recommend(history, 5)]
    assert [item.id for item in recommender.recommend(kind(history), 5)] == expected
