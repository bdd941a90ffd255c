"""A page as a Jupyter widget: what goes to the browser, and what comes back."""

from __future__ import annotations

import json
import sys

import panel as pn
import param
import pytest
from bokeh.models import ImportedStyleSheet
from panel.custom import JSComponent

from inficond_panel.errors import MissingExtraError
from inficond_panel.ui import widget as widget_module
from inficond_panel.ui.notebook_cell import Cell
from inficond_panel.ui.widget import PageWidget


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
def counter():
    return Counter()


@pytest.fixture
def page(counter):
    with pn.config.set(inline=True):
        yield Cell(counter)


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


def bundle(shown):
    return shown.trait_metadata("render_bundle", "to_json")(shown.render_bundle, shown)


def model_of(component, shown):
    return component._models[shown._model.ref["id"]][0]


def click(shown, **event):
    shown._sync_model(shown, {"event": "jsevent", **event}, [])


def test_a_message_has_its_parts_in_order(shown, counter):
    counter.count = 3
    header, metadata, content = [json.loads(part["payload"]) for part in shown.sent[:3]]
    assert header["msgtype"] == "PATCH-DOC"
    assert metadata == {"use_buffers": True}
    assert content["events"]


def test_what_comes_later_brings_its_style_sheets(shown, page):
    page.append(pn.Row(pn.widgets.Button(label="Press")))
    told = json.dumps(events(shown))
    assert "Press" in told
    assert "InlineStyleSheet" in told
    assert "cdn." not in told
    assert not list(shown._model.select({"type": ImportedStyleSheet}))


def test_a_message_of_a_component_arrives(shown, counter):
    counter._send_msg({"pictures": [1, 2]})
    [event] = events(shown)
    assert event["kind"] == "MessageSent"
    assert "pictures" in json.dumps(event["msg_data"])


def test_a_message_from_the_browser_is_heard_once(shown, counter):
    values = [["model", {"id": model_of(counter, shown).id}], ["data", "pressed"]]
    event = {
        "type": "event",
        "name": "data_event",
        "values": {"type": "map", "entries": values},
    }
    click(shown, kind="MessageSent", msg_type="bokeh_event", msg_data=event)
    assert counter.heard == ["pressed"]


def test_a_change_in_the_browser_brings_back_what_follows_from_it_only(shown, counter):
    data = model_of(counter, shown).data
    click(shown, kind="ModelChanged", model={"id": data.id}, attr="count", new=4)
    assert (counter.count, counter.twice) == (4, 8)
    [event] = events(shown)
    assert (event["attr"], event["new"]) == ("twice", 8)


def test_the_browser_cannot_take_the_page_away(shown):
    click(shown, kind="RootRemoved", model={"id": shown._model.id})
    assert shown._model.document.roots == [shown._model]


def test_a_view_starts_with_the_page_as_it_is_then(page, monkeypatch):
    shown = PageWidget(page, page.publish)
    sent = []
    monkeypatch.setattr(shown, "send", lambda *message: sent.append(message))
    page.append(pn.pane.HTML("marked late"))
    assert not sent
    assert "marked late" not in bundle(shown)
    shown._view_count = 1
    assert "marked late" in bundle(shown)
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


def test_one_page_in_two_widgets_stays_in_step(shown, page, counter):
    other = PageWidget(page, page.publish)
    data = model_of(counter, shown).data
    click(shown, kind="ModelChanged", model={"id": data.id}, attr="count", new=6)
    assert model_of(counter, other).data.count == 6


@pytest.fixture
def displayed(monkeypatch):
    """Output that would be displayed, with the calls that the event loop got for later."""

    class Loop:
        def __init__(self):
            self.later = []

        def call_later(self, seconds, call, *arguments):
            self.later.append((seconds, lambda: call(*arguments)))

    class Handle:
        def __init__(self, data):
            self.data = [data]

        def update(self, data, raw):
            self.data.append(data)

    loop, handles = Loop(), []

    def display(data, raw, display_id):
        handles.append(Handle(data))
        return handles[-1]

    monkeypatch.setattr(widget_module.IPython.display, "display", display)
    monkeypatch.setattr(widget_module.asyncio, "get_running_loop", lambda: loop)
    return loop, handles


def test_a_widget_that_nobody_sees_is_displayed_anew_for_a_while(page, displayed):
    loop, handles = displayed
    widget_module.display(page, page.publish)
    waits = []
    while loop.later:
        seconds, call = loop.later.pop(0)
        waits.append(seconds)
        call()
    assert waits == [2, 4, 8, 16, 32, 64]
    ids = [data["application/vnd.jupyter.widget-view+json"]["model_id"] for data in handles[0].data]
    assert len(set(ids)) == len(ids) == 6
    assert len(page._models) == 1


def test_a_closed_page_is_not_displayed_anew(page, displayed):
    loop, handles = displayed
    widget_module.display(page, page.publish)
    page.close()
    loop.later.pop()[1]()
    assert not loop.later
    assert len(handles[0].data) == 1
    assert not page._models


@pytest.mark.parametrize("comms", ["ipywidgets", "vscode"])
def test_a_cell_is_a_widget_where_panel_asks_for_one(page, displayed, comms, monkeypatch):
    monkeypatch.setenv("PANEL_COMMS", comms)
    data, _ = page._repr_mimebundle_()
    assert data == {"text/html": '<div style="display: none"></div>'}
    [handle] = displayed[1]
    assert "application/vnd.jupyter.widget-view+json" in handle.data[0]


def test_without_jupyter_bokeh_it_says_what_to_install(page, monkeypatch):
    monkeypatch.setenv("PANEL_COMMS", "vscode")
    monkeypatch.setitem(sys.modules, "jupyter_bokeh", None)
    monkeypatch.setitem(sys.modules, "jupyter_bokeh.widgets", None)
    monkeypatch.delitem(sys.modules, "inficond_panel.ui.widget")
    with pytest.raises(MissingExtraError, match="jupyter_bokeh") as raised:
        page._repr_mimebundle_()
    assert "[notebook]" in raised.value.remedy


def test_whoever_asked_is_told_of_each_view_that_is_made(page):
    told = []
    shown = PageWidget(page, page.publish, lambda: told.append(shown._view_count))
    for views in (1, 2, 0, 1):
        shown._view_count = views
    assert told == [1, 1]
