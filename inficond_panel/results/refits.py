"""Students of an iteration, the bounds in force on them, and what refits changed; each a frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from inficond_panel.common.numbers import written
from inficond_panel.results.cross_fitted import chosen_on_tune
from inficond_panel.results.forms import records
from inficond_panel.results.frame import Heading, make_frame
from inficond_panel.results.metrics import changes, facts_of, metrics
from inficond_panel.results.moved_classes import moved_sentence
from inficond_panel.results.refit_report import explain
from inficond_panel.results.refit_words import short_sentences, untouched_sentences
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.node import optimality_notices
from inficond_panel.tuning.other_students import node_title
from inficond_panel.vocabulary.metrics import AP, FIDELITY
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.wording.cures import penalty_text, terms_words

_HEADINGS = {
    "iteration": Heading("iteration"),
    "class": Heading("class"),
    "metric": Heading("metric"),
    "before": Heading("before"),
    "after": Heading("after"),
    "change": Heading("change", sign=True),
    "words": Heading(""),
}
_BOUND_HEADINGS = {
    "class": Heading("class"),
    "concept": Heading("concept"),
    "lower": Heading("weight from", missing=""),
    "upper": Heading("to", missing=""),
    "weight": Heading("weight"),
}


def students(tuner: Tuner, node: Node, split: str) -> pd.DataFrame:
    """Metrics of each class as ``results.metrics`` without limits, and their means as a note.

    ``certificate`` is how far the weights may be from their optimum: the duality gap relative to
    the objective at w = 0, or the KKT residual. Looks at the holdout are the caller's to count.
    """
    frame = metrics(tuner, node, split, intervals=False)
    gaps = dict(zip(tuner.store.classes, node.gap, strict=True))
    frame["certificate"] = [gaps[name] for name in frame.index]
    facts = {"spec": str(tuner.spec.path), "history": tuner.history.path}
    facts |= {"targets": tuner.spec.students.targets, "weights_hash": node.weights_hash}
    frame.attrs["facts"] |= facts
    known = frame.dropna(subset=[AP.key, "teacher_ap"])
    means = written(known[AP.key].mean()), written(known["teacher_ap"].mean())
    fidelity = written(frame[FIDELITY.key].mean())
    frame.attrs["notes"] += [
        f"Mean AP {means[0]}, the teacher's {means[1]}; mean fidelity {fidelity}.",
        *([] if node.parent else [_penalty_sentence(tuner)]),
        *optimality_notices(node, tuner.store.classes),
    ]
    return frame


def _penalty_sentence(tuner: Tuner) -> str:
    return f"L1 penalty λ {penalty_text(tuner.penalties, chosen=tuner.penalties_chosen)}."


def bounds(tuner: Tuner, node: Node) -> pd.DataFrame:
    """The bounds in force on the weights of an iteration, one row per class and concept."""
    weights = {name: dict(zip(tuner.store.concepts, node.weights[:, k], strict=True))
               for k, name in enumerate(tuner.store.classes)}  # fmt: skip
    rows = [
        {"class": name, "concept": concept, "lower": lower, "upper": upper,
         "weight": weights[name][concept]}
        for (name, concept), (lower, upper) in node.bounds.items()
    ]  # fmt: skip
    title = f"{node_title(tuner, node)}, bounds in force"
    frame = make_frame(rows, ["class", "concept"], _BOUND_HEADINGS, title=title)
    return frame.astype({"lower": float, "upper": float, "weight": float})


def refits(
    tuner: Tuner, nodes: Sequence[Node], split: str, remarks: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """AP and fidelity of the classes that iterations tuned, before and after each.

    ``remarks`` are notices by id of an iteration (``tuning.notices``). They and the report on each
    refit in short are the notes. Looks at the holdout are the caller's to count.
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
        title=f"changes by each iteration, split {split}",
        notes=notes,
        facts=facts_of(tuner, nodes[-1], split, noise),
        level=noise["level"],
    )


def _sentences(tuner: Tuner, node: Node, split: str) -> Iterator[str]:
    terms = tuner.terms(node)
    for name in sorted({cure.class_name for cure in node.cures}):
        yield f"#{node.number} {name}, fitted now: {'; '.join(terms_words(terms[name]))}"
    report = explain(tuner, node, splits=[split])
    for each in report.classes:
        name = f"#{node.number} {each.class_name}"
        if split == TUNE and chosen_on_tune(tuner, node, each.class_name):
            yield f"{name} is cross-fitted."
        for sentence in filter(None, short_sentences(each, split)):
            yield f"{name}: {sentence}"
    yield from untouched_sentences(node, report.untouched)
    if sentence := moved_sentence(report.moved[split], split):
        yield f"#{node.number}: {sentence}"
