"""Findings on decisions: a threshold that another one beats, and a class taken for another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from inficond_panel.common.cache import once
from inficond_panel.common.numbers import number, share
from inficond_panel.errors import Remedy
from inficond_panel.results.confusions import confusions
from inficond_panel.results.decisions import thresholds
from inficond_panel.results.frame import interval_of
from inficond_panel.tuning import Node, Tuner
from inficond_panel.vocabulary.metrics import F1, PRECISION, RECALL
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.tasks import SINGLE_LABEL

#: Least lower limit of what another threshold gains in F1.
LEAST_GAIN = 0.05
#: Least lower limit of the share of a class's images that are taken for one other class.
LEAST_TAKEN = 0.25
OTHER_THRESHOLD = "another threshold"
TAKEN = "taken for another class"
_CHOOSE = "Rankings stay: choose the threshold. " + Remedy(
    "`inficond thresholds`", "`students.thresholds()`"
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
    class per image so many of a class are taken for one other, ``LEAST_TAKEN`` by the lower limit.
    """
    return _kept(tuner, node.id, tuple(classes))


@once(64)
def _kept(tuner: Tuner, node_id: str, classes: tuple[str, ...]) -> tuple[OnDecisions, ...]:
    found = _taken if tuner.store.task == SINGLE_LABEL else _better_thresholds
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


def _taken(tuner: Tuner, node: Node, classes: Sequence[str]) -> Iterator[OnDecisions]:
    pairs = confusions(tuner, node, TUNE)
    images = pairs["images"].groupby(level="class").sum()
    for (name, named), row in pairs.iterrows():
        taken = interval_of(row, "share")
        if name in classes and named != name and taken.low >= LEAST_TAKEN:
            finding = (
                f"{taken.text(0, scale=100, unit='%')} of the {images[name]} tuning images of "
                f"{name} are taken for {named}; the teacher takes "
                f"{share(row['teacher_images'] / images[name])}."
            )
            yield OnDecisions(name, TAKEN, finding, _LOOK)
