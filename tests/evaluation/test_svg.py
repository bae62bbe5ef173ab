"""Test the charts: they are valid, escaped and legible."""

import math
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prismrec.evaluation.report.svg import (
    LINE,
    Line,
    apart,
    bar_chart,
    line_chart,
    log_ticks,
    scale,
    standalone,
    ticks,
)

SVG = "{http://www.w3.org/2000/svg}"
finite = st.floats(-1e6, 1e6)
HOSTILE = '</svg><script>alert("x")</script> & ]]> \'\x00\x1b'


def read(chart):
    return ElementTree.fromstring(standalone(chart))  # noqa: S314 - written by this test


def lines_of(*lines, log_x=False):
    return line_chart(
        [Line(name=name, points=points) for name, points in lines],
        key="k", title="T", about="A", x_label="x", y_label="y", log_x=log_x,
    )  # fmt: skip


def texts(chart):
    return [element.text for element in read(chart).iter(f"{SVG}text")]


def read_as(name):
    """Return a name as a reader of XML finds it: only its characters, and one kind of line end."""
    allowed = re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", name)
    return re.sub(r"\r\n?", "\n", allowed)


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=20), st.text())
def test_any_name_gives_a_valid_file_and_is_shown_as_text(name, title):
    for chart in (
        line_chart(
            [Line(name=name, points=[(1, 1)], marks=[title])],
            key="k", title=title, about=name, x_label=title, y_label=name,
        ),
        bar_chart([(name, {0: 0.4, 1: 0.6})], key="k", title=title, about=name),
    ):  # fmt: skip
        assert (read(chart).find(f"{SVG}title").text or "") == read_as(title)
        assert (read(chart).find(f"{SVG}desc").text or "") == read_as(name)
        assert read_as(name) in [shown or "" for shown in texts(chart)]


def test_a_hostile_name_is_shown_as_text():
    chart = read(bar_chart([(HOSTILE, {0: 1.0})], key="k", title=HOSTILE, about=HOSTILE))
    assert not list(chart.iter(f"{SVG}script"))
    assert chart.find(f"{SVG}title").text == HOSTILE.replace("\x00", "").replace("\x1b", "")


def test_screen_readers_read_the_title_and_the_description():
    chart = read(lines_of(("a", [(1, 1), (2, 3)])))
    ids = {element.get("id") for element in (chart.find(f"{SVG}title"), chart.find(f"{SVG}desc"))}
    assert set(chart.get("aria-labelledby").split()) == ids
    assert chart.get("role") == "img"


def test_a_point_that_is_not_a_number_is_left_out():
    chart = lines_of(
        ("a", [(1, 0.1), (2, math.nan), (3, math.inf), (4, 0.2)]), ("b", [(1, math.nan)])
    )
    assert not re.search(r"\b(nan|inf)\b", chart)
    assert len(list(read(chart).iter(f"{SVG}path"))) == 2
    assert "a" in texts(chart)
    assert "b" not in texts(chart)


@pytest.mark.parametrize("log_x", [False, True])
def test_a_chart_of_no_line_or_one_point_is_valid(log_x):
    read(lines_of(log_x=log_x))
    chart = lines_of(("a", [(50, 0.0)]), log_x=log_x)
    assert not re.search(r"\b(nan|inf)\b", chart)
    assert "a" in texts(chart)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_names_of_lines_do_not_overlap(ends):
    lines = [(f"line {number}", [(1, 0.5), (2, end)]) for number, end in enumerate(ends)]
    names = [e for e in read(lines_of(*lines)).iter(f"{SVG}text") if "line" in e.text]
    places = sorted(float(element.get("y")) for element in names)
    assert len(places) == len(ends)
    assert all(b - a >= LINE - 0.11 for a, b in pairwise(places))


@settings(deadline=None, max_examples=40)
@given(st.lists(finite, max_size=12))
def test_names_keep_the_order_of_their_lines(wanted):
    places = apart(wanted, 0, 400)
    order = sorted(range(len(wanted)), key=lambda n: wanted[n])
    assert [places[n] for n in order] == sorted(places)


def test_names_keep_their_positions_if_there_is_room():
    assert apart([100, 30, 60], 0, 200) == [100, 30, 60]
    assert apart([50, 50], 0, 200) == [50, 50 + LINE]
    assert apart([200, 200], 0, 200) == [200 - LINE, 200]


@settings(deadline=None, max_examples=40)
@given(st.lists(finite, min_size=1, max_size=9))
def test_ticks_include_the_range_of_all_values(values):
    found = ticks(values)
    room = 1e-6 * max(1, *(abs(value) for value in values))
    assert found[0] <= min(values) + room
    assert found[-1] >= max(values) - room
    assert 2 <= len(found) <= 8


def test_ticks_are_round():
    assert ticks([0.02, 0.97]) == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert ticks([0.34, 0.42]) == [0.34, 0.36, 0.38, 0.4, 0.42]
    assert ticks([5e-324]) == ticks([0.0])
    assert log_ticks([10, 1000]) == [10, 20, 50, 100, 200, 500, 1000]
    assert log_ticks([30, 40]) == [30]


def test_equal_ratios_have_equal_distances_on_a_logarithmic_scale():
    x = scale(10, 1000, 0, 200, log=True)
    assert [x(10), x(100), x(1000)] == pytest.approx([0, 100, 200])


def test_the_length_of_a_bar_is_proportional_to_its_share():
    chart = read(
        bar_chart([("a", {1: 0.5, 4: 0.25}), ("b", {0: 0.25})], key="k", title="T", about="A")
    )
    widths = [float(bar.get("width")) for bar in chart.iter(f"{SVG}rect")]
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.2)
    assert widths[1] == widths[2]
