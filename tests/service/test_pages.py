"""Test that pages are parts of one list: disjoint, and together the same for any page size."""

import pytest

from prismrec.rerank import RERANKERS
from service.clients import kind_of, listed, post

pytestmark = pytest.mark.slow

OPTIONS = [
    {},
    {"diversity": 0.3},
    {"diversity": 5},
    {"diversity_target": 0.8},
    {"max_relevance_loss": 0.2},
    {"interests": {"mix": "shares"}},
    {"interests": {"weights": {"1": 3}, "minimum": {"2": 4}}, "diversity": 0.1},
    *[{"diversity": 0.3, "rerank": name} for name in sorted(RERANKERS)],
]


def pages(client, size, **asked):
    """Return the ids of all pages."""
    found = []
    for offset in range(0, asked["length"], size):
        answer = post(client, "/v1/recommend", k=size, offset=offset, **asked)
        assert len(answer["items"]) <= size
        found += listed(answer)
    return found


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_pages_of_any_size_are_parts_of_one_list(lasting, history, options):
    asked = {"history": history[:5], "length": 24, **options}
    whole = listed(post(lasting(), "/v1/recommend", k=24, **asked))
    assert len(set(whole)) == len(whole) == 24
    for size in (1, 5, 10, 24, 100):
        assert pages(lasting(), size, **asked) == whole


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_pages_without_a_length_are_disjoint_and_complete(lasting, history, options, dataset):
    asked = {"history": history[:5], "exclude_seen": False, **options}
    for size in (7, 10, 30):
        found = []
        for offset in range(0, 60, size):
            answer = post(lasting(), "/v1/recommend", k=size, offset=offset, **asked)
            found += listed(answer)
        assert len(set(found)) == len(found) == dataset.catalog.size - 1


@pytest.mark.parametrize("diversity", [0, 0.3])
def test_a_list_of_a_length_is_the_list_of_as_many_items(lasting, history, diversity):
    asked = {"history": history[:5], "diversity": diversity}
    one = post(lasting(), "/v1/recommend", k=20, **asked)
    page = post(lasting(), "/v1/recommend", k=20, length=20, offset=0, **asked)
    assert page == one
    assert page["options"]["k"] == 20


def test_the_fields_of_a_page_describe_the_whole_list(lasting, history):
    asked = {"history": history[:5], "diversity": 0.3, "length": 20, "explain": True}
    first, second = (
        post(lasting(), "/v1/recommend", k=5, offset=offset, **asked) for offset in (0, 5)
    )
    assert first.pop("items") != second.pop("items")
    assert first == second


@pytest.mark.parametrize(("offset", "length"), [(20, 20), (500, None), (1_499, 30)])
def test_a_page_behind_the_end_of_the_list_is_an_error(lasting, offset, length):
    sent = {"history": [], "offset": offset} | ({"length": length} if length else {})
    answer = lasting().post("/v1/recommend", json=sent)
    assert (answer.status_code, kind_of(answer)) == (422, "invalid_request")
    assert "send a larger length" in answer.text
