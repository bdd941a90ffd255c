"""The history: iterations, events and other students as frames, and two iterations compared.

A comparison has intents, weights, metrics with intervals, and changed predictions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from inficond_panel.distill import Interval, change_intervals
from inficond_panel.distill.metrics.bootstrap import mean_change
from inficond_panel.results.frame import Heading, make_frame, plain_headings
from inficond_panel.results.metrics import metric_change
from inficond_panel.results.refit_changes import Churn, Mover, churn, moves
from inficond_panel.results.refit_words import churn_sentence
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.other_students import (
    count_others,
    node_title,
    other_students,
    others_sentence,
)
from inficond_panel.tuning.replay import branch
from inficond_panel.tuning.student import Student
from inficond_panel.vocabulary.confidence import Noise
from inficond_panel.vocabulary.metrics import AP, METRICS
from inficond_panel.vocabulary.splits import HOLDOUT, IMAGES_OF, TUNE
from inficond_panel.wording.metrics import change_text, make_change
from inficond_panel.wording.repairs import edit_words

_HEADINGS = {
    **plain_headings(tree="iteration", id="id", intents="intents"),
    "map_change": Heading("change of mAP", sign=True),
    **plain_headings(author="by", created="made", looks="looks", note="note"),
}
_EVENT_HEADINGS = {
    **plain_headings(number="", created="when", kind="event", iteration="iteration"),
    **plain_headings("from", author="by", text="text"),
}
_OTHER_HEADINGS = {
    **plain_headings("root", "iterations", "kind", "concepts", "classes"),
    **plain_headings(first="from", last="to", differs="differs by"),
}


def iterations(
    tuner: Tuner,
    here: Node | None = None,
    *,
    only: Sequence[Node] | None = None,
    deleted: bool = False,
    changes: bool = False,
) -> pd.DataFrame:
    """Return a frame of iterations by number; with ``deleted`` also iterations of deleted branches.

    The column ``here`` marks the iteration ``here`` (None: the head). The column ``tree`` draws the
    branches, unless ``only`` these iterations are requested. ``looks`` counts evaluations on the
    holdout. ``changes`` adds the change of mAP since #0 on ``tune``, with its limits.
    """
    nodes, state = tuner.nodes(deleted=deleted), tuner.history.state(tuner.root_id)
    numbers = {node.id: node.number for node in nodes}
    here_id = state.head if here is None else here.id
    tree = dict(_tree(nodes))
    if only is not None:
        nodes = [node for node in nodes if node.id in {each.id for each in only}]
        tree = {node.number: "" for node in nodes}
    rows = [
        {
            "iteration": node.number,
            "tree": tree[node.number] + _title(node, state.head, deleted=state.hidden(node.id)),
            "id": node.id,
            "parent": numbers[node.parent] if node.parent else None,
            "intents": "; ".join(f"{edit_words(item)} on {item.class_name}" for item in node.edits),
            **(_change(tuner, node) if changes else {}),
            "author": node.author,
            "created": node.created,
            "seconds": node.seconds,
            "weights_hash": node.weights_hash,
            "looks": state.looks[node.id, HOLDOUT],
            "name": node.name,
            "note": node.note,
            "meant": ", ".join(f"{name}: {world}" for name, world in node.worlds_meant.items()),
            "deleted": state.hidden(node.id),
            "here": node.id == here_id,
        }
        for node in nodes
    ]
    order = [row["iteration"] for row in rows]
    notes = []
    if only is None:
        rest, others = len(state.parents) - len(nodes), count_others(tuner)
        hidden = f"Not shown, in deleted branches: {rest}; see: inficond history list SPEC --all"
        notes = [hidden] * bool(rest) + [others_sentence(others)] * bool(others)
    frame = make_frame(
        rows,
        "iteration",
        _HEADINGS,
        title=f"history {tuner.history.path}",
        notes=notes,
        facts=history_facts(tuner) | {"redo": state.redo[::-1]},
        level=float(tuner.spec.views.confidence) if changes else None,
        shown=[order.index(number) for number in tree],
    )
    return frame.astype({"parent": "Int64"})


def _change(tuner: Tuner, node: Node) -> dict[str, float]:
    return metric_change(tuner, tuner.node(tuner.root_id), node, TUNE, "").columns("map_change")


def _title(node: Node, head: str | None, *, deleted: bool) -> str:
    """Return a title such as ``◉ #2 'less grass'``; its mark is ◉ at the head, ○ if deleted."""
    mark = "◉" if node.id == head else "○" if deleted else "●"
    return f"{mark} #{node.number}{f' {node.name!r}' if node.name else ''}"


def _tree(nodes: Sequence[Node]) -> Iterator[tuple[int, str]]:
    """Yield each iteration's number, parents first, with the lines of the tree to draw before it.

    An only child follows directly below its parent, without a new branch.
    """
    children: dict[str | None, list[Node]] = {}
    for node in nodes:
        children.setdefault(node.parent, []).append(node)
    waiting = [(nodes[0], "", "")] if nodes else []
    while waiting:
        at, before, below = waiting.pop()
        yield at.number, before
        under = children.get(at.id, [])
        if len(under) == 1:
            waiting.append((under[0], below, below))
        else:
            branches = [(child, f"{below}├─", f"{below}│ ") for child in under[:-1]]
            branches += [(child, f"{below}└─", f"{below}  ") for child in under[-1:]]
            waiting += reversed(branches)


def events(tuner: Tuner, node: Node | None = None) -> pd.DataFrame:
    """Return a frame of the events of the history, or of the iteration ``node``, in their order.

    Columns ``iteration`` and ``from`` are numbers: the iteration, and the one shown before it or
    its parent; ``node`` and ``origin`` are their ids. Added iterations have a ``checksum``.
    """
    numbers = {node.id: node.number for node in tuner.nodes(deleted=True)}
    rows = [
        {
            **vars(event),
            "text": "" if event.kind == "add" else event.text,
            "checksum": event.text if event.kind == "add" else "",
            "iteration": numbers[event.node],
            "from": numbers[event.origin] if event.origin else None,
        }
        for event in tuner.history.events(tuner.root_id)
        if node is None or event.node == node.id
    ]
    title = f"history {tuner.history.path}: all events"
    frame = make_frame(rows, "number", _EVENT_HEADINGS, title=title, facts=history_facts(tuner))
    return frame.astype({"iteration": "Int64", "from": "Int64"})


def others(tuner: Tuner) -> pd.DataFrame:
    """Return a frame of the students with other concepts or settings in this history file.

    One row per ``root``, the id of their #0; the most recently used come first. ``differs`` names
    the concepts or settings that differ.
    """
    roots = other_students(tuner)
    rows = [{**each.to_json(), "differs": "; ".join(each.differs)} for each in roots]
    notes = [] if rows else [f"{tuner.history.path} has iterations of these students only."]
    title = f"history {tuner.history.path}, other students"
    return make_frame(
        rows, "root", _OTHER_HEADINGS, title=title, notes=notes, facts=history_facts(tuner)
    )


def history_facts(tuner: Tuner) -> dict[str, Any]:
    """Return the facts that identify a history: spec, hash of the store, path, head."""
    return {
        "spec": str(tuner.spec.path),
        "store_hash": tuner.store.content_hash,
        "history": tuner.history.path,
        "head": tuner.history.head(tuner.root_id),
    }


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
    mean AP over all classes with positives. ``classes`` compares the classes whose students differ,
    ``unchanged`` names the other classes. Intervals have the confidence ``level``.
    """

    before: Node
    after: Node
    split: str
    ancestor: Node
    only_before: tuple[Node, ...]
    only_after: tuple[Node, ...]
    level: float
    mean_ap: Interval
    classes: tuple[ClassComparison, ...]
    unchanged: tuple[str, ...]

    def of(self, class_name: str) -> ClassComparison:
        """Return the comparison of one class; raise ``KeyError`` if its students are equal."""
        return {item.class_name: item for item in self.classes}[class_name]


def compare(
    tuner: Tuner,
    before: Node,
    after: Node,
    split: str = TUNE,
    *,
    draws: int | None = None,
    top: int = 10,
) -> Comparison:
    """Return the differences between the students of two iterations on ``split``.

    Changes are from ``before`` to ``after``; neither needs to be an ancestor of the other. Each
    class that differs lists the ``top`` concepts whose influence changed most. ``draws`` are
    bootstrap draws (None: the spec's). The caller counts evaluations on the holdout.
    """
    old, new = branch(tuner, before), branch(tuner, after)
    shared = sum(a == b for a, b in zip(old, new, strict=False))
    names, noise = tuner.store.classes, tuner.spec.views.noise(draws)
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
        classes=tuple(
            _compared(tuner, was[name], now[name], noise, top)
            for name, kept in zip(names, same, strict=True)
            if not kept
        ),
        unchanged=tuple(name for name, kept in zip(names, same, strict=True) if kept),
    )


def _same(before: Student, after: Student) -> bool:
    """Return True if two students of a class are equal, on the images too: two with equal weights
    may be shown differently if one of them was chosen by the images' labels."""
    return (
        bool((before.weights == after.weights).all())
        and before.intercept == after.intercept
        and np.array_equal(before.logits, after.logits)
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
        "unchanged": list(comparison.unchanged),
    }
    images = IMAGES_OF[comparison.split]
    title = f"{node_title(tuner, before)} → {node_title(tuner, after)}, {images}"
    same = [f"Unchanged students: {', '.join(comparison.unchanged)}."] * bool(comparison.unchanged)
    notes = [f"mAP {mean}.", *same]
    fitted = ", ".join(each.class_name for each in comparison.classes if each.cross_fitted)
    chance = "The intervals leave out the noise of the choice of repairs."
    notes += [f"Cross-fitted: {fitted}. {chance}"] * bool(fitted)
    changed = [f"{each.class_name}: {churn_sentence(each.churn)}" for each in comparison.classes]
    numbers = {"before": f"#{before.number}", "after": f"#{after.number}"}
    headings = plain_headings("class", "metric", **numbers)
    headings |= {"change": Heading("change", sign=True), "words": Heading("")}
    return {
        "changes": make_frame(_changes(comparison), ["class", "metric"], headings, title=title,
                              notes=notes, facts=facts, level=level),
        "movers": make_frame(_movers(comparison), ["class", "concept"], _MOVERS,
                             title="largest changes of influence, in logits"),
        "flips": make_frame(_flips(comparison), ["class", "image"], FLIP_HEADINGS, notes=changed,
                            title="images whose prediction changed"),
        "steps": make_frame(_steps(comparison), ["side", "iteration"], _STEPS,
                            title=f"iterations since #{comparison.ancestor.number}"),
    }  # fmt: skip


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


def _flips(comparison: Comparison) -> Iterator[dict[str, Any]]:
    for item in comparison.classes:
        for flip in item.churn.flips:
            yield {"class": item.class_name, **vars(flip), "right": flip.right}


def _steps(comparison: Comparison) -> Iterator[dict[str, Any]]:
    for side in ("before", "after"):
        for node in getattr(comparison, f"only_{side}"):
            intents = "; ".join(f"{edit_words(one)} on {one.class_name}" for one in node.edits)
            yield {"side": side, "iteration": node.number, "id": node.id, "intents": intents}
