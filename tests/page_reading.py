"""Read the page as a visitor does, and wait until it shows the answer to the last change."""

from typing import Any

from playwright.sync_api import Page, expect


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


def click(page: Page, name: str) -> dict[str, Any]:
    """Click a button, or choose a radio button, and return the list that the service answers."""
    with page.expect_response("**/v1/recommend") as answered:
        page.get_by_role("button", name=name).or_(
            page.get_by_role("radio", name=name, exact=True)
        ).first.click()
    settle(page)
    answer: dict[str, Any] = answered.value.json()
    return answer
