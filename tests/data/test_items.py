"""Read items: titles and any number of categories, from all formats."""

import json

import numpy as np
import polars as pl
import pytest

from prismrec.data import Columns, build_dataset, load_dataset, save_dataset
from prismrec.data.catalog import Catalog
from prismrec.data.events import read_events
from prismrec.data.ids import IdMap
from prismrec.data.items import ItemColumns, items_from_log, read_items
from prismrec.data.storage import read_catalog, write_catalog
from prismrec.errors import ConfigError, DataError


@pytest.fixture
def write(tmp_path):
    def to(content, name="items.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return to


def categories(items):
    return dict(zip(items.frame["item"], items.frame["categories"].to_list(), strict=True))


def test_an_item_with_several_rows_has_the_categories_of_all(write):
    items = read_items(write("item,title,category\n7,Tea,1\n8,Mug,1\n7,Other,2\n7,,1\n"))
    assert categories(items) == {"7": ["1", "2"], "8": ["1"]}
    assert items.frame["title"].to_list() == ["Tea", "Mug"]


def test_items_of_a_log_have_the_categories_of_all_their_events(write):
    log = read_events(write("user,item,time,category\nu,7,1,1\nu,8,2,\nv,7,3,2\nv,7,4,1\n"))
    items = items_from_log(log)
    assert categories(items) == {"7": ["1", "2"], "8": []}
    with pytest.raises(DataError, match="no category column"):
        items_from_log(read_events(write("user,item,time\nu,a,5\n")))


def test_id_is_the_column_of_items_if_no_other_is(write):
    items = read_items(write("id,title,categories\n7,Tea,x\n"))
    assert categories(items) == {"7": ["x"]}
    items = read_items(write("Id,sku,title\n1,7,Tea\n"), columns=ItemColumns(attributes=["all"]))
    assert categories(items) == {"7": []}
    assert items.attributes["Id"].to_list() == [1.0]
    for header in ("id,ID,title", "artikel,title,name"):
        with pytest.raises(DataError, match=r'(no column of|several).* such as item="sku"'):
            read_items(write(f"{header}\n7,8,Tea\n"))


@pytest.mark.parametrize("ending", ["jsonl", "json"])
def test_an_item_without_category_is_kept(write, ending):
    lines = [
        {"asin": "A", "categories": [[]]},
        {"asin": "B", "title": "Bee", "categories": [["x, y", 'q"é'], ["x, y"]]},
        {"asin": "C"},
        {"asin": "D", "categories": None},
        {"asin": "E", "categories": []},
        {"asin": 9000000000000000019, "categories": "x|y"},
    ]
    items = read_items(write("\n".join(map(json.dumps, lines)), f"items.{ending}"))
    assert categories(items) == {
        "A": [], "B": ["x, y", 'q"é'], "C": [], "D": [], "E": [], "9000000000000000019": ["x", "y"],
    }  # fmt: skip
    assert items.frame["title"].to_list()[:3] == [None, "Bee", None]


def test_a_byte_order_mark_and_late_keys_are_read(write):
    early = [json.dumps({"asin": f"i{n}"}) for n in range(120)]
    late = json.dumps({"asin": "z", "title": "Zed", "categories": ["x"]})
    items = read_items(write("\ufeff" + "\n".join([*early, late]), "items.jsonl"))
    assert items.frame.height == 121
    assert items.frame.row(-1) == ("z", "Zed", ["x"])


def test_an_empty_field_is_not_a_category(write):
    items = read_items(write("item,genres\na,\nb,|\nc, x | |y\n"))
    assert categories(items) == {"a": [], "b": [], "c": ["x", "y"]}


def test_a_row_without_item_is_rejected(write):
    items = read_items(write("item,category\na,x\n,y\nb,z\n"))
    assert [(each.reason, each.lines) for each in items.rejected] == [("item is missing", (3,))]
    with pytest.raises(DataError, match=r"column of ids.*'what', 'kind'"):
        read_items(write("what,kind\na,x\n"))


def test_one_object_that_maps_items_to_categories_is_read(write):
    text = json.dumps({"4": [1, 2, 1], "83": [], "5": "a|b", "6": None, "7": [["x"], ["y"]]})
    assert categories(read_items(write(text, "attributes.json"))) == {
        "4": ["1", "2"], "83": [], "5": ["a|b"], "6": [], "7": ["x", "y"],
    }  # fmt: skip


def test_a_repeated_key_of_an_object_has_the_categories_of_both(write):
    items = read_items(write('{"7":["1"],"8":["1"],"7":["2",1.50]}', "attributes.json"))
    assert categories(items) == {"7": ["1", "2", "1.50"], "8": ["1"]}


def test_deep_objects_and_large_numbers_are_handled(write):
    large = "9" * 5_000
    assert categories(read_items(write(f'{{"a":{large}}}', "a.json"))) == {"a": [large]}
    with pytest.raises(DataError, match="nested too deeply"):
        read_items(write('{"a":' + "[" * 100_000 + "]" * 100_000 + "}", "a.json"))


OBJECTS = [{"id": 28, "name": "Action"}, {"id": 12, "name": "Adventure"}]


@pytest.mark.parametrize("cell", [OBJECTS, OBJECTS[0], [[OBJECTS[0]], ["x"]]])
def test_categories_that_are_json_objects_are_an_error(write, cell):
    lines = [{"item": "A", "genres": ["{x}"]}, {"item": "B", "genres": cell}]
    path = write("\n".join(map(json.dumps, lines)), "items.jsonl")
    with pytest.raises(DataError, match=r"1 row: categories are objects, not names \(line 2"):
        read_items(path)
    text = json.dumps(cell).replace('"', '""')
    with pytest.raises(DataError, match="categories are objects"):
        read_items(write(f'item,genres\nA,x\nB,"{text}"\n'))
    with pytest.raises(DataError, match=r"The item 'B' of map\.json has an object"):
        read_items(write(json.dumps({"A": ["x"], "B": cell}), "map.json"))
    log = {"user": "u", "time": 5} | lines[1]
    with pytest.raises(DataError, match="categories are objects"):
        read_events(write(json.dumps(log), "log.jsonl"))


@pytest.mark.parametrize("cell", [OBJECTS[0], OBJECTS, [OBJECTS]])
def test_a_column_of_objects_is_an_error(cell):
    with pytest.raises(DataError, match=r"'genres' of the frame is .*objects, not names"):
        read_items(pl.DataFrame({"item": ["A"], "genres": [cell]}))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[Live] rock|pop", ["[Live] rock", "pop"]),
        ("[x]|y", ["[x]", "y"]),
        ('["x"', ['["x"']),
        ("{a}|b", ["{a}", "b"]),
        ('["x|y", ["z"], "{"]', ["x|y", "z", "{"]),
    ],
)
def test_text_is_json_only_if_all_of_it_is(write, text, found):
    line = json.dumps({"item": "a", "categories": text})
    assert categories(read_items(write(line, "items.jsonl"))) == {"a": found}
    frame = pl.DataFrame({"item": ["a"], "categories": [text]})
    assert categories(read_items(frame)) == {"a": found}


def test_lists_of_fixed_length_are_read():
    kind = pl.List(pl.Array(pl.String, 2))
    frame = pl.DataFrame(
        {"item": ["a"], "tags": [[["x", "y"], ["y", "z"]]]}, schema_overrides={"tags": kind}
    )
    assert categories(read_items(frame)) == {"a": ["x", "y", "z"]}


@pytest.mark.parametrize("text", ["ann tea cups\nbob mugs\n", "tea cups\n"])
def test_sequences_are_not_items(write, text):
    with pytest.raises(DataError, match=r"items\.txt has no header .* give a table of items"):
        read_items(write(text, "items.txt"))


def test_recbole_items_are_read(write):
    text = (
        "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
        "1\tToy Story\t1995\tAnimation Children's Comedy\n"
    )
    items = read_items(write(text, "ml.item"))
    assert items.frame.rows() == [("1", "Toy Story", ["Animation", "Children's", "Comedy"])]


def test_comirec_categories_are_read_without_a_header(write):
    assert categories(read_items(write("7,1\n8,2\n", "cate.txt"))) == {"7": ["1"], "8": ["2"]}


def test_columns_and_separator_can_be_chosen(write):
    columns = ItemColumns(item="what", title="called", categories="kind")
    items = read_items(write("what,called,kind\na,Tea,x;y\n"), columns=columns, separator=";")
    assert items.frame.rows() == [("a", "Tea", ["x", "y"])]


@pytest.mark.parametrize(
    "cells", [[["x", "y", "x"], None], [[["x"], ["y", "x"]], [[]]], ["x|y", ""]]
)
def test_frames_with_lists_nested_lists_and_text_are_read(cells):
    items = read_items(pl.DataFrame({"item": [2**63, 1], "category": cells}, strict=False))
    assert categories(items) == {str(2**63): ["x", "y"], "1": []}


def test_another_encoding_is_read(write):
    path = write("item,title\na,Amélie\n".encode("latin-1"))
    with pytest.raises(DataError, match="0xE9 at offset 15"):
        read_items(path)
    assert read_items(path, encoding="latin-1").frame["title"].to_list() == ["Amélie"]


PICTURE = "https://images.example/a.png"
UNUSABLE = [
    "http://images.example/a.png", "javascript:alert(1)", "data:image/png;base64,AAAA",
    "//images.example/a.png", "HTTPS://images.example/a.png", "https://", "a.png",
    "https://images.example/a b.png", "https://images.example/a\u0007.png",
    "https://images.example/a\u202epng", "https://images.example/" + "a" * 2_000,
]  # fmt: skip


def images(items):
    return dict(zip(items.frame["item"], items.frame["image"].to_list(), strict=True))


@pytest.mark.parametrize("name", ["image", "image_url", "picture", "imUrl", "Poster URL"])
def test_a_column_of_pictures_is_read(write, name):
    items = read_items(write(f"item,title,{name}\na,Tea,{PICTURE}\nb,Mug,\na,,{PICTURE}?2\n"))
    assert images(items) == {"a": PICTURE, "b": None}
    columns = ItemColumns(image="face")
    items = read_items(write(f"item,face,{name}\na,{PICTURE},x\n"), columns=columns)
    assert images(items) == {"a": PICTURE}
    with pytest.raises(DataError, match="image column 'face'"):
        read_items(write("item,title\na,Tea\n"), columns=columns)


def test_the_first_picture_of_a_list_is_used(write):
    lines = [{"asin": "A", "imageURL": [PICTURE, "https://x.example/b"]}, {"asin": "B"}]
    path = write("\n".join(map(json.dumps, lines)), "items.jsonl")
    assert images(read_items(path)) == {"A": PICTURE, "B": None}
    frame = pl.DataFrame({"item": ["A", "B", "C"], "image": [[PICTURE], [], None]})
    assert images(read_items(frame)) == {"A": PICTURE, "B": None, "C": None}


@pytest.mark.parametrize("address", UNUSABLE)
def test_an_address_that_no_page_should_load_is_dropped(address):
    items = read_items(pl.DataFrame({"item": ["a", "b"], "image": [address, f" {PICTURE} "]}))
    assert images(items) == {"a": None, "b": PICTURE}


@pytest.mark.parametrize("cell", [7, {"url": PICTURE}, "a.png", None])
def test_without_any_picture_there_is_no_such_column(cell):
    frame = pl.DataFrame({"item": ["a"], "image": [cell]}, strict=False)
    assert read_items(frame).frame.columns == ["item", "title", "categories"]


def test_a_data_set_keeps_pictures_and_loads_without_them(write, tmp_path):
    log = read_events(write("user,item,time\n" + "".join(f"u,{i},1\n" for i in "abbc"), "log.csv"))
    text = f"item,title,image\na,Tea,{PICTURE}\nc,Mug,\nd,Not in the log,{PICTURE}\n"
    few = {"min_user_events": 1, "min_item_events": 1}
    dataset = build_dataset(log, items=read_items(write(text)), **few)
    save_dataset(dataset, tmp_path / "with")
    catalog = load_dataset(tmp_path / "with").catalog
    found = {name: catalog.image(int(catalog.items.index([name])[0])) for name in "abc"}
    assert found == {"a": PICTURE, "b": None, "c": None}
    assert catalog.image(0) is catalog.image(4) is None
    save_dataset(build_dataset(log, **few), tmp_path / "without")
    assert pl.read_parquet_schema(tmp_path / "without" / "items.parquet").keys() == {
        "id", "title", "categories", "count",
    }  # fmt: skip
    assert load_dataset(tmp_path / "without").catalog.images is None


def test_items_that_were_added_later_have_no_picture(tmp_path):
    parts = {
        "items": IdMap(pl.Series(["a", "b"]), first=1, kind="item"),
        "titles": pl.Series(["A", "B"]),
        "category_names": [],
        "category_indptr": np.zeros(4, dtype=np.int64),
        "category_ids": np.zeros(0, dtype=np.int32),
        "count": np.zeros(3, dtype=np.int64),
    }
    write_catalog(Catalog(**parts, images=pl.Series([PICTURE])), tmp_path)
    catalog = read_catalog(tmp_path)
    assert [catalog.image(number) for number in (1, 2)] == [PICTURE, None]
    with pytest.raises(DataError, match="pictures for 3"):
        Catalog(**parts, images=pl.Series([PICTURE] * 3))


def test_a_title_of_spaces_is_no_title(write):
    items = read_items(write("item,title,category\na,  ,x\nb,\u3000,x\nc, ,x\nc,Cup,x\n"))
    assert items.frame["title"].to_list() == [None, None, "Cup"]


def test_an_argument_of_another_type_is_refused():
    with pytest.raises(ConfigError, match="must be ItemColumns; write ItemColumns"):
        read_items(pl.DataFrame(), columns=Columns(item="item"))
    with pytest.raises(ConfigError, match=r"is the text 'price', .* write \['price'\]"):
        ItemColumns(attributes="price")
    assert ItemColumns(attributes=["price"]).attributes == ("price",)


def test_titles_of_a_table_and_categories_of_the_log_are_joined(write):
    log = read_events(write("user,item,time,category\nu,a,1,x\nu,a,2,y\nu,b,3,x\n", "log.csv"))
    few = {"min_user_events": 1, "min_item_events": 1}
    for text, categories in (("a,Tea,", ["x", "y"]), ("a,Tea,z", ["z"])):
        items = read_items(write(f"item,title,category\n{text}\n"))
        catalog = build_dataset(log, items=items, **few).catalog
        assert list(catalog.titles) == ["Tea", "b"]
        assert catalog.category_names == categories
