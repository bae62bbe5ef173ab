"""Check weights and dislikes from the log to the data set, its folder and its splits."""

import json

import numpy as np
import polars as pl
import pytest

from event_logs import dataset_of, rejected_lines
from prismrec.data.dataset import build_dataset
from prismrec.data.events import read_events
from prismrec.data.readers.columns import Columns
from prismrec.data.readers.comparison import Comparison
from prismrec.data.readers.weighting import NO_WEIGHTING, Weighting
from prismrec.data.split import make_split
from prismrec.data.storage import load_dataset, save_dataset
from prismrec.errors import ConfigError, DataError

pytestmark = pytest.mark.slow

ROWS = [
    # user, item, time, kind, stars
    ("ann", "a", 1, "view", "5"),
    ("ann", "b", 2, "buy", "1"),
    ("ann", "c", 3, "return", "4"),
    ("bob", "a", 1, "buy", "2"),
    ("bob", "b", 2, "view", "3"),
    ("bob", "a", 3, "return", "3"),
    ("bob", "c", 4, "view", "1"),
    ("bob", "a", 5, "return", "3"),
]
NAMES = ["user", "item", "timestamp", "event", "stars"]
FRAME = pl.DataFrame(ROWS, schema=NAMES, orient="row")
RETURNS = Weighting(kinds={"view": 1, "buy": 5}, dislikes=Comparison.parse("event=return"))
PLAIN = {"min_user_events": 1, "min_item_events": 1}


def dislikes(text):
    """Return a weighting with these dislikes only."""
    return Weighting(dislikes=Comparison.parse(text))


def write(frame, folder, form):
    """Write a frame in a format and return its path."""
    path = folder / f"log.{form}"
    if form == "csv":
        frame.write_csv(path)
    elif form == "parquet":
        frame.write_parquet(path)
    else:
        frame.write_ndjson(path)
    return path


def disliked(dataset):
    """Return the disliked items of each user by external ids."""
    items = dataset.catalog.items
    names = dataset.users.ids.to_list()
    return {
        name: items.external(row.tolist())
        for name, row in zip(names, dataset.dislikes, strict=True)
    }


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl", "frame"])
def test_every_format_gives_the_same_weights_and_dislikes(form, tmp_path):
    source = FRAME if form == "frame" else write(FRAME, tmp_path, form)
    log = read_events(source, columns=Columns(weighting=RETURNS))
    dataset = build_dataset(log, **PLAIN)
    assert log.rows_kept == 8
    np.testing.assert_array_equal(dataset.histories.lengths, [2, 3])
    assert dataset.histories.weights.tolist() == [1, 5, 5, 1, 1]
    assert disliked(dataset) == {"ann": ["c"], "bob": ["a"]}
    facts = {"events": 3, "left_out": 0, "pairs": 2, "users": 2, "also_liked": 1}
    assert dataset.how["dislikes"] == facts
    assert dataset.how["weighting"] == {
        "kinds": {"view": 1, "buy": 5}, "dislikes": "event=return", "dislikes_by": "kind"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("compared", "named", "by"),
    [("event=return", None, "kind"), ("stars<=1", None, "value"), ("act=return", "act", "kind"),
     ("event=return", "act", "kind"), ("stars=1", "act", "value")],
)  # fmt: skip
def test_a_data_set_records_what_its_dislikes_compare(compared, named, by):
    frame = FRAME.rename({"event": named or "event"})
    columns = Columns(event=named, weighting=Weighting(dislikes=Comparison.parse(compared)))
    dataset = build_dataset(
        read_events(frame, columns=columns, keep_events=["view", "buy", "return"]), **PLAIN
    )
    assert dataset.how["weighting"] == {
        "dislikes": compared, "dislikes_by": by, "kept_kinds": ["buy", "return", "view"]
    }  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_weight_column_is_multiplied_with_the_kind(form, tmp_path):
    path = write(FRAME.with_columns(pl.col("stars").cast(pl.Float32)), tmp_path, form)
    weighting = Weighting(column="stars", kinds={"buy": 10}, dislikes=Comparison.parse("stars<=1"))
    dataset = build_dataset(read_events(path, columns=Columns(weighting=weighting)), **PLAIN)
    assert dataset.histories.weights.tolist() == [5, 4, 20, 3, 3, 3]
    assert disliked(dataset) == {"ann": ["b"], "bob": ["c"]}


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("", "weight is missing"),
        ("NaN", "weight is not a finite number"),
        ("-inf", "weight is not a finite number"),
        ("1e400", "weight is not a finite number"),
        ("-1", "weight is negative"),
        ("much", "weight is not a number"),
        ("1000001", "weight is above 1,000,000"),
    ],
)
def test_rows_with_bad_weights_are_counted_with_their_lines(cell, reason, tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(f"user,item,time,w\nann,a,1,1\nann,b,2,{cell}\nbob,a,3,0\n")
    log = read_events(path, columns=Columns(weighting=Weighting(column="w")))
    assert rejected_lines(log) == {reason: (1, (3,))}
    assert log.frame.collect()["weight"].to_list() == [1, 0]
    assert log.rejected[0].examples == (f"ann,b,2,{cell}",)
    with pytest.raises(DataError, match=reason):
        read_events(path, columns=Columns(weighting=Weighting(column="w")), strict=True)


def test_a_product_above_the_largest_weight_is_rejected():
    weighting = Weighting(column="stars", kinds={"buy": 300_000})
    log = read_events(FRAME, columns=Columns(weighting=weighting), time_unit="us")
    assert log.frame.collect()["weight"].max() == 600_000
    log = read_events(
        FRAME.with_columns(pl.when(pl.col("item") == "b").then(pl.lit("4")).otherwise("stars")
                           .alias("stars")),
        columns=Columns(weighting=weighting), time_unit="us",
    )  # fmt: skip
    assert rejected_lines(log) == {"weight is above 1,000,000": (1, (2,))}


@pytest.mark.parametrize("dtype", [pl.Categorical, pl.Enum(["1", "2", "3", "4", "5"])])
def test_texts_in_other_encodings_are_read_as_texts(dtype):
    frame = FRAME.with_columns(pl.col("stars").cast(dtype), pl.col("event").cast(pl.Categorical))
    for asked in (
        Weighting(column="stars", kinds={"buy": 5}, dislikes=Comparison.parse("stars<=2")),
        Weighting(dislikes=Comparison.parse("stars=2.0")),
    ):
        columns = Columns(weighting=asked)
        wanted = read_events(FRAME, columns=columns).frame.collect()
        assert read_events(frame, columns=columns).frame.collect().equals(wanted)


def test_bad_weights_of_other_kinds_are_left_out_not_rejected(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("user,item,time,event,w\nann,a,1,buy,1\nann,b,2,view,\nann,c,3,return,2\n")
    weighting = Weighting(column="w", dislikes=Comparison.parse("event=return"))
    log = read_events(path, columns=Columns(weighting=weighting), keep_events=["buy"])
    assert (log.rows_kept, log.events_left_out, log.rejected) == (2, 1, ())


def test_impossible_requests_are_clear_errors(tmp_path):
    for weighting, words in [
        (Weighting(column="wait"), "'wait'"),
        (Weighting(dislikes=Comparison.parse("starz<2")), "'starz'"),
        (Weighting(kinds={"by": 3}), "choose from"),
    ]:
        with pytest.raises(DataError, match=words):
            read_events(FRAME, columns=Columns(weighting=weighting))
    with pytest.raises(DataError, match="no event column"):
        read_events(FRAME.drop("event"), columns=Columns(weighting=Weighting(kinds={"buy": 3})))
    for bad in (-1, np.nan, np.inf, 1e7):
        with pytest.raises(ConfigError):
            Weighting(kinds={"buy": bad})
    nested = FRAME.with_columns(pl.concat_list("stars").alias("stars"))
    with pytest.raises(DataError, match="neither a number"):
        read_events(nested, columns=Columns(weighting=Weighting(column="stars")))
    with pytest.raises(DataError, match="No event remains"):
        build_dataset(
            read_events(
                FRAME, columns=Columns(weighting=Weighting(dislikes=Comparison.parse("stars>0")))
            )
        )


@pytest.mark.parametrize("text", ["event=retrun", "event!=retrun", "behaviour=retrun"])
def test_a_kind_of_dislikes_that_no_event_has_is_an_error(text):
    frame = FRAME.rename({"event": "behaviour"}) if "behaviour" in text else FRAME
    columns = Columns(event="behaviour" if "behaviour" in text else None, weighting=dislikes(text))
    with pytest.raises(DataError) as raised:
        read_events(frame, columns=columns)
    assert str(raised.value) == (
        "Dislikes are compared with 'retrun', which is in no row of the frame; choose from "
        "'return' (3 rows), 'view' (3 rows), 'buy' (2 rows)."
    )


def test_a_value_of_another_column_need_not_occur():
    log = read_events(FRAME, columns=Columns(weighting=dislikes("stars=9")))
    assert log.frame.collect()["disliked"].sum() == 0


def test_kinds_are_quoted_in_messages_so_that_an_empty_one_is_seen():
    frame = FRAME.with_columns(event=pl.col("event").replace({"view": ""}))
    with pytest.raises(DataError, match=r"'views', .* '' \(3 rows\), 'return'"):
        read_events(frame, keep_events=["views"])


@pytest.mark.parametrize("kind", ["view", " view", "view "])
@pytest.mark.parametrize("written", ["view", " view "])
def test_outer_spaces_of_kinds_have_no_meaning(kind, written):
    frame = FRAME.with_columns(event=pl.col("event").replace({"view": written}))
    assert read_events(frame, keep_events=[kind]).rows_kept == 3
    weights = Columns(weighting=Weighting(kinds={kind: 7}))
    assert read_events(frame, columns=weights).frame.collect()["weight"].to_list().count(7) == 3
    disliked = read_events(frame, columns=Columns(weighting=dislikes(f"event={kind}")))
    assert disliked.frame.collect()["disliked"].sum() == 3
    assert set(disliked.frame.collect()["event"]) == {"view", "buy", "return"}


def test_weights_of_kinds_cannot_be_changed():
    for weighting in (NO_WEIGHTING, Weighting(kinds={"view": 1})):
        with pytest.raises(TypeError, match="cannot be changed"):
            weighting.kinds["view"] = -1
    assert Weighting() == NO_WEIGHTING


def test_columns_that_are_used_cause_no_warning():
    frame = FRAME.rename({"stars": "rating"})
    names = read_events(frame).rows.value_columns
    assert [name for name in names if "rating" in name]
    assert not read_events(
        frame, columns=Columns(weighting=Weighting(column="rating"))
    ).rows.value_columns


def test_the_names_of_other_columns_may_be_chosen():
    frame = FRAME.rename({"event": "what"})
    weighting = Weighting(dislikes=Comparison.parse("event=return"))
    log = read_events(frame, columns=Columns(event="what", weighting=weighting))
    assert log.frame.collect()["disliked"].sum() == 3


@pytest.fixture
def dataset():
    return build_dataset(read_events(FRAME, columns=Columns(weighting=RETURNS)), **PLAIN)


def test_a_loaded_data_set_has_the_same_weights_and_dislikes(dataset, tmp_path):
    save_dataset(dataset, tmp_path / "d")
    loaded = load_dataset(tmp_path / "d", verify=True)
    assert loaded.histories.weights.tolist() == dataset.histories.weights.tolist()
    assert disliked(loaded) == disliked(dataset)
    assert loaded.how == dataset.how


def test_without_the_options_no_file_and_no_key_is_new(tmp_path):
    save_dataset(dataset_of({"u": "abc"}), tmp_path / "d")
    names = {path.name for path in (tmp_path / "d").iterdir()}
    assert not [name for name in names if "weight" in name or "dislike" in name]
    manifest = json.loads((tmp_path / "d" / "manifest.json").read_text())
    assert not {"feedback", "weights", "dislikes"} & (manifest.keys() | manifest["how"].keys())
    loaded = load_dataset(tmp_path / "d")
    assert loaded.histories.weights is None
    assert loaded.dislikes is None


def test_weights_do_not_change_the_events():
    plain = build_dataset(read_events(FRAME), **PLAIN)
    weighted = build_dataset(
        read_events(FRAME, columns=Columns(weighting=Weighting(column="stars"))), **PLAIN
    )
    assert weighted.fingerprint == plain.fingerprint


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("weights", np.full(5, -1, np.float32)),
        ("weights", np.full(5, np.nan, np.float32)),
        ("weights", np.ones(4, np.float32)),
        ("weights", np.ones(5)),
        ("disliked_items", np.array([1, 9])),
        ("disliked_items", np.array([1, 0])),
        ("disliked_indptr", np.array([0, 2])),
        ("disliked_indptr", np.array([0, 3, 2])),
        ("disliked_indptr", np.array([], np.int64)),
        ("disliked_times", np.array([3])),
    ],
)
def test_damaged_files_are_clear_errors(name, array, dataset, tmp_path):
    save_dataset(dataset, tmp_path / "d")
    np.save(tmp_path / "d" / f"{name}.npy", array)
    with pytest.raises(DataError):
        load_dataset(tmp_path / "d")


def test_changed_weights_are_found(dataset, tmp_path):
    save_dataset(dataset, tmp_path / "d")
    np.save(tmp_path / "d" / "weights.npy", np.ones(5, np.float32))
    load_dataset(tmp_path / "d")
    with pytest.raises(DataError, match="changed"):
        load_dataset(tmp_path / "d", verify=True)
    path = tmp_path / "d" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"feedback": {"weights": 1}}))
    with pytest.raises(DataError, match="feedback"):
        load_dataset(tmp_path / "d")


def many():
    """Build a data set of 30 users with weights and dislikes."""
    random = np.random.default_rng(0)
    size = 600
    frame = pl.DataFrame({
        "user": random.integers(30, size=size), "item": random.integers(20, size=size),
        "time": random.permutation(size), "w": random.integers(1, 6, size=size),
    })  # fmt: skip
    weighting = Weighting(column="w", dislikes=Comparison.parse("w<=2"))
    return build_dataset(
        read_events(frame, columns=Columns(weighting=weighting), time_unit="us"), **PLAIN
    ), frame


@pytest.mark.parametrize("name", ["by-user", "leave-last-out", "by-time"])
def test_a_split_has_the_weights_of_its_events_and_only_earlier_dislikes(name):
    dataset, frame = many()
    split = make_split(dataset, name)
    rows = {(u, i, t): w for u, i, t, w in frame.rows()}
    weight_at = {time: weight for (_, _, time), weight in rows.items()}
    wanted = [weight_at[time] for time in split.train.times.tolist()]
    assert split.train.weights.tolist() == wanted
    assert len(split.dislikes) == len(split.train)
    bad = {}
    for (user, item, time), weight in sorted(rows.items(), key=lambda row: row[0][2]):
        if weight <= 2:
            bad.setdefault(str(user), []).append(
                (dataset.catalog.items.index([str(item)])[0], time)
            )
    moments = dataset.histories.times
    for case in split.test:
        place = case.targets.__array_interface__["data"][0] - dataset.histories.items.ctypes.data
        place //= 8
        user = int(np.searchsorted(dataset.histories.indptr, place, side="right")) - 1
        name_ = dataset.users.ids[user]
        before = [item for item, time in bad.get(name_, []) if time < moments[place]]
        assert case.dislikes.tolist() == list(dict.fromkeys(before))
        assert (
            case.weights.tolist() == dataset.histories.weights[place:][: len(case.targets)].tolist()
        )
    if name != "by-user":
        first = first_held_out(dataset, split)
        for user, moment in first.items():
            events = bad.get(dataset.users.ids[user], [])
            before = [item for item, time in events if time < moment]
            assert split.dislikes[user].tolist() == list(dict.fromkeys(before))


def first_held_out(dataset, split):
    """Return the time of each user's first event that is not trained on, if there is one."""
    assert len(split.train) == len(dataset.histories)  # each user has training events
    found = {}
    for user, length in enumerate(split.train.lengths.tolist()):
        later = dataset.histories.times_of(user)[length:]
        found[user] = later[0] if len(later) else np.inf
    return found


def test_weights_that_have_no_effect_are_errors():
    nothing = Weighting(kinds={"view": 0, "buy": 0, "return": 0})
    log = read_events(FRAME, columns=Columns(weighting=nothing))
    with pytest.raises(DataError, match="weight of each of the 8 events is 0"):
        build_dataset(log, **PLAIN)
    columns = Columns(weighting=Weighting(kinds={"view": 2, "buy": 5}))
    with pytest.raises(ConfigError, match="given to 'buy', but keep_events leaves these events"):
        read_events(FRAME, columns=columns, keep_events=["view"])


def test_whole_and_other_weights_of_kinds_go_together():
    frame = pl.DataFrame({"user": ["a"] * 2, "item": ["x", "y"], "time": [1, 2],
                          "event": ["view", "cart"]})  # fmt: skip
    weighting = Weighting(kinds={"view": np.int64(1), "cart": 2.5})
    log = read_events(frame, columns=Columns(weighting=weighting))
    assert log.frame.collect()["weight"].to_list() == [1, 2.5]
    json.dumps(weighting.facts)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"dislikes": "rating<=2"}, r"must be a Comparison; write Comparison.parse\('rating<=2'\)"),
        ({"kinds": {"view": "2"}}, "The weight of the events 'view' is '2'; use a number"),
        ({"kinds": {"view": True}}, "The weight of the events 'view' is True; use a number"),
        ({"kinds": ["view"]}, r"kinds is \['view'\], but must be weights by kind of event"),
        ({"kinds": {1: 2}}, "A kind of event in kinds is 1, but must be a text; write '1'"),
        ({"column": 3}, "column is 3, but it must be a text or None"),
    ],
)
def test_weights_of_another_type_are_refused(wrong, sentence):
    with pytest.raises(ConfigError, match=sentence):
        Weighting(**wrong)


def test_the_value_of_a_comparison_is_a_text():
    with pytest.raises(ConfigError, match="value of a comparison is 2, but must be a text; write "):
        Comparison("rating", "<=", 2)


def test_a_log_without_rows_has_no_kinds_to_choose_from(write):
    path = write("user,item,time,event\n")
    for reading in ({"columns": Columns(weighting=Weighting(kinds={"view": 1}))},
                    {"keep_events": ["view"]}):  # fmt: skip
        with pytest.raises(DataError, match="has no rows to use"):
            read_events(path, **reading)
