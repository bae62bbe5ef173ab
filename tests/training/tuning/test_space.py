"""Check which settings are tuned, and that the first trial is the default."""

import pytest

from prismrec.errors import UnknownName
from prismrec.models import EXTRACTORS
from prismrec.training import DatasetStats, RunConfig, TrainConfig, resolve_defaults
from prismrec.training.tuning.space import OneOf, Range, tuned_settings, with_settings

SPARSE = DatasetStats(
    items=12_000, events=160_000, dense=False, multi_step_targets=True, has_repeats=False,
    categories=True,
)  # fmt: skip
DENSE = DatasetStats(
    items=1_600, events=80_000, dense=True, multi_step_targets=False, has_repeats=True,
    categories=False,
)  # fmt: skip


def with_values(config, training):
    """Return the settings, with the values that training uses for those without a default."""
    return {
        **vars(config),
        **vars(training),
        "horizon": 1 if training.horizon is None else training.horizon,
        "ema_decay": training.ema_decay or 0.0,
        "learning_rate": training.learning_rate or 3e-3,
    }


@pytest.mark.parametrize("stats", [SPARSE, DENSE], ids=["sparse", "dense"])
@pytest.mark.parametrize("name", EXTRACTORS)
def test_the_default_values_are_in_the_space_and_change_nothing(name, stats):
    config, training = RunConfig(extractor=name), TrainConfig()
    tuned = tuned_settings(config, training, stats)
    assert 5 <= len(tuned.space) <= 10
    for setting, values in tuned.space.items():
        default = tuned.default[setting]
        if isinstance(values, OneOf):
            assert default in values.values
            assert len(values.values) > 1
        else:
            assert values.low <= default <= values.high
    chosen = with_settings(config, training, tuned.default)
    assert with_values(*resolve_defaults(*chosen, stats)) == with_values(
        *resolve_defaults(config, training, stats)
    )


def test_a_given_setting_is_kept():
    given = RunConfig(dim=32, options={"block": False}), TrainConfig(learning_rate=0.01)
    free = tuned_settings(RunConfig(), TrainConfig(), DENSE).space.keys()
    left = tuned_settings(*given, DENSE).space.keys()
    assert free - left == {"dim", "block", "learning_rate"}


def test_only_some_settings_can_be_tuned():
    tuned = tuned_settings(RunConfig(), TrainConfig(), SPARSE, ["dropout"])
    assert tuned.default == {"dropout": 0.3}
    with pytest.raises(UnknownName, match="Did you mean 'dropout'"):
        tuned_settings(RunConfig(), TrainConfig(), SPARSE, ["dropuot"])


def test_a_default_outside_the_usual_values_extends_them():
    assert Range(0.1, 0.2).including(0.5) == Range(0.1, 0.5)
    assert Range(0.1, 0.2).including(0.05) == Range(0.05, 0.2)
    assert OneOf((1, 2)).including(2) == OneOf((1, 2))
    assert OneOf((1, 2)).including(3) == OneOf((3, 1, 2))


def test_settings_go_where_they_belong_with_three_digits():
    settings = {"learning_rate": 0.0123456, "dim": 128, "block": True, "dropout": 0.25}
    config, training = with_settings(RunConfig(options={"a": 1}), TrainConfig(seed=4), settings)
    assert (config.dim, config.dropout, config.options) == (128, 0.25, {"a": 1, "block": True})
    assert (training.learning_rate, training.seed) == (0.0123, 4)
