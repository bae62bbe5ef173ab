"""Check the rules that every loss must follow. Each one in ``LOSSES`` is tested."""

from functools import partial

import pytest
import torch

from prismrec.models.losses import LOSSES

# Options that have no default.
REQUIRED = {"gbce": {"sampling_rate": 0.1}}
INF = float("inf")


@pytest.fixture(params=sorted(LOSSES))
def loss(request):
    return partial(LOSSES[request.param], **REQUIRED.get(request.param, {}))


@pytest.fixture
def logits():
    return 3 * torch.randn(64, 9, generator=torch.Generator().manual_seed(0))


def test_returns_one_value_per_row_and_none_is_negative(loss, logits):
    values = loss(logits)
    assert values.shape == (64,)
    assert (values >= 0).all()


def test_a_higher_target_logit_lowers_the_loss(loss, logits):
    higher = logits.clone()
    higher[:, 0] += 1
    change = loss(higher) - loss(logits)
    assert (change <= 0).all()  # 0 where a margin is kept already
    assert change.mean() < 0


@pytest.mark.slow
def test_results_do_not_depend_on_the_rest_of_the_batch(loss, logits):
    alone = torch.cat([loss(row[None]) for row in logits])
    torch.testing.assert_close(alone, loss(logits))


def test_a_negative_of_minus_infinity_has_no_effect(loss, logits):
    more = torch.cat([logits[:, :4], logits.new_full((64, 2), -INF), logits[:, 4:]], dim=1)
    more.requires_grad_()
    torch.testing.assert_close(loss(more), loss(logits))
    loss(more).sum().backward()
    assert more.grad.isfinite().all()
    assert (more.grad[:, 4:6] == 0).all()


def test_a_row_without_negatives_has_a_finite_loss_and_finite_gradients(loss):
    logits = torch.tensor([[0.5, -INF, -INF], [0.5, 0.1, -INF]], requires_grad=True)
    values = loss(logits)
    values.sum().backward()
    assert values.isfinite().all()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("scale", [1e4, -1e4])
def test_extreme_logits_have_finite_losses_and_gradients(loss, logits, scale):
    extreme = (logits.sign() * scale).requires_grad_()
    values = loss(extreme)
    values.sum().backward()
    assert values.isfinite().all()
    assert extreme.grad.isfinite().all()


def test_does_not_change_its_input(loss, logits):
    before = logits.clone()
    loss(logits)
    torch.testing.assert_close(logits, before, rtol=0, atol=0)
