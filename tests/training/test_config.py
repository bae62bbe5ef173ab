"""Check settings: the help of each field, and their short representation."""

import ast
import inspect

import numpy as np
import pytest

from prismrec.errors import ConfigError
from prismrec.models import ItemCategories, Model
from prismrec.training import Objective, RunConfig, TrainConfig, Trained, TrainResult
from prismrec.training.build import build_model
from prismrec.training.defaults import DatasetStats, resolve_defaults


def help_of(kind):
    """Return the docstring below each field of a class."""
    (tree,) = ast.parse(inspect.getsource(kind)).body
    pairs = zip(tree.body, tree.body[1:], strict=False)
    return {a.target.id: b.value.value for a, b in pairs if isinstance(a, ast.AnnAssign)}


@pytest.mark.parametrize("kind", [RunConfig, TrainConfig])
def test_every_field_has_one_line_of_help(kind):
    for name, text in help_of(kind).items():
        assert len(text) <= 95, name
        assert "\n" not in text, name
        assert text.endswith("."), name


@pytest.mark.parametrize(("field", "table"), [
    ("extractor", "EXTRACTORS"), ("loss", "LOSSES"), ("readout", "READOUTS"),
    ("sampler", "SAMPLERS"), ("index", "INDEXES"),
])  # fmt: skip
def test_the_text_of_a_part_refers_to_its_table(field, table):
    """The help of ``train`` has the names: see tests/cli/test_help.py."""
    assert f"a name in ``{table}``" in help_of(RunConfig)[field]


def test_settings_show_only_differences_from_the_defaults():
    assert repr(RunConfig()) == "RunConfig()"
    assert repr(RunConfig(extractor="sa", interests=8)) == "RunConfig(extractor='sa', interests=8)"
    assert repr(TrainConfig(seed=3, targets="random")) == "TrainConfig(targets='random', seed=3)"


def test_representations_of_model_result_and_run_are_one_short_line():
    stats = DatasetStats(
        items=39,
        events=300,
        dense=False,
        multi_step_targets=True,
        has_repeats=False,
        categories=False,
    )
    config, _ = resolve_defaults(RunConfig(dim=8), TrainConfig(), stats)
    model = build_model(config, 40, 0)
    assert isinstance(model, Model)
    assert repr(model) == (
        "Model(39 items, Prism(dim=8, interests=1, max_len=50, block=False), similarity='dot', "
        "tie_embeddings=False)"
    )
    result = TrainResult(
        steps=30, best_step=20, best=0.25, history=[], seconds=1.5, pairs_per_second=10.0,
        interrupted=True,
    )  # fmt: skip
    assert repr(result) == "TrainResult(best 0.2500 at step 20 of 30, 1.5 s, interrupted)"
    trained = Trained(None, result, {"extractor": "prism", "interests": 2}, {})
    assert repr(trained) == f"Trained(prism, interests=2, {result!r})"
    assert repr(Objective()) == "Objective(softmax, full catalog)"
    categories = ItemCategories.of(np.array([0, 0, 1, 2]), np.array([5, 5]))
    assert repr(categories) == "ItemCategories(2 items, 1 shared categories)"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"batch_size": 10.5}, "batch_size is 10.5; it must be a whole number"),
        ({"epochs": 2.5}, "epochs is 2.5"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"weight_decay": float("inf")}, "weight_decay is inf; it must be a finite number"),
        ({"weight_decay": float("nan")}, "weight_decay is nan"),
    ],
)
def test_a_number_that_cannot_be_used_is_refused(settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        TrainConfig(**settings)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"init": "zz"}, "init is 'zz'; it must be one of 'cooccurrence', 'random', None"),
        ({"similarity": "l2"}, "similarity is 'l2'; it must be one of 'dot', 'cosine', None"),
        ({"validate_on": "mrr"}, "validate_on is 'mrr'; it must be one of 'recall', 'ndcg'"),
        ({"validate_on": None}, "validate_on is None"),
        ({"routing_variance": -1}, "routing_variance is -1; it must be a finite number, at least"),
        ({"disagreement": float("nan")}, "disagreement is nan"),
        ({"dislike_weight": float("inf")}, "dislike_weight is inf"),
    ],
)
def test_a_setting_of_a_run_that_cannot_be_used_is_refused(settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        RunConfig(**settings)
