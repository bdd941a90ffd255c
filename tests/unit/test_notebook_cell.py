"""Cells of a notebook: the page as a widget, its still picture, and its style sheets."""

import json
import sys
from types import SimpleNamespace
from xml.etree import ElementTree

import IPython.display
import panel as pn
import param
import pytest
from bokeh.document import Document
from bokeh.models import ImportedStyleSheet, InlineStyleSheet
from bokeh.models.ui import UIElement
from factory import small_spec
from panel.custom import JSComponent
from panel.io.resources import CDN_DIST
from panel.models.esm import DataEvent
from panel.viewable import Viewable
from pyviz_comms import Comm
from waiting import in_loop, until

import inficond_panel
from inficond_panel.api import plotting
from inficond_panel.errors import MissingExtraError
from inficond_panel.ui import notebook_cell
from inficond_panel.ui import widget as widget_module
from inficond_panel.ui.browser import InlineStyles
from inficond_panel.ui.drawing import Drawing, cut
from inficond_panel.ui.notebook_cell import NOT_YET, Alive, Cell, Still
from inficond_panel.ui.widget import PageWidget
from inficond_panel.views.page.page import OpeningView

pytestmark = pytest.mark.page

WIDGET = "application/vnd.jupyter.widget-view+json"


class Counter(JSComponent):
    count = param.Integer(default=0)
    twice = param.Integer(default=0)

    _esm = "export function render() {}"

    def __init__(self):
        super().__init__()
        self.heard = []
        self.on_msg(lambda event: self.heard.append(event.data))
        self.param.watch(lambda event: setattr(self, "twice", 2 * event.new), "count")


@pytest.fixture
def page():
    with pn.config.set(inline=True):
        yield Cell(Counter())


@pytest.fixture
def counter(page):
    return page[0]


@pytest.fixture
def shown(page, monkeypatch):
    """The widget of the page, seen by one view, with what it sends."""
    shown = PageWidget(page, page.publish)
    shown.sent = []
    monkeypatch.setattr(shown, "send", lambda content, buffers: shown.sent.append(content))
    shown._view_count = 1
    return shown


def events(shown):
    contents = [json.loads(part["payload"]) for part in shown.sent[2::3]]
    shown.sent.clear()
    return [event for content in contents for event in content["events"]]


def model_of(component, shown):
    return component._models[shown._model.ref["id"]][0]


def click(shown, **event):
    shown._sync_model(shown, {"event": "jsevent", **event}, [])


# --- messages ------------------------------------------------------------------------------------
def test_what_is_sent_has_its_parts_in_order(shown, counter):
    counter.count = 3
    header, metadata, content = [json.loads(part["payload"]) for part in shown.sent[:3]]
    assert header["msgtype"] == "PATCH-DOC"
    assert metadata == {"use_buffers": True}
    assert content["events"]


def test_what_is_added_brings_its_style_sheets(shown, page):
    page.append(pn.Row(pn.widgets.Button(label="Press")))
    told = json.dumps(events(shown))
    assert "Press" in told
    assert "InlineStyleSheet" in told
    assert "cdn." not in told
    assert not list(shown._model.select({"type": ImportedStyleSheet}))


def test_messages_of_a_component_are_sent(shown, counter):
    counter._send_msg({"pictures": [1, 2]})
    [event] = events(shown)
    assert event["kind"] == "MessageSent"
    assert "pictures" in json.dumps(event["msg_data"])


def test_a_change_in_the_browser_brings_back_what_follows_and_reaches_others(shown, page, counter):
    """A message is heard once, and cannot take the page away."""
    other = PageWidget(page, page.publish)
    data = model_of(counter, shown).data
    click(shown, kind="ModelChanged", model={"id": data.id}, attr="count", new=4)
    assert (counter.count, counter.twice) == (4, 8)
    [event] = events(shown)
    assert (event["attr"], event["new"]) == ("twice", 8)
    assert model_of(counter, other).data.count == 4
    values = [["model", {"id": model_of(counter, shown).id}], ["data", "pressed"]]
    entries = {"type": "map", "entries": values}
    event = {"type": "event", "name": "data_event", "values": entries}
    click(shown, kind="MessageSent", msg_type="bokeh_event", msg_data=event)
    assert counter.heard == ["pressed"]
    click(shown, kind="RootRemoved", model={"id": shown._model.id})
    assert shown._model.document.roots == [shown._model]


def test_a_view_starts_with_the_page_as_it_is_then(page, monkeypatch):
    def bundle() -> str:
        return shown.trait_metadata("render_bundle", "to_json")(shown.render_bundle, shown)

    sent = []
    shown = PageWidget(page, page.publish)
    monkeypatch.setattr(shown, "send", lambda *message: sent.append(message))
    page.append(pn.pane.HTML("marked late"))
    assert not sent
    assert "marked late" not in bundle()
    shown._view_count = 1
    assert "marked late" in bundle()
    page.append(pn.pane.HTML("later"))
    assert sent


def test_a_page_that_is_shown_again_has_models_of_its_own(shown, page, counter):
    before = shown._model
    shown._view_count = 0
    assert not page._models
    assert before.ref["id"] not in pn.state._views
    counter.count = 5
    shown._view_count = 1
    assert shown._model is not before
    assert model_of(counter, shown).data.count == 5


# --- display -------------------------------------------------------------------------------------
class Outputs(list):
    """Outputs of a notebook, each with its changes, and the calls that its loop got for later."""

    def __init__(self) -> None:
        super().__init__()
        self.later = []

    def display(self, data, raw, display_id):
        assert raw
        assert display_id
        self.append([data])
        at = len(self) - 1
        return SimpleNamespace(update=lambda data, raw: self[at].append(data))

    def call_later(self, seconds, call, *arguments):
        self.later.append((seconds, lambda: call(*arguments)))


@pytest.fixture
def outputs(monkeypatch):
    found = Outputs()
    monkeypatch.setattr(IPython.display, "display", found.display)
    return found


@pytest.fixture
def displayed(outputs, monkeypatch):
    """Outputs that would be displayed; the event loop's calls wait."""
    monkeypatch.setattr(widget_module.asyncio, "get_running_loop", lambda: outputs)
    return outputs


def test_a_widget_that_nobody_sees_is_displayed_anew_unless_it_is_closed(page, displayed):
    widget_module.display(page, page.publish)
    waits = []
    while displayed.later:
        seconds, call = displayed.later.pop(0)
        waits.append(seconds)
        call()
    assert waits == [2, 4, 8, 16, 32, 64]
    [bundles] = displayed
    ids = [data[WIDGET]["model_id"] for data in bundles]
    assert len(set(ids)) == len(ids) == 6
    assert len(page._models) == 1
    widget_module.display(page, page.publish)
    page.close()
    displayed.later.pop()[1]()
    assert (displayed.later, len(displayed[1])) == ([], 1)
    assert not page._models


def test_a_cell_is_a_widget_if_panel_asks_for_one_by_jupyter_bokeh(page, displayed, monkeypatch):
    for comms in ("ipywidgets", "vscode"):
        monkeypatch.setenv("PANEL_COMMS", comms)
        data, _ = page._repr_mimebundle_()
        assert data == {"text/html": '<div style="display: none"></div>'}
        assert WIDGET in displayed[-1][0]
    assert [len(each) for each in displayed] == [1, 1]
    monkeypatch.setitem(sys.modules, "jupyter_bokeh", None)
    monkeypatch.setitem(sys.modules, "jupyter_bokeh.widgets", None)
    monkeypatch.delitem(sys.modules, "inficond_panel.ui.widget")
    with pytest.raises(MissingExtraError, match="jupyter_bokeh") as raised:
        page._repr_mimebundle_()
    assert "[notebook]" in raised.value.remedy


# --- still pictures ------------------------------------------------------------------------------
def texts(drawing: Drawing) -> list[str]:
    tree = ElementTree.fromstring(drawing.svg())
    return ["".join(each.itertext()) for each in tree.iter("{http://www.w3.org/2000/svg}text")]


def drawn(words: str) -> Drawing:
    drawing = Drawing(50, 20)
    drawing.text((0, 10), words)
    return drawing


def test_a_drawing_escapes_its_texts_and_cuts_them_to_their_room():
    drawing = drawn("<script>alert('&')</script>")
    drawing.text((0, 30), "a very long name of a concept", room=60)
    assert texts(drawing) == ["<script>alert('&')</script>", "a very…"]
    assert "<script" not in drawing.svg()
    assert cut("short", 200) == "short"
    assert cut("whole, however long it may be", 0) == "whole, however long it may be"


@pytest.fixture
def kernel(outputs, monkeypatch):
    monkeypatch.setattr(notebook_cell, "in_kernel", lambda: True)
    monkeypatch.setattr(notebook_cell, "CALM", 0)
    return outputs


@in_loop
async def test_several_changes_make_one_new_picture_and_none_makes_none(kernel):
    shown = ["first"]
    still = Still(lambda: drawn(shown[0]))
    still.change_soon()
    assert still._waiting is None  # nobody has displayed it
    still.show()
    still.change_soon()
    await until(lambda: still._waiting is None)
    assert len(kernel[0]) == 1  # it is as it was
    shown[0] = "second"
    still.change_soon()
    still.change_soon()
    await until(lambda: len(kernel[0]) == 2)
    still.close()
    still.change_soon()
    assert still._waiting is None
    first, second = (each["text/html"] for each in kernel[0])
    assert drawn("first").uri() in first
    assert drawn("second").uri() in second
    assert "<script" not in second  # stays whole where a notebook is not trusted


def test_while_it_opens_a_sentence_is_shown_and_outside_a_kernel_nothing(kernel, monkeypatch):
    Still(lambda: None).show()
    [[bundle]] = kernel
    assert NOT_YET in bundle["text/html"]
    monkeypatch.undo()
    monkeypatch.setattr(IPython.display, "display", lambda *_, **__: pytest.fail("displayed"))
    Still(lambda: drawn("words")).show()
    monkeypatch.delitem(sys.modules, "IPython")
    Still(lambda: drawn("words")).show()


def test_each_display_that_asks_is_told_once_that_the_kernel_answers(monkeypatch):
    alive, told = Alive(), []
    monkeypatch.setattr(alive, "_send_msg", told.append)
    first, second = alive.get_root(), alive.get_root()
    for display in (first, first, second):
        alive._process_event(DataEvent(display, {}))
    assert told == 2 * [{"alive": True}]


@in_loop
async def test_each_view_and_the_page_have_a_picture(tmp_path):
    explorer = inficond_panel.explore(small_spec(tmp_path))
    assert explorer._draw("") is None
    await until(lambda: explorer.app is not None)
    names = [name for name in dir(explorer.views) if explorer.place(name)]
    store = explorer.app.store
    before = {name: explorer._draw(name) for name in names}
    assert before.pop("detail") is None  # nothing is selected
    assert set(store.classes) <= set(texts(before["performance"]))
    explorer.app.selection.open_concept(store.concepts[0], store.classes[0])
    for name in names:
        found = explorer._draw(name)
        assert found is not None, name
        assert texts(found) or name == "embedding", name
        assert len(found.uri()) < 100_000
    whole = texts(explorer._draw(""))
    assert {store.classes[0], "Provenance"} <= set(whole)
    explorer.close()


# --- style sheets: in a notebook none is linked; on a server Panel's links stay ------------------
def sheets(root):
    return [sheet for model in root.select({"type": UIElement}) for sheet in model.stylesheets]


def links(root):
    return [sheet.url for sheet in sheets(root) if isinstance(sheet, ImportedStyleSheet)]


def test_what_comes_later_is_inline_too_and_each_sheet_is_there_once_and_others_stay():
    for inline in (True, False):
        with pn.config.set(inline=inline):
            opening = OpeningView()
            page = pn.Column(opening, hooks=[InlineStyles()])
            root = page.get_root(Document(), Comm())
            assert bool(links(root)) is not inline
            opening.report(0.5, "Half of it")
            page.append(pn.Row(pn.widgets.Button(label="Press"), pn.pane.HTML("<b>bold</b>")))
            assert bool(links(root)) is not inline
    with pn.config.set(inline=True):
        button = pn.widgets.Button(label="Press", stylesheets=["./own.css"])
        page = pn.Column(button, pn.widgets.Button(), hooks=[InlineStyles()])
        root = page.get_root(Document(), Comm())
    assert links(root) == ["./own.css"]
    shared = {sheet for sheet in sheets(root) if isinstance(sheet, InlineStyleSheet)}
    rules = [sheet.css for sheet in shared]
    assert len(rules) == len(set(rules)) > 0
    assert CDN_DIST not in "".join(rules)


# --- scripts of plots ----------------------------------------------------------------------------
def test_scripts_of_plots_come_again_with_the_cell_that_brought_them(monkeypatch):
    brought = []

    def extension(*_, bokeh, **__):
        extension._loaded = True
        brought.append((run, bokeh))

    monkeypatch.setattr(plotting.hv, "extension", extension)
    monkeypatch.setattr(pn.extension, "_loaded", False)
    monkeypatch.setattr(Viewable, "_preprocessing_hooks", [])
    monkeypatch.setattr(plotting, "_BROUGHT", {})
    with pn.config.set(inline=False):
        for run in [("a", 1), ("a", 1), ("b", 2), ("a", 3), ("", 4), ("a", 3)]:
            monkeypatch.setattr(plotting, "running_cell", lambda run=run: run)
            plotting._load_backend()
    assert brought == [(("a", 1), True), (("a", 3), True)]
    assert len(Viewable._preprocessing_hooks) == 1
