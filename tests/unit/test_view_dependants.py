"""Methods that follow a change run once for it, on a page with all views."""

from __future__ import annotations

from collections import Counter
from functools import wraps
from pathlib import Path

import pytest
from factory import small_spec

from inficond_panel.state import AppState, Jobs
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.views.detail.view import DetailView
from inficond_panel.views.embedding.map_layers import MapCloud
from inficond_panel.views.embedding.view import EmbeddingView
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.views.page.page import make_views
from inficond_panel.views.page.shell import Shell
from inficond_panel.views.performance.view import PerformanceView
from inficond_panel.views.provenance.view import ProvenanceView

#: Methods that follow a change; those that also follow intervals as they come are left out.
DEPENDANTS = [
    (Shell, "_recolour _rearrange _update_saved _show_detail _tell_address _tell_progress"),
    (Shell, "_tell_batch"),
    (KnowledgeView, "_show_rows _show_found _show_concept _set_factor"),
    (DetailView, "_show_mode _show_concept"),
    (EmbeddingView, "_draw_dots _bring_into_view _draw_scene _change_cloud _enlarge"),
    (MapCloud, "_draw _follow"),
    (PerformanceView, "_forget_changes"),
    (ProvenanceView, "_update _show_exporting _open_export _show_comparison"),
]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Number of runs of each dependant, by its name in its class."""
    found: Counter[str] = Counter()

    def count(kind: type, name: str) -> None:
        method = getattr(kind, name)

        @wraps(method)
        def call(self, *args, **given):
            found[f"{kind.__name__}.{name}"] += 1
            return method(self, *args, **given)

        monkeypatch.setattr(kind, name, call)

    for kind, names in DEPENDANTS:
        for name in names.split():
            count(kind, name)
    return found


@pytest.fixture
def app(runs: Counter[str], tmp_path: Path) -> AppState:
    """The state of a page on which a class is selected."""
    app = AppState(open_tuner(small_spec(tmp_path)), Jobs(inline=True))
    app.views = make_views(app)
    app.shell = Shell(app, dict(app.views))
    app.selection.class_name = "bicycle"
    runs.clear()
    return app


def test_another_class(app: AppState, runs: Counter[str]) -> None:
    app.selection.class_name = "sheep"
    assert runs == {
        "DetailView._show_concept": 1,
        "EmbeddingView._draw_dots": 1,
        "EmbeddingView._draw_scene": 1,
        "KnowledgeView._show_rows": 1,
        "Shell._tell_address": 1,
        "Shell._tell_progress": 1,
    }


def test_another_concept(app: AppState, runs: Counter[str]) -> None:
    app.selection.concept = "wheel"
    assert runs == {
        "DetailView._show_concept": 1,
        "EmbeddingView._bring_into_view": 1,
        "EmbeddingView._draw_scene": 1,
        "KnowledgeView._show_concept": 1,
        "Shell._show_detail": 1,
        "Shell._tell_address": 1,
        "Shell._tell_progress": 1,
    }


def test_a_thumb_with_its_preview(app: AppState, runs: Counter[str]) -> None:
    """The batch changes once; the status twice, as the preview begins and as it is there."""
    app.tuning.toggle(Intent("bicycle", "wheel", "up"))
    assert runs == {
        "EmbeddingView._draw_scene": 1,
        "Shell._tell_batch": 1,
        "Shell._tell_address": 2,
        "Shell._tell_progress": 2,
        "Shell._update_saved": 2,
    }


def test_a_fine_tune(app: AppState, runs: Counter[str]) -> None:
    """Node and tree change at once: who follows both draws once."""
    app.tuning.toggle(Intent("bicycle", "wheel", "up"))
    runs.clear()
    app.tuning.fine_tune()
    assert runs["ProvenanceView._update"] == 1
    assert runs["DetailView._show_concept"] == 1
    assert runs["EmbeddingView._draw_dots"] == 1
    assert runs["EmbeddingView._draw_scene"] == 2  # for the empty batch, and for the node
    assert runs["PerformanceView._forget_changes"] == 1


@pytest.mark.parametrize(
    ("setting", "value", "dependants"),
    [
        ("concept_sort", "discrepancy_p", ["KnowledgeView._show_rows"]),
        ("sort", "ap", ["PerformanceView._forget_changes"]),
        ("what_if", "refit", ["DetailView._show_mode"]),
        (
            "projection",
            "pca",
            [
                "EmbeddingView._draw_dots",
                "EmbeddingView._draw_scene",
                "EmbeddingView._change_cloud",
            ],
        ),
        ("tab", "provenance", []),
    ],
)
def test_a_setting(app: AppState, runs: Counter[str], setting, value, dependants) -> None:
    setattr(app.settings, setting, value)
    del runs["MapCloud._draw"]  # of the cloud itself, which comes in steps
    assert runs == dict.fromkeys([*dependants, "Shell._tell_address"], 1)


def test_dark_colours(app: AppState, runs: Counter[str]) -> None:
    app.shell._page.dark = True
    assert runs == {
        "Shell._recolour": 1,
        "MapCloud._draw": 1,
        "EmbeddingView._draw_dots": 1,
        "EmbeddingView._draw_scene": 1,
    }


def test_what_the_browser_sets(app: AppState, runs: Counter[str]) -> None:
    knowledge, embedding = app.views["knowledge"], app.views["embedding"].panel
    knowledge.table.find, knowledge.bar.factor = "wh", 3.0
    assert (runs["KnowledgeView._show_found"], runs["KnowledgeView._set_factor"]) == (1, 1)
    runs.clear()
    embedding.zoom = 2.0
    assert runs == {
        "EmbeddingView._enlarge": 1,
        "EmbeddingView._draw_scene": 1,
        "MapCloud._follow": 1,
    }


def test_an_export_that_is_asked_for(app: AppState, runs: Counter[str]) -> None:
    app.export.param.trigger("asked")
    assert runs == {"ProvenanceView._open_export": 1}
