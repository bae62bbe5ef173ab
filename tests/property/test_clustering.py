"""Check the clusters of a history. Each event joins or starts a cluster, from old to new events."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cosine_similarity

from limits import more_memory
from prismrec.errors import ConfigError
from prismrec.models import clustering
from prismrec.models.clustering import DECAY, MIN_COSINE, assign_clusters
from prismrec.models.extractors import Prism

tastes = torch.eye(4)


def drawn(seed, batch, length, dim=6):
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(0, length + 1, (batch,), generator=generator)
    items = torch.randn(batch, length, dim, generator=generator)
    return items, torch.arange(length) < lengths[:, None]


def cluster_one_by_one(items, number):
    """Cluster one history event by event."""
    sums, found = [], []
    for item in items:
        similarity = [float(cosine_similarity(total, item, dim=0)) for total in sums]
        similarity += [MIN_COSINE] * (number - len(sums))
        joined = max(range(len(similarity)), key=similarity.__getitem__)
        if joined >= len(sums):
            joined = len(sums)
            sums.append(torch.zeros_like(item))
        sums[joined] = DECAY * sums[joined] + item
        found.append(joined)
    return found


@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(0, 9), st.integers(1, 4))
def test_clusters_equal_those_of_one_event_after_another(seed, batch, length, number):
    items, mask = drawn(seed, batch, length)
    found = assign_clusters(items, mask, number=number)
    assert (found[~mask] == -1).all()
    for row, own, here in zip(found, items, mask, strict=True):
        assert row[here].tolist() == cluster_one_by_one(own[here], number)


@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 12), st.integers(1, 4))
@pytest.mark.slow
def test_few_histories_are_clustered_like_many(seed, batch, length, number):
    items, mask = drawn(seed, batch, length)
    items[0, 0] = 0  # an item without a direction
    few = assign_clusters(items, mask, number=number)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clustering, "FEW_ROWS", 0)
        assert torch.equal(assign_clusters(items, mask, number=number), few)


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 12), st.integers(1, 4))
@pytest.mark.slow
def test_long_histories_are_clustered_like_short_ones(seed, batch, length, number):
    items, mask = drawn(seed, batch, length)
    items[0, 0] = 0  # an item without a direction
    whole = assign_clusters(items, mask, number=number)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clustering, "LONG", length // 2)
        assert torch.equal(assign_clusters(items, mask, number=number), whole)


@pytest.mark.slow
def test_a_history_of_many_events_is_clustered_in_linear_memory():
    items = tastes[torch.arange(20_000) % 3][None]  # its inner products would need 3.2 GB
    with more_memory(200 << 20):
        found = assign_clusters(items, torch.ones(1, 20_000, dtype=torch.bool), number=4)
    assert torch.equal(found[0], torch.arange(20_000) % 3)


def test_a_first_event_without_a_direction_changes_no_other_history(monkeypatch):
    items, _ = drawn(0, 8, 9)
    items[3, 0] = 0
    mask = torch.ones(8, 9, dtype=torch.bool)
    assigned, assign_one = [], clustering._assign_one
    monkeypatch.setattr(
        clustering, "_assign_one", lambda *given: assigned.append(1) or assign_one(*given)
    )
    found = assign_clusters(items, mask, number=3)
    assert len(assigned) == 1
    for row, own in enumerate(items):
        if row != 3:
            assert found[row].tolist() == cluster_one_by_one(own, 3)
    # The next event joins the same cluster, which still has no direction.
    expected = cluster_one_by_one(items[3, 1:], 3)
    assert found[3].tolist() == [0, *expected]


@given(st.integers(0, 10_000), st.integers(1, 8))
def test_later_events_do_not_change_the_clusters_of_a_prefix(seed, upto):
    items, mask = drawn(seed, 3, 8)
    whole = assign_clusters(items, mask, number=3)
    assert torch.equal(assign_clusters(items[:, :upto], mask[:, :upto], number=3), whole[:, :upto])


def test_clusters_are_numbered_by_their_first_event():
    items = tastes[[2, 0, 2, 0, 0, 3]][None]
    mask = torch.ones(1, 6, dtype=torch.bool)
    assert assign_clusters(items, mask, number=4).tolist() == [[0, 1, 0, 1, 1, 2]]
    assert assign_clusters(items, mask, number=1).tolist() == [[0] * 6]


# ---- clusters as interests of Prism -----------------------------------------------------------


def test_a_cluster_is_an_interest_that_uses_only_its_events():
    prism = Prism(dim=4, interests=4, max_len=6, clusters=3).eval()
    items = tastes[[2, 0, 2, 0, 0]][None]
    vectors, weights, bias, active = prism(items, torch.ones(1, 5, dtype=torch.bool))[:4]
    assert active.tolist() == [[True, True, True, False]]
    assert torch.equal(vectors[0, 1:], torch.stack([tastes[2], tastes[0], torch.zeros(4)]))
    fresh = torch.tensor([1.0, 2.0, 3.0]) ** -1.5  # weights by recency within the cluster
    torch.testing.assert_close(weights[0, 2, [4, 3, 1]], fresh / fresh.sum())
    assert (weights[0, 2, [0, 2]] == 0).all()
    # The head has half the prior. The clusters share the other half by the recency of their events.
    near = torch.arange(5.0, 0, -1) ** -0.5
    share = near[[0, 2]].sum() / near.sum()
    torch.testing.assert_close(bias[0].exp(), torch.tensor([0.5, share / 2, (1 - share) / 2, 1.0]))


def test_bfloat16_does_not_round_the_positions_of_events():
    # bfloat16 cannot represent every integer above 256.
    torch.manual_seed(0)
    prism = Prism(dim=4, interests=2, max_len=600, clusters=2).eval()
    items, mask = torch.randn(1, 1, 4).expand(1, 600, 4), torch.ones(1, 600, dtype=torch.bool)
    with torch.autocast("cpu", torch.bfloat16):
        weights = prism(items, mask).weights
    fresh = torch.arange(600.0, 0, -1) ** -1.5
    torch.testing.assert_close(weights[0, 0].float(), fresh / fresh.sum(), rtol=1e-3, atol=0)


def test_without_events_only_the_heads_are_active():
    prism = Prism(dim=4, interests=5, max_len=6, clusters=3)
    items = torch.zeros(2, 3, 4, requires_grad=True)
    found = prism(items, torch.zeros(2, 3, dtype=torch.bool))
    assert found.active.tolist() == [[True, True, False, False, False]] * 2
    found.bias.sum().backward()
    assert all(torch.isfinite(part).all() for part in (found.vectors, found.bias))
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in prism.parameters())


def test_without_heads_an_empty_history_has_one_active_cluster_of_zeros():
    prism = Prism(dim=4, interests=3, max_len=6, clusters=3)
    mask = torch.tensor([[False, False], [True, True]])
    found = prism(torch.zeros(2, 2, 4) + tastes[:2], mask)
    assert found.active.tolist() == [[True, False, False], [True, True, False]]
    assert (found.vectors[0] == 0).all()
    with pytest.raises(ConfigError, match="keep one of the first 1"):
        prism.prune([0])


@pytest.mark.parametrize("clusters", [-1, 5])
def test_an_impossible_number_of_clusters_is_refused(clusters):
    with pytest.raises(ConfigError, match=f"clusters is {clusters} of 4 interests"):
        Prism(dim=4, interests=4, max_len=6, clusters=clusters)
    with pytest.raises(ConfigError, match="keep one of the first 2"):
        Prism(dim=4, interests=4, max_len=6, clusters=2).prune([0, 1])
