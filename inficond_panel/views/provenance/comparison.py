"""Results of iterations: metric and change of each row, and comparison of two iterations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from inficond_panel.common.interval import Interval
from inficond_panel.common.numbers import count, number, signed
from inficond_panel.distill import ClassMetrics
from inficond_panel.errors import InficondError
from inficond_panel.plots.student_plots import Branches
from inficond_panel.results import refit_words as words
from inficond_panel.results.comparison import ClassComparison, Comparison
from inficond_panel.results.refit_changes import Churn, Flip
from inficond_panel.state import CHANGE_METRICS, AppState, Job
from inficond_panel.state.shown import MeasuredOn
from inficond_panel.tuning import Iteration
from inficond_panel.ui.component import Acting, action
from inficond_panel.ui.images import FILL_NAMES, PRESENCE, make_picture, send_photo, send_pictures
from inficond_panel.ui.metric_cards import mean
from inficond_panel.views.provenance.iterations import (
    ProvenanceTree,
    ShownIterations,
    each_once,
    make_axis,
    make_chips,
    make_machine_author,
    make_result,
    make_title,
    touches,
)
from inficond_panel.vocabulary.confidence import interval_word
from inficond_panel.vocabulary.metrics import AP, METRICS, SHARES, TOP1
from inficond_panel.vocabulary.splits import HOLDOUT, IMAGES_OF
from inficond_panel.wording.metrics import make_change

#: Metrics of a node on a split, by class.
MetricsByClass = Mapping[str, ClassMetrics]
#: Split, and what on it is measured.
Scope = tuple[str, MeasuredOn]


class RowResults:
    """Results of the selected class at each iteration, from caches that all sessions share."""

    def __init__(self, app: AppState) -> None:
        self.app = app
        self._measured: dict[tuple[str, Scope], MetricsByClass] = {}  # by node id
        self._shown: tuple[Any, dict[str, Any]] = (None, {})  # scope, and results by node id

    @property
    def scope(self) -> tuple[str, Scope]:
        """Selected class (empty: none), and which metrics are shown."""
        app = self.app
        return app.selection.class_name, (app.students.snapshot.split, app.shown.what)

    def known(
        self, nodes: Sequence[Iteration], branches: Branches, metric: str, whole: bool = False
    ) -> ShownIterations:
        """Return the computed content of the rows; request missing changes, newest first.

        With ``whole`` compute all of it; call this on the worker thread.
        """
        (name, scope), looks = self.scope, self.app.tuning.looks
        (split, what), tuner = scope, self.app.shown.tuner_of(scope[1])
        # the numbers of the holdout are hidden unless it was opened for the node
        hidden = {node.id for node in nodes if split == HOLDOUT and not looks.get(node.id)}
        seen = [node for node in nodes if node.id not in hidden]
        steps = [
            (node.parent, node.id)
            for node in seen
            if node.parent and touches(node, name, tuner.joint)
        ]
        changes = self.app.changes.between(steps, name, metric, what, whole=whole)
        measured = {}
        for node in with_parents(seen, branches):
            metrics = self._measured.get((node.id, scope)) or tuner.known_metrics(node, split)
            if metrics is None and whole:
                metrics = tuner.metrics(tuner.node(node.id), split)
            if metrics is not None:
                measured[node.id] = values_of(metrics, name)
        return ShownIterations(name, metric, measured, hidden, changes, tuner.joint)

    def make(
        self, nodes: Sequence[Iteration], branches: Branches, shown: ShownIterations
    ) -> dict[str, Any]:
        """Return the metric and the change of each row, taken from ``shown``, and one axis for all
        rows that were made so far."""
        made = {node.id: make_result(node, shown) for node in nodes}
        scope = (*self.scope, shown.metric)
        before = self._shown[1] if self._shown[0] == scope else {}
        by_id = {**before, **made}
        self._shown = scope, by_id
        listed = [by_id[id_] for id_ in by_id.keys() & branches.places.keys()]
        return {"axis": make_axis(listed), **each_once(made)}

    def measure(
        self,
        nodes: Sequence[Iteration],
        branches: Branches,
        shown: ShownIterations,
        done: Callable[[], None],
        failed: Callable[[InficondError], None],
    ) -> None:
        """Start computing metrics that ``shown`` lacks, of ``nodes`` and their parents.

        ``done`` is called when they are computed, ``failed`` with an error.
        """
        seen = [node for node in nodes if node.id not in shown.hidden]
        wanted = [node.id for node in with_parents(seen, branches)]
        scope = self.scope[1]
        split, tuner = scope[0], self.app.shown.tuner_of(scope[1])
        missing = [(id_, scope) for id_ in wanted if id_ not in shown.measured]
        if not missing:
            return

        def metrics_of(cell: tuple[str, Scope]) -> MetricsByClass:
            return tuner.metrics(tuner.node(cell[0]), split)

        def work(job: Job) -> dict[tuple[str, Scope], MetricsByClass]:
            return job.first_of(missing, metrics_of)  # ``done`` requests the others

        def keep(cells: dict[tuple[str, Scope], MetricsByClass]) -> None:
            kept = {key: it for key, it in self._measured.items() if key[0] in wanted}
            self._measured = {**kept, **cells}
            done()

        self.app.jobs.submit(Job("provenance", work, keep, failed))

    def total(self, shown: ShownIterations) -> dict[str, Any] | None:
        """Return the change since #0 in the metric of the rows, as shown; None at #0."""
        snapshot, name, metric = self.app.shown.snapshot, shown.class_name, shown.metric
        if snapshot.node.parent is None:
            return None
        change = self.app.changes.total(name, [metric], self.app.shown.what).get(metric)
        now, before = (values_of(each, name) for each in (snapshot.metrics, snapshot.before))
        return make_change(change, now[metric] - before[metric], METRICS[metric].unit)


def with_parents(nodes: Iterable[Iteration], branches: Branches) -> list[Iteration]:
    """Return the nodes and their parents, each once, newest first."""
    wanted = {branches.places[id_] for node in nodes for id_ in (node.id, node.parent) if id_}
    return [branches.newest[row] for row in sorted(wanted)]


def values_of(metrics: MetricsByClass, class_name: str) -> dict[str, float]:
    """Return the metrics of one class by key; for an empty name their means over classes."""
    if class_name:
        return {key: float(getattr(metrics[class_name], key)) for key in CHANGE_METRICS}
    return {key: mean(key, metrics) for key in CHANGE_METRICS}


WAYS = {True: "present", False: "absent"}
VERDICTS = {True: "right", False: "wrong"}


def make_comparison(app: AppState, class_name: str) -> dict[str, Any]:
    """Return the content of the comparison of two iterations; empty if there is none.

    Details are of ``class_name`` or, if it is equal, of the first class that differs. Without a
    result there are only title and error.
    """
    state, tree = app.comparison, app.students.tree
    if state.pair is None:
        return {}
    names = {node.id: make_title(node) for node in tree.nodes}
    before, after = (names.get(node_id, node_id) for node_id in state.pair)
    frame = {"title": f"{before} → {after}", "error": state.problem}
    comparison = state.result
    if comparison is None:
        return frame
    level, same = app.spec.views.shown_level, _unchanged(comparison.unchanged)
    differ = [item.class_name for item in comparison.classes]
    shown = class_name if class_name in differ else next(iter(differ), "")
    return {
        **frame,
        "scope": f"{count(len(app.store.rows(comparison.split)))} {IMAGES_OF[comparison.split]}"
        + (f"; students of the oracle, which {app.tuner.mark}" if app.tuner.mark else ""),
        "confidence": "" if level is None else interval_word(level),
        "numbers": [f"#{comparison.before.number}", f"#{comparison.after.number}"],
        "whole": [
            {"metric": metric.mean, **change}
            for metric, found in ((TOP1, comparison.top1), (AP, comparison.mean_ap))
            if found and (change := make_change(_at(level, found), unit=metric.unit))
        ],
        "sides": make_sides(comparison),
        "classes": [
            {"name": item.class_name, "change": make_change(_at(level, item.changes[AP.key]))}
            for item in comparison.classes
        ],
        "unchanged": " · ".join(filter(None, [same, *comparison.chosen])),
        "detail": make_detail(comparison, shown, level) if shown else None,
    }


def _at(level: float | None, change: Interval) -> Interval:
    """Return a change, without its limits if ``level`` is None (intervals are off)."""
    return change.alone if level is None else change


def make_sides(comparison: Comparison) -> list[dict[str, Any]]:
    """Return for each node of the comparison the iterations since their common ancestor."""
    since = f"since #{comparison.ancestor.number}"
    pairs = ((comparison.before, comparison.only_before), (comparison.after, comparison.only_after))
    return [
        {
            "title": f"Only #{node.number}, {since}",
            "steps": [
                {
                    "title": make_title(step),
                    "by": make_machine_author(step),
                    "chips": make_chips(step.edits),
                }
                for step in steps
            ],
            "none": f"Nothing: the other one follows from #{node.number}.",
        }
        for node, steps in pairs
    ]


def make_detail(comparison: Comparison, class_name: str, level: float | None) -> dict[str, Any]:
    """Return details of one class: metrics with changes, changed influences, changed images.

    ``level`` None: changes have no intervals.
    """
    item = comparison.of(class_name)
    metrics = [_metric(item, key, level) for key in SHARES]
    return {
        "key": f"{comparison.before.id} {comparison.after.id} {comparison.split} {class_name}",
        "name": class_name,
        "metrics": metrics,
        "axis": make_axis(metrics),
        "movers": _movers(item),
        "churn": churn_text(item.churn),
        "flips": [make_flip(flip) for flip in item.churn.flips],
    }


def make_flip(flip: Flip) -> dict[str, Any]:
    """Return the row of an image whose prediction changed: from, to, and whether it is right."""
    teacher_right = None if flip.label < 0 else flip.teacher == (flip.label == 1)
    fill = (
        "" if flip.right is None or teacher_right is None else FILL_NAMES[teacher_right, flip.right]
    )
    way = WAYS[flip.present]
    verdict = "no label" if flip.right is None else f"now {VERDICTS[flip.right]}"
    return {
        "row": flip.row,
        "image": flip.image,
        "present": flip.present,
        "fill": fill,
        "verdict": verdict,
        "words": f"now {way}, {verdict}",
        "way": f"{WAYS[not flip.present]} → {way}",
        "label": PRESENCE[flip.label],
        "before": signed(flip.before),
        "after": signed(flip.after),
        "teacher": WAYS[flip.teacher],
    }


def churn_text(churn: Churn) -> str:
    """Return ``12 of 420 images changed their prediction: 7 to right, 5 to wrong``."""
    if not churn.flips:
        return f"No image of {count(churn.images)} changed its prediction"
    images = count(churn.images, "image")
    changed = f"{count(len(churn.flips))} of {images} changed their prediction"
    return f"{changed}: {words.churn_result(churn)}"


def _metric(item: ClassComparison, key: str, level: float | None) -> dict[str, Any]:
    change = make_change(_at(level, item.changes[key]), unit=METRICS[key].unit)
    verdict = item.changes[key].words if level is not None else ""
    words = "undefined" if change is None else verdict
    return {
        "name": METRICS[key].name,
        "before": number(item.before[key]),
        "after": number(item.after[key]),
        "change": change,
        "words": words,
    }


def _movers(item: ClassComparison) -> list[dict[str, Any]]:
    most = max((abs(mover.change) for mover in item.movers), default=1.0)
    return [
        {
            "concept": mover.concept,
            "before": signed(mover.before),
            "after": signed(mover.after),
            "change": signed(mover.change, 3),
            "share": mover.change / most,
        }
        for mover in item.movers
    ]


def _unchanged(names: Sequence[str]) -> str:
    if not names:
        return ""
    if len(names) > 6:
        return f"{count(len(names))} other classes have the same student"
    return f"The same student: {', '.join(names)}"


class ComparisonActions(Acting):
    """Actions of the browser on the comparison that is shown."""

    app: AppState
    _tree: ProvenanceTree

    @action
    def _compare(self, before: str, after: str) -> None:
        self.app.comparison.compare(before, after)

    @action
    def _compare_present(self) -> None:
        """Compare the iteration shown with its parent; at #0, #0 with the newest iteration."""
        node, newest = self.app.students.node, self.app.tuning.nodes[-1].id
        pair = (node.parent, node.id) if node.parent else (node.id, newest)
        self.app.comparison.compare(*pair)

    @action
    def _swap(self) -> None:
        self.app.comparison.swap()

    @action
    def _close_comparison(self) -> None:
        self.app.comparison.close()

    @action
    def _pictures(self, rows: list[int]) -> None:
        store, shown = self.app.store, self._flipped()
        wanted = [row for row in rows if row in shown]
        send_pictures(self.app, self._tree, wanted, lambda row: make_picture(store, row, -1))

    @action
    def _photo(self, row: int) -> None:
        if row in self._flipped():
            send_photo(self.app, self._tree, row)

    def _flipped(self) -> set[int]:
        return {flip["row"] for flip in self._tree.comparison.get("detail", {}).get("flips", ())}
