"""Sentences on a teacher that does not know a class, on changes of metrics, and on drift."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from inficond_panel.common.interval import UNCHANGED, Interval
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import change_number, count, number
from inficond_panel.distill import TeacherSkill
from inficond_panel.distill.drift import LARGEST_P, ConceptDrift, Drift
from inficond_panel.vocabulary.confidence import interval_word
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.things import ROWS, images_of

#: Number of classes that are named; the rest is counted.
NAMED = 6
#: What the values of the teacher beside a student's are.
TEACHER_BESIDE = "Teacher: on the same images, decided by the same rule as the student."
_REMEDY = (
    "check the order and the sign of the teacher's outputs, and its preprocessing, or use labels."
)


def unknown_sentence(class_name: str, skill: TeacherSkill) -> str:
    """Return the sentence ``The teacher does not know 'bus' (AP 0.17, chance 0.25).``, or that its
    ranking is reversed."""
    digits = 2 if skill.chance >= 0.1 else 3
    ap, chance = number(skill.ap.estimate, digits), number(skill.chance, digits)
    above = "not clearly above " if skill.ap.estimate > skill.chance else ""
    reversed_ = ", and ranks images without it above those with it" if skill.reverses else ""
    beside = f"(AP {ap}, {above}chance {chance})"
    return f"The teacher does not know {class_name!r} {beside}{reversed_}."


def constant_sentence(classes: Sequence[str]) -> str:
    """Return the sentence that students of ``classes`` agree with the teacher no more than one
    answer for all images does."""
    names, their = listed(list(classes), NAMED), "its" if len(classes) == 1 else "their"
    return (
        f"{names}: the fidelity is not clearly above that of one answer for all images, so do not "
        f"read {their} influences as the teacher's reasons."
    )


def advice_sentence(classes: int = 1) -> str:
    """Return the advice for classes that the teacher does not know; ``classes``: their number."""
    whose = "Its student imitates" if classes == 1 else "Their students imitate"
    return f"{whose} noise: {_REMEDY}"


def teacher_sentence(class_name: str, skill: TeacherSkill | None) -> str:
    """Return sentences that the teacher does not know a class, and what to do; else ""."""
    if skill is None or not skill.does_not_know:
        return ""
    return f"{unknown_sentence(class_name, skill)} {advice_sentence()}"


def teacher_sentences(skills: Mapping[str, TeacherSkill]) -> list[str]:
    """Return a sentence per class that the teacher does not know, then the advice; [] if none."""
    unknown = {name: skill for name, skill in skills.items() if skill.does_not_know}
    if not unknown:
        return []
    rest = len(unknown) - NAMED
    return [
        *[unknown_sentence(name, skill) for name, skill in unknown.items()][:NAMED],
        *([f"Nor does the teacher know {count(rest)} of the other classes."] if rest > 0 else []),
        advice_sentence(len(unknown)),
    ]


def make_change(
    change: Interval | None, estimate: float = math.nan, unit: str = AP.unit
) -> dict[str, Any] | None:
    """Return the texts of a metric's change for the page: ``text``, ``interval``, ``noise`` (within
    noise), and for whiskers ``at``: low, estimate, high.

    While the ``change`` with its interval is None, the text is of the ``estimate``. None if that is
    undefined. A change of exactly 0 is "unchanged", not "within noise"."""
    value = estimate if change is None else change.estimate
    if math.isnan(value):
        return None
    if change is None or math.isnan(change.low):
        text = change_number(value, unit) if value else UNCHANGED
        return {"text": text, "interval": "", "at": [], "noise": False}
    if change.words == UNCHANGED:
        return {"text": UNCHANGED, "interval": "", "at": [], "noise": False}
    text, limits = change.change(unit)
    return {
        "text": text,
        "interval": limits,
        "at": [(100 if unit else 1) * end for end in (change.low, value, change.high)],
        "noise": change.words == "within noise",
    }


def change_text(change: dict[str, Any] | None) -> str:
    """Return a change from ``make_change`` as one text: ``+10.4 points [−1.0, +21.9], within
    noise``, or ``unchanged``; "" for None."""
    if change is None:
        return ""
    limits = " ".join(filter(None, [change["text"], change["interval"]]))
    return limits + ", within noise" * change["noise"]


_NAMED = 5  #: number of concepts that are named


def drift_sentences(drift: Drift) -> list[str]:
    """Return sentences on whether new photos differ from fit, on far photos, and on concepts whose
    scores drifted; or why nothing was tested."""
    if drift.lacking:
        return [f"Not tested: {drift.lacking}."]
    verdict = f"These {drift.things} differ" if drift.alarm else "No significant difference"
    new = count(drift.photos, drift.things.removesuffix("s"))
    return [
        f"{verdict} from the training {images_of(drift.things)}: {new} compared with "
        f"{drift.fit_photos:,}, at a chance of {100 * LARGEST_P:g} % of a false alarm.",
        _far_sentence(drift),
        _concepts_sentence(drift),
        *_exchanged_sentences(drift),
    ]


def split_drift_sentence(drift: Drift) -> str:
    """Return sentences on how ``tune`` differs from ``fit``; "" if not significantly. Of exchanged
    scores the doctor has a finding of its own."""
    far = [f"Of the tuning images {_far_sentence(drift)}"] if drift.far_drift else []
    concepts = [_concepts_sentence(drift)] if drift.drifted else []
    if not (far or concepts):
        return ""
    chance = f"Splits by chance raise such an alarm in {100 * LARGEST_P:g} % of data sets."
    return " ".join([*far, *concepts, chance])


def _far_sentence(drift: Drift) -> str:
    return (
        f"{drift.far} of {drift.photos} ({_percent(drift.share)}, {interval_word(drift.level)} "
        f"{_percent(drift.low)} to {_percent(drift.high)}) are farther from the training "
        f"{images_of(drift.things)} than all but {_percent(drift.expected)} of these "
        f"(p = {drift.p:.2g})."
    )


def _concepts_sentence(drift: Drift) -> str:
    drifted, every = drift.drifted, len(drift.concepts)
    if not drifted:
        return f"None of {count(every, 'concept')} scores clearly differently than in training."
    return _drifted_sentence(drifted, count(every, "concept"), drift.things)


def _drifted_sentence(drifted: Sequence[ConceptDrift], of: str, things: str) -> str:
    clauses = [f"{each.concept} ({typical(each)})" for each in drifted]
    have = "has" if len(drifted) == 1 else "have"
    heading = f"{len(drifted)} of {of} {have} different scores"
    return f"{heading} than in the training {images_of(things)}: {listed(clauses, _NAMED)}."


def drifted_note(drifted: Sequence[ConceptDrift], used: int, things: str) -> str:
    """Return sentences on the ``drifted`` of the concepts that are ``used``, for predictions."""
    told = _drifted_sentence(drifted, count(used, "used concept"), things)
    return f"{told} Figures on tuning {images_of(things)} may not hold for these {things}."


def _exchanged_sentences(drift: Drift) -> list[str]:
    if not drift.exchanged:
        return []
    told = exchanged_words(drift.exchanged, drift.things)
    return [f"{told[0].upper()}{told[1:]} the training {images_of(drift.things)}."]


def exchanged_words(pairs: Sequence[tuple[str, str]], things: str) -> str:
    """Return ``the scores of sail and wing look exchanged: exchanged back, they fit``, of pairs of
    concepts; rows of a table (``things``) have columns."""
    whose, again = ("columns", "") if things == ROWS else ("scores of", "of ")
    named = f", and {again}".join(f"{one} and {other}" for one, other in pairs)
    return f"the {whose} {named} look exchanged: exchanged back, they fit"


def typical(concept: ConceptDrift) -> str:
    """Return the medians of a concept's scores as text, or the means if the medians are equal; the
    shares of ones if it is 0 or 1."""
    if concept.binary:
        return f"1 for {_percent(concept.mean)}, in training {_percent(concept.fit_mean)}"
    now, then = number(concept.median), number(concept.fit_median)
    if now != then:
        return f"median {now}, in training {then}"
    return f"mean {number(concept.mean)}, in training {number(concept.fit_mean)}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
