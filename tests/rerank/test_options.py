"""A value of another type is refused where the options are made, in one sentence."""

import json
from copy import deepcopy
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from copies import pickled
from prismrec.errors import ConfigError
from prismrec.rerank import (
    AddedInterest,
    Boost,
    Condition,
    Diversity,
    Filter,
    InterestOptions,
    ListOptions,
    check_strength,
)

WAR = AddedInterest(category="War")


@pytest.mark.parametrize("k", [2.5, 5.0, True, "5", None, [5]])
def test_a_length_must_be_a_whole_number(k):
    with pytest.raises(ConfigError, match=r"^k is .*, but must be the length of a list"):
        ListOptions(k=k)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"filter": None}, "filter is None, but must be a Filter"),
        ({"filter": {"blocked": ["a"]}}, r"filter is {'blocked': \['a'\]}, but must be a Filter"),
        ({"interests": None}, "interests is None, but must be an InterestOptions"),
        ({"interests": "shares"}, "interests is 'shares', but must be an InterestOptions"),
        ({"rerank": 3}, "rerank is 3, but must be a text; write the name of a re-ranker"),
        ({"rerank": None}, "rerank is None, but must be a text"),
        ({"exclude_seen": "no"}, "exclude_seen is 'no', but must be True or False"),
        ({"exclude_seen": 0}, "exclude_seen is 0, but must be True or False"),
        ({"diversity": True}, "The diversity strength, λ, is True"),
        ({"diversity": np.array([0.1])}, r"The diversity strength, λ, is \[0\.1\]"),
    ],
)
def test_a_field_of_another_type_is_refused(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        ListOptions(**options)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"minimum": {1: 2.5}}, "The minimum of interest 1 is 2.5; give a whole number"),
        ({"minimum": {1: "2"}}, "The minimum of interest 1 is '2'"),
        ({"minimum": {1: True}}, "The minimum of interest 1 is True"),
        ({"minimum": {-1: 2}}, "The interest -1 is not the number of one"),
        ({"minimum": 2}, "minimum is 2, but must be by number of interest"),
        ({"weights": {-1: 0}}, "The interest -1 is not the number of one"),
        ({"weights": {True: 0}}, "The interest True is not the number of one"),
        ({"weights": {1: True}}, "The weight of interest 1 is True"),
        ({"weights": [1, 2]}, r"weights is \[1, 2\], but must be by number of interest"),
        ({"added": "War"}, "added is 'War', but must be a list of AddedInterest"),
        ({"added": ["War"]}, "An interest in added is 'War'"),
        ({"added": WAR}, "added is of type AddedInterest, but must be a list"),
        ({"added": iter([WAR])}, "added is of type list_iterator, but must be a list"),
    ],
)
def test_options_of_interests_of_another_type_are_refused(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        InterestOptions(**options)


@pytest.mark.parametrize("source", [{"category": 3}, {"item": 3}, {"item": ["3"]}])
def test_the_source_of_an_added_interest_is_a_text(source):
    with pytest.raises(ConfigError, match=r"of an added interest is .*3.*, but must be a text"):
        AddedInterest(**source)


@pytest.mark.parametrize("share", [True, "0.5", [0.5]])
def test_a_diversity_target_is_a_number(share):
    with pytest.raises(ConfigError, match="The diversity target is"):
        Diversity(target=share)


def test_numbers_of_numpy_are_accepted():
    one = np.int64(1)
    interests = InterestOptions(
        weights={one: np.float32(0.5), np.int8(2): one}, minimum={one: one}, added=[WAR]
    )
    options = ListOptions(
        k=np.int32(5), diversity=np.float64(0.5), exclude_seen=np.bool_(False), interests=interests
    )
    assert options.k == 5
    assert ListOptions(diversity=Diversity(target=np.float64(0.5)), filter=Filter()).k == 20


def test_a_diversity_of_numpy_causes_no_warning():
    assert type(ListOptions(diversity=np.float32(0.2)).diversity.strength) is float  # warnings fail
    check_strength(np.float32(0.2))


def test_ids_in_arrays_are_stored_as_tuples():
    one = Filter(
        blocked=np.array(["a", "b"]), allowed=pd.Series(["a"]), categories=np.array(["War"])
    )
    assert one == Filter(blocked=["a", "b"], allowed=("a",), categories=["War"])
    assert hash(one)
    assert {type(name) for name in (*one.blocked, *one.allowed, *one.categories)} == {str}
    assert ListOptions(dislikes=np.array(["a", "b"])).dislikes == ("a", "b")


@pytest.mark.parametrize("name", ["blocked", "allowed", "categories"])
@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("abc", r"ids are the text 'abc', but must be a list; write \['abc'\]"),
        (iter(["a"]), "which can be read only once"),
        ([3], "id 3 is of type int"),
    ],
)
def test_ids_of_a_filter_are_a_list_of_texts(name, value, sentence):
    with pytest.raises(ConfigError, match=sentence):
        Filter(**{name: value})


def test_lists_are_stored_as_tuples():
    where = Condition(attribute="price", max=5)
    boost = Boost(where=[where], factor=2)
    assert boost == Boost(where=(where,), factor=2)
    assert hash(boost)
    assert ListOptions(boosts=[boost]) == ListOptions(boosts=(boost,))
    added = [AddedInterest(category="War")]
    assert InterestOptions(added=added) == InterestOptions(added=tuple(added))
    changed = ListOptions(boosts=(boosts := [boost]))
    boosts.clear()
    assert changed.boosts == (boost,)


@pytest.mark.parametrize(
    "change",
    [
        lambda weights: weights.update({1: 0}),
        lambda weights: weights.__setitem__(1, 0),
        lambda weights: weights.__delitem__(2),
        lambda weights: weights.__ior__({1: 0}),
        lambda weights: weights.setdefault(1, 0),
        lambda weights: weights.pop(2),
        lambda weights: weights.popitem(),
        lambda weights: weights.clear(),
    ],
)
@pytest.mark.parametrize(
    "options", [InterestOptions(), InterestOptions(weights={2: 3.0}, minimum={2: 1})]
)
def test_mappings_of_options_cannot_be_changed(options, change):
    before = replace(options)
    for mapping in (options.weights, options.minimum):
        with pytest.raises(TypeError, match="options are checked once and cannot be changed"):
            change(mapping)
    assert options == before
    assert ListOptions().interests == InterestOptions(weights={}, minimum={})


def test_mappings_of_options_are_copied_pickled_and_written_as_json():
    given = {2: 3.0}
    options = InterestOptions(weights=given, minimum={2: 1})
    given[2] = -1.0
    assert options.weights == {2: 3.0}
    for other in (pickled(options), deepcopy(options), replace(options)):
        assert other == options
        assert repr(other.weights) == "{2: 3.0}"
        with pytest.raises(TypeError):
            other.weights[2] = -1.0
    assert json.loads(json.dumps(asdict(options)))["weights"] == {"2": 3.0}
