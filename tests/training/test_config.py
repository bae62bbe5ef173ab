"""Check settings: the help of each field, and their short representation."""

import ast
import inspect
import json
from dataclasses import asdict

import numpy as np
import pytest

from prismrec.errors import ConfigError
from prismrec.models import ItemCategories, Model, SelfAttentive
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
        ({"batch_size": 10.5}, "batch_size is 10.5, but it must be a whole number"),
        ({"epochs": 2.5}, "epochs is 2.5"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"weight_decay": float("inf")}, "weight_decay is inf, but it must be a finite number"),
        ({"weight_decay": float("nan")}, "weight_decay is nan"),
    ],
)
def test_a_number_that_cannot_be_used_is_refused(settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        TrainConfig(**settings)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"init": "zz"}, "init is 'zz', but it must be 'cooccurrence', 'random' or None"),
        ({"similarity": "l2"}, "similarity is 'l2', but it must be 'dot', 'cosine' or None"),
        ({"validate_on": "mrr"}, "validate_on is 'mrr', but it must be 'recall', 'ndcg' or"),
        ({"validate_on": None}, "validate_on is None"),
        ({"routing_variance": -1}, "routing_variance is -1; it must be at least 0"),
        ({"disagreement": float("nan")}, "disagreement is nan"),
        ({"dislike_weight": float("inf")}, "dislike_weight is inf"),
    ],
)
def test_a_setting_of_a_run_that_cannot_be_used_is_refused(settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        RunConfig(**settings)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"rules": "no"}, "rules is 'no', but it must be True, False or None."),
        ({"forming": "no"}, "forming is 'no', but it must be"),
        ({"interests": True}, "interests is True, but it must be a whole number or None."),
        ({"dim": "64"}, "dim is '64', but it must be a whole number."),
        ({"dropout": "a"}, "dropout is 'a', but it must be a finite number or None."),
        ({"routing_variance": "1"}, "routing_variance is '1', but it must be a finite number."),
        ({"init_clusters": "a"}, "init_clusters is 'a'"),
        ({"negatives": 2.5}, "negatives is 2.5"),
        ({"options": None}, "options is None, but it must be of type dict."),
        ({"index": None}, "index is None, but it must be a text."),
        ({"extractor": 5}, "extractor is 5, but it must be a text."),
        ({"loss": print}, "loss is of type builtin_function_or_method, but it must be a text."),
    ],
)
def test_a_setting_of_a_run_of_another_type_is_refused(settings, sentence):
    with pytest.raises(ConfigError) as caught:
        RunConfig(**settings)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"epochs": True}, "epochs is True, but it must be a whole number or None."),
        ({"sparse": "no"}, "sparse is 'no', but it must be True, False or None."),
        ({"learning_rate": "0.1"}, "learning_rate is '0.1', but it must be a finite number"),
        ({"ema_decay": "0.9"}, "ema_decay is '0.9'"),
        ({"weight_decay": "x"}, "weight_decay is 'x'"),
        ({"clip": None}, "clip is None, but it must be a finite number."),
        ({"seed": 2**70}, f"seed is {2**70}; it must be at most 9,223,372,036,854,775,807."),
    ],
)
def test_how_to_train_of_another_type_is_refused(settings, sentence):
    with pytest.raises(ConfigError) as caught:
        TrainConfig(**settings)
    assert str(caught.value).startswith(sentence)


def test_values_of_numpy_are_stored_as_those_of_python():
    config = RunConfig(
        dim=np.int64(8), interests=np.int8(2), temperature=np.float32(0.5), rules=np.bool_(True),
        options={"hidden": np.int64(3), "sizes": [np.int64(1)]},
    )  # fmt: skip
    settings = asdict(config) | asdict(TrainConfig(seed=np.int64(4), clip=np.float32(2)))
    written = json.loads(json.dumps(settings))
    assert written == settings
    assert written["options"] == {"hidden": 3, "sizes": [1]}


def test_the_class_of_an_extractor_is_stored_as_its_name():
    class Local(SelfAttentive):
        pass

    assert RunConfig(extractor=SelfAttentive).extractor == "sa"
    with pytest.raises(ConfigError, match="the class Local, which is defined in a function"):
        RunConfig(extractor=Local)
    of_script = type("Here", (SelfAttentive,), {"__module__": "__main__", "__qualname__": "Here"})
    with pytest.raises(ConfigError, match=r"cannot import; put .*write extractor='mine:Here'\.$"):
        RunConfig(extractor=of_script)
