"""Training reads the cluster of a history that is nearest to the target."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from extractors_of_one import drawn, extractor_of_one
from prismrec.errors import ConfigError
from prismrec.models.clustering import assign_clusters
from prismrec.models.extractors import EXTRACTORS
from prismrec.models.nearest_cluster import find_nearest, read_nearest_clusters

NUMBER = 3


def drawn_targets(seed):
    """Return a target for each event of ``drawn(seed)``."""
    return torch.randn(5, 9, 4, generator=torch.Generator().manual_seed(seed + 1))


def test_the_nearest_cluster_by_hand():
    # Events (2, 0), (0, 1), (2, 0), with the clusters {0, 2} and {1}. At the last prefix they count
    # 3^-½, 2^-½ and 1, so the priors are in the ratio 1.577 to 0.707.
    states = torch.tensor([[[2.0, 0], [0, 1], [2, 0]]])
    mask, cluster = torch.ones(1, 3, dtype=torch.bool), torch.tensor([[0, 1, 0]])
    gap = math.log(1.57735 / 0.70711)  # 0.802: the score of cluster 1 must be higher by this
    for score, nearest in ((gap - 0.01, 0), (gap + 0.01, 1)):
        target = torch.tensor([[[1.0, 0], [-1, -9], [0, score]]])
        found = find_nearest(states, mask, cluster, target, 2)
        # The first prefix has one cluster. In the second, priors are 0.707 and 1, scores -2 and -9.
        assert found.tolist() == [[0, 0, nearest]]


@pytest.mark.slow
@given(st.integers(0, 10**6), st.booleans())
@settings(max_examples=30)
@torch.no_grad()
def test_each_prefix_is_read_as_its_nearest_cluster(seed, block):
    extractor, target = extractor_of_one("prism", {"block": block}, seed), drawn_targets(seed)
    items, mask = drawn(seed)
    found = read_nearest_clusters(extractor, items, mask, target=target, number=NUMBER)
    cluster = assign_clusters(items, mask, number=NUMBER)
    states = extractor.states_of(items)
    assert found.active.all()
    assert not found.bias.any()
    for row in range(len(items)):
        for slot in range(items.shape[1]):
            vector = found.vectors[row * items.shape[1] + slot, 0]
            if not mask[row, slot]:
                assert not vector.any()
                continue
            own = cluster[row, : slot + 1]
            near = (1.0 + slot - torch.arange(slot + 1)) ** -0.5
            scores = states[row, : slot + 1] @ target[row, slot]
            values = {
                number: float((near * scores)[own == number].sum() / near[own == number].sum())
                + math.log(near[own == number].sum())
                for number in own.unique().tolist()
            }
            events = own == max(values, key=values.get)
            member = torch.zeros(1, 1, items.shape[1], dtype=torch.bool)
            member[0, 0, : slot + 1] = events
            weights = extractor.group_weights(states[row : row + 1], member)[0, 0]
            torch.testing.assert_close(vector, weights @ states[row])
            if not block:  # then the states are the items, so the cluster is a history of its own
                alone = items[row, : slot + 1][events][None]
                whole = extractor(alone, torch.ones(alone.shape[:2], dtype=torch.bool))
                torch.testing.assert_close(vector, whole.vectors[0, 0])


def test_one_cluster_is_the_whole_history():
    extractor, target = extractor_of_one("prism", {}), drawn_targets(1)
    items, mask = drawn(1)
    found = read_nearest_clusters(extractor, items, mask, target=target, number=1)
    whole = extractor.prefixes(items, mask)
    torch.testing.assert_close(found.vectors, whole.vectors)
    torch.testing.assert_close(found.weights, whole.weights)


def test_the_choice_has_no_gradient_and_the_reading_has():
    extractor, target = extractor_of_one("prism", {}), drawn_targets(2)
    items, mask = drawn(2)
    items, target = items.requires_grad_(), target.requires_grad_()
    found = read_nearest_clusters(extractor, items, mask, target=target, number=NUMBER)
    found.vectors.sum().backward()
    assert target.grad is None
    assert bool((items.grad[mask] != 0).any())
    assert not items.grad[~mask].any()


@pytest.mark.parametrize("name", sorted(set(EXTRACTORS) - {"prism"}))
def test_an_extractor_without_weights_of_groups_is_refused(name):
    extractor, target = extractor_of_one(name, {}), drawn_targets(3)
    items, mask = drawn(3)
    with pytest.raises(ConfigError, match=r"set train_clusters to 0, or use the extractor prism"):
        read_nearest_clusters(extractor, items, mask, target=target, number=NUMBER)
