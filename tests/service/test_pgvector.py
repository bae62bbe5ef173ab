"""Test artifacts whose vectors are in PostgreSQL: served, replaced, rolled back and removed."""

import json
import os
import shutil
import signal
from datetime import UTC, datetime, timedelta
from unittest import mock

import numpy as np
import pytest

from commands import run
from postgres import postgres_by_default
from prismrec.errors import DataError
from prismrec.recommend.artifact import load, save
from prismrec.recommend.build import build_recommender
from prismrec.recommend.publish import publish, rollback, versions_in
from prismrec.recommend.tables import TableUse, table_uses
from prismrec.retrieval import Table, saved_tables
from prismrec.retrieval.index import pgvector
from prismrec.retrieval.index.pgvector import Pgvector
from prismrec.service.app import _try_reload
from prismrec.service.extensions import Extensions
from prismrec.service.metrics import Metrics
from prismrec.service.settings import ServePaths
from prismrec.service.versions import Versions
from worlds import ids, untrained

psycopg = pytest.importorskip("psycopg", reason="pip install 'prismrec[stores]'")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server():
    with postgres_by_default() as url:
        yield url


@pytest.fixture
def connection(server):
    """Connect to the server; at the end, all tables are removed."""
    with psycopg.connect(server, autocommit=True) as opened:
        yield opened
        opened.execute("DROP SCHEMA public CASCADE")
        opened.execute("CREATE SCHEMA public")


@pytest.fixture
def build(dataset, connection, tmp_path):
    """Return a function that builds an artifact with its own vectors; it returns the folder."""

    def make(number, index="pgvector"):
        model = untrained(dataset, interests=number).model
        histories = [dataset.histories[user] for user in range(20)]
        recommender, _ = build_recommender(model, dataset.catalog, histories, index=index)
        save(recommender, tmp_path / f"artifact-{number}", about={"number": number})
        return tmp_path / f"artifact-{number}"

    return make


def publish_only(artifact, versions, **options):
    """Publish an artifact and remove it, so that only the version uses its tables."""
    switch = publish(artifact, versions, **options)
    shutil.rmtree(artifact)
    return switch


def tables(connection):
    """Return the names of all tables of the server."""
    rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {name for (name,) in rows}


def table_of(artifact):
    """Return the only table of an artifact."""
    (table,) = saved_tables(artifact / "index")
    return table.name


def rows_of(connection, table):
    return connection.execute(f"TABLE {table} ORDER BY id").fetchall()


def listed(client, history, **more):
    """Return the name of the artifact that answers, and the ids of its list."""
    answer = client.post("/v1/recommend", json={"history": history, "k": 12, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()["artifact"], [item["id"] for item in answer.json()["items"]]


def test_a_service_searches_its_own_table_and_keeps_changes_after_reload_and_rollback(
    build, connection, serve, dataset, tmp_path
):
    history, versions = ids(dataset, 0), tmp_path / "versions"
    publish(build(1), versions)
    first = table_of(versions / "current")
    client = serve(places=ServePaths(artifact=versions / "current"))
    name, before = listed(client, history)
    added = {"id": "new", "related_to": [before[0]]}
    assert client.post("/v1/items", json={"items": [added]}).status_code == 200
    assert client.post("/v1/items/hide", json={"items": [before[1]]}).status_code == 200
    rows = rows_of(connection, first)
    assert len(rows) == dataset.catalog.size - 1

    publish(build(2), versions)
    second = table_of(versions / "current")
    assert tables(connection) == {first, second}
    same, during = listed(client, history)
    assert (same, "new" in during, before[1] in during) == (name, True, False)

    assert client.post("/v1/admin/reload").status_code == 200
    other, after = listed(client, history, exclude_seen=False)
    assert other != name
    assert "new" in listed(client, ["new"], exclude_seen=False)[1]
    assert before[1] not in after
    client.post("/v1/items", json={"items": [{"id": "newer", "related_to": ["new"]}]})
    assert rows_of(connection, first) == rows, "the table of the first artifact is not changed"

    rollback(versions)
    assert client.post("/v1/admin/reload").status_code == 200
    back, final = listed(client, history)
    assert (back, {"new", "newer"} < {*final}) == (name, True)
    assert [item for item in final if item != "newer"] == during[: len(final) - 1]
    assert "newer" in listed(client, ["newer"], exclude_seen=False)[1]
    assert rows_of(connection, first) == rows


DAMAGE = {
    "contains 39 items": "DELETE FROM {} WHERE id = 1",
    "fingerprints differ": "COMMENT ON TABLE {} IS '{{}}'",
    "contains 7 numbers per vector": "ALTER TABLE {} ALTER vector TYPE vector(7)"
    " USING subvector(vector, 1, 7)",
    "no such table of vectors": "DROP TABLE {}",
}


@pytest.mark.parametrize("reason", DAMAGE)
def test_another_content_of_the_table_is_refused_at_the_start_and_at_each_reload(
    build, connection, serve, tmp_path, capsys, reason
):
    first, second = build(1), build(2)
    publish(first, tmp_path / "versions")
    publish(second, tmp_path / "versions")
    for table in (table_of(second), table_of(first)):
        connection.execute(f"DROP INDEX {table}_vector_idx")
    paths = ServePaths(artifact=second)
    client = serve(places=ServePaths(artifact=first))
    name = client.get("/v1/artifact").json()["artifact"]
    connection.execute(DAMAGE[reason].format(table_of(second)))
    with pytest.raises(DataError, match=reason):
        load(second)
    with pytest.raises(DataError, match=reason):
        Versions(paths, Metrics(), Extensions())
    client.context.versions.paths = paths
    assert client.post("/v1/admin/reload").status_code == 409
    assert client.get("/v1/artifact").json()["artifact"] == name
    assert run("serve", second, "--port", 0, "--store", "memory:") == 2
    assert run("publish", second, "--to", tmp_path / "other") == 2
    assert not (tmp_path / "other").exists()
    errors = [line for line in capsys.readouterr().err.splitlines() if line[:7] == "error: "]
    assert [reason in line for line in errors] == [True, True]
    connection.execute(DAMAGE[reason].format(table_of(first)))
    with pytest.raises(DataError, match=reason):
        rollback(tmp_path / "versions")
    assert (tmp_path / "versions" / "current").resolve().name.startswith("000002")


def test_a_refused_reload_at_sighup_changes_nothing_and_a_lost_table_is_503(
    build, connection, serve, dataset, caplog, tmp_path
):
    first, second = build(1), build(2)
    publish(first, tmp_path / "versions")
    client = serve(places=ServePaths(artifact=tmp_path / "versions" / "current"))
    before = listed(client, ids(dataset, 0))
    publish(second, tmp_path / "versions")
    connection.execute(DAMAGE["contains 39 items"].format(table_of(second)))
    _try_reload(client.context.versions)  # SIGHUP calls this
    (logged,) = (record.fields["reason"] for record in caplog.records if "reload" in record.message)
    assert logged == (
        f"The table {table_of(second)} contains 39 items, but the index was saved with 40; build "
        "the index again, or restore the table."
    )
    assert listed(client, ids(dataset, 0)) == before
    connection.execute(DAMAGE["no such table of vectors"].format(table_of(first)))
    refused = client.post("/v1/recommend", json={"history": ids(dataset, 0)})
    assert (refused.status_code, refused.json()["error"]["kind"]) == (503, "store_unavailable")
    assert "prismrec_items" not in refused.text
    assert client.get("/readyz").status_code == 503


def build_until_killed():
    """Begin to build an index; the process is killed while it writes the rows."""
    text, left = pgvector._text, [100]

    def killed(vector):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return text(vector)

    pgvector._text = killed
    Pgvector.build(np.ones((300, 8), dtype=np.float32), np.arange(1, 301))


def test_a_build_that_is_killed_leaves_no_table(connection):
    child = os.fork()
    if not child:
        try:
            build_until_killed()
        finally:
            os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert tables(connection) == set()
    Pgvector.build(np.ones((300, 8), dtype=np.float32), np.arange(1, 301))
    assert len(tables(connection)) == 1


def test_equal_vectors_share_a_table_that_is_not_built_again(connection):
    vectors = np.random.default_rng(0).standard_normal((30, 8)).astype(np.float32)
    numbers = np.arange(1, 31)
    order = np.random.default_rng(1).permutation(30)
    one = Pgvector.build(vectors, numbers)
    built = connection.execute("SELECT oid FROM pg_class WHERE relname = %s", [one.table])
    built = built.fetchone()
    same = Pgvector.build(vectors[order], numbers[order])
    again = connection.execute("SELECT oid FROM pg_class WHERE relname = %s", [one.table])
    assert (same.table, again.fetchone()) == (one.table, built)
    others = [
        Pgvector.build(vectors[:, :7], numbers),
        Pgvector.build(vectors + 1, numbers),
        Pgvector.build(vectors, numbers + 1),
    ]
    assert len({one.table, *(other.table for other in others)}) == 4
    connection.execute(DAMAGE["contains 39 items"].format(one.table))
    assert len(Pgvector.build(vectors, numbers)) == 30


def test_an_artifact_with_the_fixed_table_of_earlier_versions_loads(
    build, connection, dataset, tmp_path
):
    artifact = build(1)
    expected = load(artifact)
    connection.execute(f"ALTER TABLE {table_of(artifact)} RENAME TO prismrec_items")
    connection.execute("COMMENT ON TABLE prismrec_items IS NULL")
    header = artifact / "index" / "index.json"
    value = json.loads(header.read_text())
    value["settings"] = {"url": "", "table": "prismrec_items", "search_budget": 100, "items": 40}
    header.write_text(json.dumps(value))
    index = Pgvector("", "prismrec_items", 100)
    model, catalog = expected.model, expected.catalog
    save(type(expected)(model, index, catalog), tmp_path / "earlier")
    saved = json.loads((tmp_path / "earlier" / "index" / "index.json").read_text())
    assert saved["settings"] == value["settings"] | {"width": 8}
    found = load(tmp_path / "earlier").recommend(ids(dataset, 0), 8)
    assert [item.id for item in found] == [
        item.id for item in type(expected)(model, index, catalog).recommend(ids(dataset, 0), 8)
    ]
    assert not saved_tables(tmp_path / "earlier" / "index")
    publish(tmp_path / "earlier", tmp_path / "versions", keep=2)
    for number in (2, 3, 4):
        publish_only(build(number), tmp_path / "versions", keep=2)
    assert "prismrec_items" in tables(connection), "nobody knows who uses it"
    assert len(tables(connection)) == 3


def test_the_table_of_a_version_is_removed_with_it_unless_a_kept_version_uses_it(
    build, connection, tmp_path
):
    versions = tmp_path / "versions"
    artifacts = [build(number) for number in (1, 2, 3)]
    names = [table_of(artifact) for artifact in artifacts]
    publish_only(artifacts[0], versions, keep=2)
    publish_only(artifacts[1], versions, keep=2)
    assert publish(artifacts[2], versions, keep=2).removed_tables == (names[0],)
    assert tables(connection) == set(names[1:])
    # Versions of different manifests, but of the same vectors, share a table.
    save(load(artifacts[2]), tmp_path / "same", about={"number": 9})
    switch = publish(tmp_path / "same", versions, keep=2)
    assert (switch.removed_tables, table_of(versions / "current")) == ((names[1],), names[2])
    names.append(table_of(build(4)))
    assert publish_only(tmp_path / "artifact-4", versions, keep=2).removed_tables == ()
    assert tables(connection) == set(names[2:])
    rollback(versions)  # the next publish removes the version that was switched off
    assert publish(build(1), versions, keep=2).removed_tables == (names[3],)
    assert tables(connection) == {names[0], names[2]}


def test_a_table_of_another_artifact_is_kept_when_its_version_is_removed(
    build, connection, dataset, tmp_path, capsys
):
    versions, artifact = tmp_path / "versions", build(1)
    name = table_of(artifact)
    single = load(artifact).with_forming(None)  # as OUT-k1 of a training
    save(single, tmp_path / "artifact-1-k1")
    for number in (2, 3):
        build(number, index="exact")
    publish(artifact, versions, keep=2)
    publish(tmp_path / "artifact-2", versions, keep=2)
    assert run("publish", tmp_path / "artifact-3", "--to", versions, "--keep", 2) == 0
    assert f"kept      the table {name}, which another artifact uses" in capsys.readouterr().out
    assert tables(connection) == {name}
    assert load(tmp_path / "artifact-1-k1").recommend(ids(dataset, 0), 8)
    assert len(versions_in(versions)) == 2
    assert not list(versions.glob(".removed-*"))


def test_a_table_of_two_folders_is_removed_with_the_last_version(build, connection, tmp_path):
    artifact, name = build(1), table_of(build(1))
    publish(artifact, tmp_path / "one", keep=2)
    publish_only(artifact, tmp_path / "other", keep=2)
    for folder, expected in (("one", ((), (name,))), ("other", ((name,), ()))):
        publish(build(2, index="exact"), tmp_path / folder, keep=2)
        switch = publish(build(3, index="exact"), tmp_path / folder, keep=2)
        assert (switch.removed_tables, switch.used_tables) == expected
    assert tables(connection) == set()


def test_tables_that_cannot_be_removed_are_removed_by_the_next_publish(
    build, connection, tmp_path, capsys
):
    versions = tmp_path / "versions"
    artifacts = [build(number) for number in (1, 2, 3, 4)]
    names = [table_of(artifact) for artifact in artifacts]
    exact = build(5, index="exact")
    for artifact in artifacts[:2]:
        publish_only(artifact, versions, keep=2)
    with mock.patch.dict("os.environ", PGHOST="/nowhere"):
        switch = publish(exact, versions, keep=2)
        assert run("publish", exact, "--to", versions, "--keep", 2) == 0
    assert (switch.removed_tables, names[0] in tables(connection)) == ((), True)
    assert "could not be used" in switch.left
    assert "left      tables of removed versions" in capsys.readouterr().out
    assert (versions / "current").resolve().name == switch.current
    switch = publish_only(artifacts[2], versions, keep=2)
    assert (switch.removed_tables, switch.left) == ((names[0], names[1]), None)
    assert not [path for path in versions.iterdir() if path.name.startswith(".")]
    publish_only(artifacts[3], versions, keep=2)
    assert run("publish", exact, "--to", versions, "--keep", 2, "--keep-tables") == 0
    assert tables(connection) == {names[2], names[3]}, "names[2] is kept for others"


def test_a_table_that_prismrec_did_not_build_is_not_removed(build, connection, tmp_path):
    versions = tmp_path / "versions"
    for number in (1, 2):
        publish(build(number), versions, keep=2)
    name = table_of(tmp_path / "artifact-1")
    connection.execute(f"COMMENT ON TABLE {name} IS 'mine'")
    switch = publish(build(3), versions, keep=2)
    assert switch.left.startswith(f"The table {name} was to be removed, but prismrec did not build")
    assert name in tables(connection)


def test_a_divided_index_has_a_table_per_shard(build, connection, dataset, tmp_path):
    artifact = build(1, index="pgvector/3")
    assert len(saved_tables(artifact / "index")) == 3 == len(tables(connection))
    divided, whole = load(artifact), load(build(2, index="exact"))
    assert divided.index.ids.tolist() == whole.index.ids.tolist()
    with_item = divided.with_items([])
    assert with_item.recommend(ids(dataset, 0), 8)
    for number in (2, 3):
        publish(build(number, index="exact"), tmp_path / "versions", keep=2)
    publish_only(artifact, tmp_path / "versions", keep=2)
    for number in (2, 3):
        publish(build(number, index="exact"), tmp_path / "versions", keep=2)
    assert tables(connection) == set()


def test_the_command_lists_tables_and_removes_those_that_no_artifact_uses(
    build, connection, tmp_path, capsys
):
    publish(build(1), tmp_path / "versions")
    used = {table_of(build(1)), table_of(build(2)), table_of(build(5))}
    unused = table_of(build(3))
    shutil.rmtree(tmp_path / "artifact-3")
    folders = [tmp_path / "versions", tmp_path / "artifact-2"]
    assert run("tables", *folders, "--json") == 0
    found = {one["table"]: one for one in json.loads(capsys.readouterr().out)["tables"]}
    assert found.keys() == used | {unused}
    assert [name for name, one in found.items() if not one["artifacts"]] == [unused]
    assert found[unused]["items"] == 40
    # The artifact was not named, but its place is in the comment of the table.
    other = found[table_of(tmp_path / "artifact-5")]
    assert other["artifacts"] == [str(tmp_path / "artifact-5")]
    assert run("tables", *folders, "--remove") == 0
    assert unused in tables(connection), "it was built a moment ago"
    assert f"{unused}          40" in capsys.readouterr().out
    assert run("tables", *folders, "--remove", "--hours", 0) == 0
    assert tables(connection) == used
    assert "removed" in capsys.readouterr().out
    assert run("tables", tmp_path) == 2
    assert run("tables", build(4, index="exact")) == 2
    assert run("tables") == 2
    assert run("tables", *folders, "--remove", "--hours", -1) == 2
    errors = capsys.readouterr().err
    assert "neither an artifact nor a folder of versions" in errors
    assert "has a table in PostgreSQL; name artifacts" in errors
    assert "but no folder was given; name artifacts" in errors
    assert "hours is -1.0" in errors.replace("--hours", "hours")


def test_only_old_unused_tables_with_a_time_are_removed():
    now = datetime.now(UTC)
    table, day = Table("", "prismrec_items_0"), timedelta(days=1)
    assert TableUse(table, 1, now - day, ()).is_unused(day)
    assert not TableUse(table, 1, now, ()).is_unused(day)
    assert not TableUse(table, 1, now - day, ("books",)).is_unused(day)
    assert not TableUse(table, 1, None, ()).is_unused(timedelta(0))
    with pytest.raises(DataError, match="but no folder was given"):
        table_uses([])
