"""Palette: what is found, and what an entry does."""

from __future__ import annotations

import pytest

from inficond_panel.state import AppState
from inficond_panel.tuning import Intent
from inficond_panel.views.page.palette import ACTIONS, MOST, choose, find_entries


def names(app: AppState, query: str, kind: str) -> list[str]:
    return [each["name"] for each in find_entries(app, query) if each["kind"] == kind]


def test_names_that_begin_so_come_first_and_case_is_no_matter(app: AppState) -> None:
    found = names(app, "S", "concept")
    begins = [name for name in found if name.startswith("s")]
    assert found[: len(begins)] == begins
    assert len(found) <= MOST
    assert names(app, " bicycle ", "class") == ["bicycle"]


def test_without_a_query_there_are_actions_that_can_be_done_now(app: AppState) -> None:
    found = find_entries(app, "")
    assert {each["kind"] for each in found} == {"action"}
    assert "repair" not in {each["key"] for each in found}
    app.selection.class_name = "bicycle"
    assert {each["key"] for each in find_entries(app, "")} == set(ACTIONS)


def test_entries_do_what_they_say(app: AppState) -> None:
    choose(app, "class", "bicycle")
    choose(app, "concept", "wheel")
    assert (app.selection.class_name, app.selection.concept) == ("bicycle", "wheel")
    app.tuning.toggle(Intent("bicycle", "wheel", "down"))
    choose(app, "action", "fine-tune")
    assert app.students.node.number == 1
    (first,) = [each for each in find_entries(app, "#0") if each["kind"] == "iteration"]
    choose(app, first["kind"], first["key"])
    assert app.students.node.number == 0
    choose(app, "action", "metrics")
    assert app.settings.measured


@pytest.mark.parametrize(
    "entry", [("action", "rm"), ("class", "wheel"), ("iteration", "x"), ("", "")]
)
def test_an_entry_that_is_not_there_is_refused(app: AppState, entry: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="no such entry"):
        choose(app, *entry)
