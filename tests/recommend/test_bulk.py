"""Write the lists of a file of users: equal to single requests, resumable, never incomplete."""

import errno
import fcntl
import itertools
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from commands import run
from prismrec.data import save_dataset
from prismrec.errors import ConfigError, DataError
from prismrec.io import listening
from prismrec.recommend import batches, history_users, read_artifact_manifest, save
from prismrec.recommend import bulk as batch
from prismrec.recommend.batches import SCHEMA
from prismrec.recommend.bulk import ListOptions, Shard, recommend_batch, recommend_file
from prismrec.recommend.history_files import open_histories
from prismrec.rerank import AddedInterest, InterestOptions
from worlds import formed, untrained

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def recommender(dataset):
    return untrained(dataset)


@pytest.fixture
def histories(dataset, tmp_path):
    users = [f"u{user}/é" for user in range(25)]
    rows = [dataset.catalog.items.external(dataset.histories[u].tolist()) for u in range(25)]
    rows[3], rows[4], rows[5] = [], ["zzz"], None
    path = tmp_path / "histories.parquet"
    pl.DataFrame({"user": users, "history": rows}).write_parquet(path)
    return path


def test_the_file_contains_the_lists_of_single_requests(recommender, histories, tmp_path):
    options = ListOptions(k=6, diversity=0.2)
    done = recommend_file(recommender, histories, tmp_path / "lists.parquet", options)
    table = pl.read_parquet(tmp_path / "lists.parquet")
    assert (done.histories, done.unknown, done.popular, done.rows) == (25, 1, 3, len(table))
    assert done.empty == sum(not row for row in pl.read_parquet(histories)["history"].to_list())
    assert 0 < done.empty < done.popular
    for user, history in pl.read_parquet(histories).iter_rows():
        answer = recommender.recommend(history or [], 6, diversity=0.2)
        own = table.filter(pl.col("user") == user)
        assert own["item"].to_list() == [item.id for item in answer]
        assert own["rank"].to_list() == list(range(1, len(answer) + 1))
        assert own["interest"].to_list() == [item.interest for item in answer]
        assert np.allclose(own["score"], [item.score for item in answer], atol=1e-6)
        assert set(own["source"]) == {answer.source}


@pytest.mark.parametrize(("weight", "counts"), [(1, (0, 0)), (0, (3, 2))])
def test_the_source_of_a_list_is_that_of_a_single_request(
    recommender, dataset, histories, tmp_path, weight, counts
):
    one = AddedInterest(category=dataset.catalog.category_names[0], weight=weight)
    options = ListOptions(k=4, interests=InterestOptions(added=[one]))
    done = recommend_file(recommender, histories, tmp_path / "lists.parquet", options)
    assert (done.popular, done.empty) == counts
    table = pl.read_parquet(tmp_path / "lists.parquet")
    for user, history in pl.read_parquet(histories).iter_rows():
        (answer,) = recommender.recommend_many([history or []], options)
        own = table.filter(pl.col("user") == user)
        assert own["item"].to_list() == [item.id for item in answer]
        assert set(own["source"]) == {answer.source}


def test_an_interrupted_run_resumes_and_writes_the_same_file(
    recommender, histories, tmp_path, monkeypatch
):
    monkeypatch.setattr(batch, "CHUNK", 4)
    whole, again = tmp_path / "whole.parquet", tmp_path / "again.parquet"
    expected = recommend_file(recommender, histories, whole, ListOptions(k=5))

    def interrupt(_, share):
        if share * pl.read_parquet(histories).height >= 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), listening(interrupt):
        recommend_file(recommender, histories, again, ListOptions(k=5))
    assert not again.exists()
    done = recommend_file(recommender, histories, again, ListOptions(k=5))
    assert done == replace(expected, out=again, resumed=12)  # with the counts of the first run
    assert expected.popular
    assert pl.read_parquet(again).equals(pl.read_parquet(whole))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "again.parquet", "histories.parquet", "whole.parquet",
    ]  # fmt: skip


def test_an_interruption_while_repeated_users_are_counted_keeps_the_lists(
    recommender, histories, tmp_path
):
    out = tmp_path / "lists.parquet"
    counting = "prismrec.recommend.history_users._count_repeated"
    with mock.patch(counting, side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        recommend_file(recommender, histories, out, ListOptions(k=5))
    assert not out.exists()
    done = recommend_file(recommender, histories, out, ListOptions(k=5))
    assert done.resumed == done.histories > 0


@pytest.mark.parametrize("change", ["wish", "plan", "histories"])
def test_chunks_of_a_different_run_are_not_reused(
    recommender, histories, tmp_path, monkeypatch, change
):
    monkeypatch.setattr(batch, "CHUNK", 4)
    out = tmp_path / "lists.parquet"

    def interrupt(_, share):
        if share > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), listening(interrupt):
        recommend_file(recommender, histories, out, ListOptions(k=5))
    if change == "histories":
        pl.read_parquet(histories).reverse().write_parquet(histories)
    options = ListOptions(k=3 if change == "wish" else 5)
    done = recommend_file(
        recommender, histories, out, options, plan="new" if change == "plan" else ""
    )
    assert done.resumed == 0


def test_a_second_run_with_the_same_output_is_refused_and_other_shards_are_not(
    recommender, histories, tmp_path, monkeypatch
):
    monkeypatch.setattr(batch, "CHUNK", 4)
    out, refused, shards = tmp_path / "lists.parquet", [], []

    def run_again(_, share):
        if share == 0 or refused:
            return
        for options in (ListOptions(k=3), ListOptions(k=5)):
            with pytest.raises(DataError) as error:
                recommend_file(recommender, histories, out, options)
            refused.append(str(error.value))
        shards.append(recommend_file(recommender, histories, out, options, shard=Shard(2, 2)))

    with listening(run_again):
        done = recommend_file(recommender, histories, out, ListOptions(k=5))
    assert [f"{out} cannot be written, because another process" in text for text in refused] == [
        True, True,
    ]  # fmt: skip
    assert (done.histories, shards[0].histories) == (25, 12)
    assert set(pl.read_parquet(out).group_by("user").len()["len"]) == {5}
    assert not list(tmp_path.glob("*.parts"))


def test_a_model_with_the_same_files_but_another_manifest_is_another_plan(
    dataset, histories, tmp_path, monkeypatch, capsys
):
    """As ``train`` writes them: with interests that are formed when asked, and with K=1."""
    model = formed(dataset)
    save(model, tmp_path / "m0")
    save(model.with_forming(None), tmp_path / "m0-k1")
    hashes = [read_artifact_manifest(tmp_path / name)["sha256"] for name in ("m0", "m0-k1")]
    assert hashes[0] == hashes[1]
    monkeypatch.setattr(batch, "CHUNK", 4)
    asked = ["--histories", histories, "--out", tmp_path / "lists.parquet", "--json"]

    def fail(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(batch.pq, "read_table", fail)  # after all parts
        assert run("recommend", tmp_path / "m0", *asked) == 130
    capsys.readouterr()
    assert run("recommend", tmp_path / "m0-k1", *asked) == 0
    assert json.loads(capsys.readouterr().out)["resumed"] == 0


def test_the_lists_do_not_depend_on_the_chunk_size(recommender, histories, tmp_path, monkeypatch):
    found = []
    for chunk, together in itertools.product((3, 100), (2, 50)):
        monkeypatch.setattr(batch, "CHUNK", chunk)
        monkeypatch.setattr(batches, "BATCH", together)
        recommend_file(recommender, histories, tmp_path / "lists.parquet", ListOptions(k=5))
        found.append(pl.read_parquet(tmp_path / "lists.parquet").select("user", "rank", "item"))
    assert all(table.equals(found[0]) for table in found)


def test_no_users_give_an_empty_file(recommender, tmp_path):
    schema = {"user": pl.String, "history": pl.List(pl.String)}
    pl.DataFrame(schema=schema).write_parquet(tmp_path / "none.parquet")
    done = recommend_file(
        recommender, tmp_path / "none.parquet", tmp_path / "out.parquet", ListOptions()
    )
    assert (done.histories, done.rows) == (0, 0)
    assert pq.read_table(tmp_path / "out.parquet").schema == SCHEMA


def test_item_ids_of_nineteen_digits_keep_every_digit(recommender, dataset, tmp_path):
    numbers = [[9_000_000_000_000_000_019], [9_000_000_000_000_000_018]]
    pl.DataFrame({"user": [1, 2], "history": numbers}).write_parquet(tmp_path / "h.parquet")
    done = recommend_file(
        recommender, tmp_path / "h.parquet", tmp_path / "o.parquet", ListOptions(k=2)
    )
    assert (done.unknown, done.popular) == (2, 2)
    assert set(pl.read_parquet(tmp_path / "o.parquet")["user"]) == {"1", "2"}


@pytest.mark.parametrize(
    ("columns", "match"),
    [
        ({"user": ["a"], "items": [["x"]]}, "columns user and history .* are needed"),
        ({"user": ["a"], "history": ["x"]}, "columns user and history .* are needed"),
        ({"user": ["a"], "history": [[0.5]]}, "column history .* cannot hold ids exactly"),
        ({"user": [b"a"], "history": [["x"]]}, "column user .* are binary, not text"),
        ({"user": ["a"], "history": [[b"x"]]}, "column history .* are binary, not text"),
    ],
)
def test_a_file_with_other_columns_is_refused(recommender, tmp_path, columns, match):
    pl.DataFrame(columns).write_parquet(tmp_path / "h.parquet")
    with pytest.raises(DataError, match=match):
        recommend_file(recommender, tmp_path / "h.parquet", tmp_path / "o.parquet", ListOptions())
    assert not (tmp_path / "o.parquet").exists()


def test_a_file_that_is_not_parquet_is_refused(recommender, tmp_path):
    (tmp_path / "h.parquet").write_text("user,history\n")
    with pytest.raises(DataError, match="does not read as a Parquet file"):
        recommend_file(recommender, tmp_path / "h.parquet", tmp_path / "o.parquet", ListOptions())
    (tmp_path / "h.csv").write_text("user,history\n")
    with pytest.raises(DataError, match=r"h\.csv is not a Parquet file; write it as Parquet\.$"):
        recommend_file(recommender, tmp_path / "h.csv", tmp_path / "o.parquet", ListOptions())


def test_missing_ids_of_histories_are_counted(recommender, dataset, tmp_path):
    known = dataset.catalog.items.external([1])[0]
    frame = pl.DataFrame({"user": ["a", "b"], "history": [[known, None], [None]]})
    frame.write_parquet(tmp_path / "h.parquet")
    done = recommend_file(
        recommender, tmp_path / "h.parquet", tmp_path / "o.parquet", ListOptions()
    )
    assert (done.unknown, done.popular) == (2, 1)


def test_rows_without_a_user_are_left_out_counted_and_found(recommender, tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "CHUNK", 2)
    (tmp_path / "h").mkdir()
    users = {"a": ["u", "v"], "b": ["w", "x", None], "c": [None, ""]}
    for name, own in users.items():
        frame = pl.DataFrame({"user": own}, {"user": pl.String})
        frame.with_columns(history=pl.lit(["x"])).write_parquet(tmp_path / "h" / f"{name}.parquet")
    done = recommend_file(recommender, tmp_path / "h", tmp_path / "o.parquet", ListOptions(k=2))
    assert (done.histories, done.without_user, done.first_without_user) == (
        4,
        3,
        "row 3 of b.parquet",
    )
    assert set(pl.read_parquet(tmp_path / "o.parquet")["user"]) == {"u", "v", "w", "x"}
    shards = [
        recommend_file(
            recommender, tmp_path / "h", tmp_path / "o.parquet", ListOptions(), shard=Shard(n, 2)
        )
        for n in (1, 2)
    ]
    assert (sum(one.histories for one in shards), sum(one.without_user for one in shards)) == (4, 3)
    for user in (None, ""):
        rows = pa.table({"user": pa.array([user], pa.string()), "history": [["x"]]})
        with pytest.raises(DataError, match="has no user"):  # there is no count to return
            recommend_batch(recommender, rows, ListOptions())


@pytest.mark.parametrize("group", [1, 2, 100])
def test_rows_that_repeat_a_user_are_counted_across_files(
    recommender, tmp_path, monkeypatch, group
):
    monkeypatch.setattr(history_users, "GROUP", group)
    (tmp_path / "h").mkdir()
    for name, users in {"a": [1, 2, 1], "b": [2, 3, None, None, 2]}.items():
        frame = pl.DataFrame({"user": users, "history": [["x"]] * len(users)})
        frame.write_parquet(tmp_path / "h" / f"{name}.parquet")
    for shard in (Shard(), Shard(2, 2)):
        out = tmp_path / "o.parquet"
        done = recommend_file(recommender, tmp_path / "h", out, ListOptions(k=1), shard=shard)
        assert done.repeated == 3


def test_users_without_a_list_are_counted(recommender, dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "CHUNK", 1)
    every = dataset.catalog.items.external(range(1, dataset.catalog.size))
    rows = {"user": ["a", "bot", "c"], "history": [every[:2], every, []]}
    pl.DataFrame(rows).write_parquet(tmp_path / "h.parquet")
    out = tmp_path / "o.parquet"
    done = recommend_file(recommender, tmp_path / "h.parquet", out, ListOptions(k=2))
    assert (done.histories, done.without_items, done.repeated, done.rows) == (3, 1, 0, 4)
    assert set(pl.read_parquet(out)["user"]) == {"a", "c"}


def test_the_command_reports_what_is_unusual_in_the_histories(
    recommender, dataset, tmp_path, capsys
):
    save(recommender, tmp_path / "model")
    every = dataset.catalog.items.external(range(1, dataset.catalog.size))
    rows = {"user": ["bot", "", "a", "a"], "history": [every, every[:1], every[:1], every[:2]]}
    pl.DataFrame(rows).write_parquet(tmp_path / "h.parquet")
    asked = ["--histories", tmp_path / "h.parquet", "--out", tmp_path / "o.parquet", "-k", "2"]
    assert run("recommend", tmp_path / "model", *asked) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "4 items for 3 histories" in text
    assert "1 history has no list: every item is in the history or excluded" in text
    assert "1 row without a user: left out; the first of the histories is row 2 of h.par" in text
    assert "1 row repeats a user of an earlier row: such a user has several lists" in text


def test_a_file_system_without_locks_is_an_error_and_leaves_nothing(
    recommender, histories, tmp_path, monkeypatch
):
    def fail(descriptor, kind):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    out = tmp_path / "out" / "lists.parquet"
    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(DataError, match=rf"{out} could not be written \({out}.parts is on a file"):
        recommend_file(recommender, histories, out, ListOptions(k=5))
    assert not list(out.parent.iterdir())


@pytest.mark.parametrize("name", ["itself", "relative", "link", "linked", "beside", "parts"])
def test_the_file_of_histories_is_never_overwritten(
    recommender, histories, tmp_path, monkeypatch, name
):
    monkeypatch.chdir(tmp_path)
    content, out = histories.read_bytes(), tmp_path / "out.parquet"
    if name == "relative":
        out = Path("..") / tmp_path.name / histories.name
    elif name == "itself":
        out = histories
    elif name == "link":
        out.symlink_to(histories)
    elif name == "linked":
        out, histories = histories, out
        histories.symlink_to(out)
    else:
        where = {"beside": "out.parquet.prismrec-part", "parts": "out.parquet.parts/1.parquet"}[
            name
        ]
        (tmp_path / where).parent.mkdir(exist_ok=True)
        histories = histories.rename(tmp_path / where)
    with pytest.raises(ConfigError, match="would overwrite"):
        recommend_file(recommender, histories, out, ListOptions(k=2))
    assert histories.read_bytes() == content


@pytest.mark.parametrize("kind", ["text", "events", "pipe"])
def test_a_file_that_has_no_lists_is_never_replaced(recommender, histories, tmp_path, kind):
    out = tmp_path / "own.parquet"
    if kind == "text":
        out.write_text("precious")
    elif kind == "events":
        pl.DataFrame({"user": ["u"], "item": ["a"]}).write_parquet(out)
    else:
        os.mkfifo(out)
    before = out.lstat()
    with pytest.raises(DataError, match="it is something else than a file of lists; give another"):
        recommend_file(recommender, histories, out, ListOptions(k=2))
    assert out.lstat() == before


def test_an_earlier_or_an_empty_file_is_replaced(recommender, histories, tmp_path):
    out = tmp_path / "lists"
    out.touch()
    for k in (2, 3):
        recommend_file(recommender, histories, out, ListOptions(k=k))
        assert pl.read_parquet(out)["rank"].max() == k


def test_a_folder_as_output_is_refused_before_any_work(recommender, histories, tmp_path):
    with pytest.raises(ConfigError, match="is a folder"):
        recommend_file(recommender, histories, tmp_path, ListOptions(k=2))


@pytest.mark.parametrize("user", [float(2**53 + 2), True])
def test_users_that_are_not_valid_ids_are_refused(recommender, tmp_path, user):
    pl.DataFrame({"user": [user], "history": [["a"]]}).write_parquet(tmp_path / "h.parquet")
    with pytest.raises(DataError, match=r"column user .* cannot hold ids exactly"):
        recommend_file(recommender, tmp_path / "h.parquet", tmp_path / "o.parquet", ListOptions())


def test_a_batch_with_users_of_a_wrong_type_is_refused(recommender):
    batch = pl.DataFrame({"user": [True], "history": [["a"]]}).to_arrow()
    with pytest.raises(DataError, match=r"^The ids in the column user of the batch are bool, "):
        recommend_batch(recommender, batch, ListOptions())


def test_categorical_users_with_empty_histories_are_accepted(recommender, tmp_path):
    frame = pl.DataFrame(
        {"user": ["u"], "history": [[]]}, schema_overrides={"user": pl.Categorical}
    )
    frame.write_parquet(tmp_path / "h.parquet")
    done = recommend_file(
        recommender, tmp_path / "h.parquet", tmp_path / "o.parquet", ListOptions(k=2)
    )
    assert (done.rows, done.popular) == (2, 1)


def assert_same_lists(found, expected):
    """Compare tables of lists in any order; chunks round scores differently."""
    found, expected = (table.sort("user", "rank") for table in (found, expected))
    assert found.drop("score").equals(expected.drop("score"))
    assert np.allclose(found["score"], expected["score"], atol=1e-6)


@pytest.fixture
def folder(histories, tmp_path):
    """Return the same histories as a data warehouse writes them: a folder of part files."""
    table = pl.read_parquet(histories)
    made = tmp_path / "warehouse"
    for name, first, last in (
        ("day=1/part-0", 0, 9),
        ("day=1/part-1", 9, 9),
        ("day=2/part-0", 9, 25),
    ):
        path = made / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        table[first:last].write_parquet(path)
    for name in ("_SUCCESS", "_temporary/0.parquet", ".part-0.parquet.crc", ".hidden.parquet"):
        (made / name).parent.mkdir(exist_ok=True)
        (made / name).write_bytes(b"not Parquet")
    return made


def test_a_folder_of_files_is_read_like_one_file(recommender, histories, folder, tmp_path):
    one, all_of_it = tmp_path / "one.parquet", tmp_path / "all.parquet"
    expected = recommend_file(recommender, histories, one, ListOptions(k=5))
    found = recommend_file(recommender, folder, all_of_it, ListOptions(k=5))
    assert_same_lists(pl.read_parquet(all_of_it), pl.read_parquet(one))
    assert (found.histories, found.popular, found.unknown) == (
        expected.histories, expected.popular, expected.unknown,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("shards", [1, 2, 3, 7])
@pytest.mark.parametrize("name", ["histories.parquet", "warehouse"])
@pytest.mark.usefixtures("folder")
def test_each_user_is_in_exactly_one_shard(recommender, tmp_path, monkeypatch, shards, name):
    monkeypatch.setattr(batch, "CHUNK", 4)
    histories, given = tmp_path / "histories.parquet", tmp_path / name
    whole = tmp_path / "whole.parquet"
    recommend_file(recommender, histories, whole, ListOptions(k=5))
    parts, users = [], 0
    for number in range(1, shards + 1):
        done = recommend_file(
            recommender, given, tmp_path / "lists.parquet", ListOptions(k=5),
            shard=Shard(number, shards),
        )  # fmt: skip
        users += done.histories
        parts.append(pl.read_parquet(done.out))
    assert users == 25
    assert_same_lists(pl.concat(parts), pl.read_parquet(whole))
    names = {path.name for path in tmp_path.glob("lists*")}
    expected = {f"lists-{n}-of-{shards}.parquet" for n in range(1, shards + 1)}
    assert names == (expected if shards > 1 else {"lists.parquet"})


def test_a_shard_that_is_killed_continues_with_its_own_chunks(
    recommender, histories, tmp_path, monkeypatch
):
    monkeypatch.setattr(batch, "CHUNK", 4)
    out, second = tmp_path / "lists.parquet", Shard(2, 2)
    whole = recommend_file(recommender, histories, out, ListOptions(k=5), shard=second)
    lists = whole.out.read_bytes()
    whole.out.unlink()
    write, written = batch._write, []

    def fail_later(path, tables):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(path)
        write(path, tables)

    with monkeypatch.context() as patch:
        patch.setattr(batch, "_write", fail_later)
        with pytest.raises(KeyboardInterrupt):
            recommend_file(recommender, histories, out, ListOptions(k=5), shard=second)
    again = recommend_file(recommender, histories, out, ListOptions(k=5), shard=second)
    assert (again.resumed, again.histories) == (4, whole.histories)
    assert again.out.read_bytes() == lists


@pytest.mark.parametrize("name", ["1.parquet", "notes.json", "link", "file"])
def test_a_folder_of_other_parts_is_not_changed(recommender, histories, tmp_path, name):
    parts, own = tmp_path / "lists.parquet.parts", tmp_path / "own"
    own.mkdir()
    (own / name).write_text("precious")
    if name == "file":
        (own / name).rename(parts)
    elif name == "link":
        parts.symlink_to(own)
    else:
        own.rename(parts)
    with pytest.raises(DataError, match="holds other files; give another file to write"):
        recommend_file(recommender, histories, tmp_path / "lists.parquet", ListOptions(k=5))
    assert (parts if name == "file" else parts / name).read_text() == "precious"


KILLED = """
import os, signal, sys
from prismrec.cli import main
from prismrec.recommend import bulk

bulk.CHUNK, write, written = 4, bulk._write, []

def write_some(path, tables):
    if len(written) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    written.append(path)
    write(path, tables)

bulk._write = write_some
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_the_command_for_a_shard_continues_after_it_was_killed(
    recommender, histories, tmp_path, monkeypatch
):
    save(recommender, tmp_path / "model")
    out, parts = tmp_path / "lists.parquet", tmp_path / "lists-2-of-2.parquet.parts"
    line = ["recommend", str(tmp_path / "model"), "--histories", str(histories), "-k", "5"]
    line += ["--shard", "2/2", "--out", str(out)]
    killed = subprocess.run([sys.executable, "-c", KILLED, *line], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    finished = list(parts.glob("*.parquet"))
    assert len(finished) == 2
    assert not Shard(2, 2).file(out).exists()
    monkeypatch.setattr(batch, "CHUNK", 4)
    assert run(*line) == 0
    expected = tmp_path / "expected.parquet"
    whole = recommend_file(recommender, histories, expected, ListOptions(k=5), shard=Shard(2, 2))
    assert_same_lists(pl.read_parquet(Shard(2, 2).file(out)), pl.read_parquet(whole.out))
    assert not parts.exists()


@pytest.mark.parametrize(
    "text", ["", "2", "0/2", "3/2", "-1/2", "1/0", "a/b", "1/2/3", "1.0/2", "1/٣"]
)
def test_an_impossible_shard_is_refused(text):
    with pytest.raises(ConfigError, match=r"The shard is .*; write its number, from 1, .* as 2/8"):
        Shard.parse(text)
    for numbers in ((0, 8), (9, 8), (1, 0), (-1, 2)):
        with pytest.raises(ConfigError, match="The shard is"):
            Shard(*numbers)


@pytest.mark.parametrize("chunks", [[10], [3, 3, 4], [1] * 10, [0, 7, 0, 3]])
@pytest.mark.parametrize("of", [1, 2, 3, 4, 11])
def test_the_rows_of_all_shards_are_all_rows_and_even(chunks, of):
    found = []
    for number in range(1, of + 1):
        first, own = 0, []
        for size in chunks:
            own += (first + Shard(number, of).rows(first, size)).tolist()
            first += size
        assert len(own) in (10 // of, -(-10 // of))
        found += own
    assert sorted(found) == list(range(10))


def test_files_of_shards_sort_by_their_numbers():
    assert Shard.parse("2/10").file(Path("a/lists.parquet")) == Path("a/lists-02-of-10.parquet")
    assert Shard.parse(" 1/1 ").file(Path("a/lists.parquet")) == Path("a/lists.parquet")


def test_lists_are_not_written_among_the_histories(recommender, folder):
    for out in (folder / "lists.parquet", folder / "day=1" / ".." / "new" / "lists.parquet"):
        for source in (folder, folder / "**" / "*.parquet"):
            with pytest.raises(ConfigError, match="is in the folder of the histories"):
                recommend_file(recommender, source, out, ListOptions(k=2))


@pytest.mark.parametrize("rows", [1, 4, 7, 100])
def test_parts_have_each_row_once_and_a_file_that_lost_rows_is_an_error(histories, tmp_path, rows):
    table = pl.read_parquet(histories)
    many = tmp_path / "many"
    many.mkdir()
    for name, size in {"a": 3, "b": 25}.items():
        table.write_parquet(many / f"{name}.parquet", row_group_size=size)
    parts = open_histories(many).parts(rows)
    batches = [batch for part in parts for batch in part.batches(2)]
    assert max(map(len, batches)) <= 2
    found = pl.from_arrow(pa.Table.from_batches(batches))
    assert found.equals(pl.concat([table, table]))
    table[:20].write_parquet(many / "b.parquet")
    with pytest.raises(DataError, match=r"b\.parquet has fewer rows than when it was opened first"):
        list(parts[-1].batches(2))


@pytest.mark.parametrize("change", ["fewer rows", "more rows", "another order", "removed"])
def test_histories_that_change_while_lists_are_made_are_an_error(
    recommender, folder, tmp_path, monkeypatch, change
):
    last, out = folder / "day=2" / "part-0.parquet", tmp_path / "lists.parquet"
    table, make = pl.read_parquet(last), batch.batch_lists
    changed = {"fewer rows": table[:2], "more rows": pl.concat([table, table])}

    def make_and_change(*given):
        if change == "removed":
            last.unlink(missing_ok=True)
        else:
            changed.get(change, table[::-1]).write_parquet(last)
        return make(*given)

    monkeypatch.setattr(batch, "batch_lists", make_and_change)
    with pytest.raises(DataError, match=r"day=2/part-0\.parquet was .* run the same command again"):
        recommend_file(recommender, folder, out, ListOptions(k=2))
    assert not out.exists()
    monkeypatch.setattr(batch, "batch_lists", make)
    table.write_parquet(last)
    assert recommend_file(recommender, folder, out, ListOptions(k=2)).histories == 25


def test_a_data_set_that_is_replaced_while_lists_are_made_is_read_to_its_end(
    recommender, dataset, tmp_path, monkeypatch
):
    data, make = tmp_path / "data", batch.batch_lists
    save_dataset(dataset, data)
    expected = recommend_file(recommender, data, tmp_path / "expected.parquet", ListOptions(k=2))

    def make_and_replace(*given):
        save_dataset(dataset, data)
        return make(*given)

    monkeypatch.setattr(batch, "batch_lists", make_and_replace)
    found = recommend_file(recommender, data, tmp_path / "lists.parquet", ListOptions(k=2))
    assert found == replace(expected, out=found.out)


def test_files_are_found_as_in_prepare(recommender, folder, tmp_path):
    """The first bytes decide if the ending does not; other files are refused, not left out."""
    out = tmp_path / "lists.parquet"
    users = recommend_file(recommender, folder, out, ListOptions(k=2)).histories
    for path, name in (("day=1/part-0.parquet", "b.PARQUET"), ("day=2/part-0.parquet", "c.pq")):
        (folder / path).rename(folder / name)
    frame = pl.DataFrame({"user": ["new"], "history": [["a"]]})
    frame.write_parquet(folder / "part-00003")
    for source in (folder, str(folder / "**" / "*")):
        assert recommend_file(recommender, source, out, ListOptions(k=2)).histories == users + 1
    assert "new" in set(pl.read_parquet(out)["user"])
    (folder / "more.csv").write_text("user,history\n")
    with pytest.raises(
        DataError, match=r"more\.csv is not a Parquet file; .* move it out of '.*/warehouse'"
    ):
        recommend_file(recommender, folder, out, ListOptions(k=2))


def test_a_folder_without_files_or_with_a_wrong_one_is_refused(recommender, folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="There is no file at"):
        recommend_file(recommender, tmp_path / "empty", tmp_path / "o.parquet", ListOptions())
    pl.DataFrame({"user": ["u"], "items": [["a"]]}).write_parquet(
        folder / "day=2" / "part-1.parquet"
    )
    with pytest.raises(DataError, match=r"columns user.* but .*part-1\.parquet has.*one row per"):
        recommend_file(recommender, folder, tmp_path / "o.parquet", ListOptions())
    assert not list(tmp_path.glob("o.parquet*"))


@pytest.mark.parametrize("shards", [1, 3])
def test_all_users_of_a_data_set_get_lists(recommender, dataset, tmp_path, monkeypatch, shards):
    monkeypatch.setattr(batch, "CHUNK", 16)
    save_dataset(dataset, tmp_path / "data")
    users = dataset.users.external(range(len(dataset.users)))
    rows = [dataset.catalog.items.external(own.tolist()) for own in dataset.histories]
    pl.DataFrame({"user": users, "history": rows}).write_parquet(tmp_path / "h.parquet")
    expected, out = tmp_path / "expected.parquet", tmp_path / "lists.parquet"
    recommend_file(recommender, tmp_path / "h.parquet", expected, ListOptions(k=5))
    done = [
        recommend_file(
            recommender, tmp_path / "data", out, ListOptions(k=5), shard=Shard(number, shards)
        )
        for number in range(1, shards + 1)
    ]
    assert sum(one.histories for one in done) == len(users)
    found = pl.concat([pl.read_parquet(one.out) for one in done])
    assert_same_lists(found, pl.read_parquet(expected))
    with pytest.raises(ConfigError, match="is in the folder of the histories"):
        recommend_file(recommender, tmp_path / "data", tmp_path / "data" / "x", ListOptions())


def test_an_engine_gets_the_same_lists_from_arrow_batches(recommender, histories, tmp_path):
    out = tmp_path / "lists.parquet"
    recommend_file(recommender, histories, out, ListOptions(k=5))
    table = pq.read_table(histories)
    batches = table.to_batches(max_chunksize=7)
    found = [recommend_batch(recommender, one, ListOptions(k=5)) for one in batches]
    assert_same_lists(pl.from_arrow(pa.concat_tables(found)), pl.read_parquet(out))
    empty = recommend_batch(recommender, table.slice(0, 0), ListOptions(k=5))
    assert (empty.num_rows, empty.schema) == (0, SCHEMA)
    with pytest.raises(DataError, match=r"columns user and history .* but the batch has"):
        recommend_batch(recommender, table.select(["user"]), ListOptions())


@pytest.mark.parametrize(
    ("batch", "options", "sentence"),
    [
        ({"user": ["u"], "history": [["a"]]}, ListOptions(), "batch is .* a pyarrow Table"),
        (pl.DataFrame({"user": ["u"]}), ListOptions(), "batch is of type DataFrame, but must be"),
        (pa.table({"user": ["u"]}).to_reader(), ListOptions(), "of type RecordBatchReader"),
        (pa.table({"user": ["u"], "history": [["a"]]}), {"k": 3}, "options is {'k': 3}, but must"),
    ],
)
def test_a_batch_of_another_type_is_refused(recommender, batch, options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        recommend_batch(recommender, batch, options)


@pytest.mark.parametrize("name", ["user", "history"])
def test_a_column_that_is_there_twice_is_refused(recommender, tmp_path, name):
    columns = {"user": pa.array(["u"]), "history": pa.array([["a"]])}
    table = pa.Table.from_arrays([*columns.values(), columns[name]], [*columns, name])
    sentence = rf"^The column {name} is needed once, but .* has it 2 times; rename"
    with pytest.raises(DataError, match=sentence):
        recommend_batch(recommender, table, ListOptions())
    pq.write_table(table, tmp_path / "h.parquet")
    with pytest.raises(DataError, match=sentence):
        recommend_file(recommender, tmp_path / "h.parquet", tmp_path / "o.parquet", ListOptions())


def test_batches_of_other_libraries_are_read(recommender, dataset):
    items = dataset.catalog.items.external([1, 2, 3])
    expected = recommend_batch(
        recommender, pa.table({"user": ["u", "v"], "history": [items, []]}), ListOptions(k=3)
    )
    views = pa.table(pl.DataFrame({"user": ["u", "v"], "history": [items, []]}))  # string_view
    assert recommend_batch(recommender, views, ListOptions(k=3)).equals(expected)
    nothing = pa.table({"user": ["u"], "history": pa.nulls(1)})
    popular = recommend_batch(recommender, nothing, ListOptions(k=3))
    assert popular["source"].to_pylist() == ["popular"] * 3


def test_a_damaged_file_is_named(recommender, histories, tmp_path):
    content = bytearray(histories.read_bytes())
    content[10:60] = b"\x5a" * 50
    histories.write_bytes(content)
    with pytest.raises(DataError, match=r"histories\.parquet is damaged \(.*write it again"):
        recommend_file(recommender, histories, tmp_path / "o.parquet", ListOptions())


@pytest.mark.parametrize(
    ("user", "history"),
    [
        (pa.string_view(), pa.list_(pa.string_view())),
        (pa.string_view(), pa.large_list(pa.string_view())),
        (pa.decimal128(38, 0), pa.list_(pa.decimal128(20, 0))),
        (pa.large_string(), pa.list_(pa.string(), 2)),
    ],
)
def test_ids_of_all_exact_types_are_read(recommender, dataset, tmp_path, user, history):
    known = dataset.catalog.items.external([1, 2])
    texts = pa.table({"user": pa.array(["7", "12000"]), "history": [known, known]})
    kinds = {"user": user, "history": history}
    if pa.types.is_decimal(user):
        columns = {"user": [7, 12000], "history": [[int(name) for name in known]] * 2}
        plain = {"user": pa.int64(), "history": pa.list_(pa.int64())}
        made = pa.table({n: pa.array(columns[n], plain[n]).cast(kinds[n]) for n in kinds})
    else:
        made = texts.cast(pa.schema(list(kinds.items())))
    for name, one in (("text", texts), ("other", made)):
        pq.write_table(one, tmp_path / f"{name}.parquet")
        out = tmp_path / f"{name}-lists.parquet"
        assert recommend_file(
            recommender, tmp_path / f"{name}.parquet", out, ListOptions(k=3)
        ).histories
    assert pq.read_table(out).equals(pq.read_table(tmp_path / "text-lists.parquet"))


def test_a_part_of_a_data_set_that_was_replaced_is_an_error(dataset, tmp_path):
    save_dataset(dataset, tmp_path / "d")
    (part,) = open_histories(tmp_path / "d").parts(10**6)
    assert sum(map(len, part.batches(9))) == len(dataset.histories)
    with pytest.raises(DataError, match="not that of the driver"):
        list(replace(part, fingerprint="of another").batches(9))
