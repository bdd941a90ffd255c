"""The page opens off the event loop, tells what is wrong, and is updated while it is there."""

import asyncio
import re
import threading
from pathlib import Path
from types import SimpleNamespace

import panel as pn
import pytest
from bokeh.document import Document
from factory import small_spec
from sessions import session_on
from waiting import in_loop, until

import inficond_panel
from inficond_panel.errors import InficondError, Problem, SpecError
from inficond_panel.views.page.page import error_html, publish_to_loop, publish_to_page, publisher

ROOT = Path(__file__).parents[2]


@in_loop
async def test_who_asked_is_told_when_the_state_is_there(tmp_path):
    told, bound = [], []
    explorer = inficond_panel.explore(small_spec(tmp_path), on_ready=told.append)
    assert told == []
    assert explorer.app is None
    explorer.param.watch(lambda event: bound.append(event.new), "app")
    await until(lambda: told)
    assert told == [explorer]
    assert bound == [explorer.app]
    explorer.close()


def test_the_state_has_what_the_docs_name():
    page = (ROOT / "docs" / "notebook.md").read_text(encoding="utf-8")
    page = page.partition("## In an app of your own")[2]
    named = re.findall(r"^\| `([\w.]+)` \|", page, re.MULTILINE)
    assert len(named) > 10
    app = session_on(ROOT / "specs" / "demo.yaml", history=":memory:")
    for path in named:
        *objects, name = path.split(".")
        place = app
        for each in objects:
            place = getattr(place, each)
        assert name in place.param, path


@in_loop
async def test_views_by_themselves_share_the_state(tmp_path):
    explorer = inficond_panel.explore(small_spec(tmp_path))
    views = explorer.views
    early = views.knowledge
    early.get_root()
    await until(lambda: explorer.app is not None)
    assert views.knowledge is early
    (knowledge,), (performance,) = early, views.performance
    performance.selected = "sheep"
    assert knowledge.student == explorer.app.selection.class_name == "sheep"
    assert knowledge.rows
    six = ["configuration", "performance", "embedding", "knowledge", "detail", "provenance"]
    assert dir(views) == sorted(six)
    assert all(getattr(views, name).get_root() is not None for name in six)
    with pytest.raises(AttributeError, match="knowledge"):
        views.knowlege  # noqa: B018
    explorer.close()


def test_text_from_files_is_escaped():
    problem = Problem(Path("<b>.yaml"), 3, 7, "<script>alert(1)</script>")
    html = error_html(SpecError([problem], "Use <em>"))
    assert "<script>" not in html
    assert "&lt;b&gt;.yaml:3:7" in html
    assert "<em>" not in html
    assert "&lt;i&gt;" in error_html(InficondError("<i>"))


# --- updates -----------------------------------------------------------------------------------
def served_page(*, destroyed: bool = False) -> Document:
    """A document of a session, whose next tick is now."""
    page, context = Document(), SimpleNamespace(destroyed=destroyed)
    page._session_context = lambda: context
    page.add_next_tick_callback = lambda update: update()
    return page


def test_a_closed_loop_or_page_takes_no_updates():
    loop, updates = asyncio.new_event_loop(), []
    publish_to_loop(loop, lambda: updates.append("open"))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    publish_to_loop(loop, lambda: updates.append("closed"))
    publish_to_page(served_page(), lambda: updates.append("served"))
    publish_to_page(served_page(destroyed=True), lambda: updates.append("destroyed"))
    publish_to_page(Document(), lambda: updates.append("gone"))
    assert updates == ["open", "served"]
    page, held = served_page(), []  # a result is told in one message
    publish_to_page(page, lambda: held.append(page.callbacks.hold_value))
    assert held == ["combine"]
    assert page.callbacks.hold_value is None


@in_loop
async def test_a_thread_leaves_the_document_to_its_event_loop(monkeypatch):
    page, threads = served_page(), []
    page.add_next_tick_callback = lambda _: threads.append(threading.get_ident())
    monkeypatch.setattr(type(pn.state), "curdoc", page)
    publish = publisher()
    await asyncio.to_thread(publish, lambda: None)
    await until(lambda: bool(threads))
    assert threads == [threading.get_ident()]
