"""Test the map, Compare and Health, languages, sizes and colours, and audit accessibility."""

import json
import re
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
    """Let the first request to a path fail with an error that is not temporary."""
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
    """Check a user with the active interests 1 and 2 of three: lines to items from both."""
    page = visit(own_server(artifact="pruned").address, "map")
    page.locator("circle.halo").nth(1).wait_for()
    for number in (1, 2):
        marker = page.locator(f"svg g.c{number}:has(> circle.halo)").get_attribute("transform")
        starts = page.locator(f"line.spoke.c{number}").all()
        assert starts
        for spoke in starts:
            start = f"{spoke.get_attribute('x1')} {spoke.get_attribute('y1')}"
            assert marker == f"translate({start})"


def test_the_map_always_has_the_history_and_the_list_and_states_its_sample(visit, server):
    """Check a map of the 10 most popular items only, as if the catalog were large."""
    asked = []

    def small(page):
        def shrink(route):
            asked.append(route.request.url)
            route.continue_(url=route.request.url.replace("limit=3000", "limit=10"))

        page.route("**/v1/map*", shrink)

    page = visit(server.address, "map", before=small)
    sample = page.locator("[data-shown=sample]")
    expect(sample).to_contain_text("10 of 119 items, the most popular, and all items of your")
    page.wait_for_timeout(300)
    history, listed = _shown_ids(page)
    assert len(set(history) | set(listed)) > 10
    assert all(f"items={one}" in asked[0] for one in {*history, *listed})
    rings, marks = page.locator(".plane circle.ring"), page.locator(".plane path.mark")
    expect(rings).to_have_count(len(set(history)))
    expect(marks).to_have_count(len(listed))
    assert len(asked) == 1
    # An item that enters the history later is asked for, alone.
    known = {*history, *listed}
    new = next(str(n) for n in range(1, 121) if str(n) not in known)
    page.evaluate("query => { history.pushState(history.state, '', query + '#map'); "
                  "dispatchEvent(new PopStateEvent('popstate')) }",
                  f"?history={','.join([*dict.fromkeys(history), new])}")  # fmt: skip
    expect(rings).to_have_count(len(set(history)) + 1)
    assert "limit=1&" in asked[-1]
    assert not any(f"items={one}&" in asked[-1] for one in history)


def _shown_ids(page):
    """Return the ids of the history and of the list, from the newest answers of the service."""
    return page.evaluate("""async () => {
      const query = new URLSearchParams(location.search);
      const user = query.get("user");
      const found = await (await fetch(`./v1/examples?search=${user}`)).json();
      const history = found.users.find((one) => one.user === user).history;
      const body = JSON.stringify({ history, k: 20 });
      const headers = { "Content-Type": "application/json" };
      const answer = await fetch("./v1/recommend", { method: "POST", body, headers });
      return [history, (await answer.json()).items.map(({ id }) => id)];
    }""")


def test_the_regions_of_the_map_are_named_and_can_be_visited(visit, own_server):
    """Check an artifact whose items lie in a circle by their category."""
    server = own_server(artifact="regions")
    page = visit(server.address, "map")
    labels = page.request.get(f"{server.address}/v1/map").json()["labels"]
    assert labels
    buttons = page.locator(".regions button")
    expect(buttons).to_have_count(len(labels))
    names = page.locator("text.region").all_text_contents()
    assert names
    assert set(names) <= {label["category"] for label in labels}
    group = page.locator("path.dots").first.locator("..")
    before = group.get_attribute("transform")
    buttons.first.focus()
    page.keyboard.press("Enter")
    expect(group).not_to_have_attribute("transform", before)


def test_the_map_works_by_touch(visit, server):
    page = visit(server.address, "map", has_touch=True, viewport={"width": 390, "height": 844})
    ring = page.locator(".plane circle.ring").first
    ring.scroll_into_view_if_needed()
    box = ring.bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.get_by_role("button", name="Add to the history")).to_be_visible()


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


def test_health_begins_with_a_verdict(visit, server, world):
    page = visit(server.address, "diagnostics")
    page.locator(".verdict").wait_for()
    told = page.request.get(f"{server.address}/v1/health-report").json()["verdict"]
    said = page.locator(".verdict li").all_inner_texts()
    assert len(said) == 3
    used, share = told["interests_used_median"], round(100 * told["largest_share_median"])
    if share == 100:
        assert said[0].startswith("The median history uses one interest")
    else:
        assert f"uses {used:g} interests; the largest interest has {share}%" in said[0]
    sign = "+" if told["difference"] >= 0 else "-"
    difference = f"{sign}{abs(told['difference']):.4f} ± {told['interval']:.4f}"
    assert told["level"]
    single = f"recall@20 is level with that of one interest (K = 1), {difference}."
    assert said[1].replace("−", "-") == single
    report = json.loads((world / "report" / "report.json").read_text("utf-8"))
    other = re.search(
        r"artifact against (\S+), recall@20: worse by (.+?) over", " ".join(report["differences"])
    )
    assert said[2] == (
        f"artifact: recall@20 is worse than that of the best baseline, {other[1]}, by {other[2]}."
    )
    # In this order: verdict, results, interests, response time, training.
    heads = page.get_by_role("heading", level=2).all_inner_texts()
    assert heads == ["Health", "Results", "Interests", "Response time", "Training information"]


def test_the_results_have_intervals_and_the_best_baseline(visit, server, world):
    page = visit(server.address, "diagnostics")
    report = json.loads((world / "report" / "report.json").read_text("utf-8"))
    rows = page.locator("table tbody tr")
    expect(rows).to_have_count(len(report["entries"]))
    metrics = page.locator("thead th").all_inner_texts()[1:-1]
    assert metrics[:2] == ["recall@10", "recall@20"]
    for way, name in (("filtered", "left out of the lists"), ("keep", "kept in the lists")):
        page.get_by_label("Items of the history").select_option(label=name)
        for entry, row in zip(report["entries"], rows.all(), strict=True):
            numbers, half = entry[way]["metrics"], entry[way]["interval"]
            cells = row.locator("td.number").all_inner_texts()
            for metric, cell in zip(metrics, cells, strict=False):
                assert cell.split() == [f"{numbers[metric]:.4f}", "±", f"{half[metric]:.4f}"]
        baselines = [one for one in report["entries"] if one["baseline"]]
        best = max(baselines, key=lambda one: one[way]["metrics"]["recall@20"])["name"]
        expect(rows.filter(has_text="best baseline")).to_contain_text([best])
        if way == "filtered":
            words = rows.filter(has_text="artifact-k1").filter(has_text="worse than")
            expect(words.first).to_contain_text(f"worse than {best} by")
    expect(page.get_by_text("The report compares models only on lists")).to_be_visible()


@pytest.mark.parametrize(
    ("locale", "term", "words"),
    [("en-US", "K = 1", "number of interests per user"), ("zh-CN", "K = 1", "每个用户的兴趣数")],
)
def test_terms_explain_themselves_by_pointer_focus_and_tap(visit, server, locale, term, words):
    page = visit(server.address, "diagnostics", locale=locale)
    button = page.get_by_role("button", name=term).first
    tip = page.locator(f"#{button.get_attribute('aria-describedby')}")
    expect(tip).to_contain_text(words)
    expect(tip).to_be_hidden()
    button.hover()
    expect(tip).to_be_visible()
    tip.hover()  # it stays, so that it can be read with a magnifier
    page.wait_for_timeout(300)
    expect(tip).to_be_visible()
    page.mouse.move(0, 0)
    expect(tip).to_be_hidden()
    button.focus()
    expect(tip).to_be_visible()
    box = tip.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 1280
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()


def test_health_without_a_report_says_only_what_was_measured(visit, own_server):
    page = visit(own_server().address, "diagnostics")
    expect(page.get_by_text("The artifact has no evaluation report.")).to_be_visible()
    expect(page.locator(".verdict li")).to_have_count(1)
    expect(page.get_by_text("Cosine similarity of interests")).to_be_visible()
    expect(page.get_by_role("heading", name="Share of hits per interest")).to_be_visible()
    page.get_by_text("Settings of the training").click()
    expect(page.get_by_text("seconds")).to_be_visible()


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
    page = visit(
        server.address,
        view,
        # Playwright cannot call a built-in function.
        before=lambda page: page.route("**/v1/**", lambda route: held.append(route)),  # noqa: PLW0108
    )
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
        entries = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        paints.append(page.evaluate(entries))
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
