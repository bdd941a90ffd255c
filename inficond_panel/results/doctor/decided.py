"""Findings on decisions: a threshold that another one beats, a class that is called in images of
another one, called too often or too seldom, or taken for another."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from inficond_panel.common.cache import once
from inficond_panel.common.numbers import number, share
from inficond_panel.distill.metrics.few_images import wilson
from inficond_panel.distill.metrics.outcome import above, likeliest
from inficond_panel.distill.sources import Array
from inficond_panel.errors import Remedy
from inficond_panel.results.confusions import confusion_matrix, confusions
from inficond_panel.results.decisions import gains_clearly, thresholds
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
#: Least images of another class in which a class is called, and how often as often as elsewhere.
LEAST_BESIDE, TIMES_ELSEWHERE = 10, 3.0
#: Least ratio of the images that are called a class to those of the class.
MOST_OFTEN = 1.5
#: Most of the images that are wrongly called a class, as a share, that are of one class.
MOST_OF_ONE = 2 / 3
#: Least gain in top-1 accuracy by a constant for a class that is called too seldom.
LEAST_BY_CONSTANT = 0.02
OTHER_THRESHOLD = "another threshold"
TOO_OFTEN, TOO_SELDOM = "called too often", "called too seldom"
TAKEN = "taken for another class"
BESIDE = "called in images of another class"
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
_DO_THEY = (
    "Look at these images: if they show it, mend the labels. If the teacher confuses the two as "
    "well, labels can teach the student in its place."
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
    images that did not choose it: the lower limit of the gain is above ``LEAST_GAIN``, and the F1
    clearly above that of calling every image. Or the class is called in many images of another
    class that do not show it (``_called_beside``). With one class per image a class is called far
    more often than it is the label, or far less often (``named_too_often``, ``named_too_seldom``),
    or so many of a class are taken for one other: ``LEAST_TAKEN`` by the lower limit.
    """
    return _kept(tuner, node.id, tuple(classes))


@once(64)
def _kept(tuner: Tuner, node_id: str, classes: tuple[str, ...]) -> tuple[OnDecisions, ...]:
    found = _of_one_class if tuner.store.task == SINGLE_LABEL else _of_several
    return tuple(found(tuner, tuner.node(node_id), classes))


def _of_several(tuner: Tuner, node: Node, classes: Sequence[str]) -> Iterator[OnDecisions]:
    yield from _called_beside(tuner, node, classes)
    yield from _better_thresholds(tuner, node, classes)


def _called_beside(tuner: Tuner, node: Node, classes: Sequence[str]) -> Iterator[OnDecisions]:
    """Yield findings on classes that are called in ``LEAST_TAKEN`` of the images of another class
    without them, by the lower limit, and ``TIMES_ELSEWHERE`` as often as in the others without
    them: of the other classes the one with the largest share."""
    level, students = tuner.spec.views.noise()["level"], tuner.at(node, TUNE)
    label = np.asarray(tuner.store.label)[tuner.store.rows(TUNE)]
    for name in classes:
        student = students[name]
        called = above(student.logits, student.outcome.cutoff)
        some = label[:, student.column] == 0
        lows = _least_called(called[some], label[some], level)
        first = int(np.argmax(lows))
        if lows[first] >= LEAST_TAKEN:
            inside, elsewhere = (some & (label[:, first] == side) for side in (1, 0))
            told = int(student.teacher_decided[inside].sum())
            finding = (
                f"{name} is called in {called[inside].sum():,} of the {inside.sum():,} tuning "
                f"images with {tuner.store.classes[first]} and without {name}, and in "
                f"{share(called[elsewhere].mean())} of the others without it; the teacher calls it "
                f"in {told:,} of them."
            )
            yield OnDecisions(name, BESIDE, finding, _DO_THEY)


def _least_called(called: NDArray, label: NDArray, level: float) -> Array:
    """Return for each class (K,) the lower limit of the share of its images that are ``called``
    (n,), by labels (n, K); 0 if these are few, or the images without it are called about as
    often."""
    lows = np.zeros(label.shape[1])
    shown, absent = ((label == side).astype(np.float64) for side in (1, 0))
    images, others = shown.sum(axis=0), absent.sum(axis=0)
    shares, usual = called @ shown / np.maximum(images, 1), called @ absent / np.maximum(others, 1)
    for k in np.flatnonzero((images >= LEAST_BESIDE) & (others > 0) & (shares >= LEAST_TAKEN)):
        low = wilson(float(shares[k]), int(images[k]), level)[0]
        lows[k] = low if low >= TIMES_ELSEWHERE * usual[k] else 0.0
    return lows


def _better_thresholds(tuner: Tuner, node: Node, classes: Sequence[str]) -> Iterator[OnDecisions]:
    for name, row in thresholds(tuner, node, classes=classes).iterrows():
        gain = interval_of(row, f"{F1.key}_change")
        if gains_clearly(row, LEAST_GAIN):
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
    counts = confusion_matrix(tuner, node, TUNE)
    level = tuner.spec.views.noise()["level"]
    of_teacher = confusion_matrix(tuner, node, TUNE, teacher=True)
    often = named_too_often(counts, level)
    for name in often:
        if name in classes:
            found = _called_sentence(counts, of_teacher, name)
            constant = number(constant_too_much(tuner.store, name), 1)
            lower = f"{_LOWER} About {constant}: then it calls as many as there are."
            yield OnDecisions(name, TOO_OFTEN, found, lower if float(constant) > 0 else _LOOK)
    seldom = list[str]()
    for name in named_too_seldom(counts, level, besides=often):
        helped = by_constant(tuner, node, name)
        if helped.gains:
            seldom.append(name)
            if name in classes:
                found = _called_sentence(counts, of_teacher, name)
                yield OnDecisions(name, TOO_SELDOM, found, helped.remedy)
    yield from _taken(tuner, node, counts, [name for name in classes if name not in seldom], often)


def _taken(
    tuner: Tuner, node: Node, counts: pd.DataFrame, classes: Sequence[str], besides: Collection[str]
) -> Iterator[OnDecisions]:
    """Yield findings on ``classes`` that are taken for one other, but those ``besides``. Of two
    classes each is taken for the other wherever it is not found, so nothing is said."""
    images = counts.sum(axis=1)
    if len(images) == 2:
        return
    for (name, named), row in confusions(tuner, node, TUNE).iterrows():
        taken, other = interval_of(row, "share"), named not in (name, *besides)
        if name in classes and other and taken.low >= LEAST_TAKEN:
            finding = (
                f"{taken.text(0, scale=100, unit='%')} of the {images[name]} tuning images of "
                f"{name} are taken for {named}; the teacher takes "
                f"{share(row['teacher_images'] / images[name])}."
            )
            yield OnDecisions(name, TAKEN, finding, _LOOK)


def named_too_often(counts: pd.DataFrame, level: float) -> list[str]:
    """Return the classes that are called far more often than they are the label
    (``_mostly_called``), from a confusion matrix. If ``MOST_OF_ONE`` of the images that are wrongly
    called a class are of one other, that one is taken for it, and the class is left out."""
    return [
        name
        for name in map(str, counts)
        if _mostly_called(counts, name, level)
        and (wrongly := counts[name].drop(name)).max() <= MOST_OF_ONE * wrongly.sum()
    ]


def named_too_seldom(counts: pd.DataFrame, level: float, besides: Sequence[str] = ()) -> list[str]:
    """Return the classes that are the label far more often than they are called, from a confusion
    matrix. A class is left out if ``MOST_OF_ONE`` of its images that are called otherwise are
    called as those ``besides``, which are named too often."""
    return [
        name
        for name in map(str, counts)
        if _mostly_called(counts.T, name, level)
        and (missed := counts.loc[name].drop(name))[list(besides)].sum()
        <= MOST_OF_ONE * missed.sum()
    ]


def _mostly_called(counts: pd.DataFrame, name: str, level: float) -> bool:
    """Return whether a class is the column of ``MOST_OFTEN`` as many images as of its row, or more,
    and of the images of only one of these, more than half are the column's, by Wilson's lower
    limit."""
    called, labelled, right = counts[name].sum(), counts.loc[name].sum(), counts.loc[name, name]
    either = int(called + labelled - 2 * right)
    if called < MOST_OFTEN * labelled or not either:
        return False
    return bool(wilson((called - right) / either, either, level)[0] > 0.5)


def _called_sentence(counts: pd.DataFrame, of_teacher: pd.DataFrame, name: str) -> str:
    return (
        f"{counts[name].sum():,} of {counts.to_numpy().sum():,} tuning images are called {name}, "
        f"and {counts.loc[name].sum():,} are {name}; the teacher calls "
        f"{of_teacher[name].sum():,} so."
    )


class ByConstant(NamedTuple):
    """Top-1 accuracy of the students on tune ``before`` and ``after`` a ``constant`` is added to
    the logits of a class, by which the teacher calls as many images the class as have it."""

    constant: float
    before: float
    after: float

    @property
    def gains(self) -> bool:
        """Whether the constant is above 0, and the accuracy gains ``LEAST_BY_CONSTANT``."""
        return self.constant > 0 and self.after - self.before >= LEAST_BY_CONSTANT

    @property
    def remedy(self) -> str:
        """What to do: the constant, and what it changes."""
        return (
            "Its ranking may be right: add a constant to the teacher's logits of this class, and "
            f"make the store again. About {number(self.constant, 1)}: then it calls as many as "
            "there are, and the students' top-1 accuracy on tuning images would be "
            f"{share(self.after)} in place of {share(self.before)}."
        )


def by_constant(tuner: Tuner, node: Node, class_name: str) -> ByConstant:
    """Return what a constant would change by which the teacher calls as many labelled images of
    tune a class as have it."""
    store, k = tuner.store, tuner.store.classes.index(class_name)
    rows, label, lead = _leads(store, k)
    shown = int((label == k).sum())
    constant = max(0.0, -float(lead[shown - 1])) if shown else 0.0
    logits = np.array(tuner.logits(node, rows), dtype=np.float64)
    before = float((likeliest(logits) == label).mean())
    logits[:, k] += constant
    return ByConstant(constant, before, float((likeliest(logits) == label).mean()))


def _leads(store: Store, k: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
    """Return the rows (n,) of the labelled images of tune, their class (n,), and, from the largest
    on, the leads (n,) of the teacher's logit of class ``k`` over the others'."""
    rows = store.rows(TUNE)
    label = class_positions(store.label[rows])
    rows, label = rows[label >= 0], label[label >= 0]
    softmax = store.activation == "softmax"
    logit = np.asarray((store.teacher_logit if softmax else store.teacher_log_odds)[rows])
    lead = logit[:, k] - np.delete(logit, k, axis=1).max(axis=1)
    return rows, label, np.sort(np.asarray(lead, dtype=np.float64))[::-1]


def constant_too_much(store: Store, class_name: str) -> float:
    """Return the constant (logits) by which the teacher's logits of a class are too high on tune:
    less that, it calls as many labelled images the class as have it; 0 if it calls fewer."""
    k = store.classes.index(class_name)
    _, label, lead = _leads(store, k)
    shown = int((label == k).sum())
    return max(0.0, float(lead[min(shown, len(lead) - 1)]))
