"""Take the pictures of the page for the README and docs/page.md, from a running service.

    prismrec serve demo/prism --data demo/data --compare-with demo/sa --report demo/report &
    python docs/screenshots.py http://127.0.0.1:8000 368

Needs Chromium, a font with Chinese letters (Debian: fonts-wqy-microhei), and Inter (fonts-inter).
"""

import sys
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).parent / "images"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
LARGE, PHONE = (1440, 900), (390, 844)
SHOTS = [
    # name, view, size, colors, language, variety (λ)
    ("page", "explore", LARGE, "light", "en", 0.15),
    ("page-dark", "explore", LARGE, "dark", "en", 0.15),
    ("page-phone", "explore", PHONE, "light", "en", 0.0),
    ("page-phone-list", "explore", PHONE, "light", "en", 0.15),
    ("page-chinese", "explore", LARGE, "light", "zh-CN", 0.15),
    ("map", "map", LARGE, "light", "en", 0.0),
    ("compare", "compare", LARGE, "light", "en", 0.15),
    ("diagnostics", "diagnostics", LARGE, "light", "en", 0.0),
]
LIMIT = 400_000


def main(address: str, user: str = "") -> None:
    """Take all pictures and write them to docs/images."""
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        for name, view, (width, height), colours, language, variety in SHOTS:
            page = browser.new_page(
                viewport={"width": width, "height": height}, color_scheme=colours, locale=language
            )
            query = {"user": user, "diversity": variety}
            page.goto(f"{address}/?{urlencode({k: v for k, v in query.items() if v})}")
            page.locator(".item").first.wait_for()
            page.evaluate("view => location.hash = view", view)
            if name == "page-phone-list":
                page.locator(".groups").evaluate("list => scrollTo(0, list.offsetTop)")
            page.wait_for_timeout(3_000)  # until nothing is marked as new
            file = IMAGES / f"{name}.png"
            page.screenshot(path=file)
            size = file.stat().st_size
            if size >= LIMIT:
                sys.exit(f"{file} has {size} bytes; the limit is {LIMIT}.")
            page.close()
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
