"""Test the file of changes: changes are applied, and invalid lines are reported, not skipped."""

import json

import pytest

from prismrec.errors import StoreError
from prismrec.service.changes import BLOCK, Added, AddedItem, Journal, Marked, Reloaded
from prismrec.service.settings import ServePaths


def hide(*names):
    return Marked(kind="hide", items=list(names))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "changes"


def test_every_kind_of_change_is_read_as_it_was_written(path):
    changes = [
        hide("ä\n", "b"),
        Marked(kind="unhide", items=["b"]),
        Added(items=[AddedItem(id="n", categories=["c"]), AddedItem(id="m", title="M")]),
        Reloaded(artifact="3f9a", id="x"),
    ]
    journal = Journal(path)
    for change in changes:
        journal.append(change)
    assert journal.new() == Journal(path).new() == changes
    assert journal.new() == []


@pytest.mark.parametrize("left", [b'{"kind": "hide", "ite', b"x" * 3 * BLOCK])
def test_the_next_change_replaces_an_incomplete_one(path, left):
    journal = Journal(path)
    journal.append(hide("a"))
    with path.open("ab") as file:
        file.write(left)
    assert journal.new() == [hide("a")]
    Journal(path).append(hide("b"))
    assert journal.new() == [hide("b")]
    assert [json.loads(line)["items"] for line in path.read_text().splitlines()] == [["a"], ["b"]]


def test_a_file_with_only_an_incomplete_change_is_started_again(path):
    path.write_bytes(b"x" * 2 * BLOCK)
    Journal(path).append(hide("a"))
    assert Journal(path).new() == [hide("a")]


def removed(path):
    path.unlink()


def cut(path):
    path.write_bytes(b"")


def exchanged(path):
    path.unlink()
    path.write_bytes(b"")


def rewritten(path):
    Journal(path.with_name("other")).append(hide("much longer " * 20, "than before"))
    path.write_bytes(path.with_name("other").read_bytes())


@pytest.mark.parametrize("happens", [removed, cut, exchanged, rewritten])
@pytest.mark.parametrize("names", [("b",), ("b" * 500,)])
def test_a_replaced_file_is_read_from_its_beginning(path, happens, names):
    journal = Journal(path)
    journal.append(hide("a", "a", "a"))
    journal.new()
    happens(path)
    journal.append(hide(*names))
    assert journal.new()[-1] == hide(*names)


BAD = [
    "garbage",
    "[]",
    '{"kind": "paint", "items": ["a"]}',
    '{"kind": "hide", "items": null}',
    '{"kind": "hide", "items": "33"}',
    '{"kind": "hide", "items": [5]}',
    '{"kind": "add", "items": [{"title": "no id"}]}',
    '{"kind": "add", "items": [{"id": "n", "colour": "red"}]}',
]


@pytest.mark.slow
@pytest.mark.parametrize("line", BAD)
def test_an_invalid_line_is_reported_until_it_is_removed(serve, artifact, history, line, caplog):
    client = serve()
    top = client.post("/v1/recommend", json={"history": history, "k": 1}).json()["items"][0]["id"]
    path = client.context.versions.journal.path
    path.write_text(line + "\n")
    for _ in range(2):
        answer = client.post("/v1/recommend", json={"history": history})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["error"]["kind"] == "store_unavailable"
        assert str(path.parent) not in answer.text
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200
    assert any(str(path) in record.fields["reason"] for record in caplog.records)
    with pytest.raises(StoreError, match="no change"):
        serve()
    path.write_text(hide(top).model_dump_json() + "\n")
    assert client.get("/readyz").status_code == 200
    items = client.post("/v1/recommend", json={"history": history, "k": 40}).json()["items"]
    assert top not in [item["id"] for item in items]


def test_an_unreadable_file_is_a_clear_error(serve, artifact, tmp_path):
    with pytest.raises(StoreError, match="cannot be read"):
        serve(places=ServePaths(artifact=artifact, changes=tmp_path))


def test_a_change_applies_after_the_file_was_removed(client, history):
    def listed():
        answer = client.post("/v1/recommend", json={"history": history, "k": 40}).json()
        return [item["id"] for item in answer["items"]]

    first, second, third = listed()[:3]
    client.post("/v1/items/hide", json={"items": [first, second, "zzz"]})
    client.context.versions.journal.path.unlink()
    client.post("/v1/items/hide", json={"items": [third]})
    assert listed()[:2] == [first, second]  # changes in the deleted file no longer apply
    assert third not in listed()
    client.context.versions.journal.path.unlink()
    assert listed()[:3] == [first, second, third]


def test_a_restarted_file_is_reported_when_it_can_be_read(path):
    journal = Journal(path)
    journal.append(hide("a"))
    assert (journal.new(), journal.restarted) == ([hide("a")], False)
    path.write_text("no change\n")
    with pytest.raises(StoreError):
        journal.new()
    path.unlink()
    journal.append(hide("b"))
    assert (journal.new(), journal.restarted) == ([hide("b")], True)
    assert (journal.new(), journal.restarted) == ([], False)


def test_a_change_that_was_accepted_under_larger_limits_is_still_read(path):
    path.write_text('{"kind": "hide", "items": ["' + "日" * 400 + '"]}\n')
    assert Journal(path).new() == [hide("日" * 400)]
