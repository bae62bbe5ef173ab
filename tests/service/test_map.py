"""Test the map: which items are on it, and the labels of its regions."""

import numpy as np
import polars as pl
import pytest

from prismrec.data.catalog import Catalog
from prismrec.data.ids import IdMap
from prismrec.service.catalog_map import log_odds, map_labels
from prismrec.service.settings import ServePaths
from service.clients import post


def read(client, **query):
    return client.get("/v1/map", params=query).json()


@pytest.mark.slow
def test_the_map_reports_how_many_items_it_shows(client, dataset):
    size = dataset.catalog.size - 1
    everything = read(client)
    assert everything["total"] == everything["sampled"] == len(everything["ids"]) == size
    few = read(client, limit=7)
    assert (few["total"], few["sampled"]) == (size, 7)
    assert few["ids"] == everything["ids"][:7]
    post(client, "/v1/items/hide", items=few["ids"][:2])
    after = read(client, limit=7)
    assert (after["total"], after["sampled"]) == (size - 2, 7)
    assert after["ids"] == everything["ids"][2:9]


def test_items_that_are_asked_for_are_always_on_the_map(client):
    everything = read(client)
    last, hidden, first = everything["ids"][-1], everything["ids"][-2], everything["ids"][0]
    post(client, "/v1/items/hide", items=[hidden])
    found = read(client, limit=5, items=[last, hidden, first, last, "no such item"])
    assert found["ids"] == [*everything["ids"][:5], last, hidden]
    assert found["sampled"] == 5
    places = {name: at for at, name in enumerate(everything["ids"])}
    for field in ("titles", "x", "y", "category"):
        assert found[field] == [everything[field][places[name]] for name in found["ids"]]


def test_a_label_is_what_a_region_has_more_often_than_the_rest():
    region = np.repeat([0, 1], 100)
    every = np.arange(200)  # all items have category 0, region 1 also category 1
    owned = np.r_[every, every[100:]], np.r_[np.zeros(200, int), np.ones(100, int)]
    certain = log_odds(region, owned, (2, 2))
    assert certain[1, 1] > 5
    assert certain[0, 1] < -5
    assert np.abs(certain[:, 0]).max() < 1e-9


class World:
    """A recommender of items in four corners of a plane, each with its own category."""

    def __init__(self, size=401):
        corner = np.arange(size) % 4
        ids = pl.Series([f"i{number}" for number in range(1, size)])
        self.catalog = Catalog(
            items=IdMap(ids, first=1, kind="item"),
            titles=ids,
            category_names=["north", "east", "south", "west", "all"],
            category_indptr=np.r_[0, np.arange(size) * 2],
            category_ids=np.stack([corner[1:], np.full(size - 1, 4)], 1).ravel().astype(np.int32),
            count=np.arange(size),
        )
        self.model = self
        places = np.array([[0, 1], [1, 0], [0, -1], [-1, 0]])
        draw = np.random.default_rng(0).normal(0, 0.05, (size, 2))
        self.positions = places[corner] + draw

    def content_vectors(self, numbers):
        return self.positions[numbers]

    def project(self, vectors):
        return vectors


def test_regions_get_the_categories_of_their_items():
    world = World()
    labels = map_labels(world, world)
    near = {label.category: (round(label.x), round(label.y)) for label in labels}
    assert near == {"north": (0, 1), "east": (1, 0), "south": (0, -1), "west": (-1, 0)}
    assert len(labels) == 4, "a category names two regions"
    assert all(label.items > 3 for label in labels)
    assert map_labels(world, world) == labels


@pytest.mark.parametrize("size", [2, 20])
def test_few_items_have_no_labels(size):
    world = World(size)
    assert map_labels(world, world) == []


def test_the_labels_of_the_service_lie_on_its_map(serve, artifact):
    found = read(serve(places=ServePaths(artifact=artifact)))
    names = [label["category"] for label in found["labels"]]
    assert len(set(names)) == len(names)
    assert set(names) <= set(found["categories"])
    for label in found["labels"]:
        assert min(found["x"]) <= label["x"] <= max(found["x"])
        assert min(found["y"]) <= label["y"] <= max(found["y"])
