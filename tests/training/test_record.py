"""Test the record of a run in a recommender, and in the manifest of its artifact."""

import json
import tomllib
from dataclasses import replace

import pytest

from prismrec.data.split import split_by_user
from prismrec.recommend.artifact import load, save
from prismrec.recommend.manifest import MANIFEST
from prismrec.training import RunConfig, TrainConfig, fit
from worlds import small_dataset

RULES = {"dislikes": "rating<=2", "dislikes_by": "value"}


@pytest.fixture(scope="module")
def world():
    """Return a data set with rules of dislikes, and its split."""
    dataset = small_dataset()
    dataset = replace(dataset, how={**dataset.how, "weighting": RULES})
    return dataset, split_by_user(dataset, seed=3)


@pytest.fixture(scope="module")
def trained(world):
    dataset, split = world
    config = RunConfig(dim=8, interests=1, rules=False, forming=True)
    return fit(split, dataset.catalog, config, TrainConfig(steps=2))


def about_of(folder):
    return json.loads((folder / MANIFEST).read_text())["about"]


def test_a_saved_recommender_states_its_data_set_split_rules_and_settings(world, trained, tmp_path):
    dataset, split = world
    save(trained.recommender, tmp_path / "a")
    about = about_of(tmp_path / "a")
    assert about["dataset"] == {
        "fingerprint": dataset.fingerprint,
        "ids_fingerprint": dataset.ids_fingerprint,
        "split": split.protocol,
        "weighting": RULES,
    }
    assert about["split"] == split.how
    assert about["run"] == json.loads(json.dumps(trained.settings))
    assert about["result"]["steps"] == 2
    assert tomllib.loads((tmp_path / "a" / "run.toml").read_text())["dim"] == 8


def test_a_changed_recommender_keeps_its_record_when_it_is_saved_again(trained, tmp_path):
    save(trained.recommender, tmp_path / "a")
    names = trained.recommender.catalog.items.ids.head(2).to_list()
    changed = load(tmp_path / "a").with_hidden(names).with_rules(None)
    save(changed, tmp_path / "b", about={"report": 1})
    assert about_of(tmp_path / "b") == about_of(tmp_path / "a") | {"report": 1}
    settings = [(tmp_path / name / "run.toml").read_text() for name in ("a", "b")]
    assert settings[0] == settings[1]


def test_the_model_with_one_interest_and_more_settings_are_recorded(trained):
    single = trained.with_one_interest()
    about = single.recommender.about
    assert (single.settings["forming"], about["run"]["forming"]) == (False, False)
    assert "interests" in trained.recommender.about
    removed = {"interests", "advice", "popularity", "validation"}
    assert about.keys() == trained.recommender.about.keys() - removed
    # The training was validated with formed interests.
    assert trained.result.best is not None
    assert (single.result.best, single.result.history) == (None, [])
    assert about["result"] == trained.recommender.about["result"] | {"validation": None}
    assert trained.with_settings({"seen": 1}).recommender.about["run"]["seen"] == 1


def test_a_split_that_no_protocol_made_states_no_data_set(world):
    dataset, split = world
    by_hand = replace(split, protocol=None, dataset=None)
    about = fit(by_hand, dataset.catalog, RunConfig(dim=8), TrainConfig(steps=1)).recommender.about
    assert "dataset" not in about
    assert about["run"]["dim"] == 8


@pytest.mark.parametrize("part", ["train", "valid", "dataset"])
def test_a_split_whose_parts_were_replaced_states_no_data_set(world, part):
    dataset, split = world
    assert split.is_unchanged
    assert replace(split, test=[]).is_unchanged
    parts = {"train": dataset.histories, "valid": split.test, "dataset": small_dataset()}
    replaced = replace(split, **{part: parts[part]})
    assert not replaced.is_unchanged
    assert not replace(replaced, test=[]).is_unchanged
    config = RunConfig(dim=8, rules=False, forming=False)
    about = fit(replaced, dataset.catalog, config, TrainConfig(steps=1)).recommender.about
    assert "dataset" not in about
    assert about["split"] == f"{split.how}; its parts were replaced"
