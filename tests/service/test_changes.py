"""The file of changes: what is written is followed, what is no change is said and not skipped."""

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


def test_every_kind_of_change_comes_back_as_it_was(path):
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
def test_a_change_that_was_cut_off_is_dropped_by_the_next_one(path, left):
    journal = Journal(path)
    journal.append(hide("a"))
    with path.open("ab") as file:
        file.write(left)
    assert journal.new() == [hide("a")]
    Journal(path).append(hide("b"))
    assert journal.new() == [hide("b")]
    assert [json.loads(line)["items"] for line in path.read_text().splitlines()] == [["a"], ["b"]]


def test_a_file_of_nothing_but_a_cut_off_change_begins_anew(path):
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
def test_a_file_that_is_not_the_one_read_is_read_from_its_beginning(path, happens, names):
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


@pytest.mark.parametrize("line", BAD)
def test_a_line_that_is_no_change_is_said_until_it_is_gone(serve, artifact, history, line, caplog):
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
    told = client.post("/v1/recommend", json={"history": history, "k": 40}).json()["items"]
    assert top not in [item["id"] for item in told]


def test_a_file_that_cannot_be_read_is_said_in_a_sentence(serve, artifact, tmp_path):
    with pytest.raises(StoreError, match="cannot be read"):
        serve(places=ServePaths(artifact=artifact, changes=tmp_path))


def test_a_change_after_the_file_was_removed_applies(client, history):
    def listed():
        answer = client.post("/v1/recommend", json={"history": history, "k": 40}).json()
        return [item["id"] for item in answer["items"]]

    first, second, third = listed()[:3]
    client.post("/v1/items/hide", json={"items": [first, second, "zzz"]})
    client.context.versions.journal.path.unlink()
    client.post("/v1/items/hide", json={"items": [third]})
    assert listed()[:2] == [first, second]  # what the file no longer says is no longer so
    assert third not in listed()
    client.context.versions.journal.path.unlink()
    assert listed()[:3] == [first, second, third]


def test_that_a_file_began_anew_is_told_once_it_can_be_read(path):
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


def test_what_was_acknowledged_under_wider_bounds_is_a_change_yet(path):
    path.write_text('{"kind": "hide", "items": ["' + "日" * 400 + '"]}\n')
    assert Journal(path).new() == [hide("日" * 400)]
