"""Audit the main view with axe: open panels, a phone, both languages, light and dark."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from page_reading import choose_user, click, settle

pytestmark = pytest.mark.slow
AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AUDIT = """async (rules) => {
  const result = await axe.run(document, { runOnly: rules });
  return result.violations.map((v) => `${v.impact} ${v.id}: ${v.nodes[0].html}`);
}"""


@pytest.fixture
def audit():
    """Return a function that returns what axe finds on a page, without the pointer on anything."""
    if not AXE.is_file():
        pytest.skip("axe-core is missing: run npm ci in web/")

    def run(page):
        page.mouse.move(0, 0)
        page.wait_for_timeout(2_600)  # a new item is marked for 2.4 s
        if page.evaluate("typeof axe") == "undefined":
            page.evaluate(AXE.read_text())
        return page.evaluate(AUDIT, RULES)

    return run


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_main_view_with_all_that_can_be_opened(visit, server, audit, scheme):
    page = visit(server.address, color_scheme=scheme)
    choose_user(page, "7")
    click(page, "Balanced")
    page.get_by_role("button", name="For experts").click()
    expect(page.get_by_role("slider")).to_be_visible()
    page.get_by_role("button", name="Add an interest").click()
    page.get_by_role("option").first.wait_for()
    assert audit(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Export").click()
    assert audit(page) == []
    page.keyboard.press("Escape")
    page.locator(".item").first.click()
    expect(page.get_by_role("dialog").get_by_role("heading", name="Similar items")).to_be_visible()
    assert audit(page) == []


def test_an_empty_history(page, audit):
    click(page, "Start empty")
    assert audit(page) == []


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_a_phone(visit, server, audit, language):
    page = visit(server.address, viewport={"width": 390, "height": 844}, locale=language)
    settle(page)
    page.locator(".chip").first.click()
    for summary in page.locator("summary").all():
        summary.click()
    assert audit(page) == []


def test_the_skeleton_of_a_slow_connection(visit, server, audit):
    page = visit(server.address)
    settle(page)
    page.route("**/v1/start*", lambda _: None)  # it never answers
    page.reload(wait_until="commit")
    expect(page.locator("h2[aria-busy=true]")).to_be_visible()
    assert audit(page) == []
