"""Check data sets: numbering, duplicates, filters, categories and fingerprints."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from event_logs import dataset_of, histories_log, log_of, names
from prismrec.data.dataset import build_dataset
from prismrec.data.events import read_events
from prismrec.data.filtering import k_core
from prismrec.data.histories import Histories
from prismrec.data.items import ItemDescriptions, read_items
from prismrec.data.readers.rejected import RejectedRows
from prismrec.data.sources import open_named
from prismrec.errors import ConfigError, DataError

EVERYTHING = {"min_user_events": 1, "min_item_events": 1}


def test_users_are_numbered_by_first_event_and_items_by_descending_count():
    dataset = dataset_of({"zoe": "bca", "ann": "cb", "bob": "c"})
    assert dataset.users.ids.to_list() == ["zoe", "ann", "bob"]
    assert dataset.catalog.items.ids.to_list() == ["c", "b", "a"]
    assert dataset.catalog.count.tolist() == [0, 3, 2, 1]
    assert dataset.histories[0].tolist() == [2, 1, 3]


def test_items_of_equal_count_are_numbered_by_first_event():
    assert dataset_of({"u": "zay"}).catalog.items.ids.to_list() == ["z", "a", "y"]


def test_a_history_is_sorted_by_time():
    log = log_of([("u", "late", 1511544100), ("u", "early", 1511544071)])  # equal in float32
    assert names(build_dataset(log, **EVERYTHING), "u") == ["early", "late"]


def test_events_of_equal_time_keep_the_order_of_the_log():
    for ids in (range(1, 11), range(10, 0, -1), [7, 3, 9, 1, 10, 2, 8, 4, 6, 5]):
        log = log_of([("u", str(i), 5) for i in ids])
        dataset = build_dataset(log, **EVERYTHING)
        assert names(dataset, "u") == [str(i) for i in ids]
        assert dataset.how["tied_share"] == 1


def test_the_result_does_not_depend_on_the_spelling_of_ids():
    rng = np.random.default_rng(0)
    rows = list(
        zip(
            rng.integers(20, size=300),
            rng.integers(15, size=300),
            rng.integers(50, size=300),
            strict=True,
        )
    )
    plain = build_dataset(log_of([(f"u{u}", f"i{i}", t) for u, i, t in rows]))
    other = build_dataset(log_of([(f"{-u}", f"{99 - i}x", t) for u, i, t in rows]))
    np.testing.assert_array_equal(plain.histories.items, other.histories.items)
    np.testing.assert_array_equal(plain.histories.indptr, other.histories.indptr)


@pytest.mark.parametrize(
    ("policy", "left"),
    [("keep", "aaabab"), ("drop-exact", "abab"), ("collapse-repeats", "abab")],
)
def test_each_policy_handles_and_counts_duplicates(policy, left):
    log = log_of([("u", "a", 1)] * 3 + [("u", "b", 2), ("u", "a", 3), ("u", "b", 4)])
    dataset = build_dataset(log, duplicates=policy, **EVERYTHING)
    assert names(dataset, "u") == list(left)
    assert dataset.how["exact_duplicates"] == 2
    assert dataset.how["repeats"] == 2


def test_exact_duplicates_are_found_with_another_event_between_them():
    log = log_of([("u", "a", 1), ("u", "b", 1), ("u", "a", 1), ("v", "a", 1)])
    assert names(build_dataset(log, duplicates="drop-exact", **EVERYTHING), "u") == ["a", "b"]
    assert names(build_dataset(log, duplicates="collapse-repeats", **EVERYTHING), "u") == list(
        "aba"
    )


def test_an_event_of_another_user_is_not_a_repeat():
    dataset = dataset_of({"u": "ab", "v": "ba"}, duplicates="collapse-repeats")
    assert names(dataset, "v") == ["b", "a"]


def test_a_repeat_at_a_later_time_is_not_an_exact_duplicate():
    log = log_of([("u", "a", 1), ("u", "a", 2), ("v", "a", 2)])
    assert names(build_dataset(log, duplicates="drop-exact", **EVERYTHING), "u") == ["a", "a"]
    assert names(build_dataset(log, duplicates="collapse-repeats", **EVERYTHING), "u") == ["a"]


def test_the_filters_are_repeated_until_nothing_is_dropped():
    # Without the rare item c, user w has one event. Without w, item b has one event, and so on.
    users, items = np.array([[0, 0], [0, 1], [1, 1], [1, 2], [2, 2], [2, 3]]).T
    assert not k_core(users, items, min_user_events=2, min_item_events=2).any()
    assert k_core(users, items, min_user_events=2, min_item_events=1).all()


def test_how_contains_the_counts_of_rejected_and_excluded_rows():
    log = log_of([("u", "a", 1)])
    rejected = (RejectedRows("time is missing", 3),)
    log = replace(log, rejected=rejected, events_left_out=4, users_left_out=2)
    how = build_dataset(log, **EVERYTHING).how
    assert how["rejected"] == {"time is missing": 3}
    assert (how["events_left_out"], how["users_left_out"]) == (4, 2)


def test_every_step_reports_what_remains():
    dataset = dataset_of({"u": "aab", "v": "abb", "w": "c"}, min_user_events=2)
    read, core = dataset.how["steps"]
    assert read == {"step": "read", "events": 7, "users": 3, "items": 3}
    assert core == {"step": "at least 2 per user, 1 per item", "events": 6, "users": 2, "items": 2}


def test_an_error_has_the_counts_if_no_event_remains():
    message = r"read: 6 events, 3 users, 2 items; at least 5 .*: 0 events, 0 users, 0 items"
    with pytest.raises(DataError, match=message):
        build_dataset(histories_log({"u": "ab", "v": "ab", "w": "ab"}))


def test_users_with_few_events_pass_a_minimum_of_one():
    dataset = dataset_of({"one": "a", "two": "ab", "four": "abab"})
    assert dataset.histories.lengths.tolist() == [1, 2, 4]


def test_large_integer_ids_are_exact():
    rows = [(900000017, 9_000_000_000_000_000_019, 1), (900000017, 2**63 + 5, 2), (5, 7, 3)]
    frame = pl.DataFrame(
        rows, schema={"user": pl.Int64, "item": pl.UInt64, "time": pl.Int64}, orient="row"
    )
    log = log_of([("", "", 0)])
    dataset = build_dataset(replace(log, frame=frame.lazy()), **EVERYTHING)
    assert dataset.users.ids.to_list() == ["900000017", "5"]
    assert dataset.catalog.items.ids.to_list() == [
        "9000000000000000019",
        "9223372036854775813",
        "7",
    ]
    assert dataset.histories.items.dtype == np.int64


def test_an_id_may_contain_a_comma():
    assert "a,b" in build_dataset(log_of([("u", "a,b", 1)]), **EVERYTHING).catalog.items


def test_an_item_with_two_categories_in_the_log_keeps_both():
    log = log_of([("u", "a", 1), ("u", "b", 2), ("u", "a", 3)], category=[["x"], [], ["y", "x"]])
    dataset = build_dataset(log, **EVERYTHING)
    names_of = [set(dataset.catalog.categories_named(item)) for item in range(3)]
    assert names_of == [set(), {"x", "y"}, set()]
    assert dataset.how["items_of_several_categories"] == 1


def test_items_without_title_or_category_are_kept_and_named_by_their_id():
    table = ItemDescriptions(
        pl.DataFrame(
            {
                "item": ["b", "a", "never seen"],
                "title": ["Bee", None, "?"],
                "categories": [["x", "y"], [], ["z"]],
            },
            schema={"item": pl.String, "title": pl.String, "categories": pl.List(pl.String)},
        )
    )
    dataset = build_dataset(histories_log({"u": "aabc"}), items=table, **EVERYTHING)
    assert dataset.catalog.titles.to_list() == ["a", "Bee", "c"]
    assert dataset.catalog.category_names == ["x", "y"]
    assert np.diff(dataset.catalog.category_indptr).tolist() == [0, 0, 2, 0]


def test_the_fingerprint_differs_between_data_sets_and_not_between_builds():
    plain = dataset_of({"u": "ab", "v": "c"})
    assert plain.fingerprint == dataset_of({"u": "ab", "v": "c"}).fingerprint
    others = [
        {"u": "ab", "v": "d"},
        {"u": "ba", "v": "c"},
        {"x": "ab", "v": "c"},
        {"u": "a", "v": "bc"},
    ]
    assert len({plain.fingerprint, *(dataset_of(other).fingerprint for other in others)}) == 5


def test_the_fingerprint_includes_the_user_of_an_event():
    one = build_dataset(log_of([("u", "a", 0), ("u", "b", 1), ("v", "c", 2)]), **EVERYTHING)
    other = build_dataset(log_of([("u", "a", 0), ("v", "b", 1), ("v", "c", 2)]), **EVERYTHING)
    assert one.ids_fingerprint == other.ids_fingerprint
    assert one.fingerprint != other.fingerprint


def test_ids_with_equal_concatenation_have_different_fingerprints():
    split = build_dataset(log_of([("u", "ab", 1), ("u", "c", 2)]), **EVERYTHING)
    other = build_dataset(log_of([("u", "a", 1), ("u", "bc", 2)]), **EVERYTHING)
    assert split.ids_fingerprint != other.ids_fingerprint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_user_events": 0}, "min_user_events is 0"),
        ({"duplicates": "drop"}, "duplicates is 'drop'"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        build_dataset(histories_log({"u": "ab"}), **options)


def test_beauty_has_the_sizes_of_the_papers(beauty):
    assert (len(beauty.users), len(beauty.catalog.items)) == (22_363, 12_101)
    assert len(beauty.histories.items) == 198_502
    assert beauty.histories.lengths.min() == 5
    assert len(beauty.catalog.category_names) == 637


@pytest.fixture(scope="module")
def beauty(shared_data):
    folder = shared_data / "amazon-beauty"
    log = read_events(folder / "sequences.txt")
    return build_dataset(log, items=read_items(folder / "item_attributes.json"))


@pytest.mark.slow
def test_movielens_has_the_published_sizes(tmp_path):
    try:
        log, items = open_named("ml-100k", tmp_path)
    except DataError as error:
        pytest.skip(f"MovieLens cannot be had: {error}")
    dataset = build_dataset(log, items=items, **EVERYTHING)
    assert (len(dataset.users), len(dataset.catalog.items)) == (943, 1_682)
    assert len(dataset.histories.items) == 100_000
    core = build_dataset(log, items=items)
    assert (len(core.users), len(core.catalog.items)) == (943, 1_349)
    assert core.catalog.title(1) == "Star Wars (1977)"


@pytest.mark.parametrize(
    ("log", "options", "sentence"),
    [
        ("events.csv", {}, r"log is 'events.csv', but must be an EventLog; pass read_events"),
        (None, {"items": "items.csv"}, r"items is 'items.csv', .* write items=read_items"),
        (None, {"min_user_events": "5"}, "min_user_events is '5', but must be a whole number"),
        (None, {"min_item_events": 2.5}, "min_item_events is 2.5, but must be a whole number"),
    ],
)
def test_arguments_of_another_type_are_refused(log, options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        build_dataset(log or log_of([("ann", "tea", 1)]), **options)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([[1.7, 2.9]], "values of type float64"),
        ([["1", "2"]], "values of type <U1"),
        (["12"], "A history is '12', but must be an array"),
        ([[1, None]], "values of type object"),
        ([[True]], "values of type bool"),
        ([1, 2], "A history is 1, but must be an array of item numbers"),
        ([{2, 1}], "has no order"),
        ({1: [2]}, "has no order"),
    ],
)
def test_histories_of_other_values_than_item_numbers_are_refused(rows, sentence):
    with pytest.raises((ConfigError, DataError), match=sentence):
        Histories.of(rows)


def test_histories_are_made_of_lists_and_arrays():
    for rows in ([[1, 2], [], [3]], [np.array([1, 2], np.int32), [], (3,)]):
        made = Histories.of(rows)
        assert [own.tolist() for own in made] == [[1, 2], [], [3]]
        assert made.items.dtype == np.int64
    assert len(Histories.of([])) == len(Histories.of([]).items) == 0
