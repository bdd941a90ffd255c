"""Components of the page: what the browser gets, and messages that it may send."""

import re
from pathlib import Path
from typing import Any

import panel as pn
import param
import pytest
from bokeh.document import Document
from panel.custom import Child
from panel.io.state import set_curdoc
from panel.models.esm import DataEvent

import inficond_panel
from inficond_panel.study.pages import board, participant  # noqa: F401 - their pages
from inficond_panel.ui import upstream
from inficond_panel.ui.component import Acting, Component, action, whole_text
from inficond_panel.views.page import page  # noqa: F401 - all views

pytestmark = pytest.mark.page


class Holding(Component):
    rows = param.List(default=[])
    below = Child()

    _esm = "export function render() { return 'holding' }"


class Taking(Component):
    asked = param.String("")
    kept = param.String("")

    _taken = frozenset({"asked"})
    _esm = "export function render() { return 'taking' }"


def test_each_source_has_a_name_so_that_the_browser_takes_it_as_it_is():
    """Panel compiles a source without a name, and keeps one module for all of the same name."""
    first, again, other = (kind().get_root() for kind in (Taking, Taking, Holding))
    assert first.bundle
    assert first.bundle == again.bundle != other.bundle
    assert (first.esm, other.esm) == (Taking._esm, Holding._esm)


def test_only_children_are_searched_for_models(monkeypatch):
    upstream.apply()  # as the app does
    searched = []
    for search in (
        "bokeh.model.model.visit_value_and_its_immediate_references",
        "panel.io.document.visit_immediate_value_references",
    ):
        monkeypatch.setattr(search, lambda value, visit: searched.append(value))
    view, document = Holding(below=pn.pane.HTML("one")), Document()
    document.add_root(view.get_root(document))
    del searched[:]
    view.rows = rows = [{"name": "wheel", "patches": [1, 2, 3]}]
    assert [value for value in searched if value == rows] == []
    [(model, _)] = view._models.values()
    assert model.data.rows == rows


def test_a_child_that_leaves_is_gone():
    view, document = Holding(below=pn.pane.HTML("one")), Document()
    document.add_root(view.get_root(document))
    view.below = pn.pane.HTML("two")
    texts = " ".join(model.text for model in document.models if hasattr(model, "text"))
    assert ("two" in texts, "one" in texts) == (True, False)


def test_what_the_browser_sets_or_says_is_answered_in_one_message():
    view, document, held = Taking(), Document(), []
    root = view.get_root(document)
    document.add_root(root)
    view.param.watch(lambda _: held.append(document.callbacks.hold_value), "asked")
    view.on_msg(lambda _: held.append(document.callbacks.hold_value))
    with set_curdoc(document):
        view._process_events({"asked": "wheel"})
        view._process_event(DataEvent(root, {"action": "open"}))
    assert held == ["combine", "combine"]
    assert document.callbacks.hold_value is None


def test_the_browser_sets_nothing_but_what_is_taken_and_whole_characters():
    view = Taking()  # a browser cuts what is typed at a field's limit, also within an emoji
    view._process_events({"kept": "changed"})
    view._process_events({"asked": "wheel \ud83d", "kept": "changed", "none": 1})
    assert (view.asked, view.kept) == ("wheel ?", "")
    assert whole_text({"a": ["\ud83d", 1, {"\ud83d\ude00": None}]})["a"][0] == "?"


# --- actions -------------------------------------------------------------------------------------
class View(Acting):
    def __init__(self) -> None:
        self.done: list[Any] = []

    @action
    def _open(self, concept: str, rows: list[int], place: list[float] | None = None) -> None:
        self.done.append((concept, rows, place))

    @action
    def keep(self, what: dict[str, Any], sure: bool, share: float, more: Any = 1) -> None:
        self.done.append((what, sure, share, more))

    def close(self) -> None:
        self.done.append("closed")


class Shy(View):
    @action
    def _greet(self) -> None:
        self.done.append("hello")

    def _takes(self, name: str) -> bool:
        return name == "greet"


OPEN = {"action": "open", "concept": "", "rows": []}
KEEP = {"action": "keep", "what": {}, "sure": True, "share": 2}


def test_an_action_is_called_with_its_arguments():
    view = View()
    view.act(OPEN | {"concept": "wheel", "rows": [1, 2]})
    view.act(OPEN | {"place": [1, 0.5]})
    view.act(OPEN | {"place": None})
    assert view.done == [("wheel", [1, 2], None), ("", [], [1, 0.5]), ("", [], None)]
    view.act(KEEP)
    view.act(KEEP | {"what": {"a": 1}, "sure": False, "share": 0.5, "more": None})
    assert view.done[3:] == [({}, True, 2, 1), ({"a": 1}, False, 0.5, None)]


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({}, ValueError),
        ({"action": "close"}, ValueError),  # a method, but no action
        (OPEN | {"action": "_open"}, ValueError),
        ({"action": ["open"]}, ValueError),
        ({"action": "open", "concept": "wheel"}, TypeError),
        (OPEN | {"self": 1}, TypeError),
        (OPEN | {"other": 1}, TypeError),
        (OPEN | {"concept": 1}, TypeError),
        (OPEN | {"rows": "12"}, TypeError),
        (OPEN | {"rows": [True]}, TypeError),
        (OPEN | {"rows": [1.0]}, TypeError),
        (OPEN | {"place": ["1"]}, TypeError),
        (KEEP | {"what": []}, TypeError),
        (KEEP | {"sure": 1}, TypeError),
        (KEEP | {"share": True}, TypeError),
    ],
)
def test_what_no_control_sends_is_refused(message, error):
    view = View()
    with pytest.raises(error):
        view.act(message)
    assert view.done == []


class Polite(Acting):
    @action
    def _thank(self) -> None: ...


def test_an_action_may_be_left_out_for_now():
    view = Shy()
    view.act(OPEN)
    view.act({"action": "greet"})
    assert view.done == ["hello"]


def test_actions_of_bases_are_joined():
    class Both(Polite, Shy): ...

    assert sorted(View._actions) == ["keep", "open"]
    assert sorted(Shy._actions) == ["greet", "keep", "open"]
    assert sorted(Both._actions) == ["greet", "keep", "open", "thank"]


def descendants(base: type[Acting]) -> list[type[Acting]]:
    return [each for own in base.__subclasses__() for each in (own, *descendants(own))]


@pytest.fixture(scope="module")
def sends() -> list[tuple[str, str]]:
    """What modules of the browser send: file, and text after ``send_msg(``."""
    found = [
        (file.name, rest)
        for file in Path(inficond_panel.__file__).parent.rglob("*.js")
        for rest in file.read_text(encoding="utf-8").split("send_msg(")[1:]
        if file.name != "still.js"  # it asks whether the kernel answers, without words
    ]
    assert len(found) > 20
    return found


def test_the_browser_sends_actions_only(sends):
    assert [name for name, rest in sends if not re.match(r"\{\s*action\b", rest)] == []


def test_some_view_has_each_action_that_the_browser_sends(sends):
    known = {name for view in descendants(Acting) for name in view._actions}
    named = {m[1] for _, rest in sends if (m := re.match(r'\{\s*action: "(\w+)"', rest))}
    assert named - known == set()
