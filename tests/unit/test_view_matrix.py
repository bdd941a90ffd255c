"""View of all students at once: rows in their order, cells that open, the same as text."""

from __future__ import annotations

import numpy as np
import pytest

from inficond_panel.plots.concept_matrix import Cells
from inficond_panel.state import AppState, Jobs
from inficond_panel.tuning import Intent
from inficond_panel.views.matrix.view import NAMED, MatrixView, make_table, make_words


def test_the_table_has_the_students_of_each_concept_with_the_strongest_first():
    cells = Cells(np.array([[0.5, -2.0, 0.0], [0.0] * 3]), ["a<b", "sky"], ["x", "y", "z"], 2.0)
    table = make_table(cells)
    assert "<th scope='row'>a&lt;b</th><td>y −2.00, x +0.50</td>" in table
    assert "<th scope='row'>sky</th><td>none</td>" in table
    many = Cells(np.ones((1, NAMED + 2)), ["fur"], [f"c{k}" for k in range(NAMED + 2)], 1.0)
    assert make_table(many).count("+1.00") == NAMED
    assert "and 2 more" in make_table(many)


def test_the_heading_says_what_is_shown_and_that_nothing_matches():
    cells = Cells(np.ones((1, 1)), ["fur"], ["cat"], 1.0, {("cat", "fur")})
    assert "1 of 30 concepts" in make_words(cells, 30)
    assert "suspects have an outline" in make_words(cells, 30)
    assert "No concept matches" in make_words(Cells(np.ones((0, 1)), [], ["cat"], 1.0), 30)


def test_a_click_opens_the_student_and_the_concept_of_its_cell(app):
    view = MatrixView(app)
    view._open(1.5, len(view.cells.concepts) - 2.5)
    selected = (app.store.classes[1], view.cells.concepts[2])
    assert (app.selection.class_name, app.selection.concept) == selected
    for outside in ((-1.0, 1.0), (1.0, -1.0), (99.0, 1.0), (None, None)):
        view._open(*outside)
    assert (app.selection.class_name, app.selection.concept) == selected


def test_a_matrix_that_is_made_beside_a_class_is_drawn(app):
    app.selection.class_name = "bird"
    assert MatrixView(app).cells.concepts


def test_nothing_is_drawn_anew_while_a_class_is_selected(app):
    view = MatrixView(app)
    app.selection.class_name = "bird"
    before = view.cells
    view.order = "name"
    app.tuning.toggle(Intent("bird", "fur", "down"))
    assert view.cells is before
    app.selection.class_name = ""
    assert view.cells.concepts == sorted(view.cells.concepts, key=str.casefold)
    assert dict(view.cells.pending) == {("bird", "fur"): "▼"}


def test_marks_come_first_where_that_is_asked_for(app):
    view = MatrixView(app)
    view.marked = frozenset({("bird", "hair"), ("sheep", "hair"), ("bird", "leaf")})
    view.order = "marked"
    assert view.cells.concepts[:2] == ["hair", "leaf"]


def test_an_order_that_comes_late_does_not_replace_the_one_chosen_since(app):
    late: list = []
    view = MatrixView(AppState(app.tuner, Jobs(late.append, inline=True)))
    late.clear()
    view.order = "similar"
    view.order = "name"
    (tell,) = late
    tell()
    assert view.cells.concepts == sorted(view.cells.concepts, key=str.casefold)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_figure_that_is_drawn_follows_search_and_order(app, theme):
    app.theme = theme
    view = MatrixView(app)
    view._plot.get_root()
    (plot, _), *_ = view._plot._plots.values()
    figure = plot.state
    view.find = "wheel"
    image, texts, _ = (renderer.data_source.data for renderer in figure.renderers)
    assert image["image"][0].shape == (len(view.cells.concepts), 4)
    assert len(texts["number"]) == np.count_nonzero(view.cells.influence)
    assert set(figure.yaxis[0].major_label_overrides.values()) == set(view.cells.concepts)
    view.close()
