"""Test Compare: two lists side by side, a pinned one, and a preview that can be applied."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow


def lists_of(page):
    """Return the titles of A and B, once both are for what is chosen."""
    expect(page.locator(".sides")).to_have_attribute("aria-busy", "false")
    sides = page.locator(".sides > section").all()
    return [side.locator("ol .title").all_inner_texts() for side in sides]


def choose(page, kind):
    with page.expect_response("**/v1/recommend/batch"):
        page.get_by_role("radio", name=kind, exact=True).check(force=True)


def test_two_artifacts_are_compared_on_the_same_history(visit, server):
    page = visit(server.address, "compare")
    sides = page.locator(".sides > section")
    expect(sides).to_have_count(2)
    expect(page.get_by_role("radio", name="the other artifact")).to_be_checked()
    a, b = lists_of(page)
    assert len(a) == len(b) == 20
    common = len(set(a) & set(b))
    same = sum(one == two for one, two in zip(a, b, strict=True))
    summary = f"{common} of 20 items are in both lists, {same} of them at the same place."
    expect(page.get_by_text(summary)).to_be_visible()
    assert len(set(page.locator(".sides h3").all_inner_texts())) == 2  # the names of artifacts
    places = sides.nth(1).locator("ol .where").all_inner_texts()
    for rank, (title, place) in enumerate(zip(b, places, strict=True), start=1):
        if title not in a:
            assert place == "only in B"
        else:
            number = a.index(title) + 1
            arrow = "↑" if rank < number else "↓"
            assert place == ("same place in A" if rank == number else f"{arrow} no. {number} in A")
    # The other artifact cannot become the artifact of the service.
    expect(page.get_by_role("button", name="Apply B")).to_have_count(0)
    counts = page.locator("table tbody tr").first.locator(".count").all_inner_texts()
    assert all(re.match(r"\d+ \(\d+%\)", count) for count in counts)


def test_a_change_is_previewed_applied_and_undone(visit, server):
    page = visit(server.address, "compare")
    choose(page, "another variety")
    with page.expect_response("**/v1/recommend/batch"):
        page.get_by_role("combobox", name="Variety").select_option(label="Most varied")
    before, preview = lists_of(page)
    assert before != preview
    assert "diversity" not in page.url  # only a preview
    page.get_by_role("button", name="Apply B").click()
    expect(page).to_have_url(re.compile("diversity=1"))
    expect(page.locator(".sides")).to_have_attribute("aria-busy", "false")
    assert lists_of(page)[0] == preview
    page.get_by_role("link", name="Explore").click()
    expect(page.locator(".item .title").first).to_be_visible()
    page.get_by_role("link", name="Compare").click()
    page.go_back(), page.go_back(), page.go_back()
    expect(page).not_to_have_url(re.compile("diversity=1"))
    expect(page.locator(".sides > section").first.locator("ol .title").first).to_be_visible()
    assert lists_of(page)[0] == before


def test_a_preview_can_be_dropped(visit, server):
    page = visit(server.address, "compare")
    expect(page.get_by_role("button", name="Drop B")).to_have_count(0)
    choose(page, "another variety")
    url = page.url
    with page.expect_response("**/v1/recommend/batch"):
        page.get_by_role("button", name="Drop B").click()
    expect(page.get_by_role("radio", name="the other artifact")).to_be_checked()
    assert page.url == url
    assert page.evaluate("sessionStorage.length") == 0


def test_a_pinned_list_stays_while_the_page_changes(visit, server):
    page = visit(server.address, "compare")
    before = lists_of(page)[0]
    page.get_by_role("button", name="Pin A").click()
    expect(page.get_by_role("button", name="Unpin A")).to_be_focused()
    expect(page.get_by_role("radio", name="the current list")).to_be_checked()
    expect(page.get_by_text("Both lists are the same.")).to_be_visible()
    page.get_by_role("link", name="Explore").click()
    with page.expect_response("**/v1/recommend"):
        page.get_by_role("button", name="Random user").click()
    page.get_by_role("link", name="Compare").click()
    a, b = lists_of(page)
    assert a == before != b
    page.reload()
    page.locator(".sides").wait_for()
    assert lists_of(page) == [a, b]
    with page.expect_response("**/v1/recommend/batch"):
        page.get_by_role("button", name="Return to A").click()
    assert lists_of(page) == [a, a]
    expect(page.locator(".bar")).to_contain_text("A is the current list now.")
    page.get_by_role("button", name="Unpin A").click()
    expect(page.get_by_role("heading", name="A: the current list")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_another_user_and_another_history_are_compared(visit, server):
    page = visit(server.address, "compare")
    page.get_by_role("radio", name="another user").check(force=True)
    expect(page.get_by_text("Choose a user for B.")).to_be_visible()
    expect(page.locator(".sides")).to_have_count(0)
    page.get_by_role("combobox").fill("7")
    with page.expect_response("**/v1/recommend/batch"):
        page.get_by_role("option").first.click()
    user = page.get_by_role("combobox").get_attribute("placeholder")
    expect(page.locator("section", has_text="Apply B").first).to_contain_text(f"User {user}")
    b = lists_of(page)[1]
    page.get_by_role("button", name="Apply B").click()
    expect(page).to_have_url(re.compile(f"user={user}(&|#|$)"))
    assert lists_of(page)[0] == b
    choose(page, "another history")
    expect(page.get_by_text("Both lists are the same.")).to_be_visible()
    chips = page.locator(".chips li")
    events = chips.count()
    with page.expect_response("**/v1/recommend/batch"):
        chips.first.get_by_role("button").click()
    expect(chips).to_have_count(events - 1)
    lists_of(page)
    page.get_by_role("button", name="Apply B").click()
    expect(page).to_have_url(re.compile(f"user={user}&removed="))


def test_another_user_can_be_a_stored_one_with_dislikes(visit, own_server):
    server = own_server(artifact="rated")
    page = visit(server.address, "compare")
    events = [
        {"user": "eve", "item": item, "time": 10**15, "value": value}
        for item, value in (("5", 5), ("50", 1))
    ]
    assert page.request.post(f"{server.address}/v1/events", data={"events": events}).ok
    page.get_by_role("radio", name="another user").check(force=True)
    page.get_by_role("combobox").fill("nobody")
    page.get_by_role("option", name="Look up").click()
    expect(page.get_by_text("No events are stored for “nobody”.")).to_be_visible()
    page.get_by_role("combobox").fill("eve")
    with page.expect_request("**/v1/recommend/batch") as asked:
        page.get_by_role("option", name="Look up").click()
    b = asked.value.post_data_json["requests"][1]
    assert (b["history"], b["dislikes"]) == (["5"], ["50"])
    expect(page.locator("section", has_text="Apply B").first).to_contain_text("User eve")
