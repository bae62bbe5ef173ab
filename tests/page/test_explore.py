"""Use the main view as a visitor: the sentence, the flow, the list, interests and variety."""

import re
from collections import Counter
from urllib.parse import unquote

import pytest
from playwright.sync_api import expect

from page_reading import add, choose_user, click, headline, ids, listed, settle

pytestmark = pytest.mark.slow
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}


@pytest.fixture
def answers(page):
    """Return the answers that the page gets, the newest last."""
    got = []
    page.on("response", lambda r: got.append(r.json()) if r.url.endswith("/v1/recommend") else None)
    return got


def test_the_sentence_counts_items_interests_and_recommendations(page, answers):
    choose_user(page, "7")
    answer, said = answers[-1], headline(page)
    history = page.request.get(f"{page.url.split('?')[0]}v1/examples?search=7&limit=1").json()
    items = len(set(history["users"][0]["history"]))
    interests = len(answer["interests"])
    assert said.startswith(f"{items} items → {interests} interests → 20 recommendations:")
    counts = Counter(item["interest"] for item in answer["items"])
    for count in counts.values():
        assert f"({count})" in said
    assert said.count("(") >= len(counts)
    assert ("mostly" in said) == (10 <= max(counts.values()) < 20)


def test_a_single_interest_is_said_as_one(visit, own_server):
    page = visit(own_server(artifact="other").address)
    page.locator(".item").first.wait_for()
    # The artifact has a single interest, so this says nothing about the history.
    assert re.search(r"^\d+ items → 1 interest → 20 recommendations: .+ \(20\)\.$", headline(page))
    expect(page.locator("article")).to_have_count(1)
    # Nothing to share out, and no groups to choose.
    expect(page.get_by_role("radio", name="By rank")).to_have_count(0)


def test_without_a_history_the_popular_items_are_called_that(page):
    click(page, "Start empty")
    assert headline(page) == "No history yet. These 20 items are popular among all users."
    expect(page.get_by_role("heading", name="Popular items", exact=True)).to_be_visible()
    expect(page.locator(".item")).to_have_count(20)
    expect(page.locator("article")).to_have_count(0)
    assert set(page.locator(".chip").all_inner_texts()) == {"popular"}


def test_popular_items_have_the_variety_that_the_page_says(page):
    click(page, "Start empty")
    said = page.locator("[data-shown=effect]")
    steps = page.get_by_role("radiogroup", name="Variety").get_by_role("radio")
    page.get_by_role("button", name="For experts").click()
    for name in ("Slightly varied", "Most relevant"):
        assert click(page, name)["strength"] == 0.1
        expect(said).to_contain_text("Popular items have at least λ 0.10")
        assert not any(step.is_checked() for step in steps.all())
        expect(page.locator("strong", has_text="0.10")).to_have_count(1)
    click(page, "Varied")
    expect(said).not_to_contain_text("at least")
    expect(steps.nth(3)).to_be_checked()


def test_the_sentence_says_what_is_added_and_what_is_muted(visit, own_server, server):
    page = visit(own_server(artifact="other").address)
    settle(page)
    name = page.locator("article h3 bdi").inner_text()
    category = page.request.get(f"{page.url.split('?')[0]}v1/artifact").json()["categories"][0]
    click(page, f"Mute {name}")
    page.get_by_role("button", name="Add an interest").click()
    page.get_by_role("combobox", name="Add an interest").fill(category)
    with page.expect_response("**/v1/recommend"):
        page.get_by_role("option").first.click()
    said = headline(page)
    assert f"→ 1 interest → 20 recommendations: {category} (20, added by you); muted: " in said
    assert said.endswith(f"{name}.")
    page = visit(server.address, query=f"?history=nowhere&added=category:{category}")
    assert headline(page).startswith("No item of the history is in the catalog: 20 recomm")


def test_a_history_is_built_and_interests_appear(page):
    click(page, "Start empty")
    for count, title in enumerate(("Title 50 ", "Title 100 ", "Title 112 "), start=1):
        add(page, title)
        expect(page.locator("[data-event]")).to_have_count(count)
    expect(page.get_by_role("heading", name="Recommendations", exact=True)).to_be_visible()
    expect(page.locator("article")).to_have_count(3)
    assert headline(page).startswith("3 items → 3 interests → 20 recommendations:")
    remove = page.get_by_role("button", name=re.compile("Remove Title 50"))
    with page.expect_response("**/v1/recommend"):
        remove.click()
    expect(page.locator("[data-event]")).to_have_count(2)


def test_the_flow_joins_the_history_its_interests_and_the_list(page, answers):
    choose_user(page, "7")
    answer = answers[-1]
    shares = Counter(item["interest"] for item in answer["items"])
    heights = {
        int(bar.get_attribute("data-bar")): float(bar.get_attribute("height"))
        for bar in page.locator("[data-bar]").all()
    }
    unit = heights[max(shares, key=shares.get)] / max(shares.values())
    for number, count in shares.items():
        assert heights[number] == pytest.approx(unit * count, abs=0.1), "width = share of the list"
    bands = page.locator(".flow > svg path").count()
    assert bands == len(answer["items"]) + page.locator("[data-event]").count()
    # The bands end at the rows, also after the order changes.
    page.get_by_role("radio", name="By rank").check()
    page.wait_for_timeout(200)
    first = page.locator("[data-item]").first.bounding_box()
    frame = page.locator(".flow").bounding_box()
    middle = first["y"] + first["height"] / 2 - frame["y"]
    ends = page.locator(".flow > svg path").evaluate_all(
        "paths => paths.map((path) => Number(path.getAttribute('d').split(' ').at(-1)))"
    )
    assert min(abs(end - middle) for end in ends) < 1


def test_pointing_or_focusing_an_end_highlights_its_path(page, answers):
    choose_user(page, "7")
    item = next(one for one in answers[-1]["items"] if one["because"])
    row = page.locator(f"[data-item='{item['id']}']")
    row.hover()
    expect(row).to_have_class(re.compile("on"))
    lit = {event.get_attribute("data-event") for event in page.locator("[data-event].on").all()}
    assert lit <= {reason["id"] for reason in item["because"]}
    assert item["because"][0]["id"] in lit
    number = item["interest"]
    expect(page.locator(f"[data-interest='{number}']:not(.dim)")).to_have_count(1)
    assert page.locator(".flow > svg path.on").count() == 1 + len(lit)
    page.mouse.move(0, 0)
    expect(page.locator("[data-item].dim")).to_have_count(0)
    # The other end, by keyboard: the items that name the event as a reason.
    event = item["because"][0]["id"]
    page.locator(f"[data-event='{event}'] .event").focus()
    expected = {
        one["id"] for one in answers[-1]["items"] if event in {r["id"] for r in one["because"]}
    }
    lit = {item.get_attribute("data-item") for item in page.locator("[data-item].on").all()}
    assert lit == expected


def test_every_reason_is_true_of_its_item(page, answers):
    for user in ("7", "12", "3"):
        choose_user(page, user)
        for item in answers[-1]["items"]:
            chip = page.locator(f"[data-item='{item['id']}'] .chip")
            follows = item["goes_with"] if item["from_rules"] > 0.5 else []
            reasons = follows or item["because"]
            expect(chip).to_have_count(1 if reasons else 0)
            if reasons:
                text = chip.inner_text()
                assert text.startswith("goes with" if follows else "because of")
                assert reasons[0]["title"] in text
                assert chip.get_attribute("data-reason") == reasons[0]["id"]


def test_the_list_is_grouped_by_interest_or_one_ranking(page, answers):
    choose_user(page, "7")
    by_rank = [item["id"] for item in answers[-1]["items"]]
    groups = page.locator(".groups section")
    counts = Counter(item["interest"] for item in answers[-1]["items"])
    expect(groups).to_have_count(len(counts))
    sizes = [group.locator("li").count() for group in groups.all()]
    assert sizes == sorted(counts.values(), reverse=True)
    assert sorted(ids(page)) == sorted(by_rank)
    page.get_by_role("radio", name="By rank").check()
    expect(groups).to_have_count(0)
    assert ids(page) == by_rank
    assert "list=ranked" in page.url


def test_an_interest_gets_more_less_or_none_of_the_list(page):
    choose_user(page, "7")
    heading = page.locator("article h3 bdi").last.inner_text()
    number = int(page.locator("article").last.get_attribute("data-interest"))

    def count(answer):
        return sum(item["interest"] == number for item in answer["items"])

    before = listed(page)
    answer = click(page, f"More of {heading}")
    assert "weights" in page.url
    shares = [count(answer)]
    for _ in range(3):
        answer = click(page, f"More of {heading}")
        shares.append(count(answer))
    assert shares == sorted(shares)
    expect(page.locator(f"[data-interest='{number}']")).to_contain_text("weight × 16")
    answer = click(page, f"Mute {heading}")
    assert count(answer) == 0
    assert f"muted: {heading}" in headline(page)
    expect(page.get_by_role("button", name=f"Mute {heading}")).to_have_attribute(
        "aria-pressed", "true"
    )
    click(page, f"Mute {heading}")
    assert listed(page) == before
    click(page, f"Less of {heading}")
    expect(page.locator(f"[data-interest='{number}']")).to_contain_text("weight × 0.5")


def test_without_any_interest_the_page_says_why_the_list_is_empty(page):
    headings = page.locator("article h3 bdi").all_inner_texts()
    for heading in headings:
        page.get_by_role("button", name=f"Mute {heading}", exact=True).first.click()
        settle(page)
    assert listed(page) == []
    assert "→ 0 recommendations; muted: " in headline(page)
    for heading in headings:
        expect(page.locator("h2 em", has_text=heading).first).to_be_visible()
    expect(page.get_by_text("All items belong to muted interests")).to_be_visible()
    expect(page.get_by_text("Replaced items")).to_have_count(0)


def test_an_interest_can_be_added_and_removed(page):
    choose_user(page, "7")
    category = page.request.get(f"{page.url.split('?')[0]}v1/artifact").json()["categories"][0]
    page.get_by_role("button", name="Add an interest").click()
    field = page.get_by_role("combobox", name="Add an interest")
    expect(field).to_be_focused()
    field.fill(category)
    with page.expect_response("**/v1/recommend") as answered:
        page.get_by_role("option", name=re.compile(f"{category} category")).click()
    assert answered.value.request.post_data_json["interests"]["added"] == [
        {"category": category, "weight": 1}
    ]
    settle(page)
    node = page.locator("article", has_text="added by you")
    expect(node).to_have_count(1)
    with page.expect_response("**/v1/recommend"):
        node.get_by_role("button", name=re.compile("Remove")).click()
    expect(node).to_have_count(0)
    assert "added" not in page.url


def test_places_can_be_shared_out_among_interests(page):
    choose_user(page, "7")
    largest = []
    for name in ("Share out places among interests", "One ranking"):
        answer = click(page, name)
        largest.append(max(Counter(item["interest"] for item in answer["items"]).values()))
    assert largest[0] <= largest[1]
    assert "mix" not in page.url


def test_five_steps_of_variety_say_what_they_change(page):
    choose_user(page, "7")
    steps = page.get_by_role("radiogroup", name="Variety").get_by_role("radio")
    expect(steps).to_have_count(5)
    first = listed(page)
    fresh = []
    for at, name in enumerate(("Slightly varied", "Balanced", "Varied", "Most varied"), start=1):
        answer = click(page, name)
        effect, said = answer["effect"], page.locator("[data-shown=effect]").inner_text()
        fresh.append(len({i["title"] for i in answer["items"]} - set(first)))
        assert effect["new_items"] == fresh[-1]
        if effect["new_items"]:
            assert f"{effect['new_items']} of 20 items" in said
            assert str(effect["categories"]) in said
            assert "%" in said
        expect(steps.nth(at)).to_be_checked()
    assert fresh == sorted(fresh)
    assert fresh[-1] > 0
    click(page, "Most relevant")
    assert listed(page) == first
    expect(page.locator("[data-shown=effect]")).to_have_text("The list by relevance alone.")


def test_the_same_items_in_another_order_are_not_the_list_by_relevance(page):
    def reorder(route):
        answer = route.fetch().json()
        answer["items"][:2] = answer["items"][1::-1]
        same = answer["effect"]["plain_categories"]
        effect = {"categories": same, "plain_categories": same, "new_items": 0, "relevance": 1.0}
        answer["effect"] = effect
        route.fulfill(json=answer)

    said = page.locator("[data-shown=effect]")
    click(page, "Slightly varied")
    page.route("**/v1/recommend", reorder)
    click(page, "Most relevant")
    expect(said).to_contain_text("as before; 0 of 20 items are new; relevance 0%")
    page.unroute("**/v1/recommend")
    click(page, "Balanced")
    click(page, "Most relevant")
    expect(said).to_have_text("The list by relevance alone.")


@pytest.mark.parametrize("size", SIZES)
def test_the_first_recommendation_is_visible_without_scrolling(visit, server, size):
    width, height = SIZES[size]
    page = visit(server.address, viewport={"width": width, "height": height})
    settle(page)
    box = page.locator(".item").first.bounding_box()
    assert box["y"] + box["height"] <= height
    expect(page.locator(".flow")).to_have_count(1 if size == "desktop" else 0)
    expect(page.locator(".chips")).to_have_count(0 if size == "desktop" else 1)


def test_a_phone_has_chips_above_the_list(visit, server):
    page = visit(server.address, viewport={"width": 390, "height": 844})
    settle(page)
    chips = page.locator(".chips .chip")
    assert chips.count() == 3
    assert chips.first.bounding_box()["y"] < page.locator(".item").first.bounding_box()["y"]
    chips.first.click()
    expect(chips.first).to_have_attribute("aria-pressed", "true")
    name = chips.first.locator("bdi").inner_text()
    for weight in (2, 4):
        click(page, f"More of {name}")
        expect(page.locator(".controls")).to_contain_text(f"weight × {weight}")
    click(page, f"Mute {name}")
    expect(chips.first).to_contain_text("muted")  # where it was
    expect(chips.first).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name=f"Mute {name}")).to_be_focused()
    # The history is there too, with its search and its buttons.
    page.locator("summary").first.click()
    expect(page.locator("[data-event]").first).to_be_visible()
    expect(page.get_by_role("combobox", name="Add an item")).to_be_visible()


def test_a_steered_interest_keeps_its_place_and_the_focus(page):
    choose_user(page, "7")
    numbers = [one.get_attribute("data-interest") for one in page.locator("article").all()]
    sizes = [one.inner_text() for one in page.locator("article p.small").all()]
    last = page.locator("article h3 bdi").last.inner_text()
    page.get_by_role("button", name=f"More of {last}").focus()
    for weight in (2, 4, 8, 16):
        with page.expect_response("**/v1/recommend"):
            page.keyboard.press("Enter")
        settle(page)
        expect(page.get_by_role("button", name=f"More of {last}")).to_be_focused()
        expect(page.locator(":focus")).to_have_accessible_name(f"More of {last}")
        expect(page.locator("article", has_text=f"weight × {weight}")).to_have_count(1)
    # At its limit the button does nothing, and adds no step to undo.
    more = page.get_by_role("button", name=f"More of {last}")
    expect(more).to_have_attribute("aria-disabled", "true")
    steps = page.evaluate("history.length")
    page.keyboard.press("Enter")
    settle(page)
    assert page.evaluate("history.length") == steps
    now = [one.get_attribute("data-interest") for one in page.locator("article").all()]
    assert now == numbers
    assert [one.inner_text() for one in page.locator("article p.small").all()] != sizes
    # Clicks at one place of the screen are for one interest.
    button = page.get_by_role("button", name=f"Mute {last}")
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    for weights in (0, None, 0):
        with page.expect_response("**/v1/recommend"):
            page.mouse.click(box["x"] + 5, box["y"] + 5)
        settle(page)
        assert (f"{numbers[-1]}:{weights}" in page.url) == (weights == 0)
        assert abs(button.bounding_box()["y"] - box["y"]) < 20  # the list may be a line longer


def test_a_double_click_removes_one_added_interest(page):
    choose_user(page, "7")
    names = page.request.get(f"{page.url.split('?')[0]}v1/artifact").json()["categories"][:3]
    added = ",".join(f"category:{name}" for name in names)
    page.goto(f"{page.url}&added={added}")
    settle(page)
    node = page.locator("article", has_text="added by you")
    expect(node).to_have_count(3)
    page.route("**/v1/recommend", lambda route: (page.wait_for_timeout(300), route.continue_()))
    page.get_by_role("button", name=f"Remove {names[0]}").first.dblclick()
    expect(node).to_have_count(2)
    assert unquote(page.url).endswith(f"added=category:{names[1]},category:{names[2]}")


def test_a_screen_reader_gets_the_interest_of_each_event_and_item(page):
    choose_user(page, "7")
    names = page.locator("article h3 bdi").all_inner_texts()
    for name in names:
        expect(page.get_by_role("list", name=name, exact=True)).to_have_count(1)
    page.get_by_role("radio", name="By rank").check()
    for row in page.locator(".item").all():
        assert any(f"{name}:" in row.inner_text() for name in names)


def test_escape_closes_the_options_of_a_search_and_then_empties_it(page):
    field = page.get_by_role("combobox", name="Add an item")
    options = page.get_by_role("option")
    field.press_sequentially("Title 5")
    expect(options).not_to_have_count(0)
    for left in ("Title 5", ""):
        field.press("Escape")
        page.wait_for_timeout(300)  # longer than the pause before a search
        expect(options).to_have_count(0)
        expect(field).to_have_value(left)


def test_the_field_of_an_added_interest_closes_and_gives_the_focus_back(page):
    page.get_by_role("button", name="Add an interest").click()
    field = page.get_by_role("combobox", name="Add an interest")
    expect(field).to_be_focused()
    field.press("Escape")
    field.press("Escape")
    expect(field).to_have_count(0)
    expect(page.get_by_role("button", name="Add an interest")).to_be_focused()
