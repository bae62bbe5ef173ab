"""Check pruning: interests that win no validation targets are not searched. This is saved."""

from functools import partial

import numpy as np
import pytest
import torch

from prismrec.data.cases import Case
from prismrec.data.split import split_by_user
from prismrec.errors import ConfigError
from prismrec.evaluation.diagnostics import diagnose
from prismrec.evaluation.metric_report import half_width
from prismrec.models.extractors import Prism
from prismrec.models.model import Model
from prismrec.recommend.artifact import load, save
from prismrec.recommend.recommender import Recommender
from prismrec.training import select_interests, validation
from prismrec.training.validation import drawn_users
from worlds import untrained

prune_interests = partial(select_interests.prune_interests, exclude_seen=True)


@pytest.fixture
def recommender(dataset):
    """Return a Prism recommender. Its interest 1 of 3 has such a low prior that it wins nothing."""
    torch.manual_seed(0)
    extractor = Prism(dim=8, interests=3, max_len=20)
    model = Model(dataset.catalog.size, extractor, tie_embeddings=False, normalized=True)
    model.set_item_vectors(
        *torch.randn(2, dataset.catalog.size, 8), torch.zeros(dataset.catalog.size)
    )
    with torch.no_grad():
        model.extractor.prior[1] = -20
    return Recommender.exact(model, dataset.catalog)


@pytest.fixture
def split(dataset, monkeypatch):
    split = split_by_user(dataset, valid=0.4, test=0.2)
    monkeypatch.setattr(
        select_interests, "MIN_TARGETS", sum(len(case.targets) for case in split.valid)
    )
    return split


def test_interests_without_wins_are_pruned_and_reported(recommender, split):
    before = recommender.ranked([case.history for case in split.valid], 8)
    note = prune_interests(recommender, split.valid)
    assert note == "2 of 3 interests were kept: the others won only 0.0 % of the validation targets"
    assert recommender.model.extractor.pruned == [1]
    found = diagnose(recommender, split.valid, k=8)
    assert found.active == (1, 0, 1)
    assert not found.unused
    after = recommender.ranked([case.history for case in split.valid], 8)
    assert np.array_equal(after.items, before.items)
    assert after.scores == pytest.approx(before.scores, abs=1e-5)
    assert prune_interests(recommender, split.valid) is None


def test_at_least_one_head_is_kept(dataset, split):
    torch.manual_seed(0)
    extractor = Prism(dim=8, interests=4, max_len=20, clusters=2)
    model = Model(dataset.catalog.size, extractor, tie_embeddings=False, normalized=True)
    model.set_item_vectors(
        *torch.randn(2, dataset.catalog.size, 8), torch.zeros(dataset.catalog.size)
    )
    with torch.no_grad():
        extractor.prior[:2] = -20
    assert "interests were kept" in prune_interests(
        Recommender.exact(model, dataset.catalog), split.valid
    )
    assert len({0, 1} & set(extractor.pruned)) == 1


def test_with_few_targets_nothing_is_pruned(recommender, split):
    assert prune_interests(recommender, split.valid[1:]) is None
    assert prune_interests(recommender, []) is None
    assert recommender.model.extractor.pruned == []


def test_the_probabilities_of_the_remaining_interests_sum_to_one(dataset, recommender):
    recommender.model.extractor.prune([0, 1])
    found = recommender.model.interests_of([dataset.histories[0]])
    scores = found.vectors[0] @ recommender.model.item_vectors()[1:].T + found.bias[0, :, None]
    assert scores[found.active[0]].exp().sum().item() == pytest.approx(1, abs=1e-5)
    assert (found.bias[0, :2] == 0).all()


def test_pruning_is_saved_and_can_be_undone(dataset, recommender, tmp_path):
    history = [dataset.catalog.items.external([3])[0]]
    whole = recommender.recommend(history, 8)
    recommender.model.extractor.prune([2])
    fewer = recommender.recommend(history, 8)
    assert fewer != whole
    assert {view.number for view in recommender.interests(history)} == {0, 1}
    save(recommender, tmp_path / "a")
    assert load(tmp_path / "a").recommend(history, 8) == fewer
    recommender.model.extractor.prune([])
    assert recommender.recommend(history, 8) == whole


@pytest.mark.parametrize("numbers", [[3], [-1], [0, 1, 2]])
def test_unknown_interests_and_all_interests_cannot_be_pruned(recommender, numbers):
    with pytest.raises(ConfigError, match="to be pruned; use numbers from 0 to 2, and keep one"):
        recommender.model.extractor.prune(numbers)


def test_other_extractors_are_not_pruned(dataset, split):
    assert prune_interests(untrained(dataset), split.valid) is None


def test_of_many_validation_users_a_sample_is_drawn_by_the_seed_and_reported(monkeypatch):
    monkeypatch.setattr(validation, "VALIDATION_USERS", 50)
    cases = [Case(np.array([user]), np.array([1])) for user in range(1, 201)]
    drawn, note = drawn_users(cases, "recall@50", seed=3)
    users = [int(case.history[0]) for case in drawn]
    assert users == sorted(set(users))
    assert len(users) == 50
    assert drawn_users(cases, "recall@50", seed=3)[0] == drawn
    assert drawn_users(cases, "recall@50", seed=4)[0] != drawn
    assert note == (
        "recall@50 was measured on 50 of 200 validation users, drawn with seed 3: its 95 % "
        "interval is at most ±0.1386"
    )
    assert drawn_users(cases[:50], "recall@50", seed=3) == (cases[:50], None)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5])
def test_the_interval_of_a_sample_is_at_most_what_the_sentence_says(share):
    random = np.random.default_rng(0)
    values = (random.random(validation.VALIDATION_USERS) < share).astype(float)
    assert round(half_width(values), 4) <= 0.0125
