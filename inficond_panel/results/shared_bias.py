"""Rows on what students may rely on in all photos: no comparison of two splits shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from inficond_panel.common.cache import once
from inficond_panel.common.threads import one_thread
from inficond_panel.concepts.own_words import class_words
from inficond_panel.distill.metrics.outcome import Cutoff
from inficond_panel.results.frame import Heading, make_frame
from inficond_panel.results.shift import decided_at, student_photos, student_shift
from inficond_panel.store import Store
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.history.belongs import ReliedThing
from inficond_panel.tuning.settled import not_said_twice, settled_shared
from inficond_panel.tuning.shared_bias import SharedFound, SharedSuspect, shared_suspects
from inficond_panel.tuning.showing import showing_concepts
from inficond_panel.vocabulary.splits import FIT, TUNE
from inficond_panel.vocabulary.tasks import SINGLE_LABEL
from inficond_panel.vocabulary.things import CONCEPT
from inficond_panel.wording import shared_bias as words
from inficond_panel.wording.shared_bias import (
    SHARED,
    in_fit_sentence,
    reliance_sentence,
    shared_sentence,
)

#: Heading of the mark of what people said belongs to the class.
BELONGS_HEADING = Heading("", words=("", words.BELONGS))
_HEADINGS = {
    "class": Heading("class"),
    "name": Heading("in all images"),
    "kind": Heading("is a"),
    "found_with": Heading("found: with it", 2),
    "found_without": Heading("without it", 2),
    "called_with": Heading("wrongly called: with it", 2),
    "called_without": Heading("without it", 2),
    "strength": Heading("strength", 2),
    "p": Heading("p", 3),
    "weight": Heading("influence", 2, sign=True, missing=""),
    "called": Heading("", words=("", "may be wrong")),
    "belongs": BELONGS_HEADING,
}
#: Results cached for all sessions: one per class and iteration that tuned the class.
_KEPT = 4096
_ASKED = (
    "Strength is defined in `inficond docs repair`. What may be wrong is marked; a part of the "
    "class looks the same in numbers, so this is a question."
)
_HIDDEN = "What is not marked is only ranked, and left out here: name a class to see it."


@dataclass(frozen=True)
class StudentShared:
    """What the student of a class may rely on in all photos: ``found``, and for each suspect that
    is called or ``in_fit``, the concepts that show it, ``showing``, by kind and name."""

    found: SharedFound
    showing: Mapping[tuple[str, str], tuple[str, ...]]

    def concepts(self, suspect: SharedSuspect) -> tuple[str, ...]:
        """Return the concepts that show a suspect that is called or ``in_fit``; () if none does."""
        return self.showing.get((suspect.kind, suspect.name), ())


def student_shared(tuner: Tuner, node: Node, class_name: str, *, seed: int = 0) -> StudentShared:
    """Return what the class's student at ``node`` may rely on in all photos, with the marks of what
    people said belongs to the class. What ``student_shift`` names is not called again.

    Takes tenths of a second, once per refit of the class, or with one class per image of any class.
    Does not use the holdout.
    """
    made = _student_shared(tuner, decided_at(tuner, node, class_name), class_name, seed)
    shift = student_shift(tuner, node, class_name, seed=seed)
    found = not_said_twice(settled_shared(made.found, tuner.belonging()), shift)
    return replace(made, found=found)


@once(_KEPT)
def _student_shared(tuner: Tuner, node_id: str, class_name: str, seed: int) -> StudentShared:
    with one_thread():
        evidence = student_photos(tuner, node_id, class_name, seed)
        found = shared_suspects(evidence, _cutoff(tuner, tuner.node(node_id), class_name))
        rows = np.concatenate([evidence.fit, evidence.tune])
        showing = {
            (each.kind, each.name): showing_concepts(
                tuner.store, rows, ReliedThing(class_name, each.kind, each.name)
            )
            for each in (*found.called, *found.in_fit)
        }
    return StudentShared(found, showing)


def _cutoff(tuner: Tuner, node: Node, class_name: str) -> Cutoff:
    """Return the logit above which an image has the class: one, or one per image of the store (N,)
    if it is that of the likeliest other class; not known (nan) on the holdout."""
    if tuner.store.task != SINGLE_LABEL:
        return tuner.thresholds[tuner.store.classes.index(class_name)]
    cutoff = np.full(len(tuner.store.images), np.nan)
    for split in (FIT, TUNE):
        cutoff[tuner.store.rows(split)] = tuner.at(node, split)[class_name].outcome.cutoff
    return cutoff


def asked_classes(seen: Mapping[str, StudentShared]) -> list[str]:
    """Return the classes whose students may rely on something that a person decides."""
    return [name for name, each in seen.items() if each.found.asked]


def called_rows(seen: Mapping[str, StudentShared]) -> Iterator[tuple[str, SharedSuspect, str]]:
    """Yield each suspect that is called, with its class and a sentence, the strongest first; of
    concepts that are in the same images one."""
    called = [(name, each) for name, one in seen.items() for each in one.found.distinct]
    for name, each in sorted(called, key=lambda pair: -pair[1].strength):
        told = shared_sentence(name, each, seen[name].found.things, seen[name].concepts(each))
        yield name, each, f"{reliance_sentence(name, each, seen[name].found.twins(each))} {told}"


def unnamed_topics(store: Store, seen: Mapping[str, StudentShared]) -> dict[str, str]:
    """Return the first word that the student of a class may rely on, by class, in a store of
    captions, for the classes that no concept is named like: such a word may mean the class."""
    if not store.of_words:
        return {}
    asked = {
        name: [each.name for each in one.found.called if each.kind == CONCEPT and each.use > 0]
        for name, one in seen.items()
    }
    return {n: words[0] for n, words in asked.items() if words and not class_words(store, n)}


def in_fit_rows(seen: Mapping[str, StudentShared]) -> Iterator[tuple[str, str]]:
    """Yield each class that a column's value goes with in the training images only, with a
    sentence on the strongest such value."""
    for name, one in seen.items():
        if one.found.in_fit:
            strongest = max(one.found.in_fit, key=lambda each: each.strength)
            yield name, in_fit_sentence(name, strongest, one.found.things, one.concepts(strongest))


def shared_frame(
    seen: Mapping[str, StudentShared], facts: Mapping[str, Any], *, whole: bool
) -> pd.DataFrame:
    """Return the frame of all suspects by class; unless ``whole`` the called ones are displayed."""
    rows = [_row(name, each, one) for name, one in seen.items() for each in one.found.suspects]
    shown = [at for at, row in enumerate(rows) if whole or row["called"] or row["belongs"]]
    lacking = {name: one.found.lacking for name, one in seen.items()}
    notes = [f"{name}: {why}." for name, why in lacking.items() if why and whole]
    notes += [_ASKED] if shown else []
    notes += [_HIDDEN] if len(shown) < len(rows) else []
    title = f"What students may rely on: {SHARED}"
    return make_frame(
        rows, ["class", "name"], _HEADINGS, title=title, notes=notes, facts=facts, shown=shown
    )


def _row(name: str, each: SharedSuspect, one: StudentShared) -> dict[str, Any]:
    found, called = each.rates.found, each.rates.called
    showing = one.concepts(each) if each.called else None
    return {
        "class": name,
        "name": each.name,
        "kind": each.kind,
        "found_with": _share(found[0]),
        "found_without": _share(found[1]),
        "called_with": _share(called[0]),
        "called_without": _share(called[1]),
        "positives_with": found[0][1],
        "positives_without": found[1][1],
        "negatives_with": called[0][1],
        "negatives_without": called[1][1],
        "correlation": each.correlation,
        "use": each.use,
        "strength": each.strength,
        "p": each.p,
        "weight": each.weight if each.weight else np.nan,
        "called": each.called and not each.belongs,
        "belongs": each.belongs,
        "sentence": shared_sentence(name, each, one.found.things, showing),
    }


def _share(counted: tuple[int, int]) -> float:
    return counted[0] / counted[1] if counted[1] else float("nan")
