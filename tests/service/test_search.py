"""Test the search of titles against a plain scan."""

import random
import time

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismrec.data.catalog import Catalog
from prismrec.data.ids import IdMap
from prismrec.service.search import TitleSearch

LETTERS = "abAßİ é1_-.(\\*[中\n"


def catalog_of(titles, counts=None):
    size = len(titles)
    return Catalog(
        items=IdMap(pl.Series([f"i{n}" for n in range(size)]), first=1, kind="item"),
        titles=pl.Series(titles, dtype=pl.String),
        category_names=[],
        category_indptr=np.zeros(size + 2, dtype=np.int64),
        category_ids=np.zeros(0, dtype=np.int32),
        count=np.array([0, *(counts or [0] * size)], dtype=np.int64),
    )


def scan(catalog, text, limit):
    """Return what a search must find, by a plain scan of all titles."""
    text = text.casefold().strip()
    ranked = []
    for place, title in enumerate(catalog.titles.to_list()):
        lower = title.casefold()
        starts = [at for at in range(len(lower) + 1) if lower.startswith(text, at)]
        if starts:
            at_word = any(at > 0 and not lower[at - 1].isalnum() for at in starts)
            kind = 0 if lower == text else 1 if starts[0] == 0 else 2 if at_word else 3
            ranked.append((kind, -int(catalog.count[place + 1]), place + 1))
    return [number for *_, number in sorted(ranked)[:limit]]


def test_exact_titles_come_first_then_beginnings_then_words_then_the_rest():
    titles = ["Costar", "A star", "Star", "Bastard star", "Stardust", "Other", "The-Star"]
    catalog = catalog_of(titles, [9, 1, 1, 2, 5, 9, 1])
    found = TitleSearch.of(catalog).find(" STAR ", 20)
    assert [titles[number - 1] for number in found] == [
        "Star", "Stardust", "Bastard star", "A star", "The-Star", "Costar",
    ]  # fmt: skip
    assert TitleSearch.of(catalog).find("star", 3) == found[:3]


@pytest.mark.parametrize("text", ["straße", "STRASSE", "Strasse"])
def test_upper_and_lower_case_are_the_same_in_every_script(text):
    assert TitleSearch.of(catalog_of(["Lange Straße", "Lange Gasse"])).find(text, 5) == [1]


@given(
    st.lists(st.text(LETTERS, max_size=8), min_size=1, max_size=30),
    st.text(LETTERS, max_size=3),
    st.integers(1, 12),
    st.randoms(use_true_random=False),
)
@pytest.mark.slow
def test_the_index_finds_what_a_plain_scan_finds(titles, text, limit, draw):
    catalog = catalog_of(titles, [draw.randrange(4) for _ in titles])
    assert TitleSearch.of(catalog).find(text, limit) == scan(catalog, text, limit)


@pytest.mark.parametrize("text", [".*", "(", "\\", "[a", "^a", "a|b", "$", "\\d"])
def test_the_text_is_not_a_pattern(text):
    catalog = catalog_of(["plain a b", f"x{text}y"])
    assert TitleSearch.of(catalog).find(text, 5) == [2]


@pytest.mark.slow
def test_a_letter_takes_less_than_50_ms_among_200_000_titles():
    draw = random.Random(0)
    words = ["".join(draw.choices("etaoinshrdlu", k=draw.randint(1, 9))) for _ in range(5_000)]
    titles = [" ".join(draw.choices(words, k=draw.randint(2, 9))) for _ in range(200_000)]
    index = TitleSearch.of(catalog_of(titles, draw.choices(range(1_000), k=200_000)))
    for text in ("e", "th", "z", "on t", "zzzz", words[7], "ret no"):
        seconds = []
        for _ in range(5):
            begin = time.perf_counter()
            index.find(text, 20)
            seconds.append(time.perf_counter() - begin)
        assert min(seconds) < 0.05, text


@pytest.mark.slow
def test_hidden_items_keep_the_index_and_new_titles_make_another_one(client, dataset):
    versions = client.context.versions
    served = versions.current()
    index, plane, labels = served.titles, served.plane, served.labels
    name = dataset.catalog.items.ids[0]
    versions.mark([name], "hide")
    assert versions.current() is not served
    assert versions.current().titles is index
    assert versions.current().plane is plane
    assert versions.current().labels is labels
    body = {"items": [{"id": "new", "title": "Zebra crossing", "related_to": [name]}]}
    assert client.post("/v1/items", json=body).status_code == 200
    assert versions.current().titles is not index
    found = client.get("/v1/items", params={"search": "zebra"}).json()["items"]
    assert [item["id"] for item in found] == ["new"]
