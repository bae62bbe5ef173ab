"""Run prepare and recommend with Spark: the same results as in one process."""

import errno
import os
import shutil
import signal
import sys

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from commands import run
from limits import full_disk
from prismrec.data import (
    Columns,
    build_dataset,
    build_dataset_on_spark,
    read_events,
    read_items,
    save_dataset,
    spark_parts,
)
from prismrec.data.spark import _array_on_disk
from prismrec.errors import ConfigError, DataError, UnknownName
from prismrec.io import even_tasks, worker_errors
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
    """Return a small session: two tasks at a time, each tried at most twice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        builder = pyspark.sql.SparkSession.builder.master("local[2,2]").appName("tests")
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
    assert (found.histories, found.rows) == (50, expected.rows)
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
        assert (found.histories, found.popular) == (expected.histories, expected.popular)
        assert (tmp_path / name / "_SUCCESS").exists()
        if found.histories:
            assert_same_lists(tmp_path / name, tmp_path / "local.parquet")
        else:
            assert found.rows == 0


def test_files_that_spark_itself_does_not_read(session, dataset, artifact, histories, tmp_path):
    """Other columns than those of Spark, texts and numbers, and names that it leaves out."""
    items = dataset.catalog.items
    rows = [items.external(dataset.histories[user].tolist()) for user in range(40)]
    table = pa.table({
        "user": pa.array(range(40), pa.uint64()),
        "history": pa.array(rows, pa.list_view(pa.string())),
        "HISTORY": pa.array(range(40)),
        "at": pa.array(range(40), pa.timestamp("ns")),
    })  # fmt: skip
    pq.write_table(table, histories / "times.parquet", row_group_size=7)
    shutil.copy(histories / "times.parquet", tmp_path / "_one")
    for path, users in ((histories, 90), (tmp_path / "_one", 40)):
        expected = expected_lists(dataset, path, tmp_path / "local.parquet", ListOptions(k=5))
        found = recommend_on_spark(session, artifact, path, tmp_path / "spark", ListOptions(k=5))
        assert_same_lists(tmp_path / "spark", tmp_path / "local.parquet")
        assert (found.histories, found.rows) == (expected.histories, expected.rows)
        assert found.histories == users


def test_all_users_of_a_data_set(session, dataset, artifact, tmp_path):
    save_dataset(dataset, tmp_path / "data")
    expected_lists(dataset, tmp_path / "data", tmp_path / "local.parquet", ListOptions(k=5))
    recommend_on_spark(session, artifact, tmp_path / "data", tmp_path / "spark", ListOptions(k=5))
    assert_same_lists(tmp_path / "spark", tmp_path / "local.parquet")


def test_histories_that_change_while_lists_are_made_are_an_error(
    session, artifact, histories, tmp_path, monkeypatch
):
    changed, make, out = histories / "part-1.parquet", spark._make_lists, tmp_path / "lists"
    table = pl.DataFrame({"user": ["new"], "history": [["x"]]})

    def make_and_change(batches, **options):
        table.write_parquet(changed)
        return make(batches, **options)

    monkeypatch.setattr(spark, "_make_lists", make_and_change)
    with pytest.raises(DataError, match=r"part-1\.parquet was changed or removed while the lists"):
        recommend_on_spark(session, artifact, histories, out, ListOptions(k=2))
    assert not out.exists()


@pytest.mark.parametrize(
    ("sizes", "cores", "most", "expected"),
    [
        ([], 4, 10, [[]]),
        ([3], 4, 10, [[3]]),
        ([1] * 8, 2, 100, [[1] * 4] * 2),  # every core has work
        ([1] * 8, 2, 2, [[1, 1]] * 4),
        ([9, 9, 9, 1, 1, 1, 1, 1], 2, 10, [[9], [9], [9, 1], [1, 1, 1, 1]]),
        ([1, 1, 9, 1, 9, 12, 1], 1, 10, [[1, 1], [9, 1], [9], [12], [1]]),
    ],
)
def test_small_parts_share_a_task_and_no_task_has_many_rows(sizes, cores, most, expected):
    tasks = even_tasks(sizes, cores, most)
    assert [[sizes[place] for place in own] for own in tasks] == expected
    assert [place for own in tasks for place in own] == list(range(len(sizes)))


def test_many_small_files_of_a_log_share_tasks(session, tmp_path):
    folder = write_log(tmp_path / "log", [plain_log(20, seed) for seed in range(40)])
    log = read_events(folder)
    rows = spark_parts.read_log(session, log, categories=False)
    assert rows.rdd.getNumPartitions() == 2
    assert sorted(row.row for row in rows.collect()) == list(range(800))


def test_errors_of_workers_are_sentences_and_earlier_lists_stay(
    session, artifact, histories, tmp_path
):
    out = tmp_path / "lists"
    recommend_on_spark(session, artifact, histories, out, ListOptions(k=2))
    before = sorted(path.name for path in out.iterdir())
    rows = [("u", ["x"]), (None, ["x"])]
    frame = session.createDataFrame(rows, "user string, history array<string>")
    lists = spark.spark_lists(frame, artifact, ListOptions(k=2))  # a frame has no place for a count
    sentence = r"^A row of the histories has no user; [a-z ]*\.$"
    with pytest.raises(DataError, match=sentence), worker_errors():
        lists.collect()
    assert sorted(path.name for path in out.iterdir()) == before
    table = {"user": [None, "ann", "", "ann"], "history": [["x"]] * 4}
    pl.DataFrame(table).write_parquet(tmp_path / "h.parquet")
    done = recommend_on_spark(session, artifact, tmp_path / "h.parquet", out, ListOptions(k=2))
    assert (done.histories, done.without_user, done.repeated, done.rows) == (2, 2, 1, 4)


def test_errors_of_this_package_come_through_and_others_stay():
    with pytest.raises(UnknownName, match=r"^No item named 'a'\.$"), worker_errors():
        raise RuntimeError("Task failed:\nprismrec.errors.UnknownName: No item named 'a'.\n\tat")
    for other in ("prismrec.errors.Nothing: text", "OutOfMemoryError"):
        with pytest.raises(RuntimeError, match=other), worker_errors():
            raise RuntimeError(other)


def test_a_full_disk_of_a_worker_is_an_error_of_the_operating_system():
    report = "Task failed:\nCaused by: java.io.IOException: {}\n\tat java.base/java.io.File"
    for number in (errno.ENOSPC, errno.EROFS):
        with pytest.raises(OSError, match=os.strerror(number)) as found, worker_errors():
            raise RuntimeError(report.format(os.strerror(number)))
        assert found.value.errno == number


def test_arrays_are_not_mapped_to_a_disk_that_is_too_full_for_them(tmp_path):
    with full_disk(1 << 22):
        with pytest.raises(DataError, match=rf"^{tmp_path} could not be written \(.*free disk"):
            _array_on_disk(1 << 20, tmp_path)
        assert _array_on_disk(1 << 10, tmp_path).shape == (1 << 10,)
    assert not list(tmp_path.iterdir())


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


def write_log(folder, tables):
    folder.mkdir()
    for number, table in enumerate(tables):
        table.write_parquet(folder / f"part-{number}.parquet")
    return folder


def plain_log(events, seed, *, users=60, items=30):
    """Return random events in no order, with many ties, duplicates and rare ids."""
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "user": (users * rng.random(events) ** 3).astype(np.int64),
            "item": (items * rng.random(events) ** 3).astype(np.int64) - 5,
            "ts": 1_600_000_000_000 + 1_000 * rng.integers(0, 60, events),
        }
    )


def odd_logs(seed):
    """Return two tables of texts: missing ids, times that cannot be read, kinds and categories."""
    for number in range(2):
        table = plain_log(300, seed + number)
        day = pl.from_epoch(pl.col("ts"), time_unit="ms").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
        row = pl.int_range(pl.len())
        yield table.select(
            user=pl.when(row % 41 > 0).then(pl.format("ü{}", "user")),
            item=pl.when(row % 53 > 0).then(pl.col("item").cast(pl.String)).otherwise(pl.lit("")),
            time=pl.when(row % 37 > 0).then(day).otherwise(pl.lit("31-12-2020")),
            event=pl.when(row % 7 > 0).then(pl.lit("buy")).otherwise(pl.lit("view")),
            genres=pl.when(pl.col("item") % 3 > 0).then(
                pl.format("b{}|a > {}", pl.col("item") % 4, row % 2)
            ),
        )


def assert_same_folder(found, expected):
    names = sorted(path.name for path in expected.iterdir())
    assert sorted(path.name for path in found.iterdir()) == names
    for name in names:
        assert (found / name).read_bytes() == (expected / name).read_bytes(), name


def test_a_chosen_folder_is_a_column_of_the_workers(tmp_path):
    inside = tmp_path / "date=2024-01-02"
    inside.mkdir()
    plain_log(3, 0).write_parquet(inside / "part-0.parquet")
    log = read_events(tmp_path, columns=Columns(time="date"))
    (part,) = spark_parts.log_parts(log, tmp_path)
    assert part.values == (("date", "2024-01-02"),)


@pytest.mark.parametrize("case", ["numbers", "unsigned", "texts", "folders"])
def test_spark_builds_the_same_data_set_byte_for_byte(session, tmp_path, monkeypatch, case):
    monkeypatch.setattr(spark_parts, "ROWS", 150)
    reading, building = {}, {}
    if case == "numbers":
        tables = [plain_log(400, 0), plain_log(0, 1), plain_log(200, 2)]
    elif case == "unsigned":
        ids = pl.col("user").cast(pl.UInt64) + (2**63 + 5)
        tables = [plain_log(n, n).with_columns(ids) for n in (400, 100)]
        pl.DataFrame({"item": [1, 2, -4], "title": ["One", "Two", "x"], "genre": ["a|b", "b", ""]}
        ).write_csv(tmp_path / "items.csv")  # fmt: skip
        building = {"duplicates": "collapse-repeats", "min_user_events": 7}
        building["items"] = read_items(tmp_path / "items.csv")
    elif case == "folders":
        tables, reading, building = [], {"keep_events": ["buy"]}, {"duplicates": "drop-exact"}
    else:
        tables = list(odd_logs(5))
        reading = {"keep_events": ["buy"], "columns": Columns(category_depth=1)}
        building = {"duplicates": "drop-exact", "min_user_events": 4}
        building["items"] = read_items(pl.DataFrame({"item": ["1", "2"], "title": ["One", "Two"]}))
    folder = write_log(tmp_path / "log", tables)
    if case == "folders":  # and unused columns of other types, and items of a type without Spark
        for number, kind in enumerate(("buy", "view")):
            inside = folder / f"event={kind}" / "date=2024-01-02"  # the files have exact times
            inside.mkdir(parents=True)
            table = plain_log(300, number).with_columns(pl.col("item").cast(pl.Int128))
            table = table.rename({"ts": "reviewTime"})
            table = table.with_columns(pl.lit(["x", 1][number]).alias("extra"))
            table.write_parquet(inside / "part-0.parquet")
    log = read_events(folder, **reading)
    assert bool(log.rejected) == (case == "texts")
    assert bool(log.events_left_out) == (case in ("texts", "folders"))
    expected = build_dataset(log, **building)
    found = build_dataset_on_spark(session, log, scratch=tmp_path, **building)
    assert found.how == expected.how
    assert found.how["repeats"] > 0
    assert found.how["exact_duplicates"] > 0
    first, *_, last = found.how["steps"]
    assert 0 < last["users"] < first["users"]
    assert last["items"] < first["items"]
    save_dataset(expected, tmp_path / "expected")
    save_dataset(found, tmp_path / "found")
    assert_same_folder(tmp_path / "found", tmp_path / "expected")
    assert session._jsparkSession.sharedState().cacheManager().isEmpty()


@pytest.mark.usefixtures("session")
def test_the_commands_print_and_write_the_same(artifact, histories, tmp_path, capsys):
    log = write_log(tmp_path / "log", [plain_log(300, 3)])
    printed = []
    for engine in ("local", "spark"):
        out = tmp_path / engine / "data"
        assert run("prepare", log, "--out", out, "--engine", engine, "--json") == 0
        printed.append(capsys.readouterr().out.replace(engine, "local"))
    assert printed[0] == printed[1]
    assert_same_folder(tmp_path / "spark" / "data", tmp_path / "local" / "data")
    given = [artifact, "--histories", histories, "-k", "3", "--json", "--out"]
    assert run("recommend", *given, tmp_path / "local.parquet") == 0
    assert run("recommend", *given, tmp_path / "lists", "--engine", "spark") == 0
    assert_same_lists(tmp_path / "lists", tmp_path / "local.parquet")


def test_a_log_that_spark_cannot_read_is_refused(session, tmp_path):
    pl.DataFrame({"user": ["a"], "item": ["b"], "time": [1]}).write_csv(tmp_path / "log.csv")
    log = write_log(tmp_path / "log", [plain_log(20, 0)])
    for given, match in (
        (read_events(tmp_path / "log.csv"), "reads Parquet files only; .* the local engine"),
        (read_events(log, columns=Columns(order="file")), "give a log with times, or use the loc"),
    ):
        with pytest.raises(DataError, match=match):
            build_dataset_on_spark(session, given)
    events = read_events(log)
    plain_log(1, 0).write_parquet(log / "part-9.parquet")
    with pytest.raises(DataError, match="have 21 rows, but had 20"):
        build_dataset_on_spark(session, events)


def test_a_filter_of_many_rounds(session, tmp_path):
    """In each round, one user and one item at the end of a chain have too few events."""
    links = np.arange(12)
    chain = {"user": np.repeat(links, 2), "item": np.stack([links, links + 1], 1).ravel()}
    block = {"user": np.repeat([90, 91], 2), "item": np.tile([90, 91], 2)}
    table = pl.concat([pl.DataFrame(chain), pl.DataFrame(block)]).with_row_index("time")
    log = read_events(write_log(tmp_path / "log", [table]))
    minima = {"min_user_events": 2, "min_item_events": 2}
    expected = build_dataset(log, **minima)
    assert len(expected.histories.items) == 4
    found = build_dataset_on_spark(session, log, **minima)
    assert found.how == expected.how
    assert found.fingerprint == expected.fingerprint


def test_no_event_remains(session, tmp_path):
    events = read_events(write_log(tmp_path / "log", [plain_log(20, 0)]))
    with pytest.raises(DataError) as local:
        build_dataset(events, min_user_events=21)
    with pytest.raises(DataError) as spark_error:
        build_dataset_on_spark(session, events, min_user_events=21)
    assert str(spark_error.value) == str(local.value)
