"""Check the rules that every readout must follow. Each one in ``READOUTS`` is tested.

A readout turns the scores of K interests into one logit per item.
"""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from prismrec.models import losses
from prismrec.models.readouts import HARD, LSE, MAXSIM, READOUTS, SOFT, blended_interest

P, K, D, N = 6, 4, 5, 11
examples = settings(deadline=None, max_examples=50)


def random_inputs(seed=0, k=K, p=P):
    g = torch.Generator().manual_seed(seed)
    vectors, prior = torch.randn(p, k, D, generator=g), torch.randn(p, k, generator=g)
    return vectors, prior, torch.randn(p, D, generator=g), torch.randn(N, D, generator=g)


def logits_of(readout, vectors, prior, target, items):
    queries, prior = readout.queries(vectors, prior, target)
    return readout.logits(losses.score(queries, prior, target, items), prior)


@pytest.fixture(params=sorted(READOUTS))
def readout(request):
    return READOUTS[request.param]


def test_returns_one_logit_per_item_with_the_target_first(readout):
    assert logits_of(readout, *random_inputs()).shape == (P, 1 + N)


def test_the_loss_from_partitions_is_the_softmax_of_the_logits(readout):
    if readout.loss_from_logsumexp is None:
        pytest.skip("this readout has no loss from partitions")
    vectors, prior, target, items = random_inputs()
    queries, prior = readout.queries(vectors, prior, target)
    scores = losses.score(queries, prior, target, items)
    found = readout.loss_from_logsumexp(scores[..., 0], scores.logsumexp(dim=-1), prior)
    torch.testing.assert_close(found, losses.softmax(readout.logits(scores, prior)))


def test_an_interest_with_a_prior_of_minus_infinity_has_no_effect(readout):
    vectors, prior, target, items = random_inputs()
    vectors[:, 1] = 100 * target  # without the prior it would have the highest scores
    prior[:, 1] = -float("inf")
    rest = [0, 2, 3]
    vectors.requires_grad_()
    found = logits_of(readout, vectors, prior, target, items)
    expected = logits_of(readout, vectors[:, rest], prior[:, rest], target, items)
    torch.testing.assert_close(found, expected)
    losses.softmax(found).sum().backward()
    assert (vectors.grad[:, 1] == 0).all()
    assert vectors.grad.isfinite().all()


def test_the_order_of_interests_does_not_matter(readout):
    vectors, prior, target, items = random_inputs()
    order = torch.tensor([2, 0, 3, 1])
    found = logits_of(readout, vectors[:, order], prior[:, order], target, items)
    torch.testing.assert_close(found, logits_of(readout, vectors, prior, target, items))


@examples
@given(st.integers(0, 10_000))
@pytest.mark.slow
def test_with_one_interest_all_readouts_agree(seed):
    vectors, _, target, items = random_inputs(seed, k=1)
    found = [
        logits_of(readout, vectors, torch.zeros(P, 1), target, items).log_softmax(dim=1)
        for readout in READOUTS.values()
    ]
    for other in found[1:]:
        torch.testing.assert_close(other, found[0])


def test_hard_scores_all_items_by_the_interest_nearest_to_the_target():
    vectors, prior, target, items = random_inputs()
    for row in range(P):
        nearest = max(range(K), key=lambda k: float(vectors[row, k] @ target[row] + prior[row, k]))
        expected = torch.cat([target[row : row + 1], items]) @ vectors[row, nearest]
        torch.testing.assert_close(logits_of(HARD, vectors, prior, target, items)[row], expected)


def test_hard_is_soft_with_a_very_large_power():
    vectors, _, target, _ = random_inputs()
    prior = torch.zeros(P, K)
    query, _ = blended_interest(vectors, prior, target, power=1e4)
    expected = HARD.queries(vectors, prior, target)[0]
    torch.testing.assert_close(query, expected)
    assert not torch.allclose(SOFT.queries(vectors, prior, target)[0], expected)


def test_maxsim_scores_as_serving_does():
    vectors, prior, target, items = random_inputs()
    served = (torch.einsum("pkd,nd->pkn", vectors, items) + prior[..., None]).amax(dim=1)
    torch.testing.assert_close(logits_of(MAXSIM, vectors, prior, target, items)[:, 1:], served)


@examples
@given(st.integers(0, 10_000))
def test_lse_matches_its_formula(seed):
    vectors, prior, target, items = random_inputs(seed)
    # -LSE_k s_k(i) + LSE_k [LSE_j s_k(j)]
    everything = torch.cat([target[:, None], items.expand(P, N, D)], dim=1)
    s = torch.einsum("pkd,pjd->pkj", vectors, everything) + prior[..., None]
    expected = -s[..., 0].logsumexp(1) + s.logsumexp(2).logsumexp(1)
    found = losses.softmax(logits_of(LSE, vectors, prior, target, items))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@examples
@given(st.integers(0, 10_000))
def test_mixture_matches_its_formula(seed):
    vectors, prior, target, items = random_inputs(seed)
    # -LSE_k(log π_k + s_k(i) - LSE_j s_k(j))
    everything = torch.cat([target[:, None], items.expand(P, N, D)], dim=1)
    s = torch.einsum("pkd,pjd->pkj", vectors, everything)
    share = prior.exp() / prior.exp().sum(1, keepdim=True)
    expected = -(share * (s[..., 0].exp() / s.exp().sum(2))).sum(1).log()
    found = losses.softmax(logits_of(READOUTS["mixture"], vectors, prior, target, items))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_lse_trains_every_interest_and_hard_only_the_nearest():
    trained = {}
    for name in ("lse", "hard"):
        vectors, prior, target, items = random_inputs()
        vectors.requires_grad_()
        losses.softmax(logits_of(READOUTS[name], vectors, prior, target, items)).sum().backward()
        trained[name] = (vectors.grad != 0).any(dim=2).sum(dim=1).tolist()
    assert trained == {"lse": [K] * P, "hard": [1] * P}
