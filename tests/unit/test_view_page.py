"""The page: its layout, its word on saving, its keys, and what runs once for a change."""

from collections import Counter
from collections.abc import Callable
from functools import wraps
from types import SimpleNamespace

import panel as pn
import pytest
from factory import small_spec
from sessions import session_on
from viewing import ask

from inficond_panel.spec.sections.page import Layout
from inficond_panel.state import AppState, Jobs, Status
from inficond_panel.tuning import Intent
from inficond_panel.views.detail.view import DetailView
from inficond_panel.views.embedding.map_layers import MapCloud
from inficond_panel.views.embedding.view import EmbeddingView
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.views.page.page import make_views
from inficond_panel.views.page.shell import (
    SHORTCUTS,
    TITLES,
    Shell,
    make_layout,
    make_saved,
    make_shortcuts,
)
from inficond_panel.views.performance.view import PerformanceView
from inficond_panel.views.provenance.view import ProvenanceView

pytestmark = pytest.mark.page

DOWN = Intent("bicycle", "wheel", "down")


@pytest.fixture
def shell(app: AppState) -> Shell:
    return Shell(app, {})


def test_rows_of_the_spec_become_columns():
    first, rest = ["configuration", "performance", "knowledge"], ["detail", "provenance"]
    two = [(["performance"], 3), (["knowledge"], 5)]
    for rows, columns in (
        ([first, ["embedding", *rest]], [*two, (["embedding", *rest], 4)]),
        ([["performance", "knowledge"]], two),
        ([["performance"], ["knowledge"]], two),
        ([["embedding", "detail"]], [(["embedding"], 4), (["detail"], 4)]),
        ([["configuration"], ["provenance"]], [(["provenance"], 4)]),
        ([["embedding"], rest], [(["embedding"], 4), (rest, 4)]),
        ([["configuration"]], []),
    ):
        page = make_layout(Layout(rows=rows), TITLES)
        assert list(zip(page["columns"], page["widths"], strict=True)) == columns
        assert page["strip"] == any("configuration" in row for row in rows)


def test_a_view_that_was_not_made_has_no_place():
    made = ["configuration", "performance", "knowledge", "detail", "provenance"]
    page = make_layout(Layout(), made)
    assert page["columns"] == [["performance"], ["knowledge"], ["detail", "provenance"]]
    assert make_layout(Layout(rows=[["knowledge"], ["embedding"]]), made)["columns"] == [made[2:3]]


TIMES = ["2026-11-20T08:00:00+00:00", "2026-11-20T09:30:00+00:00"]
NODES = [SimpleNamespace(created=time) for time in TIMES]


def test_the_head_tells_when_the_newest_node_was_made():
    saved = make_saved(NODES, "", "/data/a.sqlite")
    assert saved == {"text": "", "at": TIMES[1], "place": "1 iteration in a.sqlite"}


def test_the_head_tells_no_time_before_anything_was_done():
    assert make_saved(NODES[:1], "", "/data/a.sqlite")["at"] == ""


def test_the_head_tells_what_is_being_done():
    assert make_saved(NODES, "Fine-tuning…", "/data/a.sqlite")["text"] == "Fine-tuning…"


def test_the_head_tells_that_a_history_in_memory_is_not_kept():
    unkept = make_saved(NODES[:1], "", ":memory:")
    assert (unkept["at"], unkept["text"]) == ("", "Not kept: history in memory")


@pytest.fixture
def with_rows(app) -> Shell:
    """The page with one view."""
    return Shell(app, {"performance": pn.pane.Str("rows")})


def test_the_page_names_store_with_views(with_rows):
    shell = with_rows
    assert shell._page.heading["of"] == "Small, 4 classes"
    assert (shell._page.names, len(shell._page.views)) == (["performance"], 1)


def test_the_theme_follows_the_browser(app, with_rows):
    shell = with_rows
    shell._page.dark = True
    assert app.theme == "dark"
    shell._page.dark = False
    assert app.theme == "light"


def test_a_concept_that_is_opened_opens_its_tab(app, with_rows):
    shell = with_rows
    shell._page.tab = "provenance"
    app.selection.concept = "wheel"
    assert shell._page.tab == "detail"


def test_an_export_opens_the_tab_of_iterations(app, with_rows):
    shell = with_rows
    asked = []
    app.export.param.watch(asked.append, "asked")
    ask(shell, "open_export")
    assert (len(asked), shell._page.tab) == (1, "provenance")


def test_work_on_a_concept_is_told_while_its_dialog_is_closed(app, with_rows):
    shell = with_rows
    app.concepts.status = Status("adding", "Encoding moss", 0.1)  # its dialog is closed
    assert shell._page.saved["text"] == "Encoding moss…"
    app.concepts.status = Status()
    assert shell._page.saved["text"] == ""


def test_a_key_clears_the_batch(app, shell):
    app.tuning.toggle(DOWN)
    ask(shell, "clear")
    assert app.tuning.pending == []


def test_keys_fine_tune_then_undo_then_redo(app, shell):
    app.tuning.toggle(DOWN)
    ask(shell, "fine_tune")
    tuned = app.students.node
    assert tuned.tuned == ("bicycle",)
    ask(shell, "undo")
    assert app.students.node.parent is None
    ask(shell, "redo")
    assert app.students.node.id == tuned.id


def test_a_key_cancels_a_refit(app, shell):
    app.tuning.status = Status("fitting", "Fitting", 0.5)
    ask(shell, "fine_tune")
    assert app.tuning.status.kind == "cancelling"


def test_keys_of_what_is_closed_are_not_told():
    told = dict(make_shortcuts(["typing", "export"], "details"))
    assert not told.keys() & {"T", "R N E"}
    assert told["R N"] == "On an iteration: rename it, write a note"
    assert make_shortcuts([], "simple") == [[one.keys, one.words] for one in SHORTCUTS]


def test_keys_follow_the_switch_to_details(app):
    shell = Shell(app, {"knowledge": pn.Spacer()})
    app.settings.show = "simple"
    assert not {"H", "W", "B", "A"} & {keys for keys, _ in shell._page.shortcuts}
    app.settings.show = "details"
    assert shell._page.shortcuts == make_shortcuts(["link"], "details", ["knowledge"])
    assert dict(shell._page.shortcuts).keys() >= {"H", "W", "B", "A", "T"}


def test_keys_of_views_that_are_not_on_the_page_are_not_told():
    told = dict(make_shortcuts([], "details", ["performance", "detail"]))
    assert told.keys() & {"/", "C", "T", "M", "S", "B", "← →"} == {"/", "← →"}


def test_keys_that_tune_are_not_told_where_nobody_may_tune():
    tuning = {"U D X", "Ctrl Enter", "Shift Backspace", "Ctrl Z", "Ctrl Shift Z"}
    assert not tuning & dict(make_shortcuts(["tuning"], "simple")).keys()


def test_a_refit_that_ran_while_the_page_was_left_is_shown(app, shell):
    app.tuning.toggle(DOWN)
    kept = dict(shell._page.batch)
    app.tuning.fine_tune()
    app.tuning.undo()
    ask(shell, "take_back", **kept)
    assert (app.tuning.pending, app.students.node.number) == ([], 1)
    assert shell._page.notice == "The fine-tune ended meanwhile: it is #1."
    app.tuning.toggle(DOWN)
    kept = dict(shell._page.batch)  # the same thumbs once more
    app.tuning.clear()
    ask(shell, "take_back", **kept)
    assert len(app.tuning.pending) == 1


def test_what_of_a_batch_is_not_here_is_told(app, shell):
    thumb = {"class": "bicycle", "concept": "wheel", "direction": "down", "factor": 2.0}
    odd = [{**thumb, "concept": "gone"}, {"class": 3}, {**thumb, "factor": "x"}, "x"]
    ask(shell, "take_back", at="", thumbs=[thumb, *odd])
    assert [intent.concept for intent in app.tuning.pending] == ["wheel"]
    assert shell._page.notice.startswith("4 of the 5 pending thumbs cannot be kept")


def test_a_batch_that_was_begun_meanwhile_stays(app, shell):
    thumb = {"class": "bicycle", "concept": "wheel", "direction": "down", "factor": 2.0}
    ask(shell, "take_back", at="", thumbs=[thumb])
    ask(shell, "take_back", at="", thumbs=[{**thumb, "class": "sheep"}])
    assert len(app.tuning.pending) == 1  # what is done meanwhile stays


def test_a_batch_goes_on_after_a_reload(app, shell):
    app.tuning.scale(3.0)
    app.tuning.toggle(DOWN)
    app.tuning.toggle(Intent("sheep", "wheel", "remove"))
    other = AppState(app.tuner, Jobs(inline=True))
    again = Shell(other, {})
    assert again._page.root == shell._page.root
    ask(again, "take_back", **shell._page.batch)
    assert other.tuning.pending == app.tuning.pending
    assert (other.tuning.factor, again._page.notice) == (3.0, "")
    other.tuning.fine_tune()
    assert again._page.batch == {}


# --- what follows a change runs once for it ------------------------------------------------------
#: Methods that follow a change; those that also follow intervals as they come are left out.
DEPENDANTS = {
    Shell: "_recolour _update_saved _show_detail _tell_address _tell_batch",
    KnowledgeView: "_show_rows _show_found _set_factor",
    DetailView: "_show_mode _show_concept",
    EmbeddingView: "_draw_dots _bring_into_view _draw_scene _change_cloud _enlarge",
    MapCloud: "_draw _follow",
    PerformanceView: "_forget_changes",
    ProvenanceView: "_update _show_exporting _open_export _show_comparison",
}


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Number of runs of each dependant, by its name in its class."""
    found: Counter[str] = Counter()

    def counted(method: Callable) -> Callable:
        @wraps(method)
        def call(self, *args, **given):
            found[method.__qualname__] += 1
            return method(self, *args, **given)

        return call

    for kind, names in DEPENDANTS.items():
        for name in names.split():
            monkeypatch.setattr(kind, name, counted(getattr(kind, name)))
    return found


SCENE = "EmbeddingView._draw_dots EmbeddingView._draw_scene"
#: What is changed, from the state on, and what runs once for it.
ONCE = {
    ("selection.class_name", "sheep"): f"DetailView._show_concept {SCENE}"
    " KnowledgeView._show_rows Shell._tell_address",
    ("settings.concept_sort", "discrepancy_p"): "KnowledgeView._show_rows Shell._tell_address",
    ("settings.sort", "ap"): "PerformanceView._forget_changes Shell._tell_address",
    ("settings.what_if", "refit"): "DetailView._show_mode Shell._tell_address",
    ("settings.projection", "pca"): f"{SCENE} EmbeddingView._change_cloud Shell._tell_address",
    ("selection.concept", "wheel"): "DetailView._show_concept EmbeddingView._bring_into_view"
    " EmbeddingView._draw_scene Shell._show_detail Shell._tell_address",
    ("settings.tab", "provenance"): "Shell._tell_address",
    ("shell._page.dark", True): f"Shell._recolour {SCENE}",
    ("views.embedding.panel.zoom", 2.0): "EmbeddingView._enlarge EmbeddingView._draw_scene"
    " MapCloud._follow",
    ("views.knowledge.table.find", "wh"): "KnowledgeView._show_found",
    ("views.knowledge.bar.factor", 3.0): "KnowledgeView._set_factor",
    ("export.asked", None): "ProvenanceView._open_export",
}


def test_what_follows_a_change_runs_once_for_it(runs, tmp_path):
    whole = session_on(small_spec(tmp_path))
    whole.views = make_views(whole)
    whole.shell = Shell(whole, dict(whole.views))
    whole.selection.class_name = "bicycle"
    for (place, value), names in ONCE.items():
        runs.clear()
        *objects, name = place.split(".")
        at = whole
        for each in objects:
            at = at[each] if isinstance(at, dict) else getattr(at, each)
        if value is None:
            at.param.trigger(name)
        else:
            setattr(at, name, value)
        runs.pop("MapCloud._draw", None)  # of the cloud itself, which comes in steps
        assert runs == Counter(names.split()), place
    runs.clear()
    whole.tuning.toggle(Intent("sheep", "wheel", "up"))  # the status changes twice: as the preview
    twice = "Shell._tell_address Shell._update_saved "  # begins, and as it is there
    assert runs == Counter(f"EmbeddingView._draw_scene Shell._tell_batch {2 * twice}".split())
    runs.clear()
    whole.tuning.fine_tune()  # node and tree change at once: who follows both draws once
    assert runs["EmbeddingView._draw_scene"] == 2  # for the empty batch, and for the node
    once = "ProvenanceView._update DetailView._show_concept EmbeddingView._draw_dots"
    for name in (*once.split(), "PerformanceView._forget_changes"):
        assert runs[name] == 1, name
