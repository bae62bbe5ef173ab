"""Test the example users: whose interests mix in their lists, and whom the page shows first."""

import time
from collections import Counter
from types import SimpleNamespace

import pytest

from prismrec.data import save_dataset
from prismrec.service import examples, insight
from prismrec.service.examples import MIXED, choose_example, spread_of, with_spreads
from prismrec.service.responses import Example
from prismrec.service.settings import ServePaths
from service.clients import post

pytestmark = pytest.mark.slow


class Mixer:
    """A recommender for which the only event of a history is the largest share of its list."""

    def __init__(self):
        self.listed = []

    def recommend_many(self, histories, *, explain):
        assert not explain, "reasons cost time"
        self.listed += histories
        return [answer(float(share[0])) for share in histories]


def answer(share):
    largest = round(20 * share)
    interests = [1] * largest + [2] * min(largest, 20 - largest)
    interests += [3] * (20 - len(interests))
    return SimpleNamespace(
        source="interests", items=[SimpleNamespace(interest=number) for number in interests]
    )


def users_of(shares, events=9):
    return [Example(f"u{at}", events, None, [str(share)]) for at, share in enumerate(shares)]


def test_spread_is_what_the_largest_interest_leaves():
    assert [spread_of(answer(share)) for share in (1.0, 0.75, 0.5, 0.4)] == [0, 0.25, 0.5, 0.6]
    assert spread_of(SimpleNamespace(source="popular", items=answer(0.4).items)) == 0
    assert spread_of(SimpleNamespace(source="interests", items=[])) == 0


def measure(shares, seconds=60):
    found = with_spreads(Mixer(), users_of(shares), seconds)
    assert [user.user for user in found] == [user.user for user in users_of(shares)]
    return {user.user: user.spread for user in found if user.spread is not None}


def test_the_users_of_the_sample_get_their_spreads():
    assert measure([1.0, 0.5, 0.9]) == {"u0": 0, "u1": 0.5, "u2": pytest.approx(0.1)}


def test_the_sample_is_bounded(monkeypatch):
    monkeypatch.setattr(examples, "BLOCK", 10)
    monkeypatch.setattr(examples, "MEASURED", 30)
    spreads = measure([0.9] * 100)
    assert len(spreads) == 30
    assert {int(name[1:]) // 50 for name in spreads} == {0, 1}, "the sample is of one part"
    assert measure([0.9] * 100) == spreads
    assert len(measure([0.4] * 100, seconds=-1)) == 10, "the first group is always measured"
    monkeypatch.setattr(examples, "ENOUGH", 15)
    assert len(measure([0.4] * 100)) == 20


def test_a_measurement_is_continued(monkeypatch):
    monkeypatch.setattr(examples, "BLOCK", 10)
    monkeypatch.setattr(examples, "MEASURED", 30)
    recommender = Mixer()
    first = with_spreads(recommender, users_of([0.9] * 100), -1)
    whole = with_spreads(recommender, first, 60)
    assert len(recommender.listed) == 30, "a list was made twice"
    assert whole == with_spreads(Mixer(), users_of([0.9] * 100), 60)
    assert with_spreads(recommender, whole, 60) == whole
    assert len(recommender.listed) == 30


def test_a_new_visitor_sees_a_short_history_with_a_mixed_list():
    long, short, plain = (
        Example("long", 300, 0.7, []), Example("short", 20, 0.6, []), Example("plain", 5, 0.1, [])
    )  # fmt: skip
    assert choose_example([long, short, plain]) == short
    assert choose_example([long, plain]) == long, "the most mixed, if none is short"
    assert choose_example([]) is None


@pytest.fixture
def client(serve, artifact, dataset, tmp_path):
    save_dataset(dataset, tmp_path / "data")
    return serve(places=ServePaths(artifact=artifact, data=tmp_path / "data"))


def test_the_offered_spreads_are_those_of_the_served_lists(client):
    users = client.get("/v1/examples", params={"order": "different", "limit": 200}).json()["users"]
    measured = [user["spread"] for user in users]
    assert measured == sorted(measured, reverse=True)
    assert measured[0] >= MIXED, "no user of this data set has a mixed list"
    for user in users[::10]:
        items = post(client, "/v1/recommend", history=user["history"])["items"]
        largest = max(Counter(item["interest"] for item in items).values())
        assert user["spread"] == pytest.approx(1 - largest / len(items), abs=1e-4)


def test_users_that_were_not_measured_come_last_and_are_still_found(client, monkeypatch):
    monkeypatch.setattr(examples, "BLOCK", 8)
    monkeypatch.setattr(examples, "MEASURED", 8)
    users = client.get("/v1/examples", params={"order": "different", "limit": 200}).json()["users"]
    known = [user["spread"] is not None for user in users]
    assert known == sorted(known, reverse=True)
    assert 0 < sum(known) < len(users)
    name = users[-1]["user"]
    found = client.get("/v1/examples", params={"search": name, "limit": 1}).json()["users"]
    assert found == users[-1:]


def test_visitors_of_a_new_service_wait_for_one_measurement(client, monkeypatch):
    calls = []
    monkeypatch.setattr(insight, "SECONDS", -1)
    monkeypatch.setattr(
        insight, "with_spreads", lambda *parts: calls.append(parts[2]) or with_spreads(*parts)
    )
    users = client.get("/v1/examples", params={"order": "different"}).json()["users"]
    assert client.get("/v1/examples", params={"order": "different"}).json()["users"] == users
    assert calls == [-1]


def test_the_rest_of_the_sample_is_measured_after_the_first_answer(client, monkeypatch):
    monkeypatch.setattr(examples, "BLOCK", 8)
    monkeypatch.setattr(insight, "SECONDS", -1)

    def measured():
        query = {"order": "different", "limit": 200}
        users = client.get("/v1/examples", params=query).json()["users"]
        return sum(user["spread"] is not None for user in users)

    assert measured() == 8
    assert client.get("/v1/start").status_code == 200
    until = time.monotonic() + 20
    while measured() == 8:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert measured() > 40
