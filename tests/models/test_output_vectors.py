"""Check models with two tables: one for items of the history, one with a bias for scored items."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from prismrec.errors import ConfigError
from prismrec.models.extractors import Prism
from prismrec.models.model import Model
from prismrec.models.readouts import MIXTURE
from prismrec.training import Objective, TrainConfig, train

HISTORY = torch.tensor([[3, 5, 7], [2, 9, 0], [0, 0, 0]])


def scores_of(model):
    interests = model(HISTORY, HISTORY != 0)
    return interests.vectors @ model.item_vectors().T + interests.bias[..., None]


def test_the_bias_of_an_item_is_part_of_its_inner_product(new_model):
    model = new_model("prism", tie_embeddings=False).eval()
    with torch.no_grad():
        before = scores_of(model)
        model.outputs.weight[4, -1] += 2
        after = scores_of(model)
    expected = torch.zeros_like(before)
    expected[..., 4] = 2
    torch.testing.assert_close(after - before, expected)
    assert model.item_vectors().shape == (40, 9)
    assert torch.equal(model.vectors_of(torch.tensor([4, 0])), model.item_vectors()[[4, 0]])


def test_cosine_does_not_change_the_bias(new_model):
    model = new_model("prism", tie_embeddings=False, similarity="cosine").eval()
    with torch.no_grad():
        model.outputs.weight[1:, -1] = 5
    lengths = model.item_vectors()[1:, :-1].norm(dim=-1)
    torch.testing.assert_close(lengths, torch.ones(39))
    assert (model.item_vectors()[1:, -1] == 5).all()


def test_normalized_scores_are_log_probabilities_of_a_mixture(new_model):
    model = new_model("prism", tie_embeddings=False, normalized=True)
    with torch.no_grad():
        model.extractor.prior += torch.tensor([0.5, 0.0, -1.0])
    model.eval()
    total = scores_of(model)[..., 1:].exp().sum(dim=(1, 2))
    torch.testing.assert_close(total, torch.ones(3))
    model.train()
    prior = model(HISTORY, HISTORY != 0).bias
    torch.testing.assert_close(prior.exp().sum(1), torch.ones(3))


def test_with_mask_history_negatives_scores_are_log_probabilities_of_unseen_items(new_model):
    model = new_model(
        "prism", tie_embeddings=False, normalized=True, mask_history_negatives=True
    ).eval()
    odds = scores_of(model).exp()
    unseen = torch.ones(3, 40).scatter(1, HISTORY, 0)
    unseen[:, 0] = 0
    torch.testing.assert_close((odds * unseen[:, None]).sum(dim=(1, 2)), torch.ones(3))
    assert ((odds * (1 - unseen[:, None]))[:2, :, 1:].sum(dim=(1, 2)) > 0).all()


def test_a_user_who_has_seen_all_items_has_finite_priors():
    extractor = Prism(dim=8, interests=2, max_len=3)
    model = Model(
        4, extractor, tie_embeddings=False, normalized=True, mask_history_negatives=True
    ).eval()
    with torch.no_grad():
        bias = model(torch.tensor([[1, 2, 3]]), torch.ones(1, 3, dtype=torch.bool)).bias
    assert bias.isfinite().all()


@pytest.mark.parametrize("mask_history_negatives", [True, False])
def test_partitions_do_not_depend_on_the_size_of_blocks(
    new_model, monkeypatch, mask_history_negatives
):
    model = new_model(
        "prism",
        tie_embeddings=False,
        normalized=True,
        mask_history_negatives=mask_history_negatives,
    ).eval()
    with torch.no_grad():
        whole = model(HISTORY, HISTORY != 0).bias
        monkeypatch.setattr("prismrec.models.log_normalizer.MAX_SCORES", 1)
        torch.testing.assert_close(model(HISTORY, HISTORY != 0).bias, whole)


@pytest.mark.parametrize("mask_history_negatives", [True, False])
def test_in_large_catalogs_the_partition_is_estimated_from_a_sample(
    monkeypatch, mask_history_negatives
):
    torch.manual_seed(0)
    model = Model(
        3_000, Prism(dim=8, interests=2, max_len=3),
        tie_embeddings=False, normalized=True, mask_history_negatives=mask_history_negatives,
    )  # fmt: skip
    bias = 2 * torch.randn(3_000)
    bias[HISTORY.unique()] = 8  # most of the partition, if these items are part of it
    model.set_item_vectors(torch.randn(3_000, 8) / 2, torch.randn(3_000, 8), bias)
    with torch.no_grad():
        exact = model.eval()(HISTORY, HISTORY != 0).bias
        monkeypatch.setattr("prismrec.models.log_normalizer.MAX_ITEMS", 1_000)
        found = model.eval()(HISTORY, HISTORY != 0).bias
    assert not torch.equal(found, exact)
    torch.testing.assert_close(found, exact, rtol=0, atol=0.15)


def test_item_vectors_are_computed_once_until_the_weights_may_have_changed(new_model, monkeypatch):
    model = new_model("prism", tie_embeddings=False, normalized=True).eval()
    drawn = []
    whole = Model.item_vectors
    monkeypatch.setattr(Model, "item_vectors", lambda self: drawn.append(1) or whole(self))
    with torch.no_grad():
        for _ in range(3):
            model(HISTORY, HISTORY != 0)
            model.vectors_as_numpy(np.array([1, 2]))
        assert len(drawn) == 1
        model.train().eval()(HISTORY, HISTORY != 0)
        assert len(drawn) == 2


def test_rows_of_padding_stay_zero_and_all_other_rows_are_trained(new_model, histories):
    model = new_model("prism", tie_embeddings=False, normalized=True)
    sources, outputs = torch.randn(2, 40, 8)
    model.set_item_vectors(sources, outputs, torch.randn(40))
    assert (model.items.weight[0] == 0).all()
    assert (model.item_vectors()[0] == 0).all()
    assert torch.equal(model.items.weight[1:], sources[1:])
    assert model.outputs.weight[1:, -1].mean().item() == pytest.approx(0, abs=1e-6)
    before = model.outputs.weight.detach().clone()
    train(
        model, histories, TrainConfig(steps=5, batch_size=64, warmup=0, device="cpu"),
        Objective(readout=MIXTURE),
    )  # fmt: skip
    assert (model.items.weight[0] == 0).all()
    assert (model.outputs.weight[0] == 0).all()
    assert (model.outputs.weight[1:] != before[1:]).any(dim=1).all()


def test_initial_item_vectors_need_two_tables(new_model):
    with pytest.raises(ConfigError, match="tie_embeddings=False"):
        new_model().set_item_vectors(torch.zeros(40, 8), torch.zeros(40, 8), torch.zeros(40))


def test_untrained_prism_weights_events_only_by_recency(new_model):
    model = new_model("prism", interests=1, tie_embeddings=False).eval()
    weights = model(HISTORY, HISTORY != 0).weights[0, 0]
    power = torch.tensor([3.0, 2.0, 1.0]) ** -1.5
    torch.testing.assert_close(weights, power / power.sum())


@pytest.mark.slow
def test_threads_may_read_interests_while_another_one_switches_to_evaluation(new_model):
    model = new_model("prism", tie_embeddings=False, normalized=True).eval()
    expected = model.interests_of([np.array([1, 2])]).bias
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(3) as pool:
            read = [pool.submit(model.interests_of, [np.array([1, 2])]) for _ in range(300)]
            while not all(one.done() for one in read):
                model.eval()
    finally:
        sys.setswitchinterval(interval)
    assert all(torch.equal(one.result().bias, expected) for one in read)
