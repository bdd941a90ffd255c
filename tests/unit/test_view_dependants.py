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
    (Shell, "_recolour _update_saved _show_detail _tell_address"),
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


SCENE = "EmbeddingView._draw_dots EmbeddingView._draw_scene"
#: A change, and what runs once for it.
ONCE = {
    "class": (
        lambda app: setattr(app.selection, "class_name", "sheep"),
        f"DetailView._show_concept {SCENE} KnowledgeView._show_rows Shell._tell_address",
    ),
    "concept": (
        lambda app: setattr(app.selection, "concept", "wheel"),
        "DetailView._show_concept EmbeddingView._bring_into_view EmbeddingView._draw_scene"
        " KnowledgeView._show_concept Shell._show_detail Shell._tell_address",
    ),
    "sort of concepts": (
        lambda app: setattr(app.settings, "concept_sort", "discrepancy_p"),
        "KnowledgeView._show_rows Shell._tell_address",
    ),
    "sort of classes": (
        lambda app: setattr(app.settings, "sort", "ap"),
        "PerformanceView._forget_changes Shell._tell_address",
    ),
    "what-if": (
        lambda app: setattr(app.settings, "what_if", "refit"),
        "DetailView._show_mode Shell._tell_address",
    ),
    "projection": (
        lambda app: setattr(app.settings, "projection", "pca"),
        f"{SCENE} EmbeddingView._change_cloud Shell._tell_address",
    ),
    "tab": (lambda app: setattr(app.settings, "tab", "provenance"), "Shell._tell_address"),
    "colours": (lambda app: setattr(app.shell._page, "dark", True), f"Shell._recolour {SCENE}"),
    "size of the map": (
        lambda app: setattr(app.views["embedding"].panel, "zoom", 2.0),
        "EmbeddingView._enlarge EmbeddingView._draw_scene MapCloud._follow",
    ),
    "search": (
        lambda app: setattr(app.views["knowledge"].table, "find", "wh"),
        "KnowledgeView._show_found",
    ),
    "factor": (
        lambda app: setattr(app.views["knowledge"].bar, "factor", 3.0),
        "KnowledgeView._set_factor",
    ),
    "export": (lambda app: app.export.param.trigger("asked"), "ProvenanceView._open_export"),
}


@pytest.mark.parametrize("change", ONCE)
def test_a_change(app: AppState, runs: Counter[str], change: str) -> None:
    act, dependants = ONCE[change]
    act(app)
    runs.pop("MapCloud._draw", None)  # of the cloud itself, which comes in steps
    assert runs == Counter(dependants.split())


def test_a_thumb_with_its_preview(app: AppState, runs: Counter[str]) -> None:
    """The batch changes once; the status twice, as the preview begins and as it is there."""
    app.tuning.toggle(Intent("bicycle", "wheel", "up"))
    twice = "Shell._tell_address Shell._update_saved "
    assert runs == Counter(f"EmbeddingView._draw_scene Shell._tell_batch {2 * twice}".split())


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
