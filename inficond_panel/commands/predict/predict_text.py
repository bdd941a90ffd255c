"""Predictions as text, as one document and as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from inficond_panel.commands.shared.output import say, say_table
from inficond_panel.common.numbers import plain, written
from inficond_panel.common.saved_file import make_table
from inficond_panel.concepts.photo_scores import PhotoScores
from inficond_panel.distill.shift.drift import Drift
from inficond_panel.export.abstaining import ALL_CLASSES, Abstaining
from inficond_panel.export.predictions import COLUMNS, DONT_KNOW, PART_COLUMNS, Named, Prediction
from inficond_panel.vocabulary.confidence import confidence_word
from inficond_panel.vocabulary.metrics import ACCURACY
from inficond_panel.wording.drift import drift_sentences

_SHOWN = 5  #: concepts of a class that are printed
#: Columns of the class that a photo is named, where it shows one.
NAMED_COLUMNS = ("named_student", "named_probability", "named_teacher")
_HEADER = ["class", "logit", "probability", "student", "teacher"]
_RULES = ["class", "least", "answered", ACCURACY.word]


def make_document(
    scores: PhotoScores,
    predictions: Sequence[Prediction],
    explain: bool,
    named: Mapping[str, Named] | None = None,
) -> dict[str, Any]:
    """Document of all photos: a fault, or the classes, and where there is one the class named."""
    classes: dict[str, dict[str, Any]] = {}
    for one in predictions:
        classes.setdefault(one.photo, {})[one.class_name] = _facts(one, explain)
    return {
        "no_teacher": scores.no_teacher or None,
        "photos": [
            {
                "photo": photo,
                "fault": fault or None,
                **({} if named is None else {"named": _named_facts(named.get(photo))}),
                "classes": classes.get(photo, {}),
            }
            for photo, fault in zip(scores.photos, scores.fault, strict=True)
        ],
    }


def _named_facts(named: Named | None) -> dict[str, Any] | None:
    if named is None:
        return None
    return dict(zip(("student", "probability", "teacher"), _named_row(named), strict=True))


def _named_row(named: Named) -> list[Any]:
    """Values of ``NAMED_COLUMNS``."""
    student = named.class_name if named.answered else DONT_KNOW
    return [student, named.probability, named.teacher]


def _facts(one: Prediction, explain: bool) -> dict[str, Any]:
    facts: dict[str, Any] = dict(zip(COLUMNS[2:], one.row()[2:], strict=True))
    if not one.named:
        facts["threshold"] = one.cutoff
    if explain:
        facts["intercept"] = one.intercept
        if one.other_classes:
            facts["other_classes"] = one.other_classes
        facts["concepts"] = [vars(part) for part in one.parts]
    return facts


def more_document(rules: Abstaining | None, drift: Drift | None) -> dict[str, Any]:
    """Rules of abstaining by class, that of all classes together under none; and the drift."""
    document: dict[str, Any] = {}
    if rules:
        level = {"level": rules.level}
        document["abstain"] = {
            name: plain({**asdict(rule), **level}) for name, rule in rules.rules.items()
        }
    if drift:
        sentences = drift_sentences(drift)
        document["drift"] = {"alarm": drift.alarm, "sentences": sentences, **plain(asdict(drift))}
    return document


def say_more(rules: Abstaining | None, drift: Drift | None) -> None:
    """Print rules of abstaining, and the drift."""
    if rules:
        _say_rules(rules)
    if drift:
        say()
        for sentence in drift_sentences(drift):
            say(sentence)


def _say_rules(rules: Abstaining) -> None:
    """Print how sure an answer is at least, and what that is worth on tune."""
    unit = "probability" if ALL_CLASSES in rules.rules else "logits from the threshold"
    rows = [
        [
            name or "all classes",
            written(rule.threshold),
            f"{100 * rule.coverage:.1f} %",
            *rule.accuracy.cells(),
        ]
        for name, rule in rules.rules.items()
        if rule.reached
    ]
    if rows:  # what is lacking is noted
        say()
        say(
            "Answered only if as sure as this; share and accuracy, cross-fitted, are those of tune."
        )
        word = confidence_word(rules.level)
        say_table([_RULES[0], f"{_RULES[1]} {unit}", *_RULES[2:], word], rows)


def say_csv(
    predictions: Sequence[Prediction], explain: bool, named: Mapping[str, Named] | None = None
) -> None:
    """Print a table; without ``explain`` with the class that each photo is ``named``, if any."""
    columns: Sequence[str] = PART_COLUMNS if explain else COLUMNS
    if explain:
        rows = [row for one in predictions for row in one.part_rows()]
    elif named is None:
        rows = [one.row() for one in predictions]
    else:
        columns = (*COLUMNS, *NAMED_COLUMNS)
        rows = [[*one.row(), *_named_row(named[one.photo])] for one in predictions]
    say(make_table("predictions", columns, rows).content.decode().rstrip("\n"))


def say_predictions(
    predictions: Sequence[Prediction], explain: bool, named: Mapping[str, Named] | None = None
) -> None:
    """Print the classes of each photo, those most surely present first.

    Beside the photo the class that is ``named``, where there is one.
    """
    for photo in dict.fromkeys(one.photo for one in predictions):
        mine = [one for one in predictions if one.photo == photo]
        mine.sort(key=lambda one: one.cutoff - one.logit)
        say()
        say(f"{photo}: {named[photo].words}" if named else photo)
        say_table(_HEADER, [_row(one) for one in mine])
        for one in mine if explain else ():
            say(f"  {one.class_name} {written(one.logit, sign=True)} = {_sum(one)}")


def _row(one: Prediction) -> list[str]:
    teacher = (
        ""
        if one.teacher is None
        else f"{written(one.teacher, sign=True)} {_word(one.teacher_present)}"
    )
    probability = one.row()[3]
    return [
        one.class_name,
        written(one.logit, sign=True),
        written(probability),
        _word(one.present) if one.answered else DONT_KNOW,
        teacher,
    ]


def _word(present: bool | None) -> str:
    return "present" if present else "absent"


def _sum(one: Prediction) -> str:
    """``−1.204, +2.114 traffic light (0.311 × +6.800), +0.012 of 3 more``."""
    parts = [
        f"{written(part.logit, sign=True)} {part.concept} "
        f"({written(part.score)} × {written(part.influence, sign=True)})"
        for part in one.parts[:_SHOWN]
    ]
    rest = one.parts[_SHOWN:]
    total, other = sum(part.logit for part in rest), one.other_classes
    more = [f"{written(total, sign=True)} of {len(rest)} more"] if rest else []
    others = [f"{written(other, sign=True)} of the other classes"] if other else []
    return ", ".join([written(one.intercept, sign=True), *parts, *more, *others])
