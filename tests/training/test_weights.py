"""Check weights of events and dislikes in the loss, in batches and in counts, with plain loops."""

from functools import partial
from math import exp, log

import numpy as np
import pytest
import torch

from prismrec.data.batches import Batches
from prismrec.data.histories import Histories
from prismrec.data.split import Split
from prismrec.errors import ConfigError, DataError
from prismrec.evaluation.baselines.item_knn import cosine_similarities
from prismrec.evaluation.baselines.popularity import popularity
from prismrec.models import losses
from prismrec.models.chunked_softmax import PerPosition, chunked_softmax_loss
from prismrec.models.extractors.mean import MeanPool
from prismrec.models.extractors.sa import SelfAttentive
from prismrec.models.model import Model
from prismrec.models.readouts import HARD, LSE, MAXSIM, MIXTURE
from prismrec.models.samplers import uniform
from prismrec.retrieval.rules import count_rules
from prismrec.training import Objective, RunConfig
from prismrec.training.build import DISLIKE_WEIGHT, build_objective
from prismrec.training.config import TrainConfig
from prismrec.training.fingerprint import fingerprint
from prismrec.training.initialize import count_in_blocks
from prismrec.training.objective import compute_loss, with_relative_weights
from prismrec.types import Batch

V = 12


def histories_of(seed=0, users=9):
    """Build histories of random items and weights, some of them 0."""
    random = np.random.default_rng(seed)
    rows = [random.integers(1, V, size=random.integers(2, 9)).tolist() for _ in range(users)]
    plain = Histories.of(rows)
    weights = random.choice([0.0, 0.5, 1.0, 3.0, 5.0], size=len(plain.items)).astype(np.float32)
    return Histories(plain.indptr, plain.items, plain.times, weights)


def scaled(histories, factor):
    """Return the histories with all weights multiplied."""
    weights = (histories.weights * factor).astype(np.float32)
    return Histories(histories.indptr, histories.items, histories.times, weights)


def test_weighted_loss_of_two_pairs_by_hand():
    # The scores of the targets are log 2 and log 3; of the only other item log 1 and log 5.
    scores = torch.tensor([[[log(2), log(1)]], [[log(3), log(5)]]], dtype=torch.float64)
    queries, items = scores[:, :, :], torch.eye(2, dtype=torch.float64)
    inputs = (queries, torch.zeros(2, 1).double(), items[[0, 0]], items)
    finish = LSE.loss_from_logsumexp
    plain = chunked_softmax_loss(*inputs, finish=finish)
    assert plain.item() == pytest.approx((-log(2 / 3) - log(3 / 8)) / 2)
    weight = torch.tensor([0.5, 1.5], dtype=torch.float64)
    weighted = chunked_softmax_loss(*inputs, finish=finish, own=PerPosition(weight=weight))
    assert weighted.item() == pytest.approx((-0.5 * log(2 / 3) - 1.5 * log(3 / 8)) / 2)
    # A disliked item with score log 4 and weight 10 adds 40 to the sum of the first pair only.
    extra = torch.tensor([[log(4) + log(10)], [-torch.inf]], dtype=torch.float64)
    own = PerPosition(extra, weight)
    both = chunked_softmax_loss(*inputs, finish=finish, own=own)
    assert both.item() == pytest.approx((-0.5 * log(2 / 43) - 1.5 * log(3 / 8)) / 2)


def model_of(extractor=SelfAttentive, **options):
    torch.manual_seed(0)
    interests = {"interests": 1 if extractor is MeanPool else 2}
    return Model(V, extractor(dim=4, max_len=8, **interests), **options)


def batch_of(histories, dislikes=None):
    made = Batches(histories, max_len=8, batch_size=100, dislikes=dislikes).at(0)
    parts = [None if part is None else torch.from_numpy(part) for part in made]
    return with_relative_weights(Batch(parts[0], parts[0] != 0, *parts[1:]))


DISLIKES = Histories.of([[1, 2], [], [3], [], [4, 5, 6], [], [7], [8], []])


@pytest.mark.slow
@pytest.mark.parametrize("sampled", [False, True])
@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("readout", [HARD, LSE, MIXTURE, MAXSIM])
def test_losses_and_gradients_equal_those_of_single_pairs(readout, mask, sampled):
    histories = histories_of()
    model = model_of(mask_history_negatives=mask)
    negatives = uniform(torch.from_numpy(histories.counts(V)), 30) if sampled else None
    objective = Objective(
        readout=readout, negatives=negatives, dislikes=DISLIKES, dislike_weight=3.0
    )
    batch = batch_of(histories, DISLIKES)
    total, _ = compute_loss(model, batch, objective, torch.Generator().manual_seed(0))
    total.backward()
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()

    rows, slots = (batch.target != 0).nonzero(as_tuple=True)
    targets = batch.target[rows, slots]
    weights = batch.weight[rows, slots]
    ids, log_q = torch.arange(1, V), torch.zeros(V - 1)
    if negatives:
        ids, log_q = negatives(torch.Generator().manual_seed(0), targets)
    items, wanted = model.item_vectors(), 0.0
    for row, slot, target, weight in zip(rows, slots, targets, weights, strict=True):
        history = batch.history[row : row + 1, : slot + 1]
        vectors = model(history, history != 0).vectors[0]
        masked = torch.cat([target[None], history[0]]) if mask else target[None]
        kept = ~torch.isin(ids, masked)
        columns = [vectors @ items[target], *(vectors @ items[ids[kept]].T - log_q[kept]).T]
        bad = int(batch.disliked[row, slot])
        if bad and bad != target:
            columns.append(vectors @ items[bad] + log(3.0))
        scores = torch.stack(columns, dim=1)[None]  # [1, K, S]
        prior = torch.zeros(scores.shape[:2])
        if readout is HARD:
            best = (vectors @ items[target]).argmax()
            scores, prior = scores[:, best : best + 1], prior[:, :1]
        loss = losses.softmax(readout.logits(scores, prior))[0]
        wanted = wanted + loss * weight / weights.mean() / len(targets)
    torch.testing.assert_close(total, wanted)
    wanted.backward()
    for name, parameter in model.named_parameters():
        if name in found:
            torch.testing.assert_close(found[name], parameter.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("loss", [losses.bce, losses.bpr, losses.softmax])
def test_equal_weights_change_no_loss_and_no_gradient(loss):
    histories = histories_of()
    equal = Histories(
        histories.indptr, histories.items, histories.times, np.full(len(histories.items), 4.0, "f4")
    )
    plain = Histories(histories.indptr, histories.items, histories.times)
    found = []
    for some in (equal, plain):
        model = model_of(MeanPool)
        value, _ = compute_loss(model, batch_of(some), Objective(loss=loss), torch.Generator())
        value.backward()
        found.append((value.detach(), model.items.weight.grad))
    torch.testing.assert_close(found[0], found[1])


def test_only_ratios_of_weights_matter():
    histories = histories_of()
    values = []
    for factor in (1, 1000):
        some = scaled(histories, factor)
        value, _ = compute_loss(model_of(), batch_of(some), Objective(), torch.Generator())
        tables = (count_rules(some, V), cosine_similarities(some, V, neighbours=None, shrink=2.0))
        values.append((value.item(), *(table.toarray() for table in tables)))
    for one, other in zip(*values, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_a_batch_of_weight_zero_has_no_gradient():
    histories = scaled(histories_of(), 0)
    model = model_of()
    value, _ = compute_loss(model, batch_of(histories), Objective(), torch.Generator())
    value.backward()
    assert value.item() == 0
    assert not model.items.weight.grad.any()


@pytest.mark.parametrize("targets", ["all", "random"])
def test_batches_have_the_weight_of_each_target_and_dislikes_of_its_user(targets):
    random = np.random.default_rng(1)
    rows = [list(range(1 + 20 * u, 1 + 20 * u + length)) for u, length in enumerate([7, 0, 3, 19])]
    plain = Histories.of(rows)  # no two events have the same item
    weights = random.random(len(plain.items)).astype(np.float32)
    histories = Histories(plain.indptr, plain.items, plain.times, weights)
    dislikes = Histories.of([[101, 102], [103], [], [104]])
    weight_of = dict(zip(plain.items.tolist(), weights.tolist(), strict=True))
    options = {"max_len": 4, "batch_size": 5, "targets": targets, "horizon": 3}
    batches = Batches(histories, dislikes=dislikes, **options)
    without = Batches(plain, **options)
    drawn = {0: set(), 2: set(), 3: set()}
    for step in range(60):
        history, target, weight, disliked = batches.at(step)
        np.testing.assert_array_equal(without.at(step)[0], history)
        np.testing.assert_array_equal(without.at(step)[1], target)
        for row, slot in np.argwhere(target == 0):
            assert weight[row, slot] == disliked[row, slot] == 0
        for row, slot in np.argwhere(target):
            item = int(target[row, slot])
            assert weight[row, slot] == weight_of[item]
            drawn[(item - 1) // 20].add(int(disliked[row, slot]))
    assert drawn == {0: {101, 102}, 2: {0}, 3: {104}}
    assert without.at(0)[2:] == (None, None)


def test_weighted_counts_equal_plain_loops():
    histories = histories_of(3)
    histories.weights[histories.items == 1] /= 100  # some events, but a count below 1
    relative = histories.weights / histories.weights.mean()
    pairs, largest = np.zeros((V, V)), np.zeros((len(histories), V))
    count = np.bincount(histories.items, relative, minlength=V)
    for user in range(len(histories)):
        events = range(histories.indptr[user], histories.indptr[user + 1])
        for first in events:
            item = histories.items[first]
            largest[user, item] = max(largest[user, item], relative[first])
            for second in events:
                if 1 <= second - first <= 10:
                    weight = 0.8 ** (second - first - 1) * relative[first] * relative[second]
                    pairs[item, histories.items[second]] += weight
    both = pairs + 0.5 * pairs.T
    safe = np.where(count, count, 1)
    assert 0 < count[1] < 1
    wanted = both / safe[:, None] ** 0.3 / safe[None] ** 0.4
    found = count_rules(histories, V, backward=0.5, alpha=0.3, beta=0.4)
    np.testing.assert_allclose(found.toarray(), wanted, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(count_in_blocks(histories, V).toarray(), both, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(popularity(histories, V)([np.array([1])])[0], count, rtol=1e-6)
    norms = np.sqrt((largest**2).sum(0))
    cosine = largest.T @ largest / np.maximum(norms[:, None] * norms + 2, 1e-9)
    np.fill_diagonal(cosine, 0)
    found = cosine_similarities(histories, V, neighbours=None, shrink=2.0)
    np.testing.assert_allclose(found.toarray(), cosine, rtol=1e-5, atol=1e-9)


def test_counts_in_blocks_use_the_mean_of_all_events(monkeypatch):
    histories = histories_of(3)
    whole = count_in_blocks(histories, V).toarray()
    monkeypatch.setattr("prismrec.training.initialize.BLOCK", 7)
    np.testing.assert_allclose(count_in_blocks(histories, V).toarray(), whole, rtol=1e-5)


def test_items_of_weight_zero_have_no_similarity():
    weights = np.array([0, 1, 1, 0, 1], dtype=np.float32)
    plain = Histories.of([[1, 2, 3], [1, 2]])
    histories = Histories(plain.indptr, plain.items, plain.times, weights)
    table = cosine_similarities(histories, 4, neighbours=None, shrink=0.0).toarray()
    assert np.isfinite(table).all()
    assert not table[1].any()


def config_of(**options):
    sizes = {"interests": 1, "readout": "lse", "sampler": "uniform", "negatives": 0}
    return RunConfig(**sizes, **options)


def test_the_weight_of_dislikes_is_chosen_only_where_it_works():
    counts = torch.ones(V)
    build = partial(build_objective, counts=counts)
    assert build(config_of()).dislikes is None
    assert build(config_of(), dislikes=DISLIKES).dislike_weight == DISLIKE_WEIGHT
    assert build(config_of(loss="bce"), dislikes=DISLIKES).dislikes is None
    assert build(config_of(dislike_weight=0.0), dislikes=DISLIKES).dislikes is None
    assert build(config_of(dislike_weight=2.0), dislikes=DISLIKES).dislike_weight == 2.0
    for options, dislikes in [
        ({"dislike_weight": 2.0}, None),
        ({"dislike_weight": 2.0, "loss": "bce"}, DISLIKES),
        ({"dislike_weight": -1.0}, DISLIKES),
        ({"dislike_weight": float("nan")}, DISLIKES),
    ]:
        with pytest.raises(ConfigError):
            build(config_of(**options), dislikes=dislikes)


def test_a_run_with_other_weights_or_dislikes_is_another_run():
    histories = histories_of()
    plain = Histories(histories.indptr, histories.items, histories.times)
    runs = [
        (plain, Objective()),
        (histories, Objective()),
        (scaled(histories, 2), Objective()),
        (plain, Objective(dislikes=DISLIKES)),
        (plain, Objective(dislikes=DISLIKES, dislike_weight=2.0)),
    ]
    found = {fingerprint(model_of(), some, TrainConfig(), objective) for some, objective in runs}
    assert len(found) == len(runs)


def test_a_disliked_item_gets_a_lower_score():
    histories = Histories.of([[1, 2, 3], [1, 2, 4]] * 10)
    dislikes = Histories.of([[5], [6]] * 10)
    model = model_of(MeanPool)
    before = None
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    objective = Objective(dislikes=dislikes, dislike_weight=10.0)
    for _ in range(20):
        batch = batch_of(histories, dislikes)
        value, _ = compute_loss(model, batch, objective, torch.Generator())
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        history = torch.tensor([[1, 2]])
        scores = (model(history, history != 0).vectors[0] @ model.item_vectors().T)[0]
        before = scores if before is None else before
    assert exp(scores[5].item()) < exp(before[5].item())
    others = scores[7:].mean()
    assert scores[5] < others
    assert scores[6] < others


def test_split_has_no_dislikes_by_default():
    assert Split(Histories.of([[1]]), [], [], "").dislikes is None


def test_dislikes_of_other_users_than_those_of_the_training_are_an_error():
    histories = histories_of()
    some = histories.select(np.arange(4))
    with pytest.raises(DataError, match="histories of 4 users, but the dislikes of 9"):
        Batches(some, max_len=5, batch_size=8, dislikes=histories)
