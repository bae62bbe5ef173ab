"""Test all views: errors of their own, languages, sizes and colours, and an audit."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow
AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
VIEWS = ("explore", "map", "compare", "diagnostics")
AUDIT = """async (rules) => {
  const result = await axe.run(document, { runOnly: rules });
  return result.violations.map((v) => `${v.impact} ${v.id}: ${v.nodes[0].html}`);
}"""


def fail_once(page, path):
    """Make the first request to a path fail with an error that is not temporary."""
    failed = []

    def answer(route):
        if failed:
            route.continue_()
            return
        failed.append(route.request.url)
        error = {"kind": "internal", "message": "a wheel broke", "status": 500, "request_id": "1"}
        route.fulfill(status=500, json={"error": error})

    page.route(path, answer)


def test_the_language_can_be_switched_and_is_kept(page):
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("heading", name="推荐列表")).to_be_visible()
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    for view in VIEWS:
        page.evaluate("view => location.hash = view", view)
        page.get_by_role("heading", level=2).first.wait_for()
        labels = page.locator(".label, h2, .button").all_inner_texts()
        assert labels
        assert not [text for text in labels if text and text.isascii() and text not in "+−"]
    page.reload()
    expect(page.get_by_role("link", name="探索")).to_be_visible()


def test_a_chinese_browser_gets_the_chinese_page(visit, server):
    page = visit(server.address, locale="zh-CN")
    expect(page.get_by_role("link", name="地图")).to_be_visible()


@pytest.mark.parametrize(
    ("view", "path", "then"),
    [
        ("map", "**/v1/map*", "path.dots"),
        ("compare", "**/v1/recommend/batch", ".sides"),
        ("diagnostics", "**/v1/health-report", ".verdict"),
    ],
)
def test_a_part_keeps_its_own_error_and_can_be_retried(visit, server, view, path, then):
    page = visit(server.address, view, before=lambda page: fail_once(page, path))
    error = page.get_by_role("alert")
    expect(error).to_contain_text("a wheel broke")
    if view == "diagnostics":  # the success of another part does not clear it
        page.wait_for_load_state("networkidle")  # before, the page does not listen yet
        with page.expect_response("**/v1/recommend"):
            page.evaluate("dispatchEvent(new PopStateEvent('popstate', { state: history.state }))")
        page.wait_for_timeout(300)
        expect(error).to_contain_text("a wheel broke")
    expect(page.locator(then)).to_have_count(0)
    error.get_by_role("button", name="Try again").click()
    page.locator(then).first.wait_for()
    expect(error).to_have_count(0)


@pytest.mark.parametrize("view", ["map", "compare", "diagnostics"])
def test_nothing_false_is_shown_before_the_first_answer(visit, server, view):
    held = []

    def hold(route):  # Playwright cannot call a built-in function
        held.append(route)

    page = visit(server.address, view, before=lambda page: page.route("**/v1/**", hold))
    page.wait_for_timeout(600)
    expect(page.get_by_role("status").filter(has_text="Loading").first).to_be_attached()
    text = page.locator("main").inner_text()
    for wrong in ("0 ", "Not measured", "nothing to judge", "no evaluation report", "one artifact",
                  "Interests appear", "no categories", "Your own history"):  # fmt: skip
        assert wrong not in text, wrong
    for route in held:
        route.continue_()
    page.unroute("**/v1/**")


def test_no_view_is_wider_than_a_phone_or_a_projector(page):
    for width in (320, 360, 1024, 1920):
        page.set_viewport_size({"width": width, "height": 800})
        for view in VIEWS:
            page.evaluate("view => location.hash = view", view)
            page.wait_for_timeout(200)
            wide, room = page.evaluate(
                "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
            )
            assert wide <= room, (view, width)


RULES = {
    "light": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "dark": ["color-contrast"],  # the only difference
}


@pytest.mark.parametrize("scheme", RULES)
def test_an_audit_of_accessibility_finds_nothing(visit, server, scheme):
    if not AXE.is_file():
        pytest.skip("axe-core is missing: run npm ci in web/")
    page = visit(server.address, color_scheme=scheme)
    page.locator(".item").first.wait_for()
    page.evaluate(AXE.read_text())
    page.get_by_role("radio", name="Balanced").check()
    for view in VIEWS:
        page.evaluate("view => location.hash = view", view)
        page.get_by_role("heading", level=2).first.wait_for()
        page.wait_for_timeout(700)  # while items slide and fade, their contrast is lower
        assert page.evaluate(AUDIT, RULES[scheme]) == [], view
    page.evaluate("location.hash = 'explore'")
    page.get_by_role("combobox", name="Add an item").fill("Title")
    page.get_by_role("option").first.wait_for()
    page.wait_for_timeout(200)
    assert page.evaluate(AUDIT, RULES[scheme]) == []


def test_every_control_can_be_reached_by_keyboard(page):
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.closest('[class]')?.className ?? ''"))
    reached = " ".join(reached)
    for part in ("field", "button", "item"):
        assert part in reached, part


def test_the_page_is_quick(visit, server):
    """Check that the first paint takes under 1 s and a change of diversity under 0.1 s.

    The best of several attempts counts, because other work on the machine also takes time.
    """
    paints = []
    for _ in range(3):
        page = visit(server.address)
        page.locator(".item").first.wait_for()
        entries = "performance.getEntriesByName('first-contentful-paint')"
        page.wait_for_function(f"{entries}.length")  # the browser reports a paint after it
        paints.append(page.evaluate(f"{entries}[0].startTime"))
    move = """async (name) => {
      const list = document.querySelector(".groups");
      const input = [...document.querySelectorAll("label")]
        .find((label) => label.innerText.trim() === name).querySelector("input");
      const started = performance.now();
      const changed = new Promise((done, failed) => {
        setTimeout(failed, 5000, "no new list came");
        new MutationObserver((_, o) => (o.disconnect(), done()))
          .observe(list, { characterData: true, childList: true, subtree: true });
      });
      input.click();
      await changed;
      const took = performance.now() - started;
      await new Promise((done) => setTimeout(done, 100));
      return took;
    }"""
    names = ["Most varied", "Most relevant"] * 8
    times = sorted(page.evaluate(move, name) for name in names)
    assert min(paints) < 1_000
    assert times[len(times) // 4] < 100, times
