"""Performance bars as a HoloViews element, and as the page shows them."""

from __future__ import annotations

import itertools

import holoviews as hv
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inficond_panel.distill import Agreement, Counts
from inficond_panel.plots.performance_bars import count_images, lay_out, make_performance_bars
from inficond_panel.vocabulary.palette import BOTH_RIGHT, STUDENT_RIGHT, TEACHER_RIGHT_SOFT

AGREEMENT = {
    "bird": Agreement(Counts(40, 5, 1, 2), Counts(1950, 0, 1, 2)),
    "car": Agreement(Counts(0, 0, 0, 0), Counts(2, 2, 2, 2)),
}


def drawn(element: hv.Element):
    plot = hv.renderer("bokeh").get_plot(element)
    return plot.handles["source"].data, plot.handles["glyph"], plot.state


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


def test_counts_are_by_class_side_and_fill():
    assert count_images(AGREEMENT).tolist() == [
        [[40, 5, 1, 2], [1950, 0, 1, 2]],
        [[0, 0, 0, 0], [2, 2, 2, 2]],
    ]


def test_the_element_tells_its_numbers_and_has_four_fills():
    element = make_performance_bars(AGREEMENT)
    assert element.dimension_values("images").tolist()[:8] == [40, 5, 1, 2, 1950, 0, 1, 2]
    assert element["class"][8] == "car"
    data, glyph, _ = drawn(element)
    assert list(data["hatch"][:4]) == [" ", "/", " ", "\\"]
    assert list(data["ground"][:2]) == [BOTH_RIGHT.light, TEACHER_RIGHT_SOFT.light]
    assert data["stripes"][3] == STUDENT_RIGHT.light
    assert (glyph.hatch_pattern, glyph.hatch_color) == ("hatch", "stripes")  # columns
    dark, _, _ = drawn(make_performance_bars(AGREEMENT, dark=True))
    assert dark["ground"][0] == BOTH_RIGHT.dark


def test_positives_lie_above_negatives_and_classes_go_down():
    data, _, figure = drawn(make_performance_bars(AGREEMENT))
    assert figure.y_range.start > figure.y_range.end  # downwards
    tops = np.array(data["top"]).reshape(2, 2, 4)
    assert (np.diff(tops[:, :, 0].ravel()) > 0).all()
