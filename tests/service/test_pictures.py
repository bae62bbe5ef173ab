"""Test which pictures of items the page may show."""

from dataclasses import replace

import polars as pl
import pytest

from prismrec.errors import ConfigError
from prismrec.recommend import load, save
from prismrec.service.pictures import allowed_image, image_hosts
from prismrec.service.settings import ServePaths, Settings
from service.clients import post
from worlds import untrained

pytestmark = pytest.mark.slow

HOSTS = ("images.example", "m.example")
GOOD = [
    "https://images.example/a.png",
    "https://m.example/é/中.jpg?size=2&x=%20#top",
    "https://IMAGES.example/a",
    "https://images.example",
    "https://images.example?a",
]
HOSTILE = [
    None, "", "javascript:alert(1)", "data:image/png;base64,AAAA", "http://images.example/a.png",
    "//images.example/a", "https:/images.example/a", "https://other.example/a",
    "https://images.example.evil/a", "https://evil/images.example", "https://sub.images.example/a",
    "https://images.example@evil/a", "https://evil@images.example/a", "https://images.example:80/a",
    "https://images.example\\@evil/a", "https://images.example/a b", " https://images.example/a",
    "https://images.example/a\n", "https://images.example/\x00", "https://images.example/\u202ea",
    "https://images.example/\u200b", 'https://images.example/"onerror=', "https://images.example/<",
    "https://images.example./a", "https://images%2eexample/a", "https://ımages.example/a",
]  # fmt: skip


@pytest.mark.parametrize("address", GOOD)
def test_an_https_address_of_an_allowed_host_is_shown(address):
    assert allowed_image(address, HOSTS) == address
    assert allowed_image(address, ()) is None


@pytest.mark.parametrize("address", HOSTILE)
def test_every_other_address_is_dropped(address):
    assert allowed_image(address, HOSTS) is None


def test_hosts_are_read_from_the_setting():
    assert image_hosts(" Images.example, m.example ,") == HOSTS
    assert image_hosts("") == ()


@pytest.mark.parametrize(
    "host",
    [
        "https://a.example",
        "a.example/",
        "*.example",
        "a.example:80",
        "a; script-src *",
        "a b",
        "-a",
    ],
)
def test_a_setting_that_is_not_a_host_is_refused(host):
    with pytest.raises(ConfigError, match="is not a host"):
        Settings(image_host=f"a.example,{host}")


@pytest.fixture
def with_pictures(dataset, tmp_path):
    """Save an artifact whose first items have pictures: one of each host, then hostile ones."""
    recommender = untrained(dataset)
    addresses = [GOOD[0], GOOD[1], "https://other.example/a", *HOSTILE[1:]]
    addresses += [None] * (recommender.catalog.size - 1 - len(addresses))
    catalog = replace(recommender.catalog, images=pl.Series(addresses, dtype=pl.String))
    save(replace(recommender, catalog=catalog), tmp_path / "pictures")
    return tmp_path / "pictures"


def images(client, artifact):
    names = load(artifact).catalog.items.ids.head(20).to_list()
    found = client.get("/v1/items", params={"id": names}).json()["items"]
    return [item["image"] for item in found]


def test_an_item_has_its_picture_if_the_operator_allows_the_host(serve, with_pictures):
    places = ServePaths(artifact=with_pictures)
    assert images(serve(places=places), with_pictures) == [None] * 20
    one = serve(places=places, image_host="m.example")
    assert images(one, with_pictures) == [None, GOOD[1], *[None] * 18]
    both = serve(places=places, image_host="images.example, m.example")
    assert images(both, with_pictures) == [GOOD[0], GOOD[1], *[None] * 18]
    found = both.get("/v1/items", params={"search": ""}).json()["items"]
    assert GOOD[0] in [item["image"] for item in found]


def test_the_policy_allows_the_same_hosts(serve, client):
    def policy(answer):
        rules = answer.headers["content-security-policy"].split("; ")
        return next(rule for rule in rules if rule.startswith("img-src"))

    assert policy(client.get("/")) == "img-src 'self' data:"
    allowed = serve(image_host="Images.example,m.example")
    expected = "img-src 'self' data: https://images.example https://m.example"
    assert policy(allowed.get("/")) == policy(allowed.get("/v1/nothing")) == expected
    assert len(allowed.get("/").headers["content-security-policy"].split("; ")) == len(
        client.get("/").headers["content-security-policy"].split("; ")
    )


def test_an_artifact_without_pictures_and_an_added_item_have_none(serve, with_pictures, artifact):
    client = serve(image_host="images.example")
    assert set(images(client, artifact)) == {None}
    client = serve(places=ServePaths(artifact=with_pictures), image_host="images.example")
    related = load(with_pictures).catalog.items.ids.head(1).to_list()
    post(client, "/v1/items", items=[{"id": "new", "related_to": related}])
    found = client.get("/v1/items", params={"id": ["new", *related]}).json()["items"]
    assert [item["image"] for item in found] == [None, GOOD[0]]
