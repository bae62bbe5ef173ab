"""Compare ComiRec-DR and MIND with NumPy implementations in float64, on fixed weights."""

import numpy as np
import pytest
import torch

from prismrec.models.extractors import DynamicRouting, SharedRouting

D, K, L = 4, 3, 6
LENGTHS = [6, 3, 1]


def squash(z):
    n = np.sqrt((z**2).sum())
    return (n**2 / (1 + n**2)) * (z / n)


def pool(votes, c):
    """Return the interests v_k = squash(Σ_j c_kj û_kj)."""
    return np.stack([squash(sum(c[k, j] * votes[k][j] for j in range(c.shape[1])))
                     for k in range(c.shape[0])])  # fmt: skip


def routing_weights(votes, b, rounds=3):
    """Return the weights of the last round: for each item, a softmax over the interests."""
    b = b.copy()
    for last in [False] * (rounds - 1) + [True]:
        c = np.stack([np.exp(b[:, j]) / np.exp(b[:, j]).sum() for j in range(b.shape[1])], axis=1)
        if last:
            return c
        v = pool(votes, c)
        for k in range(b.shape[0]):
            for j in range(b.shape[1]):
                b[k, j] += votes[k][j] @ v[k]
    raise AssertionError


def dr_votes(items, maps):
    return [[maps[j, k] @ items[j] for j in range(len(items))] for k in range(maps.shape[1])]


def mind_votes(items, shared, interests):
    return [[shared @ item for item in items] for _ in range(interests)]


@pytest.fixture
def histories():
    items = np.random.default_rng(1).normal(size=(len(LENGTHS), L, D))
    return items, torch.arange(L) < torch.tensor(LENGTHS)[:, None]


def test_dr_equals_the_published_algorithm(histories):
    items, mask = histories
    maps = np.random.default_rng(2).normal(size=(L, K, D, D))
    extractor = DynamicRouting(dim=D, interests=K, max_len=L)
    extractor.maps.data = torch.tensor(maps, dtype=torch.float32)
    vectors, weights, _, active = extractor(torch.tensor(items, dtype=torch.float32), mask)[:4]
    assert active.all()
    for row, n in enumerate(LENGTHS):
        votes = dr_votes(items[row, :n], maps)
        c = routing_weights(votes, np.zeros((K, n)))
        np.testing.assert_allclose(vectors[row].detach(), pool(votes, c), atol=1e-5)
        np.testing.assert_allclose(weights[row, :, :n].detach(), c, atol=1e-5)


@pytest.mark.parametrize("project", [False, True])
def test_mind_equals_the_published_algorithm_with_a_fixed_start(histories, project):
    items, mask = histories
    torch.manual_seed(0)
    extractor = SharedRouting(dim=D, interests=K, max_len=L, project=project).double()
    vectors, weights, _, active = extractor(torch.tensor(items), mask)[:4]
    shared, start = extractor.shared.weight.detach().numpy(), extractor.start.numpy()
    for row, (n, active_count) in enumerate(zip(LENGTHS, [2, 1, 1], strict=True)):  # ⌊log2 6⌋ = 2
        assert active[row].tolist() == [k < active_count for k in range(K)]
        votes = mind_votes(items[row, :n], shared, active_count)
        c = routing_weights(votes, start[:active_count, :n])
        expected = pool(votes, c)
        if project:
            w, b = (p.detach().numpy() for p in extractor.projection.parameters())
            expected = np.maximum(0, expected @ w.T + b)
        np.testing.assert_allclose(vectors[row, :active_count].detach(), expected, rtol=1e-10)
        np.testing.assert_allclose(weights[row, :active_count, :n].detach(), c, rtol=1e-10)
        assert (vectors[row, active_count:] == 0).all()


def numeric_gradient(function, at, step=1e-6):
    """Return the gradient by central differences, one number at a time."""
    gradient = np.zeros_like(at)
    for place in np.ndindex(at.shape):
        values = []
        for sign in (1, -1):
            moved = at.copy()
            moved[place] += sign * step
            values.append(function(moved))
        gradient[place] = (values[0] - values[1]) / (2 * step)
    return gradient


def test_dr_gradients_are_those_of_the_last_round_with_constant_weights(histories):
    items, n = histories[0][0, :3], 3
    direction = np.random.default_rng(3).normal(size=(K, D))
    maps = np.random.default_rng(2).normal(size=(L, K, D, D))
    fixed = routing_weights(dr_votes(items, maps), np.zeros((K, n)))
    extractor = DynamicRouting(dim=D, interests=K, max_len=L).double()
    extractor.maps.data = torch.tensor(maps)
    inputs = torch.tensor(items[None], requires_grad=True)
    vectors = extractor(inputs, torch.ones(1, n, dtype=torch.bool)).vectors[0]
    (vectors * torch.tensor(direction)).sum().backward()
    by_items = numeric_gradient(lambda e: (pool(dr_votes(e, maps), fixed) * direction).sum(), items)
    by_maps = numeric_gradient(lambda w: (pool(dr_votes(items, w), fixed) * direction).sum(), maps)
    np.testing.assert_allclose(inputs.grad[0], by_items, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(extractor.maps.grad, by_maps, rtol=1e-6, atol=1e-8)


def test_mind_gradients_are_those_of_the_last_round_with_constant_weights(histories):
    items, n, active_count = histories[0][0], L, 2
    direction = np.random.default_rng(3).normal(size=(active_count, D))
    torch.manual_seed(0)
    extractor = SharedRouting(dim=D, interests=K, max_len=L).double()
    shared, start = extractor.shared.weight.detach().numpy().copy(), extractor.start.numpy()
    fixed = routing_weights(mind_votes(items, shared, active_count), start[:active_count, :n])
    inputs = torch.tensor(items[None], requires_grad=True)
    vectors = extractor(inputs, torch.ones(1, n, dtype=torch.bool)).vectors[0, :active_count]
    (vectors * torch.tensor(direction)).sum().backward()

    def projection(e, s):
        return (pool(mind_votes(e, s, active_count), fixed) * direction).sum()

    by_items = numeric_gradient(lambda e: projection(e, shared), items)
    by_shared = numeric_gradient(lambda s: projection(items, s), shared)
    np.testing.assert_allclose(inputs.grad[0], by_items, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(extractor.shared.weight.grad, by_shared, rtol=1e-6, atol=1e-8)


def test_the_start_of_mind_depends_on_its_seed_is_saved_and_not_trained():
    def start(seed):
        torch.rand(1)  # the global generator does not change the start
        return SharedRouting(dim=D, interests=K, max_len=L, seed=seed).state_dict()["start"]

    assert torch.equal(start(0), start(0))
    assert not torch.equal(start(0), start(1))
    assert start(0).shape == (K, L)
    trained = dict(SharedRouting(dim=D, interests=K, max_len=L).named_parameters())
    assert list(trained) == ["shared.weight"]
