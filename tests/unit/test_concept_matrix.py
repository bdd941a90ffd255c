"""The matrix of influences: cells, numbers and outlines as layers; orders of its concepts."""

import holoviews as hv
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as draw

from inficond_panel.plots import concept_matrix
from inficond_panel.plots.concept_matrix import STEPS, Cells
from inficond_panel.results.concept_rows import ORDERS, find_concepts, order_concepts

#: Two concepts by three classes.
CELLS = Cells(
    np.array([[2.0, 0.0, -0.5], [0.0, -4.0, 0.0]]),
    ["wheel", "sky"],
    ["bicycle", "bird", "boat"],
    4.0,
    marked={("bird", "sky"), ("bird", "not listed")},
    pending={("boat", "wheel"): "▼", ("bicycle", "sky"): "✕"},
)


def test_a_cell_lies_in_its_row_and_column_with_number_sign_and_thumb_and_is_blank_at_zero(
    monkeypatch,
):
    monkeypatch.setattr(hv.Store, "current_backend", "bokeh")  # as a script's hv.extension does
    figure = hv.render(concept_matrix.make_matrix(CELLS))
    image, _, _ = (renderer.data_source.data for renderer in figure.renderers)
    nan = np.nan
    np.testing.assert_array_equal(image["image"][0], [[nan, -4, nan], [2, nan, -0.5]])
    assert [image[name][0] for name in ("x", "y", "dw", "dh")] == [0, 0, 3, 2]
    texts = concept_matrix.make_texts(CELLS, dark=False)
    rows = zip(texts["class"], texts["concept"], texts["number"], texts["sign"], strict=True)
    assert {(x, y): told for x, y, *told in rows} == {
        (2.5, 1.5): ["▼ −0.50", "▼"],
        (0.5, 0.5): ["✕", "✕"],
        (0.5, 1.5): ["+2.00", ""],
        (1.5, 0.5): ["−4.00", "−"],
    }


@pytest.mark.parametrize("dark", [False, True])
def test_the_scale_is_symmetric_and_text_on_it_can_be_read(dark):
    colours = concept_matrix.make_colours(dark)
    assert len(colours) == len(set(colours)) == 2 * STEPS
    strong = Cells(np.linspace(-1, 1, 40)[:, None], [str(at) for at in range(40)], ["bird"], 1.0)
    texts = concept_matrix.make_texts(strong, dark)
    for ink, number in zip(texts["text_color"], texts["number"], strict=True):
        value = float(number.replace("−", "-"))
        ground = colours[min(int((value + 1) * STEPS), 2 * STEPS - 1)]
        assert concept_matrix.contrast(ink, ground) >= 4.5


WEIGHTS = draw.arrays(
    np.float64,
    st.tuples(st.integers(1, 12), st.integers(1, 5)),
    elements=st.sampled_from([0.0, 0.0, -2.0, -0.5, 0.25, 1.0, 3.0]),
)


@given(WEIGHTS, st.sampled_from(list(ORDERS)), st.integers(0, 11))
def test_an_order_has_each_concept_once_those_without_influence_last(weights, order, mark):
    names = [f"{'Ab'[at % 2]} {at}" for at in range(len(weights))]
    found = order_concepts(weights, names, order, {("bird", names[mark % len(names)])})
    assert sorted(found) == list(range(len(weights)))
    found = [names[c].lower() for c in order_concepts(weights, names, "name")]
    assert found == sorted(found)
    at_zero = [not weights[c].any() for c in order_concepts(weights, names, "similar")]
    assert at_zero == sorted(at_zero)


@given(st.permutations(range(6)))
def test_two_groups_of_rows_of_one_direction_stay_together(places):
    weights = np.array([[1, 0, 0], [2, 0, 0], [5, 0, 0], [0, 1, -1], [0, 3, -3], [0, 4, -4]])
    shuffled = weights[list(places)].astype(float)
    groups = [row[0] > 0 for row in shuffled[order_concepts(shuffled, list("abcdef"), "similar")]]
    assert groups in ([True] * 3 + [False] * 3, [False] * 3 + [True] * 3)


def test_a_part_of_a_name_finds_concepts_and_keeps_the_order():
    for find, expected in (("", [2, 0, 1]), (" LIGHT ", [2, 0]), ("no such", [])):
        names = ["traffic light", "road", "lighthouse"]
        assert find_concepts(np.array([2, 0, 1]), names, find).tolist() == expected
