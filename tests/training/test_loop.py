"""Check training: its effects, its errors, validation and options."""

import numpy as np
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from prismrec.data.histories import Histories
from prismrec.errors import ConfigError, DataError, TrainingError
from prismrec.models.extractors import EXTRACTORS
from prismrec.models.samplers import SAMPLERS
from prismrec.training import Objective, TrainConfig, train

pytestmark = pytest.mark.slow


def config(**options):
    return TrainConfig(**{"steps": 30, "batch_size": 64, "warmup": 5, "device": "cpu"} | options)


def sampled(histories, name="uniform", negatives=16):
    return Objective(negatives=SAMPLERS[name](torch.from_numpy(histories.counts(40)), negatives))


def losses_of(model, histories, options, objective=None, **more):
    seen = []
    train(
        model,
        histories,
        options,
        objective,
        on_step=lambda s: seen.append(s.losses["loss"]),
        **more,
    )
    return seen


@pytest.mark.parametrize("extractor", sorted(EXTRACTORS))
def test_the_loss_falls(new_model, histories, extractor):
    seen = losses_of(new_model(extractor), histories, config(learning_rate=0.02))
    assert np.mean(seen[-5:]) < np.mean(seen[:5]) - 0.05
    assert np.isfinite(seen).all()


@pytest.mark.parametrize(
    ("sparse", "options"), [(False, {}), (True, {}), (False, {"similarity": "cosine"})]
)
def test_the_row_of_padding_is_zero_after_training(new_model, histories, sparse, options):
    model = new_model(**options)
    before = model.items.weight.detach().clone()
    train(model, histories, config(sparse=sparse), sampled(histories) if sparse else None)
    assert (model.items.weight[0] == 0).all()
    assert not torch.equal(model.items.weight, before)


@pytest.mark.parametrize("wrong", [40, 2**40, -1, 0])
def test_an_item_out_of_range_is_an_error_that_names_it(new_model, wrong):
    histories = Histories.of([[1, 2, 3], [4, wrong, 5]])
    with pytest.raises(DataError, match=rf"item number {wrong}, .* 1 to 39"):
        train(new_model(), histories, config())


def test_a_loss_that_is_not_finite_stops_at_once_and_reports_the_step(
    new_model, histories, tmp_path
):
    model, seen = new_model(), []

    def set_infinite_weight(step):
        seen.append(step.step)
        if step.step == 7:
            with torch.no_grad():
                model.extractor.to_hidden.weight[0, 0] = torch.inf

    options = config(seed=3, validate_every=5)
    with pytest.raises(TrainingError) as caught:
        train(model, histories, options, on_step=set_infinite_weight, folder=tmp_path)
    assert seen[-1] == 7
    for part in (
        "Step 7",
        "seed 3",
        "to_hidden.weight inf",
        "learning_rate (0.003)",
        str(tmp_path),
    ):
        assert part in str(caught.value)
    result = train(new_model(), histories, options, folder=tmp_path, resume=True)
    assert result.steps == 30


@pytest.mark.parametrize("sparse", [False, True])
def test_a_gradient_that_is_not_finite_stops_before_the_step(new_model, histories, sparse, weights):
    model = new_model()
    model.items.weight.register_hook(lambda gradient: gradient * torch.nan)
    before = weights(model)
    with pytest.raises(TrainingError, match="Step 0"):
        train(model, histories, config(sparse=sparse), sampled(histories))
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def length_of(gradient):
    values = gradient.coalesce().values() if gradient.is_sparse else gradient
    return float(values.norm())


@pytest.mark.parametrize("sparse", [False, True])
def test_the_gradient_norm_over_all_weights_is_clipped(new_model, histories, sparse):
    lengths = []

    def note(optimizer, *_):
        weights = [p for group in optimizer.param_groups for p in group["params"]]
        lengths.extend(length_of(p.grad) for p in weights if p.grad is not None)

    handle = register_optimizer_step_pre_hook(note)
    options = config(steps=6, clip=1e-3, sparse=sparse)
    train(new_model(), histories, options, sampled(histories))
    handle.remove()
    per_step = np.linalg.norm(np.array(lengths).reshape(6, -1), axis=1)
    np.testing.assert_allclose(per_step, 1e-3, rtol=1e-4)


@pytest.mark.parametrize("negatives", [None, "uniform", "mixed"])
def test_the_same_seed_gives_the_same_weights(
    new_model, histories, weights, assert_same, negatives
):
    objective = sampled(histories, negatives) if negatives else None
    runs = []
    for other in (1, 2):
        model = new_model("transformer", dropout=0.2)
        torch.manual_seed(other)  # the state of the global generator does not matter
        train(model, histories, config(horizon=3, seed=5), objective)
        runs.append(weights(model))
    assert_same(*runs)


def test_another_seed_gives_other_weights(new_model, histories):
    models = [new_model(), new_model()]
    for seed, model in enumerate(models):
        train(model, histories, config(seed=seed))
    assert not torch.equal(models[0].items.weight, models[1].items.weight)


def test_the_global_random_numbers_are_not_changed(new_model, histories):
    torch.manual_seed(9)
    expected = torch.rand(3)
    model = new_model(dropout=0.3)
    torch.manual_seed(9)
    train(model, histories, config())
    assert torch.equal(torch.rand(3), expected)


# ---- validation ----------------------------------------------------------------------------


def test_training_stops_after_patience_and_returns_the_best_weights(new_model, histories, weights):
    model, kept = new_model(), []
    scores = iter([0.1, 0.5, 0.3, 0.4, 0.2, 0.9])

    def validate():
        assert not model.training
        assert not torch.is_grad_enabled()
        kept.append(weights(model))
        return next(scores)

    result = train(model, histories, config(validate_every=4, patience=3), validate=validate)
    assert [record["validation"] for record in result.history] == [0.1, 0.5, 0.3, 0.4, 0.2]
    assert (result.steps, result.best_step, result.best) == (20, 8, 0.5)
    assert all(torch.equal(value, kept[1][name]) for name, value in model.state_dict().items())
    assert not model.training


@pytest.mark.parametrize("scores", [[-3.0, -2.0, -5.0], [0.0, 0.0, 0.0], [-1.0, -1.0, -1.0]])
def test_the_best_metric_can_be_zero_or_negative(new_model, histories, tmp_path, scores):
    values = iter(scores)
    result = train(
        new_model(), histories, config(validate_every=10),
        validate=lambda: next(values), folder=tmp_path,
    )  # fmt: skip
    assert result.best == max(scores)
    last_best = max(place for place, score in enumerate(scores) if score == max(scores))
    assert result.best_step == 10 * (1 + last_best)
    assert (tmp_path / f"best-step-{result.best_step}.safetensors").exists()
    assert (tmp_path / "last.safetensors").exists()


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([1.0] * 6, (24, 24, True)),  # a metric at its limit
        ([0.0] * 6, (24, 24, True)),  # a metric that never leaves zero
        ([0.5, 0.5, 0.4, 0.5, 0.4, 0.4], (24, 16, False)),  # equal values do not end the training
        ([0.5, 0.4, 0.5, 0.4, 0.4, 0.9], (20, 12, False)),
        ([0.5, 0.4, 0.4, 0.4, 0.9, 0.9], (16, 4, False)),
    ],
)
def test_of_equal_validations_the_last_weights_are_kept(
    new_model, histories, weights, scores, expected
):
    model, kept, values = new_model(), [], iter(scores)

    def validate():
        kept.append(weights(model))
        return next(values)

    options = config(steps=24, validate_every=4, patience=3)
    result = train(model, histories, options, validate=validate)
    assert (result.steps, result.best_step, result.undecided) == expected
    best = kept[result.best_step // 4 - 1]
    assert all(torch.equal(value, best[name]) for name, value in model.state_dict().items())


def test_an_error_in_validation_is_raised(new_model, histories):
    def validate():
        raise OSError("the index is gone")

    with pytest.raises(OSError, match="the index is gone"):
        train(new_model(), histories, config(), validate=validate)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_validation_that_is_not_finite_is_an_error(new_model, histories, value):
    with pytest.raises(TrainingError, match=f"after step 10 returned {value}"):
        train(new_model(), histories, config(validate_every=10), validate=lambda: value)


def test_on_step_is_called_at_every_step_with_the_validation_if_there_is_one(new_model, histories):
    seen = []
    train(
        new_model(), histories, config(steps=7, warmup=2, validate_every=3),
        validate=lambda: 0.5, on_step=seen.append,
    )  # fmt: skip
    assert [step.step for step in seen] == [1, 2, 3, 4, 5, 6, 7]
    assert [step.validation for step in seen] == [None, None, 0.5, None, None, 0.5, 0.5]
    assert all(step.steps == 7 and step.pairs > 0 for step in seen)


def test_each_epoch_contains_every_pair_once(new_model, histories):
    seen = []
    result = train(
        new_model(), histories, config(steps=None, epochs=3, warmup=0), on_step=seen.append
    )
    pairs = sum(max(0, length - 1) for length in histories.lengths)
    assert sum(step.pairs for step in seen) == 3 * pairs
    assert result.steps == len(seen)


# ---- options -------------------------------------------------------------------------------


def test_the_learning_rate_rises_in_warmup_then_falls_to_zero():
    options = config(steps=10, warmup=2, learning_rate=1.0)
    rates = [options.rate_at(step, 10) for step in range(10)]
    assert rates == pytest.approx([1 / 2, 9 / 10, *(1 - step / 10 for step in range(2, 10))])
    flat = config(steps=10, warmup=4, learning_rate=1.0, schedule="constant")
    expected = [1 / 4, 2 / 4, 3 / 4, *[1.0] * 7]
    assert [flat.rate_at(step, 10) for step in range(10)] == pytest.approx(expected)


@pytest.mark.parametrize(("given", "steps", "climb"), [
    ({"warmup": 30}, 20, 10), ({"warmup": 30}, 1, 1), ({"warmup": 30, "steps": 20}, 20, 10),
    ({"warmup": 500, "epochs": 1}, 7, 3), ({"warmup": 0}, 20, 1), ({"warmup": 30}, 61, 30),
])  # fmt: skip
def test_the_warmup_ends_in_the_first_half_of_a_short_run(given, steps, climb):
    options = TrainConfig(learning_rate=1.0, schedule="constant", **given)
    rates = [options.rate_at(step, steps) for step in range(steps)]
    assert rates.index(1.0) == climb - 1
    assert rates[-1] == max(rates) == 1.0


def test_bfloat16_works_on_the_cpu_and_keeps_float32_weights(new_model, histories):
    model = new_model("transformer")
    seen = losses_of(model, histories, config(precision="bf16", learning_rate=0.02))
    assert np.isfinite(seen).all()
    assert np.mean(seen[-5:]) < np.mean(seen[:5]) - 0.05
    assert all(value.dtype != torch.bfloat16 for value in model.state_dict().values())


def test_sparse_gradients_have_the_same_losses_as_dense_ones(new_model, histories):
    objective = sampled(histories, negatives=32)
    dense, sparse = (
        losses_of(new_model(), histories, config(learning_rate=0.02, sparse=sparse), objective)
        for sparse in (False, True)
    )
    assert sparse[0] == pytest.approx(dense[0])
    assert np.mean(sparse[-5:]) == pytest.approx(np.mean(dense[-5:]), abs=0.1)


def test_sparse_gradients_need_sampled_negatives(new_model, histories):
    with pytest.raises(ConfigError, match="set negatives above 0, or turn sparse off"):
        train(new_model(), histories, config(steps=1, warmup=0, sparse=True))


def test_weight_decay_does_not_apply_to_item_vectors(new_model, histories):
    models = [new_model(), new_model()]
    for model, decay in zip(models, (0.0, 0.5), strict=True):
        train(model, histories, config(steps=1, warmup=0, weight_decay=decay))
    assert torch.equal(models[0].items.weight, models[1].items.weight)
    decayed, free = (m.extractor.to_hidden.weight.norm() for m in models[::-1])
    assert decayed < free


@pytest.mark.parametrize(("wrong", "sentence"), [
    ({"steps": 0}, "steps is 0"),
    ({"batch_size": 0}, "batch_size is 0"),
    ({"learning_rate": 0.0}, "learning_rate is 0.0"),
    ({"learning_rate": float("nan")}, "learning_rate is nan"),
    ({"clip": float("nan")}, "clip is nan"),
    ({"precision": "fp16"}, "precision is 'fp16', but it must be 'fp32' or 'bf16'"),
    ({"targets": "last"}, "targets is 'last'"),
])  # fmt: skip
def test_impossible_settings_are_refused_with_their_value(wrong, sentence):
    with pytest.raises(ConfigError, match=sentence):
        config(**wrong)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_on_a_machine_without_it_is_an_error(new_model, histories):
    with pytest.raises(ConfigError, match="set 'cpu'"):
        train(new_model(), histories, config(device="cuda"))
