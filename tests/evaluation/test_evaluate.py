"""Test evaluate: its numbers, its errors, and independence of the batch size."""

import json

import numpy as np
import polars as pl
import pytest

from prismrec.data.cases import Case
from prismrec.data.catalog import Catalog
from prismrec.data.ids import IdMap
from prismrec.data.split import split_by_user
from prismrec.errors import ConfigError, DataError, UnknownName
from prismrec.evaluation.baselines import by_score
from prismrec.evaluation.evaluate import evaluate
from prismrec.evaluation.metric_report import Report
from prismrec.evaluation.metrics import METRICS, Metric
from prismrec.types import RankedItems

V = 31


def case(history, targets):
    return Case(np.array(history, dtype=np.int64), np.array(targets, dtype=np.int64))


def fixed(*lists):
    """Return a recommender with fixed lists."""

    def recommend(histories, k):
        items = np.array(lists, dtype=np.int64)[: len(histories), :k]
        return RankedItems(items, items.astype(np.float32), np.zeros_like(items))

    return recommend


def by_history(histories, k):
    """Recommend lists that depend only on the history."""
    items = np.stack([np.random.default_rng(h).permutation(V - 1)[:k] + 1 for h in histories])
    return RankedItems(items, items.astype(np.float32), np.zeros_like(items))


def catalog():
    """Build a catalog of thirty items: item i has category i % 3, every fifth item has none."""
    rows = [[] if item % 5 == 0 else [item % 3] for item in range(V)]
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    names = [f"item {item}" for item in range(1, V)]
    return Catalog(
        items=IdMap(names, first=1, kind="item"),
        titles=pl.Series(names),
        category_names=["a", "b", "c"],
        category_indptr=indptr.astype(np.int64),
        category_ids=np.array([c for row in rows for c in row], dtype=np.int32),
        count=np.ones(V, dtype=np.int64),
    )


@pytest.fixture
def cases():
    rng = np.random.default_rng(3)
    return [case(rng.integers(1, V, 4), rng.integers(1, V, 3)) for _ in range(13)]


PLAIN = [name for name, metric in METRICS.items() if metric.needs != "weights"]


@pytest.fixture
def everything(cases):
    counts = np.arange(V)
    return evaluate(by_history, cases, ks=(5, 10), catalog=catalog(), counts=counts, how="a test")


def test_has_every_metric_at_every_k(everything):
    names = {f"{name}@{k}" for name in [*PLAIN, "coverage"] for k in (5, 10)}
    assert set(everything.metrics) == names
    assert set(everything.interval) == names - {"coverage@5", "coverage@10"}


def test_recommends_once_per_batch_with_the_largest_k(cases):
    asked = []

    def recommend(histories, k):
        asked.append((len(histories), k))
        return by_history(histories, k)

    evaluate(recommend, cases, ks=(10, 5), batch_size=7)
    assert asked == [(7, 10), (6, 10)]


def test_a_mean_and_its_interval_are_over_users():
    report = evaluate(fixed([1, 2], [3, 4]), [case([9], [1]), case([9], [5, 6])], ks=(2,))
    assert report.metrics["recall@2"] == pytest.approx((1 + 0) / 2)
    spread = (0.5**2 + 0.5**2) ** 0.5  # the standard deviation of 1 and 0, over users - 1
    assert report.interval["recall@2"] == pytest.approx(1.96 * spread / 2**0.5)
    assert report.per_user["recall@2"].tolist() == [1, 0]


def test_one_user_has_a_mean_and_no_interval():
    report = evaluate(fixed([1, 2]), [case([9], [1])], ks=(2,))
    assert report.metrics["recall@2"] == 1
    assert report.interval == {}


@pytest.mark.parametrize("batch_size", [1, 7])
def test_the_batch_size_changes_nothing(cases, everything, batch_size):
    other = evaluate(
        by_history, cases, ks=(5, 10), catalog=catalog(), counts=np.arange(V), how="a test",
        batch_size=batch_size,
    )  # fmt: skip
    assert other.metrics == pytest.approx(everything.metrics, rel=1e-12)
    assert other.interval == pytest.approx(everything.interval, rel=1e-12)
    assert other.cases == everything.cases
    assert other.distinct_lists == everything.distinct_lists


def test_a_repeat_in_a_list_is_refused():
    with pytest.raises(DataError, match="holds the item 1 twice"):
        evaluate(fixed([1, 2, 1]), [case([9], [1])], ks=(3,))


@pytest.mark.parametrize("wrong", [V, -1])
def test_an_item_outside_the_catalog_is_refused(wrong):
    with pytest.raises(DataError, match=f"item {wrong}, which is not in the catalog"):
        evaluate(fixed([1, wrong]), [case([9], [1])], ks=(2,), catalog=catalog())


def test_padding_between_items_is_refused():
    with pytest.raises(DataError, match="padding between"):
        evaluate(fixed([1, 0, 2]), [case([9], [1])], ks=(3,))


def test_a_wrong_number_of_lists_is_refused():
    with pytest.raises(DataError, match="shape"):
        evaluate(fixed([1, 2]), [case([9], [1]), case([9], [2])], ks=(2,))


def test_an_evaluation_that_finds_no_list_at_all_is_an_error():
    with pytest.raises(DataError, match="empty list to each of 2 users"):
        evaluate(fixed([0, 0], [0, 0]), [case([9], [1]), case([9], [2])], ks=(2,))


def test_one_empty_list_among_others_is_a_miss():
    report = evaluate(fixed([0, 0], [2, 0]), [case([9], [1]), case([9], [2])], ks=(2,))
    assert report.metrics["recall@2"] == 1 / 2


def test_no_test_users_are_an_error():
    with pytest.raises(DataError, match="no cases"):
        evaluate(by_history, [])


@pytest.mark.parametrize("options", [{"ks": ()}, {"ks": (0,)}, {"batch_size": 0}])
def test_invalid_options_are_refused(cases, options):
    with pytest.raises(ConfigError, match="at least 1"):
        evaluate(by_history, cases, **options)


def test_a_random_model_is_measured_over_the_whole_catalog():
    size, users = 10_000, 2_000
    rng = np.random.default_rng(0)
    tested = [case([1], [target]) for target in rng.integers(1, size, users)]

    def recommend(histories, k):
        items = np.stack([rng.choice(size - 1, k, replace=False) + 1 for _ in histories])
        return RankedItems(items, items.astype(np.float32), np.zeros_like(items))

    report = evaluate(recommend, tested, ks=(10,), counts=np.ones(size), only=["hit_rate"])
    # The chance is 10 in 10,000; with 100 sampled negatives it would be 10 in 101.
    assert report.metrics["hit_rate@10"] == pytest.approx(0.001, abs=0.003)


def test_all_users_are_evaluated_and_counted_in_the_report():
    tested = [case([1], [2])] * 12_000
    report = evaluate(by_score(lambda h: np.ones((len(h), 5)), exclude_seen=False), tested, ks=(2,))
    assert report.users == 12_000
    assert "12,000, all" in report.card()


@pytest.mark.parametrize(("exclude_seen", "hit"), [(False, 1), (True, 0)])
def test_a_target_in_the_history_is_hit_only_if_seen_items_are_kept(exclude_seen, hit):
    def score(histories):
        return np.tile([0.0, 1, 9, 1, 0], (len(histories), 1))

    tested = [case([1, 2, 3], [2]), case([1], [4])]
    report = evaluate(by_score(score, exclude_seen=exclude_seen), tested, ks=(1,))
    assert report.per_user["recall@1"].tolist() == [hit, 0]
    assert report.repeat_users == 1
    assert "1 have a target in their history" in report.card()


def test_users_without_diversity_are_left_out_and_counted():
    tested = [case([9], [1])] * 4
    lists = fixed([1, 0], [0, 0], [1, 4], [1, 2])
    report = evaluate(lists, tested, ks=(2,), catalog=catalog(), only=["diversity"])
    assert report.excluded == {"diversity@2": 2}
    assert report.metrics == {"diversity@2": (0 + 1) / 2}
    assert np.isnan(report.per_user["diversity@2"]).tolist() == [True, True, False, False]
    assert "diversity@2: 2" in report.card()


def test_the_same_list_for_all_users_has_a_note():
    tested = [case([9], [1])] * 50
    report = evaluate(fixed(*[[1, 2]] * 50), tested, ks=(2,))
    assert report.distinct_lists == 1 / 50
    assert "Only 2.0 % of the lists are distinct" in str(report)


def test_distinct_lists_have_no_note(everything):
    assert everything.distinct_lists == 1
    assert everything.notes == ()


def test_coverage_counts_the_items_of_all_lists():
    tested = [case([9], [1])] * 2
    report = evaluate(fixed([1, 2, 3], [1, 2, 4]), tested, ks=(2, 3), catalog=catalog())
    assert report.metrics["coverage@2"] == 2 / 30
    assert report.metrics["coverage@3"] == 4 / 30


def test_without_a_catalog_there_are_only_metrics_of_targets(cases):
    report = evaluate(by_history, cases, ks=(5,))
    assert {METRICS[name.partition("@")[0]].needs for name in report.metrics} == {"targets"}


@pytest.mark.parametrize("values", [np.zeros(3), np.zeros((13, 10)), 0.5, np.array(["a"] * 13)])
def test_a_metric_returns_one_number_per_user(cases, values, monkeypatch):
    monkeypatch.setitem(METRICS, "own", Metric(lambda *_: values, "targets", "higher", "own"))
    with pytest.raises(ConfigError, match=r"The metric own returned .* of shape \(13,\): one per"):
        evaluate(by_history, cases, ks=(5, 10))


def test_a_metric_may_return_truth_values(cases, monkeypatch):
    own = Metric(lambda answers, _: answers.hits.any(1), "targets", "higher", "own")
    monkeypatch.setitem(METRICS, "own", own)
    report = evaluate(by_history, cases, ks=(10,))
    assert report.metrics["own@10"] == report.metrics["hit_rate@10"]


@pytest.mark.parametrize("only", [(), ("recall",), ("own",)])
def test_a_metric_that_needs_unknown_data_is_refused(cases, only, monkeypatch):
    own = Metric(lambda answers, _: np.zeros(len(answers.lists)), "target", "higher", "own")
    monkeypatch.setitem(METRICS, "own", own)
    with pytest.raises(ConfigError, match="The metric own needs 'target', which no evaluation"):
        evaluate(by_history, cases, only=only)


def test_only_the_requested_metrics_are_computed(cases):
    report = evaluate(by_history, cases, ks=(5, 10, 20), only=["recall"], catalog=catalog())
    assert list(report.metrics) == ["recall@5", "recall@10", "recall@20"]


def test_an_unknown_metric_is_named(cases):
    with pytest.raises(UnknownName, match="Did you mean 'recall'"):
        evaluate(by_history, cases, only=["recal"])


def test_the_short_text_has_the_first_metrics(everything):
    text = repr(everything)
    assert text.startswith(f"Report(recall@5 {everything.shown('recall@5')}, recall@10 ")
    assert text.endswith(f", {len(everything.metrics) - 3} more metrics, 13 users)")
    one = evaluate(fixed([1, 2]), [case([9], [1])], ks=(2,), only=["recall"])
    assert repr(one) == "Report(recall@2 1.0000, 1 users)"


def test_a_notebook_shows_each_metric_with_its_interval(everything):
    table = everything._repr_html_()
    assert table.count("<tr>") == 1 + len(everything.metrics)
    mean, _, spread = everything.shown("recall@5").partition(" ± ")
    assert f"<tr><td>recall@5</td><td>{mean}</td><td>{spread}</td><td>share of the" in table
    assert f"<td>coverage@5</td><td>{everything.shown('coverage@5')}</td><td></td>" in table
    assert "13 users; a test" in table


def test_a_notebook_shows_hostile_text_as_text():
    report = evaluate(fixed([1, 2]), [case([9], [1])], ks=(2,), how="<script>")
    assert "<script>" not in report._repr_html_()


def test_prints_means_and_half_widths():
    report = evaluate(fixed([1, 2], [3, 4]), [case([9], [1]), case([9], [5])], ks=(2,))
    assert str(report).startswith("recall@2 0.5000 ± 0.9800   ndcg@2 ")
    assert "   2 users" in str(report)


def test_json_keeps_everything_except_the_values_per_user(everything):
    text = everything.to_json()
    assert "per_user" not in json.loads(text)
    content = json.loads(text)
    assert Report(**{**content, "notes": tuple(content["notes"])}) == everything


def with_interests(*interests):
    """Return a recommender whose lists are 1, 2, …, from these interests; -1 for no item."""

    def recommend(histories, k):
        interest = np.array(interests, dtype=np.int64)[: len(histories), :k]
        items = np.where(interest < 0, 0, np.arange(1, interest.shape[1] + 1))
        return RankedItems(items, items.astype(np.float32), np.maximum(interest, 0))

    return recommend


def test_the_interests_of_the_lists_are_medians_over_users_with_a_history():
    lists = with_interests([1, 1, 3], [2, 2, 2], [4, -1, -1], [-1, -1, -1], [0, 1, 2])
    tested = [case([9], [1])] * 4 + [case([], [1])]  # the last list is of popular items
    report = evaluate(lists, tested, ks=(3,))
    assert report.largest_share == sorted([2 / 3, 3 / 3, 1 / 1])[1]
    assert report.interests_used == sorted([2, 1, 1])[1]
    assert "median user: 1 interest in the first 3 items, of which the largest has 100 %" in (
        report.card()
    )


def test_only_the_first_twenty_items_show_how_interests_share_a_list():
    report = evaluate(with_interests([5] * 12 + [6] * 8 + [7] * 10), [case([9], [1])], ks=(30, 10))
    assert (report.largest_share, report.interests_used) == (12 / 20, 2)
    assert "2 interests in the first 20 items, of which the largest has 60 %" in report.card()


def test_a_report_without_interests_says_nothing_of_them():
    report = evaluate(fixed([1, 2]), [case([], [1])], ks=(2,))
    assert (report.largest_share, report.interests_used) == (None, None)
    assert "interests" not in report.card()


@pytest.mark.parametrize("history", [[1, V], [0], [-1]])
@pytest.mark.parametrize("with_catalog", [True, False])
def test_a_case_with_an_item_outside_the_catalog_is_refused(history, with_catalog):
    if not with_catalog and history == [1, V]:
        return  # without a catalog the number of items is not known
    given = {"catalog": catalog()} if with_catalog else {}
    for one in (case(history, [2]), case([2], history)):
        with pytest.raises(DataError, match=rf"has the item {history[-1]}.*one data set"):
            evaluate(fixed([1, 2]), [one], ks=(2,), **given)


def test_cases_may_have_lists_of_item_numbers():
    lists, arrays = [Case([1, 2], (3,))], [case([1, 2], [3])]
    assert evaluate(fixed([3]), lists, ks=(2,)).cases == evaluate(fixed([3]), arrays, ks=(2,)).cases


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([1.5], "The field targets of a case has values of type float64"),
        (["1"], "values of type <U1"),
        ([True], "values of type bool"),
        ([[1], [2]], "in 2 dimensions"),
        (3, "is 3, but must be an array of item numbers"),
        (None, "is None, but must be an array"),
        ({3}, "has no order"),
    ],
)
def test_a_case_of_other_values_than_item_numbers_is_refused(values, sentence):
    with pytest.raises((ConfigError, DataError), match=sentence):
        Case(np.array([1]), values)
    with pytest.raises((ConfigError, DataError), match="field history of a case"):
        Case(values, np.array([1]))


def test_a_case_with_another_number_of_weights_than_targets_is_refused():
    with pytest.raises(DataError, match=r"2 targets, but weights of shape \(1,\)"):
        Case(np.array([1]), np.array([2, 3]), np.array([0.5], dtype=np.float32))


@pytest.mark.parametrize(
    ("name", "given", "sentence"),
    [
        ("novelty", {"catalog": catalog()}, "no counts of training events"),
        ("diversity", {"counts": np.ones(V, dtype=np.int64)}, "no categories"),
        ("coverage", {}, "the number of items is not known"),
    ],
)
def test_a_named_metric_whose_data_is_missing_is_refused(cases, name, given, sentence):
    with pytest.raises(DataError, match=f"{name} was asked for, but .*{sentence}"):
        evaluate(by_history, cases, ks=(5,), only=("recall", name), **given)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"recommend": "popular"}, "recommend is 'popular', but must be a function"),
        ({"recommend": object()}, r"of type object, but must be .*; pass recommender\.ranked"),
        ({"cases": 5}, r"cases is 5, but must be a list of cases; pass split\.test"),
        ({"cases": [np.array([1])]}, "but must be a list of cases"),
        ({"ks": 5}, r"ks is 5, but must be a list of lengths; write ks=\(5,\)"),
        ({"ks": (5.5,)}, "A length in ks is 5.5, but must be a whole number"),
        ({"ks": ("5",)}, "A length in ks is '5', but must be a whole number"),
        ({"batch_size": 2.0}, "batch_size is 2.0, but must be a whole number"),
        ({"catalog": "movies"}, r"catalog is 'movies', but must be a Catalog; pass dataset\.cat"),
        ({"only": "recall"}, r"only is the text 'recall', but must be a list; write \['recall'\]"),
        ({"only": 5}, "only is 5, but must be a list of metrics"),
    ],
)
def test_an_argument_of_another_type_is_refused(cases, wrong, sentence):
    with pytest.raises(ConfigError, match=sentence):
        evaluate(**({"recommend": by_history, "cases": cases} | wrong))


def test_a_split_is_not_a_list_of_cases(dataset):
    split = split_by_user(dataset)
    for wrong in (split, split.train):
        with pytest.raises(ConfigError, match=r"must be a list of cases; pass split\.test"):
            evaluate(by_history, wrong)


def test_a_function_may_return_item_numbers_alone(cases, everything):
    def numbers(histories, k):
        return by_history(histories, k).items.astype(np.int32)

    found = evaluate(numbers, cases, ks=(5, 10), catalog=catalog(), counts=np.arange(V))
    assert found.metrics == everything.metrics


@pytest.mark.parametrize("kind", [np.ndarray.tolist, lambda items: items.astype(float)])
def test_what_is_no_array_of_whole_numbers_is_refused(cases, kind):
    with pytest.raises(DataError, match=r"return an integer array \[B, k\], or a RankedItems"):
        evaluate(lambda histories, k: kind(by_history(histories, k).items), cases)


def test_the_function_of_one_history_is_refused():
    class Recommender:
        def recommend(self, history, k):
            raise NotImplementedError

        def ranked(self, histories, k):
            raise NotImplementedError

    with pytest.raises(ConfigError, match=r"of one history, .* pass recommender\.ranked"):
        evaluate(Recommender().recommend, [])
