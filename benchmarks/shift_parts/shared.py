"""Clicks on biased students, measured in two worlds: without the correlation of class and context,
as the holdout was drawn, and with it, on the photos of the holdout that the bias would have left.

A click needs the word of the class: pairs and classes without one are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inficond_panel.api.students import TunableStudents
from inficond_panel.concepts.texts import classes_named, words_for
from inficond_panel.distill import average_precision
from inficond_panel.store import Store
from inficond_panel.tuning.edits import Learn
from inficond_panel.vocabulary.intents import LABELS, TEACHER
from shift_parts import clicks
from shift_parts.cases import Case
from shift_parts.clicks import Fitted, adjusted, bounds_of, held, lowered, near, own_size, raised
from shift_parts.pairs import biased
from shift_parts.runs import student_of
from shift_parts.teachers import teacher_logits

#: Worlds: photos of the holdout as they were drawn, and those that the bias would have left.
WITHOUT, WITH = "without the correlation", "with the correlation"
#: Share of careless clicks: instead of the word, or of the culprit, another class's word.
CARELESS = 0.2
#: Draws of intervals over classes.
DRAWS = 4000

#: A row: its title, the logits of the photos that measure, and of what it is held against.
Row = tuple[str, NDArray, NDArray]


@dataclass
class Clicked:
    """Gains in AP points of one student, by world and title."""

    target: str
    context: str
    seed: int
    photos: int
    before: dict[str, float] = field(default_factory=dict)
    gains: dict[str, dict[str, float]] = field(default_factory=dict)


def word_of(store: Store, k: int) -> int | None:
    """The concept that is named like the class, else the first that names it, else None."""
    named = classes_named(store.classes, store.concepts, store.synonyms)
    exact = [c for c, of in named.items() if of == k]
    return next(iter([*exact, *words_for(store.classes[k], store.concepts, store.synonyms)]), None)


def words_of_classes(store: Store, without: Sequence[int] = ()) -> list[int]:
    """The words of all classes but some."""
    found = (word_of(store, k) for k in range(len(store.classes)) if k not in without)
    return [c for c in found if c is not None]


def click_pair(case: Case, *, teacher: str, leak: float, lambda_: Any) -> Clicked | None:
    """What clicks gain the biased student of a pair; None if its class has no word."""
    store, pair, split = case.store, case.pair, case.split
    assert pair is not None
    up, off = word_of(store, case.k), word_of(store, pair.context)
    if up is None or off is None or up == off:
        return None
    found = Clicked(
        store.classes[case.k], store.classes[pair.context], case.seed, len(case.fit)
    )
    students = student_of(case, lambda_=lambda_)
    rows = students.tuner.store.rows("holdout")
    of, rng = Fitted.of(students, rows), np.random.default_rng([case.seed, case.k, pair.context])
    same = np.isin(split.holdout, biased(store, split.holdout, pair, leak, case.seed))
    worlds = {WITHOUT: np.ones(len(rows), dtype=bool), WITH: same}
    label = np.asarray(students.tuner.store.label)[rows, 0]
    before = of.logits(of.weights)
    found.before = {
        world: 100 * average_precision(label[inside], before[inside])
        for world, inside in worlds.items()
    }
    for title, after, old in _rows_of_pair(case, students, of, up, off, rng, teacher, lambda_):
        found.gains[title] = {
            world: _gain(label[inside], after[inside], old[inside])
            for world, inside in worlds.items()
        }
    order = rng.permutation(len(label))
    after = adjusted(of, [(raised(), [up]), (lowered(), [off])], [off])
    found.gains["target, labels of the holdout shuffled"] = {
        world: _gain(label[order][inside], after[inside], before[inside])
        for world, inside in worlds.items()
    }
    return found


def click_class(case: Case, *, lambda_: Any) -> Clicked | None:
    """What wrong clicks cost the student of a class without a bias; None if it has no word."""
    store = case.store
    up = word_of(store, case.k)
    if up is None:
        return None
    found = Clicked(store.classes[case.k], "", case.seed, len(case.fit))
    students = student_of(case, lambda_=lambda_)
    rows = students.tuner.store.rows("holdout")
    of, rng = Fitted.of(students, rows), np.random.default_rng([case.seed, case.k, 17])
    label, before = np.asarray(students.tuner.store.label)[rows, 0], of.logits(of.weights)
    found.before = {WITHOUT: 100 * average_precision(label, before)}
    own = words_for(store.classes[case.k], store.concepts, store.synonyms)
    suspects = clicks.suspect(of, own)
    others = [c for c in words_of_classes(store, [case.k]) if c not in own]
    wrong = {"a class's word": int(rng.choice(others)), "the first suspect": suspects[0]}
    for name, off in wrong.items():
        for title, after in _clicks(students, of, up, off).items():
            found.gains[f"{title}; ✕ {name}"] = {WITHOUT: _gain(label, after, before)}
    alone = {
        "target, 👍 the word alone": adjusted(of, [(raised(), [up])]),
        "average of student and word": clicks.average(of, [up]),
        "the word alone": of.standard([up], of.shown),
    }
    for title, after in alone.items():
        found.gains[title] = {WITHOUT: _gain(label, after, before)}
    return found


def _gain(label: NDArray, after: NDArray, before: NDArray) -> float:
    known = label >= 0
    values = (average_precision(label[known], x[known]) for x in (after, before))
    new, old = values
    return float(100 * (new - old))


def _clicks(students: TunableStudents, of: Fitted, up: int, off: int) -> dict[str, NDArray]:
    """Two clicks, by what a refit makes of them."""
    bound = bounds_of(students, up, off)
    moved = {c: low if high is None else high for c, (low, high) in bound.items()}
    own = own_size(of, up, off)
    return {
        "target": adjusted(of, [(raised(), [up]), (lowered(), [off])], [off]),
        "hold: ×2 and ✕": held(of, moved),
        "hold: by the student's own spread": held(of, own),
        "near, rho 0.1": near(of, moved, 0.1),
        "near, rho 1": near(of, moved, 1.0),
        "near, rho 10": near(of, moved, 10.0),
        "near, rho 1, by own spread": near(of, own, 1.0),
        "near, rho 10, by own spread": near(of, own, 10.0),
        "all: exact refit within the bounds": of.refit(
            of.log_odds, zero=[off], least={up: moved[up]}
        ),
    }


def _rows_of_pair(
    case: Case,
    students: TunableStudents,
    of: Fitted,
    up: int,
    off: int,
    rng: np.random.Generator,
    teacher: str,
    lambda_: Any,
) -> Iterator[Row]:
    before = of.logits(of.weights)
    made: Callable[[str, NDArray], Row] = lambda title, after: (title, after, before)  # noqa: E731
    for title, after in _clicks(students, of, up, off).items():
        yield made(title, after)
    yield made("all: ✕ alone", of.refit(of.log_odds, zero=[off]))
    own = own_size(of, up, off)
    yield made("all: within bounds by own spread", _within(of, own, up, off))
    for title, after in _forms(of, up, off).items():
        yield made(title, after)
    for title, after in _others(case, of, up, off, rng, teacher).items():
        yield made(title, after)
    for title, after in _photos(students, of, up, off):
        yield made(title, after)
    for size in (0.5, 1.0, 2.0):
        noisy = clicks.with_noise(of, up, size, rng)
        after = adjusted(noisy, [(raised(), [up]), (lowered(), [off])], [off])
        yield f"target, noise of {size:g} sd in the word", after, noisy.logits(noisy.weights)
    whole = student_of(case, case.split.fit, lambda_=lambda_)
    shown = whole.tuner.logits(whole.node)[whole.tuner.store.rows("holdout"), 0]
    yield made("the student of unbiased photos", shown)
    few = case.split.smaller(len(case.fit), seed=case.seed).fit
    whole = student_of(case, few, lambda_=lambda_)
    shown = whole.tuner.logits(whole.node)[whole.tuner.store.rows("holdout"), 0]
    yield made("the student of as many unbiased photos", shown)


def _within(of: Fitted, own: dict[int, float], up: int, off: int) -> NDArray:
    """The exact refit with both weights beyond where *held by own spread* has them."""
    return of.refit(of.log_odds, least={up: own[up]}, most={off: own[off]})


def _forms(of: Fitted, up: int, off: int) -> dict[str, NDArray]:
    """Other forms and sizes of the adjusted target."""
    both = [(raised(), [up]), (lowered(), [off])]
    return {
        "unchanged refit": of.refit(of.log_odds),
        "target, 👍 alone": adjusted(of, both[:1]),
        "target, ✕ alone": adjusted(of, both[1:], [off]),
        "target, w = 0 and 👍": adjusted(of, both[:1], [off]),
        "target, 👎 and 👍, w free": adjusted(of, both),
        "target, linear z": adjusted(of, both, [off], form=lambda z: z),
        "target, most 1 sd": adjusted(of, both, [off], most=1.0),
        "target, most 3 sd": adjusted(of, both, [off], most=3.0),
        "target, half the size": adjusted(of, [(g / 2, c) for g, c in both], [off]),
        "target, size × 1.5": adjusted(of, [(g * 1.5, c) for g, c in both], [off]),
        "target, size × 2": adjusted(of, [(g * 2, c) for g, c in both], [off]),
        "target, factor 4": adjusted(of, [(raised(4), [up]), (lowered(4), [off])], [off]),
        "average of student and word": clicks.average(of, [up]),
        "the word alone": of.standard([up], of.shown),
    }


def _others(
    case: Case, of: Fitted, up: int, off: int, rng: np.random.Generator, teacher: str
) -> dict[str, NDArray]:
    """Controls, groups and clicks by others than one who knows."""
    store, pair = case.store, case.pair
    assert pair is not None
    clicked = partial(_target, of)
    own = words_for(store.classes[case.k], store.concepts, store.synonyms)
    culprits = [c for c in pair.words if c not in own]
    free = [c for c in range(len(store.concepts)) if c not in {*own, *culprits}]
    others = [c for c in words_of_classes(store, [case.k, pair.context]) if c in free]
    random_up, random_off = rng.choice(free, 2, replace=False).tolist()
    suspects = clicks.suspect(of, own)
    careless = [
        int(rng.choice(others)) if rng.random() < CARELESS else right for right in (up, off)
    ]
    anew = teacher_logits(teacher, store, case.k, case.split.fit, case.seed + 5000, case.fit)
    shuffled = of.scores.copy()
    for c in (up, off):
        shuffled[:, c] = rng.permutation(shuffled[:, c])
    moved = [raised() * _z(shuffled[:, up]), lowered() * _z(shuffled[:, off])]
    return {
        "target, groups of all words of each": clicked(own, culprits),
        "target, random word and culprit": clicked([random_up], [random_off]),
        "target, right word, random culprit": clicked([up], [random_off]),
        "target, another class's word, the culprit": clicked([int(rng.choice(others))], [off]),
        "target, scores of both shuffled": of.refit(
            of.log_odds + of.log_odds.std() * sum(moved), zero=[off]
        ),
        "target, 20 % careless clicks": clicked(*[[c] for c in careless]),
        "target, the first suspect as culprit": clicked([up], suspects[:1]),
        "target, the first five as a group": clicked([up], suspects[:5]),
        "another draw of the teacher": of.refit(anew[case.fit]),
    }


def _z(scores: NDArray) -> NDArray:
    return clicks.positive((scores - scores.mean()) / max(scores.std(), 1e-12))


def _target(of: Fitted, up: Sequence[int], off: Sequence[int]) -> NDArray:
    return adjusted(of, [(raised(), up), (lowered(), off)], off)


def _photos(
    students: TunableStudents, of: Fitted, up: int, off: int
) -> Iterator[tuple[str, NDArray]]:
    """What the photos of tune give, by labels and by the teacher, and the teacher with clicks."""
    tuner, store = students.tuner, students.tuner.store
    name, holdout, tune = store.classes[0], store.rows("holdout"), store.rows("tune")
    for title, source in {"all labels of tune pooled": LABELS, "teacher on tune": TEACHER}.items():
        node = tuner.preview(students.node, [Learn(name, source, 1.0)])
        yield title, tuner.logits(node, holdout)[:, 0]
    more = np.asarray(store.concept_score[tune], dtype=np.float64)
    taught = np.asarray(store.teacher_log_odds[tune, 0], dtype=np.float64)
    terms = [(raised(), [up]), (lowered(), [off])]
    target, further = (
        odds + of.log_odds.std() * sum(g * clicks.positive(of.standard(c, x)) for g, c in terms)
        for odds, x in ((of.log_odds, of.scores), (taught, more))
    )
    both = replace(of, scores=np.concatenate([of.scores, more]))
    after = both.refit(np.concatenate([target, further]), zero=[off])
    yield "target, and on tune's photos too", after


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
    for world in dict.fromkeys(world for run in runs for world in run.before):
        before = float(np.mean([run.before[world] for run in runs]))
        print(f"{world}: {len(runs)} students, AP {before:.1f}; gain [95 %], 5 % quantile, worst")
        for title in dict.fromkeys(title for run in runs for title in run.gains):
            held = [run for run in runs if world in run.gains.get(title, {})]
            values = [run.gains[title][world] for run in held]
            mean, low, high = clustered(values, [run.target for run in held])
            fifth, worst = float(np.quantile(values, 0.05)), min(values)
            print(f"  {title:46s} {mean:+5.1f} [{low:+.1f}, {high:+.1f}] {fifth:+6.1f} {worst:+6.1f}")
            row = {"gain": mean, "low": low, "high": high, "fifth": fifth, "worst": worst}
            found.setdefault(world, {})[title] = row
    return found
