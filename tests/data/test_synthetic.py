"""Check synthetic data sets, whose clusters are known."""

import time

import numpy as np
import polars as pl
import pytest

from prismrec.data.dataset import build_dataset
from prismrec.data.synthetic import World, open_world
from prismrec.errors import ConfigError, UnknownName


def taste(world):
    """Return the set of clusters per user, and the items of all events."""
    frame = world.draw()[0].frame.collect()
    size = world.items // world.clusters
    by_user = frame.group_by("user", maintain_order=True).agg(pl.col("item") // size)
    return [set(row) for row in by_user["item"]], frame["item"].to_numpy()


@pytest.mark.parametrize("tastes", [2, 3, 31, 32])
def test_a_user_has_items_of_the_given_number_of_clusters(tastes):
    sets, _ = taste(World("many-taste", users=200, events=400, tastes=tastes))
    assert {len(clusters) for clusters in sets} == {tastes}


def test_a_user_with_one_taste_has_items_of_one_cluster():
    sets, _ = taste(World("one-taste", users=500))
    assert {len(clusters) for clusters in sets} == {1}
    assert len(set.union(*sets)) == 32


def test_tastes_are_drawn_evenly():
    sets, _ = taste(World("many-taste", users=20_000, clusters=5, items=5, tastes=2, events=12))
    pairs = [tuple(sorted(s)) for s in sets if len(s) == 2]
    counts = np.unique(pairs, axis=0, return_counts=True)[1]
    assert len(counts) == 10
    np.testing.assert_allclose(counts, 2_000, atol=200)  # 4.7 standard deviations


def test_noise_is_even_over_all_items():
    _, items = taste(World("noise", users=10_000))
    counts = np.bincount(items, minlength=256)
    assert abs(counts - 130_000 / 256).max() < 5 * np.sqrt(130_000 / 256)


def test_popularity_follows_the_given_power():
    _, items = taste(World("noise", users=20_000, items=100, clusters=1, zipf=1.0))
    counts = np.bincount(items, minlength=100)
    assert counts[0] / counts[9] == pytest.approx(10, rel=0.1)
    assert counts[0] / counts[49] == pytest.approx(50, rel=0.2)


def test_the_true_cluster_of_an_item_is_its_category():
    log, items = open_world("synthetic:many-taste?users=300")
    dataset = build_dataset(log, items=items, min_item_events=1)
    catalog = dataset.catalog
    for item in range(1, catalog.size):
        (category,) = catalog.categories_of(item)
        (name,) = catalog.items.external([item])
        assert catalog.category_names[category] == f"cluster {int(name) // 8}"
    assert catalog.title(1).startswith("Item ")


def test_equal_names_have_equal_events_and_another_seed_has_others():
    spec = "synthetic:many-taste?users=50&zipf=1.1&seed=4"
    one, two, other = (open_world(s)[0] for s in (spec, spec, spec[:-1] + "5"))
    assert one.frame.collect().equals(two.frame.collect())
    assert not one.frame.collect().equals(other.frame.collect())
    assert open_world(one.source)[0].frame.collect().equals(one.frame.collect())


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("synthetic:many-tastes", UnknownName, "Did you mean 'many-taste'"),
        ("synthetic:noise?user=3", ConfigError, "has an unknown key 'user'; choose: users, items"),
        ("synthetic:noise?users=many", ConfigError, "has users='many'; give a whole number"),
        ("synthetic:noise?zipf=", ConfigError, "has zipf=''; give a number"),
        ("synthetic:noise?users=0", ConfigError, "users is 0; it must be at least 1"),
        ("synthetic:noise?seed=-1", ConfigError, "seed is -1; it must be 0 or more"),
        (
            "synthetic:noise?items=100",
            ConfigError,
            "do not divide among 32 clusters; use 96 or 128",
        ),
        ("synthetic:noise?tastes=3", ConfigError, "is fixed in the world 'noise'"),
        ("synthetic:many-taste?tastes=33", ConfigError, "a user has 33 tastes"),
        ("synthetic:noise?zipf=nan", ConfigError, "zipf is nan"),
    ],
)
def test_an_impossible_world_is_an_error(spec, error, message):
    with pytest.raises(error, match=message):
        open_world(spec)


@pytest.mark.slow
def test_a_world_of_millions_is_drawn_in_seconds():
    start = time.process_time()
    World("many-taste", users=250_000, items=100_000, clusters=1_000, events=20, zipf=1.0).draw()
    assert time.process_time() - start < 10
