"""Take the pictures of the page for the README and docs/page.md, from a running service.

    prismrec serve demo/sa --data demo/data --compare-with demo/prism-k1 --report demo/report &
    python docs/screenshots.py http://127.0.0.1:8000 368

Needs Chromium, a font with Chinese letters (Debian: fonts-wqy-microhei), and Inter (fonts-inter).
"""

import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
LARGE, PHONE = (1440, 900), (360, 740)
SHOTS = [
    # name, view, size, colors, language, position of the slider
    ("page", "explore", (1440, 1180), "light", "en", 60),
    ("page-dark", "explore", (1440, 1180), "dark", "en", 60),
    ("page-phone", "explore", PHONE, "light", "en", 0),
    ("page-phone-list", "explore", PHONE, "light", "en", 110),
    ("page-chinese", "explore", LARGE, "light", "zh-CN", 60),
    ("map", "map", LARGE, "light", "en", 0),
    ("compare", "compare", LARGE, "light", "en", 60),
    ("diagnostics", "diagnostics", LARGE, "light", "en", 0),
]
LIMIT = 300_000


def choose(page: Page, user: str) -> None:
    """Show a user's history."""
    field = page.get_by_role("combobox").first
    field.fill(user)
    page.get_by_role("option", name=user).first.wait_for()
    field.press("Enter")
    page.wait_for_timeout(500)
    page.evaluate("document.activeElement.blur()")


def main(address: str, user: str = "") -> None:
    """Take all pictures and write them to docs/images."""
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        for name, view, (width, height), colours, language, steps in SHOTS:
            page = browser.new_page(
                viewport={"width": width, "height": height}, color_scheme=colours, locale=language
            )
            page.goto(address)
            page.locator(".item").first.wait_for()
            if user:
                choose(page, user)
            if steps:
                page.get_by_role("slider").fill(str(steps))
                page.evaluate("document.activeElement.blur()")
            page.evaluate("view => location.hash = view", view)
            if name == "page-phone-list":
                page.locator(".list").evaluate("list => scrollTo(0, list.offsetTop + 1200)")
            page.wait_for_timeout(3_000)  # until no item slides or is marked
            file = IMAGES / f"{name}.png"
            page.screenshot(path=file)
            size = file.stat().st_size
            assert size < LIMIT, f"{file} has {size} bytes"  # noqa: S101
            page.close()
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
