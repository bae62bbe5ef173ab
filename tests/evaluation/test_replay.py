"""Test which lists are computed again for logged requests, and the report of an estimate."""

from dataclasses import replace

import polars as pl
import pytest

from event_logs import log_of
from prismrec.errors import ConfigError, DataError
from prismrec.evaluation import Exposures, Policy, ReplayOptions, estimate_policy, hash_user
from prismrec.evaluation.experiments.exposures import SCHEMA
from prismrec.evaluation.experiments.off_policy import propensities
from prismrec.evaluation.experiments.replay import replay
from prismrec.rerank import ListOptions
from worlds import small_dataset, untrained

SECRET = b"a secret of the tests"
HOUR = 3_600_000_000


@pytest.fixture(scope="module")
def dataset():
    return small_dataset()


@pytest.fixture(scope="module")
def policies(dataset):
    first, other = untrained(dataset), untrained(dataset, interests=1)
    return {"control": Policy(first), "new": Policy(first, ListOptions(diversity=0.8))}, other


def listed(policy, history, k):
    answer = policy.recommender.recommend_many(
        [history], replace(policy.options, k=k), explain=False
    )[0]
    return [item.id for item in answer.items]


def exposures_of(rows):
    full = [(hash_user(u, SECRET), t, v, False, items) for u, t, v, items in rows]
    frame = pl.DataFrame(full, schema=SCHEMA, orient="row")
    return Exposures("test", {"control": 0.4, "new": 0.6}, frame, files=1)


def shown_with(found):
    """Return the probability of each item that was shown."""
    return propensities(found.logged.shown, found.logged.lists, found.logged.shares)


@pytest.fixture(scope="module")
def logs(dataset, policies):
    """Log two lists of each of 40 users, of different lengths, and the events around them."""
    variants, _ = policies
    names, rows, events = dataset.catalog.items, [], []
    for user in range(40):
        name, variant = f"user {user}", ("control", "new", "new")[user % 3]
        own = names.external(dataset.histories[user].tolist())
        events += [(name, item, place // 2) for place, item in enumerate(own[:6])]  # equal times
        for hour, history in ((1, own[:6]), (3, own)):
            items = listed(variants[variant], history, k=8 + user % 2)
            rows.append((name, hour * HOUR, variant, items))
        events += [(name, item, 2 * HOUR) for item in own[6:]]
        events.append((name, rows[-1][3][user % 5], 4 * HOUR))
    return exposures_of(rows), log_of(events)


@pytest.mark.slow
def test_logged_lists_are_computed_again_exactly(logs, policies):
    variants, other = policies
    exposures, log = logs
    options = ReplayOptions(k=5, window=1.5 * 3_600)
    found = replay(exposures, log, SECRET, variants, Policy(other), options)
    assert found.same.all()
    logged = found.logged
    assert logged.lists.shape == (2, 80, 5)
    assert found.new.shape == logged.hits.shape == (80, 5)
    assert (logged.lists[0] != logged.lists[1]).any()
    assert (found.new != logged.shown).any()
    assert logged.shares.tolist() == [0.4, 0.6]
    # Each second list has one hit, an hour later; the first lists have those of hour 2.
    assert logged.hits[1::2].argmax(axis=1).tolist() == [user % 5 for user in range(40)]
    assert (logged.hits[1::2].sum(axis=1) == 1).all()
    own = [set(items) for items in log.frame.collect().filter(time=2 * HOUR).group_by(
        "user", maintain_order=True).agg("item")["item"].to_list()]  # fmt: skip
    first = [items[:5] for items in exposures.frame["items"].to_list()[::2]]
    expected = [
        [item in bought for item in shown] for shown, bought in zip(first, own, strict=True)
    ]
    assert logged.hits[::2].tolist() == expected


def test_histories_end_at_the_list_and_have_the_newest_events(dataset, policies):
    variants, other = policies
    own = dataset.catalog.items.external(dataset.histories[0].tolist())
    strangers = ["not in the catalog", *own]
    for newest, history in ((3, own[:5][-3:]), (500, own[:5])):
        for user, past in (("ann", history), ("bob", [])):
            items = listed(variants["control"], past, k=9)
            exposures = exposures_of([(user, 5, "control", items)])
            log = log_of([("ann", item, place) for place, item in enumerate(strangers)])
            options = ReplayOptions(newest=newest)
            found = replay(exposures, log, SECRET, variants, Policy(other), options)
            assert found.same.tolist() == [True]


def test_a_dislike_is_no_hit_and_is_left_out_of_later_lists_until_it_is_liked_again(
    dataset, policies
):
    variants, other = policies
    own = dataset.catalog.items.external(dataset.histories[0].tolist())
    first = listed(variants["control"], own, k=9)
    worst = first[2]
    without = replace(variants["control"], options=ListOptions(dislikes=[worst]))
    rows = [("ann", item, place) for place, item in enumerate(own)]
    rows += [("ann", worst, 2 * HOUR), ("ann", first[3], 2 * HOUR), ("ann", worst, 4 * HOUR)]
    log = log_of(rows, disliked=[False] * len(own) + [True, False, False])
    again = listed(without, [*own, first[3]], k=9)
    last = listed(variants["control"], [*own, first[3], worst], k=9)
    lists = [
        ("ann", hour * HOUR, "control", items)
        for hour, items in ((1, first), (3, again), (5, last))
    ]
    found = replay(exposures_of(lists), log, SECRET, variants, Policy(other), ReplayOptions(k=9))
    assert found.same.all()
    assert worst not in again
    assert found.logged.hits[0].tolist() == [place in (2, 3) for place in range(9)]


def test_lists_have_their_own_length_if_the_experiment_varies_it(dataset, policies):
    variants, other = policies
    own = dataset.catalog.items.external(dataset.histories[0].tolist())
    variants = variants | {"new": Policy(other, ListOptions(k=3))}
    items = listed(variants["new"], own, k=3)
    exposures = exposures_of([("ann", 500, "new", items)])
    log = log_of([("ann", item, place) for place, item in enumerate(own)])
    for own_lengths, longest in ((True, 7), (False, 3)):
        new = Policy(other, ListOptions(k=7))
        options = ReplayOptions(k=10, own_lengths=own_lengths)
        found = replay(exposures, log, SECRET, variants, new, options)
        assert found.same.tolist() == [True]
        assert (found.new > 0).sum() == longest
        assert (found.logged.lists[0] > 0).sum() == (10 if own_lengths else 3)


def test_a_list_that_was_not_computed_again_counts_as_it_was_shown(logs, policies):
    variants, new = policies
    exposures, log = logs
    turned = exposures.frame.with_columns(pl.col("items").list.reverse())
    turned = replace(exposures, frame=turned)
    options = ReplayOptions(k=9)
    found = replay(turned, log, SECRET, variants, Policy(new), options)
    right = replay(exposures, log, SECRET, variants, Policy(new), options)
    assert not found.same.any()
    for one, other in (
        (found.logged.hits, right.logged.hits),
        (shown_with(found), shown_with(right)),
    ):
        for row, length in enumerate(right.lengths):
            assert one[row, :length].tolist() == other[row, :length][::-1].tolist()
    report = estimate_policy(turned, log, SECRET, variants, Policy(new), options)
    assert report.same == 0
    assert "Only 0.0% of the logged lists were computed again exactly" in report.notes[0]


def test_the_estimate_of_a_variant_is_its_own_check(logs, policies):
    variants, _ = policies
    found = estimate_policy(*logs, SECRET, variants, variants["new"], ReplayOptions(k=5))
    check = found.variants[1]
    assert (found.estimate, found.interval) == (check.estimate, check.estimate_interval)
    assert (found.coverage, found.same, found.lists) == (1, 1, 80)
    assert found.lowest == found.estimate
    assert [each.name for each in found.variants] == ["control", "new"]
    assert all(each.same == 1 and each.p > 0.01 for each in found.variants)
    assert "not a measurement" in found.to_json()["method"]


def test_warnings_of_an_estimate(logs, policies):
    variants, _ = policies
    exposures, log = logs
    options = ReplayOptions(k=9, window=60.0)
    found = estimate_policy(exposures, log, SECRET, variants, variants["new"], options)
    assert (found.estimate, found.interval, found.hits) == (0, 0, 0)
    assert len(found.notes) == 2
    assert "rests on 0 hits, so its interval is not reliable" in found.notes[0]
    assert "40 logged lists have fewer than 9 items" in found.notes[1]


def test_hits_that_depend_on_the_variant_and_not_on_the_item_are_a_warning(logs, policies):
    variants, _ = policies
    exposures, log = logs
    names = {hash_user(f"user {user}", SECRET): f"user {user}" for user in range(40)}
    shown = exposures.frame.filter(variant="control").select("user", "items").rows()
    more = [(names[user], item, 4 * HOUR) for user, items in shown for item in items]
    log = log_of([*log.frame.collect().rows(), *more])
    found = estimate_policy(exposures, log, SECRET, variants, variants["new"], ReplayOptions(k=5))
    assert "For the variant 'control' the estimate is" in found.notes[0]
    assert "the assumptions do not hold here" in found.notes[0]


def test_impossible_estimates_are_refused(logs, policies):
    variants, other = policies
    exposures, log = logs
    for options, part in (
        (ReplayOptions(k=0), "k is 0"),
        (ReplayOptions(window=0.0), "window is 0"),
        (ReplayOptions(newest=0), "read 0 events"),
    ):
        with pytest.raises(ConfigError, match=part):
            estimate_policy(exposures, log, SECRET, variants, Policy(other), options)
    with pytest.raises(ConfigError, match="has control, new; give these"):
        estimate_policy(exposures, log, SECRET, {"new": variants["new"]}, Policy(other))
    timeless = log_of([("a", "X", 1)], has_time=False)
    with pytest.raises(DataError, match="no times"):
        estimate_policy(exposures, timeless, SECRET, variants, Policy(other))
    nothing = exposures.frame.with_columns(items=pl.lit(["a", "b"]))
    with pytest.raises(DataError, match="No item of the new lists was shown"):
        estimate_policy(replace(exposures, frame=nothing), log, SECRET, variants, Policy(other))


def test_a_wrong_log_of_exposures_is_handled(logs, policies):
    """An empty list, an item twice, unknown items and a huge k."""
    variants, other = policies
    exposures, log = logs
    rows = exposures.frame.rows()
    rows[0] = (*rows[0][:4], [])
    rows[1] = (*rows[1][:4], [rows[1][4][0]] * 3 + rows[1][4])
    rows[2] = (*rows[2][:4], ["\x00", "💧", ""])
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    options = ReplayOptions(k=10**12)
    found = replay(replace(exposures, frame=frame), log, SECRET, variants, Policy(other), options)
    assert found.same.tolist() == [False, True, False, *[True] * 77]
    assert found.lengths[:3].tolist() == [0, 8, 3]
    assert found.logged.lists.shape == (2, 80, 9)
