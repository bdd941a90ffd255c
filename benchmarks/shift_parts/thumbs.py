"""Rows of thumbs: their forms and sizes, by whom they are given, controls, and photos of tune."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inficond_panel.tuning.repairs.learn import Learn
from inficond_panel.vocabulary.intents import ALL, LABELS, TARGET, TEACHER
from shift_parts import clicks
from shift_parts.clicks import LOWERED, RAISED, adjusted, held, near
from shift_parts.given import Clicks, Row, words_of_others
from shift_parts.teachers import teacher_logits

#: Share of careless clicks: in place of the word, or of the culprit, another class's word.
CARELESS = 0.2
#: Noise of the class's word, in standard deviations of its score.
NOISE = (1.0, 2.0)
#: Other gains of 👍 and ✕.
SIZES = ((0.3, -0.15), (0.5, -0.3))


def of_pair(given: Clicks, rng: np.random.Generator) -> Iterator[Row]:
    """All rows of a biased student."""
    yield from _forms(given)
    yield from _by_others(given, rng)
    yield from _photos(given)
    of, up, off = given.of, given.up, given.off
    for size in NOISE:
        noisy = clicks.with_noise(of, up, size, rng)
        after = adjusted(noisy, {up: RAISED, off: LOWERED}, [off])
        yield Row(f"target, noise of {size:g} sd in the word", after, before=noisy.before)
    label = rng.permutation(given.label)
    shuffled = "target, labels of the holdout shuffled"
    yield Row(shuffled, given.clicked([up], [off]), label=label)


def of_class(given: Clicks, rng: np.random.Generator) -> Iterator[Row]:
    """All rows of a student without a bias."""
    case, of, up = given.case, given.of, given.up
    wrong = {"another class's word": int(rng.choice(words_of_others(case.store, case.k)))}
    if given.suspect is not None:
        wrong["the first suspect"] = given.suspect
    for name, off in wrong.items():
        for row in _two_clicks(replace(given, off=off)):
            yield replace(row, title=f"{row.title}; ✕ {name}")
    yield Row("target, 👍 the word alone", given.clicked([up]))
    yield Row("average of student and word", clicks.average(of, up))
    yield Row("the word alone", of.standard(up, of.shown))
    anew = teacher_logits(given.teacher, case.store, case.k, case.split.fit, case.seed + 5000)
    yield Row("another draw of the teacher", of.refit(anew[case.fit]))


def _two_clicks(given: Clicks) -> Iterator[Row]:
    """👍 the class's word and ✕ the culprit, by what a refit makes of them."""
    of, up, off = given.of, given.up, given.off
    moved, own = clicks.bounded(given.students, up, off), clicks.by_own_spread(of, up, off)
    yield Row("target", given.clicked([up], [off]))
    for one, other in SIZES:
        yield Row(f"target, {one:g} and {-other:g}", adjusted(of, {up: one, off: other}, [off]))
    yield Row("target, twice the size", adjusted(of, {up: RAISED * 2, off: LOWERED * 2}, [off]))
    yield Row("target, linear in z", adjusted(of, {up: RAISED, off: LOWERED}, [off], lambda z: z))
    yield Row("hold", held(of, moved))
    yield Row("hold, by own spread", held(of, own))
    yield Row("near, rho 1", near(of, moved, 1.0))
    yield Row("all", given.clicked([up], [off], ALL))


def _forms(given: Clicks) -> Iterator[Row]:
    """The same two clicks, one of them, and what needs no tool."""
    of, up, off = given.of, given.up, given.off
    yield from _two_clicks(given)
    own = clicks.by_own_spread(of, up, off)
    yield Row(
        "all, by own spread", of.refit(of.log_odds, least={up: own[up]}, most={off: own[off]})
    )
    yield Row("all, ✕ alone", given.clicked(off=[off], refit=ALL))
    yield Row("target, 👍 alone", given.clicked([up]))
    yield Row("target, ✕ alone", given.clicked(off=[off]))
    yield Row("target, 👍 and 👎, w free", adjusted(of, {up: RAISED, off: LOWERED}))
    yield Row("average of student and word", clicks.average(of, up))
    yield Row("the word alone", of.standard(up, of.shown))
    yield Row("unchanged refit", of.refit(of.log_odds))


def _by_others(given: Clicks, rng: np.random.Generator) -> Iterator[Row]:
    """Controls, groups, and clicks by others than one who knows the culprit."""
    case, of, up, off, own = given.case, given.of, given.up, given.off, given.own
    store, pair = case.store, case.pair
    assert pair is not None
    culprits = [off, *(c for c in pair.words if c not in (*own, off))]
    free = [c for c in range(len(store.concepts)) if c not in (*own, *culprits)]
    others = words_of_others(store, case.k, pair.context)
    yield Row("target, groups of all words of each", given.clicked(own, culprits))
    one, other = rng.choice(free, 2, replace=False).tolist()
    yield Row("target, random word and culprit", given.clicked([one], [other]))
    yield Row("target, the word, random culprit", given.clicked([up], [other]))
    another = given.clicked([int(rng.choice(others))], [off])
    yield Row("target, another class's word, the culprit", another)
    z = [rng.permutation(clicks.positive(of.standard(c))) for c in (up, off)]
    moved = of.log_odds + of.log_odds.std() * (RAISED * z[0] + LOWERED * z[1])
    yield Row("target, scores of both shuffled", of.refit(moved, zero=[off]))
    careless = [int(rng.choice(others)) if rng.random() < CARELESS else c for c in (up, off)]
    both = ([careless[0]], [careless[1]]) if careless[0] != careless[1] else ([up], [off])
    yield Row("target, 20 % careless clicks", given.clicked(*both))
    first = [] if given.suspect is None else [given.suspect]
    yield Row("target, ✕ the first suspect", given.clicked([up], first))
    yield Row("target, ✕ the first suspect and those alike", given.clicked([up], given.alike))
    anew = teacher_logits(given.teacher, store, case.k, case.split.fit, case.seed + 5000, case.fit)
    yield Row("another draw of the teacher", of.refit(anew[case.fit]))


def _photos(given: Clicks) -> Iterator[Row]:
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
        yield Row(title, tuner.logits(node, given.rows)[:, 0])
    yield Row("the student of unbiased photos", unbiased(given))


def unbiased(given: Clicks) -> NDArray:
    """Logits of the student of all photos of fit as they were drawn, at the same lambda."""
    case, fit = given.case, given.case.split.fit
    scores = np.asarray(case.store.concept_score[fit], dtype=np.float64)
    whole = replace(given.of, scores=scores, log_odds=case.logits[fit].astype(np.float64))
    return whole.refit(whole.log_odds)
