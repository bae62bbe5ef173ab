"""Run prepare and recommend with Spark: the same results as in one process."""

import os
import shutil
import signal
import sys

import numpy as np
import polars as pl
import pytest

from prismrec.data import save_dataset
from prismrec.errors import ConfigError, DataError, UnknownName
from prismrec.io import worker_errors
from prismrec.recommend import ArtifactClasses, recommend_file, recommend_on_spark, save, spark
from prismrec.rerank import ListOptions
from worlds import untrained

if shutil.which("java") is None:
    pytest.skip("Spark needs Java: install a Java runtime", allow_module_level=True)
pyspark = pytest.importorskip("pyspark", reason="pip install 'prismrec[cluster]'")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # py4j's sockets
]
SEEN = ["user", "rank", "item", "interest", "source"]


@pytest.fixture(scope="module")
def session():
    """Return a small session: two tasks at a time, each tried at most four times."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        builder = pyspark.sql.SparkSession.builder.master("local[2,4]").appName("tests")
        for name, value in {
            "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false",
            "spark.sql.shuffle.partitions": "3", "spark.driver.memory": "1g",
            "spark.driver.host": "127.0.0.1", "spark.log.level": "OFF",
        }.items():  # fmt: skip
            builder = builder.config(name, value)
        made = builder.getOrCreate()
        yield made
        made.stop()


@pytest.fixture(scope="module")
def artifact(dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("artifact") / "model"
    save(untrained(dataset), folder)
    return folder


@pytest.fixture
def histories(dataset, tmp_path):
    """Return a folder [of a warehouse] with unknown, empty and missing histories."""
    items = dataset.catalog.items
    rows = [items.external(dataset.histories[user].tolist()) for user in range(50)]
    rows[3], rows[4], rows[5] = [], ["zzz"], None
    table = pl.DataFrame({"user": [f"u{user}/é" for user in range(50)], "history": rows})
    made = tmp_path / "a [house]*"
    for name, first, last in (("day=1/part-0", 0, 9), ("part-1", 9, 9), ("user=2/part-0", 9, 50)):
        path = made / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        table[first:last].write_parquet(path)
    (made / "_SUCCESS").touch()
    (made / ".hidden.parquet").write_bytes(b"not Parquet")
    return made


def lists_of(path):
    """Return the lists in an order that does not depend on the engine."""
    pattern = path / "*.parquet" if path.is_dir() else path
    return pl.read_parquet(pattern, glob=True).sort("user", "rank")


def assert_same_lists(found, expected):
    """Compare lists; batches of other sizes round scores differently."""
    found, expected = lists_of(found), lists_of(expected)
    assert found.schema == expected.schema
    assert found.select(SEEN).equals(expected.select(SEEN))
    assert np.allclose(found["score"], expected["score"], atol=1e-6)


def expected_lists(dataset, histories, out, options):
    return recommend_file(untrained(dataset), histories, out, options)


def test_spark_makes_the_lists_of_the_local_engine(session, dataset, artifact, histories, tmp_path):
    options = ListOptions(k=6, diversity=0.2)
    expected = expected_lists(dataset, histories, tmp_path / "local.parquet", options)
    found = recommend_on_spark(session, artifact, histories, tmp_path / "spark", options)
    assert_same_lists(tmp_path / "spark", tmp_path / "local.parquet")
    assert (found.users, found.rows) == (50, expected.rows)
    assert (found.unknown, found.popular) == (expected.unknown, expected.popular) == (1, 3)
    assert (tmp_path / "spark" / "_SUCCESS").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"a [house]*", "local.parquet", "spark"}
    again = recommend_on_spark(session, artifact, histories, tmp_path / "spark", ListOptions(k=2))
    assert again.rows == len(lists_of(tmp_path / "spark")) == 100


def test_a_killed_worker_loses_and_repeats_nothing(
    session, dataset, artifact, histories, tmp_path, monkeypatch
):
    """The first worker kills itself after it has sent lists, so its task runs again."""
    mark, make = tmp_path / "killed", spark._make_lists

    def make_and_die(batches, **options):
        for batch in batches:
            for row in range(len(batch)):
                yield from make(iter([batch.slice(row, 1)]), **options)
                if row == 2 and not mark.exists():
                    mark.touch()
                    os.kill(os.getpid(), signal.SIGKILL)

    expected = expected_lists(dataset, histories, tmp_path / "local.parquet", ListOptions(k=5))
    monkeypatch.setattr(spark, "_make_lists", make_and_die)
    found = recommend_on_spark(session, artifact, histories, tmp_path / "spark", ListOptions(k=5))
    assert mark.exists()
    assert_same_lists(tmp_path / "spark", tmp_path / "local.parquet")
    assert (found.rows, found.unknown, found.popular) == (expected.rows, 1, 3)


def test_empty_histories_and_no_histories(session, dataset, artifact, tmp_path):
    for name, table in {
        "nulls": {"user": ["a", "b"], "history": [None, None]},
        "empty": {"user": [1, 2**64 - 1], "history": [[], []]},
        "nobody": {"user": [], "history": []},
    }.items():
        path = tmp_path / f"{name}.parquet"
        types = {"user": pl.UInt64} if name == "empty" else None
        pl.DataFrame(table, schema_overrides=types).write_parquet(path)
        expected = expected_lists(dataset, path, tmp_path / "local.parquet", ListOptions(k=3))
        found = recommend_on_spark(session, artifact, path, tmp_path / name, ListOptions(k=3))
        assert (found.users, found.popular) == (expected.users, expected.popular)
        assert (tmp_path / name / "_SUCCESS").exists()
        if found.users:
            assert_same_lists(tmp_path / name, tmp_path / "local.parquet")
        else:
            assert found.rows == 0


def test_all_users_of_a_data_set(session, dataset, artifact, tmp_path):
    save_dataset(dataset, tmp_path / "data")
    expected_lists(dataset, tmp_path / "data", tmp_path / "local.parquet", ListOptions(k=5))
    recommend_on_spark(session, artifact, tmp_path / "data", tmp_path / "spark", ListOptions(k=5))
    assert_same_lists(tmp_path / "spark", tmp_path / "local.parquet")


def test_errors_of_workers_are_sentences_and_earlier_lists_stay(
    session, artifact, histories, tmp_path
):
    out = tmp_path / "lists"
    recommend_on_spark(session, artifact, histories, out, ListOptions(k=2))
    before = sorted(path.name for path in out.iterdir())
    pl.DataFrame({"user": [None], "history": [["x"]]}).write_parquet(tmp_path / "h.parquet")
    with pytest.raises(DataError, match=r"^A row of the histories has no user; [a-z ]*\.$"):
        recommend_on_spark(session, artifact, tmp_path / "h.parquet", out, ListOptions())
    assert sorted(path.name for path in out.iterdir()) == before


def test_errors_of_this_package_come_through_and_others_stay():
    with pytest.raises(UnknownName, match=r"^No item named 'a'\.$"), worker_errors():
        raise RuntimeError("Task failed:\nprismrec.errors.UnknownName: No item named 'a'.\n\tat")
    for other in ("prismrec.errors.Nothing: text", "OutOfMemoryError"):
        with pytest.raises(RuntimeError, match=other), worker_errors():
            raise RuntimeError(other)


def test_a_worker_refuses_another_artifact(artifact):
    with pytest.raises(DataError, match="is not that of the driver"):
        spark._load(str(artifact), (("x", "0"),), ArtifactClasses())


def test_what_would_be_overwritten_is_refused(session, artifact, histories, tmp_path):
    for out in (histories, histories / "lists", tmp_path):
        with pytest.raises(ConfigError, match="because the histories are"):
            recommend_on_spark(session, artifact, histories, out, ListOptions())
    other = tmp_path / "other"
    shutil.copytree(histories / "day=1", other)
    for made in ((), ("_SUCCESS",)):
        for name in made:
            (other / name).touch()
        with pytest.raises(DataError, match="something else than lists"):
            recommend_on_spark(session, artifact, histories, other, ListOptions())
    pl.DataFrame({"user": [1], "history": [[2]]}).write_parquet(histories / "part-9.parquet")
    with pytest.raises(DataError, match="different types of user or history"):
        recommend_on_spark(session, artifact, histories, tmp_path / "out", ListOptions())
