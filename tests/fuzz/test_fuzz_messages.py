"""Messages of a browser to all views: done, or left out with one line; the page goes on."""

from __future__ import annotations

import inspect
import logging
import random
from collections.abc import Mapping
from typing import Any

import pytest
from factory import small_spec
from guard import attempt
from panel.models.esm import DataEvent

from inficond_panel.state import AppState, Jobs
from inficond_panel.tuning import Intent, Tuner, open_tuner
from inficond_panel.ui import upstream
from inficond_panel.ui.component import Acting, Component
from inficond_panel.views.page.page import make_views
from inficond_panel.views.page.shell import Shell

HALF = "\ud83d"


@pytest.fixture
def app(tmp_path) -> AppState:
    tuner = open_tuner(small_spec(tmp_path), history=":memory:")
    node = tuner.fine_tune(tuner.root(), [Intent("bicycle", "sky", "down")])
    tuner.set_head(node, "fine-tune")
    upstream.apply()  # as the app does
    app = AppState(tuner, Jobs(inline=True))
    app.selection.class_name = "bicycle"
    return app


def some_value(rng: random.Random, tuner: Tuner, depth: int = 0) -> Any:
    choices: list[Any] = [
        None, True, 0, -1, 1, 2, 10**6, 10**400, float("nan"), 0.5, "", "x", HALF, "x" * 200_000,
        "up", "down", "remove", "ap", "csv", "json", "npz", "holdout", "tune", "fit", "all", "0",
        *tuner.store.concepts, *tuner.store.classes, tuner.root_id,
        {"class": "bicycle", "concept": "wheel", "direction": "up", "factor": 1e300},
    ]  # fmt: skip
    if depth < 3 and rng.random() < 0.3:
        inner = [some_value(rng, tuner, depth + 1) for _ in range(rng.randrange(4))]
        return inner if rng.random() < 0.7 else {str(i): item for i, item in enumerate(inner)}
    return rng.choice(choices)


def actions() -> dict[str, list[str]]:
    """Names of the arguments of each action that a view has."""
    of = [method for view in Acting.__subclasses__() for method in view._actions.items()]
    return {name: list(inspect.signature(method).parameters)[1:] for name, method in of}


def some_message(rng: random.Random, tuner: Tuner) -> Any:
    if rng.random() < 0.05:
        return some_value(rng, tuner)
    named = actions()
    name = rng.choice(sorted(named))
    message: dict[str, Any] = {"action": name}
    for argument in named[name]:
        message[argument] = some_value(rng, tuner)
    if rng.random() < 0.15:
        message[rng.choice([*message, "other"])] = some_value(rng, tuner)
    if rng.random() < 0.1:
        del message[rng.choice(list(message))]
    return message


def tell(component: Component, rng: random.Random, tuner: Tuner) -> None:
    if rng.random() < 0.3:
        names = [name for name in component.param if name not in {"name", "views"}]
        component._process_events({rng.choice(names): some_value(rng, tuner)})
    else:
        component._process_event(DataEvent(None, some_message(rng, tuner)))


def check(app: AppState, views: Mapping[str, Any]) -> None:
    """The state holds what the store has, and the views follow it."""
    store = app.store
    assert app.selection.class_name in {"", *store.classes}
    assert app.selection.concept in {"", *store.concepts}
    for intent in app.tuning.pending:
        assert intent.class_name in store.classes
        assert intent.concept in store.concepts
    nodes = app.tuner.nodes(deleted=True)
    assert [node.number for node in nodes] == list(range(len(nodes)))
    for name in ("sheep", "bicycle"):
        app.selection.class_name = name
        assert views["knowledge"].table.student == name
        assert views["knowledge"].table.rows


def test_a_projection_that_is_not_there_is_not_shown(app) -> None:
    view = make_views(app)["embedding"]
    before = view.panel.projection
    view.panel._process_events({"projection": "holdout"})
    assert view.panel.projection == before


def test_no_message_breaks_a_page_or_reaches_the_log(app, mutants, caplog) -> None:
    caplog.set_level(logging.WARNING)
    views = make_views(app)
    shell = Shell(app, views)
    components = [view.__panel__() for view in views.values()] + [shell.__panel__()]
    for at, (name, rng) in enumerate(mutants.generators(300)):
        component = rng.choice(components)
        told = f"{name}: {type(component).__name__}"
        attempt(told, lambda c=component, r=rng: tell(c, r, app.tuner))
        if at % 50 == 49:
            check(app, views)
    for record in caplog.records:
        assert record.exc_info is None, record.getMessage()
        assert len(record.getMessage()) < 300
        assert "\n" not in record.getMessage()
