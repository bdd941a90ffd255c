"""Figures of an iteration's students in two worlds: as in the tuning images, and without the
correlation of the class with the tuned concepts (``distill.metrics.two_worlds``).

Which concepts. A thumb that lowers or removes a concept says that the student should not rely on
it: the correlation meant is that of these concepts, and an image shows them if it shows any. A
raised concept beside them, such as the class's own word, does not count. Only if nothing is lowered
the raised and released concepts count; the class's own words never do, since no world has the class
without them.

Presence. Concepts that are collinear on the training images are one thing. It is present by the
labels of a class that one of them names, if most tuning images have one; else by its score, the
mean of their standardised scores, and the threshold of ``suspects`` (Otsu's, chosen on the training
images). An image that shows any of several look-alikes by that one's own threshold would not do: of
many words some is above its threshold in almost any image.

Evaluation. By the labels of the tuning images; if they have no positive or no negative of the
class, by the teacher's decisions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inficond_panel.concepts.own_words import classes_by_word, near_words, unlisted_names
from inficond_panel.distill import Outcome
from inficond_panel.distill.correlations import collinear_parts
from inficond_panel.distill.metrics.slices import MIN_POSITIVES
from inficond_panel.distill.metrics.two_worlds import WorldFigure, two_worlds
from inficond_panel.distill.spread import spread
from inficond_panel.distill.suspects import dividing_score, shows
from inficond_panel.store import Store
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.student import Student
from inficond_panel.tuning.thumbs import Intent
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.confidence import USUAL_NOISE, Noise
from inficond_panel.vocabulary.intents import DOWN, REMOVE
from inficond_panel.vocabulary.splits import FIT, TUNE


@dataclass(frozen=True)
class FoundPart:
    """Share of a class's images that a student finds, ``before`` and ``after`` an edit: of the
    ``images`` that show the edit's concepts (``shows``), or of those that do not."""

    shows: bool
    images: int
    before: float
    after: float


@dataclass(frozen=True)
class ClassWorlds:
    """Figures of one class in both worlds, before and after an edit.

    ``found`` are the images with and without the concepts, where they are enough.

    ``concepts`` are those whose correlation the second world lacks; without any, there are only
    figures of the first. ``by_teacher``: the teacher's decisions stand in for labels. ``meant`` is
    the world that a person means, "" if nobody said. ``numeric`` are concepts that are numbers
    (``Store.numeric``).
    """

    class_name: str
    concepts: tuple[str, ...]
    by_teacher: bool
    figures: tuple[WorldFigure, ...]
    meant: str = ""
    found: tuple[FoundPart, ...] = ()
    numeric: frozenset[str] = frozenset()

    @property
    def alone(self) -> ClassWorlds:
        """The same figures without limits (nan)."""
        return replace(self, figures=tuple(figure.alone for figure in self.figures))

    def meant_for(self, world: str) -> ClassWorlds:
        """Return the same figures with the ``world`` that a person means."""
        return replace(self, meant=world)


def worlds_of(tuner: Tuner, node: Node, class_name: str, noise: Noise | None = None) -> ClassWorlds:
    """Return the figures of one class at ``node``, which may be a preview, against its parent.

    The original students, which have no parent, are compared with themselves.
    ``noise``: draws, seed and level of the intervals; None: those of the spec.
    """
    parent = tuner.node(node.parent or node.id)
    before, after = (tuner.at(each, TUNE)[class_name] for each in (parent, node))
    intents = [intent for intent in node.intents if intent.class_name == class_name]
    concepts = correlated_concepts(intents, tuner.store)
    made = compared(before, after, concepts, noise or tuner.spec.views.noise())
    return made.meant_for(node.worlds_meant.get(class_name, ""))


def worlds_since_start(tuner: Tuner, node: Node) -> list[ClassWorlds]:
    """Return the figures of the students of ``node`` against the original students, of each class
    with a thumb on the branch; the second world lacks the correlation that all these thumbs mean.
    """
    noise, made = tuner.spec.views.noise(), []
    for name, (concepts, meant) in meant_since_start(tuner, node).items():
        before, after = (tuner.at(each, TUNE)[name] for each in (tuner.root(), node))
        made.append(compared(before, after, concepts, noise).meant_for(meant))
    return made


def meant_since_start(tuner: Tuner, node: Node) -> dict[str, tuple[tuple[str, ...], str]]:
    """Return the concepts whose correlation all thumbs on the branch of ``node`` mean, and the
    world that a person means, by class: that of the last iteration with thumbs on the class; "" if
    nobody said it there, or said another of an earlier one."""
    path = [tuner.node(at.id) for at in tuner.path(node)]
    found = dict[str, tuple[tuple[str, ...], str]]()
    for name in sorted({intent.class_name for at in path for intent in at.intents}):
        of_class = [[each for each in at.intents if each.class_name == name] for at in path]
        with_thumbs = [at for at, own in zip(path, of_class, strict=True) if own]
        said = [at.worlds_meant.get(name, "") for at in with_thumbs]  # the last iteration first
        concepts = correlated_concepts([each for own in of_class for each in own], tuner.store)
        found[name] = concepts, said[0] if {*said} - {""} == {said[0]} else ""
    return found


def compared(
    before: Student, after: Student, concepts: Sequence[str], noise: Noise = USUAL_NOISE
) -> ClassWorlds:
    """Return the figures of two students of one class on the tuning images; ``concepts`` are
    independent of the class in the second world, which is left out without any."""
    by_teacher = not {0, 1} <= set(np.unique(after.labels).tolist())
    old, new = (_evaluated(each) if by_teacher else each.outcome for each in (before, after))
    present = joint_presence(after, concepts) if concepts else None
    figures = two_worlds(old, new, present, **noise)
    found = () if present is None else found_parts(old, (before, after), present)
    return ClassWorlds(
        after.class_name,
        tuple(concepts),
        by_teacher,
        tuple(figures),
        found=found,
        numeric=after.store.numeric,
    )


def found_parts(
    measured: Outcome, students: tuple[Student, Student], present: NDArray[np.int8]
) -> tuple[FoundPart, ...]:
    """Return the shares of a class's images that two students find, of those that show concepts
    (``present`` (n,): 1, 0, or -1) and of those that do not; a part of too few images is left out.
    """
    before, after = (each.decided for each in students)
    parts = []
    for with_them in (True, False):
        part = (measured.label == 1) & (present == with_them)
        if (images := int(part.sum())) >= MIN_POSITIVES:
            shares = float(before[part].mean()), float(after[part].mean())
            parts.append(FoundPart(with_them, images, *shares))
    return tuple(parts)


def correlated_concepts(intents: Sequence[Intent], store: Store) -> tuple[str, ...]:
    """Return the concepts whose correlation with the class the thumbs of one class mean."""
    names = {intent.class_name for intent in intents}
    own = {store.concepts[c] for name in names for c in near_words(store, name)}
    own |= {word for name in names for word in unlisted_names(store, name)}
    others = [intent for intent in intents if intent.concept not in own]
    lowered = [each for each in others if each.direction in (DOWN.key, REMOVE.key)]
    return tuple(sorted({intent.concept for intent in lowered or others}))


def joint_presence(student: Student, concepts: Sequence[str]) -> NDArray[np.int8]:
    """Return for each image of the student's split whether it shows any of ``concepts`` (n,): 1, 0,
    or -1 if that is unknown."""
    store = student.store
    of_fit = store.scores_of(FIT)[:, [store.concepts.index(concept) for concept in concepts]]
    each = np.stack(
        [
            _presence(student, [concepts[at] for at in thing], of_fit[:, thing])
            for thing in collinear_parts(of_fit)
        ]
    )
    return _any_of(each)


def _any_of(each: NDArray) -> NDArray[np.int8]:
    """Return 1 where any row of (m, n) is 1, else their least: 0, or -1 where one is unknown."""
    return np.where((each == 1).any(axis=0), 1, each.min(axis=0)).astype(np.int8)


def _presence(student: Student, thing: Sequence[str], of_fit: NDArray) -> NDArray[np.int8]:
    """Return whether each image shows a thing: concepts, with their scores on ``fit`` (N, m)."""
    store = student.store
    named = classes_by_word(store)
    classes = {named.get(store.concepts.index(concept), student.column) for concept in thing}
    labels = np.asarray(store.label[student.rows][:, sorted(classes - {student.column})])
    labels = labels[:, 2 * (labels >= 0).sum(axis=0) > len(labels)]
    if labels.size:
        return _any_of(labels.T)
    here = np.column_stack([student.score(concept) for concept in thing])
    return presence_by_scores(of_fit, here).astype(np.int8)


def presence_by_scores(of_fit: NDArray, here: NDArray) -> NDArray[np.bool_]:
    """Return the mask (n,) of the images with scores ``here`` (n, m) that show a thing, whose
    concepts have the scores ``of_fit`` (N, m) on ``fit``."""
    mean, wide = of_fit.mean(axis=0, dtype=np.float64), spread(of_fit)
    wide = np.where(wide > 0, wide, 1.0)
    on_fit, found = (((scores - mean) / wide).mean(axis=1) for scores in (of_fit, here))
    return shows(found, dividing_score(on_fit))


def _evaluated(student: Student) -> Outcome:
    """Return the student's outcome with the teacher's decisions in place of labels."""
    label = student.teacher_decided.astype(np.int8)
    return Outcome(label, student.logits, cutoff=student.cutoff, group=student.groups)
