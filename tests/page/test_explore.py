"""Use the page as a visitor: choose a history, build one, move the slider, click an item."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow


def shown(page, name):
    """Return a number that the page shows below the slider."""
    text = page.locator(f"[data-shown={name}]").inner_text()
    return float(text.replace("%", ""))


def listed(page):
    # An item that slides out is inert until it is removed.
    return page.locator(".list li:not([inert]) .title").all_inner_texts()


def move_slider(page, steps):
    """Move the slider as a visitor does, and wait for the new list."""
    with page.expect_response("**/v1/recommend"):
        page.get_by_role("slider").fill(str(steps))
    page.wait_for_timeout(200)


def add(page, text):
    """Search a title and choose the first result."""
    field = page.get_by_role("combobox", name="Add an item")
    with page.expect_response("**/v1/items?*"):
        field.fill(text)
    option = page.get_by_role("option").first
    expect(option).to_contain_text(text)
    with page.expect_response("**/v1/recommend"):
        option.click()
    page.wait_for_timeout(200)


def test_a_visitor_without_a_history_sees_popular_items(page):
    page.get_by_role("button", name="Start empty").click()
    expect(page.get_by_role("heading", name="Popular items")).to_be_visible()
    expect(page.get_by_text("No history yet")).to_be_visible()
    expect(page.locator(".list li:not([inert])")).to_have_count(20)
    expect(page.locator("article")).to_have_count(0)
    assert "popular" in page.locator(".item").first.inner_text()


def test_a_history_is_built_and_interests_appear(page):
    page.get_by_role("button", name="Start empty").click()
    expect(page.get_by_role("heading", name="Popular items")).to_be_visible()
    for count, title in enumerate(("Title 1 ", "Title 50 ", "Title 100 "), start=1):
        add(page, title)
        expect(page.locator(".scroll li")).to_have_count(count)
    expect(page.get_by_role("heading", name="Recommendations")).to_be_visible()
    expect(page.locator("article")).to_have_count(3)
    assert "because of" in page.locator(".item").first.inner_text()
    # Every event has the colour of an interest, and its label names the interest.
    for event in page.locator(".scroll button").all():
        assert re.search(r"mostly interest \d", event.get_attribute("aria-label"))
        assert re.search(r"\bc\d\b", event.get_attribute("class"))
    # The Delete key removes an event.
    page.locator(".scroll button").last.focus()
    page.keyboard.press("Delete")
    expect(page.locator(".scroll li")).to_have_count(2)


def test_the_slider_raises_diversity_and_the_point_on_the_curve_moves(page):
    page.get_by_role("button", name="Start empty").click()
    add(page, "Title 1 ")
    before, point = shown(page, "diversity"), page.locator(".here").get_attribute("cx")
    first, heights = listed(page), [before]
    for steps in (60, 120, 200):
        move_slider(page, steps)
        heights.append(shown(page, "diversity"))
    assert heights == sorted(heights)
    assert heights[-1] > heights[0]
    assert listed(page) != first
    assert page.locator(".here").get_attribute("cx") != point
    assert shown(page, "relevance") < 100
    expect(page.get_by_text("Removed for diversity")).to_be_visible()
    moved = page.locator(".list .side").all_inner_texts()
    assert any("by score" in text or "up from" in text for text in moved)
    move_slider(page, 0)
    assert listed(page) == first
    assert page.locator(".here").get_attribute("cx") == point


@pytest.mark.parametrize(("unit", "field"), [
    ("λ", "diversity"), ("Diversity", "diversity_target"), ("Relevance loss", "max_relevance_loss"),
])  # fmt: skip
def test_every_unit_sets_its_request_field(page, unit, field):
    sent = []
    page.on("request", lambda request: sent.append(request.post_data_json))
    if unit != "λ":
        page.get_by_role("radio", name=unit, exact=True).check()
    move_slider(page, 150)
    assert field in [body for body in sent if body][-1]


def test_changing_the_unit_keeps_the_items_of_the_list(page):
    move_slider(page, 90)
    for unit in ("Diversity", "Relevance loss", "λ"):
        before = set(listed(page))  # many strengths make these items, in different orders
        with page.expect_response("**/v1/recommend"):
            page.get_by_role("radio", name=unit, exact=True).check()
        page.wait_for_timeout(150)
        assert set(listed(page)) == before, unit


def test_a_point_of_the_curve_can_be_clicked(page):
    dots = page.locator("figure .dot")
    last = dots.last.bounding_box()
    with page.expect_response("**/v1/recommend"):
        page.mouse.click(last["x"] + 3, last["y"] + 3)
    expect(page.locator(".here")).to_have_attribute("cx", dots.last.get_attribute("cx"))


def test_answers_stay_in_order_when_the_slider_moves_fast(page):
    slider = page.get_by_role("slider")
    slider.focus()
    for _ in range(40):
        page.keyboard.press("ArrowRight")
    value = float(slider.get_attribute("aria-valuetext"))
    page.wait_for_timeout(500)
    assert shown(page, "strength") == pytest.approx(value, abs=0.005)


def test_a_clicked_item_is_added_to_the_history_and_the_list_changes(page):
    before, events = listed(page), page.locator(".scroll li").count()
    title = before[2]
    with page.expect_response("**/v1/recommend"):
        page.locator(".item").nth(2).click()
    expect(page.locator(".scroll li")).to_have_count(events + 1)
    page.wait_for_timeout(500)
    assert title not in listed(page)
    assert title in page.locator(".scroll button").last.get_attribute("aria-label")
    expect(page.locator("p[role=status].unseen").last).to_contain_text("The list changed")
    expect(page.get_by_text("with your changes")).to_be_visible()


def test_users_can_be_found_by_name_at_random_and_by_difference(page, server):
    owner = page.locator(".history header p")
    first = owner.inner_text()
    with page.expect_response("**/v1/recommend"):
        page.get_by_role("button", name="Most different interests").click()
    expect(owner).not_to_have_text(first)
    page.get_by_role("button", name="Random user").click()
    field = page.get_by_role("combobox", name="Find a user")
    field.fill("7")
    page.get_by_role("option").first.wait_for()
    field.press("ArrowDown")
    field.press("ArrowUp")
    field.press("Enter")
    expect(owner).to_contain_text("User 7")
    expect(page.locator(".scroll li")).to_have_count(12)


def test_a_stored_user_is_shown_with_the_days_of_the_events(page, server):
    event = {"id": "e1", "user": "ann/ä", "item": "5", "time": 1_700_000_000_000_000}
    sent = page.request.post(f"{server.address}/v1/events", data={"events": [event]})
    assert sent.ok
    page.get_by_role("combobox", name="Find a user").fill("ann/ä")
    page.get_by_role("option", name="Look up").click()
    expect(page.locator(".history header p")).to_contain_text("ann/ä")
    expect(page.locator(".ends").first).to_contain_text("2023")
    page.get_by_role("combobox", name="Find a user").fill("nobody")
    page.get_by_role("option", name="Look up").click()
    expect(page.get_by_text("No events are stored for “nobody”.")).to_be_visible()


def test_hostile_titles_are_shown_as_text(page):
    page.get_by_role("button", name="Start empty").click()
    add(page, "<script>")
    expect(page.locator("article").first).to_contain_text("<script>window.broken")
    assert page.locator("#page script, #page img").count() == 0
    assert page.evaluate("window.broken") is None


def test_an_interest_has_the_same_number_as_in_the_answer(page):
    with page.expect_response("**/v1/recommend") as answered:
        move_slider(page, 3)
    first = answered.value.json()["items"][0]["interest"]
    mark = page.locator(".list li:not([inert])").first.locator("svg text").first
    expect(mark).to_have_text(f"{first}")
    for number in range(3):
        expect(page.locator("article").nth(number)).to_contain_text(f"Interest {number}")


def test_one_interest_is_selected_and_the_others_fade(page):
    button = page.get_by_role("button", name="Show only interest 2")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(page.locator("article.dim")).to_have_count(2)
    button.click()
    expect(page.locator("article.dim")).to_have_count(0)
