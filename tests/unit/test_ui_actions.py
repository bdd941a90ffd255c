"""Messages of the browser: the method that an action names, or a refusal."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import inficond_panel
from inficond_panel.study.pages import board, participant  # noqa: F401 - their pages
from inficond_panel.ui.component import Acting, action
from inficond_panel.views.page import page  # noqa: F401 - all views

SOURCES = Path(inficond_panel.__file__).parent


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


@pytest.mark.parametrize(
    ("message", "done"),
    [
        ({"action": "open", "concept": "wheel", "rows": [1, 2]}, ("wheel", [1, 2], None)),
        ({"action": "open", "concept": "", "rows": [], "place": [1, 0.5]}, ("", [], [1, 0.5])),
        ({"action": "open", "concept": "", "rows": [], "place": None}, ("", [], None)),
        ({"action": "keep", "what": {}, "sure": True, "share": 2}, ({}, True, 2, 1)),
        ({"action": "keep", "what": {"a": 1}, "sure": False, "share": 0.5, "more": None},
         ({"a": 1}, False, 0.5, None)),
    ],
)  # fmt: skip
def test_an_action_is_called_with_its_arguments(message: dict[str, Any], done: Any) -> None:
    view = View()
    view.act(message)
    assert view.done == [done]


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({}, ValueError),
        ({"action": "close"}, ValueError),  # a method, but no action
        ({"action": "_open", "concept": "wheel", "rows": []}, ValueError),
        ({"action": ["open"]}, ValueError),
        ({"action": "open", "concept": "wheel"}, TypeError),
        ({"action": "open", "concept": "wheel", "rows": [], "self": 1}, TypeError),
        ({"action": "open", "concept": "wheel", "rows": [], "other": 1}, TypeError),
        ({"action": "open", "concept": 1, "rows": []}, TypeError),
        ({"action": "open", "concept": "wheel", "rows": "12"}, TypeError),
        ({"action": "open", "concept": "wheel", "rows": [True]}, TypeError),
        ({"action": "open", "concept": "wheel", "rows": [1.0]}, TypeError),
        ({"action": "open", "concept": "wheel", "rows": [], "place": ["1"]}, TypeError),
        ({"action": "keep", "what": [], "sure": True, "share": 2}, TypeError),
        ({"action": "keep", "what": {}, "sure": 1, "share": 2}, TypeError),
        ({"action": "keep", "what": {}, "sure": True, "share": True}, TypeError),
    ],
)
def test_what_no_control_sends_is_refused(message: dict[str, Any], error: type) -> None:
    view = View()
    with pytest.raises(error):
        view.act(message)
    assert view.done == []


def test_an_action_may_be_left_out_for_now() -> None:
    view = Shy()
    view.act({"action": "open", "concept": "wheel", "rows": []})
    view.act({"action": "greet"})
    assert view.done == ["hello"]


def test_actions_of_a_base_are_kept_and_not_shared() -> None:
    assert sorted(Shy._actions) == ["greet", "keep", "open"]
    assert sorted(View._actions) == ["keep", "open"]


def test_actions_of_two_bases_are_joined() -> None:
    class Polite(Acting):
        @action
        def _thank(self) -> None: ...

    class Both(Polite, Shy): ...

    assert sorted(Both._actions) == ["greet", "keep", "open", "thank"]


def descendants(base: type[Acting]) -> list[type[Acting]]:
    return [each for own in base.__subclasses__() for each in (own, *descendants(own))]


def test_the_browser_sends_actions_only_and_some_view_has_each() -> None:
    known = {name for view in descendants(Acting) for name in view._actions}
    sends = [
        (file.name, rest)
        for file in SOURCES.rglob("*.js")
        for rest in file.read_text(encoding="utf-8").split("send_msg(")[1:]
    ]
    assert len(sends) > 20
    assert [name for name, rest in sends if not re.match(r"\{ action\b", rest)] == []
    named = {m[1] for _, rest in sends if (m := re.match(r'\{ action: "(\w+)"', rest))}
    assert named - known == set()
