"""Check that the page shows kinds of events and dislikes, and that its lists heed them."""

import pytest
from playwright.sync_api import expect

from page_reading import add, headline, ids, settle

pytestmark = pytest.mark.slow
TIME = 1_700_000_000_000_000
NEAR = {"id": "5", "title": "Title 5", "similarity": 0.93, "penalty": 2.0}


def lowered(route):
    """Answer as the service does, but the first item has lost score."""
    answer = route.fetch().json()
    list_of = answer.get("answer", answer)
    list_of["items"][0]["near_dislike"] = NEAR
    route.fulfill(json=answer)


@pytest.mark.parametrize(
    ("language", "heading", "reason"),
    [("en-US", "Disliked", "similar to Title 5, which is disliked"),
     ("zh-CN", "不喜欢", "与不喜欢的 Title 5 相似")],
)  # fmt: skip
def test_dislikes_are_shown_and_named_as_reasons(visit, own_server, language, heading, reason):
    server = own_server(artifact="rated")
    page = visit(server.address, locale=language)
    settle(page)
    events = [("1", "view", None), ("2", None, 4), ("5", "rating", 1), ("7", None, 2)]
    sent = [
        {"id": f"e{n}", "user": "eve", "item": item, "time": TIME + n, "kind": kind, "value": value}
        for n, (item, kind, value) in enumerate(events)
    ]
    assert page.request.post(f"{server.address}/v1/events", data={"events": sent}).ok
    page.route("**/v1/start**", lowered)
    page.goto(f"{server.address}/?user=eve")
    settle(page)
    expect(page.locator("[data-event='1'] .mark")).to_have_text("view")
    expect(page.locator("[data-event='2'] .mark")).to_have_text("4")
    expect(page.locator("[data-event='5']")).to_have_count(0)
    expect(page.locator(".disliked")).to_contain_text(heading)
    crossed = page.locator("[data-disliked] s")
    expect(crossed).to_have_count(2)
    # The line belongs to the element of the text: it does not reach into an inline box.
    style = "(s) => [s.children.length, getComputedStyle(s).textDecorationLine]"
    assert crossed.first.evaluate(style) == [0, "line-through"]
    expect(page.locator("[data-disliked='5'] .mark")).to_have_text("rating 1")
    expect(page.locator(".item").first).to_contain_text(reason)
    expect(page.locator("[data-dislike='5']")).to_have_count(1)
    assert not {"5", "7"} & set(ids(page))


def test_a_user_with_only_dislikes_is_shown_with_them(visit, own_server):
    server = own_server(artifact="rated")
    sent = [{"user": "eve", "item": item, "time": TIME, "value": 1} for item in ("50", "51")]
    page = visit(server.address)
    settle(page)
    assert page.request.post(f"{server.address}/v1/events", data={"events": sent}).ok
    page.goto(f"{server.address}/?user=eve")
    assert headline(page) == "No history yet. These 20 items are popular among all users."
    expect(page.locator(".owner")).to_have_text("User eve · 0 events")
    expect(page.locator("[data-disliked]")).to_have_count(2)
    assert not {"50", "51"} & set(ids(page))


def test_to_add_a_disliked_item_ends_its_dislike(visit, own_server):
    server = own_server(artifact="rated")
    sent = [{"user": "eve", "item": item, "time": TIME, "value": value}
            for item, value in (("1", 5), ("50", 1), ("51", 1))]  # fmt: skip
    page = visit(server.address)
    settle(page)
    assert page.request.post(f"{server.address}/v1/events", data={"events": sent}).ok
    page.get_by_role("combobox", name="Find a user").fill("eve")
    with page.expect_request("**/v1/recommend") as asked:
        page.get_by_role("option", name="Look up").click()
    assert asked.value.post_data_json["dislikes"] == ["50", "51"]
    settle(page)
    expect(page.locator("[data-disliked]")).to_have_count(2)
    with page.expect_request("**/v1/recommend") as asked:
        add(page, "Title 50 ")
    assert asked.value.post_data_json["dislikes"] == ["51"]
    settle(page)
    expect(page.locator("[data-disliked]")).to_have_count(1)
    with page.expect_request("**/v1/start**"):
        page.reload()
    settle(page)
    expect(page.locator("[data-disliked]")).to_have_count(1)
    assert "51" not in ids(page)
