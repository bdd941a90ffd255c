"""Performance bars as a HoloViews element, and as the page shows them."""

import itertools

import holoviews as hv
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inficond_panel.distill import Agreement, Counts
from inficond_panel.plots import performance_bars as bars
from inficond_panel.plots.performance_bars import fill_renderers, lay_out, make_performance_bars
from inficond_panel.vocabulary.palette import BOTH_RIGHT, STUDENT_RIGHT, TEACHER_RIGHT_SOFT

AGREEMENT = {
    "bird": Agreement(Counts(40, 5, 1, 2), Counts(1950, 0, 1, 2)),
    "car": Agreement(Counts(0, 0, 0, 0), Counts(2, 2, 2, 2)),
}


def drawn(element: hv.Element):
    plot = hv.renderer("bokeh").get_plot(element)
    return plot.handles["source"].data, plot.state


def test_a_bar_is_divided_by_who_decides_rightly():
    """Of 103 pixels three are gaps between four equal fills; one of two has the odd image."""
    left, right = lay_out(np.array([[[2, 2, 2, 2]], [[0, 7, 0, 0]], [[52, 0, 50, 0]]]), 103)
    assert (left[0] * 103).round().tolist() == [[0, 26, 52, 78]]
    assert (right[0] * 103).round().tolist() == [[25, 51, 77, 103]]
    assert (left[1, 0, 1], right[1, 0, 1]) == (0, 1)
    assert ((right - left)[2, 0, [0, 2]] * 103).round().tolist() == [52, 50]


@given(st.lists(st.integers(0, 5000), min_size=4, max_size=4).filter(any), st.integers(20, 400))
def test_a_fill_with_images_is_seen_and_the_bar_is_full(counts, width):
    left, right = (edges[0, 0] * width for edges in lay_out(np.array([[counts]]), width))
    there = [at for at, number in enumerate(counts) if number]
    assert left[there[0]] == pytest.approx(0)
    assert right[there[-1]] == pytest.approx(width)
    for at, number in enumerate(counts):
        assert (right - left)[at] >= 1 - 1e-9 if number else (right - left)[at] == 0
    for one, other in itertools.pairwise(there):
        assert left[other] - right[one] == pytest.approx(1)


def test_the_element_tells_its_numbers_and_has_four_fills():
    bird, car = [[40, 5, 1, 2], [1950, 0, 1, 2]], [[0, 0, 0, 0], [2, 2, 2, 2]]
    assert bars.count_images(AGREEMENT).tolist() == [bird, car]
    element = make_performance_bars(AGREEMENT)
    assert element.dimension_values("images").tolist()[:8] == [*bird[0], *bird[1]]
    assert element["class"][8] == "car"
    data, figure = drawn(element)
    assert list(data["fill"][:5]) == [0, 1, 2, 3, 0]
    fills = fill_renderers(figure)
    assert [each.glyph.hatch_pattern for each in fills] == [None, "/", None, "\\"]
    assert [each.view.filter.group for each in fills] == [0, 1, 2, 3]
    colours = [each.glyph.fill_color for each in fills[:2]]
    assert colours == [BOTH_RIGHT.light, TEACHER_RIGHT_SOFT.light]
    assert fills[3].glyph.hatch_color == STUDENT_RIGHT.light
    assert figure.hover[0].renderers == fills  # the card tells of every fill
    _, dark = drawn(make_performance_bars(AGREEMENT, dark=True))
    assert fill_renderers(dark)[0].glyph.fill_color == BOTH_RIGHT.dark


def test_bars_drawn_are_updated_as_if_they_were_made_anew():
    data, figure = drawn(make_performance_bars(AGREEMENT))
    other = {"bird": AGREEMENT["car"], "car": AGREEMENT["bird"]}
    bars.update_bars(figure, other, dark=True, width=150)
    fresh, anew = drawn(make_performance_bars(other, dark=True, width=150))
    assert {n: list(c) for n, c in data.items()} == {n: list(c) for n, c in fresh.items()}
    looks, expected = (
        [each.glyph.properties_with_values() for each in fill_renderers(f)] for f in (figure, anew)
    )
    assert looks == expected
