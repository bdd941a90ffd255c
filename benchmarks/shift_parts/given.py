"""A student to click on, the photos that measure it, and the concepts that are clicked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from inficond_panel.api.students import TunableStudents
from inficond_panel.concepts.own_words import class_words, classes_by_word
from inficond_panel.results.refit_report import group_of
from inficond_panel.store import Store
from inficond_panel.tuning import GroupIntent, Intent
from inficond_panel.tuning.edits import Edit
from inficond_panel.tuning.suggest.baselines import contexts_of
from inficond_panel.vocabulary.intents import REMOVE, TARGET, UP
from inficond_panel.vocabulary.splits import FIT
from shift_parts.cases import Case
from shift_parts.clicks import Fitted


@dataclass(frozen=True)
class Row:
    """A title and logits (m,) of the photos that measure, and numbers to tell the means of.

    ``before`` are the logits (m,) to hold them against (None: those of the student), ``label`` the
    labels (m,) to measure by (None: the photos' own).
    """

    title: str
    logits: NDArray
    before: NDArray | None = None
    label: NDArray | None = None
    told: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Clicks:
    """A student, the photos at ``rows`` of its store that measure it, and the concepts to click."""

    case: Case
    teacher: str
    students: TunableStudents
    rows: NDArray[np.intp]
    up: int  # the class's own word
    off: int  # the culprit, or the wrong one
    of: Fitted

    @property
    def label(self) -> NDArray:
        """Labels (m,) of the photos that measure: 1, 0, or -1 where unknown."""
        return np.asarray(self.students.tuner.store.label)[self.rows, 0]

    @property
    def own(self) -> list[int]:
        """All words of the class; the first is the one to click."""
        store = self.case.store
        named = class_words(store, self.name)
        return [self.up, *(c for c in named if c != self.up)]

    @property
    def words(self) -> list[int]:
        """Concepts that name the class in the students' own store: inputs of a correction."""
        store = self.students.tuner.store
        return class_words(store, self.name)

    @cached_property
    def suspect(self) -> int | None:
        """The concept that the product names where labels show no fault; None without any."""
        students = self.students
        (found,) = contexts_of([students.tuner.repairs.class_fit(students.node, self.name)])
        return None if found is None else self.case.store.concepts.index(found.concept)

    @property
    def alike(self) -> list[int]:
        """The suspect and the concepts that the product offers with it as a group."""
        if self.suspect is None:
            return []
        tuner, concepts = self.students.tuner, self.case.store.concepts
        student = tuner.at(self.students.node, FIT)[self.name]
        group = group_of(tuner, student, concepts[self.suspect])
        members = () if group is None else group.members
        names = [each.concept for each in members if not each.names_class]
        return [
            self.suspect,
            *(concepts.index(name) for name in names if concepts.index(name) != self.suspect),
        ]

    @property
    def name(self) -> str:
        """Name of the class."""
        return self.case.store.classes[self.case.k]

    def edits(self, up: Sequence[int], off: Sequence[int]) -> list[Edit]:
        """👍 at the factor 2 on the concepts of one group, ✕ on those of another; each may lack."""
        store, made = self.students.tuner.store, list[Edit]()
        for group, direction in ((up, UP.key), (off, REMOVE.key)):
            names = tuple(store.concepts[c] for c in group)
            factor = 2.0 if direction == UP.key else None
            if len(names) > 1:
                made.append(GroupIntent(self.name, names, direction, factor))
            elif names:
                made.append(Intent(self.name, names[0], direction, factor))
        return made

    def clicked(
        self, up: Sequence[int] = (), off: Sequence[int] = (), refit: str = TARGET
    ) -> NDArray:
        """Logits after these clicks, as the product refits."""
        tuner = self.students.tuner
        node = tuner.fine_tune(self.students.node, self.edits(up, off), refit=refit)
        return tuner.logits(node, self.rows)[:, 0]


def word_of(store: Store, k: int) -> int | None:
    """The concept that is named like the class, else the first that names it, else None."""
    named = classes_by_word(store)
    exact = [c for c, of in named.items() if of == k]
    return next(iter([*exact, *class_words(store, store.classes[k])]), None)


def words_of_others(store: Store, *without: int) -> list[int]:
    """The words of all classes but some."""
    left_out = {c for k in without for c in class_words(store, store.classes[k])}
    found = (word_of(store, k) for k in range(len(store.classes)) if k not in without)
    return [c for c in found if c is not None and c not in left_out]
