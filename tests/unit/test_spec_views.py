"""The numbers of the views in the spec: where they go, and what is refused."""

from __future__ import annotations

import pytest
from factory import small_spec, spec_text

from inficond_panel.distill import change_intervals
from inficond_panel.errors import SpecError
from inficond_panel.results.metrics import metric_change
from inficond_panel.results.refit_report import explain
from inficond_panel.spec import load_spec
from inficond_panel.state import AppState
from inficond_panel.state.jobs import Jobs
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.views.embedding.view import EmbeddingView
from inficond_panel.views.knowledge.view import KnowledgeView

VIEWS = (
    "views: {top: 20, labelled: 3, patches: 2, factors: [1.1, 4], collinear: 0.001, draws: 40, "
    "confidence: 0.8}\n"
)


@pytest.fixture(scope="module")
def tuner(tmp_path_factory):
    folder = tmp_path_factory.mktemp("views")
    return open_tuner(small_spec(folder, extra=VIEWS), history=folder / "h.sqlite")


def test_the_page_starts_from_the_specs_numbers(tuner):
    app = AppState(tuner, Jobs(inline=True))
    assert app.settings.top == 20
    knowledge, embedding = KnowledgeView(app), EmbeddingView(app)
    assert knowledge.table.options["factors"] == [1.1, 2.0, 4.0]  # and that of tuning
    app.selection.class_name = tuner.store.classes[0]
    rows = knowledge._rows(5)
    assert [len(row["patches"]) for row in rows] == [2] * 5
    assert len(embedding._shown().top) == 3


def test_intervals_and_reports_go_by_them(tuner):
    node = tuner.fine_tune(tuner.root(), [Intent("bicycle", "wheel", "up")])
    sides = [tuner.at(n, "tune")["bicycle"].outcome for n in (tuner.root(), node)]
    expected = change_intervals(*sides, ("ap",), draws=40, level=0.8)["ap"]
    assert metric_change(tuner, tuner.root(), node, "tune", "bicycle") == expected
    assert expected != change_intervals(*sides, ("ap",))["ap"]
    (group,) = explain(tuner, node).of("bicycle").groups
    assert len(group.members) > len(explain(tuner, node, threshold=0.99).of("bicycle").groups)


def test_what_the_views_cannot_take_is_told_at_once(tmp_path):
    (tmp_path / "s.yaml").write_text(spec_text("views: {top: 7, factors: [2, 0.5], patches: 13}\n"))
    with pytest.raises(SpecError) as caught:
        load_spec(tmp_path / "s.yaml", check_files=False)
    told = str(caught.value)
    assert "views.top: expected one of 5, 10, 20, 50, 100, 200, 0, got 7" in told
    assert "views.factors: expected numbers above 1, got 0.5" in told
    assert "views.patches" in told
