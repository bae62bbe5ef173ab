"""Test the contract of stores with every registered store, on real servers."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prismrec.errors import ConfigError, DataError, StoreError, UnknownName
from prismrec.registry import resolve
from prismrec.service import stores as package
from prismrec.service.stores import STORES, Event, open_store, place_of

pytestmark = pytest.mark.slow

KINDS = sorted({resolve("store", scheme, STORES).kind for scheme in STORES})
SHARED = [kind for kind in KINDS if kind != "memory"]  # they keep events after a restart
every = pytest.mark.parametrize("url", [*KINDS, "recipe"], indirect=True)
reopened = pytest.mark.parametrize("url", [*SHARED, "recipe"], indirect=True)
shared = pytest.mark.parametrize("url", SHARED, indirect=True)
UNUSED = count()
NAMES = [
    "a/b",
    "../x?y=1&z#",
    "日本語 🙂",
    "1234567890123456789",
    " ",
    "a\n'\"\\",
    "Ünï",
    "x" * 1_000,
]
NAMES += ["007", "{a}b", "}", "%s", "NULL", "1e5", "e\u0301", "\ufeffa"]


@pytest.fixture
def store(url):
    with open_store(url) as found:
        yield found


def event(number, *, user="ann", time=None, item=None):
    return Event(user, item or f"item {number}", number if time is None else time, f"e{number}")


@every
def test_a_history_is_sorted_by_time_then_by_arrival(
    store,
):
    times = [50, 10, 50, 30, 10]
    assert store.append([event(i, time=time) for i, time in enumerate(times)]) == 5
    store.append([event(5, time=20)])
    assert [e.id for e in store.recent("ann", 10)] == ["e1", "e4", "e5", "e3", "e0", "e2"]
    assert [e.id for e in store.recent("ann", 3)] == ["e3", "e0", "e2"]


@every
def test_a_repeated_event_is_stored_once_and_the_first_one_is_kept(store):
    first = [event(1), event(2), event(1)]
    assert store.append(first) == 2
    assert store.append([event(1, item="another", time=99), event(3)]) == 1
    assert store.recent("ann", 10) == [event(1), event(2), event(3)]


@every
def test_the_same_id_of_two_users_is_two_events(store):
    assert store.append([event(1), event(1, user="bob")]) == 2
    assert store.recent_many(["bob", "nobody", "ann", "bob"], 5) == [
        [event(1, user="bob")],
        [],
        [event(1)],
        [event(1, user="bob")],
    ]


@every
def test_empty_batches_and_unknown_users_are_valid(store):
    assert store.append([]) == 0
    assert store.recent_many([], 5) == []
    assert store.recent("nobody", 5) == []
    assert store.forget("nobody") == 0


@every
def test_forgetting_a_user_removes_only_this_user_with_all_event_ids(store):
    events = [event(1), event(2), event(1, user="bob")]
    store.append(events)
    assert store.forget("ann") == 2
    assert store.recent_many(["ann", "bob"], 5) == [[], events[2:]]
    assert store.append(events) == 2
    assert store.recent("ann", 5) == events[:2]


@every
def test_only_the_newest_events_are_kept(url):
    with open_store(url, keep=3) as store:
        store.append([event(i) for i in range(5)])
        kept = [event(i) for i in (2, 3, 4)]
        assert store.recent("ann", 10) == kept
        store.append([event(0), event(1)])
        assert store.recent("ann", 10) == kept
        store.append([event(i, time=7) for i in (7, 8)])
        store.append([event(9, time=7)])
        assert [e.id for e in store.recent("ann", 10)] == ["e7", "e8", "e9"]
        store.append([event(2, time=8)])  # dropped before: its id is free
        assert [e.id for e in store.recent("ann", 10)] == ["e8", "e9", "e2"]


@every
@pytest.mark.parametrize("name", NAMES)
def test_unusual_names_are_returned_unchanged(store, name):
    given = Event(name, name, -(2**63), name)
    store.append([given, Event(name, "x", 2**63 - 1, "last")])
    assert store.recent(name, 2) == [given, Event(name, "x", 2**63 - 1, "last")]
    found = store.recent_feedback([name, "nobody", name], 2)
    assert [one.history for one in found] == [[name, "x"], [], [name, "x"]]
    assert store.forget(name) == 2


@every
def test_similar_names_are_different_users(store):
    users = ["A", "a", "a ", "é", "e\u0301", "1", "01", "1.0"]
    store.append([Event(user, user, 0, "e") for user in users])
    assert [[e.item for e in found] for found in store.recent_many(users, 5)] == [
        [user] for user in users
    ]


@every
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (Event("", "i", 0, "e"), "id of the user is ''"),
        (Event("u", "", 0, "e"), "id of the item is ''"),
        (Event("u", "i", 0, ""), "id of the event is ''"),
        (Event("u", 7, 0, "e"), "id of the item is 7; send text"),
        (Event("u", "a\0b", 0, "e"), "has no NUL"),
        (Event("u", "\ud800", 0, "e"), "no valid UTF-8"),
        (Event("é" * 501, "i", 0, "e"), "has 1,002 bytes"),
        (Event("u", "i", 1.5, "e"), "time of an event is 1.5; send whole microseconds"),
        (Event("u", "i", "1", "e"), "time of an event is '1'"),
        (Event("u", "i", 2**63, "e"), "no int64"),
        (Event("u", "i", 0, "e", ""), "kind of an event is ''"),
        (Event("u", "i", 0, "e", "a\0b"), "kind of an event .* has no NUL"),
        (Event("u", "i", 0, "e", "é" * 501), "kind of an event has 1,002 bytes"),
        (Event("u", "i", 0, "e", None, float("nan")), "value of an event is nan; send a finite"),
        (Event("u", "i", 0, "e", None, "5"), "value of an event is '5'; send a finite number"),
    ],
)
def test_an_invalid_event_rejects_its_whole_batch(store, wrong, message):
    with pytest.raises(DataError, match=message):
        store.append([event(1), wrong])
    assert store.recent("ann", 1) == []


@every
def test_invalid_arguments_are_errors(store, url):
    with pytest.raises(ConfigError, match="n is 0; read at least the newest 1 event"):
        store.recent("ann", 0)
    with pytest.raises(DataError, match="id of the user is ''"):
        store.recent_many(["ann", ""], 1)
    with pytest.raises(DataError):
        store.recent_feedback(["ann", ""], 1)
    with pytest.raises(DataError, match="id of the user is ''"):
        store.forget("")
    with pytest.raises(ConfigError, match="keep is 0; a store keeps at least 1 event"):
        open_store(url, keep=0)


@every
def test_lists_of_events_are_not_shared_with_the_caller(store):
    events = [event(2), event(1)]
    store.append(events)
    store.recent("ann", 5).clear()
    assert events == [event(2), event(1)]
    assert store.recent("ann", 5) == [event(1), event(2)]


@every
def test_a_store_has_ping_and_promise_and_may_be_closed_twice(store):
    store.ping()
    assert store.promise.endswith(".")
    store.close()
    store.close()


def kept(events, keep):
    """Return the events of one user that a store must keep: the newest ``keep`` by time."""
    held = []
    for arrival, sent in enumerate(events):
        if sent.id not in {e.id for _, _, e in held}:
            held = sorted([*held, (sent.time, arrival, sent)], key=lambda row: row[:2])[-keep:]
    return [e for _, _, e in held]


@every
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sent=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.integers(0, 9))),
    n=st.integers(1, 5),
)
def test_random_events_are_kept_in_the_expected_order(url, sent, n):
    run = next(UNUSED)
    events = [
        Event(f"{user}{run}", f"i{i}", time, f"e{e}") for i, (user, time, e) in enumerate(sent)
    ]
    with open_store(url, keep=4) as store:
        for one in events:
            store.append([one])
        for user in (f"a{run}", f"b{run}"):
            expected = kept([e for e in events if e.user == user], keep=4)
            assert store.recent(user, n) == expected[-n:]
            (found,) = store.recent_feedback([user], n)
            assert found.history == [one.item for one in expected[-n:]]
            assert not found.dislikes


@every
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), max_size=30))
def test_a_batch_equals_single_events_if_no_event_is_dropped(url, sent):
    run = next(UNUSED)
    events = [Event(f"c{run}", f"i{i}", time, f"e{e}") for i, (time, e) in enumerate(sent)]
    with open_store(url) as store:
        assert store.append(events) == len({e.id for e in events})
        assert store.recent(f"c{run}", 50) == kept(events, keep=50)


@every
def test_threads_that_write_the_same_events_store_each_event_once(store):
    users = [f"u{i}" for i in range(5)]

    def write(worker):
        batches = [[event(i, user=user) for user in users] for i in range(20)]
        order = batches if worker % 2 else [batch[::-1] for batch in batches[::-1]]
        stored = sum(store.append(batch) for batch in order)
        return stored, [len(found) for found in store.recent_many(users, 50)]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(write, range(8)))
    assert sum(stored for stored, _ in answers) == 100
    assert all(lengths == [20] * 5 for _, lengths in answers)
    assert store.recent_many(users, 50) == [[event(i, user=u) for i in range(20)] for u in users]


@shared
def test_a_store_that_is_opened_later_contains_the_events(url):
    with open_store(url) as one, open_store(url) as other:
        one.append([event(1)])
        assert other.recent("ann", 5) == [event(1)]
        assert other.append([event(1), event(2)]) == 1
    with open_store(url) as again:
        assert again.recent("ann", 5) == [event(1), event(2)]


@reopened
def test_erased_and_merged_events_do_not_come_back_after_a_restart(url):
    with open_store(url) as store:
        assert store.forget("bob") == 0
        store.append([event(1), event(2), event(3), event(1, user="bob")])
        store.append([event(4, user="anonymous")])
        store.forget("bob")
        store.forget_events("ann", ["e2"])
        store.merge("anonymous", "ann")
        store.append([event(2, item="again")])
    with open_store(url) as store:
        expected = [event(1), event(2, item="again"), event(3), event(4)]
        assert store.recent_many(["ann", "bob", "anonymous"], 9) == [expected, [], []]


@reopened
def test_the_newest_events_are_the_same_after_a_restart(url):
    with open_store(url, keep=2) as store:
        store.append([event(1), event(2), event(3), event(1, time=9)])
        store.append([event(1, time=4)])
        before = store.recent("ann", 9)
        assert before == [event(3), event(1, time=4)]
    with open_store(url, keep=2) as store:
        assert store.recent("ann", 9) == before


@shared
def test_a_closed_store_is_an_error(url):
    store = open_store(url)
    store.close()
    with pytest.raises(StoreError, match="was closed"):
        store.ping()


@shared
def test_several_processes_may_open_a_new_store_at_the_same_time(url):
    code = (
        "import sys; from prismrec.service.stores import Event, open_store\n"
        "store = open_store(sys.argv[1], keep=150)\n"
        "print(sum(store.append([Event('ann', f'i{i}', i, f'e{i}')]) for i in range(100)))"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    assert sum(int(run.communicate()[0]) for run in runs) == 100
    with open_store(url) as store:
        assert [e.id for e in store.recent("ann", 200)] == [f"e{i}" for i in range(100)]


def test_a_database_per_thread_is_refused():
    with pytest.raises(ConfigError, match="gives each thread a store of its own; write memory:"):
        open_store("sqlite:///:memory:")


def test_the_error_for_an_address_without_a_store_does_not_contain_the_address():
    with pytest.raises(UnknownName, match="No store named 'mysql'"):
        open_store("mysql://me:hush@host/db")
    for url in ("hush@host", "", "/hush/events.db", "//me:hush@host"):
        with pytest.raises(ConfigError, match="has no scheme") as refused:
            open_store(url)
        assert "hush" not in str(refused.value)


def test_every_file_of_the_folder_is_registered():
    others = {
        "__init__",
        "base",
        "late",
        "pool",
        "sqlite_queries",
        "sqlite_turns",
        "postgres_queries",
        "redis_scripts",
    }
    files = {path.stem for path in Path(package.__file__).parent.glob("*.py")} - others
    known = {resolve("store", name, STORES).__module__.rpartition(".")[2] for name in STORES}
    assert files == known, f"add {files - known} to STORES in stores/__init__.py"


@every
def test_single_events_are_forgotten_by_their_ids(store):
    store.append([event(1), event(2), event(3), event(2, user="bob")])
    assert store.forget_events("ann", ["e2", "e2", "absent"]) == 1
    assert store.forget_events("ann", []) == 0
    assert store.forget_events("nobody", ["e1"]) == 0
    assert store.recent_many(["ann", "bob"], 5) == [[event(1), event(3)], [event(2, user="bob")]]
    assert store.append([event(2)]) == 1  # its id is free again
    assert store.recent("ann", 5) == [event(1), event(2), event(3)]


@every
@pytest.mark.parametrize("name", NAMES)
def test_an_event_with_an_unusual_id_is_forgotten(store, name):
    store.append([Event(name, name, 1, name), Event(name, "x", 2, name + "2")] if len(name) < 999
                 else [Event(name, name, 1, name)])  # fmt: skip
    before = len(store.recent(name, 5))
    assert store.forget_events(name, [name]) == 1
    assert len(store.recent(name, 5)) == before - 1


@every
def test_an_anonymous_history_is_merged_once(store):
    store.append([event(2), event(4, item="kept")])
    store.append([event(1, user="anonymous"), event(3, user="anonymous")])
    store.append([event(4, user="anonymous", item="other")])
    assert store.merge("anonymous", "ann") == 2
    expected = [event(1), event(2), event(3), event(4, item="kept")]
    assert store.recent("ann", 9) == expected
    assert store.recent("anonymous", 9) == []
    assert store.merge("anonymous", "ann") == 0
    assert store.merge("ann", "ann") == 0
    assert store.recent("ann", 9) == expected


@every
def test_an_event_that_was_erased_during_a_merge_does_not_come_back(store):
    with ThreadPoolExecutor(2) as pool:
        for run in range(30):
            session, user = f"session {run}", f"user {run}"
            assert store.append([event(i, user=session) for i in range(20)]) == 20
            started = Barrier(2)

            def merge(session=session, user=user, started=started):
                started.wait()
                return store.merge(session, user)

            merged = pool.submit(merge)
            started.wait()
            erased = store.forget(session)
            assert (erased, merged.result()) in {(20, 0), (0, 20)}
            assert [len(found) for found in store.recent_many([session, user], 50)] == [
                0, merged.result()
            ]  # fmt: skip


@every
def test_a_merge_moves_dislikes_and_keeps_only_the_newest_events(url):
    liked = [event(i) for i in range(3)]
    disliked = [event(i)._replace(kind="stars", value=0.1, disliked=True) for i in range(3, 7)]
    with open_store(url, keep=2) as store:
        store.append([one._replace(user="anonymous") for one in (*liked[1:], *disliked[:3])])
        store.append([liked[0], disliked[3], disliked[1]._replace(disliked=False, item="kept")])
        assert store.merge("anonymous", "ann") == 3  # e4 of ann stays, e3 was dropped
        kept = [liked[2], disliked[1]._replace(disliked=False, item="kept"), *disliked[2:]]
        assert store.recent_many(["ann", "anonymous"], 9) == [kept, []]
        assert store.append([liked[1]._replace(time=9)]) == 1  # dropped: its id is free


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("memory:", "memory"),
        ("sqlite:///events.db", "sqlite events.db"),
        ("sqlite:////data/events.db", "sqlite /data/events.db"),
        (
            "postgresql://me:hush@db.shop:5432/events?sslpassword=hush",
            "postgresql db.shop:5432/events",
        ),
        ("redis://:hush@host/0", "redis host/0"),
        ("shop.events:ShopStore+shop://me:hush@host/db", "shop.events:ShopStore"),
    ],
)
def test_the_place_of_a_store_has_no_password(address, place):
    assert place_of(address) == place
