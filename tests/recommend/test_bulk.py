"""Write the lists of a file of users: equal to single requests, resumable, never incomplete."""

import itertools
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from prismrec.errors import ConfigError, DataError
from prismrec.io import listening
from prismrec.recommend import bulk as batch
from prismrec.recommend.bulk import ListOptions, recommend_file
from worlds import untrained


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
    assert (done.users, done.unknown, done.popular, done.rows) == (25, 1, 3, len(table))
    for user, history in pl.read_parquet(histories).iter_rows():
        answer = recommender.recommend(history or [], 6, diversity=0.2)
        own = table.filter(pl.col("user") == user)
        assert own["item"].to_list() == [item.id for item in answer]
        assert own["rank"].to_list() == list(range(1, len(answer) + 1))
        assert own["interest"].to_list() == [item.interest for item in answer]
        assert np.allclose(own["score"], [item.score for item in answer], atol=1e-6)
        assert set(own["source"]) == {answer.source}


def test_an_interrupted_run_resumes_and_writes_the_same_file(
    recommender, histories, tmp_path, monkeypatch
):
    monkeypatch.setattr(batch, "CHUNK", 4)
    whole, again = tmp_path / "whole.parquet", tmp_path / "again.parquet"
    recommend_file(recommender, histories, whole, ListOptions(k=5))

    def interrupt(_, share):
        if share * pl.read_parquet(histories).height >= 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), listening(interrupt):
        recommend_file(recommender, histories, again, ListOptions(k=5))
    assert not again.exists()
    done = recommend_file(recommender, histories, again, ListOptions(k=5))
    assert done.resumed == 12
    assert pl.read_parquet(again).equals(pl.read_parquet(whole))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "again.parquet", "histories.parquet", "whole.parquet",
    ]  # fmt: skip


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


def test_the_lists_do_not_depend_on_the_chunk_size(recommender, histories, tmp_path, monkeypatch):
    found = []
    for chunk, together in itertools.product((3, 100), (2, 50)):
        monkeypatch.setattr(batch, "CHUNK", chunk)
        monkeypatch.setattr(batch, "BATCH", together)
        recommend_file(recommender, histories, tmp_path / "lists.parquet", ListOptions(k=5))
        found.append(pl.read_parquet(tmp_path / "lists.parquet").select("user", "rank", "item"))
    assert all(table.equals(found[0]) for table in found)


def test_no_users_give_an_empty_file(recommender, tmp_path):
    schema = {"user": pl.String, "history": pl.List(pl.String)}
    pl.DataFrame(schema=schema).write_parquet(tmp_path / "none.parquet")
    done = recommend_file(
        recommender, tmp_path / "none.parquet", tmp_path / "out.parquet", ListOptions()
    )
    assert (done.users, done.rows) == (0, 0)
    assert pq.read_table(tmp_path / "out.parquet").schema == batch.SCHEMA


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
        ({"user": ["a"], "items": [["x"]]}, "needs the columns"),
        ({"user": ["a"], "history": ["x"]}, "needs the columns"),
        ({"user": ["a"], "history": [[0.5]]}, "needs the columns"),
        ({"user": [None], "history": [["x"]]}, "has no user"),
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
        where = {"beside": "out.parquet.part", "parts": "out.parquet.parts/1.parquet"}[name]
        (tmp_path / where).parent.mkdir(exist_ok=True)
        histories = histories.rename(tmp_path / where)
    with pytest.raises(ConfigError, match="would overwrite"):
        recommend_file(recommender, histories, out, ListOptions(k=2))
    assert histories.read_bytes() == content


def test_a_folder_as_output_is_refused_before_any_work(recommender, histories, tmp_path):
    with pytest.raises(ConfigError, match="is a folder"):
        recommend_file(recommender, histories, tmp_path, ListOptions(k=2))


@pytest.mark.parametrize("user", [float(2**53 + 2), True])
def test_users_that_are_not_valid_ids_are_refused(recommender, tmp_path, user):
    pl.DataFrame({"user": [user], "history": [["a"]]}).write_parquet(tmp_path / "h.parquet")
    with pytest.raises(DataError, match=r"column user .* cannot hold ids exactly"):
        recommend_file(recommender, tmp_path / "h.parquet", tmp_path / "o.parquet", ListOptions())


def test_categorical_users_with_empty_histories_are_accepted(recommender, tmp_path):
    frame = pl.DataFrame(
        {"user": ["u"], "history": [[]]}, schema_overrides={"user": pl.Categorical}
    )
    frame.write_parquet(tmp_path / "h.parquet")
    done = recommend_file(
        recommender, tmp_path / "h.parquet", tmp_path / "o.parquet", ListOptions(k=2)
    )
    assert (done.rows, done.popular) == (2, 1)


def test_a_damaged_file_is_named(recommender, histories, tmp_path):
    content = bytearray(histories.read_bytes())
    content[10:60] = b"\x5a" * 50
    histories.write_bytes(content)
    with pytest.raises(DataError, match=r"histories\.parquet is damaged \(.*write it again"):
        recommend_file(recommender, histories, tmp_path / "o.parquet", ListOptions())
