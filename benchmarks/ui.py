"""Costs of the page: time to paint, bytes sent, memory of a session, many sessions at once.

    python benchmarks/ui.py [--quick] [--only demo|synthetic|classes|history|thumbs|work]

Two servers, each in a process of its own: the embedded demo, and a synthetic store with 5,011
images to fit on, half as many to tune on, 584 concepts and 20 classes. In Chromium (1920×1080):

- first paint: from the address until the classes are listed and the map is drawn, in a new context
  (nothing cached), the server warm.
- click: on a class. "shown" is when every view that the click changes has changed; "settled" is
  when the last change was painted: all what-if curves, pictures of patches, pending numbers, and
  whether the class is shifted.
- tune: from a click on Fine-tune, with one intent, its preview done; the same two times.
- undo: a click on Undo; the same two times.
- bytes: what the server sends for that click over the websocket; pictures are sent once each.

Classes: 1,000 of them, with 600 images to fit on, half as many to tune on and 10,000 concepts;
first paint and click, on a class of those in view.

Without a browser: 20 websockets that open the page and click on classes, one click every 1 to 3 s
each. "answer" is from the click to the rows of the knowledge view. Memory is the growth of the
server's resident memory for each session after that.

History: the demo with an empty history, one of 24 and one of 1,000 iterations (random thumbs,
several branches), in turns; a "ratio" is the last's median by that of another. Thumbs: from a click
on a thumb to its preview, one thumb at a time, where thumbs change targets and where they are
bounds, in turns, on the demo and on the synthetic store; the "ratio" is of these medians. Work: 20
and 50 websockets that click on classes, give thumbs and fine-tune (12 % of the steps where thumbs
wait), a step every 1 to 3 s each, on the demo from an empty history.

The last line is one line of JSON; times in milliseconds, 95th percentiles and medians.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package, if not installed

from ui_parts.browser import Measured, chromium, first_paint
from ui_parts.history import put_history
from ui_parts.server import Server, serving
from ui_parts.sessions import drive, fine_tune
from ui_parts.store import write_spec

import inficond_panel
from inficond_panel.tuning import open_tuner
from inficond_panel.vocabulary.intents import ALL, TARGET

FIT, CONCEPTS, CLASSES = 5011, 584, 20
MANY = (600, 10_000, 1000)  #: the same of a store with many classes
LONG, SHORT = 1000, 24  #: iterations of a long history, and of one as long as the rows in view
GOALS = {"first_paint": 2000, "click": 250, "tune": 400, "answer": 1000, "megabytes": 50}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer clicks and sessions")
    parser.add_argument("--only", choices=PARTS)
    given = parser.parse_args()
    result: dict[str, Any] = {"name": "ui", "goals": GOALS}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name in [given.only] if given.only else PARTS:
            result[name] = PARTS[name](place, given.quick)
            tell(name, result[name])
    print(json.dumps(result))


def demo(place: Path, quick: bool) -> dict[str, Any]:
    """The embedded demo."""
    with serving("demo", place / "demo") as server:
        return measured(server, quick)


def synthetic(place: Path, quick: bool) -> dict[str, Any]:
    """A store with photos' sizes."""
    with serving(write_spec(place, FIT, CONCEPTS, CLASSES), place / "synthetic") as server:
        return measured(server, quick)


def classes(place: Path, quick: bool) -> dict[str, Any]:
    """A store with so many classes that the page has only those near the part in view."""
    folder = place / "classes"
    folder.mkdir()
    spec = write_spec(folder, *MANY)
    open_tuner(spec, history=folder / "history.sqlite").root()  # distilled, which is not the page's
    with serving(spec, folder) as server, chromium() as browser:
        return painted(browser, server, 3 if quick else 10, 6 if quick else 20)[0]


def history(place: Path, quick: bool) -> dict[str, Any]:
    """Costs of a click, Fine-tune and Undo after 1,000 iterations, after 24, and after none."""
    for name, iterations in (("long", LONG), ("short", SHORT)):
        put_history("demo", iterations, place / name / "history.sqlite")
    taken: dict[str, dict[str, list[float]]] = {"empty": {}, "short": {}, "long": {}}
    with contextlib.ExitStack() as stack:
        browser = stack.enter_context(chromium())
        pages = {
            name: Measured(browser, stack.enter_context(serving("demo", place / name)).url)
            for name in taken
        }
        names = pages["empty"].classes()
        for each in pages.values():  # each class once: the students' reports and curves are there
            for name in names:
                each.choose(name)
        for at in range(10 if quick else 40):
            for page, figures in zip(pages.values(), taken.values(), strict=True):
                steps = {"click": page.choose(names[at % len(names)])}
                if at % 4 == 3:
                    steps |= {"tune": page.tune(), "undo": page.undo()}
                keep(figures, steps)
    return {
        **{f"{name} {part}": spread(v) for name, each in taken.items() for part, v in each.items()},
        **{f"ratio to {name}": ratios(taken["long"], taken[name]) for name in ("empty", "short")},
    }


def thumbs(place: Path, quick: bool) -> dict[str, Any]:
    """A click on a thumb until its preview, by what a thumb does (``tuning.refit``)."""
    found: dict[str, Any] = {}
    demo_store = Path(inficond_panel.__file__).parents[1] / "specs" / "demo" / "demo.zarr"
    made = write_spec(place, FIT, CONCEPTS, CLASSES)
    specs = {
        "demo": f"title: Demo\nstore: {demo_store}\nstudents: {{lambda: 1.0e-3}}\n",
        "synthetic": f"{made.read_text()}store: {made.with_suffix('.zarr')}\n",
    }
    for name, text in specs.items():
        taken = {refit: list[float]() for refit in (TARGET, ALL)}
        with contextlib.ExitStack() as stack:
            browser = stack.enter_context(chromium())
            pages = {}
            for refit in taken:
                spec = place / f"{name}-{refit}.yaml"
                spec.write_text(f"{text}tuning: {{refit: {refit}}}\n")
                server = stack.enter_context(serving(spec, place / f"{name} {refit}"))
                pages[refit] = Measured(browser, server.url)
            for class_name in pages[ALL].classes()[: 4 if quick else 12]:
                for page in pages.values():
                    page.choose(class_name)
                for row in range(3):
                    for refit, page in pages.items():
                        taken[refit].append(page.preview(row))
        found |= {f"{name} {refit}": spread(values) for refit, values in taken.items()}
        medians = {refit: float(np.median(values)) for refit, values in taken.items()}
        found[f"{name} ratio"] = round(medians[TARGET] / medians[ALL], 2)
    return found


def keep(figures: dict[str, list[float]], steps: dict[str, dict[str, float]]) -> None:
    """Put what the parts of each step took beside what they took before."""
    for step, found in steps.items():
        for part, value in found.items():
            figures.setdefault(f"{step}_{part}", []).append(value)


def ratios(one: dict[str, list[float]], other: dict[str, list[float]]) -> dict[str, float]:
    """Each median of ``one`` by that of ``other``."""
    return {
        part: round(float(np.median(values) / np.median(other[part])), 2)
        for part, values in one.items()
    }


def work(place: Path, quick: bool) -> dict[str, Any]:
    """Answers to sessions that really fine-tune."""
    found = {}
    for sessions in (5,) if quick else (20, 50):
        with serving("demo", place / f"work {sessions}") as server:
            taken = asyncio.run(fine_tune(server.url, sessions, 20 if quick else 180))
        for kind, seconds in taken.items():
            found[f"{sessions} {kind}"] = spread([1000 * value for value in seconds])
        found[f"{sessions} iterations"] = len(taken["tune"])
    return found


def measured(server: Server, quick: bool) -> dict[str, Any]:
    """All figures of one server."""
    with chromium() as browser:
        found, page = painted(browser, server, 3 if quick else 10, 6 if quick else None)
        tunes = [page.tune() for _ in range(3 if quick else 10)]
        page.page.context.close()
    return {
        **found,
        **{f"tune_{part}": spread(column(tunes, part)) for part in tunes[0]},
        **many(server, *((5, 3) if quick else (20, 10))),
    }


def painted(
    browser: Browser, server: Server, opened: int, clicked: int | None
) -> tuple[dict[str, Any], Measured]:
    """First paint and clicks on classes, and the page that was clicked on."""
    first_paint(browser, server.url)  # opens the store and distills
    paints = [first_paint(browser, server.url) for _ in range(opened)]
    page = Measured(browser, server.url)
    clicks = [page.choose(name) for name in page.classes()[:clicked]]
    told = {f"click_{part}": spread(column(clicks, part)) for part in clicks[0]}
    return {"first_paint": spread(paints), **told}, page


def many(server: Server, sessions: int, clicks: int) -> dict[str, Any]:
    """Answers with many sessions at once, and what memory each adds."""
    before = server.megabytes()
    opened, taken = asyncio.run(drive(server.url, sessions, clicks))
    milliseconds = [1000 * seconds for seconds in taken]
    return {
        "sessions": sessions,
        "answer": spread(milliseconds),
        "opened": spread([1000 * seconds for seconds in opened]),
        "megabytes": round((server.megabytes() - before) / sessions, 1),
    }


def column(rows: Sequence[dict[str, float]], name: str) -> list[float]:
    return [row[name] for row in rows]


def spread(values: Sequence[float]) -> dict[str, int]:
    """Median and 95th percentile, rounded."""
    median, high = np.quantile(values, [0.5, 0.95])
    return {"median": round(median), "p95": round(high)}


def tell(name: str, figures: dict[str, Any]) -> None:
    print(name)
    for figure, value in figures.items():
        spreads = isinstance(value, dict) and "p95" in value
        told = f"{value['median']:>9,} {value['p95']:>9,}" if spreads else value
        print(f"  {figure:20} {told}")


PARTS = {
    "demo": demo,
    "synthetic": synthetic,
    "classes": classes,
    "history": history,
    "thumbs": thumbs,
    "work": work,
}


if __name__ == "__main__":
    main()
