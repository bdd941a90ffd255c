"""Clicks come in threads of their own in a notebook, results in another: one place changes a page.

JupyterLab sends what is done in the browser to subshells of the kernel, which are threads; results
of the worker and code in cells run in the main one.
"""

import asyncio
import contextlib
import random
import threading

import panel as pn
import pytest
from browser import Browser, WidgetBrowser, Wires
from factory import small_spec
from waiting import PATIENCE, in_loop, until

import inficond_panel
from inficond_panel.views.page.page import make_views

pytestmark = pytest.mark.page


@pytest.fixture(autouse=True)
def _wires(monkeypatch):
    monkeypatch.setattr(pn.state, "_comm_manager", Wires)


@contextlib.asynccontextmanager
async def opened(folder):
    session = inficond_panel.explore(small_spec(folder))
    await until(lambda: session.app is not None)
    try:
        yield session
    finally:
        session.close()


@pytest.mark.parametrize("show", [Browser, WidgetBrowser])
@in_loop
async def test_a_click_and_a_result_at_the_same_time_leave_one_after_the_other(tmp_path, show):
    async with opened(tmp_path) as session:
        browser = show(session.views.knowledge)
        browser.open()
        amid, go_on, main = threading.Event(), threading.Event(), threading.current_thread()

        def wait_amid_a_message():
            if threading.current_thread() is not main and not amid.is_set():
                amid.set()
                go_on.wait(PATIENCE)

        browser.wire.after_send = wait_amid_a_message
        table = session._shown["knowledge"].table
        chosen = {"type": "select", "student": "sheep"}
        click = asyncio.create_task(asyncio.to_thread(browser.click, table, **chosen))
        await until(lambda: amid.is_set() or click.done())
        session.app.selection.class_name = "bird"  # a result's change, or a cell's
        go_on.set()
        await click
        await until(lambda: not session.jobs.busy)
        browser.read()
        assert table.student == session.app.selection.class_name
        assert browser.differences() == []
        assert browser.wire.senders == {main}


MANY = [pytest.param(60, seed, marks=pytest.mark.more) for seed in range(1, 6)]


@pytest.mark.parametrize(("clicks", "seed"), [(8, 0), *MANY])
def test_after_a_burst_of_clicks_all_views_tell_of_the_same_student(tmp_path, clicks, seed):
    asyncio.run(burst(tmp_path, clicks, seed))


CLASSES = ("bicycle", "tv monitor", "sheep", "bird")
#: What a component shows of the state alone, by view and the name of its component there.
SHOWN = {
    ("configuration", "_strip"): ["data"],
    ("performance", "table"): ["selected", "rows", "touched"],
    ("knowledge", "table"): ["student", "concept", "rows", "pending", "status"],
    ("knowledge", "panels"): ["student"],
    ("detail", "panel"): ["student", "concept", "influence", "pending"],
    ("provenance", "_tree"): ["data"],
}


async def burst(folder, clicks, seed):
    """Click in a page with two threads of the kernel and in a view with a third; run cells."""
    async with opened(folder) as session:
        page, alone = Browser(session._page), WidgetBrowser(session.views.knowledge)
        for browser in (page, alone):
            browser.open()
        table = session._shown["knowledge"].table
        threads = [
            asyncio.to_thread(click_on, browser, table, clicks, random.Random(3 * seed + number))
            for number, browser in enumerate([page, page, alone])
        ]
        await asyncio.gather(*threads, run_cells(session, clicks))
        await until(lambda: not session.jobs.busy)
        for browser in (page, alone):
            browser.read()
            assert browser.differences() == []
        await as_made_anew(session)


def click_on(browser, table, clicks, chance):
    """Choose classes, open concepts, give thumbs and refit, without waiting for anything."""
    for _ in range(clicks):
        concept = chance.choice([row["concept"] for row in table.rows] or ["wheel"])
        kinds = [
            {"action": "select", "student": chance.choice(CLASSES)},
            {"action": "open", "concept": concept},
            {"action": "toggle", "concept": concept, "direction": chance.choice(["up", "down"])},
            {"action": "fine_tune"},
        ]
        browser.click(table, **chance.choice(kinds))


async def run_cells(session, count):
    for number in range(count):
        session.app.selection.class_name = CLASSES[number % len(CLASSES)]
        await asyncio.sleep(0)  # the cell is done


async def as_made_anew(session):
    """Each view shows the same as a new one of the state."""
    anew = make_views(session.app)
    await until(lambda: not session.jobs.busy)
    for (name, component), params in SHOWN.items():
        ours = getattr(session._shown[name], component)
        theirs = getattr(anew[name], component)
        for param in params:
            assert getattr(ours, param) == getattr(theirs, param), f"{name}: {param}"
