"""Leave an open panel with Back and Forward of the browser, which then change nothing else."""

import pytest
from playwright.sync_api import expect

from page_reading import choose_user, click, ids, open_item, settle

pytestmark = pytest.mark.slow


@pytest.fixture
def changed(page):
    """Change the list twice, and return the page, the addresses and the lists in between."""
    choose_user(page, "7")
    states = [(page.url, ids(page))]
    for name in ("Balanced", "Varied"):
        click(page, name)
        states.append((page.url, ids(page)))
    return page, states


def leave(page, way):
    """Leave an open panel, and check that the page asks for no list."""
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    way()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.wait_for_timeout(200)
    assert not [url for url in asked if "recommend" in url or "start" in url]


def test_back_closes_a_panel_and_takes_nothing_back(changed):
    page, states = changed
    open_item(page, 3)
    leave(page, page.go_back)
    assert (page.url, ids(page)) == states[2]
    expect(page.locator("[data-item]").nth(3).locator(".item")).to_be_focused()
    expect(page.get_by_text("Undone.", exact=True)).to_have_count(0)
    # Undo, Back and Forward still know every change.
    click(page, "Take back")
    assert (page.url, ids(page)) == states[1]
    open_item(page)
    leave(page, page.go_forward)
    assert (page.url, ids(page)) == states[1]
    for way, expected in ((page.go_forward, states[2]), (page.go_back, states[1])):
        with page.expect_response("**/v1/recommend"):
            way()
        assert (page.url, ids(page)) == expected
    click(page, "Take back")
    assert (page.url, ids(page)) == states[0]


def test_back_closes_a_panel_and_stays_in_its_view(changed):
    page, states = changed
    for view in ("Map", "Explore"):
        page.get_by_role("link", name=view).click()
    page.get_by_role("button", name="For experts").click()
    open_item(page)
    leave(page, page.go_back)
    assert page.url == f"{states[2][0]}#explore"
    expect(page.get_by_role("slider")).to_be_visible()  # the view is not drawn again
    expect(page.get_by_role("link", name="Explore")).to_have_attribute("aria-current", "page")
    click(page, "Take back")
    assert ids(page) == states[1][1]


def test_back_closes_a_panel_also_from_far_and_after_a_reload(changed):
    page, states = changed
    open_item(page)
    leave(page, lambda: page.evaluate("history.go(-2)"))
    assert (page.url, ids(page)) == states[2]
    page.reload()
    settle(page)
    open_item(page)
    leave(page, page.go_back)
    assert (page.url, ids(page)) == states[2]
    # Many clicks on Back: the panel closes, and the list is that of the address.
    open_item(page)
    page.evaluate("history.back(); history.back(); history.back()")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.wait_for_timeout(500)
    assert (page.url, ids(page)) in states


def test_a_change_in_a_panel_is_undone_after_back_has_closed_another_one(changed):
    page, states = changed
    open_item(page)
    leave(page, page.go_back)
    name, dialog = open_item(page, 1)
    with page.expect_response("**/v1/recommend"):
        dialog.get_by_role("button", name="Hide from this list").click()
    assert name not in ids(page)
    click(page, "Undo")
    assert (page.url, ids(page)) == states[2]


def test_undo_is_not_stopped_by_a_panel_whose_code_comes_late(changed):
    page, states = changed
    held = []

    def hold(route):
        held.append(route)

    page.route("**/*.js", hold)
    page.locator(".item").first.click()
    page.wait_for_timeout(200)
    assert held
    click(page, "Take back")
    assert (page.url, ids(page)) == states[1]
    for route in held:
        route.continue_()
    page.wait_for_timeout(300)
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_link_to_another_view_closes_a_panel(changed):
    page, states = changed
    open_item(page)
    page.evaluate("location.hash = 'map'")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("heading", name="Map", exact=True)).to_be_visible()
    page.go_back()
    click(page, "Take back")
    assert (page.url, ids(page)) == states[1]
