"""Check parts from a module of the working folder, named as ``module:Name``."""

import json
import sys
from typing import Literal

import numpy as np
import pytest
import torch

from prismrec.data.split import split_by_user
from prismrec.errors import ConfigError, PrismrecError, UnknownName
from prismrec.models import EXTRACTORS, SAMPLERS, Extractor, declare_softmax, losses
from prismrec.recommend.artifact import load, save
from prismrec.registry import build, resolve
from prismrec.training import RunConfig, TrainConfig, fit
from prismrec.training.build import build_objective
from worlds import small_dataset

MODULE = """
import torch
from prismrec.models import LSE, Extractor, declare_softmax
from prismrec.models.extractors.base import without_prior
from prismrec.models.samplers import uniform
import {neighbour}

COUNTS = []

class Newest(Extractor):
    single = True

    def __init__(self, *, dim, interests, max_len, scale=1.0):
        super().__init__(dim=dim, interests=interests, max_len=max_len)
        self.scale = torch.nn.Parameter(torch.tensor(scale))

    def forward(self, items, mask):
        slots = torch.arange(1, mask.shape[1] + 1)
        weights = (slots == mask.sum(dim=1, keepdim=True)).to(items.dtype)[:, None]
        return without_prior(self.scale * (weights @ items), weights)

class NoForward(Extractor):
    pass

class NoExtractor:
    def __init__(self, *, dim, interests, max_len):
        pass

@declare_softmax()
def sharp(logits):
    return (2 * logits).logsumexp(dim=1) - 2 * logits[:, 0]

def margin(logits):
    return (1 + logits[:, 1:] - logits[:, :1]).clamp(min=0).mean(dim=1)

def sampler(counts, negatives):
    COUNTS.append(negatives)
    return uniform(counts, negatives)

READOUT = LSE
NUMBER = 3
"""


@pytest.fixture
def module(request, tmp_path, monkeypatch):
    """Write a module and a second one that it imports into the working folder; yield its name."""
    name = f"external_{abs(hash(request.node.name))}"
    (tmp_path / f"{name}.py").write_text(MODULE.format(neighbour=f"{name}_neighbour"))
    (tmp_path / f"{name}_neighbour.py").write_text("")
    monkeypatch.chdir(tmp_path)
    yield name
    for other in [other for other in sys.modules if other.startswith(name)]:
        del sys.modules[other]


@pytest.fixture(scope="module")
def world():
    dataset = small_dataset()
    return dataset, split_by_user(dataset)


def test_a_module_of_the_working_folder_is_imported_and_the_path_is_restored(module, tmp_path):
    before = list(sys.path)
    kind = resolve("extractor", f"{module}:Newest", EXTRACTORS, subclass_of=Extractor)
    assert issubclass(kind, Extractor)
    assert sys.path == before
    assert str(tmp_path) not in sys.path


def test_an_installed_module_has_priority_over_a_file_of_the_same_name(tmp_path, monkeypatch):
    (tmp_path / "fractions.py").write_text("raise RuntimeError")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "fractions", raising=False)
    assert resolve("number", "fractions:Fraction", {})(1, 2) == 0.5


def test_an_external_extractor_is_trained_and_named_in_the_artifact(module, world, tmp_path):
    dataset, split = world
    config = RunConfig(extractor=f"{module}:Newest", dim=8, options={"scale": 2.0})
    trained = fit(split, dataset.catalog, config, TrainConfig(epochs=1, device="cpu"))
    model = trained.recommender.model
    assert trained.settings["interests"] == 1
    assert repr(model.extractor) == "Newest(dim=8, interests=1, max_len=50, scale=2.0)"
    save(trained.recommender, tmp_path / "artifact")
    manifest = json.loads((tmp_path / "artifact" / "manifest.json").read_text())
    assert manifest["extractor"]["class"] == f"{module}:Newest"
    loaded = load(tmp_path / "artifact", extractor=type(model.extractor))
    history = [dataset.catalog.items.external([3])[0]]
    assert loaded.recommend(history, 5) == trained.recommender.recommend(history, 5)


def test_an_external_loss_readout_and_sampler_are_used_in_training(module, world):
    dataset, split = world
    config = RunConfig(
        extractor="sa", dim=8, loss=f"{module}:sharp", readout=f"{module}:READOUT",
        sampler=f"{module}:sampler", negatives=12,
    )  # fmt: skip
    trained = fit(split, dataset.catalog, config, TrainConfig(epochs=1, device="cpu"))
    assert sys.modules[module].COUNTS == [12]
    assert torch.isfinite(trained.recommender.model.item_vectors()).all()
    objective = build_objective(
        RunConfig(loss=f"{module}:margin", readout="lse", sampler="uniform", negatives=0),
        torch.ones(5),
    )
    assert not losses.is_softmax(objective.loss)
    assert losses.is_softmax(resolve("loss", f"{module}:sharp", losses.LOSSES))


@pytest.mark.parametrize("targets", ["all", "random"])
def test_a_sampler_gets_the_counts_of_targets_if_they_are_not_those_of_events(
    targets, world, monkeypatch
):
    found = []

    def own(counts, negatives, *, target_counts=None):
        found.append(target_counts)
        return SAMPLERS["in_batch"](counts, negatives, target_counts=target_counts)

    monkeypatch.setitem(SAMPLERS, "own", own)
    dataset, split = world
    config = RunConfig(extractor="mean", dim=4, sampler="own", negatives=12)
    training = TrainConfig(steps=1, device="cpu", targets=targets)
    fit(split, dataset.catalog, config, training)
    if targets == "all":
        assert found == [None]
    else:  # one target per user of several events
        assert found[0].sum().item() == pytest.approx((split.train.lengths > 1).sum())


@pytest.mark.parametrize(("name", "error", "sentence"), [
    ("missing_module:Newest", UnknownName, "there is no module 'missing_module', neither"),
    ("missing.module:Newest", UnknownName, "there is no module 'missing.module', neither"),
    ("not a module:Newest", UnknownName, "there is no module 'not a module', neither"),
    (":Newest", UnknownName, "there is no module '', neither"),
    ("{module}:Newst", UnknownName, "has no 'Newst'; check the spelling. Did you mean 'Newest'?"),
    ("{module}:", UnknownName, "has no ''; check the spelling."),
    ("{module}", UnknownName, "No extractor named"),
    ("{module}:NoExtractor", ConfigError, "is not a subclass of Extractor; derive the class from"),
    ("{module}:NUMBER", ConfigError, "is not a subclass of Extractor"),
    ("{module}:NoForward", ConfigError, "cannot be built: .*abstract"),
    ("{module}_broken:Newest", ConfigError, "raises ZeroDivisionError when it is imported"),
    ("{module}_syntax:Newest", ConfigError, "raises SyntaxError when it is imported"),
    ("{module}_import:Newest", ConfigError, "raises ModuleNotFoundError .*'not_installed'"),
])  # fmt: skip
def test_the_error_of_an_unusable_extractor_is_one_sentence(
    module, world, tmp_path, name, error, sentence
):
    (tmp_path / f"{module}_broken.py").write_text("1 / 0")
    (tmp_path / f"{module}_syntax.py").write_text("class:")
    (tmp_path / f"{module}_import.py").write_text("import not_installed")
    dataset, split = world
    config = RunConfig(extractor=name.format(module=module), dim=8)
    with pytest.raises(error, match=sentence) as caught:
        fit(split, dataset.catalog, config, TrainConfig(epochs=1, device="cpu"))
    assert isinstance(caught.value, PrismrecError)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith((".", "?"))


class Stepped:
    def __init__(
        self, *, dim: int, step: int = 1, rate: float = 1.0, on: bool = False,
        name: str = "", kind: Literal["new", "old"] = "new", size: int | None = None, free=0,
    ):  # fmt: skip
        pass


@pytest.mark.parametrize(("options", "sentence"), [
    ({"step": "abc"}, "step is 'abc', but it must be a whole number."),
    ({"step": 2.5}, "step is 2.5, but it must be a whole number."),
    ({"step": True}, "step is True, but it must be a whole number."),
    ({"step": None}, "step is None, but it must be a whole number."),
    ({"rate": "abc"}, "rate is 'abc', but it must be a finite number."),
    ({"on": 1}, "on is 1, but it must be true or false."),
    ({"name": 3}, "name is 3, but it must be a text."),
    ({"kind": "odd"}, "kind is 'odd', but it must be 'new' or 'old'."),
    ({"size": "abc"}, "size is 'abc', but it must be a whole number or null."),
])  # fmt: skip
def test_an_option_of_another_type_than_its_annotation_is_refused(options, sentence):
    with pytest.raises(ConfigError) as caught:
        build("part", "stepped", {"stepped": Stepped}, options, dim=2)
    assert str(caught.value) == sentence


def test_options_of_the_types_of_their_annotations_are_accepted():
    options = {"step": np.int64(2), "rate": 1, "on": True, "kind": "old", "size": None, "free": []}
    assert isinstance(build("part", "stepped", {"stepped": Stepped}, options, dim=2), Stepped)


@pytest.mark.parametrize(("extractor", "name", "value"), [
    ("sa", "hidden", 2.5), ("mind", "seed", "abc"), ("prism", "clusters", "abc"),
])  # fmt: skip
def test_the_options_of_extractors_are_compared_with_their_annotations(extractor, name, value):
    with pytest.raises(ConfigError, match=f"{name} is {value!r}, but it must be a whole number"):
        build("extractor", extractor, EXTRACTORS, {name: value}, dim=8, interests=1, max_len=5)


def test_a_setting_of_the_run_is_no_option_of_the_extractor():
    sizes = {"dim": 8, "interests": 2, "max_len": 5}
    for name in sizes:
        flag = name.replace("_", "-")
        with pytest.raises(ConfigError, match=f"setting of the whole run; set {name}.* --{flag}"):
            build("extractor", "sa", EXTRACTORS, {name: 3}, **sizes)
    with pytest.raises(ConfigError, match=r"Options: hidden, bias, positions\."):
        build("extractor", "sa", EXTRACTORS, {"absent": 3}, **sizes)


@pytest.mark.parametrize(("setting", "sentence"), [
    ({"loss": "{module}:NUMBER"}, "The loss .* of type int; name a function"),
    ({"sampler": "{module}:NUMBER"}, "The sampler .* of type int; name a function"),
    ({"readout": "{module}:NUMBER"}, "The readout .* of type int; name an object of type"),
])  # fmt: skip
def test_a_part_of_the_wrong_type_is_refused(module, setting, sentence):
    options = {"readout": "lse", "sampler": "uniform", "negatives": 2}
    options |= {name: value.format(module=module) for name, value in setting.items()}
    with pytest.raises(ConfigError, match=sentence):
        build_objective(RunConfig(**options), torch.ones(5))


def test_only_losses_declared_as_softmax_count_as_softmax():
    declared = {name: losses.is_softmax(loss) for name, loss in losses.LOSSES.items()}
    assert declared == {
        "softmax": True, "bce": False, "gbce": False, "bpr": False, "hard_negatives": True,
    }  # fmt: skip
    assert [name for name, loss in losses.LOSSES.items() if losses.is_chunked(loss)] == ["softmax"]

    @declare_softmax(chunked=True)
    def mine(logits):
        return losses.softmax(logits)

    assert losses.is_softmax(mine)
    assert losses.is_chunked(mine)


def test_a_class_and_its_name_are_accepted_in_the_same_places(module, world, tmp_path):
    name = f"{module}:Newest"
    extractor = resolve("extractor", name, {})
    config = RunConfig(extractor=extractor, dim=4, interests=1, max_len=6)
    dataset, split = world
    trained = fit(split, dataset.catalog, config, TrainConfig(steps=2))
    assert trained.settings["extractor"] == name
    save(trained.recommender, tmp_path / "a", about={"run": trained.settings})
    for given in (extractor, name):
        assert isinstance(load(tmp_path / "a", extractor=given).model.extractor, extractor)
    with pytest.raises(ConfigError, match=r"of type Newest was .*; give its class, Newest\."):
        load(tmp_path / "a", extractor=extractor(dim=4, interests=1, max_len=6))
    with pytest.raises(ConfigError, match="is not a subclass of Extractor"):
        load(tmp_path / "a", extractor=f"{module}:NUMBER")
    with pytest.raises(ConfigError, match="is not a subclass of Index"):
        load(tmp_path / "a", extractor=name, index=name)
