"""Read the page as a visitor does, and wait until it shows the answer to the last change."""

from typing import Any

from playwright.sync_api import Locator, Page, Route, expect


def settle(page: Page) -> None:
    """Wait until the list belongs to what the page shows."""
    expect(page.locator("h2[aria-busy=false]").first).to_be_visible()


def listed(page: Page) -> list[str]:
    """Return the titles of the list, from top to bottom."""
    settle(page)
    return page.locator(".item .title bdi").all_inner_texts()


def ids(page: Page) -> list[str | None]:
    """Return the ids of the list, from top to bottom."""
    settle(page)
    return [row.get_attribute("data-item") for row in page.locator("[data-item]").all()]


def headline(page: Page) -> str:
    """Return the sentence on top, with single spaces."""
    settle(page)
    return " ".join(page.locator("h2").first.inner_text().split())


def choose_user(page: Page, name: str) -> None:
    """Find a user by name and show the history."""
    field = page.get_by_role("combobox", name="Find a user")
    field.fill(name)
    option = page.get_by_role("option").first
    expect(option).to_contain_text(name)
    with page.expect_response("**/v1/recommend"):
        option.click()
    settle(page)


def add(page: Page, text: str) -> None:
    """Search a title and add the first result to the history."""
    field = page.get_by_role("combobox", name="Add an item")
    with page.expect_response("**/v1/items?*"):
        field.fill(text)
    option = page.get_by_role("option").first
    expect(option).to_contain_text(text)
    with page.expect_response("**/v1/recommend"):
        option.click()
    settle(page)


def open_item(page: Page, place: int = 0) -> tuple[str | None, Locator]:
    """Open the panel of an item of the list and return its id and the dialog."""
    row = page.locator("[data-item]").nth(place)
    name = row.get_attribute("data-item")
    row.locator(".item").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Similar items")).to_be_visible()
    return name, dialog


def enter_key(page: Page, key: str) -> None:
    """Enter a key for the service."""
    page.get_by_label("Key", exact=True).fill(key)
    page.get_by_role("button", name="Continue").click()
    settle(page)


def without_added_category(route: Route) -> None:
    """Answer as after a reload with a catalog that does not have the category that was added."""
    if '"category":' not in (route.request.post_data or ""):
        route.continue_()
        return
    error = {"kind": "unknown_name", "message": "No category.", "status": 404, "request_id": ""}
    route.fulfill(status=404, json={"error": error})


def click(page: Page, name: str) -> dict[str, Any]:
    """Click a button, or choose a radio button, and return the list that the service answers."""
    with page.expect_response("**/v1/recommend") as answered:
        page.get_by_role("button", name=name).or_(
            page.get_by_role("radio", name=name, exact=True)
        ).first.click()
    settle(page)
    answer: dict[str, Any] = answered.value.json()
    return answer
