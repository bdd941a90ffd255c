"""One report on a store and its students: what is wrong, and what to do first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from inficond_panel.common.near_words import listed
from inficond_panel.results.frame import Heading, make_frame
from inficond_panel.store import Store
from inficond_panel.store.teacher_outputs import hold_store
from inficond_panel.tuning import Node
from inficond_panel.tuning.fitting.recipe import Progress
from inficond_panel.tuning.other_students import node_title
from inficond_panel.tuning.shift import ClassShift, class_shift
from inficond_panel.tuning.shift_kinds import Differences, differences
from inficond_panel.tuning.thumbs import chosen_names
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.shift_kinds import FEW, SHIFT_KINDS
from inficond_panel.vocabulary.splits import FIT, TUNE
from inficond_panel.vocabulary.tasks import TWINS
from inficond_panel.wording.metrics import unknown_sentence
from inficond_panel.wording.shift_kinds import kind_sentence, unsure_sentence

#: Labels that are listed, at most; of those that are more likely wrong than right.
MOST_LABELS = 50
#: Correlation of scores from which two concepts are twins.
ALIKE = 0.995
_TEACHER = "Look at the teacher first: its weights, its preprocessing, its classes."
_CONCEPTS = "Leave them out of the corpus: `concepts.filters`."


@dataclass(frozen=True)
class _Seen:
    """One class: its shift, and what differs."""

    shift: ClassShift
    found: Differences


def doctor(
    tuner: Tuner,
    node: Node,
    classes: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, pd.DataFrame]:
    """Three frames: ``findings``, what to do first at the top; ``classes`` with the evidence on
    each of ``classes`` (all); and ``labels`` of fit that are likely wrong, the likeliest first.

    No photo of the holdout is looked at. Raises ``TuningError`` for an unknown class.
    """
    seen, names = dict[str, _Seen](), chosen_names("class", classes, tuner.store.classes)
    for place, name in enumerate(names):
        if progress is not None:
            progress(place / len(names), f"looking at {name}")
        photos = tuner.cures.photos(tuner.cures.class_fit(node, name), seed=seed)
        shift = class_shift(photos)
        seen[name] = _Seen(shift, differences(photos, shift))
    title, facts = node_title(tuner, node), {"node": node.id, "seed": seed}
    return {
        "findings": _findings(tuner, seen, title, facts),
        "classes": _classes(seen, facts),
        "labels": _labels(tuner.store, seen, facts),
    }


def _findings(
    tuner: Tuner, seen: Mapping[str, _Seen], title: str, facts: Mapping[str, Any]
) -> pd.DataFrame:
    rows = [*_of_store(tuner), *_of_teacher(seen), *_of_classes(seen)]
    notes = [] if rows else ["Nothing is wrong, as far as the photos can tell."]
    headings = {
        "about": Heading("about"),
        "kind": Heading("what"),
        "finding": Heading("finding"),
        "remedy": Heading("what helps"),
    }
    return make_frame(rows, "about", headings, title=f"{title}: findings", notes=notes, facts=facts)


def _row(about: str, kind: str, finding: str, remedy: str) -> dict[str, str]:
    return {"about": about, "kind": kind, "finding": finding, "remedy": remedy}


def _of_store(tuner: Tuner) -> Iterator[dict[str, str]]:
    store = tuner.store
    if order := hold_store(store, tuner.spec.order):
        yield _row("teacher", "order of the classes", order.message, "inficond docs teachers")
    constant, twins = _constant(store), _twins(store)
    if constant:
        finding = f"The score is the same on all photos of fit: {listed(constant[:8])}."
        yield _row("concepts", f"{len(constant)} constant", finding, _CONCEPTS)
    if twins:
        pairs = [f"{one} = {other}" for one, other in twins[:8]]
        yield _row("concepts", f"{len(twins)} twins", f"{listed(pairs)}.", _CONCEPTS)
    for warning in store.attrs.get("warnings", []):
        if str(warning).startswith(TWINS):
            continue  # they are told by their scores
        yield _row("store", "warning", str(warning), "inficond info")


def _of_teacher(seen: Mapping[str, _Seen]) -> Iterator[dict[str, str]]:
    for name, each in seen.items():
        skill = each.shift.teacher
        if skill is not None and skill.does_not_know:
            yield _row(name, "unknown to the teacher", unknown_sentence(name, skill), _TEACHER)


def _of_classes(seen: Mapping[str, _Seen]) -> Iterator[dict[str, str]]:
    for kind in SHIFT_KINDS:
        for name, each in seen.items():
            if kind in each.found.kinds:
                finding = kind_sentence(kind, each.found, each.shift)
                yield _row(name, kind.words, finding, kind.remedy)
    for name, each in seen.items():
        if each.found.perhaps and not each.found.kinds:
            yield _row(name, "cannot tell", unsure_sentence(each.found), FEW.remedy)


def _classes(seen: Mapping[str, _Seen], facts: Mapping[str, Any]) -> pd.DataFrame:
    headings = {
        "class": Heading("class"),
        "kinds": Heading("what differs"),
        "fit_positives": Heading(FIT),
        "tune_positives": Heading(TUNE),
        "teacher_ap": Heading("teacher's AP", limits=False),
        "added": Heading("wrongly present", 2),
        "missed": Heading("wrongly absent", 2),
        "noise": Heading("evidence", 1),
        "share": Heading("share, z", 1, sign=True),
        "photos": Heading("photos, z", 1, sign=True),
    }
    rows = (_class_row(name, each) for name, each in seen.items())
    title = "Classes: positives, the teacher, and what differs between fit and tune"
    return make_frame(rows, "class", headings, title=title, facts=facts)


def _class_row(name: str, each: _Seen) -> dict[str, Any]:
    found, teacher = each.found, each.shift.teacher
    noise, other = found.noise, found.other
    perhaps = [f"{kind.words}?" for kind in found.perhaps]
    return {
        "class": name,
        "kinds": ", ".join([*(kind.words for kind in found.kinds), *perhaps]),
        "fit_positives": found.positives[0],
        "tune_positives": found.positives[1],
        "teacher_ap": np.nan if teacher is None else teacher.ap.estimate,
        "added": np.nan if noise is None else noise.added,
        "missed": np.nan if noise is None else noise.missed,
        "noise": np.nan if noise is None else noise.evidence,
        "share": found.share,
        "photos": np.nan if other is None else other.negatives,
        "photos_with": np.nan if other is None else other.positives,
        "shift": each.shift.kind,
        "suspects": [suspect.concept for suspect in each.shift.suspects],
    }


def _labels(store: Store, seen: Mapping[str, _Seen], facts: Mapping[str, Any]) -> pd.DataFrame:
    rows = sorted(_wrong(store, seen), key=lambda row: -row["wrong"])[:MOST_LABELS]
    headings = {
        "image": Heading("image"),
        "class": Heading("class"),
        "label": Heading("label", words=("absent", "present")),
        "wrong": Heading("wrong by", 2),
        "present": Heading("present by other photos", 2),
        "teacher": Heading("by the teacher", 2),
    }
    title = f"Labels of fit that are likely wrong, at most {MOST_LABELS}"
    return make_frame(rows, ["image", "class"], headings, title=title, facts=facts)


def _wrong(store: Store, seen: Mapping[str, _Seen]) -> Iterator[dict[str, Any]]:
    for name, each in seen.items():
        labels = each.found.labels
        if labels is None or each.shift.by_teacher:
            continue
        chance = expit(store.teacher_log_odds[labels.rows, store.classes.index(name)])
        for at in np.flatnonzero(labels.wrong > 0.5):
            yield {
                "image": store.images[labels.rows[at]],
                "class": name,
                "label": int(labels.label[at]),
                "wrong": float(labels.wrong[at]),
                "present": float(labels.present[at]),
                "teacher": float(chance[at]),
            }


def _constant(store: Store) -> list[str]:
    spread = np.ptp(store.concept_score[store.rows(FIT)], axis=0)
    return [store.concepts[c] for c in np.flatnonzero(spread == 0)]


def _twins(store: Store) -> list[tuple[str, str]]:
    """Pairs of concepts whose scores say the same."""
    scores = np.asarray(store.concept_score[store.rows(FIT)], dtype=np.float32)
    spread = scores.std(axis=0)
    unit = (scores - scores.mean(axis=0)) / np.where(spread > 0, spread, 1) / np.sqrt(len(scores))
    pairs = np.argwhere(np.triu(unit.T @ unit >= ALIKE, 1))
    return [(store.concepts[a], store.concepts[b]) for a, b in pairs]
