"""Check the documents: the code runs, the links work, the tables are up to date."""

import contextlib
import io
import re
import runpy
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import prismrec as pr
from prismrec.data.synthetic import open_world

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def write_example_log(folder):
    """Write events.csv and items.csv with the ids and categories that the documents use."""
    log, items = open_world("synthetic:many-taste?users=150&items=60&clusters=6&seed=0")
    ids = {str(number): f"B0{number // 26}{chr(65 + number % 26)}" for number in range(60)}
    kinds = {"cluster 0": "tea", "cluster 1": "cups"}
    events = log.frame.collect().with_columns(pl.col("item").cast(pl.String).replace(ids))
    events.write_csv(folder / "events.csv")
    categories = pl.col("categories").list.eval(pl.element().replace(kinds)).list.join("|")
    table = items.frame.with_columns(pl.col("item").replace(ids), categories=categories)
    table.write_csv(folder / "items.csv")


@pytest.mark.slow
def test_the_code_of_the_readme_runs(tmp_path, monkeypatch):
    write_example_log(tmp_path)
    code = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    (tmp_path / "readme.py").write_text("\n".join(code))
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        names = runpy.run_path("readme.py")
    assert "recall@20" in printed.getvalue()
    assert (tmp_path / "model" / "manifest.json").exists()
    assert names["answer"].source == "interests"
    assert names["answer"].interests
    assert [answer.source for answer in names["answers"]] == ["interests", "interests"]


ELSEWHERE = ("spark_lists", "duckdb", "ray.", "read_exposures")
"""Examples of documents that need other programs or logged lists are not run."""
EXAMPLES = {
    path.name: blocks
    for path in sorted((ROOT / "docs").glob("*.md"))
    if (blocks := [
        code for code in re.findall(r"```python\n(.*?)```", path.read_text(), re.S)
        if not any(word in code for word in ELSEWHERE)
    ])
}  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Return a folder with the files, and the names, that the examples of the documents use."""
    folder = tmp_path_factory.mktemp("shop")
    write_example_log(folder)
    items = pl.read_csv(folder / "items.csv").with_row_index("price")
    items = items.with_columns(region=pl.lit("DE|AT"), age_limit=pl.col("price") % 20)
    items.write_csv(folder / "items.csv")
    vectors = np.random.default_rng(0).normal(size=(60, 8))
    np.savez(folder / "vectors.npz", ids=items["item"].to_numpy().astype(str), vectors=vectors)
    rows = pl.read_csv(folder / "events.csv").with_row_index("row")
    rows = rows.with_columns(rating=pl.col("row") % 5 + 1)
    rows.write_csv(folder / "ratings.csv")
    kinds = pl.Series(["view", "cart", "purchase", "return"])
    rows.with_columns(event=kinds.gather(rows["row"] % 4)).write_parquet(folder / "shop.parquet")
    columns = pr.ItemColumns(attributes=["all"])
    data = pr.build_dataset(
        pr.read_events(folder / "events.csv"),
        items=pr.read_items(folder / "items.csv", columns=columns),
    )
    split = pr.split_by_user(data)
    quick = pr.TrainConfig(epochs=1, device="cpu")
    recommender = pr.fit(split, data.catalog, pr.RunConfig(dim=8), quick).recommender
    for name in ("artifact", "model"):
        pr.save(recommender, folder / name)
    batch = pl.DataFrame({"user": ["ann"], "history": [["B00A", "B00B"]]}).to_arrow()
    return folder, {"data": data, "split": split, "vector": vectors[0], "batch": batch}


@pytest.mark.slow
@pytest.mark.parametrize("document", EXAMPLES)
def test_the_examples_of_a_document_run(document, shop, monkeypatch):
    folder, names = shop
    monkeypatch.chdir(folder)
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile("\n".join(EXAMPLES[document]), document, "exec"), dict(names))  # noqa: S102


def test_documents_with_python_examples_are_found():
    expected = {"event-weights.md", "experiments.md", "filters.md", "item-vectors.md", "scale.md"}
    assert expected <= set(EXAMPLES)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_has_a_target(document):
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.S)
    for target, anchor in re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        path = document.parent / target if target else document
        assert path.exists(), target
        if anchor and path.suffix == ".md":
            assert anchor in anchors(path), f"{target}#{anchor}"


def test_the_names_of_the_python_document_have_different_anchors():
    headings = re.findall(r"^#+ (.*)$", (ROOT / "docs" / "python.md").read_text(), re.M)
    assert len(anchors(ROOT / "docs" / "python.md")) == len(headings)


def anchors(document):
    """Return the anchors of a document's headings, as GitHub spells them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(("document", "function"), [
    ("commands.md", "commands"), ("python.md", "python_page"),
])  # fmt: skip
def test_the_generated_documents_equal_the_current_help(document, function):
    page = runpy.run_path(str(ROOT / "docs" / "generate.py"))[function]()
    assert page == (ROOT / "docs" / document).read_text(encoding="utf-8"), "run `make docs`"


def test_the_readme_names_the_two_commands():
    text = (ROOT / "README.md").read_text()
    assert "make demo" in text
    assert "make test" in text


def test_the_file_tree_of_the_readme_is_complete():
    tree = (ROOT / "README.md").read_text().partition("src/prismrec/\n")[2].partition("```")[0]
    package = ROOT / "src" / "prismrec"
    folders = {f"{path.name}/" for path in package.iterdir() if (path / "__init__.py").exists()}
    files = {path.name for path in package.glob("[!_]*.py")}
    assert {*folders, *files} <= set(re.findall(r"^  (\S+)", tree, re.M))


def test_every_test_file_named_in_documents_exists():
    for document in DOCUMENTS:
        for name in re.findall(r"`(tests/[\w/.]+)`", document.read_text()):
            assert (ROOT / name).exists(), f"{document.name}: {name}"
