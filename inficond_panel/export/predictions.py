"""Predictions of exported students on images, and rules for abstaining.

With several classes per image each class has a rule on the distance of the logit from the
threshold: the student decides only if decisions of this certainty reached the requested accuracy on
``tune``. With one class per image a single rule is on the probability of the likeliest class.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from inficond_panel.common.names import name_key, positions
from inficond_panel.common.near_words import near
from inficond_panel.common.numbers import count, defined, written
from inficond_panel.common.teacher_outputs import log_odds
from inficond_panel.concepts.photo_scores import PhotoScores
from inficond_panel.distill import Outcome, decision_function
from inficond_panel.distill.metrics.outcome import Cutoffs, likeliest
from inficond_panel.distill.metrics.thresholds import (
    LEAST_DECIDED,
    AbstainRule,
    class_decisions,
    top_decisions,
)
from inficond_panel.distill.metrics.top_class import TopClass, one_of_classes
from inficond_panel.errors import DataError
from inficond_panel.export.exported import Exported
from inficond_panel.results.frame import Heading, make_frame
from inficond_panel.results.local_explanation import Contribution, parts_of
from inficond_panel.store import Store
from inficond_panel.store.checks import class_positions
from inficond_panel.vocabulary.confidence import CONFIDENCE, USUAL_NOISE, Noise
from inficond_panel.vocabulary.metrics import ACCURACY
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.tasks import SINGLE_LABEL, SOFTMAX

#: Text in place of a decision if the student abstains.
DONT_KNOW = "don't know"
SHOWN_CONCEPTS = 5  #: number of concepts of a class in a terminal


@dataclass(frozen=True)
class Prediction:
    """Prediction of one class on one photo.

    ``logit`` is the sum of ``parts`` (per concept, largest first), intercept and ``other_classes``,
    the term of the other classes of a joint student, else 0. ``present`` is the student's decision:
    logit above ``cutoff``. ``teacher`` is the teacher's logit, ``teacher_present`` its decision;
    None if the teacher cannot run. ``named`` is the likeliest class with one class per photo, else
    "". ``answered`` is False if the student abstains; see ``abstaining``.
    """

    photo: str
    class_name: str
    logit: float
    cutoff: float
    present: bool
    teacher: float | None
    teacher_present: bool | None
    intercept: float
    parts: tuple[Contribution, ...]
    other_classes: float = 0.0
    answered: bool = True
    named: str = ""


@dataclass(frozen=True)
class LikeliestClass:
    """Likeliest class of a photo with one class, with its ``probability`` among all classes.

    ``teacher`` is the teacher's likeliest class, None if the teacher cannot run. ``answered`` is
    False if the students abstain.
    """

    class_name: str
    probability: float
    teacher: str | None
    answered: bool

    @property
    def words(self) -> str:
        """The prediction as text: ``cat, probability 0.980 (teacher: dog)``."""
        teacher = f" (teacher: {self.teacher})" if self.teacher else ""
        student = self.class_name if self.answered else DONT_KNOW
        return f"{student}, probability {written(self.probability)}{teacher}"


def named_classes(predictions: Sequence[Prediction]) -> dict[str, LikeliestClass]:
    """Return the likeliest class of each photo; ``predictions`` must have all classes of a photo.

    Probabilities are those of ``distill.metrics.top_class``.
    """
    photos: dict[str, list[Prediction]] = {}
    for one in predictions:
        photos.setdefault(one.photo, []).append(one)
    named = {}
    for photo, mine in photos.items():
        best = next(one for one in mine if one.present)
        teacher = next((one.class_name for one in mine if one.teacher_present), None)
        probability = _largest_probability(mine)
        named[photo] = LikeliestClass(best.class_name, probability, teacher, best.answered)
    return named


def _largest_probability(mine: Sequence[Prediction]) -> float:
    return float(one_of_classes(np.array([[one.logit for one in mine]])).max())


def predict(students: Exported, scores: PhotoScores) -> list[Prediction]:
    """Return predictions for all readable photos, ordered by photo and class.

    Raises ``DataError`` if the scores lack a concept or a class of the students.
    """
    column = columns_of("concepts", students.concepts, scores.concepts)
    chosen = scores.score[:, column].astype(np.float64)
    linear = chosen @ students.weights + students.intercepts
    logits = log_odds(linear) if students.link == SOFTMAX else linear
    cutoffs = Cutoffs(logits, students.thresholds, students.task, students.link)
    each_cutoff = [np.broadcast_to(cutoffs.of(k), len(logits)) for k in range(logits.shape[1])]
    present = students.decided(logits)
    named = likeliest(logits) if students.task == SINGLE_LABEL else None
    teacher = teacher_present = None
    if scores.teacher is not None:
        teacher = scores.teacher[:, columns_of("classes", students.classes, scores.classes)]
        teacher_present = students.decided(teacher)
    return [
        Prediction(
            photo=photo,
            class_name=name,
            logit=float(logits[i, k]),
            cutoff=float(each_cutoff[k][i]),
            present=bool(present[i, k]),
            teacher=None if teacher is None else float(teacher[i, k]),
            teacher_present=None if teacher_present is None else bool(teacher_present[i, k]),
            intercept=float(students.intercepts[k]),
            parts=parts_of(students.concepts, chosen[i], students.weights[:, k]),
            other_classes=float(logits[i, k] - linear[i, k]),
            named="" if named is None else students.classes[named[i]],
        )
        for i, (photo, fault) in enumerate(zip(scores.photos, scores.fault, strict=True))
        if not fault
        for k, name in enumerate(students.classes)
    ]


def columns_of(kind: str, wanted: Sequence[str], known: Sequence[str]) -> list[int]:
    """Return the indices of ``wanted`` names in ``known``; ``DataError`` for a missing name."""
    column_of = positions(known)
    missing = [name for name in wanted if name_key(name) not in column_of]
    if missing:
        raise DataError(
            f"{len(missing)} {kind} of the students are not in the store, the first is "
            f"{missing[0]!r}.{near(missing[0], known)}",
            "Name the spec that the students were made with.",
        )
    return [column_of[name_key(name)] for name in wanted]


_WORDS = ("absent", "present")
_TEACHERS = {
    "teacher_logit": Heading("teacher's logit", sign=True),
    "teacher_decision": Heading("teacher", words=_WORDS),
}


def decision_frame(
    predictions: Sequence[Prediction],
    named: Mapping[str, LikeliestClass] | None = None,
    *,
    title: str = "",
    facts: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
    thing: str = "photo",
    known_words: Mapping[str, int] = MappingProxyType({}),
) -> pd.DataFrame:
    """Return a row per photo and class: logit, probability and decision of student and teacher.

    The decision is missing if the student abstains, the teacher's values if the teacher cannot run.
    With ``named``, columns ``named_*`` have the likeliest class of the photo. A terminal shows the
    highest logits above the cutoff first, without the teacher's columns if no teacher can run.
    ``thing`` is the heading of the photos. ``known_words`` of captions, by caption, are a column.
    """
    rows = [
        _decision(one, None if named is None else named[one.photo])
        | ({"known_words": known_words[one.photo]} if known_words else {})
        for one in predictions
    ]
    position = {photo: at for at, photo in enumerate(dict.fromkeys(row["image"] for row in rows))}
    surest = [(position[one.photo], one.cutoff - one.logit) for one in predictions]
    taught = any(one.teacher is not None for one in predictions)
    frame = make_frame(
        rows,
        ["image", "class"],
        {
            "image": Heading(thing),
            "named_student": Heading("named", missing=DONT_KNOW),
            "named_probability": Heading("among the classes"),
            **({"named_teacher": Heading("by the teacher")} if taught else {}),
            "class": Heading("class"),
            "student_logit": Heading("logit", sign=True),
            "student_probability": Heading("probability"),
            "student_decision": Heading("student", words=_WORDS, missing=DONT_KNOW),
            **(_TEACHERS if taught else {}),
        },
        title=title,
        notes=notes,
        facts=facts,
        shown=sorted(range(len(rows)), key=surest.__getitem__),
    )
    kinds = {"student_decision": "Int64", "teacher_decision": "Int64", "teacher_logit": float}
    for name, kind in kinds.items():
        frame[name] = frame[name].astype(kind)
    return frame


def with_undecided(frame: pd.DataFrame, faults: Mapping[str, str]) -> pd.DataFrame:
    """Return a ``decision_frame`` of rows of a table, or of captions, to which those that are not
    decided are added with the reason, in a column ``fault``.

    ``faults`` has the reason by row, "" of a decided one, in the order of the table. A terminal
    shows the decided rows.
    """
    if not any(faults.values()):
        return frame
    if "known_words" in frame:
        frame = frame.astype({"known_words": "Int64"})  # which may be missing
    every = pd.MultiIndex.from_product(
        [list(faults), frame.index.unique("class")], names=frame.index.names
    )
    whole = frame.reindex(every)
    reasons = {image: fault and f"not decided: {fault}" for image, fault in faults.items()}
    whole["fault"] = [reasons[image] for image in every.get_level_values("image")]
    shown = every.get_indexer(frame.index[frame.attrs["shown"]])
    whole.attrs = frame.attrs | {"shown": shown.tolist()}
    return whole


def _decision(one: Prediction, named: LikeliestClass | None) -> dict[str, Any]:
    row = {
        "image": one.photo,
        "class": one.class_name,
        "student_logit": one.logit,
        "student_probability": float(expit(one.logit)),
        "student_decision": int(one.present) if one.answered else None,
        "teacher_logit": defined(one.teacher),
        "teacher_decision": None if one.teacher_present is None else int(one.teacher_present),
        "threshold": None if one.named else one.cutoff,
    }
    return row | ({} if named is None else {f"named_{key}": v for key, v in _name(named).items()})


def named_frame(predictions: Sequence[Prediction]) -> pd.DataFrame:
    """Return a row per photo, for data with one class per image: likeliest class, probability.

    The class is missing if the students abstain, ``teacher`` if the teacher cannot run.
    """
    named = named_classes(predictions)
    rows = [{"image": photo, **_name(one)} for photo, one in named.items()]
    names = ("image", "student", "probability", "teacher")
    return make_frame(rows, "image", {name: Heading(name) for name in names})


def _name(named: LikeliestClass) -> dict[str, Any]:
    student = named.class_name if named.answered else None
    return {"student": student, "probability": named.probability, "teacher": named.teacher}


#: Name of the row of the intercept; the brackets tell it from a concept.
INTERCEPT = "(intercept)"


def part_frame(
    predictions: Sequence[Prediction], most: int | None = None, *, thing: str = "photo"
) -> pd.DataFrame:
    """Return a row per photo, class and concept with its contribution to the logit, largest first.

    The first row of each class is the ``INTERCEPT`` (plus the term of other classes of a joint
    student); it has neither score nor influence. With ``most`` the last row is the sum of all but
    the ``most`` largest contributions. Rows add up to the logit.
    """
    rows: list[dict[str, Any]] = []
    for one in predictions:
        at = {"image": one.photo, "class": one.class_name}
        summed = {"concept_score": None, "influence": None}
        rows.append(
            {**at, "concept": INTERCEPT, **summed, "logit": one.intercept + one.other_classes}
        )
        for part in one.parts[:most]:
            values = {"concept_score": part.score, "influence": part.influence}
            rows.append({**at, "concept": part.concept, **values, "logit": part.logit})
        if most is not None and (rest := [part.logit for part in one.parts[most:]]):
            name = count(len(rest), "other")
            rows.append({**at, "concept": name, **summed, "logit": sum(rest)})
    frame = make_frame(
        rows,
        ["image", "class"],
        {
            "image": Heading(thing),
            "class": Heading("class"),
            "concept": Heading("concept"),
            "concept_score": Heading("score", missing=""),
            "influence": Heading("influence", significant=3, sign=True, missing=""),
            "logit": Heading("logit", sign=True),
        },
        title="parts of the logit: the intercept, then concepts",
    )
    return frame.astype({"concept_score": float, "influence": float})


#: Key of the single rule for all classes, on data with one class per image.
ALL_CLASSES = ""


@dataclass(frozen=True)
class Abstaining:
    """Rules for abstaining by class, or a single rule with key ``ALL_CLASSES``."""

    rules: Mapping[str, AbstainRule]
    level: float = CONFIDENCE

    @property
    def accuracy(self) -> float:
        """The requested accuracy on ``tune``."""
        return next(iter(self.rules.values())).asked

    def of(self, class_name: str) -> AbstainRule:
        """Return the rule that decides whether students answer for a class."""
        return self.rules[ALL_CLASSES if ALL_CLASSES in self.rules else class_name]

    def apply(self, predictions: Sequence[Prediction]) -> list[Prediction]:
        """Return predictions with ``answered`` False where the rule's certainty is not reached.

        With a single rule, ``predictions`` must have all classes of a photo.
        """
        if ALL_CLASSES in self.rules:
            return [one for _, mine in groupby(predictions, lambda one: one.photo)
                    for one in self._together(list(mine))]  # fmt: skip
        rules = self.rules
        return [
            replace(one, answered=abs(one.logit - one.cutoff) >= rules[one.class_name].threshold)
            for one in predictions
        ]

    def among(self, classes: Sequence[str]) -> Abstaining:
        """Return a copy with the rules of ``classes`` only; a single rule for all classes stays."""
        kept = {ALL_CLASSES, *classes}
        return replace(
            self, rules={name: rule for name, rule in self.rules.items() if name in kept}
        )

    def lacking(self) -> Iterator[str]:
        """Yield a sentence for each class whose decisions never reach the requested accuracy."""
        for name, rule in self.rules.items():
            if not rule.reached:
                few = np.isnan(rule.best)
                best = "too few images are labelled" if few else f"the best is {rule.best:.3f}"
                yield (
                    f"{name or 'The classifier'}: no {LEAST_DECIDED} or more images of tune are "
                    f"decided with an accuracy of {rule.asked:g} ({best}), so no image is answered."
                )

    def _together(self, mine: list[Prediction]) -> list[Prediction]:
        answered = _largest_probability(mine) >= self.rules[ALL_CLASSES].threshold
        return [replace(one, answered=answered) for one in mine]


def abstaining(
    students: Exported, store: Store, accuracy: float, noise: Noise = USUAL_NOISE
) -> Abstaining:
    """Return rules with which the answered images of ``tune`` have this ``accuracy``, by labels.

    ``noise`` sets the interval of the accuracy. Raises ``DataError`` for an accuracy that is not
    above 0 and at most 1, and if the store lacks a concept or a class of the students.
    """
    rows = store.rows(TUNE)
    score = store.concept_score[rows][:, columns_of("concepts", students.concepts, store.concepts)]
    logit = decision_function(score, students.weights, students.intercepts, students.link)
    label = store.label[rows][:, columns_of("classes", students.classes, store.classes)]
    return abstaining_by(students, label, logit, accuracy, noise)


def abstaining_by(
    students: Exported,
    label: np.ndarray,
    logit: np.ndarray,
    accuracy: float,
    noise: Noise = USUAL_NOISE,
) -> Abstaining:
    """Return the rules of ``abstaining`` from labels and logits ``(n, K)`` on ``tune``."""
    if not 0 < accuracy <= 1:
        raise DataError(
            f"The accuracy of the answers is {accuracy:g}.", "Give a number above 0, up to 1."
        )
    level = noise["level"]
    if students.task == SINGLE_LABEL:
        top = TopClass(class_positions(label), one_of_classes(logit), logit=logit)
        return Abstaining(
            {ALL_CLASSES: top_decisions(top).rule(accuracy, noise["seed"], level)}, level
        )
    rules = {}
    for k, name in enumerate(students.classes):
        outcome = Outcome(label[:, k], logit[:, k], cutoff=students.thresholds[k])
        rules[name] = class_decisions(outcome).rule(accuracy, noise["seed"], level)
    return Abstaining(rules, level)


def rules_frame(rules: Abstaining) -> pd.DataFrame:
    """Return a row per rule: minimum certainty, share of answered images, and accuracy.

    A single rule for all classes has an empty class. A terminal shows the rules that reach the
    requested accuracy.
    """
    rows: list[dict[str, Any]] = [
        {"class": name, "threshold": rule.threshold, "answered": rule.coverage}
        | rule.accuracy.columns(ACCURACY.key)
        | {"asked": rule.asked, "best": rule.best, "reached": rule.reached}
        for name, rule in rules.rules.items()
    ]
    unit = "probability" if ALL_CLASSES in rules.rules else "logits from the threshold"
    return make_frame(
        rows,
        "class",
        {
            "class": Heading("class"),
            "threshold": Heading(f"least {unit}"),
            "answered": Heading("answered"),
            ACCURACY.key: Heading(ACCURACY.word),
        },
        title="Least certainty of an answer; share answered and accuracy are cross-fitted on tune.",
        notes=list(rules.lacking()),
        level=rules.level,
        shown=[at for at, row in enumerate(rows) if row["reached"]],
    )
