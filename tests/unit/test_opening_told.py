"""Whatever goes wrong while a page opens is told on it, and can be tried again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import panel as pn
import pytest
from factory import small_spec
from waiting import until

from inficond_panel import app as app_module
from inficond_panel.app import Explorer
from inficond_panel.errors import HistoryError
from inficond_panel.state import AppState
from inficond_panel.tuning import shared_tuner
from inficond_panel.tuning.history.history import History


async def failed(explorer: Explorer) -> Exception:
    """The error that the page tells."""
    await until(lambda: explorer.opening.error is not None)
    return explorer.opening.error


async def try_again(explorer: Explorer) -> None:
    """Press the button below the message: the views are shown."""
    (button,) = explorer.opening._page.select(pn.widgets.Button)
    assert button.name == "Try again"
    button.clicks += 1
    await until(lambda: explorer.app is not None and not explorer.jobs.busy)
    assert explorer.opening.error is None
    assert explorer._page[0] is not explorer.opening._page
    explorer.close()


def test_a_history_that_is_away_is_told_and_tried_again(tmp_path: Path) -> None:
    spec = small_spec(tmp_path)
    shared_tuner(spec).root()
    path = Path(shared_tuner(spec).history.path)

    async def session() -> None:
        away = path.rename(tmp_path / "elsewhere")
        explorer = Explorer([spec])
        error = await failed(explorer)
        assert isinstance(error, HistoryError)
        assert str(path) in error.message
        away.rename(path)
        await try_again(explorer)

    asyncio.run(session())


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
def test_a_defect_is_told_as_one_and_tried_again(
    place: object, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by <b>nothing</b>")

    async def session() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(place, name, broken)
            explorer = Explorer([small_spec(tmp_path)])
            await failed(explorer)
        told = explorer.opening._page[0].object
        assert "ZeroDivisionError: by &lt;b&gt;nothing" in told
        assert "defect of the program" in told
        assert explorer._page[0] is explorer.opening._page
        await try_again(explorer)

    asyncio.run(session())


def test_a_state_that_cannot_be_is_told(tmp_path: Path) -> None:
    tuner = shared_tuner(small_spec(tmp_path))
    tuner.spec.tuning.__dict__["factor"] = 5000.0  # unchecked: beyond what the page can show

    async def session() -> None:
        explorer = Explorer([tuner])
        assert "5000" in (await failed(explorer)).message
        explorer.close()

    asyncio.run(session())
