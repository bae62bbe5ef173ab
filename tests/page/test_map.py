"""Test the map: its items, its sample, its regions, by pointer, keyboard and touch."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow


def test_the_map_shows_the_catalog_and_the_interests(visit, server):
    page = visit(server.address, "map")
    expect(page.locator(".halo")).to_have_count(3 + 1)  # and one in the legend
    items = page.request.get(f"{server.address}/v1/map").json()["ids"]
    assert page.locator("path.dots").first.get_attribute("d").count("M") == len(items)
    expect(page.locator("[data-shown=sample]")).to_have_text(
        f"All {len(items)} items that are not hidden, and your history and list."
    )
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
