"""Test the page when the service stops, needs a key or starts again."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow
LIST = ".list li:not([inert])"


def test_the_service_restarts_while_the_page_is_open(page, server):
    server.stop()
    page.locator(".item").first.click()
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    events = page.locator(".scroll li").count()
    server.start()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator(LIST)).to_have_count(20)
    assert page.locator(".scroll li").count() == events  # the clicked item is included
    page.get_by_role("slider").fill("150")
    expect(page.locator("[data-shown=strength]")).not_to_have_text("0.00")


def test_the_page_asks_for_a_key_if_the_service_needs_one(visit, own_server):
    key = "a-key-that-is-long-enough"
    server = own_server("--page", PRISMREC_READ_KEYS=key)
    page = visit(server.address)
    expect(page.get_by_role("heading", name="needs a key")).to_be_visible()
    field = page.get_by_label("Key", exact=True)
    field.fill("a-wrong-key-of-some-length")
    field.press("Enter")
    expect(page.get_by_text("does not accept this key")).to_be_visible()
    field.fill(key)
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(LIST)).to_have_count(20)
    kept = page.evaluate("[sessionStorage.length, localStorage.length, document.cookie]")
    assert kept == [1, 0, ""]
    # This service has one artifact; the page shows how to compare two.
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_text("--compare-with")).to_be_visible()
