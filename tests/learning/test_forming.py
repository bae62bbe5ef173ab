"""A model of one interest, whose users have two unrelated tastes, finds both by forming interests.

The data is that of ``test_worlds``: 32 clusters of 8 items, two per user; lists of 16 items. The
model has 8 dimensions and learns one interest. Measured over two seeds:

- hit rate with one interest: 0.76 and 0.77. Formed, mixture: 0.99 and 0.99; shares: 0.89 and 0.92.
- largest interest, median: 0.5 with the mixture, 0.625 with shares.

The thresholds of the hit rate are half of the difference.
"""

import numpy as np
import pytest
import torch

from prismrec.data.histories import Histories
from prismrec.models import Forming
from prismrec.models.extractors import Prism
from prismrec.models.model import Model
from prismrec.models.readouts import READOUTS
from prismrec.recommend.recommender import Recommender
from prismrec.rerank import AddedInterest, InterestOptions
from prismrec.training import Objective, TrainConfig, train
from worlds import small_dataset

LIST = 16
SHARES = InterestOptions(mix="shares")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world():
    return small_dataset("synthetic:many-taste?users=2500&items=256&clusters=32&events=13&seed=0")


@pytest.fixture(scope="module")
def events(world):
    return [world.histories[user] for user in range(2_500)]


@pytest.fixture(scope="module")
def one_interest(world, events):
    """Train one interest on most users."""
    torch.manual_seed(0)
    model = Model(world.catalog.size, Prism(dim=8, interests=1, max_len=12), normalized=True)
    config = TrainConfig(epochs=12, batch_size=1_000, learning_rate=0.03, seed=0, device="cpu")
    train(model, Histories.of(events[:-500]), config, Objective(readout=READOUTS["mixture"]))
    return Recommender.exact(model, world.catalog)


@pytest.fixture(scope="module")
def several(one_interest):
    return one_interest.with_forming(Forming(clusters=6, whole_weight=0.5))


def lists(recommender, events, **options):
    histories = [own[:-1] for own in events[-500:]]
    return recommender.ranked(histories, LIST, exclude_seen=False, **options)


def hit_rate(found, events):
    targets = np.array([own[-1] for own in events[-500:]])
    return float((found.items == targets[:, None]).any(axis=1).mean())


def largest(found):
    return float(np.median([np.bincount(row).max() / LIST for row in found.interest]))


def test_both_tastes_are_found_without_training_anything_new(one_interest, several, events):
    alone = hit_rate(lists(one_interest, events), events)
    mixture, shares = lists(several, events), lists(several, events, interests=SHARES)
    assert hit_rate(mixture, events) > alone + 0.11
    assert hit_rate(shares, events) > alone + 0.06
    assert largest(lists(one_interest, events)) == 1
    assert largest(mixture) <= 0.65
    assert largest(shares) <= 0.65


def test_interests_are_named_after_the_tastes(world, several, events):
    category, right = world.catalog.single_category, 0
    for own in events[-100:]:
        found = several.interests(world.catalog.items.external(own[:-1].tolist()))
        tastes = {world.catalog.category_names[c] for c in category[own[:-1]].tolist()}
        named = {one.name for one in found}
        right += named == tastes
    assert right > 70


def test_muting_a_taste_removes_it_and_an_added_taste_joins(world, several, events):
    category, names = world.catalog.single_category, world.catalog.category_names
    both, without, joined = 0, 0, 0
    for own in events[-60:]:
        history = world.catalog.items.external(own[:-1].tolist())
        found = several.interests(history)
        if len(found) != 2:
            continue
        both += 1
        kept = several.recommend(
            history, 6, exclude_seen=False,
            interests=InterestOptions(weights={found[0].number: 0}),
        )  # fmt: skip
        without += all(found[0].name not in item.categories for item in kept)
        other = next(c for c in range(32) if c not in category[own])
        more = several.recommend(
            history, LIST, exclude_seen=False,
            interests=InterestOptions(mix="shares", added=[AddedInterest(category=names[other])]),
        )  # fmt: skip
        joined += sum(names[other] in item.categories for item in more) >= 4
    assert both > 30
    assert without > 0.8 * both
    assert joined > 0.8 * both
