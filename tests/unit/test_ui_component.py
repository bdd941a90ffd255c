"""Components of the page, as the browser gets them."""

from __future__ import annotations

import panel as pn
import param
import pytest
from bokeh.document import Document
from panel.custom import Child
from panel.io.state import set_curdoc
from panel.models.esm import DataEvent

from inficond_panel.ui.component import Component, whole_text


class One(Component):
    _esm = "export function render() { return 'one' }"


class Two(Component):
    _esm = "export function render() { return 'two' }"


def test_each_source_has_a_name_so_that_the_browser_takes_it_as_it_is() -> None:
    """Panel compiles a source without a name, and keeps one module for all of the same name."""
    first, again, other = (kind().get_root() for kind in (One, One, Two))
    assert first.bundle
    assert first.bundle == again.bundle != other.bundle
    assert (first.esm, other.esm) == (One._esm, Two._esm)


class Holding(Component):
    rows = param.List(default=[])
    below = Child()

    _esm = "export function render() { return 'holding' }"


@pytest.mark.parametrize(
    "search",
    [
        "bokeh.model.model.visit_value_and_its_immediate_references",
        "panel.io.document.visit_immediate_value_references",
    ],
)
def test_only_children_are_searched_for_models(monkeypatch, search) -> None:
    searched = []
    monkeypatch.setattr(search, lambda value, visit: searched.append(value))
    view = Holding(below=pn.pane.HTML("one"))
    document = Document()
    document.add_root(view.get_root(document))
    del searched[:]
    view.rows = rows = [{"name": "wheel", "patches": [1, 2, 3]}]
    assert [value for value in searched if value == rows] == []
    assert view._models
    assert next(iter(view._models.values()))[0].data.rows == rows


class Told(Component):
    name_shown = param.String("")

    _taken = frozenset({"name_shown"})
    _esm = "export function render() { return 'told' }"


def test_what_the_browser_sets_or_says_is_answered_in_one_message() -> None:
    view, document, held = Told(), Document(), []
    root = view.get_root(document)
    document.add_root(root)
    view.param.watch(lambda _: held.append(document.callbacks.hold_value), "name_shown")
    view.on_msg(lambda _: held.append(document.callbacks.hold_value))
    with set_curdoc(document):
        view._process_events({"name_shown": "wheel"})
        view._process_event(DataEvent(root, {"action": "open"}))
    assert held == ["combine", "combine"]
    assert document.callbacks.hold_value is None


def test_a_child_that_comes_is_in_the_document_and_one_that_leaves_is_not() -> None:
    view = Holding(below=pn.pane.HTML("one"))
    document = Document()
    document.add_root(view.get_root(document))
    view.below = pn.pane.HTML("two")
    texts = [model.text for model in document.models if hasattr(model, "text")]
    assert [text for text in texts if "two" in text]
    assert not [text for text in texts if "one" in text]


class Taking(Component):
    asked = param.String("")
    kept = param.String("")

    _taken = frozenset({"asked"})
    _esm = "export function render() { return 'taking' }"


def test_the_browser_sets_nothing_but_what_is_taken() -> None:
    view = Taking()
    view._process_events({"kept": "changed"})
    view._process_events({"asked": "wheel", "kept": "changed", "none": 1})
    assert (view.asked, view.kept) == ("wheel", "")


def test_half_a_character_is_no_text_that_can_be_stored() -> None:
    """A browser cuts what is typed at a field's limit, also within an emoji."""
    view = Taking()
    view._process_events({"asked": "wheel \ud83d"})
    assert view.asked == "wheel ?"
    assert whole_text({"a": ["\ud83d", 1, {"\ud83d\ude00": None}]})["a"][0] == "?"
