"""Interests that a caller adds: each is read as a history of one event."""

import numpy as np
import pytest
import torch

from prismrec.models.added import add_interests
from prismrec.models.extractors import EXTRACTORS
from prismrec.models.forming import Forming, form_interests
from worlds import formed, untrained

NONE = np.empty(0, dtype=np.int64)
SEVERAL = [("sa", 3), ("dr", 2), ("mind", 3), ("prism", 3), ("mean", 1), ("gru", 1)]


def extractor_of(name, interests):
    torch.manual_seed(0)
    return EXTRACTORS[name](dim=4, interests=interests, max_len=6).eval()


@torch.no_grad()
@pytest.mark.parametrize(("name", "interests"), SEVERAL)
def test_added_interests_follow_the_others(name, interests):
    extractor = extractor_of(name, interests)
    items, mask = torch.randn(2, 5, 4), torch.ones(2, 5).bool()
    found, vectors = extractor(items, mask), torch.randn(2, 4)
    both = add_interests(extractor, found, mask, vectors)
    assert both.vectors.shape == (2, interests + 2, 4)
    assert torch.equal(both.vectors[:, :interests], found.vectors)
    assert torch.equal(both.active[:, :interests], found.active)
    assert both.active[:, interests:].all()
    assert not both.weights[:, interests:].any()
    assert both.states is found.states
    for number, vector in enumerate(vectors):
        alone = extractor(vector[None, None], torch.ones(1, 1).bool())
        assert torch.allclose(both.vectors[:, interests + number], alone.vectors[0, 0], atol=1e-6)


@torch.no_grad()
def test_an_added_interest_has_the_mean_prior_of_the_shown_interests():
    mean = EXTRACTORS["mean"](dim=2, interests=1, max_len=3, linear=False)
    items = torch.tensor([[[1.0, 0], [0, 1], [0, 1]], [[1, 0], [1, 0], [0, 0]]])
    mask = torch.tensor([[True, True, True], [True, True, False]])
    found = form_interests(mean, items, mask, Forming(clusters=3, whole_weight=0.6))
    both = add_interests(mean, found, mask, torch.tensor([[0.0, 2]]))
    # Two clusters share 0.4; a history of one cluster has one interest of prior 1.
    assert both.bias[:, -1].exp().tolist() == pytest.approx([0.2, 1.0], abs=1e-6)
    assert torch.equal(both.vectors[:, -1], torch.tensor([[0.0, 2], [0, 2]]))
    assert torch.equal(both.parts[:, :-1], found.parts)
    assert not both.parts[:, -1].any()


def test_without_events_only_added_interests_are_active(dataset):
    for recommender in (formed(dataset), untrained(dataset)):
        model = recommender.model
        found = model.interests_of([NONE, dataset.histories[0]], torch.randn(2, 8))
        own = model.interests
        assert found.active[0].tolist() == [False] * own + [True, True]
        alone = model.interests_of([dataset.histories[0]])
        assert torch.equal(found.active[1, :own], alone.active[0])
        assert torch.allclose(found.vectors[1, :own], alone.vectors[0], atol=1e-6)


def test_added_interests_are_log_probabilities_like_the_others(dataset):
    model = formed(dataset).model
    found = model.interests_of([dataset.histories[0], NONE], torch.randn(2, 8))
    scores = found.vectors @ model.item_vectors()[1:].T + found.bias[..., None]
    total = (scores.double().exp() * found.active[..., None]).sum(dim=(1, 2))
    assert total.detach().numpy() == pytest.approx([1, 1], abs=1e-5)
    without_events = scores[1, -2:].exp().sum(dim=1).detach().numpy()
    assert without_events == pytest.approx([0.5, 0.5], abs=1e-5)
