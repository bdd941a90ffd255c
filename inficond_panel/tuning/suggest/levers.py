"""Levers (kinds of repair) for the student of one class, with out-of-sample gains.

A lever is one or two repairs, or thumbs: ✕ on the first suspects, and 👍 on the class's own word.
Its candidates score each photo of ``tune`` by fits without the photo, and ``gain_of_choice``
measures the gain of choosing among them. All levers of a class, and the choice of a lever, are
measured on the same photos and compared with the unchanged student. So are two baselines that are
no edits of a student: the own word alone, and the average of student and word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inficond_panel.common.threads import one_thread
from inficond_panel.concepts.own_words import own_word
from inficond_panel.distill import Fit, Outcome
from inficond_panel.distill.metrics.bootstrap import FOLDS, draw_counts
from inficond_panel.distill.metrics.outcome import above
from inficond_panel.distill.sources import Array
from inficond_panel.distill.suspects import SHIFT
from inficond_panel.store.more_photos import AllImages, part_hashes
from inficond_panel.tuning.answers import photos_to_ask
from inficond_panel.tuning.fitting.class_fit import (
    Box,
    ClassFit,
    fit_each,
    held_out_logits,
    logits_of_each,
)
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.repairs.choosing import choose, compared_by_ap, merits
from inficond_panel.tuning.repairs.evidence import LEAST_LABELLED, Evidence
from inficond_panel.tuning.repairs.learn import Learn
from inficond_panel.tuning.repairs.penalty import Lambda
from inficond_panel.tuning.repairs.repair import Repair
from inficond_panel.tuning.repairs.resolution import compared_terms
from inficond_panel.tuning.shift import ClassShift, class_shift, first_suspects, tune_model_ap
from inficond_panel.tuning.suggest.baselines import Baseline, baselines_of
from inficond_panel.tuning.suggest.gain import (
    DRAWS,
    NO_CHANGE,
    Change,
    ChoiceGain,
    gain_of_choice,
    gain_of_levers,
)
from inficond_panel.tuning.thumbs import Intent, box, in_force
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.intents import LABELS, MORE, REMOVE, TARGET, TEACHER, UP
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import TUNE

#: Name of the row of the unchanged student.
AS_IT_IS = "as it is"
#: Largest number of suspects that the thumb ✕ removes.
SUSPECTS = 3
#: Factor of the thumb 👍 on the class's own word.
WORD_FACTOR = 2.0
_TO_CHOOSE = "labels of tuning images, to choose"
_TO_LEARN = "labels of tuning images, to learn"


@dataclass(frozen=True)
class Lever:
    """A lever (kind of repair): effect of its ``edits`` on one class, measured by labels of
    ``tune``. Without edits it is the unchanged student.

    ``ap`` is the current AP plus the ``gain``, 0 to 1. ``fidelity`` is the share of photos on which
    student and teacher agree, ``concepts`` the number of concepts in the student. ``needs``
    are requirements besides the store.
    """

    name: str
    edits: tuple[Intent | Repair, ...]
    needs: str
    gain: Change
    ap: float
    fidelity: float
    concepts: int


@dataclass(frozen=True)
class ClassRepair:
    """Levers of one class with its shift; the first lever is the unchanged student.

    ``gain_of_best`` is the gain of choosing the best lever, if any gains. ``photos`` are the most
    informative unlabelled photos. With ``few`` positives (fewer than ``LEAST_LABELLED``;
    near-equal photos count once) the levers are to learn photos of tune or added photos; the
    likelihood of labels chooses, not AP. ``baselines`` are no edits of the student.
    """

    shift: ClassShift
    levers: tuple[Lever, ...] = ()
    gain_of_best: Change = NO_CHANGE
    photos: tuple[str, ...] = ()
    few: bool = False
    baselines: tuple[Baseline, ...] = ()

    @property
    def taken(self) -> Lever | None:
        """Proposed lever: the largest gain above 0, if choosing the best lever gains; else None."""
        return recommended(self.levers) if self.gain_of_best.estimate > 0 else None

    @property
    def better(self) -> Baseline | None:
        """The best baseline, if it is better than the student with the proposed lever by more than
        one standard error of the paired difference; else None."""
        now = NO_CHANGE if self.taken is None else self.taken.gain
        best = max(self.baselines, key=lambda one: one.gain.estimate, default=None)
        if best is None or best.gain.estimate <= 0:
            return None
        further = Change(best.gain.estimate - now.estimate, best.gain.draws - now.draws)
        return best if further.estimate > further.error else None

    @property
    def gain(self) -> Change:
        """Gain by the proposed lever; ``NO_CHANGE`` without a proposal."""
        return NO_CHANGE if self.taken is None else self.gain_of_best


def recommended(levers: Sequence[Lever]) -> Lever | None:
    """Return the lever with the largest gain above 0 among levers with edits, or None."""
    gaining = [lever for lever in levers if lever.edits and lever.gain.estimate > 0]
    return max(gaining, key=lambda lever: lever.gain.estimate, default=None)


def class_repair(
    rows: NDArray[np.intp],
    seed: int,
    check: Callable[[], None],
    tuner: Tuner,
    parent: Node,
    class_name: str,
) -> ClassRepair:
    """Return shift and levers of a class at ``parent``, by the labels of photos of ``tune`` (at
    ``rows``). ``check`` is called between levers, and may raise ``CancelledError``."""
    evidence = tuner.repairs.evidence(tuner.repairs.class_fit(parent, class_name), rows)
    shift = class_shift(evidence)
    with one_thread():
        shift = replace(shift, tune_model=tune_model_ap(evidence, tuner.spec.views.noise()))
        compared = _compared(tuner, parent, evidence, shift, seed, check)
    if shift.kind != SHIFT and compared.taken is None:
        return compared
    images, asked = AllImages(tuner.store), photos_to_ask(evidence.student).rows
    unlabelled = asked[images.label(asked, evidence.student.k) < 0]
    return replace(compared, photos=tuple(images.names[row] for row in unlabelled))


def _compared(
    tuner: Tuner,
    parent: Node,
    evidence: Evidence,
    shift: ClassShift,
    seed: int,
    check: Callable[[], None],
) -> ClassRepair:
    student, label = evidence.student, evidence.tune_label
    still = _logits(evidence, [student.terms])
    group = student.store.groups_at(evidence.seen)
    counts = draw_counts(len(evidence.seen), DRAWS, seed, group)
    counts = counts[:, np.isin(evidence.seen, evidence.tune)]
    before = change_by_teaching(evidence, student.terms, counts)
    tried = [_Tried(AS_IT_IS, (), "", None, student.terms, still[0])]
    few, by_ap = evidence.shown(TUNE)[0] < LEAST_LABELLED, compared_by_ap(evidence)
    for name, edits, needs in _levers(student, shift, few=few, targets=tuner.refit == TARGET):
        check()
        careful = _careful(edits, few=few)
        thumbs = _Thumbs(tuner, parent, evidence, [e for e in edits if isinstance(e, Intent)])
        repairs = [edit for edit in edits if not isinstance(edit, Intent)]
        terms, found = thumbs.candidates() if thumbs.intents else _candidates(evidence, repairs)
        logits = np.concatenate([still, found])
        best = _taken(evidence, logits, careful=careful, by_ap=by_ap)
        made, taught = [student.terms, *terms][best], None
        if made != student.terms:
            taught = change_by_teaching(evidence, made, counts) - before
        choice = gain_of_choice(label, logits, counts, careful=careful, by_ap=by_ap, taught=taught)
        held = thumbs.after(thumbs.intents)[1] if best and thumbs.intents else None
        tried.append(_Tried(name, edits if best else (), needs, choice, made, logits[best], held))
    choices = [one.choice for one in tried if one.choice is not None]
    measured = _measured(tuner, parent, evidence, tried)
    gain = gain_of_levers(choices)
    others = () if few else baselines_of(evidence, still[0], counts)
    return ClassRepair(shift, tuple(measured), gain, few=few, baselines=others)


def _careful(edits: Sequence[Intent | Repair], *, few: bool) -> bool:
    """Return True if the unchanged student stays unless another gains more than one standard error.

    Where photos are learned, the change was requested, and the best is taken; but labels of ``few``
    positives are learned with care, since each of them moves the student."""
    learned = [each for each in edits if isinstance(each, Learn)]
    return not learned or (few and any(each.source == LABELS for each in learned))


@dataclass(frozen=True)
class _Tried:
    """A lever with the choice among its candidates, and the chosen edits, terms and logits.

    ``edits`` is empty if the unchanged student is chosen. ``box`` are the bounds after thumbs.
    """

    name: str
    edits: Sequence[Intent | Repair]
    needs: str
    choice: ChoiceGain | None
    terms: Terms
    logits: Array
    box: Box | None = None


def _levers(
    student: ClassFit, shift: ClassShift, *, few: bool, targets: bool
) -> Iterator[tuple[str, tuple[Intent | Lambda | Learn, ...], str]]:
    """Yield name, edits and needs of each lever of a class, the simplest lever first; ``targets``:
    a thumb adjusts targets."""
    name = student.name
    anew = Lambda(name)
    if not few:
        yield "penalty λ", (anew,), _TO_CHOOSE
    yield "teacher on tuning images", (Learn(name, TEACHER), anew), _TO_CHOOSE
    if part_hashes(student.store):
        yield "teacher on added photos", (Learn(name, MORE), anew), _TO_CHOOSE
    yield "labels of tuning images", (Learn(name, LABELS), anew), _TO_LEARN
    if few:
        return
    if shift.suspects:
        suspects = [suspect.concept for suspect in shift.suspects[:SUSPECTS]]
        thumbs = tuple(Intent(name, concept, REMOVE.key) for concept in suspects)
        yield "✕ suspects", thumbs, _TO_CHOOSE
    word = own_word(student.store, name) if targets else None
    if word is not None:
        raised = (Intent(name, word.name, UP.key, WORD_FACTOR),)
        yield "👍 word", raised, _TO_CHOOSE
        if shift.suspects:
            yield "👍 word, ✕ first suspect", (*raised, thumbs[0]), _TO_CHOOSE
    if targets and len(shift.suspects) > 1:
        yield "✕ first suspect", thumbs[:1], _TO_CHOOSE


@dataclass(frozen=True)
class _Thumbs:
    """Lever of thumbs on the student of ``photos`` at ``parent``."""

    tuner: Tuner
    parent: Node
    evidence: Evidence
    intents: Sequence[Intent]

    def after(self, intents: Sequence[Intent]) -> tuple[Terms, Box]:
        """Return the terms and the bounds of the class's student after thumbs."""
        tuner, student = self.tuner, self.evidence.student
        bounds = in_force(self.parent.bounds, tuner.resolve(self.parent, intents))
        terms = student.terms
        if tuner.refit == TARGET:
            adjusted = tuner.adjusted(self.parent, intents)
            terms = replace(terms, adjusted=adjusted.get(student.name, terms.adjusted))
        return terms, box(bounds, [student.name], student.store.concepts)

    def candidates(self) -> tuple[list[Terms], Array]:
        """Return the terms of the lever, and its logits (1, n) on tune: cross-fitted, with suspects
        that are selected on the other folds."""
        evidence, student = self.evidence, self.evidence.student
        named = [each.direction for each in self.intents].count(REMOVE.key)
        raised = [each for each in self.intents if each.direction != REMOVE.key]
        terms, held = self.after(self.intents)
        if not named and not terms.fit_to_tune(student.store):
            return [terms], logits_of_each(student.under(terms, held).base, evidence.tune_scores)
        logits = np.empty((1, len(evidence.tune)))
        for fold in range(FOLDS):
            out = evidence.tune_folds == fold
            suspects = first_suspects(evidence.on(evidence.tune[~out]), named) if named else ()
            intents = [*raised, *(Intent(student.name, each, REMOVE.key) for each in suspects)]
            of_fold, box_of_fold = self.after(intents)
            fits = fit_each(student, [of_fold], [evidence.tune[out]], box_of_fold)
            logits[:, out] = logits_of_each(fits, evidence.tune_scores[out])
        return [terms], logits


def _candidates(evidence: Evidence, edits: Sequence[Lambda | Learn]) -> tuple[list[Terms], Array]:
    """Return the terms of each candidate of a lever, and its cross-fitted logits (m, n) on tune."""
    terms = compared_terms(evidence, edits)
    return terms, _logits(evidence, terms)


def _taken(evidence: Evidence, logits: Array, *, careful: bool, by_ap: bool) -> int:
    """Return the index of the best student on all photos (``merits``); the first competes only if
    ``careful``, and then stays unless another gains more than one standard error."""
    label = evidence.tune_label
    if careful:
        return choose(label, logits, evidence.tune_group, by_ap=by_ap).taken
    once = np.ones((1, len(label)))
    return 1 + int(merits(label, logits[1:], once, by_ap=by_ap).argmax())


def _logits(evidence: Evidence, tried: Sequence[Terms]) -> Array:
    """Return logits (m, n) on tune, cross-fitted if any of the terms learns from tune."""
    student = evidence.student
    if not any(terms.fit_to_tune(student.store) for terms in tried):
        return logits_of_each(fit_each(student, tried), evidence.tune_scores)
    return held_out_logits(student, tried, evidence.tune, evidence.tune_folds)


def _measured(
    tuner: Tuner, parent: Node, evidence: Evidence, tried: Sequence[_Tried]
) -> list[Lever]:
    student, measured = evidence.student, []
    here = np.isin(tuner.store.rows(TUNE), evidence.tune)
    before = tuner.at(parent, TUNE)[student.name].outcome.among(here)  # as the student is shown
    ap, teacher, cutoff = before.value(AP.key), before.teacher, before.cutoff
    for one in tried:
        used = student.under(one.terms, one.box).base.weights
        gain = NO_CHANGE if one.choice is None else one.choice.gain
        after = ap + gain.estimate
        logits = before.all_logits if one.name == AS_IT_IS else one.logits
        share = float(np.mean(above(logits, cutoff) == teacher))
        size = int(np.count_nonzero(used))
        measured.append(Lever(one.name, tuple(one.edits), one.needs, gain, after, share, size))
    return measured


#: Gap at which the solver stops, as for the candidates of a choice.
_ROUGH = 1e-3
#: Ridge on the Hessian, as a share of its mean curvature.
_RIDGE = 1e-9


def change_by_teaching(evidence: Evidence, terms: Terms, counts: NDArray) -> Array:
    """Return the change in AP (draws,) because drawn photos are also learned, not only evaluated.

    ``counts`` (draws, n) are the numbers of times that a draw has each photo of ``tune``. Students
    that learn these photos under ``terms`` are fitted without one fold each, and score the fold's
    photos twice: unchanged, and adjusted to first order to the counts of the other photos. 0 if
    ``terms`` learn nothing from ``tune``.
    """
    if not terms.fit_to_tune(evidence.student.store):
        return np.zeros(len(counts))
    student, rows, label, folds = (
        evidence.student,
        evidence.tune,
        evidence.tune_label,
        evidence.tune_folds,
    )
    parts = [rows[folds == fold] for fold in range(FOLDS)]
    fits = fit_each(student, [terms], parts, tolerance=_ROUGH)
    under, still, logits = student.under(terms), np.empty(len(rows)), np.empty(counts.shape)
    for fold, part in enumerate(parts):
        out, one = folds == fold, fits.at(np.array([fold]))
        still[out] = student.logits(one, part)
        free, moves = _moves(under, one, part, rows, counts)
        logits[:, out] = still[out] + moves[:, :-1] @ evidence.tune_scores[out][:, free].T
        logits[:, out] += moves[:, [-1]]
    moved = [
        Outcome(label, row).values(AP.key, count[None])[0]
        for row, count in zip(logits, counts, strict=True)
    ]
    return np.array(moved) - Outcome(label, still).values(AP.key, counts)


def _moves(
    student: ClassFit, one: Fit, part: NDArray[np.intp], rows: NDArray[np.intp], counts: NDArray
) -> tuple[NDArray[np.intp], Array]:
    """Return the indices of free weights of ``one``, fitted without the photos at ``part``, and the
    moves (draws, p + 1) of these weights and the intercept under ``counts`` of ``rows``."""
    data, k, weights = student.data, student.column, one.weights[:, 0]
    scores = data.images.scores
    logits, inside = data.logits(weights, one.intercepts[0]), data.images.without(part)
    share = data.weight(k) @ inside
    inner = (weights > student.box[0][:, 0]) & (weights < student.box[1][:, 0])
    free = np.flatnonzero(inner & (weights != 0))
    images = np.flatnonzero(inside & np.isin(data.images.rows, rows))
    weight, residuals = (
        each * inside / share for each in (data.weight(k), data.residuals(logits, k))
    )
    moves = image_moves(
        scores, logits, weight, residuals, free, images, float(data.penalties.l2[k])
    )
    more = counts[:, np.searchsorted(rows, data.images.rows[images])].astype(np.float64) - 1
    return free, more @ moves.T


def image_moves(
    scores: NDArray,
    logits: Array,
    image_weight: Array,
    residuals: Array,
    free: NDArray[np.intp],
    images: NDArray[np.intp],
    l2: float = 0.0,
) -> Array:
    """Return moves (p + 1, len(images)) of the ``free`` weights and the intercept per additional
    copy of each of the ``images`` (indices).

    ``logits`` (n,) are the student's on the images with ``scores`` (n, C) that it is fitted to.
    ``image_weight`` (n,) sums to 1; ``residuals`` (n,) is the derivative of the loss by each logit.
    """
    design = np.column_stack([scores[:, free], np.ones(len(scores))]).astype(np.float64)
    share = expit(logits)
    weighted = design * (image_weight * share * (1 - share))[:, None]
    hessian = weighted.T @ design
    inner = np.arange(len(hessian) - 1)
    hessian[inner, inner] += l2 + _RIDGE * np.trace(hessian) / len(hessian)
    return np.asarray(-np.linalg.inv(hessian) @ (design[images] * residuals[images, None]).T)
