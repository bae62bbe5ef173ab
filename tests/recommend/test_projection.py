"""Project content vectors to item vectors, and add items by them."""

import json

import numpy as np
import pytest
import torch

from prismrec.errors import DataError
from prismrec.recommend import ContentProjection, NewItem, Recommender, load, save
from prismrec.recommend.manifest import MANIFEST, PROJECTION
from worlds import ids, untrained


def projection_of(out, width=2):
    """Return a projection with simple numbers, whose last column is a bias of at least 0.25."""
    weight = np.zeros((width, out), dtype=np.float32)
    weight[:, :2] = [[1, 0], [0, 2]]
    weight[0, -1] = 1
    lowest = np.full(out, -np.inf, dtype=np.float32)
    lowest[-1] = 0.25
    return ContentProjection(weight, np.full(out, 0.5, dtype=np.float32), lowest)


@pytest.fixture(scope="module")
def recommender(dataset):
    plain = untrained(dataset, extractor="prism", tie_embeddings=False)
    return Recommender(plain.model, plain.index, plain.catalog, projection=projection_of(17))


def test_a_vector_of_length_1_is_projected_and_the_bias_has_a_lowest_value():
    rows = projection_of(4).rows_of(np.array([[3.0, 4.0], [-5.0, 0.0]]))
    # (0.6, 0.8) gives 0.5 + 0.6, 0.5 + 1.6, 0.5, 0.5 + 0.6; (-1, 0) would have the bias -0.5.
    assert np.allclose(rows, [[1.1, 2.1, 0.5, 1.1], [-0.5, 0.5, 0.5, 0.25]])
    assert rows.dtype == np.float32


def test_new_items_with_and_without_a_vector_keep_their_order(dataset, recommender):
    name = dataset.catalog.category_names[0]
    items = [
        NewItem(id="a", categories=[name]),
        NewItem(id="b", categories=[name], vector=[3, 4]),
        NewItem(id="c", categories=[name]),
    ]
    added = recommender.with_items(items)
    plain = recommender.with_items([items[0]])
    table = torch.cat([table.weight for table in added.model.tables], dim=1)
    alone = torch.cat([table.weight for table in plain.model.tables], dim=1)
    assert torch.allclose(table[-3], alone[-1])
    assert torch.equal(table[-3], table[-1])
    assert np.allclose(table[-2].detach(), recommender.projection.rows_of(np.array([[3, 4]]))[0])
    assert [i.id for i in added.recommend(ids(dataset, 0), 500) if i.provisional] == sorted(
        "abc", key=[i.id for i in added.recommend(ids(dataset, 0), 500)].index
    )


@pytest.mark.parametrize(
    ("vector", "match"),
    [
        ([1.0], "has 1 numbers, but this model was trained with content vectors of 2"),
        ([], "has 0 numbers"),
        ([0.0, 0.0], "is 0 or has a value"),
        ([1e300, 1.0], "is 0 or has a value"),
    ],
)
def test_a_vector_that_cannot_be_projected_is_one_sentence(recommender, vector, match):
    with pytest.raises(DataError, match=match):
        recommender.with_items([NewItem(id="n", vector=vector)])


def test_a_model_without_content_vectors_refuses_a_vector(dataset):
    with pytest.raises(DataError, match="trained without content vectors"):
        untrained(dataset).with_items([NewItem(id="n", vector=[1.0])])


def test_a_projection_is_saved_and_loaded(dataset, recommender, tmp_path):
    save(recommender, tmp_path / "a")
    again = load(tmp_path / "a").projection
    for name, array in vars(recommender.projection).items():
        assert np.array_equal(getattr(again, name), array)
    save(recommender.with_items([NewItem(id="n", vector=[1, 0])]), tmp_path / "b")
    assert load(tmp_path / "b").with_items([NewItem(id="m", vector=[1, 0])]).catalog.size


def test_without_a_projection_an_artifact_is_as_before(dataset, tmp_path):
    save(untrained(dataset), tmp_path / "a")
    assert "projection" not in json.loads((tmp_path / "a" / MANIFEST).read_text())
    assert not (tmp_path / "a" / PROJECTION).exists()
    assert load(tmp_path / "a").projection is None


@pytest.mark.parametrize(
    ("weight", "offset", "match"),
    [
        (np.ones((2, 16)), np.ones(17), "do not fit"),
        (np.ones((2, 17, 1)), np.ones(17), "do not fit"),
        (np.ones((2, 17)) * np.nan, np.ones(17), "not finite"),
        (np.ones((2, 17)), np.ones(17) * np.inf, "not finite"),
    ],
)
def test_a_damaged_projection_is_refused(recommender, tmp_path, weight, offset, match):
    broken = ContentProjection(
        weight.astype(np.float32), offset.astype(np.float32), recommender.projection.lowest
    )
    save(
        Recommender(recommender.model, recommender.index, recommender.catalog, projection=broken),
        tmp_path / "a",
    )
    with pytest.raises(DataError, match=match):
        load(tmp_path / "a")


def test_a_projection_without_its_file_is_refused(recommender, tmp_path):
    save(recommender, tmp_path / "a")
    (tmp_path / "a" / PROJECTION).unlink()
    with pytest.raises(DataError, match="missing or differs"):
        load(tmp_path / "a")
