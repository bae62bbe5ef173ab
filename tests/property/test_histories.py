"""Check properties of id maps, histories and splits for random data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_logs import log_of
from prismrec.data.dataset import build_dataset
from prismrec.data.filtering import k_core
from prismrec.data.histories import Histories
from prismrec.data.ids import IdMap
from prismrec.data.split import make_split

pytestmark = pytest.mark.slow

quick = settings(max_examples=40, deadline=None)  # building a data set takes milliseconds
ids = st.lists(st.text(min_size=1, max_size=4), unique=True, max_size=20)
rows = st.lists(st.lists(st.integers(1, 9), max_size=6), min_size=1, max_size=8)
events = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 5), st.integers(0, 9)), min_size=1, max_size=60
)
minima = st.integers(1, 4)


def built(log, **options):
    return build_dataset(log_of(log), **{"min_user_events": 1, "min_item_events": 1, **options})


@quick
@given(ids, st.integers(0, 1))
def test_an_id_map_converts_ids_to_numbers_and_back(names, first):
    ids = IdMap(names, first=first, kind="item")
    numbers = ids.index(names)
    assert numbers.tolist() == list(range(first, first + len(names)))
    assert ids.external(numbers) == names


@quick
@given(rows, st.data())
def test_select_returns_the_chosen_histories(lists, data):
    histories = Histories.of(lists)
    users = data.draw(st.lists(st.integers(0, len(lists) - 1), max_size=8))
    chosen = histories.select(np.array(users, dtype=np.int64))
    assert [row.tolist() for row in chosen] == [lists[user] for user in users]


@quick
@given(rows)
def test_counts_and_lengths_add_up_to_the_events(lists):
    histories = Histories.of(lists)
    assert histories.lengths.sum() == histories.counts(10).sum() == len(histories.items)


@quick
@given(events)
def test_a_data_set_has_every_event_of_its_log_in_order(log):
    dataset = built(log)
    for place, user in enumerate(dataset.users.ids):
        own = sorted((time, n, item) for n, (u, item, time) in enumerate(log) if str(u) == user)
        found = dataset.catalog.items.external(dataset.histories[place])
        assert found == [str(item) for _, _, item in own]
    assert (np.diff(dataset.catalog.count[1:]) <= 0).all()


def core_by_hand(log, min_user, min_item):
    """Drop single events of rare users or items until none is left. This is the slow reference."""
    left = list(range(len(log)))
    while True:
        for n in left:
            own = sum(log[m][0] == log[n][0] for m in left)
            same = sum(log[m][1] == log[n][1] for m in left)
            if own < min_user or same < min_item:
                left.remove(n)
                break
        else:
            return left


@quick
@given(events, minima, minima)
def test_the_core_equals_dropping_single_events_repeatedly(log, min_user, min_item):
    users, items, _ = np.array(log).T
    kept = k_core(users, items, min_user_events=min_user, min_item_events=min_item)
    assert np.flatnonzero(kept).tolist() == core_by_hand(log, min_user, min_item)


@quick
@given(events)
def test_only_keep_keeps_exact_duplicates(log):
    seen = built(log, duplicates="drop-exact")
    assert len(seen.histories.items) == len(set(log))
    collapsed = built(log, duplicates="collapse-repeats")
    assert all((np.diff(row) != 0).all() for row in collapsed.histories)
    assert seen.how["exact_duplicates"] == len(log) - len(set(log))


def own_items(lengths):
    """Build a log in which every event has a different item, to distinguish the parts."""
    return [(u, 100 * u + i, 7 * i + u) for u, n in enumerate(lengths) for i in range(n)]


lengths = st.lists(st.integers(1, 9), min_size=5, max_size=30)


@quick
@given(lengths, st.integers(0, 5))
def test_by_user_each_user_is_in_one_part_and_no_event_is_lost(lengths, seed):
    dataset = built(own_items(lengths))
    split = make_split(dataset, "by-user", seed=seed)
    parts = [split.train.items]
    for cases in (split.valid, split.test):
        for case in cases:
            assert len(case.history) == int(len([*case.history, *case.targets]) * 4 // 5)
            parts += [case.history, case.targets]
    everything = np.concatenate(parts)
    assert len(np.unique(everything)) == len(everything)  # each event has a different item
    short = sum(n == 1 for n in lengths)
    assert len(dataset.histories.items) - len(everything) <= short


@quick
@given(lengths)
def test_leave_last_out_puts_every_event_in_one_part(lengths):
    dataset = built(own_items(lengths))
    split = make_split(dataset, "leave-last-out")
    targets = [case.targets for case in [*split.valid, *split.test]]
    everything = np.concatenate([split.train.items, *targets])
    np.testing.assert_array_equal(np.sort(everything), np.sort(dataset.histories.items))


@quick
@given(lengths, st.tuples(st.integers(1, 70), st.integers(1, 70)).map(sorted))
def test_by_time_no_later_event_is_in_training_or_history(lengths, moments):
    dataset = built(own_items([3, *lengths]))
    split = make_split(dataset, "by-time", valid_from=moments[0], test_from=moments[1])
    time = dict(
        zip(dataset.histories.items.tolist(), dataset.histories.times.tolist(), strict=True)
    )
    assert all(time[item] < moments[0] for item in split.train.items.tolist())
    for cases, start in ((split.valid, moments[0]), (split.test, moments[1])):
        for case in cases:
            assert all(time[item] < start for item in case.history.tolist())
            assert all(time[item] >= start for item in case.targets.tolist())
    targets = [case.targets for case in [*split.valid, *split.test]]
    everything = np.concatenate([split.train.items, *targets])
    assert len(np.unique(everything)) == len(everything)
