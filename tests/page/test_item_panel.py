"""Open items, act on them, undo it, and follow the keyboard focus."""

import pytest
from playwright.sync_api import expect

from page_reading import choose_user, click, enter_key, ids, listed, open_item, settle

pytestmark = pytest.mark.slow


def test_an_item_shows_its_categories_its_reason_and_similar_items(page):
    choose_user(page, "7")
    name, dialog = open_item(page)
    base = page.url.split("?")[0]
    item = page.request.get(f"{base}v1/items?id={name}").json()["items"][0]
    expect(dialog.get_by_role("heading", level=2)).to_have_text(item["title"])
    expect(dialog.locator("[data-shown=categories]")).to_have_text(", ".join(item["categories"]))
    expect(dialog).to_contain_text("because of")
    similar = page.request.get(f"{base}v1/items/{name}/similar?k=6").json()["items"]
    assert dialog.locator(".similar bdi").all_inner_texts() == [one["title"] for one in similar]
    # A similar item opens in the same panel.
    dialog.locator(".similar button").first.click()
    expect(dialog.get_by_role("heading", level=2)).to_have_text(similar[0]["title"])
    expect(dialog.get_by_role("heading", level=2)).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_an_item_is_added_and_undone(page):
    choose_user(page, "7")
    before, events = listed(page), page.locator("[data-event]").count()
    name, dialog = open_item(page, 2)
    with page.expect_response("**/v1/recommend"):
        dialog.get_by_role("button", name="Add to the history").click()
    expect(dialog).to_have_count(0)
    expect(page.locator("[data-event]")).to_have_count(events + 1)
    assert name not in ids(page)
    expect(page.get_by_text("with your changes")).to_be_visible()
    expect(page.locator("p[role=status].unseen").last).to_contain_text("The list changed")
    click(page, "Undo")
    assert listed(page) == before
    expect(page.locator("[data-event]")).to_have_count(events)
    expect(page.get_by_text("Undone.", exact=True).first).to_be_visible()


def test_an_item_is_hidden_from_this_list_and_undone_with_back(page):
    choose_user(page, "7")
    before = ids(page)
    name, dialog = open_item(page, 1)
    with page.expect_response("**/v1/recommend") as answered:
        dialog.get_by_role("button", name="Hide from this list").click()
    assert answered.value.request.post_data_json["blocked"] == [name]
    assert name not in ids(page)
    with page.expect_response("**/v1/recommend"):
        page.go_back()
    assert ids(page) == before


@pytest.mark.parametrize("size", [(1280, 900), (390, 844)])
def test_items_hidden_by_a_link_are_named_and_can_be_shown_again(visit, server, size):
    page = visit(server.address, query="?user=7")
    first, second, *_ = ids(page)
    link = f"?user=7&diversity=0.15&blocked={first},{second}"
    page = visit(server.address, query=link, viewport={"width": size[0], "height": size[1]})
    assert not {first, second} & set(ids(page))
    hidden = page.locator(".foot").filter(has_text="is hidden from this list.")
    expect(hidden).to_have_count(2)
    expect(hidden.first).to_contain_text(first)
    with page.expect_response("**/v1/recommend"):
        hidden.first.get_by_role("button", name="Show again").press("Enter")
    settle(page)
    assert page.url.endswith(f"/?user=7&diversity=0.15&blocked={second}")
    assert second not in ids(page)
    expect(hidden).to_have_count(1)
    expect(page.locator(".bar")).to_contain_text("is no longer hidden.")
    assert page.evaluate("document.activeElement !== document.body")
    with page.expect_response("**/v1/recommend"):
        page.locator(".bar").get_by_role("button", name="Undo").click()
    settle(page)
    expect(hidden).to_have_count(2)


def test_an_item_is_never_recommended_until_that_is_undone(page, server):
    choose_user(page, "7")
    name, dialog = open_item(page, 1)
    item = f"{server.address}/v1/items?id={name}"
    with page.expect_response("**/v1/recommend"):
        dialog.get_by_role("button", name="Never recommend").click()
    assert name not in ids(page)
    assert page.request.get(item).json()["items"][0]["hidden"]
    expect(page.get_by_text("is never recommended now").last).to_be_visible()
    click(page, "Undo")
    assert name in ids(page)
    assert not page.request.get(item).json()["items"][0]["hidden"]


def test_a_key_that_may_only_read_cannot_hide_an_item_for_everyone(visit, own_server):
    key = "a-key-that-is-long-enough"
    page = visit(own_server("--page", PRISMREC_READ_KEYS=key).address)
    enter_key(page, key)
    _, dialog = open_item(page)
    dialog.get_by_role("button", name="Never recommend").click()
    expect(dialog.get_by_role("alert")).to_contain_text("needs a key that may write")
    # The page is not locked, and the key can be forgotten.
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Forget the key").click()
    expect(page.get_by_role("heading", name="needs a key")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_hiding_for_everyone_without_an_answer_blames_no_key(page):
    _, dialog = open_item(page)
    page.route("**/v1/items/hide", lambda route: route.abort())
    dialog.get_by_role("button", name="Never recommend").click()
    expect(dialog.get_by_role("alert")).to_have_text("The service does not answer.")


def test_an_item_whose_id_no_path_can_hold_is_shown(page):
    dot = {"id": ".", "title": "Dot", "categories": ["Signs"], "image": None, "hidden": False}
    page.route("**/v1/items?id=.&*", lambda route: route.fulfill(json={"items": [dot]}))
    page.goto(page.url.split("?")[0] + "?history=.,50")
    settle(page)
    page.locator("[data-event='.'] .event").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("[data-shown=categories]")).to_have_text("Signs")
    expect(dialog.locator(".similar")).to_contain_text("cannot be shown")
    expect(dialog.get_by_role("alert")).to_have_count(0)


def test_the_focus_returns_to_the_row_and_goes_on_if_the_row_is_gone(page):
    choose_user(page, "7")
    row = page.locator("button.item").nth(4)
    row.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(row).to_be_focused()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("Enter")
    with page.expect_response("**/v1/recommend"):
        page.get_by_role("button", name="Hide from this list").press("Enter")
    settle(page)
    page.wait_for_timeout(200)
    assert page.evaluate("document.activeElement.className").startswith("item")
    # A removed event of the history: the next one gets the focus.
    page.locator(".remove").first.focus()
    with page.expect_response("**/v1/recommend"):
        page.keyboard.press("Enter")
    settle(page)
    page.wait_for_timeout(200)
    assert page.evaluate("document.activeElement.closest('[data-event]') !== null")


def test_nothing_covers_the_focus(page):
    """Walk up through the list by keyboard, with the message of an undoable change on screen."""
    choose_user(page, "7")
    click(page, "Balanced")
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    for direction in ("Tab", "Shift+Tab"):
        page.locator("button.item").nth(2 if direction == "Tab" else 19).focus()
        for _ in range(14):
            page.keyboard.press(direction)
            covered = page.evaluate("""() => {
              const one = document.activeElement.getBoundingClientRect();
              const bar = document.querySelector(".bar").getBoundingClientRect();
              const beside = one.right <= bar.left || one.left >= bar.right;
              const apart = one.bottom <= bar.top || one.top >= bar.bottom;
              return !beside && !apart && !document.activeElement.closest(".bar");
            }""")
            assert covered is False


def test_hostile_titles_are_shown_as_text(page):
    choose_user(page, "7")
    page.get_by_role("combobox", name="Add an item").fill("<script>")
    page.get_by_role("option").first.click()
    settle(page)
    page.locator("[data-event]", has_text="<script>").first.locator(".event").click()
    expect(page.get_by_role("dialog").get_by_role("heading", level=2)).to_contain_text(
        "<script>window"
    )
    assert page.locator("#page script, #page img").count() == 0
    assert page.evaluate("window.broken") is None


@pytest.mark.parametrize("picture", ["whole", "broken"])
def test_a_picture_is_shown_if_the_item_has_one_that_loads(page, picture):
    pixel = "R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
    address = f"data:image/gif;base64,{pixel if picture == 'whole' else 'AAAA'}"

    def with_picture(route):
        content = route.fetch().json()
        content["items"][0]["image"] = address
        route.fulfill(json=content)

    page.route("**/v1/items?id=*", with_picture)
    _, dialog = open_item(page)
    title = dialog.get_by_role("heading", level=2).inner_text()
    if picture == "whole":
        expect(dialog.get_by_role("img", name=f"Picture of {title}")).to_be_visible()
    else:
        expect(dialog.locator("img")).to_have_count(0)
