"""Add new items without training: their vectors, recommendation, marking and saving."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse

from prismrec.errors import ConfigError, DataError
from prismrec.recommend.artifact import load, save
from prismrec.recommend.cold_start import Blends, NewItem, blend_items, with_descriptions
from prismrec.rerank import Filter
from worlds import formed, ids, untrained


@pytest.fixture(scope="module")
def recommender(dataset):
    return untrained(dataset)


def rows(recommender):
    return recommender.model.state_dict()["items.weight"].numpy()


def test_a_known_item_keeps_the_categories_that_are_not_given(dataset, recommender):
    known = dataset.catalog.items.ids[2]
    before = recommender.catalog.categories_named(3)
    assert before
    for more in ({"related_to": ["zzz"]}, {"vector": [1.0, 2.0]}, {}):
        renamed = recommender.with_items([NewItem(id=known, title="New", **more)])
        assert renamed.catalog.title(3) == "New"
        assert renamed.catalog.categories_named(3) == before
    cleared = recommender.with_items([NewItem(id=known, categories=[])])
    assert cleared.catalog.categories_named(3) == ()
    assert cleared.catalog.title(3) == dataset.catalog.title(3)


def test_a_new_item_has_direction_and_length_of_its_category_and_related_items(
    dataset, recommender
):
    name = dataset.catalog.category_names[0]
    members = [i for i in range(1, dataset.catalog.size) if 0 in dataset.catalog.categories_of(i)]
    mates = dataset.catalog.items.external([3, 7])
    table = rows(recommender)
    lengths = np.linalg.norm(table, axis=1)
    mean, length = [
        (part[members].mean(0), part[[3, 7]].mean(0)) for part in (table, lengths)
    ]  # fmt: skip
    for new, direction, expected in (
        (NewItem(id="new", categories=[name]), mean[0], length[0]),
        (NewItem(id="new", related_to=[*mates, "zzz"]), mean[1], length[1]),
        (NewItem(id="new", categories=[name], related_to=mates), sum(mean) / 2, sum(length) / 2),
    ):
        added = recommender.with_items([new])
        wanted = expected * direction / np.linalg.norm(direction)
        assert np.allclose(rows(added)[-1], wanted, atol=1e-6)
        assert added.catalog.size == dataset.catalog.size + 1


def test_rows_by_hand_keep_the_mean_bias_and_opposite_vectors_stay_zero():
    blends = Blends(
        sparse.csr_array(np.array([[0, 0.5, 0.5, 0], [0, 0.5, 0, 0.5]])),
        sparse.csr_array(np.eye(2)),
    )
    # Two vectors of lengths 5 and 3, biases 1 and 3; and the first one with its opposite.
    table = np.array([[0, 0, 0], [3, 4, 1], [3, 0, 3], [-3, -4, 0]], dtype=np.float32)
    made = blends.of(table, 2)
    np.testing.assert_allclose(made[0], [4 * 3 / 13**0.5, 4 * 2 / 13**0.5, 2])
    np.testing.assert_allclose(made[1], [0, 0, 0.5])


def test_many_new_items_share_one_mean_per_category(dataset, recommender):
    names = dataset.catalog.category_names[:2]
    mate = dataset.catalog.items.external([3])
    items = [NewItem(id=f"new {n}", categories=names, related_to=mate) for n in range(1_000)]
    larger = with_descriptions(dataset.catalog, items)
    held = dataset.catalog.size
    blends = blend_items(larger, items, held)
    members = sum(len(set(own) & {0, 1}) for own in map(dataset.catalog.categories_of, range(held)))
    assert blends.means.nnz <= members + len(items)
    assert blends.mixes.nnz == 3 * len(items)
    made = blends.of(rows(recommender), recommender.model.extractor.dim)
    assert np.array_equal(made, np.tile(made[:1], (1_000, 1)))
    added = recommender.with_items(items)
    assert np.allclose(rows(added)[held:], made, atol=1e-6)


def test_a_new_item_is_recommended_marked_and_accepted_in_a_history(dataset, recommender):
    history = ids(dataset, 0)
    best = recommender.recommend(history, 1).items[0].id
    added = recommender.with_items([NewItem(id="new/1", title="New", related_to=[best])])
    answer = added.recommend(history, 5)
    found = {item.id: item for item in answer}
    assert found["new/1"].title == "New"
    assert [item.id for item in answer if item.provisional] == ["new/1"]
    assert added.recommend(["new/1"], 5).source == "interests"
    assert added.interests(["new/1"])[0].items[0].id == "new/1"
    assert "new/1" not in [item.id for item in recommender.recommend(history, 1_000)]
    without = [item.id for item in added.recommend(history, 1_000) if item.id != "new/1"]
    assert without == [item.id for item in recommender.recommend(history, 1_000)]


def test_a_model_that_forms_interests_still_does_so_after_items_are_added(dataset):
    recommender = formed(dataset)
    history = ids(dataset, 0)
    best = recommender.recommend(history, 1).items[0].id
    added = recommender.with_items([NewItem(id="new", related_to=[best])])
    assert added.model.forming == recommender.model.forming
    assert added.model.options == recommender.model.options
    answer = added.recommend(history, added.catalog.size, explain=True)
    assert len(answer.interests) == len(recommender.recommend(history, 5).interests)
    assert "new" in [item.id for item in answer]


def test_a_model_that_masks_seen_items_also_does_so_after_items_are_added(dataset):
    options = {"tie_embeddings": False, "normalized": True, "mask_history_negatives": True}
    plain = untrained(dataset, extractor="prism", **options)
    added = plain.with_items([NewItem(id="new", related_to=dataset.catalog.items.external([3]))])
    history = np.array([1, 2, 3])
    read = added.model.interests_of([history])
    scores = read.vectors[0] @ added.model.item_vectors().T + read.bias[0][:, None]
    unseen = np.setdiff1d(np.arange(1, added.catalog.size), history)
    assert scores[:, unseen].exp().sum().item() == pytest.approx(1, abs=1e-4)


def test_new_items_are_saved_and_loaded(dataset, recommender, tmp_path):
    some = [
        NewItem(id=f"n{i}", categories=["fresh", dataset.catalog.category_names[1]]) for i in "ab"
    ]
    added = recommender.with_items(some).with_hidden(["na"])
    save(added, tmp_path / "a")
    again = load(tmp_path / "a")
    history = ids(dataset, 0)
    assert again.recommend(history, 500) == added.recommend(history, 500)
    fresh = again.recommend(history, 5, filter=Filter(categories=["fresh"]))
    assert [(item.id, item.provisional) for item in fresh] == [("nb", True)]


def test_an_item_moved_to_another_category_is_filtered_by_the_new_one(dataset, recommender):
    a, b = dataset.catalog.category_names[:2]
    history = ids(dataset, 0)
    top = recommender.recommend(history, 1, filter=Filter(categories=[a])).items[0].id
    moved = recommender.with_items([NewItem(id=top, title="Moved", categories=[b])])
    assert moved.catalog.size == dataset.catalog.size
    assert np.array_equal(rows(moved), rows(recommender))
    in_a = moved.recommend(history, 1_000, filter=Filter(categories=[a]))
    in_b = moved.recommend(history, 1_000, filter=Filter(categories=[b]))
    assert top not in [item.id for item in in_a]
    assert "Moved" in [item.title for item in in_b]
    assert not [item for item in in_b if item.provisional]


@pytest.mark.parametrize(
    ("items", "match"),
    [
        ([NewItem(id="n")], "has no vector"),
        ([NewItem(id="n", categories=["nobody has it"])], "has no vector"),
        ([NewItem(id="n", related_to=["zzz"])], "has no vector"),
        ([NewItem(id="", categories=["x"])], "empty id"),
        ([NewItem(id="n", related_to=["zzz"])] * 2, "one id twice"),
    ],
)
def test_a_new_item_without_any_vector_is_refused(recommender, items, match):
    with pytest.raises(DataError, match=match):
        recommender.with_items(items)


def test_new_items_of_another_type_are_refused(recommender):
    with pytest.raises(
        ConfigError, match="The id of a new item is 5, but must be a text; write '5'"
    ):
        NewItem(id=5)
    with pytest.raises(ConfigError, match="The title of a new item is 5, but must be a text"):
        NewItem(id="n", title=5)
    for wrong in (NewItem(id="n"), ["n"]):
        with pytest.raises(ConfigError, match=r"must be a list of NewItem\(…\)"):
            recommender.with_items(wrong)


@pytest.mark.parametrize(
    "vector",
    [
        [1.0, float("nan")], [1.0, float("inf")], ["1", "2"], [True, 1.0], [1.0, None], [10**400],
        [[1.0, 2.0]], "12", 5, {1.0, 2.0}, np.array([True, False]), np.array([["a"]]),
        np.array([[1.0, 2.0]]), np.array([1.0, np.nan]), np.ma.array([1.0, 2.0], mask=[1, 0]),
        torch.ones(2, requires_grad=True), iter([1.0, 2.0]),
    ],
)  # fmt: skip
def test_a_vector_that_is_no_list_of_finite_numbers_is_refused(vector):
    with pytest.raises(ConfigError, match=r"The vector of the new item 'n' is .* finite numbers"):
        NewItem(id="n", vector=vector)


@pytest.mark.parametrize("kind", [list, tuple, np.float32, pd.Series, pl.Series, torch.tensor])
def test_a_vector_may_be_a_list_or_an_array(kind):
    item = NewItem(id="n", vector=kind([0.5, 2.0]))
    assert item == NewItem(id="n", vector=(0.5, 2))
    assert [type(value) for value in item.vector] == [float, float]


@pytest.mark.parametrize(
    "text", [{"id": "a\ud800"}, {"title": "\udc00"}, {"categories": ["\ud800"]}]
)
def test_a_text_that_is_not_utf8_is_refused(text):
    with pytest.raises(ConfigError, match=r"half of a surrogate pair, so it is not UTF-8; decode"):
        NewItem(**({"id": "n"} | text))


@pytest.mark.parametrize("kind", [np.array, pd.Series, tuple])
def test_categories_and_related_items_may_be_an_array_or_a_series(dataset, recommender, kind):
    known = dataset.catalog.items.external([1, 2])
    names = dataset.catalog.category_names[:2]
    rows_of_lists = rows(
        recommender.with_items([NewItem(id="n", categories=names, related_to=known)])
    )
    item = NewItem(id="n", categories=kind(names), related_to=kind(known))
    assert np.array_equal(rows(recommender.with_items([item])), rows_of_lists)
    assert item == NewItem(id="n", categories=tuple(names), related_to=tuple(known))
    assert {type(name) for name in (*item.categories, *item.related_to)} == {str}


def test_categories_that_are_a_text_are_refused(recommender, dataset):
    known = dataset.catalog.items.external([1])[0]
    for name in (known, "new"):
        with pytest.raises(ConfigError, match="the text 'War', but must be a list"):
            recommender.with_items([NewItem(id=name, categories="War")])
    with pytest.raises(ConfigError, match="the text 'War', but must be a list"):
        recommender.recommend([known], filter=Filter(categories="War"))
