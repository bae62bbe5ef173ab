"""Check that comparisons are parsed and applied as data, never as code."""

import operator
from contextlib import suppress

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismrec.data.readers.comparison import OPERATORS, Comparison
from prismrec.data.readers.weighting import parse_kinds
from prismrec.errors import ConfigError

COLUMNS = st.text(
    st.characters(exclude_characters="<>=!", exclude_categories=["Z", "C"]), min_size=1
)
NUMBERS = st.floats(-1e9, 1e9).map(lambda number: f"{number:g}")
FUNCTIONS = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "=": operator.eq, "!=": operator.ne,
}  # fmt: skip


def apply(comparison, cells):
    """Return the matches and the faults of cells."""
    frame = pl.DataFrame({"cell": cells})
    matches, fault = comparison.read(pl.col("cell"), frame.schema["cell"])
    found = frame.select(matches.alias("matches"), fault.alias("fault"))
    return found["matches"].to_list(), found["fault"].to_list()


@given(COLUMNS, st.sampled_from(sorted(OPERATORS)), NUMBERS, st.sampled_from(["", " ", "\t"]))
def test_a_comparison_is_read_as_it_is_written(column, sign, number, space):
    parsed = Comparison.parse(f"{space}{column}{space}{sign}{space}{number}{space}")
    assert parsed == Comparison(column.strip(), sign, number)
    assert Comparison.parse(str(parsed)) == parsed


@given(st.text(max_size=30))
def test_any_other_text_is_a_clear_error(text):
    with suppress(ConfigError):
        parsed = Comparison.parse(text)
        assert parsed.operator in OPERATORS
        assert parsed.column in text
        assert parsed.value in text


@pytest.mark.parametrize(
    "text", ["", "rating", "<=2", "rating<=", "rating==2", "rating=<2", "rating<=two", "a<nan",
             "a>=inf", "a<1_000", "a<٣", "__import__('os')<=low"]
)  # fmt: skip
def test_wrong_comparisons_are_refused(text):
    with pytest.raises(ConfigError):
        Comparison.parse(text)


@given(
    st.sampled_from(sorted(OPERATORS)),
    st.integers(-5, 5),
    st.lists(st.integers(-5, 5), min_size=1, max_size=20),
)
@pytest.mark.slow
def test_numbers_are_compared_like_python_compares_them(sign, value, cells):
    wanted = [FUNCTIONS[sign](cell, value) for cell in cells]
    comparison = Comparison("c", sign, str(value))
    for written in (cells, [float(cell) for cell in cells], [f" {cell}.0" for cell in cells]):
        matches, faults = apply(comparison, written)
        assert matches == wanted
        assert faults == [None] * len(cells)


def test_sizes_of_bad_cells_are_faults():
    matches, faults = apply(Comparison.parse("rating<=2"), ["1", "", None, "NaN", "inf", "low"])
    assert matches == [True, False, False, False, False, False] or matches[1:] == [None] * 5
    name = "rating of a dislike is"
    assert faults == [
        None, f"{name} missing", f"{name} missing", f"{name} not a finite number",
        f"{name} not a finite number", f"{name} not a number",
    ]  # fmt: skip


def test_text_is_compared_as_text():
    cells = ["return", "Return", " return", "", None, "buy"]
    assert apply(Comparison.parse("event=return"), cells)[0] == [True, False, True] + [False] * 3
    assert apply(Comparison.parse("event!=return"), cells)[0] == [False, True, False] + [True] * 3
    assert apply(Comparison.parse("event=return"), cells)[1] == [None] * 6


def test_weights_of_kinds_are_parsed():
    assert parse_kinds("view=1, purchase=5,a=b=.5") == {"view": 1.0, "purchase": 5.0, "a=b": 0.5}
    assert parse_kinds("") == {}
    for text in ("view", "view=", "=1", "view=x", "view=1,view=2", "view=1,,buy=2", "view=nan"):
        with pytest.raises(ConfigError):
            parse_kinds(text)


@given(
    st.sampled_from(sorted(OPERATORS)),
    st.sampled_from(["2", "2.0", "-1e3", "good", "0", "x y"]),
    st.lists(
        st.sampled_from(["2", " 2 ", "2.00", "good", " good", "", "-1000", "nan", "x y", "0x2"])
        | NUMBERS | st.text(st.characters(max_codepoint=127, exclude_categories=["C"]), max_size=4),
        min_size=1, max_size=9,
    ),
)  # fmt: skip
@pytest.mark.slow
def test_one_value_matches_as_a_cell_does(sign, value, cells):
    with suppress(ConfigError):
        comparison = Comparison("c", sign, value)
        assert [comparison.matches(cell) for cell in cells] == apply(comparison, cells)[0]
        numbers = [float(n) for n in range(-3, 4)]
        assert [comparison.matches(n) for n in numbers] == apply(comparison, numbers)[0]
