"""Check that the loss of a batch equals one computed position by position, for all options."""

from functools import partial

import pytest
import torch

from prismrec.data.batches import Batches
from prismrec.errors import ConfigError
from prismrec.models import losses
from prismrec.models.extractors.base import Extractor, without_prior
from prismrec.models.losses import LOSSES
from prismrec.models.model import Model
from prismrec.models.nearest_cluster import read_nearest_clusters
from prismrec.models.readouts import READOUTS
from prismrec.models.regularizers import REGULARIZERS
from prismrec.models.samplers import SAMPLERS
from prismrec.training import Objective, TrainConfig, objective, train
from prismrec.training.objective import compute_loss
from prismrec.types import Batch, Interests, Negatives

GBCE = partial(losses.gbce, sampling_rate=0.3)
MANY = 20  # negatives: enough of 39 items that several are targets of the batch


def batch_of(histories, targets="all", step=0):
    made = Batches(histories, max_len=8, batch_size=40, targets=targets).at(step)
    history, target = map(torch.from_numpy, made[:2])
    return Batch(history, history != 0, target)


def sampler_of(histories, name):
    return SAMPLERS[name](torch.from_numpy(histories.counts(40)), MANY)


def one_position(name, vectors, target, others, log_q):
    """Return the logits [1, S] of one position from its interests [K, D]."""
    if name == "hard":
        vectors = vectors[(vectors @ target).argmax()][None]
    if name == "soft":
        vectors = ((vectors @ target).softmax(0)[:, None] * vectors).sum(0)[None]
    own, scores = vectors @ target, vectors @ others.T - log_q
    scores = torch.cat([own[:, None], scores], dim=1)  # [K, S]
    if name == "mixture":
        return scores.softmax(1).mean(0).log()[None]
    return (scores.amax(0) if name == "maxsim" else scores.logsumexp(0))[None]


def by_position(model, batch, name, loss, sampler):
    """Compute the loss of a batch position by position. This is the slow reference."""
    rows, slots = (batch.target != 0).nonzero(as_tuple=True)
    targets = batch.target[rows, slots]
    ids, log_q = torch.arange(1, model.size), torch.zeros(model.size - 1)
    if sampler:
        ids, drawn = sampler(torch.Generator().manual_seed(0), targets)
        if loss in (losses.softmax, losses.hard_negatives):  # other losses are not corrected
            log_q = drawn
        else:
            log_q = torch.zeros_like(drawn)
    items, total = model.item_vectors(), 0.0
    for row, slot, target in zip(rows, slots, targets, strict=True):
        history = batch.history[row : row + 1, : slot + 1]
        vectors = model(history, history != 0).vectors[0]
        own = (
            torch.cat([target[None], history[0]]) if model.mask_history_negatives else target[None]
        )
        kept = ~torch.isin(ids, own)
        logits = one_position(name, vectors, items[target], items[ids[kept]], log_q[kept])
        sample = {"log_q": log_q[kept]} if loss is losses.hard_negatives else {}
        total = total + loss(logits, **sample)[0]
    return total / len(targets)


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


CASES = [
    *((name, "softmax", losses.softmax) for name in READOUTS),
    ("maxsim", "bce", losses.bce), ("lse", "gbce", GBCE), ("hard", "bpr", losses.bpr),
    ("soft", "hard_negatives", LOSSES["hard_negatives"]),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("sampled", "chunk"), [
    (None, 500), ("uniform", 500), ("in_batch", 1 << 20), ("mixed", 1 << 20), ("union", 500),
])  # fmt: skip
@pytest.mark.parametrize(("name", "_", "loss"), CASES)
@pytest.mark.parametrize("mask_history_negatives", [False, True], ids=["", "struck"])
def test_the_loss_of_a_batch_is_the_mean_of_its_positions(  # noqa: PLR0917
    new_model, histories, monkeypatch, name, _, loss, sampled, chunk, mask_history_negatives
):  # fmt: skip
    monkeypatch.setattr(objective, "CHUNK", chunk)  # 500: many chunks; 1 << 20: one
    monkeypatch.setattr("prismrec.models.chunked_softmax.CHUNK", chunk)
    model, batch = new_model(mask_history_negatives=mask_history_negatives), batch_of(histories)
    sampler = sampler_of(histories, sampled) if sampled else None
    goal = Objective(loss=loss, readout=READOUTS[name], negatives=sampler)
    found, parts = compute_loss(model, batch, goal, torch.Generator().manual_seed(0))
    expected = by_position(model, batch, name, loss, sampler)
    torch.testing.assert_close(found, expected)
    assert parts["loss"] == found.item()
    mine, theirs = gradients(model, found), gradients(model, expected)
    assert mine.keys() == theirs.keys()
    for part, gradient in theirs.items():
        torch.testing.assert_close(mine[part], gradient, rtol=1e-4, atol=1e-6, msg=part)


@pytest.mark.parametrize("name", [None, "uniform", "in_batch", "union"])
def test_gbce_has_the_sampling_rate_of_the_drawn_negatives(new_model, histories, name):
    model, batch = new_model(), batch_of(histories)
    counts, size, sampler = torch.from_numpy(histories.counts(40)), 39, None
    if name is not None:
        wanted = 200 if name == "in_batch" else 5
        sampler = SAMPLERS[name](counts, wanted)
        size = len(sampler(torch.Generator().manual_seed(0), batch.target[batch.target != 0]).items)
        assert (size == wanted) == (name == "uniform")
    rate = min(1.0, size / 38)
    found = [
        compute_loss(
            model, batch, Objective(loss=loss, negatives=sampler), torch.Generator().manual_seed(0)
        )[0]
        for loss in (losses.gbce, partial(losses.gbce, sampling_rate=rate))
    ]
    torch.testing.assert_close(*found)


def test_every_second_step_reads_the_cluster_nearest_to_the_target(new_model, histories):
    model, batch = new_model("prism", interests=1, tie_embeddings=False).eval(), batch_of(histories)
    goal = Objective(clusters=2)
    assert goal.at(0).clusters == goal.at(2).clusters == 0
    assert goal.at(1) is goal is goal.at(3)
    found, whole = (
        compute_loss(model, batch, one, torch.Generator())[0] for one in (goal.at(1), goal.at(0))
    )
    slots = batch.target != 0
    items, target = model.items(batch.history), model.outputs(batch.target)[..., :-1]
    interests = read_nearest_clusters(
        model.extractor, items, batch.mask, target=target, number=2
    ).vectors[slots.flatten(), 0]
    rows = torch.cat([interests, torch.ones(len(interests), 1)], dim=1)  # the bias of items
    scores = rows @ model.item_vectors()[1:].T
    expected = torch.nn.functional.cross_entropy(scores, batch.target[slots] - 1)
    torch.testing.assert_close(found, expected)
    assert found.item() != pytest.approx(whole.item(), rel=1e-4)


@pytest.mark.parametrize("clusters", [-1, 2.5, "3", True])
def test_impossible_numbers_of_clusters_are_refused(clusters):
    with pytest.raises(ConfigError, match=f"clusters is {clusters!r}; it must be a whole number"):
        Objective(clusters=clusters)


@pytest.mark.slow
def test_steps_of_a_training_read_whole_histories_and_clusters_in_turn(
    new_model, histories, monkeypatch
):
    read, compute = [], objective.compute_loss

    def recorded(model, batch, step_objective, generator):
        read.append(step_objective.clusters)
        return compute(model, batch, step_objective, generator)

    monkeypatch.setattr("prismrec.training.run.compute_loss", recorded)
    model = new_model("prism", interests=1)
    train(model, histories, TrainConfig(steps=5, batch_size=64), Objective(clusters=3))
    assert read == [0, 3, 0, 3, 0]


def test_masked_items_have_no_gradient(new_model):
    batch = Batch(*(torch.tensor([row]) for row in ([3, 5, 7], [True] * 3, [0, 0, 9])))
    for mask_history_negatives in (True, False):
        model = new_model(
            "prism", tie_embeddings=False, mask_history_negatives=mask_history_negatives
        )
        compute_loss(model, batch, Objective(), torch.Generator())[0].backward()
        changed = model.outputs.weight.grad[1:].abs().sum(dim=1) > 0
        assert changed[[2, 4, 6]].tolist() == [not mask_history_negatives] * 3
        assert changed.sum() == (36 if mask_history_negatives else 39)


@pytest.mark.parametrize("extractor", ["mind", "dr", "gru", "transformer", "mean"])
def test_with_one_target_per_row_the_loss_is_the_mean_of_the_rows(new_model, histories, extractor):
    model, batch = new_model(extractor).eval(), batch_of(histories, targets="random")
    found, _ = compute_loss(model, batch, Objective(), torch.Generator())
    interests = model(batch.history, batch.mask)
    assert not interests.bias.any()
    expected = []
    targets = batch.target.sum(dim=1)
    for vectors, active, target in zip(interests.vectors, interests.active, targets, strict=True):
        scores = (vectors[active] @ model.items.weight[1:].T).logsumexp(0)
        expected.append(scores.logsumexp(0) - scores[target - 1])
    torch.testing.assert_close(found, torch.stack(expected).mean())


@pytest.mark.parametrize("name", sorted(REGULARIZERS))
def test_a_regularizer_is_a_mean_over_the_batch(new_model, histories, name):
    model, batch = new_model(), batch_of(histories)
    goal = Objective(regularizers={name: (REGULARIZERS[name], 0.5)})
    twice = Batch(*(torch.cat([part, part]) for part in batch[:3]))
    total, parts = compute_loss(model, batch, goal, torch.Generator())
    doubled, doubled_parts = compute_loss(model, twice, goal, torch.Generator())
    assert parts[name] > 0
    assert doubled_parts == pytest.approx(parts, rel=1e-5)
    torch.testing.assert_close(doubled, total)
    assert total.item() == pytest.approx(parts["loss"] + 0.5 * parts[name], rel=1e-6)


def test_routing_variance_matches_its_formula(new_model, histories):
    model, batch = new_model(), batch_of(histories)
    goal = Objective(regularizers={"variance": (REGULARIZERS["routing_variance"], 1.0)})
    _, parts = compute_loss(model, batch, goal, torch.Generator())
    terms = []
    for row, slot in (batch.target != 0).nonzero():
        history = batch.history[row : row + 1, : slot + 1]
        weights = model(history, history != 0).weights[0]  # [K, n]
        terms.append((weights - 1 / (slot + 1)).square().sum(1).mean())
    assert parts["variance"] == pytest.approx(torch.stack(terms).mean().item(), rel=1e-5)


def test_disagreement_of_equal_interests_is_one_and_of_one_interest_zero(new_model, histories):
    batch = batch_of(histories)
    goal = Objective(regularizers={"same": (REGULARIZERS["disagreement"], 1.0)})
    model = new_model("sa")
    with torch.no_grad():
        for parameter in model.extractor.parameters():
            parameter.zero_()  # all heads are equal
    assert compute_loss(model, batch, goal, torch.Generator())[1]["same"] == pytest.approx(1)
    assert (
        compute_loss(new_model("sa", interests=1), batch, goal, torch.Generator())[1]["same"] == 0
    )


def test_disagreement_uses_only_directions_of_active_interests(new_model, histories):
    """Check that the bias entry of the vectors and inactive interests do not count."""
    vectors = torch.tensor([[[1.0, 0], [-1, 0], [0, 1]]])
    three = Interests(vectors, torch.ones(1, 3, 4), torch.zeros(1, 3), torch.tensor([[True] * 3]))
    two = three._replace(active=torch.tensor([[True, True, False]]))
    of = REGULARIZERS["disagreement"]
    mask = torch.ones(1, 4, dtype=torch.bool)
    assert of(three, mask).item() == pytest.approx((-1 + 0 + 0) / 3)
    assert of(two, mask).item() == pytest.approx(-1)
    goal = Objective(regularizers={"same": (of, 1.0)})
    batch, found = batch_of(histories), []
    for scale in (0.1, 10.0):  # the length of vectors does not change a cosine
        model = new_model("prism", tie_embeddings=False).eval()
        with torch.no_grad():
            model.items.weight *= scale
        found.append(compute_loss(model, batch, goal, torch.Generator())[1]["same"])
    assert found[0] == pytest.approx(found[1], rel=1e-3)


class NewestItem(Extractor):
    """Return the newest item without a matrix product, so that autocast rounds nothing."""

    def forward(self, items, mask):
        slots = torch.arange(items.shape[1])
        newest = (slots == mask.sum(dim=1, keepdim=True) - 1).float()
        return without_prior((items * newest[..., None]).sum(1, keepdim=True), newest[:, None])


@pytest.mark.parametrize("name", ["lse", "maxsim"])
def test_scores_and_losses_stay_in_float32_under_autocast(histories, name):
    model, batch = Model(40, NewestItem(dim=8, interests=1, max_len=8)), batch_of(histories)
    goal = Objective(readout=READOUTS[name], negatives=sampler_of(histories, "uniform"))
    found = []
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            loss, _ = compute_loss(model, batch, goal, torch.Generator().manual_seed(0))
        assert loss.dtype == torch.float32
        found.append({"loss": loss.detach(), **gradients(model, loss)})
    torch.testing.assert_close(found[1], found[0])


FOUR = torch.tensor([3, 1, 2, 2])


@pytest.mark.parametrize(("drawn", "words"), [
    (FOUR, "a value of type Tensor"),
    ((FOUR, FOUR.float()), "a value"),
    (Negatives(FOUR.numpy(), FOUR.float()), "items of type ndarray"),
    (Negatives(FOUR.float(), FOUR.float()), r"items of shape \(4,\) and type torch.float32"),
    (Negatives(FOUR[None], FOUR[None].float()), r"items of shape \(1, 4\)"),
    (Negatives(FOUR[:0], FOUR[:0].float()), r"items of shape \(0,\)"),
    (Negatives(FOUR, FOUR), r"log_q of shape \(4,\) and type torch.int64 .* for 4 items"),
    (Negatives(FOUR, FOUR[1:].float()), r"log_q of shape \(3,\) .* for 4 items"),
    (Negatives(FOUR - 1, FOUR.float()), "the item 0;"),
    (Negatives(FOUR + 37, FOUR.float()), "the item 40;"),
])  # fmt: skip
def test_what_a_sampler_returns_is_checked(new_model, histories, drawn, words):
    model, wrong = new_model(), Objective(negatives=lambda *_: drawn)
    with pytest.raises(ConfigError, match=f"^A sampler returned {words}.* number from 1 to 39"):
        compute_loss(model, batch_of(histories), wrong, torch.Generator())
    with pytest.raises(ConfigError, match=f"^A sampler returned {words}"):
        train(model, histories, TrainConfig(epochs=1, device="cpu"), wrong)


def test_a_loss_that_returns_a_mean_is_refused(new_model, histories):
    def mean(logits):
        return losses.softmax(logits).mean()

    wrong = Objective(loss=mean, negatives=sampler_of(histories, "uniform"))
    with pytest.raises(ConfigError, match=r"shape \(\) .* one loss per pair.* not their mean"):
        compute_loss(new_model(), batch_of(histories), wrong, torch.Generator().manual_seed(0))
