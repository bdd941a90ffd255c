"""The matrix of influences: cells, numbers and outlines as layers."""

from __future__ import annotations

import holoviews as hv
import numpy as np
import pytest
from bokeh.models import Plot

from inficond_panel.plots.concept_matrix import (
    STEPS,
    Cells,
    contrast,
    make_colours,
    make_matrix,
    make_texts,
)

#: Two concepts by three classes.
CELLS = Cells(
    np.array([[2.0, 0.0, -0.5], [0.0, -4.0, 0.0]]),
    ["wheel", "sky"],
    ["bicycle", "bird", "boat"],
    4.0,
    marked={("bird", "sky"), ("bird", "not listed")},
    pending={("boat", "wheel"): "▼", ("bicycle", "sky"): "✕"},
)


def columns(figure: Plot) -> list[dict]:
    return [renderer.data_source.data for renderer in figure.renderers]


def test_a_cell_lies_in_its_row_and_column_and_is_blank_at_zero():
    image, _, _ = columns(hv.render(make_matrix(CELLS)))
    nan = np.nan
    np.testing.assert_array_equal(image["image"][0], [[nan, -4, nan], [2, nan, -0.5]])
    assert [image[name][0] for name in ("x", "y", "dw", "dh")] == [0, 0, 3, 2]


def test_numbers_have_signs_and_thumbs_that_wait_stand_before_them():
    texts = make_texts(CELLS, dark=False)
    rows = zip(texts["class"], texts["concept"], texts["number"], texts["sign"], strict=True)
    assert {(x, y): told for x, y, *told in rows} == {
        (2.5, 1.5): ["▼ −0.50", "▼"],
        (0.5, 0.5): ["✕", "✕"],
        (0.5, 1.5): ["+2.00", ""],
        (1.5, 0.5): ["−4.00", "−"],
    }


@pytest.mark.parametrize("dark", [False, True])
def test_the_scale_is_symmetric_and_text_on_it_can_be_read(dark):
    colours = make_colours(dark)
    assert len(colours) == len(set(colours)) == 2 * STEPS
    strong = Cells(np.linspace(-1, 1, 40)[:, None], [str(at) for at in range(40)], ["bird"], 1.0)
    texts = make_texts(strong, dark)
    for ink, number in zip(texts["text_color"], texts["number"], strict=True):
        value = float(number.replace("−", "-"))
        ground = colours[min(int((value + 1) * STEPS), 2 * STEPS - 1)]
        assert contrast(ink, ground) >= 4.5
