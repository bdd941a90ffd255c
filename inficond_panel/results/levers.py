"""Frame of the repairs (levers) compared for each class: gains, and which is proposed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from inficond_panel.common.interval import NO_INTERVAL
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import count
from inficond_panel.results.frame import Heading, make_frame, plain_headings
from inficond_panel.tuning import Intent
from inficond_panel.tuning.lost_thresholds import LostThreshold
from inficond_panel.tuning.suggest import Suggestion
from inficond_panel.tuning.suggest.baselines import Baseline
from inficond_panel.tuning.suggest.levers import AS_IT_IS, ClassRepair, Lever
from inficond_panel.tuning.suggest.suggestion import AUTHOR, MEASURED
from inficond_panel.vocabulary.aims import MEAN_AP, WORST_GROUP, aim_words
from inficond_panel.vocabulary.intents import REMOVE
from inficond_panel.vocabulary.metrics import AP, FIDELITY
from inficond_panel.wording.lost_thresholds import lost_sentences
from inficond_panel.wording.metrics import teacher_sentences
from inficond_panel.wording.repairs import (
    OTHER_AP_SENTENCE,
    TUNE_DOUBTED,
    ask_sentences,
    better_sentence,
    no_limits_sentence,
    proposals_lose,
    small_cells_sentence,
    tune_models_sentence,
)

#: Most classes of which a terminal shows all that was compared.
WHOLE = 3
_SHOWN = (
    "Of each class the student as it is and what is proposed are shown. All that was compared: "
    '`inficond suggest --class CLASS`, or in Python `students.compare_repairs("CLASS")`.'
)


def _headings(by: str) -> dict[str, Heading]:
    """Return the headings of levers; ``by`` divides images into groups, if the worst counts."""
    gain = {"gain": Heading("gain" if by else "gain in AP", sign=True, missing="")}
    change = {"ap_change": Heading("change of AP", sign=True, missing="")} if by else {}
    return {
        **plain_headings("class", "lever", recommended="proposed"),
        **({**plain_headings(worst="worst group"), **gain} if by else {}),
        **plain_headings(**{AP.key: AP.word}),
        **(change or gain),
        FIDELITY.key: Heading("like the teacher", missing=""),
        **plain_headings("concepts", "needs"),
    }


def levers(suggestion: Suggestion, lost: Sequence[LostThreshold] | None = None) -> pd.DataFrame:
    """Return a frame of the compared repairs, a row per class and repair (``lever``).

    The unchanged student is first, baselines that are no edits are last. ``ap`` and ``gain``
    (undefined for the first) are 0 to 1, on photos that did not choose the repair; ``fidelity`` is
    the share of the labelled images that student and teacher decide alike (of metrics, ``fidelity``
    counts all images). If levers were compared by the worst group,
    ``gain`` is that of its accuracy, ``worst``, and ``ap_change`` what the repair changes in AP.
    Facts are the proposed ``intents`` and their expected ``gain``; by class the expected
    (``stated``) gain, the baseline that is ``better``, the concept for a person to decide by
    (``contexts``), the AP of a model of the labels alone (``tune_models``), ``photos`` to label,
    why classes are ``skipped``, and classes ``unknown_to_teacher``. After a refit, notes name the
    thresholds that it ``lost``; before it (None), those that the proposed repairs would lose.
    """
    rows = list(_rows(suggestion))
    return make_frame(
        rows,
        ["class", "lever"],
        _headings(suggestion.by),
        title=f"{AUTHOR}, seed {suggestion.seed}, {count(suggestion.images, 'tuning image')}",
        notes=list(_notes(suggestion, lost)),
        facts=_facts(suggestion),
        level=suggestion.level,
        shown=_shown(suggestion, rows),
    )


#: What a baseline needs besides the store.
_NO_EDIT = "no edit: ranks images"


def _shown(suggestion: Suggestion, rows: Sequence[dict[str, Any]]) -> list[int] | None:
    """Return the rows that a terminal shows: of many classes the student as it is, and what is
    proposed; None: all."""
    if len(suggestion.repairs) <= WHOLE:
        return None
    return [i for i, row in enumerate(rows) if row["lever"] == AS_IT_IS or row["recommended"]]


def _rows(suggestion: Suggestion) -> Iterator[dict[str, Any]]:
    for name, repair in suggestion.repairs.items():
        for lever in repair.levers:
            proposed = lever == repair.taken
            facts = _measured(suggestion, lever, alone=lever.name == AS_IT_IS)
            rest = {FIDELITY.key: lever.fidelity, "concepts": lever.concepts, "needs": lever.needs}
            yield {"class": name, "lever": lever.name, "recommended": proposed, **facts, **rest}
        for other in repair.baselines:
            proposed, facts = other == repair.better, _measured(suggestion, other)
            rest = {FIDELITY.key: math.nan, "concepts": other.concepts, "needs": _NO_EDIT}
            yield {"class": name, "lever": other.name, "recommended": proposed, **facts, **rest}


def _measured(
    suggestion: Suggestion, one: Lever | Baseline, *, alone: bool = False
) -> dict[str, Any]:
    """Return what a lever or a baseline is compared by; without changes if it is ``alone``."""
    level = suggestion.level
    gain = NO_INTERVAL if alone else one.gain.gain(level)
    if not suggestion.by:
        return {AP.key: one.ap, **gain.columns("gain")}
    change = NO_INTERVAL if alone else one.ap_change.gain(level)
    worst = {"worst": one.worst, **gain.columns("gain")}
    return {**worst, AP.key: one.ap, **change.columns("ap_change")}


def _notes(suggestion: Suggestion, lost: Sequence[LostThreshold] | None) -> Iterator[str]:
    if len(suggestion.repairs) > WHOLE:
        yield _SHOWN
    yield suggestion.summary
    yield from _expected(suggestion)
    yield from teacher_sentences(suggestion.unknown)
    yield from tune_models_sentence({n: r.shift.tune_model for n, r in suggestion.repairs.items()})
    yield from no_limits_sentence(
        {
            n: _without_limits(r, suggestion.by, suggestion.level)
            for n, r in suggestion.repairs.items()
        }
    )
    for name in suggestion.repairs:
        yield from (f"{name}: {note}" for note in _class_notes(suggestion, name))
    yield from proposals_lose(suggestion) if lost is None else lost_sentences(lost)
    for name, why in suggestion.skipped.items():
        yield f"{name} is left out: {why}."
    yield from ask_sentences(suggestion)


def _expected(suggestion: Suggestion) -> Iterator[str]:
    """Yield sentences on what the proposals are expected to gain, in the mean and by class."""
    if suggestion.repairs:
        classes = len(suggestion.repairs)
        over = f", mean over {count(classes, 'class')}" if classes > 1 else ""
        aim = aim_words(suggestion.by)
        yield f"Expected gain in {aim} {suggestion.gain}{over}, {MEASURED}."
    if suggestion.by and suggestion.taken:
        yield f"Expected change of the mean AP {suggestion.ap_change}."
    if suggestion.taken:
        yield OTHER_AP_SENTENCE
    if len(suggestion.repairs) > 1 and suggestion.taken:
        gains = (f"{name} {suggestion.gain_of(name)}" for name in suggestion.taken)
        yield f"Expected gain in {aim_words(suggestion.by)}, by class: {'; '.join(gains)}."


def _class_notes(suggestion: Suggestion, class_name: str) -> Iterator[str]:
    repair = suggestion.repairs[class_name]
    yield from _removed(repair)
    if repair.tune_doubted:
        yield TUNE_DOUBTED
    if repair.small_cells:
        yield small_cells_sentence(repair.small_cells)
    if better := better_sentence(repair, by=suggestion.by):
        yield better
    if repair.photos:
        yield f"most useful labels: {', '.join(repair.photos)}."


def _removed(repair: ClassRepair) -> Iterator[str]:
    """Yield the concepts that a lever removes, where its name has none of them."""
    for lever in repair.levers:
        thumbs = [edit for edit in lever.edits if isinstance(edit, Intent)]
        names = [thumb.concept for thumb in thumbs if thumb.direction == REMOVE.key]
        if names and not any(name in lever.name for name in names):
            yield f"{lever.name}: {listed(names, 5)}."


def _without_limits(repair: ClassRepair, by: str, level: float) -> list[str]:
    """Return the levers and baselines of which a gain, or the change of AP beside it, has no limits
    though images are enough: those of ``small_cells`` have a note of their own."""
    compared: list[Lever | Baseline] = [*repair.levers[1:], *repair.baselines]
    shown = {one.name: [one.gain, *([one.ap_change] if by else [])] for one in compared}
    return [
        name
        for name, gains in shown.items()
        if any(math.isnan(each.gain(level).low) for each in gains if not each.few)
    ]


def _facts(suggestion: Suggestion) -> dict[str, Any]:
    repairs = suggestion.repairs
    models = {name: one.shift.tune_model for name, one in repairs.items()}
    return {
        "author": AUTHOR,
        "seed": suggestion.seed,
        "parent": suggestion.parent,
        "images": suggestion.images,
        "aim": WORST_GROUP if suggestion.by else MEAN_AP,
        "by": suggestion.by,
        "gain": suggestion.gain.json(),
        "ap_change": suggestion.ap_change.json(),
        "intents": [item.to_json() for item in suggestion.intents],
        "stated": {name: suggestion.gain_of(name).json() for name in suggestion.taken},
        "tune_models": {name: ap.json() for name, ap in models.items() if ap is not None},
        "photos": {name: list(one.photos) for name, one in repairs.items() if one.photos},
        "skipped": suggestion.skipped,
        "better": {name: one.better.name for name, one in repairs.items() if one.better},
        "contexts": {name: each.concept for name, each in suggestion.contexts.items()},
        "unknown_to_teacher": {name: each.to_json() for name, each in suggestion.unknown.items()},
    }
