"""Compare self-attention with NumPy implementations in float64, on fixed weights.

There are three variants. The tutorial variant has no bias and no positions; its full softmax loss
is compared too. The published variant adds a vector per slot to the items. The variant of this
package adds a recency term per head to the logits.
"""

import numpy as np
import pytest
import torch

from prismrec.models.extractors import SelfAttentive
from prismrec.models.extractors.sa import at_distance, causal_bias

V, D, K, L = 7, 3, 2, 5
HISTORIES = [[3, 1, 3, 6], [2], [5, 4, 1, 2, 6]]
TARGETS = [5, 1, 3]


def fixed(*shape, seed):
    return np.random.default_rng(seed).normal(size=shape)


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def interests_of(table, w1, w2, history, *, before=0.0, after=0.0, b1=0.0, b2=0.0):
    """Return V = A H and A, the softmax of W2 tanh(W1 (H + before) + b1) + b2 + after."""
    h = np.stack([table[item] for item in history])  # [n, D]
    hidden = np.tanh((h + before) @ w1.T + b1)
    logits = hidden @ w2.T + b2 + after  # [n, K]
    a = np.stack([softmax(logits[:, k]) for k in range(len(w2))])  # [K, n]
    return a @ h, a


def tutorial_loss(table, w1, w2):
    """Return the mean cross-entropy over the catalog for the interest nearest to the target."""
    losses = []
    for history, target in zip(HISTORIES, TARGETS, strict=True):
        vectors, _ = interests_of(table, w1, w2, history)
        chosen = vectors[np.argmax(vectors @ table[target])]
        scores = table[1:] @ chosen  # without padding
        losses.append(np.log(np.exp(scores).sum()) - scores[target - 1])
    return np.mean(losses)


def numeric_gradient(function, arrays, which, step=1e-6):
    """Return the gradient by central differences, one number at a time."""
    gradient = np.zeros_like(arrays[which])
    for place in np.ndindex(gradient.shape):
        values = []
        for sign in (1, -1):
            moved = [array.copy() for array in arrays]
            moved[which][place] += sign * step
            values.append(function(*moved))
        gradient[place] = (values[0] - values[1]) / (2 * step)
    return gradient


def batch():
    items = torch.tensor([history + [0] * (L - len(history)) for history in HISTORIES])
    return items, items != 0


def extractor_with(w1, w2, **options):
    extractor = SelfAttentive(dim=D, interests=K, max_len=L, **options).double()
    extractor.to_hidden.weight.data = torch.tensor(w1)
    extractor.to_heads.weight.data = torch.tensor(w2)
    return extractor


@pytest.fixture
def weights():
    table = fixed(V, D, seed=0)
    table[0] = 0
    return table, fixed(4 * D, D, seed=1), fixed(K, 4 * D, seed=2)


def test_the_tutorial_variant_has_the_same_interests_loss_and_gradients(weights):
    table, w1, w2 = weights
    extractor = extractor_with(w1, w2, bias=False, positions="none")
    items, mask = batch()
    rows = torch.tensor(table, requires_grad=True)
    vectors, a, _, _ = extractor(rows[items], mask)[:4]
    for row, history in enumerate(HISTORIES):
        expected, expected_a = interests_of(table, w1, w2, history)
        np.testing.assert_allclose(vectors[row].detach(), expected, rtol=1e-12)
        np.testing.assert_allclose(a[row, :, : len(history)].detach(), expected_a, rtol=1e-12)

    target = torch.tensor(TARGETS)
    nearest = torch.einsum("bkd,bd->bk", vectors, rows[target]).argmax(dim=1)
    chosen = vectors.gather(1, nearest[:, None, None].expand(-1, 1, D))[:, 0]
    loss = torch.nn.functional.cross_entropy(chosen @ rows[1:].T, target - 1)
    assert loss.item() == pytest.approx(tutorial_loss(table, w1, w2), rel=1e-12)

    wanted = [rows, extractor.to_hidden.weight, extractor.to_heads.weight]
    for which, gradient in enumerate(torch.autograd.grad(loss, wanted)):
        expected = numeric_gradient(tutorial_loss, [table, w1, w2], which)
        np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-9)


def test_the_published_variant_adds_slot_vectors_only_to_compute_the_weights(weights):
    table, w1, w2 = weights
    extractor = extractor_with(w1, w2, positions="slot")
    b1, b2, slots = fixed(4 * D, seed=3), fixed(K, seed=4), fixed(L, D, seed=5)
    extractor.to_hidden.bias.data, extractor.to_heads.bias.data = map(torch.tensor, (b1, b2))
    extractor.slots.data = torch.tensor(slots)
    items, mask = batch()
    vectors = extractor(torch.tensor(table)[items], mask).vectors.detach()
    for row, history in enumerate(HISTORIES):
        before = slots[: len(history)]
        expected, _ = interests_of(table, w1, w2, history, before=before, b1=b1, b2=b2)
        np.testing.assert_allclose(vectors[row], expected, rtol=1e-12)


def test_recency_is_added_to_the_logits_by_the_distance_from_the_newest_item(weights):
    table, w1, w2 = weights
    extractor = extractor_with(w1, w2, bias=False)
    recency = fixed(K, L, seed=6)
    extractor.recency.data = torch.tensor(recency)
    items, mask = batch()
    vectors = extractor.prefixes(torch.tensor(table)[items], mask).vectors.detach()
    for row, history in enumerate(HISTORIES):
        for end in range(1, len(history) + 1):
            after = recency[:, :end][:, ::-1].T  # the last item has distance 0
            expected, _ = interests_of(table, w1, w2, history[:end], after=after)
            np.testing.assert_allclose(vectors[row * L + end - 1], expected, rtol=1e-12)


def test_with_recency_older_items_do_not_change_the_ratio_of_newer_weights():
    torch.manual_seed(0)
    items = torch.randn(1, L, D)
    ratios = {}
    for positions in ("recency", "slot"):
        extractor = SelfAttentive(dim=D, interests=K, max_len=L, positions=positions)
        ratios[positions] = []
        for length in (2, 3, L):
            newest = items[:, -length:]
            weights = extractor(newest, torch.ones(1, length, dtype=torch.bool)).weights[0]
            ratios[positions].append(weights[:, -1] / weights[:, -2])
    for other in ratios["recency"][1:]:
        torch.testing.assert_close(other, ratios["recency"][0])
    assert not torch.allclose(ratios["slot"][0], ratios["slot"][1])


def test_the_gradient_of_the_recency_bias_is_bit_identical_on_several_threads():
    torch.manual_seed(0)
    before = torch.get_num_threads()
    distance = torch.randint(5, (200, 200))
    upstream = torch.randn(200, 200, 4)
    found = []
    torch.set_num_threads(4)
    try:
        for _ in range(8):
            bias = torch.zeros(4, 5, requires_grad=True)
            (at_distance(bias, distance) * upstream).sum().backward()
            found.append(bias.grad)
    finally:
        torch.set_num_threads(before)
    expected = [upstream[distance == d].double().sum(0) for d in range(5)]
    torch.testing.assert_close(found[0].T.double(), torch.stack(expected), rtol=1e-4, atol=1e-3)
    assert all(torch.equal(one, found[0]) for one in found[1:])


@pytest.mark.parametrize(("given", "expected"), [(None, 4 * D), (5, 5), (1, 1)])
def test_the_hidden_size_is_used(given, expected):
    extractor = SelfAttentive(dim=D, interests=K, max_len=L, hidden=given)
    assert extractor.to_hidden.weight.shape == (expected, D)
    assert extractor.to_heads.weight.shape == (K, expected)


def test_the_mask_is_used_per_slot_and_not_as_a_length():
    torch.manual_seed(0)
    extractor = SelfAttentive(dim=D, interests=K, max_len=L, positions="none")
    items, mask = torch.randn(2, L, D), torch.ones(2, L, dtype=torch.bool)
    mask[0, 1] = False  # a gap, which no real batch has
    without = extractor(items[:1, [0, 2, 3, 4]], mask[1:, :4]).vectors
    torch.testing.assert_close(extractor(items, mask).vectors[:1], without)


def test_without_bias_there_are_no_bias_parameters():
    extractor = SelfAttentive(dim=D, interests=K, max_len=L, bias=False, positions="none")
    assert sorted(extractor.state_dict()) == ["to_heads.weight", "to_hidden.weight"]


@pytest.mark.parametrize("length", [1, 2, 5])
@pytest.mark.parametrize("heads", [None, 1, 2])
def test_the_bias_of_prefixes_is_the_same_without_gradients(heads, length):
    torch.manual_seed(0)
    recency = None if heads is None else torch.nn.Parameter(torch.randn(heads, L))
    items = torch.zeros(1, length, D)
    bias = causal_bias(recency, items)
    for head, t, j in np.ndindex(tuple(bias.shape)):
        back = 0.0 if recency is None or j > t else recency[head, t - j].item()
        assert bias[head, t, j].item() == (-np.inf if j > t else back)
    with torch.no_grad():
        assert torch.equal(causal_bias(recency, items), bias)


@pytest.mark.parametrize("positions", ["slot", "recency", "none"])
@pytest.mark.parametrize("way", ["forward", "prefixes"])
@pytest.mark.slow
def test_gradients_equal_finite_differences(positions, way):
    torch.manual_seed(0)
    extractor = SelfAttentive(dim=2, interests=2, max_len=3, hidden=3, positions=positions).double()
    items = torch.randn(2, 3, 2, dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([[True, True, True], [True, False, False]])

    def run(*inputs):  # gradcheck changes the parameters in place
        return getattr(extractor, way)(inputs[0], mask)[:2]

    assert torch.autograd.gradcheck(run, (items, *extractor.parameters()))
