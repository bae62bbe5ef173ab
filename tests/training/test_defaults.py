"""Check default settings. They depend on the extractor and the data and never replace a flag."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from prismrec.data.cases import Case
from prismrec.data.catalog import Catalog
from prismrec.data.histories import Histories
from prismrec.data.ids import IdMap
from prismrec.data.split import Split
from prismrec.errors import ConfigError, UnknownName
from prismrec.training import TrainConfig
from prismrec.training.build import build_model, shared_categories
from prismrec.training.defaults import (
    DatasetStats,
    dataset_stats,
    describe_defaults,
    has_repeated_items,
    resolve_defaults,
)
from prismrec.training.run_config import RunConfig

SPARSE = DatasetStats(
    items=12_000,
    events=99_000,
    dense=False,
    multi_step_targets=True,
    has_repeats=True,
    categories=True,
)
DENSE = DatasetStats(
    items=1_600,
    events=80_000,
    dense=True,
    multi_step_targets=False,
    has_repeats=False,
    categories=False,
)


def catalog_of(*categories):
    """Return a catalog with one item per row of categories."""
    names = [str(number) for number in range(len(categories))]
    return Catalog(
        items=IdMap(names, first=1, kind="item"),
        titles=pl.Series(names, dtype=pl.String),
        category_names=["a", "b"],
        category_indptr=np.cumsum([0, 0, *map(len, categories)]),
        category_ids=np.array([c for row in categories for c in row], dtype=np.int32),
        count=np.ones(len(names) + 1, dtype=np.int64),
    )


def split_of(events, targets):
    case = Case(np.array([1, 2]), np.array(targets))
    return Split(Histories.of([[1] * events]), [case], [], "")


def test_statistics_come_from_training_events_and_validation_targets():
    found = dataset_stats(split_of(75, [3]), catalog_of([0], [0, 1], []))
    assert found == DatasetStats(
        items=3, events=75, dense=True, multi_step_targets=False, has_repeats=True, categories=True
    )
    found = dataset_stats(split_of(74, [3, 1]), catalog_of([0], [1], []))
    assert found == DatasetStats(
        items=3, events=74, dense=False, multi_step_targets=True, has_repeats=True, categories=False
    )


@pytest.mark.parametrize(
    ("events", "epochs"),
    [(0, 8), (100_000, 8), (12_500_000, 8), (13_000_000, 7), (16_000_000, 6), (10**9, 1)],
)
def test_many_events_have_fewer_epochs_but_at_least_one(events, epochs):
    _, training = resolve_defaults(RunConfig(), TrainConfig(), replace(SPARSE, events=events))
    assert training.epochs == epochs
    _, training = resolve_defaults(
        RunConfig(), TrainConfig(epochs=5), replace(SPARSE, events=events)
    )
    assert training.epochs == 5


def test_repeated_items_are_counted_only_within_one_history():
    assert not has_repeated_items(Histories.of([[1, 2], [2, 1], [], [1]]))
    assert has_repeated_items(Histories.of([[1, 2], [3, 1, 3]]))


def test_without_options_prism_is_configured_from_the_data():
    config, training = resolve_defaults(RunConfig(), TrainConfig(), SPARSE)
    assert (config.extractor, config.readout, config.init) == ("prism", "mixture", "cooccurrence")
    assert (config.interests, config.exclude_seen, config.categories) == (1, False, True)
    assert config.max_len == 50
    assert (config.negatives, config.dropout, config.options) == (1024, 0.3, {"block": False})
    assert training.horizon == 0
    assert (
        resolve_defaults(RunConfig(), TrainConfig(), replace(SPARSE, multi_step_targets=False))[
            0
        ].dropout
        == 0.5
    )
    config, training = resolve_defaults(RunConfig(), TrainConfig(), DENSE)
    assert (config.interests, config.exclude_seen, config.categories) == (1, True, False)
    assert (config.max_len, config.mask_history_negatives) == (200, True)
    assert (config.negatives, config.dropout, config.options) == (400, 0.2, {"block": True})
    assert (training.horizon, training.epochs, training.learning_rate) == (1, 8, 8e-3)


@pytest.mark.parametrize("extractor", ["prism", "sa"])
def test_a_large_catalog_has_sparse_gradients_unless_every_item_is_a_negative(extractor):
    config = RunConfig(extractor=extractor)
    large = replace(SPARSE, items=100_001)
    assert (
        resolve_defaults(config, TrainConfig(), replace(SPARSE, items=100_000))[1].sparse is False
    )
    assert resolve_defaults(config, TrainConfig(), large)[1].sparse is True
    assert resolve_defaults(replace(config, negatives=0), TrainConfig(), large)[1].sparse is False
    assert resolve_defaults(config, TrainConfig(sparse=False), large)[1].sparse is False


def test_other_extractors_have_their_published_defaults():
    config, training = resolve_defaults(RunConfig(extractor="sa"), TrainConfig(), SPARSE)
    assert (config.readout, config.similarity, config.temperature) == ("lse", "cosine", 0.07)
    assert (config.init, config.tie_embeddings, config.negatives) == ("random", True, 0)
    assert (config.categories, config.max_len) == (False, 50)
    assert training == TrainConfig(sparse=False)
    assert resolve_defaults(RunConfig(extractor="gru"), TrainConfig(), SPARSE)[0].interests == 1


@pytest.mark.parametrize("given", [None, True, False])
@pytest.mark.parametrize("has_repeats", [True, False])
@pytest.mark.parametrize("dense", [True, False])
def test_with_dense_data_excluded_items_are_no_negatives_and_histories_are_long(
    dense, has_repeats, given
):
    stats = replace(SPARSE, dense=dense, has_repeats=has_repeats)
    config, _ = resolve_defaults(RunConfig(exclude_seen=given), TrainConfig(), stats)
    excluded = not has_repeats if given is None else given
    assert (config.exclude_seen, config.mask_history_negatives) == (excluded, dense and excluded)
    assert config.max_len == (200 if dense and excluded else 50)
    other, _ = resolve_defaults(RunConfig(extractor="sa", exclude_seen=given), TrainConfig(), stats)
    assert (other.exclude_seen, other.mask_history_negatives) == (excluded, False)


@pytest.mark.parametrize("mask_history_negatives", [True, False])
def test_mask_history_negatives_is_set_in_the_model(mask_history_negatives):
    config, _ = resolve_defaults(
        RunConfig(mask_history_negatives=mask_history_negatives), TrainConfig(), SPARSE
    )
    assert build_model(config, 40, 0).mask_history_negatives is mask_history_negatives


def test_max_len_depends_on_mask_history_negatives():
    for stats, given, length in ((DENSE, None, 200), (DENSE, False, 50), (SPARSE, True, 50)):
        config, _ = resolve_defaults(RunConfig(mask_history_negatives=given), TrainConfig(), stats)
        assert config.max_len == length


def test_an_unknown_index_is_an_error_before_training():
    with pytest.raises(UnknownName, match="No index"):
        resolve_defaults(RunConfig(index="foo"), TrainConfig(), DENSE)
    with pytest.raises(UnknownName, match="No index named 'foo'"):
        resolve_defaults(RunConfig(index="foo/8"), TrainConfig(), DENSE)
    with pytest.raises(ConfigError, match="write 2 or more after the slash"):
        resolve_defaults(RunConfig(index="exact/1"), TrainConfig(), DENSE)
    resolve_defaults(RunConfig(index="auto/8"), TrainConfig(), DENSE)


def test_explicit_settings_are_not_changed():
    requested = RunConfig(interests=3, readout="lse", dropout=0.0, options={"block": True})
    config, training = resolve_defaults(requested, TrainConfig(horizon=1, ema_decay=0.0), SPARSE)
    assert (config.interests, config.readout, config.dropout) == (3, "lse", 0.0)
    assert config.options == {"block": True}
    assert (training.horizon, training.ema_decay) == (1, 0.0)


def test_resolving_twice_changes_nothing():
    once = resolve_defaults(RunConfig(), TrainConfig(), SPARSE)
    assert resolve_defaults(*once, DENSE) == once


def test_describe_defaults_lists_only_chosen_settings():
    resolved, training = resolve_defaults(RunConfig(interests=3), TrainConfig(), SPARSE)
    described = describe_defaults(RunConfig(interests=3), resolved)
    assert "readout mixture, " in described
    assert "interests" not in described
    assert "horizon 0" in describe_defaults(TrainConfig(), training)
    assert describe_defaults(resolved, resolved) == ""


def test_unresolved_settings_are_refused():
    with pytest.raises(ConfigError, match="call resolve_defaults first"):
        build_model(RunConfig(), 40, 0)


def test_categories_without_common_items_are_an_error():
    assert shared_categories(catalog_of([0], [0, 1], [])).number == 1
    with pytest.raises(ConfigError, match=r"no two items .* --no-categories"):
        shared_categories(catalog_of([0], [1], []))


def test_a_sampler_that_is_set_draws_negatives_also_from_a_small_catalog():
    for sampler, negatives in ((None, 0), ("popularity", 2_048)):
        config, _ = resolve_defaults(
            RunConfig(extractor="sa", sampler=sampler), TrainConfig(), SPARSE
        )
        assert config.negatives == negatives
    config, _ = resolve_defaults(
        RunConfig(extractor="sa", sampler="uniform", negatives=0), TrainConfig(), SPARSE
    )
    assert config.negatives == 0, "the caller wants the whole catalog"


def test_clusters_of_co_occurrence_without_co_occurrence_are_refused():
    with pytest.raises(ConfigError, match="init_clusters is 3, but initial vectors are random"):
        resolve_defaults(RunConfig(extractor="sa", init_clusters=3), TrainConfig(), SPARSE)
    for name in ("init_clusters", "train_clusters"):
        with pytest.raises(ConfigError, match=f"{name} is -3; it must be from 0"):
            RunConfig(**{name: -3})


@pytest.mark.parametrize(("extractor", "interests"), [("sa", 1), ("gru", 1), ("prism", 2)])
def test_clusters_are_trained_by_an_extractor_that_can_read_them(extractor, interests):
    config = RunConfig(extractor=extractor, interests=interests, train_clusters=3)
    with pytest.raises(ConfigError, match=f"train_clusters is 3, but {extractor} with {interests}"):
        resolve_defaults(config, TrainConfig(), SPARSE)
    resolve_defaults(RunConfig(train_clusters=3), TrainConfig(), SPARSE)
