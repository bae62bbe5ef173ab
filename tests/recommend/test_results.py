"""Test how answers are shown: short texts, tables, and frames of many users."""

from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest

from prismrec.errors import ConfigError, DataError
from prismrec.rerank import ListOptions
from worlds import ids, untrained


@pytest.fixture(scope="module")
def recommender(dataset):
    return untrained(dataset)


@pytest.fixture(scope="module")
def answer(recommender, dataset):
    return recommender.recommend(ids(dataset, 0), k=5)


def test_an_answer_is_a_frame_with_one_row_per_item(answer):
    frame = answer.to_frame()
    assert frame.columns == ["id", "title", "score", "interest", "because"]
    assert frame["id"].to_list() == [item.id for item in answer]
    assert frame["because"].to_list() == [[r.title for r in item.because] for item in answer]
    assert frame["score"].is_sorted(descending=True)


def test_an_empty_answer_is_an_empty_frame_of_the_same_columns(recommender, dataset, answer):
    nothing = recommender.with_hidden(
        dataset.catalog.items.external(range(1, dataset.catalog.size))
    )
    empty = nothing.recommend(ids(dataset, 0), k=5)
    assert len(empty) == 0
    assert empty.to_frame().schema == answer.to_frame().schema


def test_reprs_are_short(recommender, answer):
    assert repr(answer).startswith("Answer(5 items from interests: ")
    assert repr(answer).endswith("2 more)")
    assert len(repr(recommender)) < 120
    assert "vector" not in repr(answer.interests[0])


def test_a_title_cannot_inject_markup_into_a_notebook(recommender, dataset):
    history = ids(dataset, 0)
    item = recommender.recommend(history, k=1).items[0].id
    catalog = recommender.catalog
    titles = catalog.titles.to_list()
    titles[catalog.items.index([item])[0] - 1] = "<script>alert(1)</script>"
    hostile = replace(recommender, catalog=replace(catalog, titles=pl.Series(titles)))
    text = hostile.recommend(history, k=1)._repr_html_()
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_a_frame_of_histories_gives_the_same_lists_as_single_requests(recommender, dataset):
    users = ["one", "two", "three"]
    histories = [ids(dataset, u) for u in range(3)]
    options = ListOptions(k=4, diversity=0.3)
    frame = recommender.recommend_frame(
        pl.DataFrame({"user": users, "history": histories}), options
    )
    assert frame.columns == ["user", "rank", "item", "title", "score", "interest", "source"]
    for user, history in zip(users, histories, strict=True):
        own = frame.filter(pl.col("user") == user)
        alone = recommender.recommend(history, k=4, diversity=0.3)
        assert own["item"].to_list() == [item.id for item in alone]
        assert own["title"].to_list() == [item.title for item in alone]
        assert own["rank"].to_list() == [1, 2, 3, 4]


def test_a_pandas_frame_gives_the_same_result(recommender, dataset):
    columns = {"user": [7, 8], "history": [ids(dataset, 0), []]}
    ours = recommender.recommend_frame(pl.DataFrame(columns), ListOptions(k=3))
    theirs = recommender.recommend_frame(pd.DataFrame(columns), ListOptions(k=3))
    assert ours.equals(theirs)
    assert ours["user"].to_list() == ["7"] * 3 + ["8"] * 3
    assert ours["source"].to_list() == ["interests"] * 3 + ["popular"] * 3


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"user": ["a"]},
        {"user": ["a"], "history": ["x"]},
        {"user": ["a"], "history": [[1.5]]},
        {"user": [1.0], "history": [["x"]]},
        {"user": [True], "history": [["x"]]},
    ],
)
def test_a_frame_with_other_columns_is_refused(recommender, columns):
    with pytest.raises(DataError, match=r"columns user and history|ids in the column"):
        recommender.recommend_frame(pl.DataFrame(columns))


def test_a_value_that_is_not_a_frame_is_refused(recommender):
    with pytest.raises(DataError, match="give a Polars or Pandas frame"):
        recommender.recommend_frame([["a", ["x"]]])


@pytest.mark.parametrize("library", [pl.DataFrame, pd.DataFrame])
@pytest.mark.parametrize(("users", "row"), [(["a", None], 2), ([None, "b"], 1), (["a", ""], 2)])
def test_a_frame_with_a_row_without_user_is_refused(recommender, library, users, row):
    frame = library({"user": users, "history": [["x"], ["y"]]})
    with pytest.raises(DataError, match=f"row {row} has none"):
        recommender.recommend_frame(frame)


@pytest.mark.parametrize("library", [pl.DataFrame, pd.DataFrame])
def test_a_frame_with_a_history_that_lacks_an_id_is_refused(recommender, library):
    frame = library({"user": ["a", "b"], "history": [["x"], ["y", None]]})
    with pytest.raises(DataError, match="the history of row 2 has a missing one"):
        recommender.recommend_frame(frame)


def test_a_missing_history_gets_a_list_that_is_marked_as_popular(recommender):
    for histories in ([None, ["no item"]], [None, None]):
        frame = pl.DataFrame({"user": ["a", "b"], "history": histories})
        assert set(recommender.recommend_frame(frame, ListOptions(k=2))["source"]) == {"popular"}


@pytest.mark.parametrize("missing", [[None, None], [np.nan, np.nan], []])
def test_a_pandas_frame_without_any_history_gets_popular_lists(recommender, missing):
    frame = pd.DataFrame({"user": ["a", "b"][: len(missing)], "history": missing})
    lists = recommender.recommend_frame(frame, ListOptions(k=2))
    assert lists["user"].to_list() == [name for name in frame["user"] for _ in range(2)]
    assert set(lists["source"]) <= {"popular"}


@pytest.mark.parametrize("history", [{"x", "y"}, {"x": 1}])
def test_a_pandas_frame_with_a_history_without_order_is_refused(recommender, history):
    frame = pd.DataFrame({"user": ["a", "b"], "history": [["x"], history]})
    with pytest.raises(
        ConfigError, match=r"The history of row 2 is of type \w+, which has no order"
    ):
        recommender.recommend_frame(frame)


@pytest.mark.parametrize("method", ["recommend", "frontier", "interests"])
def test_a_string_is_not_accepted_as_a_list_of_ids(recommender, method):
    with pytest.raises(ConfigError, match="must be a list"):
        getattr(recommender, method)("B00A")


def test_a_string_is_not_accepted_as_one_of_several_histories(recommender):
    with pytest.raises(ConfigError, match="must be a list"):
        recommender.recommend_many(["B00A"])
