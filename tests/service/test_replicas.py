"""Test two services on one store and one artifact folder, as replicas behind a load balancer."""

import contextlib
from dataclasses import replace

import pytest

from prismrec.service.settings import ServePaths
from service.processes import Process, replace_folder, wait_until
from worlds import ids

pytestmark = pytest.mark.slow
USERS = 3


def send(client, method, path, **body):
    """Return the answer of a replica, which is a process or a client of a service."""
    client = getattr(client, "client", client)
    answer = client.request(method, path, **({"json": body} if body else {}))
    assert answer.status_code == 200, answer.text
    return answer.json()


def store_histories(client, dataset):
    events = [
        {"user": f"u{user}", "item": item} for user in range(USERS) for item in ids(dataset, user)
    ]
    send(client, "POST", "/v1/events", events=events)


def answers(client):
    """Return the answers for all users, with reasons, and the items similar to one."""
    asked = [
        send(client, "POST", "/v1/recommend", user=f"u{user}", k=8, explain=True, diversity=0.2)
        for user in range(USERS)
    ]
    return asked, send(client, "GET", "/v1/items/3/similar")


def lists(client):
    return [[item["id"] for item in one["items"]] for one in answers(client)[0]]


def test_two_processes_give_the_same_answers_after_events_changes_and_a_reload(
    serving, world, dataset, tmp_path
):
    one = serving()
    with contextlib.closing(Process(tmp_path)) as other:
        other.log = tmp_path / "other.log"
        other.environment["TMPDIR"] = str(tmp_path)  # as another machine has its own copies
        other.start()
        store_histories(one, dataset)
        first = answers(one)
        assert answers(other) == first
        clicked, top = (item["id"] for item in first[0][0]["items"][:2])
        send(one, "POST", "/v1/events", events=[{"user": "u0", "item": clicked}])
        assert answers(other) == answers(one) != first
        assert clicked not in lists(other)[0]

        send(other, "POST", "/v1/items/hide", items=[top])
        send(other, "POST", "/v1/items", items=[{"id": "new", "related_to": [top]}])
        assert answers(one) == answers(other)
        assert "new" in lists(one)[0]
        assert top not in lists(one)[0]

        replace_folder(world / "other", tmp_path / "artifact")
        was, now = first[0][0]["artifact"], send(one, "POST", "/v1/admin/reload")["artifact"]
        assert {one["artifact"] for one in answers(other)[0]} <= {was, now}
        wait_until(lambda: answers(other)[0][0]["artifact"] == now)
        assert answers(one) == answers(other)
        assert top not in lists(other)[0]


@pytest.fixture
def replicas(serve, artifact, dataset, tmp_path):
    """Return a function that starts services in this process, on one store and one artifact."""

    def start(*changes):
        paths = ServePaths(artifact=artifact)
        clients = [
            serve(places=replace(paths, changes=own), store=f"sqlite:///{tmp_path}/events.db")
            for own in changes
        ]
        store_histories(clients[0], dataset)
        return clients

    return start


def test_a_replica_that_starts_later_has_the_changes_of_the_others(replicas, dataset):
    (one,) = replicas(None)
    top = lists(one)[0][0]
    send(one, "POST", "/v1/items", items=[{"id": "new", "related_to": [top]}])
    send(one, "POST", "/v1/items/hide", items=[top])
    (late,) = replicas(None)
    assert answers(late) == answers(one)


def test_with_a_file_of_changes_each_a_change_is_sent_to_every_replica(
    replicas, world, artifact, tmp_path
):
    one, other = replicas(tmp_path / "one.changes", tmp_path / "other.changes")
    top = lists(one)[0][0]
    send(one, "POST", "/v1/items/hide", items=[top])
    assert (top in lists(one)[0], top in lists(other)[0]) == (False, True)
    send(other, "POST", "/v1/items/hide", items=[top])
    assert answers(one) == answers(other)
    replace_folder(world / "other", artifact)
    now = send(one, "POST", "/v1/admin/reload")["artifact"]
    assert answers(other)[0][0]["artifact"] != now, "the other one is not reloaded"
    send(other, "POST", "/v1/admin/reload")
    assert answers(one) == answers(other)
    assert answers(one)[0][0]["artifact"] == now
