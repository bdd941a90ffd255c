"""A page that is over is nowhere held: closed, replaced within its session, or a task left."""

import asyncio
import gc
import threading
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import holoviews as hv
import pytest
from factory import oracle_spec, small_spec
from holoviews.plotting.bokeh.callbacks import Callback
from studies import Visitor, small_study
from waiting import in_loop, until

from inficond_panel.app import Explorer
from inficond_panel.ui.notebook_cell import forget_places

pytestmark = pytest.mark.page


@asynccontextmanager
async def opened(*specs: Path) -> AsyncIterator[Explorer]:
    """A page, drawn as in a cell that has been run, and no work left."""
    explorer = Explorer(specs)
    explorer.__panel__().get_root()
    await until(lambda: explorer.app is not None and not explorer.jobs.busy)
    yield explorer
    explorer.close()


def held(*references: weakref.ref) -> bool:
    gc.collect()
    return any(reference() is not None for reference in references)


def registered() -> tuple[int, int]:
    """Entries in the registers that HoloViews keeps for the life of the process."""
    gc.collect()
    return len(Callback._callbacks), len(hv.Store._custom_options["bokeh"])


def workers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "inficond-jobs"}


def test_a_notebook_page_that_is_closed_is_held_nowhere(tmp_path):
    async def cell() -> list[weakref.ref]:
        async with opened(small_spec(tmp_path)) as explorer:
            explorer.views.embedding.get_root()
            explorer.views.performance.get_root()
        await until(lambda: workers() <= others)
        return [weakref.ref(one) for one in (explorer, explorer.app, explorer.jobs, explorer._page)]

    before, others = registered(), workers()
    references = asyncio.run(cell())
    assert not held(*references)
    assert all(now <= then for now, then in zip(registered(), before, strict=True))


@in_loop
async def test_the_page_before_another_choice_is_held_nowhere(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    specs = [oracle_spec(tmp_path / "one"), small_spec(tmp_path / "two")]
    specs[1].write_text(specs[1].read_text().replace("title: ", "title: Other "))
    async with opened(*specs) as explorer:
        for choose, title, targets in (
            (lambda app: app.targets.choose("oracle"), "Small", "oracle"),
            (lambda app: app.param.update(requested=app.datasets[1]), "Other Small", "teacher"),
        ):
            before = weakref.ref(explorer.app)
            choose(explorer.app)
            await until(lambda old=before: explorer.app is not old() and not explorer.jobs.busy)
            shown = (explorer.app.dataset.title, explorer.app.targets.chosen)
            assert shown == (title, targets)
            assert not held(before)


@pytest.mark.parametrize("end", ["leave", "close"])
def test_a_task_that_is_over_is_held_nowhere(tmp_path, end):
    study = small_study(tmp_path)
    visitor = Visitor(study, study.add_participant()[1])
    visitor.page.layout.get_root()
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
    assert not held(app)
    assert all(now <= then for now, then in zip(registered(), before, strict=True))
