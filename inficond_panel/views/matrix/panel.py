"""Matrix of influences: the component that the browser draws around the plot, and a picture."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import param
from panel.custom import Child

from inficond_panel.common.numbers import bound, count, share
from inficond_panel.plots.concept_matrix import STEPS, Cells, make_colours
from inficond_panel.results.concept_rows import ORDERS
from inficond_panel.tuning import Intent
from inficond_panel.ui import browser
from inficond_panel.ui.component import ViewComponent
from inficond_panel.ui.drawing import Drawing
from inficond_panel.vocabulary.intents import DIRECTIONS, REMOVE
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.palette import INK, INK_2, LINE
from inficond_panel.wording.metrics import UNCHANGED, change_text, make_change

if TYPE_CHECKING:
    from inficond_panel.state import Preview, Status
    from inficond_panel.state.batch import Item
    from inficond_panel.tuning import Node


#: Thumbs of a batch, and classes with a clear change, that are named before the rest is counted.
NAMED = 3


class MatrixPanel(ViewComponent):
    """Heading, names of rows and columns, thumbs, and the bar of the batch, around the plot."""

    classes = param.List([], item_type=str, doc="Columns.")
    concepts = param.List([], item_type=str, doc="Rows, in their order; those that are found.")
    known = param.Integer(0, doc="Number of all concepts.")
    order: param.Selector[str] = param.Selector(default="strongest", objects=list(ORDERS))
    find = param.String("", regex=r"(?s).{0,200}$", doc="Part of a concept's name.")
    chosen = param.List([], item_type=str, doc="Classes that a row's thumb is for; empty: all.")
    concept = param.String("", doc="Concept that was opened last.")
    marked = param.List([], doc="Cells that are suspects: [class, concept].")
    leaning = param.String("", doc="How many students rely on suspects; empty: not looked for.")
    suggests = param.Boolean(True, doc="Whether a machine's repair is offered.")
    suggesting = param.String("", doc="How far a suggestion is; empty: none is under way.")
    pending = param.List([], doc="Cells with a thumb that waits: [class, concept, direction].")
    bounds = param.List([], doc="Cells with a bound in force: [class, concept, bound].")
    given = param.Dict({}, doc="The thumb of each concept that waits for all that are meant.")
    effects = param.Dict({}, doc="Change that the batch would make, in words, by class.")
    colours = param.List([], doc="Colours from the strongest against to the strongest for.")
    reach = param.Number(1.0, doc="Influence of the deepest colour.")
    locked = param.String("", doc="Why nothing can be tuned now; empty: it can.")
    batch = param.Dict({}, doc="As ``make_batch`` gives it; empty: nothing waits.")
    pixels = param.List(
        [],
        item_type=int,
        bounds=(0, 2),
        doc="Size of the matrix where cells are smaller than pixels; else empty.",
    )
    plot = Child()

    _taken = frozenset({"chosen", "find", "order", "pixels"})
    _esm = browser.module(Path(__file__).with_name("matrix.js"))
    _stylesheets = browser.styles(Path(__file__).with_name("matrix.css"))


def make_bounds(node: Node) -> list[list[str]]:
    """Cells with a bound in force: class, concept, and the bound in words."""
    return [[*cell, bound(*limits)] for cell, limits in node.bounds.items()]


def make_pending(batch: Iterable[Intent]) -> list[list[str]]:
    """Cells with a thumb that waits: class, concept, direction."""
    return [[*intent.key, intent.direction] for intent in batch]


def meant(influence: Mapping[str, float], chosen: Collection[str], direction: str) -> list[str]:
    """Classes that a row's thumb is for: those chosen, or all.

    Where none is chosen, uptune and downtune are for the students in which the concept counts;
    *remove* is for all of them, so that it comes into none later.
    """
    if chosen:
        return [name for name in influence if name in set(chosen)]
    return [name for name, value in influence.items() if value or direction == REMOVE.key]


def make_given(
    batch: Sequence[Intent], influences: Mapping[str, Mapping[str, float]], chosen: Collection[str]
) -> dict[str, str]:
    """The thumb of each concept that waits for all classes that it would be for.

    ``influences`` are by concept and class.
    """
    waiting = {(intent.concept, intent.direction): set[str]() for intent in batch}
    for intent in batch:
        waiting[intent.concept, intent.direction].add(intent.class_name)
    return {
        concept: direction
        for (concept, direction), names in waiting.items()
        if names.issuperset(wanted := meant(influences[concept], chosen, direction)) and wanted
    }


def make_batch(
    batch: Sequence[Item], preview: Preview | None, status: Status, effect: str
) -> dict[str, Any]:
    """Bar below the matrix: thumbs and cures that wait, their effect, and how the refit goes.

    ``told`` is about the refit that is done. Empty where there is nothing to tell.
    """
    if not batch and not effect and status.kind in {"idle", "done"}:
        return {}
    return {
        "thumbs": len(batch),
        "words": [
            *_thumb_words(batch),
            *_cure_words(batch),
            *([effect] if effect and not batch else []),
        ],
        "effect": effect_words(preview) if preview and batch else "",
        "kind": status.kind,
        "text": f"{status.text} {status.remedy}".strip(),
        "progress": status.progress,
    }


def _cure_words(batch: Sequence[Item]) -> list[str]:
    students: dict[str, list[str]] = {}
    for item in batch:
        if not isinstance(item, Intent):
            students.setdefault(item.kind.key, []).append(item.class_name)
    return [
        f"{kind}: {names[0] if len(names) == 1 else count(len(names), 'student')}"
        for kind, names in students.items()
    ]


def _thumb_words(batch: Sequence[Item]) -> list[str]:
    students: dict[tuple[str, str], list[str]] = {}
    for intent in (item for item in batch if isinstance(item, Intent)):
        students.setdefault((intent.direction, intent.concept), []).append(intent.class_name)
    words = [
        f"{DIRECTIONS[direction].glyph} {concept}: "
        + (names[0] if len(names) == 1 else count(len(names), "student"))
        for (direction, concept), names in students.items()
    ]
    rest = len(words) - NAMED
    return [*words[:NAMED], *([f"and {count(rest, 'more concept')}"] if rest > 0 else [])]


def effect_words(preview: Preview) -> str:
    """Effect of a batch on the AP of all its students, the clearest changes named.

    Of changes without limits the largest.
    """
    intervals = {name: preview.of(name, AP.key) for name in preview.changes}
    changes = {name: change for name, change in intervals.items() if change is not None}
    texts = {name: make_change(change) for name, change in changes.items()}
    same = [name for name, text in texts.items() if text and text["text"] == UNCHANGED]
    clear = [n for n, text in texts.items() if text and not text["noise"] and n not in same]
    clear.sort(key=lambda name: -abs(changes[name].estimate))
    parts = [f"{name} {change_text(texts[name])}" for name in clear[:NAMED]]
    if len(clear) > NAMED:
        beyond = "" if math.isnan(changes[clear[0]].low) else " beyond noise"
        parts.append(f"{count(len(clear) - NAMED)} more{beyond}")
    noisy = len(changes) - len(clear) - len(same)
    parts += [f"{count(noisy)} within noise"] if noisy else []
    parts += [f"{count(len(same))} unchanged"] if same else []
    return f"AP: {'; '.join(parts)}" if parts else ""


def make_suggesting(running: bool, part: float) -> str:
    """Progress of a suggestion: ``Suggesting 40 %``; empty where none is under way."""
    return f"Suggesting {share(part)}" if running else ""


def make_effects(preview: Preview | None) -> dict[str, str]:
    """Change in AP that a batch would make, in words, by class."""
    if preview is None:
        return {}
    return {name: change_text(make_change(preview.of(name, AP.key))) for name in preview.changes}


ROWS, COLUMNS = 24, 40  #: most concepts and classes, the first of the order shown
_NAME, _ROW, _HEAD, _WIDTH, _RIGHT = 150, 18, 84, 500, 36


def draw_picture(cells: Cells) -> Drawing:
    """The first cells of the matrix, in the colours of the page; those marked have an outline."""
    shown = cells.influence[:ROWS, :COLUMNS]
    high, wide = shown.shape
    step = (_WIDTH - _NAME - _RIGHT) / max(wide, 1)
    drawing = Drawing(_WIDTH, _HEAD + _ROW * high + 10)
    drawing.text((12, 20), "All students", size=14, bold=True)
    drawing.text((12, 40), f"{high} of {count(len(cells.concepts))} concepts", INK_2, room=_NAME)
    for at, name in enumerate(cells.classes[:wide]):
        drawing.turned((_NAME + (at + 0.7) * step, _HEAD - 6), name, room=70)
    colours, marked = make_colours(dark=False), set(cells.places(cells.marked))
    for row in range(high):
        top = _HEAD + row * _ROW
        drawing.text((12, top + 13), cells.concepts[row], size=11, room=_NAME - 14)
        drawing.line([(_NAME, top + _ROW), (_WIDTH - _RIGHT, top + _ROW)], LINE)
        for column in range(wide):
            value = shown[row, column]
            if not value and (row, column) not in marked:
                continue
            depth = min(int((value / cells.reach + 1) * STEPS), 2 * STEPS - 1)
            outline = INK.light if (row, column) in marked else "none"
            corner, size = (_NAME + column * step, top + 1), (step - 1, _ROW - 2)
            drawing.box(corner, size, colours[depth] if value else "none", outline)
    return drawing
