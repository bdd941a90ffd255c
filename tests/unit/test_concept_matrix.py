"""The matrix of influences: cells, numbers and outlines as layers, and other cells in them."""

from __future__ import annotations

import holoviews as hv
import numpy as np
import pytest
from bokeh.models import ColumnDataSource, Plot
from hypothesis import given
from hypothesis import strategies as st

from inficond_panel.plots.concept_matrix import (
    Cells,
    make_image,
    make_matrix,
    make_texts,
    update_matrix,
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
def test_other_cells_in_a_matrix_that_is_drawn_are_as_drawn_anew(dark):
    other = Cells(np.array([[0.5, -1.0]]), ["fur"], ["cat", "dog"], 1.0, {("dog", "fur")})
    drawn = hv.render(make_matrix(CELLS))
    update_matrix(drawn, other, make_image(other), dark)
    for now, anew in zip(columns(drawn), columns(hv.render(make_matrix(other, dark))), strict=True):
        for name in {"image", "dw", "dh", "number", "sign", "left", "top"} & set(anew):
            np.testing.assert_array_equal(now[name], anew[name])
    assert isinstance(drawn.renderers[0].data_source, ColumnDataSource)


@given(st.integers(1, 7), st.integers(1, 7), st.randoms(use_true_random=False))
def test_a_pixel_has_the_strongest_of_the_cells_below_it(wide, high, random):
    """Of whole numbers of cells a pixel, against a loop over the blocks."""
    values = np.array(
        [[random.choice([0, 1, -2, 3]) for _ in range(2 * wide)] for _ in range(3 * high)]
    )
    names = [str(at) for at in range(3 * high)]
    cells = Cells(values.astype(float), names, [str(at) for at in range(2 * wide)], 3.0)
    found = np.nan_to_num(make_image(cells, (wide, high))[::-1])
    for row in range(high):
        for column in range(wide):
            block = values[3 * row : 3 * row + 3, 2 * column : 2 * column + 2]
            assert abs(found[row, column]) == np.abs(block).max()
            assert not found[row, column] or found[row, column] in block
