"""A run is continued only with the settings that it began with, also those of its first weights."""

from dataclasses import replace

import pytest

from prismrec.data import split_by_user
from prismrec.errors import DataError
from prismrec.training import RunConfig, TrainConfig, fit
from prismrec.training.resumed import Beginning
from worlds import small_dataset

BEGAN = RunConfig(init="cooccurrence", init_clusters=6, exclude_seen=True, forming=True)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"init": "random"}, "with init cooccurrence, but init random"),
        ({"init_clusters": 0}, "with init_clusters 6, but init_clusters 0"),
        ({"validate_on": "ndcg"}, "with validate_on recall, but validate_on ndcg"),
        ({"exclude_seen": False}, "with exclude_seen true, but exclude_seen false"),
        ({"forming": False}, "with forming true, but forming false"),
    ],
)
def test_a_run_is_not_continued_with_another_beginning(tmp_path, changed, problem):
    kept = Beginning(BEGAN, "counted within clusters", {}).as_json()
    other = Beginning(replace(BEGAN, **changed), None, {})
    with pytest.raises(DataError, match=problem):
        other.resumed(kept, tmp_path)


def test_a_run_is_not_continued_with_another_warm_start(tmp_path):
    kept = Beginning(BEGAN, "warm start", {"artifact": "abc"}).as_json()
    with pytest.raises(DataError, match="with start from abc, but start from no artifact was"):
        Beginning(BEGAN, None, {}).resumed(kept, tmp_path)


def test_what_the_run_chose_is_known_again(tmp_path):
    kept = Beginning(BEGAN, "counted within clusters", {}).as_json()
    found = Beginning(replace(BEGAN, init_clusters=None), None, {}).resumed(kept, tmp_path)
    assert found == Beginning(BEGAN, "counted within clusters", {})


def test_a_checkpoint_of_an_earlier_version_does_not_know_it(tmp_path):
    own = Beginning(replace(BEGAN, init_clusters=None), None, {})
    assert own.resumed({}, tmp_path) == own


@pytest.mark.slow
def test_a_training_is_not_continued_with_another_validation_metric(tmp_path):
    dataset = small_dataset("synthetic:many-taste?users=60&items=40&clusters=4&seed=5")
    split, training = split_by_user(dataset), TrainConfig(steps=6, validate_every=2)
    parts = {"folder": tmp_path, "training": training}
    fit(split, dataset.catalog, RunConfig(), **parts)
    with pytest.raises(DataError, match="validate_on recall, but validate_on ndcg was asked for"):
        fit(split, dataset.catalog, RunConfig(validate_on="ndcg"), **parts, resume=True)


def test_a_run_whose_folder_is_a_file_is_an_error(tmp_path):
    (tmp_path / "run").write_text("a file")
    dataset = small_dataset("synthetic:many-taste?users=60&items=40&clusters=4&seed=5")
    config = RunConfig(dim=8, rules=False, forming=False)
    with pytest.raises(DataError, match="could not be written"):
        fit(
            split_by_user(dataset), dataset.catalog, config, TrainConfig(steps=1),
            folder=tmp_path / "run",
        )  # fmt: skip
