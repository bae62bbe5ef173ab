"""Test the Redis store: cases that the contract tests do not cover."""

import re
import signal
import time
from contextlib import closing
from unittest import mock

import pytest

from prismrec.errors import ConfigError, MissingExtra, StoreError
from prismrec.service.stores import Event, LateStore, open_store
from prismrec.service.stores import redis as redis_store

pytest.importorskip("redis", reason="pip install 'prismrec[stores]'")
EVENT = Event("ann", "tea", 1, "e1")
real = pytest.mark.parametrize("url", ["redis"], indirect=True)


@real
def test_the_error_for_a_wrong_password_contains_no_password(url):
    with pytest.raises(StoreError, match="could not be used") as refused:
        open_store(url.replace("hush", "guess"))
    assert "hush" not in str(refused.value)
    assert "guess" not in str(refused.value)


@real
def test_an_error_of_a_user_does_not_name_the_user(url):
    with open_store(url) as store:
        store._client.set("prismrec:events:ann", "of another program")
        with pytest.raises(StoreError, match="WRONGTYPE") as failed:
            store.recent("ann", 5)
        assert "ann" not in str(failed.value)
        with pytest.raises(StoreError, match="WRONGTYPE") as failed:
            store.append([EVENT])
        assert "ann" not in str(failed.value)


@pytest.mark.parametrize(
    ("rest", "part"),
    [
        ("/events", "does not name its database by one number"),
        ("/0/3", "does not name its database by one number"),
        ("/1?db=3", "does not name its database by one number"),
        ("?db=1&db=3", "does not name its database by one number"),
        ("/0?decode_responses=true", "the option decode_responses, but the store decodes"),
        ("/0?decode_responses=false", "leave the option out"),  # the client decodes then too
        ("?encoding=latin-1", "the option encoding, but"),
        ("?encoding_errors=ignore", "the option encoding_errors, but"),
    ],
)
def test_an_address_that_the_client_reads_otherwise_is_refused(rest, part):
    with pytest.raises(ConfigError, match=re.escape(part)):
        open_store(f"redis://127.0.0.1:1{rest}")


@pytest.mark.parametrize("rest", ["", "/", "/0", "/12", "?db=3", "/?db=3&socket_timeout=1"])
def test_an_address_with_at_most_one_number_is_read(rest):
    with pytest.raises(StoreError, match="could not be used"):  # nothing answers at port 1
        open_store(f"redis://127.0.0.1:1{rest}")


@real
def test_the_promise_describes_the_settings_of_the_server(url, redis):
    with open_store(url) as store, redis.client() as client:
        assert "on the server's disk" in store.promise
        client.config_set("appendfsync", "everysec")
        assert "loses up to two seconds" in store.promise
        client.config_set("appendonly", "no")
        assert "since its last snapshot" in store.promise
        client.config_set("appendonly", "yes")
        client.config_set("appendfsync", "always")


@real
def test_a_server_that_may_evict_histories_is_refused(url, redis):
    with redis.client() as client:
        client.config_set("maxmemory", 10**9)
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            with pytest.raises(ConfigError, match=r"allkeys-lru.* to noeviction"):
                open_store(url)
        finally:
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", 0)


@real
def test_a_server_that_may_evict_histories_later_is_noticed(url, redis):
    with open_store(url) as store, redis.client() as client:
        client.config_set("maxmemory", 10**9)
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            with pytest.raises(StoreError, match=r"allkeys-lru.* to noeviction"):
                store.ping()
        finally:
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", 0)
        store.ping()


@real
def test_a_changed_promise_is_logged_once(url, redis, caplog):
    with (
        closing(LateStore(lambda: open_store(url), "redis cache")) as store,
        redis.client() as client,
    ):
        store.ping()
        assert not [r for r in caplog.records if "promise of the store" in r.message]
        client.config_set("appendfsync", "everysec")
        try:
            store.ping()
            store.ping()
        finally:
            client.config_set("appendfsync", "always")
    (found,) = [r for r in caplog.records if "promise of the store changed" in r.message]
    assert found.fields["promise"].startswith("Redis writes its log to disk every second")


@real
@pytest.mark.parametrize(
    ("call", "given"),
    [
        ("append", [[EVENT]]),
        ("forget", ["ann"]),
        ("forget_events", ["ann", ["e0"]]),
        ("merge", ["ann", "bob"]),
    ],
)
def test_after_a_failover_new_connections_lead_to_the_new_server(url, redis, call, given):
    with open_store(url) as store, redis.client() as client:
        store.append([EVENT._replace(id="e0")])
        pool = store._client.connection_pool
        end = pool.disconnect

        def fail_over(*words, **options):
            client.replicaof("NO", "ONE")
            end(*words, **options)

        client.replicaof("127.0.0.1", 1)
        try:
            with pytest.raises(StoreError, match=r"read only replica.*what its message states"):
                store.append([EVENT])
            with mock.patch.object(pool, "disconnect", fail_over):
                assert getattr(store, call)(*given) == 1
        finally:
            client.replicaof("NO", "ONE")


@real
def test_a_full_server_stores_no_part_of_a_batch_and_keeps_old_events(url, redis):
    with open_store(url) as store, redis.client() as client:
        store.append([EVENT])
        client.config_set("maxmemory", 1)
        try:
            with pytest.raises(StoreError, match="maxmemory"):
                store.append([EVENT._replace(id="e2"), EVENT._replace(user="bob")])
            assert store.recent_many(["ann", "bob"], 5) == [[EVENT], []]
        finally:
            client.config_set("maxmemory", 0)


@real
def test_a_newer_layout_is_refused(url, redis):
    with redis.client() as client:
        client.set("prismrec:schema", 3)
    with pytest.raises(ConfigError, match=r"schema version 3, .* up to 2; upgrade prismrec"):
        open_store(url)


@real
@pytest.mark.parametrize("full", [False, True])
def test_keys_of_the_first_version_keep_their_events_and_get_dislikes(url, redis, full):
    with open_store(url) as store, redis.client() as client:
        store.append([EVENT])
        client.set("prismrec:schema", 1)
        if full:
            client.config_set("maxmemory", 1)
        try:
            with open_store(url) as opened:
                assert opened.recent("ann", 5) == [EVENT]
        finally:
            client.config_set("maxmemory", 0)
        assert client.get("prismrec:schema") == (b"1" if full else b"2")
        store.append([Event("ann", "jam", 2, "e2", "stars", 1.0, disliked=True)])
        assert store.recent_feedback(["ann"], 5)[0] == (["tea"], ["jam"])


@real
def test_forgetting_a_user_leaves_no_data(url, redis):
    with open_store(url) as store, redis.client() as client:
        store.append([EVENT, EVENT._replace(id="e2", disliked=True)])
        store.forget("ann")
        assert sorted(client.keys()) == [b"prismrec:arrival", b"prismrec:schema"]


@real
def test_dropped_events_leave_no_ids(url, redis):
    with open_store(url, keep=2) as store, redis.client() as client:
        store.append([EVENT._replace(time=i, id=f"e{i}") for i in range(5)])
        assert client.smembers("prismrec:ids:ann") == {b"e3", b"e4"}


def test_the_error_without_the_client_contains_the_install_command():
    with (
        mock.patch.dict("sys.modules", redis=None),
        pytest.raises(MissingExtra, match=r"pip install 'prismrec\[stores\]'"),
    ):
        open_store("redis://host")


@real
@pytest.mark.parametrize("erase", ["user", "event", "opened anew"])
def test_a_full_server_still_erases(url, redis, erase):
    with open_store(url) as store, redis.client() as client:
        store.append([EVENT, EVENT._replace(id="e2")])
        client.config_set("maxmemory", 1)
        try:
            if erase == "user":
                assert store.forget("ann") == 2
            elif erase == "event":
                assert store.forget_events("ann", ["e1"]) == 1
            else:
                with open_store(url) as again:
                    assert again.forget("ann") == 2
        finally:
            client.config_set("maxmemory", 0)


@real
@pytest.mark.slow
@pytest.mark.parametrize("call", ["ping", "append", "recent", "forget", "forget_events"])
def test_a_server_that_is_suspended_is_an_error_in_time(url, redis, call, monkeypatch):
    monkeypatch.setattr(redis_store, "DEADLINE", 0.5)
    given = {"append": [[EVENT]], "recent": ["ann", 5], "forget": ["ann"],
             "forget_events": ["ann", ["e1"]]}  # fmt: skip
    with open_store(url) as store:
        store.append([EVENT])
        redis.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        try:
            with pytest.raises(StoreError, match="could not be used"):
                getattr(store, call)(*given.get(call, []))
            assert time.monotonic() - began < 5
        finally:
            redis.process.send_signal(signal.SIGCONT)
        store.ping()
