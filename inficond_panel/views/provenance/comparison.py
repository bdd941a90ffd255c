"""Any two iterations side by side, as the browser draws it, and what it may ask there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from inficond_panel.common.numbers import count, number, signed
from inficond_panel.results import refit_words as words
from inficond_panel.ui.actions import Acting, action
from inficond_panel.ui.photos.gallery import FILLS, PRESENCE, make_picture
from inficond_panel.ui.photos.images import send_photo, send_pictures
from inficond_panel.views.provenance.iterations import make_author, make_axis, make_chip, make_title
from inficond_panel.vocabulary.confidence import CONFIDENCE, interval_word
from inficond_panel.vocabulary.metrics import AP, METRICS, SHARES
from inficond_panel.wording.metric_change import make_change

if TYPE_CHECKING:
    from inficond_panel.distill import Interval
    from inficond_panel.state import AppState
    from inficond_panel.state.requests.comparison import Churn, ClassComparison, Comparison, Flip
    from inficond_panel.tuning import Node
    from inficond_panel.views.provenance.tree import ProvenanceTree

WAYS = {True: "present", False: "absent"}
VERDICTS = {True: "right", False: "wrong"}


def make_comparison(app: AppState, class_name: str) -> dict[str, Any]:
    """Content of the comparison; the detail of ``class_name``, or of the first that differs.

    Empty where nothing is compared; only a title, and what went wrong, where there is no result.
    """
    state, tree = app.comparison, app.students.tree
    if state.pair is None:
        return {}
    names = {node.id: make_title(node) for node in tree.nodes}
    before, after = (names.get(node_id, node_id) for node_id in state.pair)
    frame = {"title": f"{before} → {after}", "error": state.problem, "other": _other(app)}
    comparison = state.result
    if comparison is None:
        return frame
    level = app.spec.views.shown_level
    differ = [item.class_name for item in comparison.classes]
    shown = class_name if class_name in differ else next(iter(differ), "")
    return {
        **frame,
        "scope": f"{comparison.split}, {count(len(app.store.rows(comparison.split)))} images"
        + (f"; students of the oracle, which {app.tuner.mark}" if app.tuner.mark else ""),
        "confidence": "" if level is None else interval_word(level),
        "numbers": [f"#{comparison.before.number}", f"#{comparison.after.number}"],
        "mean": make_change(_at(level, comparison.mean_ap)),
        "sides": make_sides(comparison),
        "classes": [
            {"name": item.class_name, "change": make_change(_at(level, item.changes[AP.key]))}
            for item in comparison.classes
        ],
        "unchanged": _unchanged(comparison.unchanged),
        "detail": make_detail(comparison, shown, level) if shown else None,
    }


def _at(level: float | None, change: Interval) -> Interval:
    """A change as it is shown: without limits, where none are."""
    return change.alone if level is None else change


def _other(app: AppState) -> dict[str, str]:
    """The one of the two to pin beside: the earlier, unless that is in view. Empty if deleted."""
    numbers = {node.id: node.number for node in app.tuning.nodes}
    pair = sorted((numbers[node], node) for node in app.comparison.pair if node in numbers)
    pair = [each for each in pair if each[1] != app.students.node.id] or pair
    return {"id": pair[0][1], "number": f"#{pair[0][0]}"} if pair else {}


def make_sides(comparison: Comparison) -> list[dict[str, Any]]:
    """Steps by which each node was tuned since the latest one that both follow from."""
    since = f"since #{comparison.ancestor.number}"
    pairs = ((comparison.before, comparison.only_before), (comparison.after, comparison.only_after))
    return [
        {
            "title": f"Only #{node.number}, {since}",
            "steps": [_step(step) for step in steps],
            "none": f"Nothing: the other one follows from #{node.number}.",
        }
        for node, steps in pairs
    ]


def make_detail(
    comparison: Comparison, class_name: str, level: float | None = CONFIDENCE
) -> dict[str, Any]:
    """One class: metrics with the intervals of their changes, movers, images that changed.

    Without a ``level`` the changes alone.
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
    """One image that changed sides: which way, and whether that is right by the label."""
    teacher_right = None if flip.label < 0 else flip.teacher == (flip.label == 1)
    fill = "" if flip.right is None or teacher_right is None else FILLS[teacher_right, flip.right]
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
    """``12 of 420 images changed sides: 7 to right, 5 to wrong``."""
    if not churn.flips:
        return f"No image of {count(churn.images)} changed sides"
    images = f"{count(churn.images)} image{'s' * (churn.images != 1)}"
    return f"{count(len(churn.flips))} of {images} changed sides: {words.churn_result(churn)}"


def _step(node: Node) -> dict[str, Any]:
    chips = [make_chip(intent, "") for intent in node.asked]
    return {"title": make_title(node), "by": make_author(node), "chips": chips}


def _metric(item: ClassComparison, key: str, level: float | None) -> dict[str, Any]:
    change = make_change(_at(level, item.changes[key]), unit=METRICS[key].unit)
    verdict = item.changes[key].words if level is not None else ""
    told = "undefined" if change is None else verdict
    return {
        "name": METRICS[key].name,
        "before": number(getattr(item.before, key)),
        "after": number(getattr(item.after, key)),
        "change": change,
        "words": told,
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
    """Actions of the browser on the comparison that is shown; ``_compared`` is its class."""

    app: AppState
    _compared: str
    _tree: ProvenanceTree

    def _show_comparison(self) -> None:
        """Show what is known of the comparison; the view's own."""
        raise NotImplementedError

    @action
    def _compare(self, before: str, after: str) -> None:
        self.app.comparison.compare(before, after)

    @action
    def _swap(self) -> None:
        self.app.comparison.swap()

    @action
    def _close_comparison(self) -> None:
        self.app.comparison.close()

    @action
    def _choose_class(self, name: str) -> None:
        self._compared = name
        self._show_comparison()

    @action
    def _pictures(self, rows: list[int]) -> None:
        """Send the pictures asked for, of images that the comparison shows."""
        store, shown = self.app.store, self._flipped()
        wanted = [row for row in rows if row in shown]
        send_pictures(self.app, self._tree, wanted, lambda row: make_picture(store, row, -1))

    @action
    def _photo(self, row: int) -> None:
        """Send the photo of one of the images that the comparison shows."""
        if row in self._flipped():
            send_photo(self.app, self._tree, row)

    def _flipped(self) -> set[int]:
        return {flip["row"] for flip in self._tree.comparison.get("detail", {}).get("flips", ())}
