"""All students of a node as one classifier, on data with one class per image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from inficond_panel.common.interval import NO_INTERVAL, Interval
from inficond_panel.common.teacher_outputs import softmax_of
from inficond_panel.distill import change_intervals, metric_intervals
from inficond_panel.distill.metrics.bootstrap import WITH_BIAS
from inficond_panel.distill.metrics.top_class import USUAL_K, TopClass, one_of_classes
from inficond_panel.distill.metrics.top_class import confusions as pair_confusions
from inficond_panel.errors import Remedy, TuningError
from inficond_panel.results.frame import Heading, make_frame, plain_headings
from inficond_panel.results.metrics import facts_of
from inficond_panel.store import Store
from inficond_panel.store.checks import class_positions
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.other_students import node_title
from inficond_panel.vocabulary.metrics import TOP_K, TOP_METRICS
from inficond_panel.vocabulary.splits import IMAGES_OF
from inficond_panel.vocabulary.tasks import SINGLE_LABEL

OF_STUDENT, OF_TEACHER = "student", "teacher"
_LISTED = 20  #: wrong pairs that a terminal shows


def check_single_label(store: Store) -> None:
    """Raise ``TuningError`` for a store whose images may have several classes."""
    if store.task != SINGLE_LABEL:
        raise TuningError(
            f"Images of {store.title!r} may have several classes: top-1 is undefined.",
            Remedy(
                "If each image has exactly one, state that in the spec and make the store again: "
                "dataset: {task: single_label}",
                "If each image has exactly one, make the store again with "
                'task="single_label"; from a spec: dataset: {task: single_label}',
            ),
        )


def teacher_top_class(store: Store, split: str, k: int = USUAL_K) -> TopClass:
    """Return the classes of the data set that the teacher predicts for the images of a split.

    The probabilities are the teacher's softmax over all of its classes; for a sigmoid teacher they
    are scaled to add up to 1. Top-k accuracy is for ``k``. Errors: ``check_single_label``.
    """
    check_single_label(store)
    rows = store.rows(split)
    logit = store.teacher_logit[rows]
    softmax = store.activation == "softmax"
    probability = softmax_of(logit, store.other_logit[rows]) if softmax else one_of_classes(logit)
    logit = store.teacher_log_odds[rows]
    labels, group = class_positions(store.label[rows]), store.groups_on(split)
    return TopClass(labels, probability, logit=logit, k=k, group=group)


def top_class(tuner: Tuner, node: Node, split: str, k: int = USUAL_K) -> TopClass:
    """Return the classes that a node's students predict; raise as ``teacher_top_class``."""
    store, logits = tuner.store, tuner.logits(node, tuner.store.rows(split))
    teacher, labels = teacher_top_class(store, split), store.label[store.rows(split)]
    probability = one_of_classes(logits)
    given = class_positions(labels), probability, teacher.named
    return TopClass(*given, logit=logits, k=k, group=teacher.group)


def metrics_together(
    tuner: Tuner,
    node: Node,
    split: str,
    *,
    k: int = USUAL_K,
    draws: int | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Return metrics of a node's students as one classifier, and of the teacher, with limits.

    One row per metric; top-k accuracy only with more than ``k`` classes. If labels of ``tune``
    chose a student's settings, the students are cross-fitted. ``since_start`` (#0) and, if the
    parent is not #0, ``since_parent`` are paired changes. The caller counts evaluations on the
    holdout. Raises errors of ``teacher_top_class``.
    """
    noise, before = tuner.spec.views.noise(draws, seed), {}
    teacher = teacher_top_class(tuner.store, split, k)
    now = top_class(tuner, node, split, k)
    metrics = [key for key in TOP_METRICS if key != TOP_K.key or now.classes > k]
    alone = [key for key in metrics if not TOP_METRICS[key].needs_teacher]
    sides = {"students": metric_intervals(now, metrics, **noise)}
    sides["teacher"] = metric_intervals(teacher, alone, **noise)
    if node.parent:
        before = {"since_parent": tuner.node(node.parent), "since_start": tuner.root()}
    if node.parent == tuner.root_id:
        del before["since_parent"]
    for key, each in before.items():
        old = top_class(tuner, each, split, k)
        sides[key] = change_intervals(old, now, metrics, **noise)
    rows = [_together(key, k, sides) for key in metrics]
    headings = {}
    for name in sides:
        headings[name] = Heading(name.replace("_", " the "), sign=name in before)
        headings |= {f"{name}_words": Heading("")} if name in before else {}
    return make_frame(
        rows,
        "metric",
        {"name": Heading("all classes"), **headings},
        title=f"{node_title(tuner, node)}, {IMAGES_OF[split]}, all students as one classifier",
        facts={**facts_of(tuner, node, split, noise), "k": k, "images": len(now.label)},
        level=noise["level"],
    )


def _together(key: str, k: int, sides: Mapping[str, Mapping[str, Interval]]) -> dict[str, Any]:
    name = TOP_METRICS[key].word.replace("top-k", f"top-{k}")
    row: dict[str, Any] = {"metric": key, "name": name}
    for name, intervals in sides.items():
        interval = intervals.get(key, NO_INTERVAL)
        row |= interval.columns(name)
        if name.startswith("since"):
            row[f"{name}_words"] = interval.words
        elif key in WITH_BIAS:
            row[f"{name}_outside"] = interval.outside
    return row


def confusions(tuner: Tuner, node: Node, split: str) -> pd.DataFrame:
    """Return numbers of images by label (``class``) and predicted class (``named``), largest first.

    ``share`` is of the images with the label; ``teacher_images`` counts the same pair for the
    teacher. Pairs without images are left out. Decisions are those of ``metrics_together``. A
    terminal shows the first pairs in which the prediction is wrong.
    """
    level, classes = tuner.spec.views.noise()["level"], tuner.store.classes
    now = top_class(tuner, node, split)
    theirs = teacher_top_class(tuner.store, split).confusion().astype(int)
    cells = {
        (each.label, each.named): (each.images, each.share)
        for each in pair_confusions(now, level, wrong=False)
    }
    of_teacher = zip(*np.nonzero(theirs), strict=True)
    cells |= {pair: (0, NO_INTERVAL) for pair in of_teacher if pair not in cells}
    wrong = [position for position, (label, named) in enumerate(cells) if label != named]
    more = len(wrong) - _LISTED
    return make_frame(
        [
            {
                "class": classes[pair[0]],
                "named": classes[pair[1]],
                "images": images,
                **share.columns("share"),
                "teacher_images": int(theirs[pair]),
            }
            for pair, (images, share) in cells.items()
        ],
        ["class", "named"],
        {
            **plain_headings("class", named="taken for", images="images", share="share"),
            "teacher_images": Heading("teacher's images"),
        },
        title=f"{node_title(tuner, node)}, {IMAGES_OF[split]}, confusions",
        notes=[f"{more} more wrong pairs are not shown; --json has all"] if more > 0 else [],
        facts=facts_of(tuner, node, split, None),
        level=level,
        shown=wrong[:_LISTED],
    )


def confusion_matrix(
    tuner: Tuner, node: Node, split: str, *, teacher: bool = False
) -> pd.DataFrame:
    """Return the confusion matrix of the students, or of the teacher if ``teacher`` is True.

    It has numbers of images by label (rows) and predicted class (columns).
    """
    names, students = pd.Index(tuner.store.classes), (tuner, node, split)
    named = teacher_top_class(tuner.store, split) if teacher else top_class(*students)
    matrix = named.confusion().astype(np.int64)
    return pd.DataFrame(matrix, names.rename("class"), names.rename("named"))


@dataclass(frozen=True, eq=False)
class Confused:
    """Classes that students and teacher predict for the labelled images of a split.

    ``rows`` (n,) are positions of these images in the store; ``classes`` has the predictions of
    the students of ``node`` (key ``student``) and of the teacher (``teacher``).
    """

    node: str
    split: str
    rows: np.ndarray
    classes: dict[str, TopClass]

    @cached_property
    def counts(self) -> dict[str, np.ndarray]:
        """Number of images by label and predicted class, (K, K), for students and for teacher."""
        return {who: each.confusion().astype(np.int64) for who, each in self.classes.items()}

    @cached_property
    def images(self) -> np.ndarray:
        """Number of labelled images of each class, (K,)."""
        return self.counts[OF_STUDENT].sum(axis=1)

    def wrong_cells(self, most: int) -> list[tuple[int, int]]:
        """Return up to ``most`` pairs of a label and a wrong predicted class, most frequent first.

        The order is by the students' count, then by the teacher's; absent pairs are left out.
        """
        student, teacher = (self.counts[who].copy() for who in (OF_STUDENT, OF_TEACHER))
        for counts in (student, teacher):
            np.fill_diagonal(counts, 0)
        cells = np.flatnonzero(student + teacher)
        order = np.lexsort((-teacher.ravel()[cells], -student.ravel()[cells]))[:most]
        label, named = np.unravel_index(cells[order], student.shape)
        return list(zip(label.tolist(), named.tolist(), strict=True))

    def taken(self, label: int, named: int, who: str) -> np.ndarray:
        """Return the rows of images of ``label`` that ``who`` takes for ``named``, surest first."""
        classifier = self.classes[who]
        chosen = np.flatnonzero(
            (classifier.label == label) & (classifier.named[classifier.known] == named)
        )
        sure = classifier.all_logits[classifier.known][chosen, named]
        return self.rows[chosen[np.argsort(-sure, kind="stable")]]


def find_confused(tuner: Tuner, node: Node, split: str) -> Confused:
    """Return the classes that students and teacher predict; raise as ``check_single_label``."""
    classifiers = {
        OF_STUDENT: top_class(tuner, node, split),
        OF_TEACHER: teacher_top_class(tuner.store, split),
    }
    rows = tuner.store.rows(split)[classifiers[OF_STUDENT].known]
    return Confused(node.id, split, rows, classifiers)
