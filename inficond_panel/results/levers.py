"""Frame of the repairs (levers) compared for each class: their gains, and which is proposed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from inficond_panel.common.interval import NO_INTERVAL
from inficond_panel.results.frame import Heading, make_frame, plain_headings
from inficond_panel.tuning.suggest.levers import AS_IT_IS
from inficond_panel.tuning.suggest.suggestion import AUTHOR, MEASURED, Suggestion
from inficond_panel.vocabulary.metrics import AP, FIDELITY
from inficond_panel.wording.metrics import teacher_sentences
from inficond_panel.wording.repairs import tune_model_sentence

_HEADINGS = {
    **plain_headings("class", "lever", recommended="proposed", **{AP.key: AP.word}),
    "gain": Heading("gain", sign=True, missing=""),
    FIDELITY.key: Heading("like the teacher"),
    **plain_headings("concepts", "needs"),
}


def levers(suggestion: Suggestion) -> pd.DataFrame:
    """Return a frame of the compared repairs, a row per class and repair (``lever``).

    The unchanged student is first. ``ap`` and ``gain`` (undefined for the first) are 0 to 1, on
    photos that did not choose the repair; ``fidelity`` is the share of decisions equal to the
    teacher's. Facts are the proposed ``intents`` and their expected ``gain`` of the mean AP; by
    class the expected (``stated``) gain, the AP of a model of the labels alone (``tune_models``),
    ``photos`` to label, why classes are ``skipped``, and classes ``unknown_to_teacher``.
    """
    return make_frame(
        _rows(suggestion),
        ["class", "lever"],
        _HEADINGS,
        title=f"{AUTHOR}, seed {suggestion.seed}, {suggestion.images} photos of tune",
        notes=list(_notes(suggestion)),
        facts=_facts(suggestion),
        level=suggestion.level,
    )


def _rows(suggestion: Suggestion) -> Iterator[dict[str, Any]]:
    for name, repair in suggestion.repairs.items():
        for lever in repair.levers:
            alone = lever.name == AS_IT_IS
            gain = NO_INTERVAL if alone else lever.gain.gain(suggestion.level)
            yield {
                "class": name,
                "lever": lever.name,
                "recommended": lever == repair.taken,
                AP.key: lever.ap,
                **gain.columns("gain"),
                FIDELITY.key: lever.fidelity,
                "concepts": lever.concepts,
                "needs": lever.needs,
            }


def _notes(suggestion: Suggestion) -> Iterator[str]:
    yield suggestion.summary
    if suggestion.repairs:
        classes = len(suggestion.repairs)
        over = f"over {classes} {'class' if classes == 1 else 'classes'}"
        yield f"Expected gain {suggestion.gain} AP points, {over}, {MEASURED}."
    yield from teacher_sentences(suggestion.unknown)
    if len(suggestion.repairs) > 1:
        for name in suggestion.taken:
            yield f"{name}: expected gain {suggestion.gain_of(name)} AP points."
    for name, repair in suggestion.repairs.items():
        if repair.shift.tune_model is not None:
            yield f"{name}: {tune_model_sentence(repair.shift.tune_model)}"
        if repair.photos:
            yield f"{name}: most useful labels: {', '.join(repair.photos)}."
    for name, why in suggestion.skipped.items():
        yield f"{name} is left out: {why}."


def _facts(suggestion: Suggestion) -> dict[str, Any]:
    repairs = suggestion.repairs
    models = {name: one.shift.tune_model for name, one in repairs.items()}
    return {
        "author": AUTHOR,
        "seed": suggestion.seed,
        "parent": suggestion.parent,
        "images": suggestion.images,
        "gain": suggestion.gain.json(),
        "intents": [item.to_json() for item in suggestion.intents],
        "stated": {name: suggestion.gain_of(name).json() for name in suggestion.taken},
        "tune_models": {name: ap.json() for name, ap in models.items() if ap is not None},
        "photos": {name: list(one.photos) for name, one in repairs.items() if one.photos},
        "skipped": suggestion.skipped,
        "unknown_to_teacher": {name: each.to_json() for name, each in suggestion.unknown.items()},
    }
