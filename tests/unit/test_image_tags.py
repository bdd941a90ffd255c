"""Tags of images: kept in the history, for all of its iterations and sessions."""

from __future__ import annotations

import pytest
from factory import small_spec

from inficond_panel.errors import TuningError
from inficond_panel.state import AppState
from inficond_panel.state.jobs import Jobs
from inficond_panel.tuning import open_tuner
from inficond_panel.views.detail.view import DetailView


@pytest.fixture
def spec(tmp_path):
    return small_spec(tmp_path)


@pytest.mark.parametrize("tag", ["", " \n", "x" * 41])
def test_a_tag_that_says_nothing_or_too_much_is_refused(spec, tag):
    tuner = open_tuner(spec, history=":memory:")
    tuner.root()
    with pytest.raises(TuningError, match="cannot be tagged"):
        tuner.tag(tuner.store.images[:1], tag)
    with pytest.raises(TuningError, match="There is no image 'nowhere'"):
        tuner.tag(["nowhere"], "odd")
    assert tuner.tags() == {}


def test_the_page_tags_images_that_are_listed(spec):
    tuner = open_tuner(spec, history=":memory:")
    app = AppState(tuner, Jobs(inline=True))
    detail = DetailView(app)
    app.selection.open_concept("wheel", "bicycle")
    rows = detail.panel.gallery["rows"][:2]
    away = next(
        row for row in range(len(tuner.store.images)) if row not in detail.panel.gallery["rows"]
    )
    detail.act({"action": "tag", "rows": [*rows, away], "tag": "odd", "on": True})
    assert detail.panel.tagged == {str(row): ["odd"] for row in rows}
    assert detail.panel.known_tags == ["odd"]
    assert set(tuner.tags()) == {tuner.store.images[row] for row in rows}
    detail.act({"action": "tag", "rows": rows, "tag": "odd", "on": False})
    assert detail.panel.tagged == {}


def test_images_with_a_tag_are_listed(spec):
    tuner = open_tuner(spec, history=":memory:")
    app = AppState(tuner, Jobs(inline=True))
    detail = DetailView(app)
    app.selection.class_name = "bicycle"
    rows = app.dataset.rows[:2].tolist()
    app.tags.put(rows, "odd")
    assert detail.panel.known_tags == ["odd"]
    detail.act({"action": "open_tagged", "tag": "odd"})
    assert (detail.panel.picked, detail.panel.gallery["rows"]) == ("Tagged odd", rows)
