"""Configuration view: data set, student, targets, openings of the holdout, and metrics.

InFiConD, section 5, figure 5a: select a data set, with an overview; loaded student; its metrics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import param
from panel.viewable import Viewable, Viewer

from inficond_panel.common.numbers import count, number
from inficond_panel.results import refit_words as words
from inficond_panel.state import AppState
from inficond_panel.state.targets import TargetsState
from inficond_panel.tuning import Iteration, Node
from inficond_panel.ui import browser
from inficond_panel.ui.component import Acting, ViewComponent, action
from inficond_panel.ui.drawing import Drawing
from inficond_panel.ui.metric_cards import CardRow, make_class_metrics, make_mean_metrics
from inficond_panel.vocabulary.metrics import SHARES
from inficond_panel.vocabulary.palette import INK_2
from inficond_panel.vocabulary.splits import IMAGES_OF, SPLITS
from inficond_panel.wording.repairs import penalty_text

CHOICES = 30  #: number of newest iterations in the menu, where also the one shown is


def make_dataset(app: AppState) -> dict[str, Any]:
    """Return the data set's name and size, and a card with facts on the data set and its store."""
    store, title, counts = app.store, app.dataset.title, app.dataset.counts
    splits = [count(counts[split]) for split in SPLITS]
    own = []
    if store.given:  # their range, since weights are per unit of score
        low, high = float(store.concept_score.min()), float(store.concept_score.max())
        own.append(("Scores", f"given, {number(low, 2)} to {number(high, 2)}"))
    return {
        "name": title,
        "size": count(counts["images"], "image"),
        "card": {
            "title": title,
            "rows": [
                ("Images", count(counts["images"])),
                ("Classes", count(counts["classes"])),
                ("Training · tuning · holdout", " · ".join(splits)),
                ("Concepts", count(counts["concepts"])),
                ("Segments", count(counts["segments"]) if counts["segments"] else "not known"),
                *own,
                ("Words", store.attrs["corpus"]),
                ("Encoder", store.attrs["encoder"]),
                ("Content hash", store.content_hash[:12]),
            ],
        },
    }


def make_student(
    nodes: Sequence[Iteration],
    node: Node,
    facts: Sequence[CardRow],
    mark: str = "",
    joint: bool = False,
) -> dict[str, Any]:
    """Return the menu of iterations, and the card on the students of the iteration shown.

    ``facts`` are rows on teacher and settings, which all students share; ``mark`` is the warning
    beside students of the oracle. ``joint``: the node is one softmax student.
    """
    concepts = len(node.weights)
    used = int((node.weights != 0).any(axis=1).sum())
    newest = list(nodes[: -CHOICES - 1 : -1])
    choices = newest + [each for each in nodes[:-CHOICES] if each.id == node.id]
    made = {n.id: count(len(n.edits), "change") if n.edits else "original" for n in choices}
    return {
        "id": node.id,
        "name": f"#{node.number}",
        "size": count(concepts, "concept"),
        "options": [[n.id, f"#{n.number} {made[n.id]}"] for n in choices],
        "card": {
            "title": f"Students of #{node.number}",
            "text": f"{'One softmax over all classes' if joint else 'One linear model per class'}, "
            "distilled from the "
            + (f"oracle, which {mark}. Metrics compare with the teacher." if mark else "teacher."),
            "rows": [
                *facts,
                ("Concepts in use", f"{count(used)} of {count(concepts)}"),
                (words.FROM_BEST, words.power_text(max(node.gap))),
                ("Hash of weights", node.weights_hash[:12]),
            ],
        },
    }


def make_targets(targets: TargetsState) -> dict[str, Any] | None:
    """Return the chosen targets, and progress or error of a switch; None if no choice exists."""
    if not targets.options:
        return None
    status = targets.status
    return {
        "value": targets.chosen,
        "busy": targets.busy,
        "told": "" if status.kind == "error" else status.text,
        "error": f"{status.text} {status.remedy}" if status.kind == "error" else "",
    }


def make_facts(app: AppState) -> list[CardRow]:
    """Return (name, text) rows that all students share: the teacher, and the spec's settings."""
    students, tuner = app.spec.students, app.tuner
    return [
        ("Teacher", app.store.attrs["teacher"]),
        *([("Targets", f"{students.targets}, {tuner.mark}")] if tuner.mark else []),
        (
            "Penalty λ (more: fewer concepts)",
            penalty_text(tuner.penalties, chosen=tuner.penalties_chosen),
        ),
        ("Teacher's logits divided by", f"{students.temperature:g}"),
        ("Solver", students.solver),
    ]


def make_looks(looks: Mapping[int, int]) -> dict[str, str]:
    """Return texts on how often the holdout was opened; ``looks`` are counts by node number."""
    total = sum(looks.values())
    text = count(total, "look")
    numbers = ", ".join(f"#{number}" for number in sorted(looks) if looks[number])
    return {
        "short": f"{text} at holdout" if total else "",
        "text": "Its images test finished students: tuning on them would overfit them. "
        "Each look is counted in the provenance. "
        + (f"{text} so far, at {numbers}." if total else "None so far."),
    }


class ConfigurationStrip(ViewComponent):
    """Component of the strip, drawn by the browser; each choice comes back as an action."""

    data = param.Dict({}, doc="As ``ConfigurationView.data``; empty while loading.")
    student = param.Dict({}, doc="See `make_student`.")
    classes = param.List([], item_type=str, doc="Classes to choose from; constant.")

    _esm = browser.module(Path(__file__).with_name("configuration.js"))
    _stylesheets = browser.styles(Path(__file__).with_name("configuration.css"))


_WIDTH, _HEIGHT, _NAMES = 1040, 64, 320


def draw_picture(data: Mapping[str, Any], student: Mapping[str, Any]) -> Drawing:
    """Return a drawing of the strip from the plain data of ``ConfigurationView``."""
    drawing = Drawing(_WIDTH, _HEIGHT)
    dataset, chosen = data["dataset"], data["class"]
    name = chosen["name"] or f"all {chosen['count']} classes"
    drawing.text((12, 26), f"{dataset['name']}, {dataset['size']}", room=_NAMES, bold=True)
    words = f"Students {student['name']}, {name}, {IMAGES_OF[data['split']]}"
    drawing.text((12, 48), words, INK_2, room=_NAMES)
    metrics = data["metrics"]
    step = (_WIDTH - _NAMES) / max(len(metrics), 1)
    for at, metric in enumerate(metrics):
        x = _NAMES + at * step
        drawing.text((x, 26), metric["name"], INK_2, room=step)
        drawing.text((x, 48), metric["now"], room=step / 2, bold=True)
        change = metric["change"]
        if change:
            drawing.text((x + 40, 48), change["text"], INK_2, 11, room=step - 44)
    return drawing


class ConfigurationView(Acting, Viewer):
    """View at the top of the page where the user chooses data set, iteration, class and split."""

    def __init__(self, app: AppState) -> None:
        self.app = app
        only = app.rights.class_name
        self._strip = ConfigurationStrip.of(
            app, classes=[only] if only else list(app.store.classes), sizing_mode="stretch_width"
        )
        self.listen_to(self._strip)
        self._facts, self._shared = make_dataset(app), make_facts(app)
        super().__init__()

    @param.depends("app.students.snapshot", "app.students.tree", watch=True, on_init=True)
    def _show_student(self) -> None:
        tuner, node = self.app.tuner, self.app.students.node
        nodes = self.app.tuning.nodes
        self._strip.student = make_student(nodes, node, self._shared, tuner.mark, tuner.joint)

    @param.depends(
        "app.settings.scope",
        "app.selection.class_name",
        "app.shown.snapshot",
        "app.students.tree",
        "app.targets.status",
        "app.concepts.status",
        "app.datasets",
        "app.changes.arrivals",
        watch=True,
        on_init=True,
    )
    def _update(self) -> None:
        self._strip.data = self.data()

    @param.depends("app.tuning.status", watch=True)
    def _show_busy(self) -> None:
        """Update the strip if work started or ended; ignore other changes of a status."""
        if self._busy != self._strip.data["busy"]:
            self._update()

    @property
    def _busy(self) -> bool:
        return bool(self.app.tuning.busy or self.app.targets.busy or self.app.concepts.busy)

    def data(self) -> dict[str, Any]:
        """Return the strip's content as plain data, without the student (see ``make_student``)."""
        app, name = self.app, self.app.selection.class_name
        shown, looks = app.shown, app.tuning.looks
        scope = str(app.settings.scope) if name else "all"
        changes = app.changes.total("" if scope == "all" else name, SHARES, shown.what)
        images = shown.what.images.words if shown.what.images else ""
        if scope == "all":
            metrics = make_mean_metrics(shown.snapshot, changes, images)
        else:
            metrics = make_class_metrics(name, shown.snapshot, changes, images)
        return {
            "dataset": {**self._facts, "options": app.datasets or [app.dataset.title]},
            "mark": app.tuner.mark,
            "targets": make_targets(app.targets),
            "class": {"name": name, "count": len(app.store.classes)},
            "split": app.students.snapshot.split,
            "locked": app.tuning.locked,
            "looks": make_looks({n.number: looks[n.id] for n in app.tuning.nodes if n.id in looks}),
            "scope": scope,
            "metrics": metrics,
            "picked": images,
            "busy": self._busy,
        }

    def picture(self) -> Drawing:
        """Return a picture of the strip, drawn without a browser."""
        return draw_picture(self._strip.data, self._strip.student)

    @action
    def _choose_dataset(self, name: str) -> None:
        self.app.requested = name

    @action
    def _choose_student(self, name: str) -> None:
        self.app.tuning.jump(name)

    @action
    def _choose_targets(self, name: str) -> None:
        self.app.targets.choose(name)

    @action
    def _choose_class(self, name: str) -> None:
        self.app.selection.class_name = name

    @action
    def _choose_split(self, name: str) -> None:
        self.app.tuning.show_split(name)

    @action
    def _choose_scope(self, name: str) -> None:
        self.app.settings.scope = name

    def __panel__(self) -> Viewable:
        return self._strip
