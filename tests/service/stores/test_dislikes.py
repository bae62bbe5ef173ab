"""Test dislikes, kinds and values of events with every registered store, on real servers."""

from itertools import count, cycle

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prismrec.service.stores import MOST_DISLIKES, Event, Feedback, open_store
from service.stores.test_contract import NAMES, every, shared

pytestmark = pytest.mark.slow
UNUSED = count()


@pytest.fixture
def store(url):
    with open_store(url) as found:
        yield found


def liked(item, time, user="ann", name=None):
    return Event(user, item, time, name or f"{item}{time}")


def disliked(item, time, user="ann", name=None):
    return Event(user, item, time, name or f"no {item}{time}", "rating", 1.0, disliked=True)


def feedback_of(store, user="ann", n=50):
    return tuple(map(list, store.recent_feedback([user], n)[0]))


@every
def test_a_dislike_is_no_part_of_the_history_but_is_shown(store):
    events = [liked("tea", 1), disliked("jam", 2), liked("oil", 3)]
    assert store.append(events) == 3
    assert store.recent("ann", 9) == events
    assert store.recent("ann", 2) == events[1:]
    assert feedback_of(store) == (["tea", "oil"], ["jam"])
    assert store.recent_feedback(["bob", "ann", "bob"], 1)[1] == Feedback(["oil"], ["jam"])
    assert feedback_of(store, "bob") == ([], [])


@every
def test_many_dislikes_leave_room_for_the_history(url):
    with open_store(url, keep=3) as store:
        store.append([liked(f"i{time}", time) for time in range(3)])
        store.append([disliked(f"d{time}", time) for time in range(10, 20)])
        assert feedback_of(store, n=9) == (["i0", "i1", "i2"], ["d17", "d18", "d19"])
        assert store.append([disliked("d10", 10)]) == 1  # dropped with its id, and again
        assert [event.item for event in store.recent("ann", 4)] == ["i2", "d17", "d18", "d19"]
        assert len(store.recent("ann", 99)) == 6


@every
@pytest.mark.parametrize(("later", "ends"), [(5, False), (7, False), (8, True)])
def test_a_later_event_of_the_item_ends_a_dislike_until_it_is_erased(store, later, ends):
    store.append([disliked("jam", 7), disliked("oil", 7), liked("jam", later)])
    items = ["jam"]
    assert feedback_of(store) == (items, ["oil"] if ends else ["jam", "oil"])
    store.forget_events("ann", [f"jam{later}"])
    assert feedback_of(store) == ([], ["jam", "oil"])
    store.append([liked("jam", 20), disliked("jam", 21)])
    assert feedback_of(store) == (["jam"], ["oil", "jam"])


@every
def test_the_event_that_ends_a_dislike_may_be_older_than_the_history(store):
    store.append([disliked("jam", 1), disliked("oil", 4), liked("jam", 2), liked("oil", 3)])
    store.append([liked(f"i{time}", time) for time in range(5, 10)])
    assert feedback_of(store, n=2) == (["i8", "i9"], ["oil"])


@every
def test_the_id_of_an_event_is_one_for_likes_and_dislikes(store):
    first = [disliked("jam", 1, name="e"), liked("jam", 2, name="e"), liked("tea", 1, name="f")]
    assert store.append(first) == 2
    assert store.append([liked("jam", 9, name="e"), disliked("tea", 9, name="f")]) == 0
    assert store.append([disliked("jam", 1, name="e"), liked("tea", 1, name="f")]) == 0
    assert feedback_of(store) == (["tea"], ["jam"])
    assert store.append([liked("tea", 1, "bob", "e"), disliked("jam", 1, "bob", "f")]) == 2


@every
def test_a_repeated_event_is_left_out_also_if_the_same_batch_drops_the_first_one(url):
    with open_store(url, keep=2) as store:
        store.append([liked("tea", 1, name="x"), liked("jam", 2)])
        assert store.append([liked("oil", 3), disliked("tea", 4, name="x")]) == 1
        assert feedback_of(store) == (["jam", "oil"], [])


@every
def test_dislikes_are_erased_with_their_ids(store):
    events = [liked("tea", 1), disliked("jam", 2), disliked("oil", 3)]
    store.append([*events, disliked("jam", 1, "bob")])
    assert store.forget_events("ann", ["no jam2", "absent"]) == 1
    assert feedback_of(store) == (["tea"], ["oil"])
    assert store.append(events) == 1
    assert store.forget("ann") == 3
    assert (store.recent("ann", 9), feedback_of(store)) == ([], ([], []))
    assert store.append(events) == 3
    assert feedback_of(store, "bob") == ([], ["jam"])


@every
def test_dislikes_are_merged(store):
    store.append([disliked("jam", 1, "guest"), liked("tea", 2, "guest")])
    store.append([disliked("oil", 1), liked("jam", 3), liked("tea", 1, name="tea2")])
    assert store.merge("guest", "ann") == 1
    assert feedback_of(store, "guest") == ([], [])
    assert feedback_of(store) == (["tea", "jam"], ["oil"])
    assert store.recent("ann", 9)[1:3] == [disliked("oil", 1), disliked("jam", 1)]


@every
def test_all_dislikes_are_merged_even_if_both_parts_are_full(url):
    with open_store(url, keep=2) as store:
        store.append([liked("a", 1, "g"), liked("b", 2, "g")])
        store.append([disliked("c", 3, "g"), disliked("d", 4, "g")])
        assert store.merge("g", "ann") == 4
        assert feedback_of(store) == (["a", "b"], ["c", "d"])


@every
def test_kinds_and_values_are_returned_unchanged(store):
    values = [0.1, -1e-300, 1e300, 5e-324, 2 / 3, 7.0, None]
    for name, value in zip(NAMES, cycle(values), strict=False):
        events = [Event(name, name, 1, "1", name, value), Event(name, name, 2, "2", None, value)]
        events += [Event(name, name, 3, "3", name, value, disliked=True)]
        store.append(events)
        found = store.recent(name, 9)
        assert found == events
        assert all(isinstance(event.value, float | None) for event in found)
        assert store.recent_feedback([name], 9) == [Feedback([name, name], [name])]


@shared
def test_dislikes_are_found_by_a_store_that_is_opened_later(url):
    with open_store(url) as store:
        store.append([disliked("jam", 1), liked("tea", 1)])
    with open_store(url) as again:
        assert feedback_of(again) == (["tea"], ["jam"])


@every
def test_the_newest_dislikes_are_kept(store):
    store.append([disliked(f"{time:04}", time) for time in range(MOST_DISLIKES + 5)])
    _, found = feedback_of(store)
    assert (len(found), found[0], found[-1]) == (MOST_DISLIKES, "0005", f"{MOST_DISLIKES + 4}")


def expected(events, n, keep):
    """Return the history and the dislikes of one user from its events, by brute force."""
    kept = {True: [], False: []}
    for arrival, event in enumerate(events):
        if event.id not in {one.id for rows in kept.values() for _, _, one in rows}:
            rows = kept[event.disliked]
            rows.append((event.time, arrival, event))
            rows.sort()
            del rows[:-keep]
    newest = {}
    for time, _, event in kept[True]:
        newest[event.item] = max(time, newest.get(event.item, time))
    for time, _, event in kept[False]:
        if time > newest.get(event.item, time):
            del newest[event.item]
    history = [event.item for _, _, event in kept[False]][-n:]
    return history, sorted(newest, key=lambda item: (newest[item], item))


@every
def test_a_merge_at_the_limit_keeps_the_event_of_the_user(url):
    with open_store(url, keep=1) as store:
        store.append([liked("old", 1, "ann", "x")])
        store.append([liked("new", 2, "anon", "y"), disliked("old", 3, "anon", "x")])
        assert store.merge("anon", "ann") == 1
        assert feedback_of(store) == (["new"], [])


@every
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sent=st.lists(
        st.tuples(st.booleans(), st.sampled_from("xyz"), st.integers(0, 3), st.integers(0, 12)),
        max_size=25,
    ),
    n=st.integers(1, 5),
    batch=st.booleans(),
)
def test_random_feedback_equals_that_of_brute_force(url, sent, n, batch):
    user = f"a{next(UNUSED)}"
    events = [Event(user, item, time, f"e{name}", disliked=no) for no, item, time, name in sent]
    keep = 99 if batch else 4
    with open_store(url, keep=keep) as store:
        for group in [events] if batch else [[event] for event in events]:
            store.append(group)
        assert feedback_of(store, user, n) == expected(events, n, keep)
