"""Findings on decisions: a threshold that another one beats, a class that is called too often, and
one that is taken for another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from inficond_panel.common.cache import once
from inficond_panel.common.numbers import number, share
from inficond_panel.distill.metrics.few_images import wilson
from inficond_panel.errors import Remedy
from inficond_panel.results.confusions import confusion_matrix, confusions
from inficond_panel.results.decisions import thresholds
from inficond_panel.results.frame import interval_of
from inficond_panel.store import Store
from inficond_panel.store.checks import class_positions
from inficond_panel.tuning import Node, Tuner
from inficond_panel.vocabulary.metrics import F1, PRECISION, RECALL
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.tasks import SINGLE_LABEL

#: Least lower limit of what another threshold gains in F1.
LEAST_GAIN = 0.05
#: Least lower limit of the share of a class's images that are taken for one other class.
LEAST_TAKEN = 0.25
#: Least ratio of the images that are called a class to those of the class.
MOST_OFTEN = 1.5
#: Most of the images that are wrongly called a class, as a share, that are of one class.
MOST_OF_ONE = 2 / 3
OTHER_THRESHOLD = "another threshold"
TOO_OFTEN = "called too often"
TAKEN = "taken for another class"
_CHOOSE = "Rankings stay: choose the threshold. " + Remedy(
    "`inficond thresholds`", "`students.thresholds()`"
)
_LOWER = (
    "Its ranking may be right: take a constant from the teacher's logits of this class, and make "
    "the store again."
)
_LOOK = (
    "Look at these images, and at the labels of both classes: "
    + Remedy("`inficond metrics --confusion`", "`students.confusions()`")
    + ". If the teacher confuses them as well, labels can teach the students in its place."
)


class OnDecisions(NamedTuple):
    """What is found of the decisions on a class: its ``kind``, a sentence, and a remedy."""

    class_name: str
    kind: str
    finding: str
    remedy: str


def decision_findings(tuner: Tuner, node: Node, classes: Sequence[str]) -> tuple[OnDecisions, ...]:
    """Return findings on how ``classes`` are decided on ``tune``, where rankings may be right.

    With several classes per image a threshold chosen by the labels of ``tune`` has a higher F1, on
    images that did not choose it: the lower limit of the gain is ``LEAST_GAIN`` or more. With one
    class per image a class is called far more often than it is the label (``named_too_often``), or
    so many of a class are taken for one other: ``LEAST_TAKEN`` by the lower limit.
    """
    return _kept(tuner, node.id, tuple(classes))


@once(64)
def _kept(tuner: Tuner, node_id: str, classes: tuple[str, ...]) -> tuple[OnDecisions, ...]:
    found = _of_one_class if tuner.store.task == SINGLE_LABEL else _better_thresholds
    return tuple(found(tuner, tuner.node(node_id), classes))


def _better_thresholds(tuner: Tuner, node: Node, classes: Sequence[str]) -> Iterator[OnDecisions]:
    for name, row in thresholds(tuner, node, classes=classes).iterrows():
        gain = interval_of(row, f"{F1.key}_change")
        if gain.low >= LEAST_GAIN:
            changed = (
                f"{metric.word} {share(row[metric.key] - row[f'{metric.key}_change'])} → "
                f"{share(row[metric.key])}"
                for metric in (RECALL, PRECISION)
            )
            finding = (
                f"A threshold of {number(row['threshold'], 2)} in place of "
                f"{number(row['now'], 2)} has an F1 of {number(row[F1.key], 2)}, more by "
                f"{gain.text(2)}, on images that did not choose it: {', '.join(changed)}."
            )
            yield OnDecisions(str(name), OTHER_THRESHOLD, finding, _CHOOSE)


def _of_one_class(tuner: Tuner, node: Node, classes: Sequence[str]) -> Iterator[OnDecisions]:
    pairs, counts = confusions(tuner, node, TUNE), confusion_matrix(tuner, node, TUNE)
    of_teacher = confusion_matrix(tuner, node, TUNE, teacher=True)
    often = named_too_often(counts, of_teacher, tuner.spec.views.noise()["level"])
    for name, found in often.items():
        if name in classes:
            constant = number(constant_too_much(tuner.store, name), 1)
            lower = f"{_LOWER} About {constant}: then it calls as many as there are."
            yield OnDecisions(name, TOO_OFTEN, found, lower if float(constant) > 0 else _LOOK)
    images = counts.sum(axis=1)
    for (name, named), row in pairs.iterrows():
        taken = interval_of(row, "share")
        if name in classes and named not in (name, *often) and taken.low >= LEAST_TAKEN:
            finding = (
                f"{taken.text(0, scale=100, unit='%')} of the {images[name]} tuning images of "
                f"{name} are taken for {named}; the teacher takes "
                f"{share(row['teacher_images'] / images[name])}."
            )
            yield OnDecisions(name, TAKEN, finding, _LOOK)


def named_too_often(counts: pd.DataFrame, of_teacher: pd.DataFrame, level: float) -> dict[str, str]:
    """Return a sentence for each class that is named ``MOST_OFTEN`` as often as it is the label, or
    more, from the confusion matrices of students and teacher: of the images that either is and the
    other is not, more than half are named only, by Wilson's lower limit. If ``MOST_OF_ONE`` of
    these are of one class, that one is taken for it."""
    whole, found = counts.to_numpy().sum(), dict[str, str]()
    for name in counts:
        named, labelled, right = counts[name], counts.loc[name].sum(), counts.loc[name, name]
        wrongly, of_one = named.sum() - right, named.drop(name).max()
        either = int(wrongly + labelled - right)
        if named.sum() < MOST_OFTEN * labelled or of_one > MOST_OF_ONE * wrongly:
            continue
        if wilson(wrongly / either, either, level)[0] > 0.5:
            found[str(name)] = (
                f"{share(named.sum() / whole)} of the tuning images are called {name}, and "
                f"{share(labelled / whole)} are {name}; the teacher calls "
                f"{share(of_teacher[name].sum() / whole)} so."
            )
    return found


def constant_too_much(store: Store, class_name: str) -> float:
    """Return the constant (logits) by which the teacher's logits of a class are too high on tune:
    less that, it calls as many labelled images the class as have it; 0 if it calls fewer."""
    rows, k = store.rows(TUNE), store.classes.index(class_name)
    rows = rows[class_positions(store.label[rows]) >= 0]
    softmax = store.activation == "softmax"
    logit = np.asarray((store.teacher_logit if softmax else store.teacher_log_odds)[rows])
    lead = np.sort(logit[:, k] - np.delete(logit, k, axis=1).max(axis=1))[::-1]
    shown = int((np.asarray(store.label)[rows, k] == 1).sum())
    return max(0.0, float(lead[min(shown, len(lead) - 1)]))
