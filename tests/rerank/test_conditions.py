"""Read conditions and boosts from texts, and refuse those that cannot work."""

import json
from contextlib import suppress
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismrec.errors import ConfigError
from prismrec.rerank import MOST_VALUES, Boost, Condition, Filter, ListOptions
from prismrec.rerank.condition_text import parse_boost, parse_conditions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("price<50", [{"attribute": "price", "min": 50, "negated": True}]),
        ("price <= 50", [{"attribute": "price", "max": 50}]),
        ("price>-1e2", [{"attribute": "price", "max": -100, "negated": True}]),
        ("not age_limit>=18", [{"attribute": "age_limit", "min": 18, "negated": True}]),
        ("not price<50", [{"attribute": "price", "min": 50}]),
        ("region in DE,AT", [{"attribute": "region", "any_of": ("DE", "AT")}]),
        ("not region in New York , AT",
         [{"attribute": "region", "any_of": ("New York", "AT"), "negated": True}]),
        ("size in 38,\"40\"", [{"attribute": "size", "any_of": (38.0, "40")}]),
        ("sale=TRUE", [{"attribute": "sale", "equals": True}]),
        ("brand != Acme", [{"attribute": "brand", "equals": "Acme", "negated": True}]),
        ("price missing", [{"attribute": "price", "missing": "only"}]),
        ("not price missing", [{"attribute": "price"}]),
        ("age<18 or missing",
         [{"attribute": "age", "min": 18, "negated": True, "missing": "include"}]),
        ("price<50 and stock>=1 and sale=false",
         [{"attribute": "price", "min": 50, "negated": True}, {"attribute": "stock", "min": 1},
          {"attribute": "sale", "equals": False}]),
        ("\"price (EUR)\">=5", [{"attribute": "price (EUR)", "min": 5}]),
        ("brand=\"a \\\"b\\\" and \\\\c\"", [{"attribute": "brand", "equals": 'a "b" and \\c'}]),
        ("brand=nan", [{"attribute": "brand", "equals": "nan"}]),
        ("brand=C++ (new)!", [{"attribute": "brand", "equals": "C++ (new)!"}]),
    ],
)  # fmt: skip
def test_a_text_gives_these_conditions(text, expected):
    assert parse_conditions(text) == tuple(Condition(**one) for one in expected)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "price", "<50", "price<", "price<a", "price<true", 'price<"5"', "price==5",
        "price<5 or", "price<5 or sale=true", "not not price<5", "and", "price<5 and", "in DE",
        "price in", "price in 1,", "price in ,1", 'brand="a', "brand = a b = c", '"a" b=c',
        "(a=b)<1",
        "price<50; import os", "__import__('os')", "missing", "not missing",
    ],
)  # fmt: skip
def test_another_text_is_an_error_of_one_sentence(text):
    sentence = "is no condition; write for example price<50|which is no number; give a number"
    with pytest.raises(ConfigError, match=sentence):
        parse_conditions(text)


@given(st.text(max_size=40))
def test_any_text_gives_conditions_or_an_error(text):
    with suppress(ConfigError):
        assert all(isinstance(one, Condition) for one in parse_conditions(text))


def test_long_texts_and_lists_are_refused_at_once():
    with pytest.raises(ConfigError, match="200,001 characters"):
        parse_conditions("a=" + "b" * 199_999)
    with pytest.raises(ConfigError, match=f"at most {MOST_VALUES:,}"):
        Condition(attribute="a", any_of=range(MOST_VALUES + 1))
    with pytest.raises(ConfigError, match="51 conditions"):
        Filter(where=[Condition(attribute="a")] * 51)
    boost = Boost(where=[Condition(attribute="a")], factor=2)
    with pytest.raises(ConfigError, match="6 boosts"):
        ListOptions(boosts=[boost] * 6)
    with pytest.raises(ConfigError, match="is no condition"):
        parse_conditions("not " * 20_000 + "a=b")


@pytest.mark.parametrize(
    "fields",
    [
        {"attribute": ""}, {"attribute": 5}, {"min": float("nan")}, {"max": float("inf")},
        {"min": 10**400}, {"min": "5"}, {"min": True}, {"min": 2, "max": 1}, {"equals": [1]},
        {"equals": float("nan")}, {"any_of": "DE"}, {"any_of": [None]}, {"any_of": 5},
        {"equals": 1, "any_of": [1]}, {"min": 1, "equals": 1}, {"negated": True},
        {"missing": "include"}, {"missing": "only", "min": 1}, {"missing": "only", "negated": True},
        {"missing": "yes"}, {"missing": np.array(["only", "include"])},
        {"max": 5, "negated": "no"}, {"max": 5, "negated": []}, {"max": 5, "negated": 1},
    ],
)  # fmt: skip
def test_an_impossible_condition_is_an_error(fields):
    with pytest.raises(ConfigError):
        Condition(**{"attribute": "a", **fields})


@pytest.mark.parametrize("factor", [0, -1, 1001, 0.0001, float("nan"), "2", True, 10**400])
def test_an_impossible_factor_is_an_error(factor):
    with pytest.raises(ConfigError):
        Boost(where=[Condition(attribute="a")], factor=factor)


def test_boosts_are_read_from_texts():
    expected = Boost(where=parse_conditions("price<50 and sale=true"), factor=0.5)
    assert parse_boost("0.5: price<50 and sale=true") == expected
    for wrong in ("price<50", ": a=b", "2", "2:", "x: a=b", "nan: a=b"):
        with pytest.raises(ConfigError):
            parse_boost(wrong)
    with pytest.raises(ConfigError, match="no condition"):
        Boost(where=[], factor=2)


def test_other_values_than_conditions_are_refused():
    condition = Condition(attribute="a")
    with pytest.raises(ConfigError, match="no Condition"):
        Filter(where=["price<50"])
    with pytest.raises(ConfigError, match="give a list of Condition"):
        Filter(where=condition)
    with pytest.raises(ConfigError, match="give a list of Condition"):
        Boost(where=(one for one in [condition]), factor=2)
    with pytest.raises(ConfigError, match="give a list of Boost"):
        ListOptions(boosts=Boost(where=[condition], factor=2))
    with pytest.raises(ConfigError, match="'2: a=b', which is no Boost"):
        ListOptions(boosts=["2: a=b"])


def test_a_limit_that_is_no_number_is_named():
    with pytest.raises(ConfigError, match=r"compares by >= with '2024-02-01', which is no number"):
        parse_conditions("added>=2024-02-01")


def test_numbers_of_numpy_and_pandas_are_stored_as_those_of_python():
    conditions = [
        Condition(attribute="a", max=np.int64(5)),
        Condition(attribute="a", equals=np.bool_(True)),
        Condition(attribute="a", any_of=np.array([1.5, 2])),
        Condition(attribute="a", any_of=pd.Series([1, 2]), negated=np.bool_(True)),
    ]
    written = json.loads(json.dumps([asdict(one) for one in conditions]))
    assert [one["max"] for one in written] == [5, None, None, None]
    assert [one["any_of"] for one in written] == [None, None, [1.5, 2], [1, 2]]
    assert written[1]["equals"] is written[3]["negated"] is True
    assert type(Boost(where=conditions, factor=np.float32(5)).factor) is float


@pytest.mark.parametrize("values", ["DE", {"DE": 1}, np.array(5), np.ones((2, 2)), iter(["DE"])])
def test_values_that_are_no_list_are_refused(values):
    with pytest.raises(ConfigError, match=r"any_of = .*; give a list of values|compares with"):
        Condition(attribute="a", any_of=values)
