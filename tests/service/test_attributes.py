"""Filter lists by attributes over HTTP, and change attributes without a reload."""

import json
from dataclasses import replace

import polars as pl
import pytest

from commands import run
from prismrec.data.attributes import Attributes
from prismrec.recommend import NewItem
from prismrec.recommend.artifact import save
from prismrec.service.changes import ChangeJournal, Updated, UpdatedItem
from prismrec.service.settings import ServePaths
from service.clients import kind_of, listed, post
from service.conftest import client_of
from worlds import small_dataset, untrained

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def dataset():
    """Return a data set in which every second item costs 10, the others 90, and one has no price.

    All are in stock and sold in Germany, every third item also in Austria.
    """
    made = small_dataset()
    numbers = range(1, made.catalog.size)
    columns = {
        "price": pl.Series([None if n == 1 else 10.0 + 80 * (n % 2) for n in numbers]),
        "stock": pl.Series([1.0 for _ in numbers]),
        "region": pl.Series([["DE", "AT"] if n % 3 == 0 else ["DE"] for n in numbers]),
        "adult": pl.Series([n % 5 == 0 for n in numbers]),
    }
    return replace(made, catalog=replace(made.catalog, attributes=Attributes.of(columns)))


@pytest.fixture(scope="module")
def unchanged(dataset, tmp_path_factory):
    """Start a service for tests that change nothing."""
    folder = tmp_path_factory.mktemp("attributes")
    save(untrained(dataset), folder / "artifact")
    with client_of(ServePaths(artifact=folder / "artifact")) as client:
        yield client


def recommend(client, history, **body):
    return post(client, "/v1/recommend", history=history, k=12, **body)


def change(client, **cells):
    items = [{"id": name, "attributes": own} for name, own in cells.items()]
    answer = client.patch("/v1/items/attributes", json={"items": items})
    assert answer.status_code == 200, answer.text
    return answer.json()


IN_STOCK = {"attribute": "stock", "min": 1}


def test_a_request_has_conditions_and_boosts(client, dataset, history):
    where = [
        {"attribute": "price", "max": "50"},
        {"attribute": "region", "any_of": ["AT"]},
        {"attribute": "adult", "equals": True, "negated": True},
    ]
    answer = recommend(client, history, where=where)
    numbers = dataset.catalog.items.index(listed(answer)).tolist()
    assert numbers
    assert all(n % 2 == 0 and n % 3 == 0 and n % 5 for n in numbers)
    assert answer["options"]["filter"]["where"][1]["any_of"] == ["AT"]
    assert answer["certified"]
    boosts = [{"where": [{"attribute": "price", "min": 50}], "factor": 1000}]
    boosted = recommend(client, history, boosts=boosts, explain=True)
    first = dataset.catalog.items.index([boosted["items"][0]["id"]])[0]
    assert first % 2
    assert boosted["items"][0]["boost"] == pytest.approx(6.9078, abs=1e-3)
    missing = recommend(client, [], where=[{"attribute": "price", "missing": "only"}])
    assert listed(missing) == dataset.catalog.items.external([1])


def test_a_change_of_the_stock_applies_to_the_next_request(client, history):
    before = listed(recommend(client, history, where=[IN_STOCK]))
    assert change(client, **{before[0]: {"stock": 0}}) == {"items": 1, "unknown": []}
    after = listed(recommend(client, history, where=[IN_STOCK]))
    assert after[:11] == before[1:]
    item = client.get("/v1/items", params={"id": before[0]}).json()["items"][0]
    assert item["attributes"]["stock"] == 0
    assert (
        change(client, **{before[0]: {"stock": None}, before[1]: {"region": ["CH"]}})["items"] == 2
    )
    swiss = recommend(client, history, where=[{"attribute": "region", "equals": "CH"}])
    assert listed(swiss) == [before[1]]
    assert before[0] not in listed(recommend(client, history, where=[IN_STOCK]))
    change(client, **{before[0]: {"stock": 5}})
    assert before[0] in listed(recommend(client, history, where=[IN_STOCK]))
    assert before == [*listed(recommend(client, history, where=[IN_STOCK]))]


def test_changes_survive_a_restart_and_a_reload(serve, artifact, dataset, history):
    client = serve()
    before = listed(recommend(client, history, where=[IN_STOCK]))
    change(client, **{before[0]: {"stock": 0}, before[1]: {"stock": 3, "adult": None}})
    change(client, **{before[0]: {"price": 5}, before[1]: {"stock": 0}})
    expected = listed(recommend(client, history, where=[IN_STOCK]))
    assert expected[:10] == before[2:]
    again = serve(places=ServePaths(artifact=artifact))
    assert listed(recommend(again, history, where=[IN_STOCK])) == expected
    save(untrained(dataset), artifact)
    assert again.post("/v1/admin/reload").status_code == 200
    for one in (again, client):  # the other process follows
        assert listed(recommend(one, history, where=[IN_STOCK])) == expected
        cells = one.get("/v1/items", params={"id": before[0]}).json()["items"][0]["attributes"]
        assert (cells["stock"], cells["price"]) == (0, 5)


def test_values_of_unknown_items_are_kept_until_the_item_is_added(client, dataset, serve):
    assert change(client, new={"price": 1}) == {"items": 0, "unknown": ["new"]}
    near = dataset.catalog.items.external([2])
    post(client, "/v1/items", items=[{"id": "new", "related_to": near}])
    for one in (client, serve()):
        item = one.get("/v1/items", params={"id": "new"}).json()["items"][0]
        assert item["attributes"] == {"price": 1, "stock": None, "region": None, "adult": None}
        cheap = recommend(one, near, where=[{"attribute": "price", "max": 2}])
        assert listed(cheap) == ["new"]
    assert change(client, new={"price": 99}) == {"items": 1, "unknown": []}
    assert not listed(recommend(client, near, where=[{"attribute": "price", "max": 2}]))


def test_an_artifact_with_other_attributes_uses_the_values_that_fit(
    serve, artifact, dataset, history
):
    client = serve()
    name = listed(recommend(client, history))[0]
    change(client, **{name: {"stock": 0, "price": 3}})
    texts = pl.Series(["?"] * (dataset.catalog.size - 1))
    prices = pl.Series([7.0] * (dataset.catalog.size - 1))
    other = Attributes.of({"stock": texts, "price": prices})
    model = untrained(dataset)
    save(replace(model, catalog=replace(dataset.catalog, attributes=other)), artifact)
    assert client.post("/v1/admin/reload").status_code == 200
    item = client.get("/v1/items", params={"id": name}).json()["items"][0]
    assert item["attributes"] == {"stock": "?", "price": 3}
    save(untrained(small_dataset()), artifact)
    assert client.post("/v1/admin/reload").status_code == 200
    assert client.get("/v1/items", params={"id": name}).json()["items"][0]["attributes"] == {}
    answer = client.patch(
        "/v1/items/attributes", json={"items": [{"id": name, "attributes": {"stock": 1}}]}
    )
    assert kind_of(answer) == "invalid_request"
    assert "prepared with --items FILE --attributes" in answer.json()["error"]["message"]
    answer = client.post("/v1/recommend", json={"history": history, "where": [IN_STOCK]})
    assert kind_of(answer) == "invalid_request"


@pytest.mark.parametrize(
    ("cells", "kind", "message"),
    [
        ({"stok": 1}, "unknown_name", "'stok'; the attributes are price (number), stock (number)"),
        ({"stock": "1"}, "invalid_request", "'stock' of item '4' is '1', but it must be a finite"),
        ({"stock": True}, "invalid_request", "must be a finite number"),
        ({"region": "DE"}, "invalid_request", "must be a list of texts"),
        ({"adult": 1}, "invalid_request", "must be a boolean"),
        ({"region": ["DE", 1]}, "invalid_request", "send a list of at most 1,000 texts"),
        ({"region": ["a"] * 1_001}, "invalid_request", "send a list of at most 1,000 texts"),
        ({"region": ["a" * 1_001]}, "invalid_request", "a text of at most 1,000 characters"),
        ({"stock": {"a": 1}}, "invalid_request", "send a number from -1e300 to 1e300"),
        ({"stock": 2**53 + 1}, "invalid_request", "a whole number up to 9,007,199,254,740,992"),
        ({}, "invalid_request", "at least 1"),
        ({f"a{n}": 1 for n in range(101)}, "invalid_request", "at most 100"),
    ],
)
def test_wrong_values_are_refused_and_nothing_changes(client, history, cells, kind, message):
    body = {"items": [{"id": "3", "attributes": {"stock": 0}}, {"id": "4", "attributes": cells}]}
    answer = client.patch("/v1/items/attributes", json=body)
    assert kind_of(answer) == kind
    assert message in answer.json()["error"]["message"]
    item = client.get("/v1/items", params={"id": "3"}).json()["items"][0]
    assert item["attributes"]["stock"] == 1


HALF = "\ud800"


@pytest.mark.parametrize("cell", [HALF, [HALF], ["a", f"b{HALF}"]])
def test_a_value_that_is_not_utf8_is_refused(client, cell):
    body = {"items": [{"id": "3", "attributes": {"region": cell}}]}
    assert_not_utf8(send(client, "PATCH", "/v1/items/attributes", body))


@pytest.mark.parametrize(
    "condition",
    [
        {"attribute": "region", "equals": HALF},
        {"attribute": "region", "any_of": ["DE", HALF]},
        {"attribute": "price", "equals": HALF},
    ],
)
def test_a_condition_that_is_not_utf8_is_refused(unchanged, condition):
    single = {"history": ["1"], "where": [condition]}
    boosted = {"history": ["1"], "boosts": [{"where": [condition], "factor": 2}]}
    for body in (single, boosted):
        assert_not_utf8(send(unchanged, "POST", "/v1/recommend", body))
    whole = {"requests": [{"history": ["1"]}, single]}
    assert_not_utf8(send(unchanged, "POST", "/v1/recommend/batch", whole))


def send(client, method, path, body):
    headers = {"content-type": "application/json"}
    return client.request(method, path, content=json.dumps(body), headers=headers)


def assert_not_utf8(answer):
    assert (answer.status_code, kind_of(answer)) == (422, "invalid_request")
    assert "half of a surrogate pair, so it is not UTF-8; send UTF-8." in answer.text


def test_an_item_twice_in_one_request_is_refused(client):
    twice = [{"id": "3", "attributes": {"stock": n}} for n in (0, 1)]
    answer = client.patch("/v1/items/attributes", json={"items": twice})
    assert "The item '3' has its attributes twice in one" in answer.json()["error"]["message"]


def test_texts_are_read_as_prepare_reads_them(client):
    cells = {"region": [" DE ", "", "AT"]}
    for sent, expected in ((cells, ["AT", "DE"]), ({"region": ["", " "]}, None)):
        body = {"items": [{"id": "3", "attributes": sent}]}
        assert client.patch("/v1/items/attributes", json=body).status_code == 200
        item = client.get("/v1/items", params={"id": "3"}).json()["items"][0]
        found = item["attributes"].get("region")
        assert (found and sorted(found)) == expected


NAN = b'{"history": ["1"], "where": [{"attribute": "price", "max": NaN}]}'
LARGE = b'{"history": ["1"], "where": [{"attribute": "price", "equals": 1e999}]}'


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ([{"attribute": "prise", "max": 1}], "the attributes are price (number)"),
        ([{"attribute": "region", "max": 1}], "compares a set with min or max; give texts"),
        ([{"attribute": "price", "equals": "1"}], "compares a number with '1'"),
        ([{"attribute": "price"}] * 51, "at most 50 items"),
        ([{"attribute": "price", "any_of": [1] * 10_001}], "at most 10000 items"),
        ([{"attribute": "price", "any_of": [[[[1]]]]}], "send a number from -1e300"),
        ([{"attribute": "price", "any_of": 5}], "where.0.any_of"),
        ([{"attribute": "price", "min": 2, "max": 1}], "swap them"),
        ([{"attribute": "price", "min": 2, "equals": 1}], "several comparisons"),
        ([{"attribute": "price", "and": []}], "not permitted"),
        ([[{"attribute": "price"}]], "where.0"),
        ({"attribute": "price"}, "where"),
        ([{"attribute": "a" * 201}], "200 characters"),
    ],
)
def test_wrong_conditions_are_refused_with_a_sentence(unchanged, where, message):
    answer = unchanged.post("/v1/recommend", json={"history": ["1"], "where": where})
    assert answer.status_code in (404, 422)
    assert message in answer.json()["error"]["message"]
    assert answer.json()["error"]["message"].count(". ") == 0


@pytest.mark.parametrize(
    "body",
    [
        NAN, LARGE, NAN.replace(b"NaN", b"1" + b"0" * 400), NAN.replace(b"NaN", b"[" * 20_000),
        b'{"history": ["1"], "boosts": [{"where": [{"attribute": "price"}], "factor": NaN}]}',
        b'{"history": ["1"], "boosts": [{"where": [], "factor": 2}]}',
        b'{"history": ["1"], "boosts": [{"where": [{"attribute": "price"}], "factor": 0}]}',
    ],
)  # fmt: skip
def test_hostile_numbers_and_nesting_are_refused(unchanged, body):
    answer = unchanged.post(
        "/v1/recommend", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code in (400, 422), answer.text
    assert unchanged.get("/healthz").status_code == 200


def test_an_update_is_read_as_it_was_written_with_missing_values(tmp_path):
    cells = {"price": None, "stock": 0.0, "region": ["a\n"], "adult": False, "brand": "x"}
    change = Updated(items=[UpdatedItem(id="ä", attributes=cells)])
    ChangeJournal(tmp_path / "changes").append(change)
    assert ChangeJournal(tmp_path / "changes").new() == [change]


def test_many_updates_need_the_memory_of_the_newest_ones(client):
    for stock in range(50):
        change(client, **{"3": {"stock": stock}})
    versions = client.context.versions
    assert versions.known.values == {"3": {"stock": 49}}
    assert versions.known.changes == []


def test_what_was_computed_from_a_catalog_is_kept_by_an_update(client, history):
    recommend(client, history, explain=True)
    before = client.context.versions.current().recommender.catalog
    change(client, **{"3": {"stock": 0}})
    after = client.context.versions.current().recommender.catalog
    assert after is not before
    assert after.single_category is before.single_category
    assert after.attributes.column("price") is before.attributes.column("price")


def test_an_added_item_may_have_other_values_at_once(dataset):
    near = dataset.catalog.items.external([2])
    larger = untrained(dataset).with_items([NewItem(id="new", related_to=near)])
    changed = larger.with_attributes({"new": {"price": 2}, "nobody": {"price": 3}})
    assert changed.catalog.attributes.of_item(changed.catalog.size - 1)["price"] == 2


def test_lists_that_are_made_without_the_service_follow_its_changes(
    serve, artifact, dataset, tmp_path, capsys
):
    client, names = serve(), dataset.catalog.items.external(range(1, dataset.catalog.size))
    category = dataset.catalog.category_names[0]
    post(client, "/v1/items", items=[{"id": "n", "title": "New", "categories": [category]}])
    post(client, "/v1/items/hide", items=[*names[:9], "n"])
    post(client, "/v1/items/unhide", items=["n", names[8]])
    updated = [{"id": name, "attributes": {"stock": 0}} for name in names[9:18]]
    updated.append({"id": "n", "attributes": {"stock": 5}})
    assert client.patch("/v1/items/attributes", json={"items": updated}).status_code == 200
    histories = {"ann": names[20:25], "bob": names[:12], "new": []}
    pl.DataFrame({"user": list(histories), "history": list(histories.values())}).write_parquet(
        tmp_path / "histories.parquet"
    )
    changes = artifact.with_name(f"{artifact.name}.changes")
    before = changes.read_bytes()
    out = tmp_path / "lists.parquet"
    asked = ["recommend", artifact, "--where", "stock>0", "-k", 60, "--changes", changes]
    assert run(*asked, "--histories", tmp_path / "histories.parquet", "--out", out) == 0
    assert "4 changes, 8 items are hidden" in capsys.readouterr().err
    lists = pl.read_parquet(out)
    options = {"where": [{"attribute": "stock", "min": 1}], "k": 60, "explain": False}
    for user, history in histories.items():
        served = listed(post(client, "/v1/recommend", history=history, **options))
        assert lists.filter(user=user)["item"].to_list() == served
        assert not {*names[:8], *names[9:18]} & set(served)
    assert "n" in lists["item"].to_list()
    assert run(*asked, "--history", ",".join(histories["ann"]), "--json") == 0
    one = json.loads(capsys.readouterr().out)
    assert [item["id"] for item in one["items"]] == lists.filter(user="ann")["item"].to_list()
    assert changes.read_bytes() == before
    assert run(*asked[:-1], tmp_path / "no", "--history", "a") == 2
    assert "There is no file of changes at" in capsys.readouterr().err
