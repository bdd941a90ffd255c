"""The state of the page in a URL, and following a link."""

from __future__ import annotations

from pathlib import Path

import pytest
from factory import small_spec

from inficond_panel.state import AppState, Intent, Jobs
from inficond_panel.tuning import open_tuner
from inficond_panel.views.address import Address, make_address


@pytest.fixture
def app(tmp_path: Path) -> AppState:
    """A session on #1 of two iterations."""
    tuner = open_tuner(small_spec(tmp_path))
    first = tuner.fine_tune(tuner.root(), [Intent("bicycle", "wheel", "remove")])
    tuner.set_head(first)
    return AppState(tuner, Jobs(inline=True))


def test_a_link_shows_the_same(app):
    app.selection.param.update(class_name="tv monitor", concept="sky")
    app.settings.param.update(
        sort="f1",
        descending=False,
        concept_sort="discrepancy_n",
        filters=["positive", "wrong"],
        tab="provenance",
    )
    node = app.students.node
    link = make_address(app)
    other = AppState(app.tuner, Jobs(inline=True))
    other.tuning.jump(node.parent)

    assert Address(f"?{link}").follow(other) == ""
    assert other.students.node.id == node.id
    assert (other.selection.class_name, other.selection.concept) == ("tv monitor", "sky")
    assert other.settings.param.values() == {
        **app.settings.param.values(),
        "name": other.settings.name,
    }
    assert make_address(other) == link


def test_what_is_as_usual_is_left_out(app):
    assert make_address(app) == f"at={app.students.node.id[:8]}"


@pytest.mark.parametrize(
    ("search", "told"),
    [
        ("?class=unicorn", "no class 'unicorn'"),
        ("?concept=unicorn", "no concept 'unicorn'"),
        ("?at=zzzz", "no iteration 'zzzz'"),
        ("?sort=beauty", "no sort 'beauty'"),
        ("?images=positive,pretty", "no images 'positive,pretty'"),
        ("?data=Elsewhere", "not here: Elsewhere"),
        ("?split=holdout", "does not open the holdout"),
    ],
)
def test_what_is_unknown_is_told_and_the_rest_is_shown(app, search, told):
    node, looks = app.students.node.id, app.dataset.looks
    said = Address(f"{search}&class=sheep").follow(app) if "class" not in search else ""
    said = said or Address(search).follow(app)

    assert told in said
    assert app.students.node.id == node
    assert app.selection.class_name in ("", "sheep")
    assert (app.dataset.split, app.dataset.looks) == ("tune", looks)


@pytest.mark.parametrize("search", ["", "?", "?&&==&", "?class=%FF%00", "?" + "class=a&" * 9999])
def test_no_query_breaks_the_page(app, search):
    Address(search).follow(app)
    assert app.selection.class_name == ""


def test_a_link_is_followed_once(app):
    address = Address("?class=sheep")
    address.follow(app)
    app.selection.class_name = "bird"

    assert address.follow(app) == ""
    assert app.selection.class_name == "bird"


def test_a_link_to_another_data_set_opens_it_first(app):
    app.datasets = ["Small", "Other"]
    address = Address()

    assert address.go(app, "?data=Other&class=sheep") == ""
    assert app.requested == "Other"
    assert app.selection.class_name == ""
    address.follow(app)
    assert app.selection.class_name == "sheep"
