"""Do something while the service is slow, or after it failed: nothing is lost, no error stays."""

import re

import pytest
from playwright.sync_api import expect

from page_reading import choose_user, click, settle

pytestmark = pytest.mark.slow
SLOW_USER = """name => {
    const before = fetch;
    window.fetch = async (address, options) => {
        if (address.includes(`user=${name}&`)) await new Promise((done) => setTimeout(done, 1500));
        return before(address, options);
    };
}"""


def look_up(page, name):
    page.get_by_role("combobox", name="Find a user").fill(name)
    page.get_by_role("option", name="Look up").click()


def held_start(visit, server):
    """Open the page of a user, and return it with the one request that has no answer yet."""
    held = []

    def hold(route):
        if held:
            route.continue_()
        else:
            held.append(route)

    page = visit(
        server.address,
        query="?user=5",
        wait=False,
        before=lambda page: page.route("**/v1/start?*", hold),
    )
    with page.expect_request("**/v1/examples?*"):
        page.get_by_role("combobox", name="Find a user").focus()
    page.keyboard.press("Escape")  # its list would be above the rest
    assert len(held) == 1
    return page, held[0]


def test_before_the_first_answer_nothing_can_be_changed(visit, server):
    page, start = held_start(visit, server)
    page.locator("label", has_text="Balanced").click(force=True)
    expect(page.locator(".toolbar")).to_have_attribute("inert", "")
    adds = page.locator("[inert] [role=combobox][placeholder='Search titles']")
    expect(adds).to_have_count(1)
    assert page.url.endswith("/?user=5#")
    start.continue_()
    settle(page)
    expect(page.locator(".owner")).to_contain_text("User 5")
    click(page, "Balanced")
    expect(page).to_have_url(re.compile(r"\?user=5&diversity="))


def test_a_look_up_that_finds_nobody_leaves_the_first_answer(visit, server):
    page, start = held_start(visit, server)
    look_up(page, "zzz")
    expect(page.get_by_text("No events are stored for “zzz”.")).to_be_visible()
    start.continue_()
    settle(page)
    expect(page.locator(".owner")).to_contain_text("User 5")


def test_a_look_up_that_finds_nobody_does_not_end_back(page):
    for name in ("7", "8"):
        choose_user(page, name)
    page.evaluate(SLOW_USER, "7")
    page.go_back()
    look_up(page, "zzz")
    note = page.get_by_text("No events are stored for “zzz”.")
    expect(note).to_be_visible()
    expect(page.locator(".owner")).to_contain_text("User 7")
    # The note is in the language of the page.
    page.get_by_role("button", name="中文").click()
    expect(note).to_have_count(0)


def test_the_error_of_a_look_up_goes_with_the_next_user(page):
    error = {"kind": "internal", "message": "The service failed.", "status": 500, "request_id": "x"}
    page.route(
        "**/v1/start?*", lambda route: route.fulfill(status=500, json={"error": error}), times=1
    )
    look_up(page, "zzz")
    alert = page.get_by_role("region", name="Choose a history").get_by_role("alert")
    expect(alert).to_contain_text("The service refused")
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("alert")).not_to_contain_text("refused")
    page.get_by_role("button", name="English").click()
    click(page, "Random user")
    expect(alert).to_have_count(0)


def test_undo_takes_back_a_change_also_after_a_visit_of_other_views(page):
    choose_user(page, "7")
    url = page.url
    click(page, "Balanced")
    for view in ("Compare", "Explore"):
        page.get_by_role("link", name=view).click()
    page.get_by_role("heading", name="Recommendations", exact=True).wait_for()
    with page.expect_response("**/v1/recommend"):
        page.get_by_role("button", name="Take back").click()
    settle(page)
    assert page.url.removesuffix("#") == url.removesuffix("#")
    expect(page.locator(".bar")).to_contain_text("Undone.")
    page.get_by_role("link", name="Map").click()
    page.go_back()
    settle(page)
    expect(page.locator(".bar")).to_have_count(0)  # a view is no change


def test_with_your_changes_is_said_only_while_there_are_some(page):
    choose_user(page, "7")
    owner = page.locator(".owner")
    page.get_by_role("combobox", name="Add an item").fill("Title 50 ")
    with page.expect_response("**/v1/recommend"):
        page.get_by_role("option").first.click()
    expect(owner).to_contain_text("with your changes")
    with page.expect_response("**/v1/recommend"):
        page.locator("[data-event='50'] .remove").click()
    expect(owner).not_to_contain_text("with your changes")


def test_the_message_of_an_equal_change_stays_as_long(page):
    page.clock.install()
    remove = page.locator("[data-event] .remove")
    choose_user(page, "7")
    remove.first.wait_for()
    click(page, "Balanced")
    page.clock.run_for(13_000)
    click(page, "Varied")
    page.clock.run_for(13_000)
    expect(page.locator(".bar")).to_be_visible()
    page.clock.run_for(3_000)
    expect(page.locator(".bar")).to_have_count(0)
