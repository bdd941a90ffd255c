"""Students that abstain: a decision only where those as sure were right on ``tune``.

With any number of classes an image each class has a rule of its own, on the distance of the logit
from the threshold. With one class an image there is one rule, on the probability of the likeliest
class, and a photo is answered as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from inficond_panel.distill import Outcome, decision_function
from inficond_panel.distill.metrics.thresholds import (
    LEAST_ANSWERED,
    AbstainRule,
    class_decisions,
    top_decisions,
)
from inficond_panel.distill.metrics.top_class import TopClass, one_of_classes
from inficond_panel.errors import DataError
from inficond_panel.export.exported import Exported
from inficond_panel.export.predictions import Prediction, columns_of
from inficond_panel.results.frame import Heading, make_frame
from inficond_panel.store import Store
from inficond_panel.store.label_checks import class_positions
from inficond_panel.vocabulary.confidence import CONFIDENCE, USUAL_NOISE, Noise
from inficond_panel.vocabulary.metrics import ACCURACY
from inficond_panel.vocabulary.splits import TUNE

#: Key of the rule of all classes together, on data with one class an image.
ALL_CLASSES = ""


@dataclass(frozen=True)
class Abstaining:
    """Rules by class, or one under ``ALL_CLASSES``; which photos they answer."""

    rules: Mapping[str, AbstainRule]
    level: float = CONFIDENCE

    @property
    def accuracy(self) -> float:
        """The accuracy on ``tune`` that was asked for."""
        return next(iter(self.rules.values())).asked

    def of(self, class_name: str) -> AbstainRule:
        """The rule that a class is answered by."""
        return self.rules[ALL_CLASSES if ALL_CLASSES in self.rules else class_name]

    def apply(self, predictions: Sequence[Prediction]) -> list[Prediction]:
        """The predictions, those that are not sure enough as not ``answered``.

        Of a photo all classes are needed where there is one rule for all.
        """
        if ALL_CLASSES in self.rules:
            return [one for _, mine in groupby(predictions, lambda one: one.photo)
                    for one in self._together(list(mine))]  # fmt: skip
        return [replace(one, answered=self._sure(one)) for one in predictions]

    def among(self, classes: Sequence[str]) -> Abstaining:
        """The rules of some classes; one for all classes stays."""
        kept = {ALL_CLASSES, *classes}
        return replace(
            self, rules={name: rule for name, rule in self.rules.items() if name in kept}
        )

    def lacking(self) -> Iterator[str]:
        """Sentences on classes that reach the accuracy nowhere."""
        for name, rule in self.rules.items():
            if not rule.reached:
                best = "too few images are labelled" if np.isnan(rule.best) else (
                    f"the best is {rule.best:.3f}"
                )  # fmt: skip
                yield (
                    f"{name or 'The classifier'}: no {LEAST_ANSWERED} or more images of tune are "
                    f"decided with an accuracy of {rule.asked:g} ({best}), so no photo is answered."
                )

    def _sure(self, one: Prediction) -> bool:
        return abs(one.logit - one.cutoff) >= self.rules[one.class_name].threshold

    def _together(self, mine: list[Prediction]) -> list[Prediction]:
        likeliest = one_of_classes(np.array([[one.logit for one in mine]])).max()
        answered = bool(likeliest >= self.rules[ALL_CLASSES].threshold)
        return [replace(one, answered=answered) for one in mine]


def abstaining(
    students: Exported, store: Store, accuracy: float, noise: Noise = USUAL_NOISE
) -> Abstaining:
    """Rules for an accuracy on ``tune`` among what is answered, by the labels of the store.

    The interval of what they reach is of ``noise``. Raises ``DataError`` for an accuracy that is
    not above 0 and at most 1, and where the store lacks a concept or a class of the students.
    """
    if not 0 < accuracy <= 1:
        raise DataError(f"The accuracy is {accuracy:g}.", "Give a number above 0, up to 1.")
    rows, level = store.rows(TUNE), noise["level"]
    score = store.concept_score[rows][:, columns_of("concepts", students.concepts, store.concepts)]
    logit = decision_function(score, students.weights, students.intercepts, students.link)
    label = store.label[rows][:, columns_of("classes", students.classes, store.classes)]
    if store.task == "single_label":
        found = TopClass(class_positions(label), one_of_classes(logit), logit=logit)
        return Abstaining({ALL_CLASSES: top_decisions(found).rule(accuracy, **noise)}, level)
    outcomes = [
        Outcome(label[:, k], logit[:, k], cutoff=students.thresholds[k])
        for k in range(len(students.classes))
    ]
    rules = [class_decisions(outcome).rule(accuracy, **noise) for outcome in outcomes]
    return Abstaining(dict(zip(students.classes, rules, strict=True)), level)


def rules_frame(rules: Abstaining) -> pd.DataFrame:
    """A row per rule: how sure an answer is at least, the share answered, and its accuracy.

    The rule of all classes together stands under no class. A terminal has those that reach the
    accuracy asked for.
    """
    rows = [{"class": name, **_rule(rule)} for name, rule in rules.rules.items()]
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
        title="Answered only if as sure as this; share and accuracy, cross-fitted, are of tune.",
        notes=list(rules.lacking()),
        level=rules.level,
        shown=[at for at, row in enumerate(rows) if row["reached"]],
    )


def _rule(rule: AbstainRule) -> dict[str, Any]:
    facts = {"threshold": rule.threshold, "answered": rule.coverage}
    facts |= rule.accuracy.columns(ACCURACY.key)
    return {**facts, "asked": rule.asked, "best": rule.best, "reached": rule.reached}
