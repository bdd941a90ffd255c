"""A page that is over is nowhere held: closed, replaced within its session, or a task left."""

from __future__ import annotations

import asyncio
import gc
import weakref
from pathlib import Path

import holoviews as hv
import pytest
from factory import oracle_spec, small_spec
from holoviews.plotting.bokeh.callbacks import Callback
from studies import small_study
from test_study_pages import Visitor
from waiting import until

import inficond_panel
from inficond_panel.app import Explorer
from inficond_panel.ui.notebook_cell import forget_places


def held(*references: weakref.ref) -> list[object]:
    """Those of them that are alive after a collection."""
    gc.collect()
    return [found for found in (reference() for reference in references) if found is not None]


def registered() -> tuple[int, int]:
    """Entries in the registers that HoloViews keeps for the life of the process."""
    return len(Callback._callbacks), len(hv.Store._custom_options["bokeh"])


async def opened(explorer: Explorer) -> Explorer:
    """With its page drawn, as in a cell that has been run, and no work left."""
    explorer.__panel__().get_root()
    await until(lambda: explorer.app is not None and not explorer.jobs.busy)
    return explorer


def test_a_notebook_page_that_is_closed_is_held_nowhere(tmp_path: Path) -> None:
    async def cell() -> list[weakref.ref]:
        explorer = await opened(inficond_panel.explore(small_spec(tmp_path)))
        explorer.views.embedding.get_root()
        explorer.views.performance.get_root()
        thread = explorer.jobs._thread
        explorer.close()
        await until(lambda: not thread.is_alive())
        return [weakref.ref(one) for one in (explorer, explorer.app, explorer.jobs, explorer._page)]

    gc.collect()
    before = registered()
    references = asyncio.run(cell())
    assert held(*references) == []
    assert registered() == before


def test_the_page_before_another_data_set_is_held_nowhere(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    specs = [small_spec(tmp_path / name) for name in ("one", "two")]
    specs[1].write_text(specs[1].read_text().replace("title: ", "title: Other "))

    async def session() -> None:
        explorer = await opened(Explorer(specs))
        first = weakref.ref(explorer.app)
        explorer.app.choose_dataset(explorer.app.datasets[1])
        await until(lambda: explorer.app is not first() and not explorer.jobs.busy)
        assert held(first) == []
        explorer.close()

    asyncio.run(session())


def test_the_page_before_other_targets_is_held_nowhere(tmp_path: Path) -> None:
    async def session() -> None:
        explorer = await opened(Explorer([oracle_spec(tmp_path)]))
        first = weakref.ref(explorer.app)
        explorer.app.targets.choose("oracle")
        await until(lambda: explorer.app is not first() and not explorer.jobs.busy)
        assert explorer.app.targets.chosen == "oracle"
        assert held(first) == []
        explorer.close()

    asyncio.run(session())


@pytest.mark.parametrize("end", ["leave", "close"])
def test_a_task_that_is_over_is_held_nowhere(tmp_path: Path, end: str) -> None:
    study = small_study(tmp_path)
    visitor = Visitor(study, study.add_participant()[1])
    visitor.page.layout.get_root()
    gc.collect()
    before = registered()
    visitor.to_task()
    app = weakref.ref(visitor.page.work.app)
    assert registered() != before
    if end == "leave":
        visitor.leave()
    else:
        visitor.page.close()
        forget_places(visitor.page.layout)  # drawn without a server, which would do this
        del visitor
    assert held(app) == []
    assert registered() == before
