"""Test the file of changes: changes are applied, and invalid lines are reported, not skipped."""

import fcntl
import json
import threading
import time
from unittest import mock

import pytest

from prismrec.errors import StoreError
from prismrec.recommend import NewItem
from prismrec.recommend.artifact import load, save
from prismrec.service import changes
from prismrec.service.applied_changes import SavedChanges
from prismrec.service.changes import (
    BLOCK,
    LONG,
    Added,
    AddedItem,
    ChangeJournal,
    Marked,
    Reloaded,
    Updated,
    UpdatedItem,
)
from prismrec.service.loaded_artifact import LoadedArtifact
from prismrec.service.settings import ServePaths
from service.clients import kind_of, post
from worlds import untrained


def hide(*names):
    return Marked(kind="hide", items=list(names))


def unhide(*names):
    return Marked(kind="unhide", items=list(names))


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
    journal = ChangeJournal(path)
    for change in changes:
        journal.append(change)
    assert journal.new() == ChangeJournal(path).new() == changes
    assert journal.new() == []


@pytest.mark.parametrize("left", [b'{"kind": "hide", "ite', b"x" * 3 * BLOCK])
def test_the_next_change_replaces_an_incomplete_one(path, left):
    journal = ChangeJournal(path)
    journal.append(hide("a"))
    with path.open("ab") as file:
        file.write(left)
    assert journal.new() == [hide("a")]
    ChangeJournal(path).append(hide("b"))
    assert journal.new() == [hide("b")]
    assert [json.loads(line)["items"] for line in path.read_text().splitlines()] == [["a"], ["b"]]


def test_a_file_with_only_an_incomplete_change_is_started_again(path):
    path.write_bytes(b"x" * 2 * BLOCK)
    ChangeJournal(path).append(hide("a"))
    assert ChangeJournal(path).new() == [hide("a")]


def removed(path):
    path.unlink()


def cut(path):
    path.write_bytes(b"")


def exchanged(path):
    path.unlink()
    path.write_bytes(b"")


def rewritten(path):
    ChangeJournal(path.with_name("other")).append(hide("much longer " * 20, "than before"))
    path.write_bytes(path.with_name("other").read_bytes())


@pytest.mark.parametrize("happens", [removed, cut, exchanged, rewritten])
@pytest.mark.parametrize("names", [("b",), ("b" * 500,)])
def test_a_replaced_file_is_read_from_its_beginning(path, happens, names):
    journal = ChangeJournal(path)
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
    assert any(str(path) in record.fields.get("reason", "") for record in caplog.records)
    with pytest.raises(StoreError, match="no change"):
        serve()
    path.write_text(hide(top).model_dump_json() + "\n")
    assert client.get("/readyz").status_code == 200
    items = client.post("/v1/recommend", json={"history": history, "k": 40}).json()["items"]
    assert top not in [item["id"] for item in items]


def test_an_unreadable_file_is_a_clear_error(serve, artifact, tmp_path):
    with pytest.raises(StoreError, match="cannot be read"):
        serve(places=ServePaths(artifact=artifact, changes=tmp_path))


@pytest.mark.slow
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
    journal = ChangeJournal(path)
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
    assert ChangeJournal(path).new() == [hide("日" * 400)]


def stock(number, item="a"):
    return Updated(
        items=[UpdatedItem(id=item, attributes={"stock": number, f"x{number % 2}": "y"})]
    )


def written_all_day(path, *, others=()):
    """Write a file of changes of 1.5 times the length from which it is shortened."""
    journal = ChangeJournal(path)
    text = "".join(stock(n, f"i{n % 5}").model_dump_json() + "\n" for n in range(LONG // 40))
    path.write_text(text[: text.rindex("\n", 0, 3 * LONG // 2) + 1])
    for change in others:
        journal.append(change)
    return journal


@pytest.mark.slow
def test_a_long_file_is_rewritten_with_the_newest_values_and_marks_and_all_new_items(path):
    others = [
        hide("b"), Added(items=[AddedItem(id="n", categories=["c"])]),
        Reloaded(artifact="1", id="x"), stock(7, "i0"), hide("c"), Reloaded(artifact="2", id="y"),
        unhide("b"), unhide("a"), hide("b"),
    ]  # fmt: skip
    reader = written_all_day(path, others=others)
    path.chmod(0o640)
    newest = {}
    for change in reader.new():
        if isinstance(change, Updated):
            newest.setdefault(change.items[0].id, {}).update(change.items[0].attributes)
    with path.open("ab") as file:
        file.write(b'{"kind": "hide", "ite')  # cut off by a crash
    ChangeJournal(path).shorten()
    assert path.stat().st_size < 2_000
    assert path.stat().st_mode & 0o777 == 0o640
    found = reader.new()
    assert reader.restarted
    assert found[:-1] == [others[5], others[1], hide("b", "c"), unhide("a")]
    assert {item.id: item.attributes for item in found[-1].items} == newest
    assert newest["i0"]["stock"] == 7
    reader.append(hide("d"))  # not to the file that was replaced
    assert ChangeJournal(path).new() == [*found, hide("d")]


@pytest.mark.slow
def test_a_file_that_is_short_or_would_stay_long_is_not_rewritten(path):
    ChangeJournal(path).shorten()
    assert not path.exists()
    ChangeJournal(path).append(stock(1))
    ChangeJournal(path).append(stock(2))
    short = path.read_bytes()
    ChangeJournal(path).shorten()
    assert path.read_bytes() == short
    with path.open("w") as file:
        file.writelines(stock(n, f"i{n}").model_dump_json() + "\n" for n in range(LONG // 60))
    before = path.stat()
    assert before.st_size > LONG
    ChangeJournal(path).shorten()
    assert path.stat().st_ino == before.st_ino


def test_changes_that_are_written_while_a_file_is_shortened_are_not_lost(path, monkeypatch):
    names, filler = [f"w{n}" for n in range(100)], stock(3).model_dump_json() + "\n"
    monkeypatch.setattr(changes, "LONG", 200 * len(filler))  # more than twice what is kept

    def write():
        for name in names:
            ChangeJournal(path).append(hide(name))

    writer, rounds = threading.Thread(target=write), 0
    writer.start()
    while writer.is_alive() or rounds < 10:
        ChangeJournal(path).shorten()
        with path.open("ab") as file:  # long again
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(filler.encode() * 200)
        time.sleep(1e-3)  # a lock is not fair: without a rest the writer may wait for a minute
        rounds += 1
        assert path.stat().st_size < 2 * changes.LONG  # it was shortened in each round
    writer.join()
    marked = [one for one in ChangeJournal(path).new() if isinstance(one, Marked)]
    assert sorted(name for one in marked for name in one.items) == sorted(names)


@pytest.mark.slow
def test_a_service_starts_with_a_long_file_that_cannot_be_replaced(path, serve, artifact, caplog):
    written_all_day(path, others=[hide("b")])
    with mock.patch("prismrec.service.changes.atomic_file", side_effect=OSError(16, "busy")):
        client = serve(places=ServePaths(artifact=artifact, changes=path))
    assert "was not shortened" in caplog.text
    assert client.context.versions.known.changes == [hide("b")]


@pytest.mark.slow
def test_a_service_that_reads_a_shortened_file_does_not_reload_again(path, serve, artifact):
    written_all_day(path, others=[Reloaded(artifact="1", id="x")])
    with mock.patch("prismrec.service.changes.LONG", 1 << 30):
        client = serve(places=ServePaths(artifact=artifact, changes=path))
    versions = client.context.versions
    ChangeJournal(path).shorten()
    with mock.patch.object(versions, "_follow_reload") as reload:
        assert versions.current()
        assert versions.journal.restarted
        assert not reload.called
        ChangeJournal(path).append(Reloaded(artifact="2", id="y"))
        assert versions.current()
        assert reload.called


@pytest.mark.slow
def test_answers_do_not_wait_until_a_reload_has_applied_the_changes(client, history, monkeypatch):
    post(client, "/v1/items", items=[{"id": "n", "related_to": history[:1]}])
    change, begun, go = LoadedArtifact.changed, threading.Event(), threading.Event()

    def slowly(self, changes):
        if threading.current_thread() is reload:
            begun.set()
            go.wait(10)
        return change(self, changes)

    monkeypatch.setattr(LoadedArtifact, "changed", slowly)
    versions = client.context.versions
    reload = threading.Thread(target=versions.reload)
    reload.start()
    assert begun.wait(10)
    post(client, "/v1/items/hide", items=history[:1])
    post(client, "/v1/items", items=[{"id": "m", "related_to": ["n"]}])
    before = versions.current()
    monkeypatch.undo()
    go.set()
    reload.join()
    after = versions.current()
    assert after.copy is not before.copy
    for served in (before, after):
        assert served.recommender.catalog.items.index_known(["n", "m"]).size == 2
        assert len(served.recommender.hidden) == 1


def applied_while_read(versions):
    """Return the changes that are applied to the artifact when the file is read now."""
    found, change = [], LoadedArtifact.changed

    def noted(self, changes):
        found.extend(changes)
        return change(self, changes)

    with mock.patch.object(LoadedArtifact, "changed", noted):
        versions.current()
    return found


@pytest.mark.slow
def test_only_what_is_new_in_a_shortened_file_is_applied(path, serve, artifact):
    written_all_day(path, others=[hide("b"), Reloaded(artifact="1", id="x"), hide("c")])
    with mock.patch("prismrec.service.changes.LONG", 1 << 30):
        versions = serve(places=ServePaths(artifact=artifact, changes=path)).context.versions
    ChangeJournal(path).shorten()
    ChangeJournal(path).append(hide("d"))
    assert applied_while_read(versions) == [hide("d")]
    assert versions.known.changes == [hide("b", "c", "d")]
    path.write_bytes(b"")
    ChangeJournal(path).append(hide("c"))
    assert applied_while_read(versions) == [hide("c")]
    assert versions.known.changes == [hide("c")]
    assert versions.known.values == {}


@pytest.mark.slow
def test_an_item_that_is_hidden_and_unhidden_all_day_needs_no_memory(path, serve, artifact):
    """A shop hides what is sold out; a start after weeks must not apply each of these changes."""
    ids = load(artifact).catalog.items.external([1, 2, 3])
    for turn in range(1_000):
        mark = (hide, unhide)[turn % 2]
        with path.open("a") as file:
            file.write(mark(ids[turn % 3], "unknown").model_dump_json() + "\n")
    versions = serve(places=ServePaths(artifact=artifact, changes=path)).context.versions
    unhidden = sorted([ids[0], ids[1], "unknown"])
    assert versions.known.changes == [hide(ids[2]), unhide(*unhidden)]
    ChangeJournal(path).append(hide("unknown"))
    assert applied_while_read(versions) == [hide("unknown")]


@pytest.mark.slow
def test_a_reload_that_cannot_be_written_changes_nothing(serve, artifact, dataset, tmp_path):
    client = serve(places=ServePaths(artifact=artifact, changes=tmp_path / "no" / "changes"))
    before = client.get("/v1/artifact").json()["artifact"]
    save(untrained(dataset, interests=1), artifact)
    refused = client.post("/v1/admin/reload")
    assert (refused.status_code, kind_of(refused)) == (503, "store_unavailable")
    assert client.get("/v1/artifact").json()["artifact"] == before
    assert 'prismrec_reloads_total{end="refused"} 1.0' in client.get("/metrics").text
    (tmp_path / "no").mkdir()
    assert client.post("/v1/admin/reload").json()["was"] == before
    assert client.get("/v1/artifact").json()["artifact"] != before


@pytest.mark.slow
def test_a_reload_reports_the_artifact_of_the_last_reload_of_any_process(serve, artifact, dataset):
    busy, idle = serve(), serve()
    names = [idle.get("/v1/artifact").json()["artifact"]]
    for interests, client in ((1, busy), (2, busy), (3, idle), (1, busy)):
        save(untrained(dataset, interests=interests), artifact)
        done = client.post("/v1/admin/reload").json()
        assert done["was"] == names[-1]
        names.append(done["artifact"])
    assert len(set(names)) == 4
    assert idle.get("/readyz").is_success
    assert serve().post("/v1/admin/reload").json()["was"] == names[-1]


@pytest.mark.slow
def test_an_id_that_was_hidden_before_its_item_stays_hidden(path, serve, artifact, history):
    first, second = (serve(places=ServePaths(artifact=artifact, changes=path)) for _ in range(2))

    def change(how, *names):
        assert first.post(f"/v1/items/{how}", json={"items": names}).status_code == 200

    def added(name):
        items = [{"id": name, "related_to": [history[0]]}]
        assert first.post("/v1/items", json={"items": items}).status_code == 200

    change("hide", "new", "other")
    change("unhide", "other")
    for name in ("new", "other", "new"):
        added(name)
    third = serve(places=ServePaths(artifact=artifact, changes=path))
    for client in (first, second, third):
        found = client.get("/v1/items?id=new&id=other").json()["items"]
        assert [item["hidden"] for item in found] == [True, False]
    recommender = SavedChanges.read(path).apply(load(artifact))
    assert recommender.catalog.items.external(recommender.hidden) == ["new"]
    change("unhide", "new")
    assert not third.get("/v1/items?id=new").json()["items"][0]["hidden"]


@pytest.mark.slow
def test_an_artifact_describes_an_item_that_was_added_before_it_had_it(
    serve, artifact, dataset, history
):
    first, second = dataset.catalog.category_names[:2]
    client = serve()

    def described(client):
        items = client.get("/v1/items", params={"id": ["n", history[0]]}).json()["items"]
        return [(item["title"], item["categories"]) for item in items]

    added = {"id": "n", "title": "Added", "categories": [first]}
    post(client, "/v1/items", items=[added, {"id": history[0], "title": "Edited"}])
    post(client, "/v1/items", items=[{"id": "n", "title": "Added, edited"}])
    post(client, "/v1/items/hide", items=["n"])
    edited = described(client)[1]
    assert described(client) == [("Added, edited", [first]), edited]
    trained = load(artifact).with_items([NewItem(id="n", title="Trained", categories=[second])])
    save(trained, artifact)
    assert client.post("/v1/admin/reload").status_code == 200
    for same in (client, serve()):
        assert described(same) == [("Trained", [second]), edited]
    assert edited[0] == "Edited"
    post(client, "/v1/items", items=[{"id": "n", "title": "Edited later"}])
    assert client.post("/v1/admin/reload").status_code == 200
    for same in (client, serve()):
        assert described(same) == [("Edited later", [second]), edited]
        assert same.get("/v1/items", params={"id": "n"}).json()["items"][0]["hidden"]


def test_a_service_without_a_place_for_changes_answers_with_a_warning(serve, artifact, caplog):
    fault = "this user may not write there"
    with mock.patch("prismrec.service.versions.write_fault", return_value=fault):
        client = serve(places=ServePaths(artifact=artifact))
    assert "changes and reloads cannot be written" in caplog.text
    assert client.get("/readyz").is_success


def test_a_line_of_an_edit_can_be_read_by_an_earlier_version(path):
    ChangeJournal(path).append(Added(items=[AddedItem(id="a", categories=["tea"])]))
    ChangeJournal(path).append(Added(items=[AddedItem(id="b", categories=["tea"], new=True)]))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert ["new" in line["items"][0] for line in lines] == [False, True]
    assert [one.items[0].new for one in ChangeJournal(path).new()] == [None, True]
