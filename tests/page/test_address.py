"""Check that the address holds the state of the page, and that the list can be taken along."""

import csv
import io
import json
import re
import subprocess

import pytest
from playwright.sync_api import expect

from page_reading import add, choose_user, click, headline, ids, listed, settle

pytestmark = pytest.mark.slow
SPOKEN = "main ~ p[role=status]"
"""What a screen reader reads after a change."""


def test_a_link_to_a_user_shows_that_user_with_one_request(visit, server):
    page = visit(server.address, query="?user=7")
    settle(page)
    expect(page.locator(".owner")).to_contain_text("User 7")
    calls = page.evaluate(
        "performance.getEntriesByType('resource').map((one) => new URL(one.name).pathname)"
        ".filter((path) => path.startsWith('/v1/'))"
    )
    assert calls == ["/v1/start"]


def test_the_first_visit_takes_one_request_before_the_first_list(visit, server):
    page = visit(server.address)
    settle(page)
    assert "user=" in page.url  # so that a reload shows the same user
    calls = page.evaluate(
        "performance.getEntriesByType('resource').filter((one) => one.name.includes('/v1/')).length"
    )
    assert calls == 1


def test_a_reload_restores_everything(page):
    choose_user(page, "7")
    add(page, "Title 50 ")
    with page.expect_response("**/v1/recommend"):
        page.locator(".remove").first.click()
    click(page, "Balanced")
    click(page, "Share out places among interests")
    click(page, f"More of {page.locator('article h3 bdi').first.inner_text()}")
    page.get_by_role("radio", name="By rank").check()
    page.evaluate("location.hash = 'map'")
    page.evaluate("location.hash = 'explore'")
    before = headline(page), ids(page), page.locator("[data-event]").count()
    page.reload()
    settle(page)
    assert (headline(page), ids(page), page.locator("[data-event]").count()) == before
    expect(page.get_by_role("radio", name="Balanced")).to_be_checked()
    expect(page.get_by_role("radio", name="Share out")).to_be_checked()
    expect(page.get_by_role("radio", name="By rank")).to_be_checked()
    expect(page.locator("article").first).to_contain_text("weight × 2")


def test_an_own_history_survives_a_reload(page):
    click(page, "Start empty")
    assert page.url.endswith("?history=")
    add(page, "Title 50 ")
    assert page.url.endswith("?history=50")
    before = ids(page)
    page.reload()
    settle(page)
    assert ids(page) == before
    expect(page.locator(".owner")).to_contain_text("Your own history")


def test_back_undoes_each_change_and_forward_does_it_again(page):
    choose_user(page, "7")
    states = [(page.url, listed(page))]
    for name in ("Varied", "Share out places among interests"):
        click(page, name)
        states.append((page.url, listed(page)))
    for way, expected in ((page.go_back, states[1]), (page.go_back, states[0])):
        with page.expect_response("**/v1/recommend"):
            way()
        assert (page.url, listed(page)) == expected
    with page.expect_response("**/v1/recommend"):
        page.go_forward()
    assert (page.url, listed(page)) == states[1]


def test_a_broken_link_shows_the_page(visit, server):
    page = visit(server.address, query="?user=nobody&weights=x&added=category:Nothing&diversity=-9")
    expect(page.get_by_role("heading", name="Popular items", exact=True)).to_be_visible()
    expect(page.locator(".item").first).to_be_visible()
    expect(
        page.locator(".bar").get_by_text("The added interests were left out: the service")
    ).to_be_visible()
    expect(page.locator(SPOKEN)).to_contain_text("The added interests were left out")
    assert "added" not in page.url
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)
    page = visit(server.address, query="?user=nobody")
    expect(page.locator(".bar").get_by_text("No events are stored for “nobody”.")).to_be_visible()
    expect(page.locator(SPOKEN)).to_have_text("No events are stored for “nobody”.")


def test_a_very_long_link_is_checked_like_a_short_one(visit, server):
    history = ",".join(str(1 + at % 100) for at in range(1_500))
    steered = "&weights=0:0&artifact=another&added=category:Nothing"
    page = visit(server.address, query=f"?history={history}{steered}")
    expect(page.locator(".item")).to_have_count(20)
    said = page.locator(".bar")
    expect(said).to_contain_text("The added interests were left out")
    expect(said).to_contain_text("The weights were left out")
    expect(page.locator(SPOKEN)).to_contain_text("The weights were left out")
    assert "weights" not in page.url
    assert "added" not in page.url
    assert "muted" not in headline(page)


def test_weights_of_a_link_end_when_the_history_of_its_user_has_changed(visit, server):
    """Numbers of interests mean something else then: the link muted another interest."""

    def store(page, *items):
        sent = [{"user": "weighted", "item": item} for item in items]
        assert page.request.post(f"{server.address}/v1/events", data={"events": sent}).ok

    page = visit(server.address)
    store(page, "5", "10", "50", "100")
    page.goto(f"{server.address}/?user=weighted")
    settle(page)
    page.get_by_role("button", name="Mute").first.click()
    settle(page)
    expect(page).to_have_url(re.compile("weights=.+&events=4$"))
    link = page.url
    page.reload()
    settle(page)
    assert "muted" in headline(page)
    assert page.url == link
    store(page, "60", "70")
    page.reload()
    expect(page.locator(".bar")).to_contain_text("The weights were left out")
    settle(page)
    assert "muted" not in headline(page)
    assert page.url == f"{server.address}/?user=weighted"


def test_undo_after_a_slider_stays_on_the_page(page):
    page.get_by_role("button", name="For experts").click()
    slider = page.get_by_role("slider")
    urls = [page.url]
    for _ in range(2):
        slider.focus()
        for _ in range(9):
            page.keyboard.press("ArrowRight")
        settle(page)
        expect(page).to_have_url(re.compile("diversity="))
        urls.append(page.url)
        page.get_by_role("button", name="Undo").click()
        settle(page)
        expect(page).to_have_url(urls[0])


def test_a_reload_restores_the_history_of_a_user_who_has_an_item_twice(visit, server):
    items = ["5", "50", "7", "10", "50", "20", "5"]
    events = [
        {"id": f"t{at}", "user": "twice", "item": item, "time": (1_700_000_000 + at) * 10**6}
        for at, item in enumerate(items)
    ]
    page = visit(server.address)
    assert page.request.post(f"{server.address}/v1/events", data={"events": events}).ok
    page.goto(f"{server.address}/?user=twice&list=ranked")
    settle(page)
    for count, item in ((5, "5"), (3, "50")):
        row = page.locator(f"[data-event='{item}']")
        expect(row).to_contain_text("× 2")
        with page.expect_response("**/v1/recommend"):
            row.locator(".remove").click()
        before = ids(page)
        expect(row).to_have_count(0)  # a row stands for all events of its item
        expect(page.locator(".owner")).to_contain_text(f"{count} events")
        page.reload()
        assert ids(page) == before
    page.get_by_role("button", name="Take back the last change").click()
    expect(page.locator("[data-event='50']")).to_contain_text("× 2")


def test_a_link_with_the_weight_of_a_missing_interest_shows_no_empty_card(visit, server):
    phone, shown = {"width": 390, "height": 844}, []
    for weights in ("", "&weights=40:2", "&weights=40:0"):
        page = visit(server.address, query=f"?history=5,10,50,100{weights}", viewport=phone)
        settle(page)
        shown.append(page.locator(".chip").all_inner_texts())
    assert shown[0]
    assert shown[1] == shown[2] == shown[0]


def test_the_link_can_be_copied(page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    choose_user(page, "7")
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("The link is copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.url


def test_the_list_is_exported_as_json_and_csv(page):
    choose_user(page, "7")
    files = {}
    for kind in ("JSON file", "CSV file"):
        page.get_by_role("button", name=re.compile("Export")).click()
        with page.expect_download() as started:
            page.get_by_role("button", name=kind).click()
        files[kind] = started.value.path().read_text("utf-8")
    answer = json.loads(files["JSON file"])
    rows = list(csv.DictReader(io.StringIO(files["CSV file"])))
    assert [row["id"] for row in rows] == [item["id"] for item in answer["items"]]
    assert sorted(row["id"] for row in rows) == sorted(ids(page))
    assert rows[0]["title"].lstrip("'") == answer["items"][0]["title"]


def test_the_copied_command_makes_the_same_list(page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    choose_user(page, "7")
    click(page, "Balanced")
    page.get_by_role("button", name=re.compile("Export")).click()
    page.get_by_role("button", name="Copy as curl").click()
    expect(page.get_by_text("The command is copied.")).to_be_visible()
    command = page.evaluate("navigator.clipboard.readText()")
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=True)
    made = [item["id"] for item in json.loads(done.stdout)["items"]]
    page.get_by_role("radio", name="By rank").check()
    assert made == ids(page)


def test_an_older_user_does_not_come_back_under_another_address(page):
    """Go back twice, while the service takes long to find the user in between."""
    for name in ("7", "8", "9"):
        choose_user(page, name)
    page.evaluate("""() => {
        const before = fetch;
        window.fetch = async (address, options) => {
            if (/user=8&/.test(address)) await new Promise((done) => setTimeout(done, 1000));
            return before(address, options);
        };
    }""")
    page.go_back()
    with page.expect_response("**/v1/recommend"):
        page.go_back()
    page.wait_for_timeout(1_200)
    settle(page)
    assert "user=7" in page.url
    expect(page.locator(".owner")).to_contain_text("User 7")
    # The visitor changes something while an older user is looked up.
    page.evaluate("history.go(1)")
    with page.expect_response("**/v1/start?*user=8*"):
        click(page, "Varied")
    page.wait_for_timeout(300)
    expect(page.locator(".owner")).to_contain_text("User 7")
    assert "user=7" in page.url
    assert "diversity" in page.url
