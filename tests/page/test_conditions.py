"""Check the page on small screens, slow connections, with errors, odd titles and forced colors."""

import re

import httpx2 as httpx
import pytest
from playwright.sync_api import expect

from page_reading import add, choose_user, click, headline, ids, listed, settle

pytestmark = pytest.mark.slow
MOST_BYTES = 60_000
"""Script and style on the first load, compressed."""


def fail(route):
    """Answer as a service with a fault does."""
    error = {"kind": "internal", "message": "The service failed.", "status": 500, "request_id": "x"}
    route.fulfill(status=500, json={"error": error})


def is_wider(page):
    """Return whether the page is wider than the window."""
    wide, room = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    return wide > room


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_script_and_style_of_the_first_load_are_small(visit, server, language):
    page = visit(server.address, locale=language)
    settle(page)
    names = page.evaluate(
        "performance.getEntriesByType('resource').map((one) => one.name)"
        ".filter((name) => /\\.(js|css)$/.test(name))"
    )
    assert names
    size = 0
    for name in names:
        with httpx.stream("GET", name, headers={"Accept-Encoding": "gzip"}) as answer:
            size += sum(map(len, answer.iter_raw()))
    assert size <= MOST_BYTES, size
    # The other views come when they are opened.
    page.get_by_role("navigation").get_by_role("link").last.click()
    page.wait_for_timeout(500)
    assert page.evaluate(
        "(names) => performance.getEntriesByType('resource')"
        ".some((one) => one.name.endsWith('.js') && !names.includes(one.name))",
        names,
    )


def test_nothing_false_is_said_before_the_first_answer(visit, server):
    """Load the page at 400 ms and 50 kB/s, and read all that it says until the list is there."""
    page = visit(server.address)
    settle(page)
    page.add_init_script("""
      window.said = new Set();
      new MutationObserver(() => {
        if (document.querySelector("h2[aria-busy=true]")) said.add(document.body.innerText);
      }).observe(document, { childList: true, subtree: true, characterData: true });
    """)
    slow = {"offline": False, "latency": 400, "uploadThroughput": 50_000}
    connection = page.context.new_cdp_session(page)
    connection.send("Network.enable")
    connection.send("Network.setCacheDisabled", {"cacheDisabled": True})
    connection.send("Network.emulateNetworkConditions", slow | {"downloadThroughput": 50_000})
    page.reload()
    settle(page)
    said = page.evaluate("[...said]")
    assert said, "the page waited for its first answer"
    for text in said:
        assert "Find a user" in text  # the rest of the page is there
        for false in ("No history", "Only one list", "opular", "0 items", "no categories", "→"):
            assert false not in text
    assert "→" in headline(page)


def test_an_error_of_the_list_is_shown_there_with_a_retry(page):
    choose_user(page, "7")
    before = headline(page)
    page.route("**/v1/recommend", fail)
    page.get_by_role("radio", name="Varied", exact=True).check()
    alert = page.get_by_role("region", name="Recommendations").get_by_role("alert")
    expect(alert).to_contain_text("The service failed.")
    assert page.locator("h2").first.inner_text().split() == before.split()  # of the list on screen
    # The success of another part does not clear it.
    with page.expect_response("**/v1/items?*"):
        page.get_by_role("combobox", name="Add an item").fill("Title 5")
    expect(alert).to_be_visible()
    page.unroute("**/v1/recommend")
    page.keyboard.press("Escape")
    with page.expect_response("**/v1/recommend"):
        alert.get_by_role("button", name="Try again").click()
    expect(alert).to_have_count(0)


def test_an_error_of_the_search_and_of_the_panel_are_shown_there(page):
    page.route("**/v1/items?*", fail)
    with page.expect_response("**/v1/items?search=Title*"):
        page.get_by_role("combobox", name="Add an item").fill("Title 5")
    region = page.get_by_role("region", name="Choose a history")
    expect(region.get_by_role("alert")).to_contain_text("The service failed.")
    page.unroute("**/v1/items?*")
    region.get_by_role("button", name="Try again").click()
    expect(region.get_by_role("alert")).to_have_count(0)
    page.keyboard.press("Escape")
    page.route("**/similar?*", fail)
    page.locator(".item").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("alert")).to_contain_text("The service failed.")
    page.unroute("**/similar?*")
    dialog.get_by_role("button", name="Try again").click()
    expect(dialog.get_by_role("heading", name="Similar items")).to_be_visible()


def test_a_key_with_other_letters_is_refused_with_the_reason(visit, own_server):
    server = own_server("--page", PRISMREC_READ_KEYS="a-key-that-is-long-enough")
    page = visit(server.address)
    field = page.get_by_label("Key", exact=True)
    field.fill("clé中")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("ASCII")
    # A key of an older page, kept in this tab: the form returns.
    page.evaluate("sessionStorage.setItem('prismrec.key', 'clé中')")
    page.reload()
    expect(page.get_by_role("heading", name="needs a key")).to_be_visible()
    field.fill("a-key-that-is-long-enough")
    field.press("Enter")
    settle(page)


@pytest.mark.parametrize("width", [320, 768, 1024])
def test_nothing_is_wider_than_the_window_and_long_titles_break(visit, server, width):
    size = {"width": width, "height": 800}
    page = visit(server.address, query="?history=5,10,50,100", viewport=size)
    settle(page)
    if width == 320:
        for summary in page.locator("summary").all():
            summary.click()
    expect(page.get_by_text("unbrokenunbroken").first).to_be_visible()
    assert not is_wider(page)
    page.get_by_text(re.compile("For experts")).first.click()
    page.wait_for_timeout(300)
    assert not is_wider(page)
    page.locator(".event").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert not is_wider(page)


def test_a_title_that_turns_the_direction_of_writing_turns_only_itself(page):
    page.goto(page.url.split("?")[0] + "?history=10,50")
    settle(page)
    titles = page.locator("bdi", has_text="reversed")
    assert titles.count() >= 1
    # Every text with the sign is isolated: in a bdi, not in the text of its neighbours.
    loose = page.evaluate(r"""() => {
      const walk = document.createTreeWalker(document.querySelector("#page"), NodeFilter.SHOW_TEXT);
      const loose = [];
      while (walk.nextNode()) {
        const { data, parentElement } = walk.currentNode;
        if (data.includes("\u202e") && !parentElement.closest("bdi")) loose.push(data);
      }
      return loose;
    }""")
    assert loose == []


def test_forced_colors_show_what_is_chosen(visit, server):
    page = visit(server.address, forced_colors="active")
    choose_user(page, "7")
    chosen = page.locator("label.chosen").first
    other = page.locator(".names label:not(.chosen)").first
    style = "node => getComputedStyle(node).outlineStyle"
    assert [chosen.evaluate(style), other.evaluate(style)] == ["solid", "none"]
    page.locator("[data-item]").first.hover()
    assert page.locator("[data-item].on").first.evaluate(style) == "solid"
    views = page.get_by_role("navigation").get_by_role("link").all()
    assert [view.evaluate(style) for view in views] == ["solid", "none", "none", "none"]
    mute = page.get_by_role("button", name=re.compile("^Mute")).first
    name = mute.get_attribute("aria-label")
    click(page, name)
    pressed = page.get_by_role("button", name=name, exact=True)
    assert pressed.evaluate("node => getComputedStyle(node).borderTopWidth") == "3px"
    # Badges have the color of the text: their shape and number tell them apart.
    fills = page.locator("article svg path").evaluate_all(
        "all => all.map((p) => getComputedStyle(p).fill)"
    )
    assert len(set(fills)) == 1


def test_a_very_long_name_takes_two_lines(visit, server):
    long = "Category " * 40

    def rename(page):
        def answer(route):
            content = route.fetch().json()
            for interest in content["answer"]["interests"]:
                interest["name"] = long
            route.fulfill(json=content)

        page.route("**/v1/start*", answer)

    for width in (1280, 390):
        page = visit(server.address, before=rename, viewport={"width": width, "height": 900})
        settle(page)
        for names in (page.locator("bdi", has_text=long), page.locator("h2 bdi")):
            assert names.count() >= 2
            for name in names.all():
                assert name.bounding_box()["height"] < 70
                expect(name).to_have_attribute("title", long)


def test_a_print_has_the_sentence_and_the_list_without_controls(page):
    choose_user(page, "7")
    page.emulate_media(media="print")
    expect(page.locator("h2").first).to_be_visible()
    expect(page.locator(".item").last).to_be_visible()
    for hidden in (
        page.get_by_role("combobox").first,
        page.locator(".toolbar"),
        page.locator("nav"),
    ):
        expect(hidden).to_be_hidden()


def test_experts_get_lambda_its_units_and_the_curve_from_zero(page):
    choose_user(page, "7")
    expect(page.get_by_role("slider")).to_have_count(0)
    page.get_by_text("For experts").click()
    slider = page.get_by_role("slider")
    with page.expect_response("**/v1/recommend") as answered:
        slider.fill("150")
    assert "diversity" in answered.value.request.post_data_json
    expect(page.get_by_text("Set by an expert")).to_be_visible()
    labels = page.locator("figure text").all_text_contents()
    assert labels.count("0%") == 2
    settle(page)
    before = set(listed(page))
    for unit, field in (
        ("Diversity", "diversity_target"),
        ("Relevance loss", "max_relevance_loss"),
    ):
        with page.expect_response("**/v1/recommend") as answered:
            page.get_by_role("radio", name=unit, exact=True).check()
        assert field in answered.value.request.post_data_json
        assert set(listed(page)) == before, unit
    # A click on the curve selects the list of the nearest dot.
    dot = page.locator("figure .dot").last.bounding_box()
    with page.expect_response("**/v1/recommend"):
        page.mouse.click(dot["x"] + 3, dot["y"] + 3)


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_every_term_explains_itself_to_pointer_keyboard_and_touch(visit, server, language):
    page = visit(server.address, locale=language)
    settle(page)
    page.locator(".toolbar [aria-expanded]").last.click()
    page.locator("figure, .diversity").first.wait_for()
    terms = page.locator("button:has(+ [role=tooltip])")
    assert terms.count() >= 8
    for term in terms.all():
        tip = page.locator(f"[id='{term.get_attribute('aria-describedby')}']")
        term.focus()
        expect(tip).to_be_visible()
        assert len(tip.inner_text()) > 15
        assert language == "en-US" or re.search("[\\u4e00-\\u9fff]", tip.inner_text())
        page.keyboard.press("Escape")
        expect(tip).to_be_hidden()


def test_users_can_be_found_by_name_at_random_and_by_difference(page):
    owner = page.locator(".owner")
    first = owner.inner_text()
    click(page, "Most different interests")
    expect(owner).not_to_have_text(first)
    click(page, "Random user")
    choose_user(page, "7")
    expect(owner).to_contain_text("User 7")
    add(page, "Title 50 ")
    expect(owner).to_contain_text("13 events")


def test_a_user_has_the_same_history_by_address_and_by_name(visit, own_server):
    server = own_server("--history", "5")
    page = visit(server.address)
    settle(page)
    sent = [{"user": "ann", "item": str(n), "time": 10**15 + n} for n in range(1, 13)]
    assert page.request.post(f"{server.address}/v1/events", data={"events": sent}).ok
    served = page.request.post(f"{server.address}/v1/recommend", data={"user": "ann", "k": 20})
    page.get_by_role("combobox", name="Find a user").fill("ann")
    with page.expect_response("**/v1/recommend"):
        page.get_by_role("option", name="Look up").click()
    expect(page.locator(".owner")).to_have_text("User ann · 5 events")
    found = set(ids(page))
    assert found == {item["id"] for item in served.json()["items"]}
    page.reload()
    expect(page.locator(".owner")).to_have_text("User ann · 5 events")
    assert set(ids(page)) == found


def test_a_stored_user_is_shown_and_an_unknown_one_is_not(page, server):
    event = {"id": "e1", "user": "ann/ä", "item": "5", "time": 1_700_000_000_000_000}
    assert page.request.post(f"{server.address}/v1/events", data={"events": [event]}).ok
    page.get_by_role("combobox", name="Find a user").fill("ann/ä")
    with page.expect_response("**/v1/recommend"):
        page.get_by_role("option", name="Look up").click()
    expect(page.locator(".owner")).to_contain_text("ann/ä")
    page.reload()
    settle(page)
    expect(page.locator(".owner")).to_contain_text("ann/ä")
    page.get_by_role("combobox", name="Find a user").fill("nobody")
    page.get_by_role("option", name="Look up").click()
    expect(page.get_by_text("No events are stored for “nobody”.")).to_be_visible()
