"""Fit the projection from content vectors to item vectors, and mix it into the trained ones."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from prismrec.data import ItemContent, split_by_user
from prismrec.errors import ConfigError, DataError
from prismrec.models import Model, Prism
from prismrec.recommend import NewItem, load, save, unit_vectors
from prismrec.training import RunConfig, Sources, TrainConfig, WarmStart, fit
from prismrec.training.fit_projection import (
    Ridge,
    check_content,
    fit_projection,
    trained_share,
)


def test_ridge_solves_a_case_by_hand():
    # x = -1, 1 and y = 0, 4: slope 2 without penalty. The covariance sum is 2, and so is the mean
    # eigenvalue. With penalty 1: slope (2 · 2) / (2 + 2) = 1; the intercept is the mean, 2.
    ridge = Ridge(np.array([[-1.0], [1.0]]), np.array([[0.0], [4.0]]), np.ones(2))
    for penalty, slope in ((0.0, 2.0), (1.0, 1.0), (3.0, 0.5)):
        weight, offset = ridge.solve(penalty)
        assert weight.item() == pytest.approx(slope)
        assert offset.item() == pytest.approx(2.0)


def test_ridge_is_the_least_squares_solution_with_added_rows():
    rng = np.random.default_rng(0)
    x, y, w = rng.normal(size=(30, 4)), rng.normal(size=(30, 3)), rng.uniform(0.5, 2, 30)
    weight, offset = Ridge(x, y, w).solve(0.7)
    mean_x, mean_y = w @ x / w.sum(), w @ y / w.sum()
    root = np.sqrt(w)[:, None]
    covariance = (root * (x - mean_x)).T @ (root * (x - mean_x))
    added = np.sqrt(0.7 * np.trace(covariance) / 4) * np.eye(4)
    left = np.vstack([root * (x - mean_x), added])
    right = np.vstack([root * (y - mean_y), np.zeros((4, 3))])
    expected = np.linalg.lstsq(left, right, rcond=None)[0]
    assert np.allclose(weight, expected)
    assert np.allclose(offset, mean_y - mean_x @ expected)


def test_the_share_of_trained_rows_grows_with_events():
    counts = np.array([0, 1, 5, 20])
    assert trained_share(counts, 0.0).tolist() == [0, 1, 1, 1]
    assert trained_share(counts, 5.0).tolist() == pytest.approx([0, 1 / 6, 0.5, 0.8])
    weights = np.array([0.0, 0.25, 0.5])
    assert trained_share(weights, 0.0).tolist() == [0, 1, 1]
    assert trained_share(weights, 0.5).tolist() == pytest.approx([0, 1 / 3, 0.5])


@pytest.fixture
def world(dataset):
    """Return a model of two tables whose vectors depend on content, counts and content."""
    rng = np.random.default_rng(0)
    size = dataset.catalog.size
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Model(size, Prism(dim=8, interests=1, max_len=10), tie_embeddings=False)
    vectors = rng.normal(size=(size - 1, 6)).astype(np.float32)
    unit = unit_vectors(vectors)
    rows = np.vstack([np.zeros((1, 17)), unit @ rng.normal(size=(6, 17)) + 0.3])
    rows = torch.from_numpy(rows).float()
    model.set_item_vectors(rows[:, :8], rows[:, 8:16], rows[:, 16])
    counts = np.append(0, rng.integers(1, 30, size - 1))
    counts[[3, 5]] = 0
    return model, dataset.catalog, ItemContent.of(dataset.catalog.items.ids, vectors), counts


def tables(model):
    return np.hstack([table.rows().detach().numpy() for table in model.tables])


def test_an_item_without_events_gets_the_row_that_its_content_predicts(world):
    model, catalog, content, counts = world
    before = tables(model)
    with torch.no_grad():
        for table in model.tables:
            table.weight[[3, 5]] = 0.0
    fitted = fit_projection(model, content, catalog, counts, None)
    after = tables(fitted.model)
    others = np.setdiff1d(np.arange(catalog.size), [3, 5])
    assert np.array_equal(after[others], before[others])  # strength 0 without a measure
    assert np.allclose(after[[3, 5], :-1], before[[3, 5], :-1], atol=0.2)
    trained = before[others[1:], -1]
    assert (after[[3, 5], -1] >= np.float32(np.median(trained)) - 1e-6).all()
    assert not tables(model)[3].any()  # the given model does not change
    assert "2 of them without training events" in fitted.note


def test_the_strength_is_the_smallest_of_the_best(world):
    model, catalog, content, counts = world
    values = iter([0.2, 0.2, 0.1, 0.3, 0.3])  # scales 1 and 1.1; strengths 0, 1 and 3
    fitted = fit_projection(model, content, catalog, counts, lambda _: next(values))
    assert fitted.note.endswith("scale 1, strength 1")
    own, mixed = tables(model), tables(fitted.model)
    projected = fitted.projection.rows_of(content.vectors)
    share = (counts[1:] / (counts[1:] + 1))[:, None]
    assert np.allclose(mixed[1:], share * own[1:] + (1 - share) * projected, atol=1e-5)
    assert not mixed[0].any()


def test_the_scale_multiplies_vectors_but_not_biases(world):
    model, catalog, content, counts = world
    values = iter([0.1, 0.2, 0.3, 0.3, 0.0, 0.0])  # scales 1, 1.1, 1.2 and 1.3; strengths 0 and 1
    scaled = fit_projection(model, content, catalog, counts, lambda _: next(values))
    plain = fit_projection(model, content, catalog, counts, None)
    assert scaled.note.endswith("scale 1.2, strength 0")
    rows, longer = (fit.projection.rows_of(content.vectors) for fit in (plain, scaled))
    assert np.allclose(longer[:, :-1], 1.2 * rows[:, :-1], atol=1e-5)
    assert np.array_equal(longer[:, -1], rows[:, -1])


def test_rows_of_the_file_in_another_order_give_the_same_model(world):
    model, catalog, content, counts = world
    order = np.random.default_rng(1).permutation(len(content))
    permuted = ItemContent.of(content.ids.gather(order), content.vectors[order])
    one, other = (fit_projection(model, c, catalog, counts, None) for c in (content, permuted))
    assert np.array_equal(tables(one.model), tables(other.model))
    assert np.array_equal(one.projection.weight, other.projection.weight)


def test_items_without_a_vector_do_not_change(world):
    model, catalog, content, counts = world
    some = ItemContent.of(
        content.ids[6:].append(content.ids[:2]), np.roll(content.vectors, -6, 0)[:-4]
    )
    fitted = fit_projection(model, some, catalog, counts, lambda _: 0.0)
    assert np.array_equal(tables(fitted.model)[3:7], tables(model)[3:7])


def test_too_few_vectors_are_refused(world):
    _, catalog, content, counts = world
    other = ItemContent.of([f"other {name}" for name in content.ids], content.vectors)
    with pytest.raises(DataError, match="0 have training events, but the projection needs 20"):
        check_content(other, catalog, counts)


@pytest.mark.slow
def test_an_item_whose_events_all_have_weight_0_is_projected_as_one_without_events(dataset):
    size = dataset.catalog.size
    weights = np.where(dataset.histories.items % 5 == 0, 0.0, 2.0).astype(np.float32)
    weighted = replace(dataset, histories=replace(dataset.histories, weights=weights))
    split = split_by_user(weighted)
    vectors = np.random.default_rng(0).normal(size=(size - 1, 6)).astype(np.float32)
    content = ItemContent.of(dataset.catalog.items.ids, vectors)
    config = RunConfig(**SHORT, negatives=0)
    trained = fit(
        split, dataset.catalog, config, TrainConfig(epochs=1), sources=Sources(content=content)
    )
    without = np.arange(5, size, 5)
    projected = trained.recommender.projection.rows_of(vectors[without - 1])[:, :-1]
    own = tables(trained.recommender.model)[without, :-1]
    assert np.allclose(own, projected, atol=1e-5)
    assert f"{len(without)} of them without training events" in trained.notes["content"]


SHORT = {"extractor": "prism", "dim": 8, "index": "exact", "rules": False, "forming": False}


@pytest.mark.slow
def test_fit_with_content_recommends_new_items_and_without_is_the_same(dataset, tmp_path):
    split = split_by_user(dataset)
    training = TrainConfig(steps=3, batch_size=64)
    rng = np.random.default_rng(0)
    content = ItemContent.of(
        dataset.catalog.items.ids, rng.normal(size=(dataset.catalog.size - 1, 4))
    )
    plain = fit(split, dataset.catalog, RunConfig(**SHORT), training)
    trained = fit(
        split, dataset.catalog, RunConfig(**SHORT), training, sources=Sources(content=content)
    )
    counts = split.train.counts(dataset.catalog.size)
    assert plain.recommender.projection is None
    assert "content" not in plain.notes
    assert "have a content vector" in trained.notes["content"]
    if "strength 0" in trained.notes["content"]:
        same = counts > 0
        assert np.array_equal(
            tables(plain.recommender.model)[same], tables(trained.recommender.model)[same]
        )
    new = NewItem(id="new", title="New", vector=content.vectors[0].tolist())
    larger = trained.recommender.with_items([new])
    save(larger, tmp_path / "a")
    again = load(tmp_path / "a")
    history = dataset.catalog.items.external(dataset.histories[0].tolist())
    assert again.recommend(history, 500) == larger.recommend(history, 500)
    assert "new" in [item.id for item in again.recommend(history, 500)]
    more = again.with_items([NewItem(id="newer", vector=[1, 0, 0, 0])])
    assert more.catalog.size == dataset.catalog.size + 2
    start = Sources(start=WarmStart.read(tmp_path / "a"))
    warm = fit(split, dataset.catalog, RunConfig(**SHORT), training, sources=start)
    assert warm.recommender.projection is None
    assert "no item vectors were given" in warm.notes["lost_projection"]


def test_sources_of_another_type_are_refused():
    with pytest.raises(ConfigError, match=r"start is 'books/', .* write WarmStart\.read"):
        Sources(start="books/")
    with pytest.raises(ConfigError, match=r"content is of type ndarray, .* write ItemContent\.of"):
        Sources(content=np.ones((2, 2)))
