"""Lines as SVG: where they lie, what they say, how their names are kept apart."""

from __future__ import annotations

import itertools
import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gan_experiments.reports.plots import (
    BOTTOM,
    HEIGHT,
    LEFT,
    LETTER,
    MAX_POINTS,
    TOP,
    WIDTH,
    Line,
    boxes,
    plot,
    quantile,
)

RIGHT = 12 + LETTER  # of a line with a name of one letter


def drawn(*lines: Line) -> ElementTree.Element:
    return ElementTree.fromstring(str(plot("fd", lines, "images seen")))


def points(svg: ElementTree.Element) -> list[list[tuple[float, float]]]:
    found = [line.get("points", "").split() for line in svg.iter("polyline")]
    return [[tuple(map(float, point.split(","))) for point in line] for line in found]  # type: ignore[misc]


def test_the_corners_are_the_extremes() -> None:
    ((start, middle, end),) = points(drawn(Line("a", [(0, 10), (50, 30), (100, 20)])))
    assert start == (LEFT, HEIGHT - BOTTOM)
    assert middle == pytest.approx(((LEFT + WIDTH - RIGHT) / 2, TOP), abs=0.1)
    assert end == pytest.approx((WIDTH - RIGHT, (TOP + HEIGHT - BOTTOM) / 2), abs=0.1)


def test_figures_that_span_decades_are_drawn_by_their_logarithm() -> None:
    ((_, middle, _),) = points(drawn(Line("a", [(0, 1000), (1, 100), (2, 10)])))
    assert middle[1] == pytest.approx((TOP + HEIGHT - BOTTOM) / 2)


def test_values_and_names_are_there_to_be_shown() -> None:
    svg = drawn(Line("model=<b>", [(64, 12.345), (128, 7.0)], [], 3, "g0"))
    group = next(one for one in svg.iter("g"))
    line = next(svg.iter("polyline"))
    assert (group.get("class"), group.get("data-key"), group.get("data-name")) == (
        "line c3",
        "g0",
        "model=<b>",
    )
    assert (line.get("data-x"), line.get("data-y")) == ("64 128", "12.35 7")


def test_lines_without_a_colour_are_grey_behind_the_others_and_have_no_label() -> None:
    svg = drawn(Line("a", [(0, 1)], [], 0), Line("b", [(0, 2)], [], None))
    assert [group.get("class") for group in svg.iter("g")] == ["line grey", "line c0"]
    assert [text.text for text in svg.iter("text") if "label" in text.get("class", "")] == ["a"]


@given(st.lists(st.floats(0, 100), min_size=1, max_size=8))
def test_labels_do_not_cover_each_other(ends: list[float]) -> None:
    svg = drawn(*(Line(str(i), [(0, 1.0), (1, end)], [], i) for i, end in enumerate(ends)))
    heights = sorted(float(text.get("y", 0)) for text in svg.iter("text") if "label" in text.get("class", ""))
    assert all(b - a > 12.8 for a, b in itertools.pairwise(heights))
    assert heights[-1] < HEIGHT


numbers = st.floats(allow_nan=True, allow_infinity=True)


@example([(0.0, 5e-324)], [])
@example([(0.0, 1e-250), (1.0, 1e-280)], [])
@given(
    st.lists(st.tuples(st.floats(0, 1e15), numbers), max_size=20),
    st.lists(st.tuples(numbers, numbers, numbers)),
)
def test_whatever_the_numbers_the_picture_stays_inside(
    pairs: list[tuple[float, float]], band: list[tuple[float, float, float]]
) -> None:
    svg = plot("fd", [Line("a", sorted(pairs, key=lambda pair: pair[0]), band)], "x")
    finite = [y for _, y in pairs if math.isfinite(y) and abs(y) < 1e100]
    assert (svg is None) == (not finite)
    for line in points(ElementTree.fromstring(str(svg))) if svg else []:
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in line)


def test_long_curves_are_thinned_and_keep_their_ends() -> None:
    ((*line,),) = points(drawn(Line("a", [(float(i), float(i)) for i in range(100_000)])))
    assert len(line) <= MAX_POINTS + 1
    assert line[-1] == pytest.approx((WIDTH - RIGHT, TOP), abs=0.1)


def test_ticks_are_round_numbers() -> None:
    svg = drawn(Line("a", [(0, 0.13), (23_400, 0.87)]))
    ticks = [text.text for text in svg.iter("text") if text.get("class") == "tick"]
    assert ticks == ["0.2", "0.4", "0.6", "0.8", "0", "5k", "10k", "15k", "20k", "images seen"]


def test_colours_are_the_page_s() -> None:
    assert not re.search(r"#[0-9a-f]{3}|rgb|style=", str(plot("fd", [Line("a", [(0, 1), (1, 2)])], "x")))


def test_a_box_has_its_quartiles_and_every_value() -> None:
    svg = ElementTree.fromstring(str(boxes("fd", {"a<b": [1.0, 2.0, 3.0, 4.0, 5.0], "none": [math.nan]})))
    (rect,) = svg.iter("rect")
    up = lambda value: HEIGHT - BOTTOM + (TOP - HEIGHT + BOTTOM) * (value - 1) / 4
    assert float(rect.get("y", "")) == pytest.approx(up(4), abs=0.1)
    assert float(rect.get("height", "")) == pytest.approx(up(2) - up(4), abs=0.1)
    assert len(list(svg.iter("circle"))) == 5
    (title,) = svg.iter("title")
    assert title.text == "a<b: 5 runs, median 3, half of them 2 to 4, all 1 to 5"
    assert boxes("fd", {"none": [math.inf]}) is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), st.floats(0, 1))
def test_quantiles_are_numpys(values: list[float], share: float) -> None:
    assert quantile(sorted(values), share) == pytest.approx(float(np.quantile(values, share)), abs=1e-6)
