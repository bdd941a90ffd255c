"""The page opens off the event loop, tells what is wrong there, and is updated."""

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
from inficond_panel import app as app_module
from inficond_panel.app import Explorer
from inficond_panel.errors import FileProblem, InficondError, SpecError
from inficond_panel.state import AppState
from inficond_panel.state.jobs import Status
from inficond_panel.store.stored import StoredArrays
from inficond_panel.tuning import History, shared_tuner
from inficond_panel.views.page.page import error_html, publish_to_loop, publish_to_page, publisher

pytestmark = pytest.mark.page

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


@in_loop
async def test_the_event_loop_reads_nothing_of_a_store(tmp_path, monkeypatch):
    """A slow disk then holds up nobody else."""
    load, readers = StoredArrays.load, []

    def noted(self, *given):
        readers.append(threading.current_thread())
        return load(self, *given)

    monkeypatch.setattr(StoredArrays, "load", noted)
    explorer = inficond_panel.explore(small_spec(tmp_path))
    await until(lambda: explorer.app)
    explorer.app.selection.param.update(class_name="bicycle", concept="wheel")
    await until(lambda: not explorer.jobs.busy)
    assert readers
    assert threading.main_thread() not in readers
    explorer.close()


@pytest.mark.parametrize("kind", ["pocket", "network"])
@in_loop
async def test_a_build_ends_with_the_page_that_shows_its_progress(tmp_path, kind):
    explorer = inficond_panel.explore(small_spec(tmp_path))
    await until(lambda: explorer.app)
    before = explorer.app
    state = getattr(before, kind)
    state.status = Status(min(state.RUNNING), "Waiting for its turn")
    explorer.open(explorer.specs[0])
    await until(lambda: explorer.app is not before)
    assert state.status.kind == "cancelling"
    explorer.close()


@in_loop
async def test_single_views_share_the_state(tmp_path):
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
    explorer.close()


@in_loop
async def test_the_views_are_named(tmp_path):
    explorer = inficond_panel.explore(small_spec(tmp_path))
    views = explorer.views
    await until(lambda: explorer.app is not None)
    six = ["configuration", "performance", "embedding", "knowledge", "detail", "provenance"]
    assert dir(views) == sorted([*six, "photos"])
    assert all(getattr(views, name).get_root() is not None for name in dir(views))
    with pytest.raises(AttributeError, match="knowledge"):
        views.knowlege  # noqa: B018
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


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (app_module, "_titles"),
        (AppState, "__init__"),
        (History, "iterations"),
        (app_module, "make_views"),
        (app_module, "Shell"),
    ],
)
@in_loop
async def test_a_defect_is_told_as_one_and_tried_again(place, name, tmp_path, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by <b>nothing</b>")

    with monkeypatch.context() as patch:
        patch.setattr(place, name, broken)
        explorer = Explorer([small_spec(tmp_path)])
        await until(lambda: explorer.opening.error is not None)
    told, button = explorer.opening._page
    assert "ZeroDivisionError: by &lt;b&gt;nothing" in told.object
    assert "defect of the program" in told.object
    assert explorer._page[0] is explorer.opening._page
    assert button.name == "Try again"
    button.clicks += 1
    await until(lambda: explorer.app is not None and not explorer.jobs.busy)
    assert explorer.opening.error is None
    assert explorer._page[0] is not explorer.opening._page
    explorer.close()


def test_what_cannot_be_opened_is_told_and_text_from_files_is_escaped(tmp_path):
    tuner = shared_tuner(small_spec(tmp_path))
    tuner.spec.tuning.__dict__["factor"] = 5000.0  # unchecked: beyond what the page can show

    async def told(given: object) -> str:
        explorer = Explorer([given])
        await until(lambda: explorer.opening.error is not None)
        explorer.close()
        return explorer.opening.error.message

    assert "missing.yaml" in asyncio.run(told(tmp_path / "missing.yaml"))
    assert "5000" in asyncio.run(told(tuner))
    problem = FileProblem(Path("<b>.yaml"), 3, 7, "<script>alert(1)</script>")
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
