"""The page's layout, its word on saving, and its keys."""

from __future__ import annotations

from types import SimpleNamespace

import panel as pn

from inficond_panel.state import AppState, Jobs, Status
from inficond_panel.tuning import Intent
from inficond_panel.views.page.shell import Shell, make_saved, make_subtitle
from inficond_panel.views.page.shortcuts import SHORTCUTS, make_shortcuts


def test_subtitle_counts_one_class_as_one():
    assert make_subtitle("Small", 1) == "Small, 1 class"
    assert make_subtitle("Small", 1200) == "Small, 1,200 classes"


def test_saved_tells_the_newest_node_and_where_it_is():
    times = ["2026-11-20T08:00:00+00:00", "2026-11-20T09:30:00+00:00"]
    nodes = [SimpleNamespace(created=time) for time in times]

    assert make_saved(nodes[:1], "", "/data/a.sqlite")["at"] == ""  # nothing was done yet
    saved = make_saved(nodes, "", "/data/a.sqlite")
    assert saved == {"text": "", "at": times[1], "place": "1 iteration in a.sqlite"}
    assert make_saved(nodes, "Fine-tuning…", "/data/a.sqlite")["text"] == "Fine-tuning…"


def test_a_history_in_memory_is_never_called_saved():
    saved = make_saved([SimpleNamespace(created="2026-11-20T08:00:00+00:00")], "", ":memory:")

    assert saved["at"] == ""
    assert saved["text"] == "Not kept: history in memory"


def test_a_page_without_views_is_a_skeleton_until_they_are_placed(app):
    shell = Shell(app)
    assert shell._page.views == []

    shell.place({"performance": pn.pane.Str("rows")})
    assert shell._page.names == ["performance"]
    assert len(shell._page.views) == 1


def test_colours_that_the_browser_tells_reach_the_views(app):
    shell = Shell(app)
    shell._page.dark = True
    assert app.theme == "dark"
    shell._page.dark = False
    assert app.theme == "light"


def test_an_opened_concept_brings_its_tab_to_the_front(app):
    shell = Shell(app)
    shell._page.tab = "provenance"
    app.selection.concept = "wheel"

    assert shell._page.tab == "detail"


def test_the_export_is_asked_for_where_it_is(app):
    asked = []
    app.export.param.watch(asked.append, "asked")
    shell = Shell(app)
    shell.act({"action": "open_export"})
    assert (len(asked), shell._page.tab) == (1, "provenance")


def test_keys_undo_and_redo(app):
    shell = Shell(app)
    app.tuning.toggle(Intent("bicycle", "wheel", "down"))
    app.tuning.fine_tune()
    tuned = app.students.node.id

    shell.act({"action": "undo"})
    assert app.students.node.parent is None
    shell.act({"action": "redo"})
    assert app.students.node.id == tuned


def test_a_batch_goes_on_after_a_reload(app, tmp_path):
    shell = Shell(app)
    app.tuning.scale(3.0)
    app.tuning.toggle(Intent("bicycle", "wheel", "down"))
    app.tuning.toggle(Intent("sheep", "wheel", "remove"))
    kept = dict(shell._page.batch)
    other = AppState(app.tuner, Jobs(inline=True))
    again = Shell(other)
    assert again._page.root == shell._page.root

    again.act({"action": "take_back", **kept})
    assert other.tuning.pending == app.tuning.pending
    assert (other.tuning.factor, again._page.notice) == (3.0, "")
    other.tuning.fine_tune()
    assert again._page.batch == {}


def test_a_refit_that_ran_while_the_page_was_left_is_shown(app):
    shell = Shell(app)
    app.tuning.toggle(Intent("bicycle", "wheel", "down"))
    kept = dict(shell._page.batch)
    app.tuning.fine_tune()
    app.tuning.undo()
    shell.act({"action": "take_back", **kept})
    assert (app.tuning.pending, app.students.node.number) == ([], 1)
    assert shell._page.notice == "The fine-tune ended meanwhile: it is #1."

    app.tuning.toggle(Intent("bicycle", "wheel", "down"))
    kept = dict(shell._page.batch)  # the same thumbs once more
    app.tuning.clear()
    shell.act({"action": "take_back", **kept})
    assert len(app.tuning.pending) == 1


def test_what_of_a_batch_is_not_here_is_told(app):
    shell = Shell(app)
    thumb = {"class": "bicycle", "concept": "wheel", "direction": "down", "factor": 2.0}
    odd = [{**thumb, "concept": "gone"}, {"class": 3}, {**thumb, "factor": "x"}, "x"]
    shell.act({"action": "take_back", "at": "", "thumbs": [thumb, *odd]})
    assert [intent.concept for intent in app.tuning.pending] == ["wheel"]
    assert shell._page.notice.startswith("4 of the 5 pending thumbs cannot be kept")

    shell.act({"action": "take_back", "at": "", "thumbs": [{**thumb, "class": "sheep"}]})
    assert len(app.tuning.pending) == 1  # what is done meanwhile stays


def test_a_concept_that_is_being_added_is_told_while_its_dialog_is_closed(app):
    shell = Shell(app)
    app.concepts.status = Status("adding", "Encoding moss", 0.1)
    assert shell._page.saved["text"] == "Encoding moss…"
    app.concepts.status = Status()
    assert shell._page.saved["text"] == ""


def test_the_keys_of_the_batch_fine_tune_cancel_and_clear(app):
    shell = Shell(app)
    app.tuning.toggle(Intent("bicycle", "wheel", "down"))
    shell.act({"action": "clear"})
    assert app.tuning.pending == []
    app.tuning.toggle(Intent("bicycle", "wheel", "down"))
    shell.act({"action": "fine_tune"})
    assert app.students.node.tuned == ("bicycle",)
    app.tuning.status = Status("fitting", "Fitting", 0.5)
    shell.act({"action": "fine_tune"})
    assert app.tuning.status.kind == "cancelling"


def test_keys_of_what_is_closed_are_not_told() -> None:
    told = dict(make_shortcuts(["typing", "export"]))
    assert not told.keys() & {"T", "R N E"}
    assert told["R N"] == "On an iteration: rename it, write a note"
    assert [tuple(pair) for pair in make_shortcuts([])] == list(SHORTCUTS)
