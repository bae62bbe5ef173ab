"""Compare each loss with a value computed by hand, for one target and two negatives."""

from math import exp, log

import numpy as np
import pytest
import torch

from prismrec.models import losses

# The target scores log 2, the negatives log 3 and log 5, so every exponential is an integer.
LOGITS = torch.tensor([[log(2), log(3), log(5)]], dtype=torch.float64)


def value_of(loss, **options):
    return loss(LOGITS, **options).item()


def test_softmax():
    assert value_of(losses.softmax) == pytest.approx(-log(2 / (2 + 3 + 5)))


def test_bce():
    sigmoid = {x: x / (1 + x) for x in (2, 3, 5)}
    expected = -log(sigmoid[2]) - log(1 - sigmoid[3]) - log(1 - sigmoid[5])
    assert value_of(losses.bce) == pytest.approx(expected)


def test_gbce():
    # α = 1/10, t = 1/2: β = α (t (1 - 1/α) + 1/α) = 1/10 · (1/2 · (1 - 10) + 10)
    beta = 1 / 10 * (1 / 2 * (1 - 10) + 10)
    expected = -beta * log(2 / 3) - log(1 - 3 / 4) - log(1 - 5 / 6)
    assert value_of(losses.gbce, sampling_rate=1 / 10, calibration=1 / 2) == pytest.approx(expected)


@pytest.mark.parametrize("rate", [0.01, 0.5, 1.0])
def test_gbce_without_calibration_is_bce(rate):
    expected = value_of(losses.bce)
    assert value_of(losses.gbce, sampling_rate=rate, calibration=0) == pytest.approx(expected)


def test_fully_calibrated_gbce_weights_the_target_by_the_sampling_rate():
    expected = -0.1 * log(2 / 3) - log(1 - 3 / 4) - log(1 - 5 / 6)
    assert value_of(losses.gbce, sampling_rate=0.1, calibration=1) == pytest.approx(expected)


def test_bpr_is_the_mean_over_negatives():
    # σ(log 2 - log 3) = 2 / (2 + 3)
    assert value_of(losses.bpr) == pytest.approx((-log(2 / 5) - log(2 / 7)) / 2)


def test_hard_negatives():
    # With β = 1: Σ e^{2s} = 9 + 25, divided by the mean of e^s, (3 + 5) / 2.
    assert value_of(losses.hard_negatives, beta=1) == pytest.approx(-log(2 / (2 + (9 + 25) / 4)))


def test_hard_negatives_follow_the_formula_of_remi():
    rng = np.random.default_rng(0)
    for beta in (0.1, 1.0, 10.0):
        scores = rng.normal(scale=2, size=(5, 8))
        own, others = np.exp(scores[:, 0]), scores[:, 1:]
        above = np.exp((1 + beta) * others).sum(1) / np.exp(beta * others).mean(1)
        expected = -np.log(own / (own + above))
        found = losses.hard_negatives(torch.from_numpy(scores), beta=beta)
        np.testing.assert_allclose(found, expected)


def test_hard_negatives_of_a_sample_are_those_of_the_catalog():
    # A sample with each item as often as expected has the loss of the whole catalog.
    rng = np.random.default_rng(1)
    scores = torch.from_numpy(rng.normal(scale=2, size=(5, 8)))
    times = torch.from_numpy(rng.integers(1, 6, 7))
    negatives = torch.arange(7).repeat_interleave(times)
    log_q = times[negatives].double().log()
    sampled = torch.cat([scores[:, :1], scores[:, 1:][:, negatives] - log_q], dim=1)
    for beta in (0.0, 0.5, 3.0):
        whole = losses.hard_negatives(scores, beta=beta)
        found = losses.hard_negatives(sampled, beta=beta, log_q=log_q)
        torch.testing.assert_close(found, whole)


def test_the_log_q_correction_divides_by_the_expected_count():
    # A negative with the score log 3, expected 6 times in the sample, counts 3 / 6.
    scores = torch.tensor([[[log(2), log(3)]]])
    corrected = losses.subtract_log_q(scores, torch.tensor([log(6)]))
    expected = -log(2 / (2 + 3 / 6))
    assert losses.softmax(corrected[:, 0]).item() == pytest.approx(expected)


def test_scores_are_inner_products_plus_the_prior_of_the_query():
    queries = torch.tensor([[[1.0, 2.0], [0.0, -1.0]]])
    scores = losses.score(
        queries, torch.tensor([[0.0, 10.0]]), torch.tensor([[3.0, 4.0]]), torch.tensor([[5.0, 6.0]])
    )
    expected = [[[1 * 3 + 2 * 4, 1 * 5 + 2 * 6], [0 - 1 * 4 + 10, 0 - 1 * 6 + 10]]]
    assert scores.tolist() == expected


def test_the_softmax_loss_of_a_very_low_target_is_exact():
    logits = torch.tensor([[-1e4, 0.0]])
    assert losses.softmax(logits).item() == pytest.approx(1e4 + log(1 + exp(-1e4)))
