"""Call recommend_batch from DuckDB and from Ray, as docs/scale.md shows."""

import polars as pl
import pyarrow as pa
import pytest

from prismrec.recommend import recommend_batch, recommend_file
from prismrec.rerank import ListOptions
from worlds import untrained

SEEN = ["user", "rank", "item", "interest", "source"]
OPTIONS = ListOptions(k=4)


@pytest.fixture(scope="module")
def recommender(dataset):
    return untrained(dataset)


@pytest.fixture
def histories(dataset, tmp_path):
    items = dataset.catalog.items
    rows = [items.external(dataset.histories[user].tolist()) for user in range(30)]
    rows[2] = []
    made = tmp_path / "histories"
    made.mkdir()
    table = pl.DataFrame({"user": [f"u{user:02}" for user in range(30)], "history": rows})
    table[:20].write_parquet(made / "0.parquet")
    table[20:].write_parquet(made / "1.parquet")
    return made


@pytest.fixture
def expected(recommender, histories, tmp_path):
    recommend_file(recommender, histories, tmp_path / "lists.parquet", OPTIONS)
    return pl.read_parquet(tmp_path / "lists.parquet").sort("user", "rank").select(SEEN)


def test_duckdb_reads_the_histories_and_the_lists(recommender, histories, expected):
    duckdb = pytest.importorskip("duckdb")
    batches = duckdb.read_parquet(f"{histories}/*.parquet").to_arrow_reader(7)
    lists = pa.concat_tables(recommend_batch(recommender, batch, OPTIONS) for batch in batches)
    found = duckdb.from_arrow(lists).order("user, rank").pl()
    assert found.select(SEEN).equals(expected)


def test_ray_maps_the_batches(recommender, histories, expected):
    ray = pytest.importorskip("ray", reason="Ray is not installed")

    class Lists:
        """Makes the lists of batches; in a real program, it loads the artifact."""

        def __init__(self):
            self.recommender = recommender

        def __call__(self, batch):
            return recommend_batch(self.recommender, batch, OPTIONS)

    read = ray.data.read_parquet(str(histories))
    lists = read.map_batches(Lists, batch_format="pyarrow", compute=ray.data.ActorPoolStrategy(1))
    found = pl.concat(pl.from_arrow(table) for table in ray.get(lists.to_arrow_refs()))
    assert found.sort("user", "rank").select(SEEN).equals(expected)
