"""What a setting is where none was given: by the extractor and the data, never against a flag."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from prismrec.data.catalog import Catalog
from prismrec.data.histories import Histories
from prismrec.data.ids import IdMap
from prismrec.data.split import Case, Split
from prismrec.errors import ConfigError, UnknownName
from prismrec.training import TrainConfig
from prismrec.training.defaults import Traits, takes_again, told, traits_of
from prismrec.training.fit import RunConfig, make_model, memberships_of, settle

SPARSE = Traits(items=12_000, dense=False, far=True, again=True, categories=True)
DENSE = Traits(items=1_600, dense=True, far=False, again=False, categories=False)


def catalog_of(*categories):
    """Give a catalog of an item for each row of categories."""
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


def test_traits_are_read_from_training_events_and_validation_targets():
    found = traits_of(split_of(75, [3]), catalog_of([0], [0, 1], []))
    assert found == Traits(items=3, dense=True, far=False, again=True, categories=True)
    found = traits_of(split_of(74, [3, 1]), catalog_of([0], [1], []))
    assert found == Traits(items=3, dense=False, far=True, again=True, categories=False)


def test_an_item_is_taken_again_only_within_one_history():
    assert not takes_again(Histories.of([[1, 2], [2, 1], [], [1]]))
    assert takes_again(Histories.of([[1, 2], [3, 1, 3]]))


def test_nothing_given_is_prism_as_the_data_is():
    config, training = settle(RunConfig(), TrainConfig(), SPARSE)
    assert (config.extractor, config.readout, config.start) == ("prism", "mixture", "cooccurrence")
    assert (config.interests, config.filter_seen, config.categories) == (2, False, True)
    assert config.max_len == 50
    assert (config.negatives, config.dropout, config.options) == (1024, 0.3, {"block": False})
    assert training.window == 0
    assert settle(RunConfig(), TrainConfig(), replace(SPARSE, far=False))[0].dropout == 0.5
    config, training = settle(RunConfig(), TrainConfig(), DENSE)
    assert (config.interests, config.filter_seen, config.categories) == (4, True, False)
    assert (config.max_len, config.strike_seen) == (200, True)
    assert (config.negatives, config.dropout, config.options) == (400, 0.2, {"block": True})
    assert (training.window, training.epochs, training.learning_rate) == (1, 8, 8e-3)


@pytest.mark.parametrize("extractor", ["prism", "sa"])
def test_a_large_catalog_is_read_sparsely_unless_every_item_is_a_negative(extractor):
    config = RunConfig(extractor=extractor)
    large = replace(SPARSE, items=100_001)
    assert settle(config, TrainConfig(), replace(SPARSE, items=100_000))[1].sparse is False
    assert settle(config, TrainConfig(), large)[1].sparse is True
    assert settle(replace(config, negatives=0), TrainConfig(), large)[1].sparse is False
    assert settle(config, TrainConfig(sparse=False), large)[1].sparse is False


def test_the_extractors_of_others_keep_theirs():
    config, training = settle(RunConfig(extractor="sa"), TrainConfig(), SPARSE)
    assert (config.readout, config.similarity, config.temperature) == ("lse", "cosine", 0.07)
    assert (config.start, config.untied, config.negatives) == ("random", False, 0)
    assert (config.categories, config.max_len) == (False, 50)
    assert training == TrainConfig(sparse=False)
    assert settle(RunConfig(extractor="gru"), TrainConfig(), SPARSE)[0].interests == 1


@pytest.mark.parametrize("given", [None, True, False])
@pytest.mark.parametrize("again", [True, False])
@pytest.mark.parametrize("dense", [True, False])
def test_dense_data_strikes_what_lists_leave_out_and_reads_far_back(dense, again, given):
    traits = replace(SPARSE, dense=dense, again=again)
    config, _ = settle(RunConfig(filter_seen=given), TrainConfig(), traits)
    left_out = not again if given is None else given
    assert (config.filter_seen, config.strike_seen) == (left_out, dense and left_out)
    assert config.max_len == (200 if dense and left_out else 50)
    other, _ = settle(RunConfig(extractor="sa", filter_seen=given), TrainConfig(), traits)
    assert (other.filter_seen, other.strike_seen) == (left_out, False)


@pytest.mark.parametrize("strike_seen", [True, False])
def test_the_model_is_told_what_to_strike(strike_seen):
    config, _ = settle(RunConfig(strike_seen=strike_seen), TrainConfig(), SPARSE)
    assert make_model(config, 40, 0).strike_seen is strike_seen


def test_a_long_history_is_read_where_dense_data_strikes_it():
    for traits, given, length in ((DENSE, None, 200), (DENSE, False, 50), (SPARSE, True, 50)):
        config, _ = settle(RunConfig(strike_seen=given), TrainConfig(), traits)
        assert config.max_len == length


def test_an_index_that_there_is_not_is_told_before_training():
    with pytest.raises(UnknownName, match="No index"):
        settle(RunConfig(index="foo"), TrainConfig(), DENSE)


def test_what_is_given_stands():
    asked = RunConfig(interests=3, readout="lse", dropout=0.0, options={"block": True})
    config, training = settle(asked, TrainConfig(window=1, average=0.0), SPARSE)
    assert (config.interests, config.readout, config.dropout) == (3, "lse", 0.0)
    assert config.options == {"block": True}
    assert (training.window, training.average) == (1, 0.0)


def test_settling_twice_changes_nothing():
    once = settle(RunConfig(), TrainConfig(), SPARSE)
    assert settle(*once, DENSE) == once


def test_what_came_of_the_rules_is_told():
    settled, training = settle(RunConfig(interests=3), TrainConfig(), SPARSE)
    said = told(RunConfig(interests=3), settled)
    assert "readout mixture, " in said
    assert "interests" not in said
    assert "window 0" in told(TrainConfig(), training)
    assert told(settled, settled) == ""


def test_settings_that_were_not_settled_make_no_model():
    with pytest.raises(ConfigError, match="not settled"):
        make_model(RunConfig(), 40, 0)


def test_categories_that_no_two_items_share_are_nothing_to_train_by():
    assert memberships_of(catalog_of([0], [0, 1], [])).number == 1
    with pytest.raises(ConfigError, match=r"no two items .* --no-categories"):
        memberships_of(catalog_of([0], [1], []))
