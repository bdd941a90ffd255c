"""Two iterations compared: intents, weights, metrics with intervals, and changed predictions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from inficond_panel.common.interval import Interval
from inficond_panel.common.numbers import count
from inficond_panel.common.ordering import strongest
from inficond_panel.distill import change_intervals
from inficond_panel.distill.metrics.bootstrap import mean_change
from inficond_panel.results.confusions import top_class
from inficond_panel.results.frame import Heading, make_frame, plain_headings
from inficond_panel.results.refit_changes import Churn, Mover, churn, moves
from inficond_panel.results.refit_words import churn_sentence
from inficond_panel.tuning import Node, Student, Tuner
from inficond_panel.tuning.other_students import node_title
from inficond_panel.tuning.replay import branch
from inficond_panel.vocabulary.confidence import Noise
from inficond_panel.vocabulary.metrics import AP, METRICS, TOP1
from inficond_panel.vocabulary.splits import IMAGES_OF, TUNE
from inficond_panel.vocabulary.tasks import SINGLE_LABEL
from inficond_panel.wording.metrics import change_text, make_change
from inficond_panel.wording.repairs import chose_sentence, edit_words

_MOVERS = {
    **plain_headings("class", "concept", "before", "after"),
    "change": Heading("change", sign=True),
}


_WORDS = ("absent", "present")


FLIP_HEADINGS = {
    "class": Heading("class"),
    "image": Heading("image", image=True),
    "present": Heading("student", words=_WORDS),
    "teacher": Heading("teacher", words=_WORDS),
    "right": Heading("right", words=("no", "yes")),
    "before": Heading("logit before", sign=True),
    "after": Heading("logit", sign=True),
}


_STEPS = plain_headings("side", "iteration", "id", "intents")
#: Most changed predictions that a terminal shows.
_LISTED = 20
_ALL = "--json or --csv, in Python students.compare(BEFORE, AFTER)['flips']"


@dataclass(frozen=True)
class ClassComparison:
    """Differences between one class's students in two iterations.

    ``before`` and ``after`` are the values of all metrics, ``changes`` after − before of each, with
    paired-bootstrap intervals over the images of the split. ``movers`` are the concepts whose
    influence changed most in logits: the change of the weight times the spread of the score on
    ``fit``. ``churn`` lists the images whose prediction changed. Metrics, changes and predictions
    are ``cross_fitted`` where one of the two students has spent images of the split.
    """

    class_name: str
    before: Mapping[str, float]
    after: Mapping[str, float]
    changes: dict[str, Interval]
    movers: tuple[Mover, ...]
    churn: Churn
    cross_fitted: bool = False


@dataclass(frozen=True)
class Comparison:
    """Comparison of two iterations on one split.

    ``ancestor`` is their latest common ancestor; ``only_before`` and ``only_after`` are the
    iterations of each branch after the ancestor, oldest first. ``mean_ap`` is the change in the
    mean AP over all classes with positives, and ``top1`` that in top-1 accuracy, None where an
    image can have several classes. ``classes`` compares the classes whose students differ,
    ``unchanged`` names the other classes. ``chosen`` has sentences on iterations of the branches
    that the tuning images chose. Intervals have the confidence ``level``.
    """

    before: Node
    after: Node
    split: str
    ancestor: Node
    only_before: tuple[Node, ...]
    only_after: tuple[Node, ...]
    level: float
    mean_ap: Interval
    top1: Interval | None
    classes: tuple[ClassComparison, ...]
    unchanged: tuple[str, ...]
    chosen: tuple[str, ...] = ()

    def of(self, class_name: str) -> ClassComparison:
        """Return the comparison of one class; raise ``KeyError`` if its students are equal."""
        return {item.class_name: item for item in self.classes}[class_name]


def compare(
    tuner: Tuner,
    before: Node,
    after: Node,
    split: str = TUNE,
    *,
    classes: Collection[str] | None = None,
    draws: int | None = None,
    top: int = 10,
) -> Comparison:
    """Return the differences between the students of two iterations on ``split``.

    Changes are from ``before`` to ``after``; neither needs to be an ancestor of the other. Each
    class that differs lists the ``top`` concepts whose influence changed most. ``classes`` are
    compared, None: all; the mean AP is over all classes in any case. ``draws`` are bootstrap draws
    (None: the spec's). The caller counts evaluations on the holdout.
    """
    old, new = branch(tuner, before), branch(tuner, after)
    shared = sum(a == b for a, b in zip(old, new, strict=False))
    noise, every = tuner.spec.views.noise(draws), tuner.store.classes
    names = [name for name in every if classes is None or name in classes]
    was, now = tuner.at(before, split), tuner.at(after, split)
    same = [_same(was[name], now[name]) for name in names]
    return Comparison(
        before=before,
        after=after,
        split=split,
        ancestor=old[shared - 1],
        only_before=tuple(old[shared:]),
        only_after=tuple(new[shared:]),
        level=noise["level"],
        mean_ap=mean_change(list(was.outcomes.values()), list(now.outcomes.values()), **noise),
        top1=_top1_change(tuner, before, after, split, noise),
        classes=tuple(
            _compared(tuner, was[name], now[name], noise, top)
            for name, kept in zip(names, same, strict=True)
            if not kept
        ),
        unchanged=tuple(name for name, kept in zip(names, same, strict=True) if kept),
        chosen=tuple(_chosen(tuner, [*old[shared:], *new[shared:]], split)),
    )


def _top1_change(
    tuner: Tuner, before: Node, after: Node, split: str, noise: Noise
) -> Interval | None:
    if tuner.store.task != SINGLE_LABEL:
        return None
    old, new = (top_class(tuner, node, split) for node in (before, after))
    return change_intervals(old, new, (TOP1.key,), **noise)[TOP1.key]


def _same(before: Student, after: Student) -> bool:
    """Return True if two students of a class are equal, on the images too: two with equal weights
    may be shown differently if one of them was chosen by the images' labels, and with one class per
    image decide otherwise if others changed."""
    return (
        bool((before.weights == after.weights).all())
        and before.intercept == after.intercept
        and np.array_equal(before.logits, after.logits)
        and np.array_equal(before.decided, after.decided)
    )


def _compared(
    tuner: Tuner, before: Student, after: Student, noise: Noise, top: int
) -> ClassComparison:
    """Return the differences between two students of a class."""
    concepts, outcomes = tuner.store.concepts, (before.outcome, after.outcome)
    moved = moves(tuner.fit_data.images, concepts, before.weights, after.weights, (), top)
    was, now = ({key: each.value(key) for key in METRICS} for each in outcomes)
    movers = sorted((*moved.up, *moved.down), key=lambda mover: -abs(mover.change))
    return ClassComparison(
        class_name=after.class_name,
        before=was,
        after=now,
        changes=change_intervals(*outcomes, **noise),
        movers=tuple(movers[:top]),
        churn=churn(before, after),
        cross_fitted=any(
            each.class_name in tuner.spent(each.node, each.split) for each in (before, after)
        ),
    )


def comparison_frames(tuner: Tuner, comparison: Comparison) -> dict[str, pd.DataFrame]:
    """Return a comparison as four frames by name, for the classes whose students differ.

    ``changes`` has a row per class and metric, ``movers`` the concepts whose influence changed most
    (in logits), ``flips`` the images whose prediction changed, and ``steps`` the iterations of both
    branches since the common ancestor.
    """
    before, after, level = comparison.before, comparison.after, comparison.level
    mean = change_text(make_change(comparison.mean_ap, unit=AP.unit)) or "undefined"
    facts = {
        "spec": str(tuner.spec.path),
        "store_hash": tuner.store.content_hash,
        "split": comparison.split,
        "before": before.id,
        "after": after.id,
        "ancestor": comparison.ancestor.id,
        "mean_ap": comparison.mean_ap.json(),
        **({} if comparison.top1 is None else {TOP1.key: comparison.top1.json()}),
        "unchanged": list(comparison.unchanged),
    }
    images = IMAGES_OF[comparison.split]
    title = f"{node_title(tuner, before)} → {node_title(tuner, after)}, {images}"
    same = [f"Unchanged students: {', '.join(comparison.unchanged)}."] * bool(comparison.unchanged)
    top1 = change_text(make_change(comparison.top1, unit=TOP1.unit)) if comparison.top1 else ""
    notes = [*([f"Top-1 accuracy {top1}."] if top1 else []), f"mAP {mean}.", *same]
    fitted = ", ".join(each.class_name for each in comparison.classes if each.cross_fitted)
    chance = "The intervals leave out the noise of the choice of repairs."
    notes += [f"Cross-fitted: {fitted}. {chance}"] * bool(fitted)
    notes += comparison.chosen
    numbers = {"before": f"#{before.number}", "after": f"#{after.number}"}
    headings = plain_headings("class", "metric", **numbers)
    headings |= {"change": Heading("change", sign=True), "words": Heading("")}
    return {
        "changes": make_frame(_changes(comparison), ["class", "metric"], headings, title=title,
                              notes=notes, facts=facts, level=level),
        "movers": make_frame(_movers(comparison), ["class", "concept"], _MOVERS,
                             title="largest changes of influence, in logits"),
        "flips": _flips_frame(comparison),
        "steps": make_frame(_steps(comparison), ["side", "iteration"], _STEPS,
                            title=f"iterations since #{comparison.ancestor.number}"),
    }  # fmt: skip


def _chosen(tuner: Tuner, nodes: Sequence[Node], split: str) -> Iterator[str]:
    """Yield a sentence on each iteration that the tuning images chose: its expected gain on other
    images, or that its gain on these is likely too large; nothing on another split."""
    for node in nodes if split == TUNE else ():
        if sentence := chose_sentence(node, tuner.terms(node)):
            yield f"#{node.number}: {sentence}"


def _changes(comparison: Comparison) -> Iterator[dict[str, Any]]:
    for item in comparison.classes:
        for key, change in item.changes.items():
            values = {"before": item.before[key], "after": item.after[key]}
            row = {"class": item.class_name, "metric": key, **values}
            yield {**row, **change.columns("change"), "words": change.words}


def _movers(comparison: Comparison) -> Iterator[dict[str, Any]]:
    for item in comparison.classes:
        for mover in item.movers:
            values = {"before": mover.before, "after": mover.after, "change": mover.change}
            yield {"class": item.class_name, "concept": mover.concept, **values}


def _flips_frame(comparison: Comparison) -> pd.DataFrame:
    """Return the frame ``flips`` with all rows; of many those with the largest changes are shown,
    and a note says how to see all."""
    rows = list(_flips(comparison))
    by_size = strongest([row["after"] - row["before"] for row in rows]).tolist()
    notes = [f"{each.class_name}: {churn_sentence(each.churn)}" for each in comparison.classes]
    if (more := len(rows) - _LISTED) > 0:
        notes.insert(0, f"{count(more)} more changed less. All of them: {_ALL}.")
    return make_frame(
        rows,
        ["class", "image"],
        FLIP_HEADINGS,
        title="images whose prediction changed",
        notes=notes,
        shown=by_size[:_LISTED] if more > 0 else None,
    )


def _flips(comparison: Comparison) -> Iterator[dict[str, Any]]:
    for item in comparison.classes:
        for flip in item.churn.flips:
            yield {"class": item.class_name, **vars(flip), "right": flip.right}


def _steps(comparison: Comparison) -> Iterator[dict[str, Any]]:
    for side in ("before", "after"):
        for node in getattr(comparison, f"only_{side}"):
            intents = "; ".join(f"{edit_words(one)} on {one.class_name}" for one in node.edits)
            yield {"side": side, "iteration": node.number, "id": node.id, "intents": intents}
