"""Test the page when the service stops, needs a key or starts again."""

import re
import shutil

import pytest
from playwright.sync_api import expect

from page_reading import without_added_category

pytestmark = pytest.mark.slow
LIST = ".list li:not([inert])"


def test_the_service_restarts_while_the_page_is_open(page, server):
    before = page.locator(".list .title").all_inner_texts()
    server.stop()
    page.get_by_role("radio", name="Most varied").check()
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    assert page.locator(".list .title").all_inner_texts() == before
    server.start()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator(".stale")).to_have_count(0)
    expect(page.locator(LIST)).to_have_count(20)
    assert page.locator(".list .title").all_inner_texts() != before  # the new variety counts


def test_a_view_that_was_opened_while_the_service_was_away_is_shown_later(visit, own_server):
    server = own_server("--compare-with", "other", "--report", "report")
    page = visit(server.address, soon=True)
    views = {"Map": "path.dots", "Compare": ".sides", "Health": ".verdict"}
    for view, shown in views.items():  # the browser then has the code of all views
        page.get_by_role("link", name=view).click()
        page.locator(shown).first.wait_for()
    page.get_by_role("link", name="Explore").click()
    page.locator(".item").first.wait_for()
    server.stop()
    for view, shown in views.items():
        page.get_by_role("link", name=view).click()
        expect(page.get_by_role("alert")).to_contain_text("does not answer")
        expect(page.locator(shown)).to_have_count(0)
    server.start()
    page.locator(views["Health"]).first.wait_for()  # without a click
    for view, shown in views.items():
        page.get_by_role("link", name=view).click()
        page.locator(shown).first.wait_for()
        expect(page.get_by_role("alert")).to_have_count(0)


def test_a_view_whose_code_cannot_be_loaded_says_so_and_is_loaded_later(visit, own_server):
    server = own_server("--page")
    page = visit(server.address, soon=True)
    page.locator(LIST).first.wait_for()
    server.stop()
    page.get_by_role("link", name="Map").click()
    expect(page.get_by_text("This part could not be loaded")).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    page.get_by_role("button", name="中文").click()  # it fails too, and the view is not forgotten
    expect(page.get_by_role("alert")).to_have_count(2)
    server.start()
    page.locator("path.dots").first.wait_for()  # also without a click
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_panel_and_a_language_that_cannot_be_loaded_say_so_and_come_later(page):
    page.context.set_offline(True)
    page.locator(".item").first.click()
    alert = page.get_by_role("alert").filter(has_text="This part could not be loaded")
    expect(alert).to_be_visible()
    page.context.set_offline(False)
    alert.get_by_role("button", name="Try again").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    expect(alert).to_have_count(0)
    dialog.get_by_role("button", name="Close").click()
    page.context.set_offline(True)
    page.get_by_role("button", name="中文").click()
    expect(alert).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_role("heading", name="推荐列表")).to_be_visible()  # also without a click


def test_numbers_that_cannot_be_loaded_say_so_and_come_later(page):
    page.context.set_offline(True)
    experts = page.get_by_role("button", name="For experts")
    experts.click()
    alert = page.get_by_role("alert").filter(has_text="This part could not be loaded")
    expect(alert).to_be_visible()
    experts.click()
    expect(alert).to_have_count(0)  # the visitor does not want it any more
    experts.click()
    expect(alert).to_be_visible()
    page.context.set_offline(False)
    alert.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("slider")).to_be_visible()
    expect(alert).to_have_count(0)


def test_weights_end_when_another_artifact_answers(visit, own_server, world):
    shutil.copytree(world / "artifact", world / "changing")
    server = own_server("--page", artifact="changing")
    page = visit(server.address, query="?history=50,60,70,80", soon=True)
    page.locator(LIST).first.wait_for()
    page.get_by_role("button", name="Mute").first.click()
    expect(page).to_have_url(re.compile("weights=.:0&artifact="))
    expect(page.get_by_role("heading", level=2).first).to_contain_text("muted")  # the list is there
    link = page.url
    server.stop()
    shutil.rmtree(world / "changing")
    shutil.copytree(world / "other", world / "changing")
    server.start()
    page.get_by_role("radio", name="Most varied").check()
    expect(
        page.get_by_text("The weights were left out").locator("visible=true").last
    ).to_be_visible()
    expect(page.locator(".stale")).to_have_count(0)
    assert "weights" not in page.url
    assert "artifact" not in page.url
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)  # it was not the visitor
    expect(page.locator("article")).to_have_count(1)
    expect(page.get_by_role("heading", level=2).first).not_to_contain_text("muted")
    # A screen reader reads it too.
    expect(page.locator("main ~ p[role=status]")).to_contain_text("The weights were left out")
    # A link with weights of the artifact before is shown without them, and says so.
    page = visit(link)
    expect(page.locator(".bar").get_by_text("they belong to another artifact")).to_be_visible()
    assert "weights" not in page.url
    expect(page.locator(LIST)).to_have_count(20)


def test_an_added_interest_that_the_service_no_longer_has_is_left_out(page):
    page.get_by_role("button", name="Add an interest").click()
    page.get_by_role("option").first.click()
    expect(page.locator("article", has_text="added by you")).to_have_count(1)
    page.route("**/v1/recommend", without_added_category)
    page.get_by_role("radio", name="Most varied").check()
    expect(page.locator(".bar")).to_contain_text("The added interests were left out")
    expect(page.locator("article", has_text="added by you")).to_have_count(0)
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page).not_to_have_url(re.compile("added"))


def test_the_page_asks_for_a_key_if_the_service_needs_one(visit, own_server):
    key = "a-key-that-is-long-enough"
    server = own_server("--page", PRISMREC_READ_KEYS=key)
    page = visit(server.address)
    expect(page.get_by_role("heading", name="needs a key")).to_be_visible()
    field = page.get_by_label("Key", exact=True)
    expect(field).to_be_focused()
    field.fill("a-wrong-key-of-some-length")
    field.press("Enter")
    expect(page.get_by_text("does not accept this key")).to_be_visible()
    expect(field).to_be_focused()
    field.fill(key)
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(LIST)).to_have_count(20)
    expect(page.locator("#main")).to_be_focused()
    kept = page.evaluate("[sessionStorage.length, localStorage.length, document.cookie]")
    assert kept == [1, 0, ""]
    # This service has one artifact; the page shows how to compare two.
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_text("--compare-with")).to_be_visible()
