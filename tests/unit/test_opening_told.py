"""Whatever goes wrong while a page opens is told on it, and can be tried again."""

import asyncio

import pytest
from factory import small_spec
from waiting import in_loop, until

from inficond_panel import app as app_module
from inficond_panel.app import Explorer
from inficond_panel.state import AppState
from inficond_panel.tuning import shared_tuner
from inficond_panel.tuning.history.history import History


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


def test_a_spec_that_is_missing_and_a_state_that_cannot_be_are_told(tmp_path):
    tuner = shared_tuner(small_spec(tmp_path))
    tuner.spec.tuning.__dict__["factor"] = 5000.0  # unchecked: beyond what the page can show

    async def told(given: object) -> str:
        explorer = Explorer([given])
        await until(lambda: explorer.opening.error is not None)
        explorer.close()
        return explorer.opening.error.message

    assert "missing.yaml" in asyncio.run(told(tmp_path / "missing.yaml"))
    assert "5000" in asyncio.run(told(tuner))
