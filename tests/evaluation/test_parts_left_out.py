"""A part of a report that cannot be computed is named; the table is shown."""

from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl
import pytest

from prismrec.data import Case, build_dataset, read_events, split_by_user
from prismrec.errors import DataError
from prismrec.evaluation import (
    Benchmark,
    compare_with_single_interest,
    differences,
    evaluate,
    lists_of,
    measure_baselines,
    report_content,
    write_report,
)
from prismrec.types import RankedItems
from worlds import untrained


def small(users, items, events, seed=0):
    """Return a data set and its split, of random events."""
    drawn = np.random.default_rng(seed).integers(items, size=(users, events))
    rows = [(f"u{u}", f"i{i}", 1_700_000_000 + t) for u, row in enumerate(drawn)
            for t, i in enumerate(row.tolist())]  # fmt: skip
    frame = pl.DataFrame(rows, schema=["user", "item", "time"], orient="row")
    data = build_dataset(read_events(frame), min_user_events=1, min_item_events=1)
    return data, split_by_user(data)


def report_of(data, split, cases, ks=(1,)):
    """Return the content of a report on an untrained model, as ``prismrec evaluate`` makes it."""
    benchmark = Benchmark(split=split, cases=cases, catalog=data.catalog, ks=ks)
    lists, entries, _ = measure_baselines(benchmark)
    recommenders = {"m": untrained(data), "m-k1": untrained(data)}
    for name, recommender in recommenders.items():
        lists[name] = lists_of(recommender)
        entry = benchmark.entry(name, "K=4", lists[name])
        entries.append(replace(entry, one_interest_of="m" if name == "m-k1" else None))
    compared = [
        *differences(entries, f"recall@{ks[-1]}"),
        *map(str, compare_with_single_interest(entries, f"recall@{ks[-1]}")),
    ]
    return report_content(benchmark, entries, lists, recommenders, compared, "small")


@pytest.mark.parametrize(
    ("users", "items", "events", "sentence"),
    [
        (3, 8, 6, "the number of users who have it in both reports is 1"),
        (3, 30, 20, "the number of users who have it in both reports is 1"),
        (40, 5, 5, "Recall by depth of popularity is left out: The catalog has 5 items"),
        (30, 3, 24, "m against popularity, recall@1: level, +0.0000 ± 0.0000"),
    ],
)
@pytest.mark.slow
def test_the_table_is_shown_with_a_sentence_for_what_is_missing(
    users, items, events, sentence, tmp_path
):
    data, split = small(users, items, events)
    content = report_of(data, split, split.test)
    assert [entry.name for entry in content.entries][-2:] == ["m", "m-k1"]
    assert all("recall@1" in entry.filtered.metrics for entry in content.entries)
    assert any(sentence in each for each in content.differences)
    write_report(content, tmp_path / "report")
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert sentence.partition(":")[0] in page


def test_without_any_history_interests_are_not_diagnosed():
    data, split = small(30, 20, 10)
    cases = [Case(np.empty(0, dtype=np.int64), case.targets) for case in split.test]
    content = report_of(data, split, cases)
    assert content.diagnostics == {}
    assert any("diagnosis of interests of m is left out" in one for one in content.differences)
    assert any("recall@1" in entry.keep.metrics for entry in content.entries)


def test_lists_are_empty_for_users_who_have_seen_everything_and_a_note_says_so():
    data, split = small(30, 3, 24)
    content = report_of(data, split, split.test)
    for entry in content.entries:
        assert entry.filtered.metrics["recall@1"] == 0.0
        assert "Every list is empty: the histories contain all items" in entry.filtered.notes[0]
        assert not entry.keep.notes or "empty" not in entry.keep.notes[0]


def test_without_a_catalog_a_note_says_what_empty_lists_probably_mean():
    data, split = small(30, 3, 24)
    recommend = partial(untrained(data).ranked, exclude_seen=True)
    report = evaluate(recommend, split.test, ks=(1,))
    assert report.metrics["recall@1"] == 0
    assert "so probably all that could be recommended; pass the catalog" in report.notes[0]


def test_empty_lists_for_users_who_have_not_seen_everything_are_an_error():
    data, split = small(30, 20, 5)

    def nothing(histories, k):
        shape = (len(histories), k)
        return RankedItems(np.zeros(shape, dtype=np.int64), np.zeros(shape), np.zeros(shape))

    with pytest.raises(DataError, match="an empty list to each of 3 users"):
        evaluate(nothing, split.test, ks=(2,), catalog=data.catalog)
    with pytest.raises(DataError, match="an empty list to each of 3 users"):
        evaluate(nothing, split.test, ks=(2,))
