"""Check that the chunked softmax loss equals the plain one, in value and in every gradient."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from prismrec.models import chunked_softmax as partition
from prismrec.models import losses
from prismrec.models.chunked_softmax import chunked_softmax_loss, find_hits
from prismrec.models.readouts import READOUTS

pytestmark = pytest.mark.slow  # gradients of many cases; `make test` runs them


examples = settings(deadline=None, max_examples=15)
seeds = st.integers(0, 10_000)
FAST = sorted(name for name, readout in READOUTS.items() if readout.loss_from_logsumexp)


def random_inputs(seed, scale=1.0):
    """Build inputs of the loss: P positions, K interests, a catalog, and negatives from it."""
    g = torch.Generator().manual_seed(seed)
    p, k, d, v, n = (int(torch.randint(2, high, (), generator=g)) for high in (9, 5, 6, 8, 9))
    items = scale * torch.randn(v, d, generator=g)
    values = {
        "vectors": torch.randn(p, k, d, generator=g),
        "prior": torch.randn(p, k, generator=g),
        "items": items,
    }
    ids = torch.randint(v, (p,), generator=g), torch.randint(v, (n,), generator=g)
    return values, *ids, torch.randn(n, generator=g)


def outcome(loss, values):
    """Return the loss and its gradients with respect to all of its inputs."""
    leaves = {name: value.clone().requires_grad_() for name, value in values.items()}
    found = loss(**leaves)
    (3 * found).backward()  # factor 3, to test the scale of the backward pass
    gradients = (torch.zeros_like(x) if x.grad is None else x.grad for x in leaves.values())
    return [found.detach(), *gradients]


def plain(readout, targets, negatives, log_q):
    def loss(vectors, prior, items):
        queries, prior = readout.queries(vectors, prior, items[targets])
        scores = losses.score(queries, prior, items[targets], items[negatives])
        scores = losses.subtract_log_q(scores, log_q)
        scores = losses.drop_hits(scores, targets[:, None], negatives)
        return losses.softmax(readout.logits(scores, prior)).mean()

    return loss


def fast(readout, targets, negatives, log_q):
    hits = find_hits(targets[:, None], negatives)

    def loss(vectors, prior, items):
        queries, prior = readout.queries(vectors, prior, items[targets])
        return chunked_softmax_loss(
            queries, prior, items[targets], items[negatives],
            finish=readout.loss_from_logsumexp, log_q=log_q, hits=hits,
        )  # fmt: skip

    return loss


@pytest.fixture(params=[1 << 20, 7], ids=["one chunk", "many chunks"])
def chunk(request, monkeypatch):
    monkeypatch.setattr(partition, "CHUNK", request.param)


def same(found, expected):
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", FAST)
@settings(examples, suppress_health_check=["function_scoped_fixture"])
@given(seeds)
def test_with_a_sample_loss_and_gradients_equal_the_plain_ones(chunk, name, seed):
    values, targets, negatives, log_q = random_inputs(seed)
    arguments = READOUTS[name], targets, negatives, log_q
    same(outcome(fast(*arguments), values), outcome(plain(*arguments), values))


@pytest.mark.parametrize("name", FAST)
@settings(examples, suppress_health_check=["function_scoped_fixture"])
@given(seeds)
def test_with_the_whole_catalog_loss_and_gradients_equal_the_plain_ones(chunk, name, seed):
    values, targets, _, _ = random_inputs(seed)
    readout, everything = READOUTS[name], torch.arange(len(values["items"]))

    def whole(vectors, prior, items):
        queries, prior = readout.queries(vectors, prior, items[targets])
        return chunked_softmax_loss(
            queries, prior, items[targets], items, finish=readout.loss_from_logsumexp
        )

    uncorrected = plain(readout, targets, everything, torch.zeros(len(everything)))
    same(outcome(whole, values), outcome(uncorrected, values))


@pytest.mark.parametrize("name", FAST)
@settings(examples, suppress_health_check=["function_scoped_fixture"])
@given(seeds)
def test_in_float64_loss_and_gradients_are_exact(chunk, name, seed):
    values, targets, negatives, log_q = random_inputs(seed)
    values = {name: value.double() for name, value in values.items()}
    arguments = READOUTS[name], targets, negatives, log_q.double()
    found, expected = (outcome(way(*arguments), values) for way in (fast, plain))
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("scale", [0, 1e-3, 30, 3_000])
@settings(examples, suppress_health_check=["function_scoped_fixture"])
@given(seeds)
def test_vectors_of_any_length_give_the_plain_loss_and_gradients(chunk, scale, seed):
    values, targets, negatives, log_q = random_inputs(seed)
    values = {name: value.double() for name, value in values.items()}
    values["vectors"] *= scale
    arguments = READOUTS["hard"], targets, negatives, log_q.double()
    found, expected = (outcome(way(*arguments), values) for way in (fast, plain))
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-8)


def test_a_bound_that_is_far_above_all_scores_is_replaced_by_the_largest_score():
    queries, prior = torch.tensor([[[100.0, 0]]]), torch.zeros(1, 1)
    items = torch.tensor([[0, 100.0], [0.01, 3], [0.02, -5]])  # length 100, scores 0, 1 and 2
    loss = chunked_softmax_loss(
        queries, prior, items[1:2], items, finish=READOUTS["hard"].loss_from_logsumexp
    )
    expected = torch.tensor([0.0, 1, 2]).logsumexp(0) - 1
    assert loss.item() == pytest.approx(expected.item(), abs=1e-5)


@pytest.mark.parametrize("name", FAST)
def test_a_row_whose_negatives_are_all_hits_has_zero_loss(name):
    values, targets, _, _ = random_inputs(3)
    negatives, log_q = targets[:1].repeat(4), torch.zeros(4)
    found = outcome(fast(READOUTS[name], targets, negatives, log_q), values)
    same(found, outcome(plain(READOUTS[name], targets, negatives, log_q), values))
    alone = {name: value[:1] for name, value in values.items()} | {"items": values["items"]}
    loss, *gradients = outcome(fast(READOUTS[name], targets[:1], negatives, log_q), alone)
    same([loss, *gradients], [torch.zeros_like(part) for part in (loss, *gradients)])


@pytest.mark.parametrize("name", FAST)
def test_a_prior_of_minus_infinity_has_finite_results(name):
    values, targets, negatives, log_q = random_inputs(5)
    values["prior"][:, 0] = -float("inf")
    found = outcome(fast(READOUTS[name], targets, negatives, log_q), values)
    same(found, outcome(plain(READOUTS[name], targets, negatives, log_q), values))
    assert all(part.isfinite().all() for part in found)


@pytest.mark.parametrize("scale", [1e4, -1e4])
@pytest.mark.parametrize("name", FAST)
def test_extreme_scores_have_finite_losses_and_gradients(name, scale):
    values, targets, negatives, log_q = random_inputs(6, scale=scale)
    arguments = READOUTS[name], targets, negatives, log_q
    found, expected = outcome(fast(*arguments), values), outcome(plain(*arguments), values)
    assert all(part.isfinite().all() for part in found)
    torch.testing.assert_close(found[0], expected[0])


def test_hits_are_negatives_that_belong_to_the_position():
    own, negatives = torch.tensor([[4, 7, 0], [9, 0, 0], [5, 5, 4]]), torch.tensor([5, 4, 4, 7])
    hits = find_hits(own, negatives)
    found = set(zip(hits.row.tolist(), hits.column.tolist(), strict=True))
    assert found == {(0, 1), (0, 2), (0, 3), (2, 0), (2, 1), (2, 2)}


def test_hits_are_negatives_equal_to_the_target():
    targets, negatives = torch.tensor([4, 9, 5, 4]), torch.tensor([5, 4, 4, 7])
    hits = find_hits(targets[:, None], negatives)
    found = set(zip(hits.row.tolist(), hits.column.tolist(), strict=True))
    assert found == {(0, 1), (0, 2), (2, 0), (3, 1), (3, 2)}
    assert len(hits.row) == 5


class Largest(TorchDispatchMode):
    """Record the number of elements of the largest tensor that any operation returns."""

    elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        found = function(*args, **(kwargs or {}))
        for part in found if isinstance(found, tuple | list) else [found]:
            if isinstance(part, torch.Tensor):
                self.elements = max(self.elements, part.numel())
        return found


@pytest.mark.parametrize("sampled", [False, True])
def test_scores_of_all_positions_are_never_in_memory_together(sampled, monkeypatch):
    monkeypatch.setattr(partition, "CHUNK", 4_096)
    p, k, d, v = 60, 4, 8, 400
    vectors = torch.randn(p, k, d, requires_grad=True)
    items = torch.randn(v, d, requires_grad=True)
    targets = torch.arange(p)
    hits = find_hits(targets[:, None], torch.arange(v)) if sampled else None
    with Largest() as largest:
        chunked_softmax_loss(
            vectors, torch.zeros(p, k), items[targets], items,
            finish=READOUTS["lse"].loss_from_logsumexp, hits=hits,
        ).backward()  # fmt: skip
    assert largest.elements <= 4_096 < p * v  # and much less than p * k * v


def test_finding_hits_within_a_batch_needs_linear_memory():
    targets = torch.randperm(3_000)
    with Largest() as largest:
        hits = find_hits(targets[:, None], targets)
    assert len(hits.row) == 3_000
    assert largest.elements <= 3_000
