"""Clicks on students, measured in two worlds: without the correlation of class and context, as the
holdout was drawn, and with it, on the photos of the holdout that the bias would have left.

A click names the class's own word: pairs and classes without one are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inficond_panel.api.students import TunableStudents
from inficond_panel.concepts.own_words import class_words
from inficond_panel.distill import average_precision
from inficond_panel.store import Store
from inficond_panel.tuning import GroupIntent, Intent
from inficond_panel.tuning.edits import Edit, Learn
from inficond_panel.vocabulary.intents import ALL, LABELS, REMOVE, TARGET, TEACHER, UP
from shift_parts import clicks
from shift_parts.cases import Case
from shift_parts.clicks import LOWERED, RAISED, Fitted, adjusted, held, near
from shift_parts.pairs import biased
from shift_parts.runs import student_of
from shift_parts.teachers import teacher_logits

#: Worlds: photos of the holdout as they were drawn, and those that the bias would have left.
WITHOUT, WITH = "without the correlation", "with the correlation"
#: Share of careless clicks: in place of the word, or of the culprit, another class's word.
CARELESS = 0.2
#: Noise of the class's word, in standard deviations of its score.
NOISE = (1.0, 2.0)
#: Other gains of 👍 and ✕.
SIZES = ((0.3, -0.15), (0.5, -0.3))
#: Draws of intervals over classes.
DRAWS = 4000

#: Titles and logits of the photos that measure.
Rows = Iterator[tuple[str, NDArray]]


@dataclass
class Clicked:
    """Gains in AP points of one student, by title and world, and its AP ``before``, by world."""

    target: str
    context: str
    seed: int
    photos: int  # of fit
    before: dict[str, float]
    gains: dict[str, dict[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Clicks:
    """A student, the photos at ``rows`` of its store that measure it, and the concepts to click."""

    case: Case
    students: TunableStudents
    rows: NDArray[np.intp]
    up: int  # the class's own word
    off: int  # the culprit, or the wrong one
    of: Fitted

    @property
    def own(self) -> list[int]:
        """All words of the class; the first is the one to click."""
        store = self.case.store
        named = class_words(store, store.classes[self.case.k])
        return [self.up, *(c for c in named if c != self.up)]

    def edits(self, up: Sequence[int], off: Sequence[int]) -> list[Edit]:
        """👍 at the factor 2 on the concepts of one group, ✕ on those of another; each may lack."""
        store, made = self.students.tuner.store, list[Edit]()
        for group, direction in ((up, UP.key), (off, REMOVE.key)):
            names = tuple(store.concepts[c] for c in group)
            factor = 2.0 if direction == UP.key else None
            if len(names) > 1:
                made.append(GroupIntent(store.classes[0], names, direction, factor))
            elif names:
                made.append(Intent(store.classes[0], names[0], direction, factor))
        return made

    def clicked(
        self, up: Sequence[int] = (), off: Sequence[int] = (), refit: str = TARGET
    ) -> NDArray:
        """Logits after these clicks, as the product refits."""
        tuner = self.students.tuner
        node = tuner.fine_tune(self.students.node, self.edits(up, off), refit=refit)
        return tuner.logits(node, self.rows)[:, 0]


def word_of(store: Store, k: int) -> int | None:
    """The concept that is the class's own word; None if there is none."""
    return next(iter(class_words(store, store.classes[k])), None)


def words_of_others(store: Store, *without: int) -> list[int]:
    """The words of all classes but some."""
    left_out = {c for k in without for c in class_words(store, store.classes[k])}
    found = (word_of(store, k) for k in range(len(store.classes)) if k not in without)
    return [c for c in found if c is not None and c not in left_out]


def click_pair(case: Case, *, teacher: str, leak: float, lambda_: Any) -> Clicked | None:
    """What clicks gain the biased student of a pair; None if its class has no word."""
    store, pair, split = case.store, case.pair, case.split
    assert pair is not None
    up, off = word_of(store, case.k), word_of(store, pair.context)
    if up is None or off is None or up == off:
        return None
    students = student_of(case, lambda_=lambda_)
    rows = students.tuner.store.rows("holdout")
    of = Fitted.of(students, rows)
    same = np.isin(split.holdout, biased(store, split.holdout, pair, leak, case.seed))
    label = np.asarray(students.tuner.store.label)[rows, 0]
    worlds = {WITHOUT: label >= 0, WITH: same & (label >= 0)}
    found = Clicked(
        store.classes[case.k],
        store.classes[pair.context],
        case.seed,
        len(case.fit),
        {world: 100 * _ap(label, of.before, inside) for world, inside in worlds.items()},
    )
    rng = np.random.default_rng([case.seed, case.k, pair.context])

    def measure(title: str, after: NDArray, before: NDArray = of.before) -> None:
        found.gains[title] = {
            world: 100 * (_ap(label, after, inside) - _ap(label, before, inside))
            for world, inside in worlds.items()
        }

    given = Clicks(case, students, rows, up, off, of)
    for some in (_forms(given), _by_others(given, rng, teacher), _photos(given)):
        for title, logits in some:
            measure(title, logits)
    for size in NOISE:
        noisy = clicks.with_noise(of, up, size, rng)
        after = adjusted(noisy, {up: RAISED, off: LOWERED}, [off])
        measure(f"target, noise of {size:g} sd in the word", after, noisy.before)
    label = rng.permutation(label)
    measure("target, labels of the holdout shuffled", given.clicked([up], [off]))
    return found


def click_class(case: Case, *, teacher: str, lambda_: Any) -> Clicked | None:
    """What a click costs where no bias is; None if the class has no word.

    No row here uses a label of tune, so its photos measure too.
    """
    store, up = case.store, word_of(case.store, case.k)
    if up is None:
        return None
    students = student_of(case, lambda_=lambda_)
    of_store = students.tuner.store
    rows = np.concatenate([of_store.rows("tune"), of_store.rows("holdout")])
    of, rng = Fitted.of(students, rows), np.random.default_rng([case.seed, case.k, 17])
    label = np.asarray(of_store.label)[rows, 0]
    inside = label >= 0
    before = {WITHOUT: 100 * _ap(label, of.before, inside)}
    found = Clicked(store.classes[case.k], "", case.seed, len(case.fit), before)

    def measure(title: str, after: NDArray) -> None:
        gain = _ap(label, after, inside) - _ap(label, of.before, inside)
        found.gains[title] = {WITHOUT: 100 * gain}

    given = Clicks(case, students, rows, up, up, of)
    wrong = {
        "another class's word": int(rng.choice(words_of_others(store, case.k))),
        "the first suspect": clicks.suspects(of, given.own)[0],
    }
    for name, off in wrong.items():
        for title, logits in _two_clicks(Clicks(case, students, rows, up, off, of)):
            measure(f"{title}; ✕ {name}", logits)
    measure("target, 👍 the word alone", given.clicked([up]))
    measure("average of student and word", clicks.average(of, up))
    measure("the word alone", of.standard(up, of.shown))
    anew = teacher_logits(teacher, store, case.k, case.split.fit, case.seed + 5000)
    measure("another draw of the teacher", of.refit(anew[case.fit]))
    return found


def _ap(label: NDArray, logits: NDArray, inside: NDArray[np.bool_]) -> float:
    return float(average_precision(label[inside], logits[inside]))


def _two_clicks(given: Clicks) -> Rows:
    """👍 the class's word and ✕ the culprit, by what a refit makes of them."""
    of, up, off = given.of, given.up, given.off
    moved, own = clicks.bounded(given.students, up, off), clicks.by_own_spread(of, up, off)
    yield "target", given.clicked([up], [off])
    for one, other in SIZES:
        yield f"target, {one:g} and {-other:g}", adjusted(of, {up: one, off: other}, [off])
    yield "target, twice the size", adjusted(of, {up: RAISED * 2, off: LOWERED * 2}, [off])
    yield "target, linear in z", adjusted(of, {up: RAISED, off: LOWERED}, [off], lambda z: z)
    yield "hold", held(of, moved)
    yield "hold, by own spread", held(of, own)
    yield "near, rho 1", near(of, moved, 1.0)
    yield "all", given.clicked([up], [off], ALL)


def _forms(given: Clicks) -> Rows:
    """The same two clicks, one of them, and what needs no tool."""
    of, up, off = given.of, given.up, given.off
    yield from _two_clicks(given)
    own = clicks.by_own_spread(of, up, off)
    yield "all, by own spread", of.refit(of.log_odds, least={up: own[up]}, most={off: own[off]})
    yield "all, ✕ alone", given.clicked(off=[off], refit=ALL)
    yield "target, 👍 alone", given.clicked([up])
    yield "target, ✕ alone", given.clicked(off=[off])
    yield "target, 👍 and 👎, w free", adjusted(of, {up: RAISED, off: LOWERED})
    yield "average of student and word", clicks.average(of, up)
    yield "the word alone", of.standard(up, of.shown)
    yield "unchanged refit", of.refit(of.log_odds)


def _by_others(given: Clicks, rng: np.random.Generator, teacher: str) -> Rows:
    """Controls, groups, and clicks by others than one who knows the culprit."""
    case, of, up, off, own = given.case, given.of, given.up, given.off, given.own
    store, pair = case.store, case.pair
    assert pair is not None
    culprits = [off, *(c for c in pair.words if c not in (*own, off))]
    free = [c for c in range(len(store.concepts)) if c not in (*own, *culprits)]
    others = words_of_others(store, case.k, pair.context)
    yield "target, groups of all words of each", given.clicked(own, culprits)
    one, other = rng.choice(free, 2, replace=False).tolist()
    yield "target, random word and culprit", given.clicked([one], [other])
    yield "target, the word, random culprit", given.clicked([up], [other])
    yield (
        "target, another class's word, the culprit",
        given.clicked([int(rng.choice(others))], [off]),
    )
    z = [rng.permutation(clicks.positive(of.standard(c))) for c in (up, off)]
    moved = of.log_odds + of.log_odds.std() * (RAISED * z[0] + LOWERED * z[1])
    yield "target, scores of both shuffled", of.refit(moved, zero=[off])
    careless = [int(rng.choice(others)) if rng.random() < CARELESS else c for c in (up, off)]
    both = ([careless[0]], [careless[1]]) if careless[0] != careless[1] else ([up], [off])
    yield "target, 20 % careless clicks", given.clicked(*both)
    found = clicks.suspects(of, own)
    yield "target, ✕ the first suspect", given.clicked([up], found[:1])
    yield "target, ✕ the first five as a group", given.clicked([up], found[:5])
    anew = teacher_logits(teacher, store, case.k, case.split.fit, case.seed + 5000, case.fit)
    yield "another draw of the teacher", of.refit(anew[case.fit])


def _photos(given: Clicks) -> Rows:
    """What photos of tune give, alone and with the clicks; the student of unbiased photos."""
    students, tuner = given.students, given.students.tuner
    name, both = tuner.store.classes[0], given.edits([given.up], [given.off])
    teach = Learn(name, TEACHER, 1.0)
    rows = {
        "all labels of tune pooled": [Learn(name, LABELS, 1.0)],
        "the teacher on tune": [teach],
        "target, and the teacher on tune": [*both, teach],
    }
    for title, edits in rows.items():
        node = tuner.fine_tune(students.node, edits, refit=TARGET)
        yield title, tuner.logits(node, given.rows)[:, 0]
    yield "the student of unbiased photos", unbiased(given)


def unbiased(given: Clicks) -> NDArray:
    """Logits of the student of all photos of fit as they were drawn, at the same lambda."""
    case, fit = given.case, given.case.split.fit
    scores = np.asarray(case.store.concept_score[fit], dtype=np.float64)
    whole = replace(given.of, scores=scores, log_odds=case.logits[fit].astype(np.float64))
    return whole.refit(whole.log_odds)


def clustered(values: Sequence[float], classes: Sequence[str]) -> tuple[float, float, float]:
    """Mean of values, and its limits of 95 % by drawing their classes."""
    names, place = np.unique(classes, return_inverse=True)
    total, count = np.bincount(place, values), np.bincount(place)
    taken = np.random.default_rng(0).integers(len(names), size=(DRAWS, len(names)))
    means = total[taken].sum(axis=1) / count[taken].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(np.mean(values)), float(low), float(high)


def table(runs: Sequence[Clicked]) -> dict[str, Any]:
    """Print the table of gains; return it by world and title."""
    found: dict[str, Any] = {}
    for world in runs[0].before:
        before = float(np.mean([run.before[world] for run in runs]))
        print(f"{world}: {len(runs)} students, AP {before:.1f}; gain [95 %], 5 % quantile, worst")
        found[world] = {}
        for title in runs[0].gains:
            values = [run.gains[title][world] for run in runs]
            mean, low, high = clustered(values, [run.target for run in runs])
            fifth, worst = float(np.quantile(values, 0.05)), min(values)
            limits = f"{mean:+5.1f} [{low:+.1f}, {high:+.1f}]"
            print(f"  {title:45s} {limits:22s} {fifth:+6.1f} {worst:+6.1f}")
            row = {"gain": mean, "low": low, "high": high, "fifth": fifth, "worst": worst}
            found[world][title] = row
    return found
