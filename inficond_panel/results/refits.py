"""Frames of an iteration's students and bounds, and of reports on refits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from inficond_panel.common.numbers import written
from inficond_panel.results.comparison import FLIP_HEADINGS
from inficond_panel.results.confusions import teacher_top_class, top_class
from inficond_panel.results.frame import Heading, make_frame, plain_headings, records
from inficond_panel.results.metric_changes import changes
from inficond_panel.results.metrics import facts_of, metrics
from inficond_panel.results.refit_changes import moved_sentence
from inficond_panel.results.refit_report import ClassReport, RefitReport, explain
from inficond_panel.results.refit_words import sentences, short_sentences, untouched_sentences
from inficond_panel.results.two_worlds import worlds_frame
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.node import optimality_notices
from inficond_panel.tuning.other_students import node_title
from inficond_panel.tuning.repairs.kinds import in_order
from inficond_panel.vocabulary.metrics import AP, FIDELITY, TOP1
from inficond_panel.vocabulary.splits import IMAGES_OF
from inficond_panel.vocabulary.tasks import SINGLE_LABEL
from inficond_panel.wording.repairs import penalty_text, repair_sentences, terms_words
from inficond_panel.wording.two_worlds import class_sentences

_HEADINGS = {
    **plain_headings("iteration", "class", "metric", "before", "after"),
    "change": Heading("change", sign=True),
    "words": Heading(""),
}
_BOUND_HEADINGS = {
    **plain_headings("class", "concept"),
    "lower": Heading("at least", missing=""),
    "upper": Heading("at most", missing=""),
    "weight": Heading("weight"),
}


def students(tuner: Tuner, node: Node, split: str) -> pd.DataFrame:
    """Return a frame of the metrics of each class's student, without limits; a note has means.

    ``certificate`` bounds the distance of the weights from their optimum: the duality gap relative
    to the objective at w = 0, or the KKT residual. The caller counts evaluations on the holdout.
    """
    frame = metrics(tuner, node, split, intervals=False)
    gaps = dict(zip(tuner.store.classes, node.gap, strict=True))
    frame["certificate"] = [gaps[name] for name in frame.index]
    facts = {"spec": str(tuner.spec.path), "history": tuner.history.path}
    facts |= {"targets": tuner.spec.students.targets, "weights_hash": node.weights_hash}
    frame.attrs["facts"] |= facts
    defined_ap = frame.dropna(subset=[AP.key, "teacher_ap"])
    means = written(defined_ap[AP.key].mean()), written(defined_ap["teacher_ap"].mean())
    fidelity = written(frame[FIDELITY.key].mean())
    penalty = penalty_text(tuner.penalties, chosen=tuner.penalties_chosen)
    frame.attrs["notes"] += [
        *_top1_notes(tuner, node, split),
        f"Mean AP {means[0]}, the teacher's {means[1]}; mean fidelity {fidelity}.",
        *([] if node.parent else [f"L1 penalty λ {penalty}."]),
        *optimality_notices(node, tuner.store.classes),
    ]
    return frame


def _top1_notes(tuner: Tuner, node: Node, split: str) -> list[str]:
    """Return a sentence on the top-1 accuracy if each image has one class and one is labelled."""
    if tuner.store.task != SINGLE_LABEL:
        return []
    both = top_class(tuner, node, split), teacher_top_class(tuner.store, split)
    if not len(both[0].label):
        return []
    mine, theirs = (written(each.value(TOP1.key)) for each in both)
    return [f"Top-1 accuracy {mine}, the teacher's {theirs}."]


def bounds(tuner: Tuner, node: Node) -> pd.DataFrame:
    """Return a frame of the bounds on an iteration's weights, one row per class and concept."""
    concepts, classes = tuner.store.concepts, tuner.store.classes
    rows = [
        {"class": name, "concept": concept, "lower": lower, "upper": upper,
         "weight": node.weights[concepts.index(concept), classes.index(name)]}
        for (name, concept), (lower, upper) in node.bounds.items()
    ]  # fmt: skip
    title = f"{node_title(tuner, node)}, bounds"
    frame = make_frame(rows, ["class", "concept"], _BOUND_HEADINGS, title=title)
    return frame.astype({"lower": float, "upper": float, "weight": float})


def refits(
    tuner: Tuner, nodes: Sequence[Node], split: str, remarks: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Return a frame of AP and fidelity of each tuned class, before and after each of ``nodes``.

    ``remarks`` are notices by id of an iteration (``tuning.notices``). The frame's notes are the
    remarks and a short report on each refit. The caller counts evaluations on the holdout.
    """
    noise, rows, notes = tuner.spec.views.noise(), list[dict[str, Any]](), list[str]()
    for node in nodes:
        if node.parent is None:
            continue
        parent, keys = tuner.node(node.parent), (AP.key, FIDELITY.key)
        frame = changes(tuner, parent, node, split, metrics=keys, classes=node.tuned)
        rows += [{"iteration": node.number, **row} for row in records(frame)]
        notes += [f"#{node.number}: {text}" for text in remarks.get(node.id, ())]
        notes += _sentences(tuner, node, split)
    return make_frame(
        rows,
        ["iteration", "class"],
        _HEADINGS,
        title=f"changes by each iteration, {IMAGES_OF[split]}",
        notes=notes,
        facts=facts_of(tuner, nodes[-1], split, noise),
        level=noise["level"],
    )


def _sentences(tuner: Tuner, node: Node, split: str) -> Iterator[str]:
    terms = tuner.terms(node)
    for name in sorted({repair.class_name for repair in node.repairs}):
        yield f"#{node.number} {name}, fitted now: {'; '.join(terms_words(terms[name]))}"
    report = explain(tuner, node, splits=[split])
    for each in report.classes:
        name = f"#{node.number} {each.class_name}"
        if each.class_name in tuner.spent(node, split):
            yield f"{name}: metrics are cross-fitted, since the student has spent these images."
        for sentence in filter(None, short_sentences(each, split)):
            yield f"{name}: {sentence}"
    yield from untouched_sentences(node, report.untouched)
    for worlds in report.worlds:
        yield from (f"#{node.number} {text}" for text in class_sentences(worlds))
    if sentence := moved_sentence(report.moved[split], split):
        yield f"#{node.number}: {sentence}"


_CLASSES = {
    **plain_headings("class", "bounds", "active"),
    "taken_over": Heading("taken over", missing=""),
    "before": Heading("objective before", digits=4),
    "after": Heading("after", digits=4),
    "rise_share": Heading("rise, share", digits=4, sign=True),
    "changed": Heading("images changed"),
}
_SIGNED = {"change": Heading("change", sign=True)}
_REPORT_HEADINGS = {
    "repairs": plain_headings("class", "repair", "since", "sentence"),
    "bounds": plain_headings("class", "concept", "lower", "upper", "since", "weight", "active"),
    "moves": {**plain_headings("class", "concept", "kind", "before", "after"), **_SIGNED},
    "groups": plain_headings(
        "class", "group", "concept", "tuned", "correlation", "before", "after"
    ),
    "flips": {**plain_headings("split"), **FLIP_HEADINGS},
    "moved": plain_headings("class", "split", "moved", "turned", "ap_before", "ap_after"),
}


def refit_frames(report: RefitReport) -> dict[str, pd.DataFrame]:
    """Return a report as frames by name; the notes of ``classes`` are the report's sentences.

    ``classes`` has a row per tuned class, ``repairs`` the active repairs, ``bounds`` the bounds
    with their shadow prices (``gain``, ``cost`` and their ``error``, nats per unit of weight) and
    the fall of the objective without each bound (``lifted``, nats), ``moves`` the concepts whose
    influence changed (in logits), ``groups`` the collinear concepts, ``flips`` the images whose
    prediction changed, ``moved`` the untuned classes that a joint student changed, ``worlds`` the
    figures of both worlds (``results.two_worlds``).
    """
    node, parent = report.node, report.parent
    title = f"#{node.number} {node.id} from #{parent.number} {parent.id}"
    facts = {"node": node.id, "number": node.number, "parent": parent.id}
    facts["untouched"] = list(report.untouched)
    classes, notes = map(_class, report.classes), list(_notes(report))
    frames = {
        "classes": make_frame(classes, "class", _CLASSES, title=title, notes=notes, facts=facts)
    }
    rows = {"repairs": _repairs, "bounds": _bounds, "moves": _moves, "groups": _groups}
    for name, made in {**rows, "flips": _flips}.items():
        table = [{"class": each.class_name, **row} for each in report.classes for row in made(each)]
        frames[name] = make_frame(table, "class", _REPORT_HEADINGS[name], title=name)
    moved = [
        {"class": each.pop("class_name"), "split": split, **each}
        for split, classes in report.moved.items()
        for each in map(asdict, classes)
    ]
    frames["moved"] = make_frame(moved, "class", _REPORT_HEADINGS["moved"], title="moved")
    return {**frames, "worlds": worlds_frame(report.worlds, report.level)}


def _notes(report: RefitReport) -> Iterator[str]:
    yield from report.notices
    for each in report.classes:
        yield from (f"{each.class_name}: {sentence}" for sentence in sentences(each))
    for worlds in report.worlds:
        yield from class_sentences(worlds)
    yield from untouched_sentences(report.node, report.untouched)
    yield from filter(None, (moved_sentence(others, at) for at, others in report.moved.items()))


def _class(report: ClassReport) -> dict[str, Any]:
    objective = report.objective
    return {
        "class": report.class_name,
        "bounds": len(report.bounds),
        "active": sum(bound.active for bound in report.bounds),
        "taken_over": report.moves.taken_over,
        **asdict(objective),
        "rise_share": objective.rise_share,
        "rise_by_branch": objective.rise_by_branch,
        "changed": len(report.churn[-1].flips),
        "photos_used": report.terms.used,
        "gap": report.gap,
        "certificate": report.certificate,
        "reached": report.reached,
    }


def _bounds(report: ClassReport) -> Iterator[dict[str, Any]]:
    for bound in report.bounds:
        facts = asdict(bound)
        price = facts.pop("price")
        prices = {"gain": bound.price.gain, "cost": bound.price.cost, "error": price["error"]}
        yield {**facts, "active": bound.active, **prices}


def _moves(report: ClassReport) -> Iterator[dict[str, Any]]:
    for kind in ("tuned", "up", "down"):
        for mover in getattr(report.moves, kind):
            yield {"concept": mover.concept, "kind": kind, **asdict(mover)}


def _groups(report: ClassReport) -> Iterator[dict[str, Any]]:
    for number, group in enumerate(report.groups):
        for member in group.members:
            yield {"group": number, "threshold": group.threshold, **asdict(member)}


def _flips(report: ClassReport) -> Iterator[dict[str, Any]]:
    for churn in report.churn:
        for flip in churn.flips:
            yield {"split": churn.split, **vars(flip), "right": flip.right}


def _repairs(report: ClassReport) -> Iterator[dict[str, Any]]:
    sentences = repair_sentences(report.terms, report.repairs_since)
    for effect in in_order(report.terms):
        since, words = report.repairs_since.get(effect.kind), sentences[effect.kind]
        yield {"repair": effect.kind, "since": since, "terms": effect.figures, "sentence": words}
