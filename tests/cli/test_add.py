"""Train with content vectors and add items on the command line."""

import json

import numpy as np
import polars as pl
import pytest

from commands import WORLD, run
from prismrec.recommend import load

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Prepare a data set, write content vectors, and train with them."""
    folder = tmp_path_factory.mktemp("add")
    assert run("prepare", WORLD, "--out", folder / "data") == 0
    ids = pl.read_parquet(folder / "data" / "items.parquet")["id"].to_list()
    vectors = np.random.default_rng(0).normal(size=(len(ids) + 3, 5))
    vectors[1] = np.nan
    names = [*ids, "new", "unknown", "plain"]
    np.savez(folder / "v.npz", ids=names[:-1], vectors=vectors[:-1])
    pl.DataFrame({"item": ids, "v": vectors[: len(ids), :2].tolist()}).write_parquet(
        folder / "other.parquet"
    )
    category = pl.read_parquet(folder / "data" / "categories.parquet")["name"][0]
    (folder / "items.csv").write_text(
        f"item,title,categories\nnew,New,\nplain,Plain,{category}\n{ids[0]},Old,\nnothing,N,\n"
    )
    train = [
        "train",
        folder / "data",
        "--out",
        folder / "a",
        "--dim",
        8,
        "--steps",
        3,
        "--no-rules",
    ]
    assert run(*train, "--no-single", "--item-vectors", folder / "v.npz") == 0
    return folder


def test_train_reports_what_is_used_of_the_vectors(folder, capsys, tmp_path):
    train = ["train", folder / "data", "--out", tmp_path / "a", "--dim", 8, "--steps", 1]
    more = ["--no-single", "--no-rules", "--item-vectors", folder / "v.npz"]
    assert run(*train, *more) == 0
    printed = capsys.readouterr()
    note = " ".join(printed.err.split())
    assert "v.npz: 59 of 60 items have a vector of 5; 2 vectors are of other ids" in note
    assert "dropped 1 with a value that is missing or not finite" in note
    assert "59 of 60 items have a content vector" in " ".join(printed.out.split())
    assert "item_vectors" in (tmp_path / "a" / "run.toml").read_text()


def test_add_adds_items_by_vector_or_category(folder, capsys, tmp_path):
    items = ["--items", folder / "items.csv", "--item-vectors", folder / "v.npz"]
    assert run("add", folder / "a", *items, "--out", tmp_path / "b", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    counts = {"added": 2, "known": 1, "unusable": 1, "rejected": 0}
    assert shown == counts | {"rejected_lines": {}}
    recommender = load(tmp_path / "b")
    names = [item.id for item in recommender.recommend(["new"], 500, exclude_seen=False)]
    assert {"new", "plain"} < set(names)
    assert (tmp_path / "b" / "run.toml").read_text() == (folder / "a" / "run.toml").read_text()
    assert run("evaluate", tmp_path / "b", folder / "data", "-k", 5, "--json") == 0


def test_without_an_item_to_add_the_artifact_is_the_same_and_the_counts_are_reported(
    folder, capsys, tmp_path
):
    ids = pl.read_parquet(folder / "data" / "items.parquet")["id"].to_list()
    (tmp_path / "items.csv").write_text(f"item,title\n{ids[0]},A\n{ids[1]},B\nnothing,N\n")
    add = ["add", folder / "a", "--items", tmp_path / "items.csv", "--out", tmp_path / "b"]
    assert run(*add) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "0 items were added, 2 are in the artifact already" in printed
    assert "1 items were not added: they have no vector and no category" in printed
    files = {path.relative_to(folder / "a") for path in (folder / "a").rglob("*.*")}
    assert files == {path.relative_to(tmp_path / "b") for path in (tmp_path / "b").rglob("*.*")}
    for name in files:
        assert (tmp_path / "b" / name).read_bytes() == (folder / "a" / name).read_bytes()


def test_add_with_other_vectors_is_one_sentence(folder, capsys, tmp_path):
    out = ["--items", folder / "items.csv", "--out", tmp_path / "b"]
    pl.DataFrame({"item": ["new"], "v": [[1.0, 2.0]]}).write_parquet(tmp_path / "v.parquet")
    assert run("add", folder / "a", *out, "--item-vectors", tmp_path / "v.parquet") == 2
    assert "has 2 numbers, but this model was trained with" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def test_vectors_of_other_items_are_refused_before_training(folder, capsys, tmp_path):
    pl.DataFrame({"item": ["x"], "v": [[1.0, 2.0]]}).write_parquet(tmp_path / "v.parquet")
    train = ["train", folder / "data", "--out", tmp_path / "a", "--item-vectors"]
    assert run(*train, tmp_path / "v.parquet") == 2
    assert "0 have training events, but the projection needs 20" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


def test_added_items_pass_filters_of_their_attributes(folder, capsys, tmp_path):
    ids = pl.read_parquet(folder / "data" / "items.parquet")["id"].to_list()
    category = pl.read_parquet(folder / "data" / "categories.parquet")["name"][0]
    rows = [f"{name},{category},{number},DE" for number, name in enumerate(ids)]
    items = tmp_path / "items.csv"
    items.write_text("\n".join(["item,categories,price,region", *rows]))
    attributes = ["--items", items, "--attributes", "price,region:set"]
    assert run("prepare", WORLD, *attributes, "--out", tmp_path / "data") == 0
    train = ["--dim", 8, "--steps", 1, "--no-rules", "--no-single"]
    assert run("train", tmp_path / "data", "--out", tmp_path / "a", *train) == 0
    # Another order of the columns, one that is no attribute, and a bad cell.
    new = [f"DE|AT,0.5,x,cheap,{category}", f",?,x,odd,{category}"]
    items.write_text("\n".join(["region,price,color,artikel,categories", *new]))
    capsys.readouterr()
    options = ["--items-id-column", "artikel", "--out", tmp_path / "b"]
    assert run("add", tmp_path / "a", "--items", items, *options) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "2 items were added" in printed
    assert "price is no number" in printed
    catalog = load(tmp_path / "b").catalog
    cells = [catalog.attributes.of_item(number) for number in catalog.items.index(["cheap", "odd"])]
    assert cells == [{"price": 0.5, "region": ["AT", "DE"]}, {"price": None, "region": None}]
    where = ["--where", "price=0.5", "--where", "region in AT", "--json"]
    assert run("recommend", tmp_path / "b", "--history", ids[0], *where) == 0
    assert [one["id"] for one in json.loads(capsys.readouterr().out)["items"]] == ["cheap"]


def test_rejected_rows_are_reported_with_reason_and_line(folder, tmp_path, capsys):
    items = tmp_path / "items.csv"
    items.write_text((folder / "items.csv").read_text() + ",No id,tea\n,Nor here,tea\n")
    asked = ["add", folder / "a", "--items", items, "--out", tmp_path / "b"]
    assert run(*asked) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "2 rows of items.csv were rejected" in shown
    assert "rejected: 2 rows: item is missing (line 6: ',No id')" in shown
    assert run(*asked, "--json") == 0
    value = json.loads(capsys.readouterr().out)
    assert (value["rejected"], value["rejected_lines"]) == (2, {"item is missing": [6, 7]})
