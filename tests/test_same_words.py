"""Check that list options have the same names in Python, in commands, over HTTP and in docs."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from prismrec.cli._options import ListFlags
from prismrec.rerank import (
    RERANKERS,
    Boost,
    Condition,
    Diversity,
    Filter,
    InterestOptions,
    ListOptions,
)
from prismrec.service.conditions import BoostIn, ConditionIn
from prismrec.service.responses import ServedAnswer
from prismrec.service.schemas import InterestOptionsIn, RecommendRequest

HTTP = Path(__file__).parents[1] / "docs" / "http.md"
# The parts of these two options are separate flags and fields.
PARTS = {"diversity": Diversity, "filter": Filter, "interests": InterestOptions}
FLAG_OF = {"strength": "diversity", "target": "diversity_target"}
"""Parts whose word outside Python is another one, since it has no ``Diversity(...)`` around it."""
INTEREST_FLAGS = {
    "mix": "mix",
    "weights": "interest_weight",
    "minimum": "interest_minimum",
    "added": "add_interest",
}
"""The flags of the parts of ``InterestOptions``; over HTTP they are the fields of one object."""
REQUEST_ONLY = {"user", "history", "offset", "length", "comparison"}
REQUEST_ONLY |= {"explain", "frontier", "mix_frontier"}


def names(value):
    return {field.name for field in fields(value)}


def words():
    """Return the name of each option outside Python, by its path in ``ListOptions``."""
    found = {}
    for option in names(ListOptions):
        for part in names(PARTS[option]) if option in PARTS else [None]:
            found[option, part] = FLAG_OF.get(part, part) or option
    return found


def flags():
    """Return the name of the flag of each option, by its path in ``ListOptions``."""
    return {(o, p): INTEREST_FLAGS[p] if o == "interests" else w for (o, p), w in words().items()}


def request_fields():
    """Return the name of the field of each option, by its path in ``ListOptions``."""
    return {(o, p): f"interests.{p}" if o == "interests" else w for (o, p), w in words().items()}


def section(name):
    """Return the text between a marker of docs/http.md and its end."""
    return HTTP.read_text(encoding="utf-8").split(f"<!-- {name} -->")[1].split("<!-- end -->")[0]


def rows(name):
    """Return the cells of the rows of a table."""
    lines = [line for line in section(name).splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_command_line_flags_match_the_options():
    assert names(ListFlags) == set(flags().values())


def test_request_fields_match_the_options():
    outer = {field.partition(".")[0] for field in request_fields().values()}
    assert set(RecommendRequest.model_fields) == outer | REQUEST_ONLY
    inner = {field for field in request_fields().values() if "." in field}
    assert {f"interests.{name}" for name in InterestOptionsIn.model_fields} == inner


def test_the_table_lists_every_option_once():
    table = {}
    for python, flag, field, *_ in rows("list options"):
        option = re.match(r"`(\w+)", python)[1]
        inner = re.search(r"(?:Diversity|Filter|InterestOptions)\((\w+)=", python)
        table[option, inner and inner[1]] = (flag.strip("`"), field.strip("`"))
    assert table == {
        path: ("-k" if word == "k" else "--" + word.replace("_", "-"), request_fields()[path])
        for path, word in flags().items()
    }


def test_the_table_has_the_defaults():
    default = {row[2].strip("`"): row[4].strip("`") for row in rows("list options")}
    options = ListOptions()
    for name in ("k", "rerank"):
        assert default[name] == str(getattr(options, name)), name
    assert default["exclude_seen"] == str(options.exclude_seen).lower()
    assert default["diversity"] == f"{options.diversity.strength:g}"
    for made in (ListFlags(), RecommendRequest(history=[])):
        assert (made.k, made.rerank, made.exclude_seen) == (20, "category", True)


def test_the_table_names_every_re_ranker():
    meaning = next(row[3] for row in rows("list options") if row[2] == "`rerank`")
    assert set(re.findall(r"`([a-z]+)`", meaning)) == set(RERANKERS)


def test_the_other_fields_of_a_request_are_documented():
    assert {row[0].strip("`") for row in rows("request")} == REQUEST_ONLY


def test_the_example_answer_has_all_fields():
    example = json.loads(section("answer").split("```json")[1].split("```")[0])
    schema = TypeAdapter(ServedAnswer).json_schema(mode="serialization")
    definitions = schema["$defs"]

    def check(value, shape):
        for choice in (shape, *shape.get("anyOf", [])):
            target = definitions[choice["$ref"].split("/")[-1]] if "$ref" in choice else choice
            if "properties" in target and isinstance(value, dict):
                assert set(value) == set(target["properties"])
                for name, inner in target["properties"].items():
                    check(value[name], inner)
            for one in value if isinstance(value, list) and "items" in target else ():
                check(one, target["items"])

    check(example, schema)
    assert TypeAdapter(ServedAnswer).validate_python(example).artifact == "3f9a0c51d2e7"


@pytest.mark.parametrize("one", [RecommendRequest, ListFlags])
def test_the_same_names_build_the_same_options(one):
    made = {
        "k": 7,
        "diversity_target": 0.5,
        "exclude_seen": False,
        "categories": ["a", "b"],
        "rerank": "category",
    }
    if one is RecommendRequest:
        request = one(history=[], blocked=["x", "y"], allowed=["z"], **made)
    else:
        request = one(blocked="x,y", allowed="z", **made | {"categories": ("a", "b")})
    options = request.options
    assert options == ListOptions(
        k=7,
        diversity=Diversity(target=0.5),
        exclude_seen=False,
        filter=Filter(
            blocked=options.filter.blocked,
            allowed=options.filter.allowed,
            categories=options.filter.categories,
        ),
    )
    parts = [list(part) for part in vars(options.filter).values()]
    assert parts == [["x", "y"], ["z"], ["a", "b"], []]


def test_conditions_and_boosts_are_the_same_in_texts_and_requests():
    flags = ListFlags(
        where=("price<50 and region in DE,AT", "not age>=18 or missing"), boosts=("2: sale=true",)
    )
    request = RecommendRequest(
        history=[],
        where=[
            {"attribute": "price", "min": 50, "negated": True},
            {"attribute": "region", "any_of": ["DE", "AT"]},
            {"attribute": "age", "min": 18, "negated": True, "missing": "include"},
        ],
        boosts=[{"where": [{"attribute": "sale", "equals": True}], "factor": 2}],
    )
    assert flags.options == request.options
    assert names(Condition) == set(ConditionIn.model_fields)
    assert names(Boost) == set(BoostIn.model_fields)
