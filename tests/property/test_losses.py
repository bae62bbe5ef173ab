"""Check properties of the steps from scores to a loss."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from prismrec.models import losses
from prismrec.models.readouts import READOUTS

seeds = st.integers(0, 10_000)
examples = settings(deadline=None, max_examples=50)


def random_inputs(seed):
    """Return interests [P, K, D], priors [P, K], a catalog, and one target per position."""
    g = torch.Generator().manual_seed(seed)
    p, k, d, v = (int(torch.randint(1, high, (), generator=g)) for high in (6, 5, 5, 8))
    vectors, prior = torch.randn(p, k, d, generator=g), torch.randn(p, k, generator=g)
    return vectors, prior, torch.randn(v, d, generator=g), torch.randint(v, (p,), generator=g)


@examples
@given(seeds)
def test_with_every_item_as_a_negative_the_loss_is_the_full_softmax(seed):
    vectors, _, items, targets = random_inputs(seed)
    query = vectors[:, :1]
    scores = losses.score(query, torch.zeros(len(query), 1), items[targets], items)
    scores = losses.drop_hits(scores, targets[:, None], torch.arange(len(items)))
    full = torch.nn.functional.cross_entropy(query[:, 0] @ items.T, targets, reduction="none")
    torch.testing.assert_close(losses.softmax(scores[:, 0]), full)


@examples
@given(seeds, st.sampled_from(sorted(READOUTS)))
def test_a_dropped_hit_has_zero_probability_and_zero_gradient(seed, name):
    vectors, prior, items, targets = random_inputs(seed)
    readout = READOUTS[name]
    queries, prior = readout.queries(vectors, prior, items[targets])
    scores = losses.score(queries, prior, items[targets], items[targets]).requires_grad_()
    kept = losses.drop_hits(scores, targets[:, None], targets)
    logits = readout.logits(kept, prior)
    losses.softmax(logits).sum().backward()
    own = targets == targets[:, None]  # [P, N]: negatives that are the row's target
    assert (logits.softmax(1)[:, 1:][own] == 0).all()
    assert (scores.grad[..., 1:].transpose(1, 2)[own] == 0).all()
    assert scores.grad.isfinite().all()


@examples
@given(seeds)
def test_log_q_changes_only_negatives(seed):
    vectors, prior, items, targets = random_inputs(seed)
    scores = losses.score(vectors, prior, items[targets], items)
    log_q = torch.randn(len(items), generator=torch.Generator().manual_seed(seed))
    moved = losses.subtract_log_q(scores, log_q) - scores
    assert (moved[..., 0] == 0).all()
    torch.testing.assert_close(moved[..., 1:], (-log_q).expand_as(moved[..., 1:]))


@examples
@given(seeds)
def test_hard_negatives_with_beta_zero_equal_the_softmax(seed):
    vectors, prior, items, targets = random_inputs(seed)
    scores = losses.score(vectors[:, :1], prior[:, :1], items[targets], items)
    logits = losses.drop_hits(scores, targets[:, None], torch.arange(len(items)))[:, 0]
    torch.testing.assert_close(losses.hard_negatives(logits, beta=0), losses.softmax(logits))


@examples
@given(seeds, st.floats(0, 20))
def test_beta_never_lowers_the_loss(seed, beta):
    vectors, prior, items, targets = random_inputs(seed)
    logits = losses.score(vectors[:, :1], prior[:, :1], items[targets], items)[:, 0]
    harder, plain = losses.hard_negatives(logits, beta=beta), losses.softmax(logits)
    assert (harder >= plain - 1e-5).all()


@pytest.mark.parametrize("position", [0, 2])
def test_only_the_target_of_the_row_is_dropped(position):
    scores = torch.arange(4.0).repeat(1, 2, 1)
    ids = torch.tensor([7, 8, 9])
    kept = losses.drop_hits(scores, ids[position : position + 1, None], ids)
    assert kept[0, 0].isinf().tolist() == [False, *(place == position for place in range(3))]


def test_all_items_of_the_row_are_dropped():
    own = torch.tensor([[7, 9], [8, 0]])
    kept = losses.drop_hits(torch.zeros(2, 1, 4), own, torch.tensor([7, 8, 9]))
    assert kept[:, 0].isinf().tolist() == [[False, True, False, True], [False, False, True, False]]
