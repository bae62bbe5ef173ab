"""Test the other views, languages, sizes and colours, and audit accessibility."""

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


def test_the_map_shows_the_catalog_and_the_interests(visit, server):
    page = visit(server.address, "map")
    expect(page.locator(".halo")).to_have_count(3 + 1)  # and one in the legend
    items = page.request.get(f"{server.address}/v1/map").json()["ids"]
    assert page.locator("path.dots").first.get_attribute("d").count("M") == len(items)
    plane = page.get_by_role("application")
    before = page.locator("path.dots").first.locator("..").get_attribute("transform")
    page.get_by_role("button", name="Zoom in").click()
    group = page.locator("path.dots").first.locator("..")
    expect(group).not_to_have_attribute("transform", before)
    plane.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("0")
    expect(group).to_have_attribute("transform", before)
    # The wheel zooms around the pointer.
    ring = page.locator("circle.ring").first
    mark = ring.bounding_box()
    page.mouse.move(mark["x"] + mark["width"] / 2, mark["y"] + mark["height"] / 2)
    page.mouse.wheel(0, -300)
    expect(group).not_to_have_attribute("transform", before)
    moved = ring.bounding_box()
    assert abs(moved["x"] + moved["width"] / 2 - mark["x"] - mark["width"] / 2) < 2
    page.keyboard.press("0")
    expect(group).to_have_attribute("transform", before)
    # The pointer shows the title of an item; a click shows a button to add it.
    mark = page.locator("circle.ring").first.bounding_box()
    page.mouse.move(mark["x"] + 5, mark["y"] + 5)
    expect(page.locator("text.tip")).to_have_count(1)
    page.mouse.click(mark["x"] + 5, mark["y"] + 5)
    with page.expect_response("**/v1/recommend"):
        page.get_by_role("button", name="Add to the history").click()
    page.get_by_label("Highlight a category").select_option(index=1)
    highlighted = page.locator("path.highlighted").get_attribute("d").count("M")
    assert 0 < highlighted <= 15  # the items of one cluster


def test_active_interests_keep_their_numbers_if_others_are_pruned(visit, own_server):
    """Check a user with the active interests 1 and 2 of three: two lanes and lines to items."""
    page = visit(own_server(artifact="pruned").address)
    page.locator(".item").first.wait_for()
    expect(page.locator("article")).to_have_count(2)
    floors = {
        float(bar.get_attribute("y")) + float(bar.get_attribute("height"))
        for bar in page.locator(".scroll rect.bar").all()
    }
    bases = page.locator(".scroll li").first.locator("rect.base").all()
    assert floors == {float(base.get_attribute("y")) + 1 for base in bases}
    assert len(bases) == 2
    page.get_by_role("link", name="Map").click()
    page.locator("circle.halo").nth(1).wait_for()
    for number in (1, 2):
        marker = page.locator(f"svg g.c{number}:has(> circle.halo)").get_attribute("transform")
        starts = page.locator(f"line.spoke.c{number}").all()
        assert starts
        for spoke in starts:
            start = f"{spoke.get_attribute('x1')} {spoke.get_attribute('y1')}"
            assert marker == f"translate({start})"


def test_two_artifacts_are_compared_on_the_same_history(visit, server):
    page = visit(server.address, "compare")
    sides = page.locator(".sides > section")
    expect(sides).to_have_count(2)
    expect(sides.nth(0)).to_contain_text("3 interests")
    expect(sides.nth(1)).to_contain_text("1 interest")
    expect(page.get_by_text("in both")).to_be_visible()
    lists = [side.locator("ol li").all_inner_texts() for side in sides.all()]
    assert len(lists[0]) == len(lists[1]) == 20
    page.get_by_role("slider").fill("200")
    expect(sides.nth(1)).not_to_contain_text("0.000")


def test_the_diagnostics_are_shown(visit, server):
    page = visit(server.address, "diagnostics")
    expect(page.get_by_text("Cosine similarity of interests")).to_be_visible()
    expect(page.get_by_role("heading", name="Share of hits per interest")).to_be_visible()
    page.get_by_text("Training information").click()
    expect(page.get_by_text("seconds")).to_be_visible()


def test_no_view_is_wider_than_a_phone_or_a_projector(page):
    for width in (360, 1920):
        page.set_viewport_size({"width": width, "height": 800})
        for view in VIEWS:
            page.evaluate("view => location.hash = view", view)
            page.wait_for_timeout(200)
            wide, room = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
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
    page.get_by_role("slider").fill("150")
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
    for part in ("field", "button", "share", "top-item", "item"):
        assert part in reached, part


def test_the_page_is_quick(visit, server):
    """Check that the first paint takes under 1 s and a change of diversity under 0.1 s.

    The best of several attempts counts, because other work on the machine also takes time.
    """
    paints = []
    for _ in range(3):
        page = visit(server.address)
        page.locator(".item").first.wait_for()
        entries = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        paints.append(page.evaluate(entries))
    move = """async (steps) => {
      const slider = document.querySelector("input[type=range]");
      const shown = document.querySelector("[data-shown=strength]");
      const started = performance.now();
      const changed = new Promise((done, failed) => {
        setTimeout(failed, 5000, "no new list came");
        new MutationObserver((_, o) => (o.disconnect(), done()))
          .observe(shown, { characterData: true, childList: true, subtree: true });
      });
      slider.value = steps;
      slider.dispatchEvent(new Event("input", { bubbles: true }));
      await changed;
      return performance.now() - started;
    }"""
    times = sorted(page.evaluate(move, steps) for steps in range(20, 200, 12))
    assert min(paints) < 1_000
    assert times[len(times) // 4] < 100, times
