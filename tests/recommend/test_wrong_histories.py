"""A history must be a list of texts: everything else is refused, not read as something else."""

import datetime
import math

import numpy as np
import pandas as pd
import polars as pl
import pytest

from prismrec.errors import ConfigError, DataError
from prismrec.rerank import ListOptions
from prismrec.retrieval import RuleRetriever, count_rules
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
        (["1", None], "id None is of type NoneType, but must be a text; it is missing, so leave"),
        (["1", math.nan], "id nan is of type float, but must be a text; it is missing, so leave"),
        (["1", np.float32("nan")], "is missing, so leave it out"),
        (["1", pd.NA], "is of type NAType, but must be a text; it is missing, so leave it out"),
        ([b"1"], r"is of type bytes, but must be a text; decode it, as b'1'\.decode\(\)"),
        (np.array("1"), "The item ids are 1, but must be a list of texts"),
        (pd.DataFrame({"item": ["1"]}), r"type DataFrame, .* a list; pass one of its columns, as"),
        (pl.DataFrame({"item": ["1"]}), r"type DataFrame, .* a list; pass one of its columns, as"),
        ([["1"]], "is of type list"),
        ([datetime.date(2024, 1, 1)], "is of type date"),
        ({"1", "2"}, "The history is of type set, which has no order"),
        ({"1": 5, "2": 4}, "The history is of type dict, which has no order"),
        ((name for name in ["1", "2"]), "type generator, which can be read only once"),
    ],
)
def test_a_history_that_is_no_list_of_texts_is_refused(recommender, method, history, sentence):
    with pytest.raises(ConfigError, match=sentence):
        getattr(recommender, method)(history)


@pytest.mark.parametrize("histories", ["SKU-177", ["SKU-177"], [["1"], "2"], [["1"], [2]]])
def test_a_batch_with_a_history_that_is_no_list_is_refused(recommender, histories):
    with pytest.raises(ConfigError, match=r"must be a (list|text)"):
        recommender.recommend_many(histories, ListOptions(k=3))


@pytest.mark.parametrize(
    "kind", [list, tuple, np.array, pl.Series, lambda own: dict.fromkeys(own).keys()]
)
def test_every_collection_of_texts_is_a_history(recommender, dataset, kind):
    history = dataset.catalog.items.external([1, 2, 3])
    expected = [item.id for item in recommender.recommend(history, 5)]
    assert [item.id for item in recommender.recommend(kind(history), 5)] == expected


@pytest.mark.parametrize("histories", [5, None, {"ann": ["1"]}, {("1",), ("2",)}, iter([["1"]])])
def test_a_batch_that_is_no_list_is_refused(recommender, histories):
    with pytest.raises(ConfigError, match="The list of histories is"):
        recommender.recommend_many(histories, ListOptions(k=3))


@pytest.mark.parametrize(
    ("histories", "sentence"),
    [
        ([np.array([1.9, 2.2])], "values of type float64"),
        ([np.array([1.0, 2.0])], "values of type float64"),
        ([np.array(["i1"])], "values of type <U2"),
        ([np.array([True, False])], "values of type bool"),
        ([[1, None]], "values of type object"),
        ([[[1], [2, 3]]], "values of type object"),
        (np.array([1, 2]), r"write \[np.array\(\[1, 2\]\)\]"),
        ([{1, 2}], "has no order"),
        ({"ann": [1, 2]}, "has no order"),
        (5, "The histories are 5"),
    ],
)
def test_item_numbers_must_be_arrays_of_whole_numbers(recommender, histories, sentence):
    with pytest.raises((DataError, ConfigError), match=sentence):
        recommender.ranked(histories, 3)


@pytest.mark.parametrize("kind", [list, tuple, pl.Series, lambda own: np.array(own, np.int32)])
def test_every_list_of_whole_numbers_is_a_history(recommender, dataset, kind):
    size = dataset.catalog.size
    rules = RuleRetriever(count_rules(dataset.histories, size, backward=0.1, alpha=1.0), 0.7)
    for one in (recommender, recommender.with_rules(rules)):
        expected = one.ranked([np.array([1, 2, 3]), np.array([], dtype=np.int64)], 5)
        found = one.ranked([kind([1, 2, 3]), []], 5)
        assert np.array_equal(found.items, expected.items)


def test_an_iterator_of_histories_is_read_once(recommender):
    rows = [np.array([1, 2]), np.array([3])]
    found, expected = (recommender.ranked(each, 3) for each in (iter(rows), rows))
    assert np.array_equal(found.items, expected.items)
