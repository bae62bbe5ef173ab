"""Read attributes of items: types, missing values, bad cells, files."""

import json
from copy import deepcopy
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from copies import pickled
from prismrec.data import build_dataset, load_dataset, read_events, read_items, save_dataset
from prismrec.data.attribute_columns import REMEMBERED, Remembered
from prismrec.data.attributes import ATTRIBUTES_FILE, Attributes
from prismrec.data.items import ItemColumns
from prismrec.errors import ConfigError, DataError, UnknownName

ALL = ItemColumns(attributes=["all"])


def read(path, content, *wanted, **options):
    path.write_text(content)
    return read_items(path, columns=ItemColumns(attributes=wanted or ["all"]), **options)


def values(items):
    return {name: series.to_list() for name, series in items.attributes.items()}


def kinds(items):
    return {report.name: report.kind for report in items.reports}


@pytest.mark.parametrize(
    "wanted", [(), ("sale_price", "price"), ("sale_price:number", "price:number")]
)
def test_keys_that_first_occur_late_are_attributes(tmp_path, wanted):
    rows = [{"item": f"i{n}", "price": n} for n in range(120)]
    rows.append({"item": "z", "price": 2, "sale_price": 1.5, "note": {"inner": 1}})
    path = tmp_path / "items.jsonl"
    if not wanted:
        rows[-1].pop("note")
    items = read(path, "\n".join(map(json.dumps, rows)), *wanted)
    assert {name: cells[-1] for name, cells in values(items).items()} == {
        "price": 2.0, "sale_price": 1.5
    }  # fmt: skip


def test_the_type_of_a_column_follows_from_all_of_its_cells(tmp_path):
    items = read(
        tmp_path / "items.csv",
        "item,title,price,new,region,brand,zip,ean\n"
        "A,Tea,9.5,yes,DE|AT,Acme,01067,9000000000000000019\n"
        "B,,-1e2,no,DE,Öko,10115,1\n"
        "C,Mug,,,,  ,,\n",
    )
    assert kinds(items) == {
        "price": "number", "new": "boolean", "region": "set", "brand": "text", "zip": "text",
        "ean": "text",
    }  # fmt: skip
    assert values(items) == {
        "price": [9.5, -100.0, None],
        "new": [True, False, None],
        "region": [["DE", "AT"], ["DE"], None],
        "brand": ["Acme", "Öko", None],
        "zip": ["01067", "10115", None],
        "ean": ["9000000000000000019", "1", None],
    }
    assert not any(report.bad for report in items.reports)


def test_bad_cells_are_counted_and_reported_by_line(tmp_path):
    rows = [f"i{n},{n}.5,true" for n in range(60)]
    rows[7], rows[9], rows[30] = "i7,call us,true", "i9,nan,true", "i30,inf,maybe"
    items = read(tmp_path / "items.csv", "\n".join(["item,price,sale", *rows]))
    price, sale = items.reports
    assert (price.bad.count, price.bad.lines) == (3, (9, 11, 32))
    assert price.bad.examples == ("call us", "nan", "inf")
    assert str(sale.bad) == (
        "1 row: sale is no boolean, so the item has no sale (line 32: 'maybe')"
    )
    assert values(items)["price"][6:8] == [6.5, None]


def test_a_column_of_many_words_and_few_numbers_is_text(tmp_path):
    items = read(tmp_path / "items.csv", "item,size\na,38\nb,40\nc,XL\nd,42\n")
    assert values(items) == {"size": ["38", "40", "XL", "42"]}
    stated = read(tmp_path / "items.csv", "item,size\na,38\nb,40\nc,XL\nd,42\n", "size:number")
    assert values(stated) == {"size": [38.0, 40.0, None, 42.0]}
    assert stated.reports[0].bad.count == 1


@pytest.mark.parametrize("dtype", [pl.Float64, pl.Float32])
def test_nan_in_a_column_of_floats_is_a_missing_value(tmp_path, dtype):
    price = pl.Series([1.5, np.nan, None, np.nan, np.inf, -np.inf], dtype=dtype)
    nothing = pl.Series([np.nan] * 6, dtype=dtype)
    frame = pl.DataFrame({"item": list("abcdef"), "price": price, "nothing": nothing})
    frame.write_parquet(tmp_path / "items.parquet")
    for source in (frame, tmp_path / "items.parquet"):
        items = read_items(source, columns=ALL)
        assert kinds(items) == {"price": "number", "nothing": "number"}
        assert values(items) == {"price": [1.5, *[None] * 5], "nothing": [None] * 6}
        assert [one.bad and one.bad.lines for one in items.reports] == [(5, 6), None]  # infinite
        stated = read_items(source, columns=ItemColumns(attributes=["price:text"]))
        assert values(stated)["price"] == ["1.5", None, None, None, "inf", "-inf"]


def test_a_stated_type_replaces_the_decision(tmp_path):
    content = "item,stock,tags:token_seq,weight:float\na,1,x y,3\nb,0,,x\n"
    items = read(tmp_path / "items.csv", content, "stock:boolean", "tags", "weight")
    assert values(items) == {
        "stock": [True, False], "tags": [["x", "y"], None], "weight": [3.0, None],
    }  # fmt: skip


def test_a_file_without_a_column_does_not_change_how_another_one_is_read(tmp_path):
    (tmp_path / "1.csv").write_text("item\na\n")
    (tmp_path / "2.csv").write_text("item,region:token_seq,price\nb,x y,2\n")
    items = read_items(tmp_path, columns=ALL)
    assert values(items) == {"region": [None, ["x", "y"]], "price": [None, 2.0]}


@pytest.mark.parametrize("ending", ["jsonl", "parquet", "frame"])
def test_lists_and_numbers_of_other_formats_are_read(tmp_path, ending):
    rows = [
        {"item": "A", "price": 0.1, "sale": True, "region": ["DE", "a|b"]},
        {"item": "B", "price": 1e-7, "sale": None, "region": []},
        {"item": "C", "price": None, "sale": False, "region": None},
    ]
    path = tmp_path / f"items.{ending}"
    if ending == "jsonl":
        path.write_text("\n".join(map(json.dumps, rows)))
    elif ending == "parquet":
        pl.DataFrame(rows).write_parquet(path)
    items = read_items(pl.DataFrame(rows) if ending == "frame" else path, columns=ALL)
    assert values(items) == {
        "price": [0.1, 1e-7, None],
        "sale": [True, None, False],
        "region": [["DE", "a|b"], None, None],
    }


def test_an_item_with_several_rows_has_its_first_value_and_every_text_of_a_set(tmp_path):
    items = read(tmp_path / "items.csv", "item,price,region\na,,DE\na,2,\na,3,AT|DE\nb,1,\n")
    assert values(items) == {"price": [2.0, 1.0], "region": [["DE", "AT"], None]}


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (["prize"], "attribute column 'prize' is not in items.csv.*'price'"),
        (["price", "price:text"], "attribute 'price' was given twice"),
    ],
)
def test_wrong_attributes_are_an_error(tmp_path, wanted, message):
    with pytest.raises((ConfigError, DataError), match=message):
        read(tmp_path / "items.csv", "item,price\na,1\n", *wanted)


@pytest.mark.parametrize("cell", [{"a": 1}, [{"a": 1}], b"\xff", timedelta(1)])
def test_cells_that_cannot_be_read_are_left_out_or_an_error(cell):
    frame = pl.DataFrame({"item": ["a"], "odd": [cell], "since": [date(2020, 1, 2)]})
    assert values(read_items(frame, columns=ALL)) == {"since": ["2020-01-02"]}
    with pytest.raises(DataError, match="attribute column 'odd' of the frame is"):
        read_items(frame, columns=ItemColumns(attributes=["odd"]))


def test_two_columns_of_one_name_are_an_error(tmp_path):
    with pytest.raises(ConfigError, match="two columns have this name"):
        read(tmp_path / "items.csv", "item,price:float,price:token\na,1,cheap\n")


@pytest.fixture
def dataset(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text(
        "user,item,time\n" + "".join(f"u{n % 3},{x},{n}\n" for n, x in enumerate("abcab"))
    )
    content = "item,price,sale,brand,region\nb,2,yes,x,DE|AT\na,1,no,,DE\nz,9,yes,y,FR\n"
    items = read(tmp_path / "items.csv", content)
    return build_dataset(read_events(log), items=items, min_user_events=1, min_item_events=1)


def test_a_data_set_keeps_the_attributes_of_its_items(dataset, tmp_path):
    save_dataset(dataset, tmp_path / "data")
    for catalog in (dataset.catalog, load_dataset(tmp_path / "data").catalog):
        assert [catalog.attributes.of_item(number) for number in (1, 2, 3)] == [
            {"price": 1.0, "sale": False, "brand": None, "region": ["DE"]},
            {"price": 2.0, "sale": True, "brand": "x", "region": ["AT", "DE"]},
            {"price": None, "sale": None, "brand": None, "region": None},
        ]
        kinds = {name: one.kind for name, one in catalog.attributes.columns.items()}
        assert kinds == dataset.how["attributes"]
    (tmp_path / "data" / ATTRIBUTES_FILE).unlink()
    with pytest.raises(DataError, match=r"attributes.parquet"):
        load_dataset(tmp_path / "data")


@pytest.mark.parametrize(
    "table",
    [
        pl.DataFrame({"price": [1.0, 2.0]}),
        pl.DataFrame({"price": [1.0, 2.0, float("inf")]}),
        pl.DataFrame({"price": [1, 2, 3]}),
        pl.DataFrame(),
    ],
)
def test_a_damaged_file_of_attributes_is_refused(dataset, tmp_path, table):
    save_dataset(dataset, tmp_path / "data")
    table.write_parquet(tmp_path / "data" / ATTRIBUTES_FILE)
    with pytest.raises(DataError, match=r"attributes.parquet is damaged"):
        load_dataset(tmp_path / "data")


def test_a_data_set_without_attributes_has_no_such_file(dataset, tmp_path):
    plain = build_dataset(read_events(tmp_path / "log.csv"), min_user_events=1, min_item_events=1)
    save_dataset(plain, tmp_path / "data")
    assert not (tmp_path / "data" / ATTRIBUTES_FILE).exists()
    assert "attributes" not in plain.how


def test_a_change_returns_other_columns_and_shares_the_rest(dataset):
    old = dataset.catalog.attributes
    cells = {
        "price": {1: 7, 2: None},
        "region": {3: ["AT", "CH", "AT"], 1: None},
        "sale": {3: True},
    }
    new = old.changed(cells)
    assert [new.of_item(number) for number in (1, 2, 3)] == [
        {"price": 7.0, "sale": False, "brand": None, "region": None},
        {"price": None, "sale": True, "brand": "x", "region": ["AT", "DE"]},
        {"price": None, "sale": True, "brand": None, "region": ["AT", "CH"]},
    ]
    assert new.column("brand") is old.column("brand")
    assert old.of_item(1)["price"] == 1.0
    larger = new.extended(6)
    assert larger.of_item(5) == dict.fromkeys(cells | {"brand": 0})
    assert larger.changed({"brand": {5: "z"}}).of_item(5)["brand"] == "z"


def test_names_that_no_item_has_any_more_are_dropped(dataset):
    old = dataset.catalog.attributes
    new = old.changed({"region": {1: ["CH", "FR"], 2: ["FR"]}}).changed({"region": {1: ["FR"]}})
    assert new.column("region").names == ("FR",)
    assert [new.of_item(number)["region"] for number in (1, 2, 3)] == [["FR"], ["FR"], None]
    assert new.column("region").any_of(["FR", "CH"]).tolist() == [False, True, True, False]


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("price", "7"), ("price", True), ("price", float("nan")), ("price", 10**400),
        ("sale", 1), ("brand", 1), ("region", "DE"), ("region", ["DE", 1]), ("brand", ["x"]),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_a_value_of_another_type_is_refused(dataset, name, cell):
    with pytest.raises(ConfigError, match=f"attribute '{name}' of an item"):
        dataset.catalog.attributes.changed({name: {1: cell}})
    with pytest.raises(UnknownName, match=r"'prise'; the attributes are price \(number\)"):
        dataset.catalog.attributes.changed({"prise": {1: 1}})


def test_a_column_remembers_a_bounded_number_of_results():
    remembered = Remembered(REMEMBERED // 2)
    made = []

    def compute(number):
        made.append(number)
        return np.array([number])

    for number in (1, 2, 1, 3, 1, 2):
        assert remembered.get(number, lambda n=number: compute(n))[0] == number
    assert made == [1, 2, 3, 2]
    with pytest.raises(ValueError, match="read-only"):
        remembered.get(1, lambda: None)[:] = 0


@pytest.mark.parametrize("copied", [pickled, deepcopy])
def test_attributes_are_copied_and_pickled_also_after_a_filter(copied):
    attributes = Attributes.of({"a": pl.Series(["x", "y"]), "b": pl.Series([1.0, 2.0])})
    for column in attributes.columns.values():
        column.remembered.get("key", lambda: np.array([False, True]))
    again = copied(attributes)
    for name, column in again.columns.items():
        assert column.remembered.most == attributes.columns[name].remembered.most
        assert not column.remembered.found
    assert again.frame().equals(attributes.frame())


def test_attributes_of_no_items_can_be_written(tmp_path):
    attributes = Attributes.of({"a": pl.Series([], dtype=pl.String)})
    assert attributes.frame().height == 0
