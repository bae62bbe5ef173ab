"""Check that a pinned list keeps its events, and ends what another artifact does not have."""

import shutil

import pytest
from playwright.sync_api import expect

from page_reading import click, headline, settle, without_added_category

pytestmark = pytest.mark.slow


def marks_after(page, name):
    """Click a button of the comparison and return the marks of the events of the new list."""
    with page.expect_response("**/v1/recommend"):
        page.get_by_role("button", name=name).click()
    page.get_by_role("link", name="Explore").click()
    settle(page)
    return page.locator("[data-event] .mark").all_inner_texts()


def test_a_pinned_list_ends_what_another_artifact_does_not_have(visit, own_server, world):
    shutil.copytree(world / "artifact", world / "pinned")
    server = own_server("--page", artifact="pinned")
    page = visit(server.address, query="?history=50,60,70,80")
    settle(page)
    page.get_by_role("button", name="Add an interest").click()
    page.get_by_role("option").first.click()
    settle(page)
    card = page.locator("article").filter(has_not_text="added by you").first
    with page.expect_response("**/v1/recommend"):
        card.get_by_role("button", name="Mute").click()
    settle(page)
    assert "weights=" in page.url
    assert "added=" in page.url
    page.get_by_role("link", name="Compare").click()
    page.get_by_role("button", name="Pin A").click()
    expect(page.get_by_text("Both lists are the same.")).to_be_visible()
    pinned = page.locator("section", has_text="A stays")
    server.stop()
    shutil.rmtree(world / "pinned")
    shutil.copytree(world / "other", world / "pinned")
    server.start()
    page.route("**/v1/recommend", without_added_category)
    page.route("**/v1/recommend/batch", without_added_category)
    page.get_by_role("radio", name="another variety").check(force=True)
    # A has neither the weights nor the interests that were added, and the page says both.
    expect(page.locator(".bar")).to_contain_text("The weights were left out")
    expect(page.locator(".bar")).to_contain_text("The added interests were left out")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator(".sides")).to_have_attribute("aria-busy", "false")
    expect(page.get_by_text("steered")).to_have_count(0)
    expect(pinned).to_have_count(1)
    stored = page.evaluate("JSON.parse(sessionStorage['prismrec.pinned']).a")
    assert (stored["options"]["weights"], stored["options"]["added"]) == ([], [])
    page.reload()
    expect(page.locator(".sides")).to_have_attribute("aria-busy", "false")
    page.get_by_role("radio", name="the current list").check(force=True)
    with page.expect_response("**/v1/recommend"):
        page.get_by_role("button", name="Return to A").click()
    assert "weights" not in page.url
    assert "added" not in page.url
    page.get_by_role("link", name="Explore").click()
    assert "muted" not in headline(page)


def test_an_applied_list_keeps_the_kinds_and_values_of_events(visit, own_server):
    server = own_server("--page")
    page = visit(server.address)
    settle(page)
    events = [("50", "purchase", None), ("60", "view", 2)]
    sent = [
        {"user": "eve", "item": item, "time": 1_700_000_000_000_000, "kind": kind, "value": value}
        for item, kind, value in events
    ]
    assert page.request.post(f"{server.address}/v1/events", data={"events": sent}).ok
    page.goto(f"{server.address}/?user=eve")
    settle(page)
    before = page.locator("[data-event] .mark").all_inner_texts()
    assert sorted(before) == ["purchase", "view 2"]
    page.get_by_role("link", name="Compare").click()
    page.get_by_role("button", name="Pin A").click()
    page.get_by_role("radio", name="another variety").check(force=True)
    assert marks_after(page, "Apply B") == before
    click(page, "Start empty")
    page.get_by_role("link", name="Compare").click()
    page.reload()  # the tab keeps A
    page.get_by_role("radio", name="another history").check(force=True)
    expect(page.locator(".chips li")).to_have_count(2)
    page.get_by_role("radio", name="the current list").check(force=True)
    assert marks_after(page, "Return to A") == before
