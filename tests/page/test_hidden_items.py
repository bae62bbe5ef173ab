"""Hide items for everyone and undo it: twice, without the service, or with another key."""

import pytest
from playwright.sync_api import expect

from page_reading import choose_user, click, enter_key, ids, open_item, settle

pytestmark = pytest.mark.slow
READ, WRITE = "a-key-that-may-only-read", "a-key-that-may-also-write"
NEVER = "Never recommend"


def hide_first(page):
    """Never recommend the first item of the list, and return its id."""
    name, dialog = open_item(page)
    with page.expect_response("**/v1/recommend"):
        dialog.get_by_role("button", name=NEVER).click()
    settle(page)
    return name


def hidden(page, server, names, key=READ):
    """Return those of some items that the service hides."""
    path = f"{server.address}/v1/items?id={'&id='.join(names)}"
    items = page.request.get(path, headers={"Authorization": f"Bearer {key}"}).json()["items"]
    return {item["id"] for item in items if item["hidden"]}


@pytest.fixture
def hidden_with_key(visit, own_server):
    """Return a service that needs a key, its page, and the id of an item that the page hides."""
    server = own_server("--page", PRISMREC_READ_KEYS=READ, PRISMREC_WRITE_KEYS=WRITE)
    page = visit(server.address)
    enter_key(page, WRITE)
    return server, page, hide_first(page)


def test_two_changes_are_undone_when_the_service_is_back(visit, own_server):
    server = own_server("--page")
    page = visit(server.address, query="?history=50,60,70,80", soon=True)
    settle(page)
    names = [hide_first(page), hide_first(page)]
    assert hidden(page, server, names) == set(names)
    server.stop()
    page.go_back()
    page.go_back()
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    expect(page.get_by_text("Undone.")).to_have_count(0)
    server.start()
    expect(page.locator(".bar").get_by_text("Undone.")).to_be_visible()
    expect(page.locator(f"[data-item='{names[0]}']")).to_have_count(1)
    assert hidden(page, server, names) == set()
    assert set(names) <= set(ids(page))
    with page.expect_response("**/v1/items/hide"):
        page.go_forward()
    settle(page)
    assert hidden(page, server, names) == {names[0]}
    click(page, "Take back")
    assert hidden(page, server, names) == set()


def test_undo_shows_no_item_that_somebody_else_hid(page, server):
    choose_user(page, "7")
    depth = page.evaluate("history.state.depth")
    name, dialog = open_item(page)
    try:
        assert page.request.post(f"{server.address}/v1/items/hide", data={"items": [name]}).ok
        with page.expect_response("**/v1/recommend"):
            dialog.get_by_role("button", name=NEVER).click()
        assert name not in ids(page)
        expect(page.locator(".bar")).to_contain_text("is never recommended now")
        assert page.evaluate("history.state.depth") == depth  # there is nothing to undo
        expect(page.locator(".bar").get_by_role("button", name="Undo")).to_have_count(0)
        click(page, "Take back")
        assert hidden(page, server, [name]) == {name}
    finally:
        page.request.post(f"{server.address}/v1/items/unhide", data={"items": [name]})


def test_a_redo_that_hides_nothing_is_not_undone_even_after_a_reload(page, server):
    choose_user(page, "7")
    name = hide_first(page)
    try:
        page.go_back()
        expect(page.locator(f"[data-item='{name}']")).to_have_count(1)
        assert page.request.post(f"{server.address}/v1/items/hide", data={"items": [name]}).ok
        with page.expect_response("**/v1/items/hide"):
            page.go_forward()
        settle(page)
        page.reload()
        settle(page)
        with page.expect_response("**/v1/recommend"):
            page.go_back()
        settle(page)
        assert hidden(page, server, [name]) == {name}
    finally:
        page.request.post(f"{server.address}/v1/items/unhide", data={"items": [name]})


def test_the_panel_of_a_hidden_item_says_that(visit, server):
    page = visit(server.address, query="?history=50")
    settle(page)
    try:
        assert page.request.post(f"{server.address}/v1/items/hide", data={"items": ["50"]}).ok
        page.locator("[data-event='50'] .event").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_text("is never recommended now")).to_be_visible()
        expect(dialog.get_by_role("button", name=NEVER)).to_have_count(0)
    finally:
        page.request.post(f"{server.address}/v1/items/unhide", data={"items": ["50"]})


def test_a_double_click_is_one_step(page, server):
    choose_user(page, "7")
    at, depth = page.evaluate("[history.state.at, history.state.depth]")
    name, dialog = open_item(page)
    with page.expect_response("**/v1/recommend"):
        dialog.get_by_role("button", name=NEVER).dblclick()
    settle(page)
    page.wait_for_timeout(200)  # a second call would have been answered
    entry = {"at": at + 1, "depth": depth + 1, "back": 1, "hidden": [name]}
    assert page.evaluate("history.state") == entry
    click(page, "Undo")
    assert name in ids(page)
    assert hidden(page, server, [name]) == set()


def test_undo_needs_a_key_that_may_write_and_waits_for_it(hidden_with_key):
    server, page, name = hidden_with_key
    page.get_by_role("button", name="Forget the key").click()
    enter_key(page, READ)
    with page.expect_response("**/v1/recommend"):
        page.go_back()
    problem = page.locator("#main > [role=alert]")
    expect(problem).to_contain_text("needs a key that may write")
    expect(page.get_by_text("Undone.")).to_have_count(0)
    expect(page.get_by_label("Key", exact=True)).to_have_count(0)  # the key may still read
    assert hidden(page, server, [name]) == {name}
    page.get_by_role("button", name="Forget the key").click()
    enter_key(page, WRITE)
    problem.get_by_role("button", name="Try again").click()
    expect(page.locator(".bar").get_by_text("Undone.")).to_be_visible()
    expect(problem).to_have_count(0)
    assert name in ids(page)
    assert hidden(page, server, [name]) == set()


def test_undo_with_a_key_that_ended_waits_for_another_one(hidden_with_key):
    server, page, name = hidden_with_key
    page.evaluate("sessionStorage.setItem('prismrec.key', 'a-key-that-has-ended')")
    page.go_back()
    expect(page.get_by_text("does not accept this key")).to_be_visible()
    assert hidden(page, server, [name]) == {name}
    enter_key(page, WRITE)
    expect(page.locator(".bar").get_by_text("Undone.")).to_be_visible()
    expect(page.locator(f"[data-item='{name}']")).to_have_count(1)
    assert hidden(page, server, [name]) == set()
