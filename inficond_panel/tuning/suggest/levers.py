"""Levers (kinds of repair) for the student of one class, with out-of-sample gains.

A lever is one or two repairs, or thumbs: ✕ on the first suspects, and 👍 on the class's own word.
Its candidates score each photo of ``tune`` by fits without the photo, and ``gain_of_choice``
measures the gain of choosing among them. All levers of a class, and the choice of a lever, are
measured on the same photos and compared with the unchanged student. So are baselines that are no
edits of a student. Levers are compared by AP; or, with groups of images ``by`` something, by the
accuracy of the worst cell of label and group (``choosing.compared_values``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.names import find_name
from inficond_panel.common.threads import one_thread
from inficond_panel.concepts.own_words import own_word
from inficond_panel.distill import Fit, Outcome, teacher_skill
from inficond_panel.distill.metrics.bootstrap import FOLDS, draw_counts
from inficond_panel.distill.metrics.outcome import above
from inficond_panel.distill.metrics.slices import MIN_POSITIVES
from inficond_panel.distill.sources import Array
from inficond_panel.distill.suspects import SHIFT
from inficond_panel.store.more_photos import AllImages, part_hashes
from inficond_panel.tuning.answers import photos_to_ask
from inficond_panel.tuning.belonging import Belonging
from inficond_panel.tuning.cells import too_small
from inficond_panel.tuning.fitting.class_fit import (
    Box,
    ClassFit,
    fit_each,
    fit_without_each,
    logits_by_fold,
    logits_of_each,
)
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.history.belongs import Answers
from inficond_panel.tuning.label_noise import is_possible, tune_noise
from inficond_panel.tuning.lost_thresholds import LostThreshold, lost_between
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.repairs.choosing import Cell, choose, compared_by_ap, compared_values
from inficond_panel.tuning.repairs.evidence import LEAST_LABELLED, Evidence
from inficond_panel.tuning.repairs.learn import Learn
from inficond_panel.tuning.repairs.penalty import Lambda
from inficond_panel.tuning.repairs.repair import Repair
from inficond_panel.tuning.repairs.resolution import compared_terms, strengths
from inficond_panel.tuning.repairs.reweight_groups import ReweightGroups, cells_of_tune
from inficond_panel.tuning.settled import settled_shift
from inficond_panel.tuning.shared_bias import first_shared
from inficond_panel.tuning.shift import ClassShift, class_shift, first_suspects, tune_model_ap
from inficond_panel.tuning.student import Student
from inficond_panel.tuning.suggest.baselines import Baseline, baselines_of
from inficond_panel.tuning.suggest.gain import (
    GAIN_DRAWS,
    NO_CHANGE,
    Change,
    ChoiceGain,
    gain_of_choice,
    gain_of_levers,
)
from inficond_panel.tuning.suggest.teaching import changes_by_teaching
from inficond_panel.tuning.thumbs import Intent, box, in_force
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.intents import LABELS, MORE, REMOVE, TARGET, TEACHER, UP
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.things import CONCEPT

#: Name of the row of the unchanged student.
AS_IT_IS = "as it is"
#: Largest number of suspects that the thumb ✕ removes.
SUSPECTS = 3
#: Factor of the thumb 👍 on the class's own word.
WORD_FACTOR = 2.0
#: Least gain that is worth a loss at the threshold.
WORTH = 0.01
#: Function from evidence and a number to so many concepts, by labels.
Select = Callable[[Evidence, int], tuple[str, ...]]
_TO_CHOOSE = "labels of tuning images, to choose"
_TO_LEARN = "labels of tuning images, to learn"


#: Said of a lever of which no setting gains, so that the unchanged student was chosen.
NO_GAIN = "no gain on all tuning images together: the student stays as it is"
#: Said of a lever whose best setting gains too little to be told from the unchanged student.
UNSURE_GAIN = "gain within one standard error: the student stays as it is"
#: Said of a lever whose student tells images apart no better than a constant.
BY_CHANCE = "ranks images no better than chance: the student stays as it is"


@dataclass(frozen=True)
class Lever:
    """A lever (kind of repair): effect of its ``edits`` on one class, measured by labels of
    ``tune``. Without edits it is the unchanged student.

    ``gain`` is in what levers are compared by. ``ap`` is the current AP plus ``ap_change``, 0 to 1;
    ``worst`` likewise the accuracy of the worst group, nan without groups. ``fidelity`` is the
    share of photos on which student and teacher agree, ``concepts`` the number of concepts in the
    student. ``needs`` are requirements besides the store, ``NO_GAIN``, ``UNSURE_GAIN`` or
    ``BY_CHANCE``.
    """

    name: str
    edits: tuple[Intent | Repair, ...]
    needs: str
    gain: Change
    ap: float
    fidelity: float
    concepts: int
    ap_change: Change = NO_CHANGE
    worst: float = np.nan


@dataclass(frozen=True)
class ClassRepair:
    """Levers of one class with its shift; the first lever is the unchanged student.

    ``gain_of_best`` is the gain of choosing the best lever, if any gains, and ``ap_change_of_best``
    the change of AP with it. ``photos`` are the most
    informative unlabelled photos. With fewer than ``LEAST_LABELLED`` positives (near-equal photos
    count once) the levers are to learn photos of tune or added photos. ``by_likelihood``: there are
    too few photos for AP, so the likelihood of labels chose the settings of the levers; then
    ``above_chance`` says whether the student of the lever with the largest gain ranks photos better
    than chance. ``baselines`` are no edits of the student.
    ``small_cells`` are the cells of label and group with too few photos for limits of the worst
    group, such as ``present · man (5)``; "" if there are none. ``lost`` is what decisions on tune
    would lose at the threshold by the proposed lever, None if nothing. ``tune_doubted``: labels of
    tune, which all gains are measured by, may be wrong.
    """

    shift: ClassShift
    levers: tuple[Lever, ...] = ()
    gain_of_best: Change = NO_CHANGE
    ap_change_of_best: Change = NO_CHANGE
    photos: tuple[str, ...] = ()
    by_likelihood: bool = False
    above_chance: bool = True
    baselines: tuple[Baseline, ...] = ()
    small_cells: str = ""
    lost: LostThreshold | None = None
    tune_doubted: bool = False

    @property
    def taken(self) -> Lever | None:
        """Proposed lever: the largest gain above 0, if choosing the best lever gains, and if it
        ranks photos better than chance; else None. A gain below ``WORTH`` is none if the threshold
        loses by it."""
        gains = self.gain_of_best.estimate > 0 and self.above_chance
        proposed = recommended(self.levers) if gains else None
        if proposed is not None and self.lost is not None:
            return proposed if proposed.gain.estimate >= WORTH else None
        return proposed

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

    @property
    def ap_change(self) -> Change:
        """Change of AP by the proposed lever; ``NO_CHANGE`` without a proposal."""
        return NO_CHANGE if self.taken is None else self.ap_change_of_best


def recommended(levers: Sequence[Lever]) -> Lever | None:
    """Return the lever with the largest gain above 0 among levers with edits, or None."""
    gaining = [lever for lever in levers if lever.edits and lever.gain.estimate > 0]
    return max(gaining, key=lambda lever: lever.gain.estimate, default=None)


def class_repair(
    rows: NDArray[np.intp],
    seed: int,
    check: Callable[[], None],
    said: Answers,
    by: str,
    tuner: Tuner,
    parent: Node,
    class_name: str,
) -> ClassRepair:
    """Return shift and levers of a class at ``parent``, by the labels of photos of ``tune`` (at
    ``rows``). No lever removes what belongs to the class, as people ``said``. ``check`` is called
    between levers, and may raise ``CancelledError``. ``by`` divides images into groups, if levers
    are compared by the worst; else ""."""
    evidence = tuner.repairs.evidence(tuner.repairs.class_fit(parent, class_name), rows)
    belonging = Belonging(tuner.store, said)
    shift = settled_shift(class_shift(evidence), belonging)
    kept = [name for name in evidence.concepts if belonging.has(class_name, CONCEPT, name)]
    with one_thread():
        shift = replace(shift, tune_model=tune_model_ap(evidence, tuner.spec.views.noise()))
        compared = _compared(tuner, parent, evidence, shift, seed, check, by, kept)
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
    by: str,
    kept: Sequence[str],
) -> ClassRepair:
    student, label = evidence.student, evidence.tune_label
    cell = evidence.cells(by, evidence.tune).of if by else None
    still, as_it_is = _scored(evidence, [student.terms])
    group = student.store.groups_at(evidence.seen)
    counts = draw_counts(len(evidence.seen), GAIN_DRAWS, seed, group)
    counts = counts[:, np.isin(evidence.seen, evidence.tune)]
    before = changes_by_teaching(evidence, student.terms, counts, cell, as_it_is)
    tried = [_Tried(AS_IT_IS, (), "", None, still[0], int(np.count_nonzero(student.weights)))]
    few, by_ap = evidence.shown(TUNE)[0] < LEAST_LABELLED, compared_by_ap(evidence)
    for name, edits, needs, select in _levers(tuner, evidence, shift, few, by, kept):
        check()
        careful = _careful(edits, few=few)
        intents = [edit for edit in edits if isinstance(edit, Intent)]
        thumbs = _Thumbs(tuner, parent, evidence, intents, select)
        repairs = [edit for edit in edits if not isinstance(edit, Intent)]
        terms, found, fits = thumbs.candidates() if intents else _candidates(evidence, repairs)
        logits = np.concatenate([still, found])
        how: dict[str, Any] = {"careful": careful, "by_ap": by_ap, "cell": cell}
        how["strength"] = strengths([student.terms, *terms])
        best, ahead = _taken(evidence, logits, **how)
        made, taught = [student.terms, *terms][best], list[Array]()
        if made != student.terms:
            of_made = fits and [each.at(np.array([best - 1])) for each in fits]
            after = changes_by_teaching(evidence, made, counts, cell, of_made)
            taught = [new - old for new, old in zip(after, before, strict=True)]
        choice = gain_of_choice(label, logits, counts, taught=taught, **how)
        held = thumbs.after(thumbs.intents)[1] if best and thumbs.intents else None
        chosen = (edits, needs) if best else ((), UNSURE_GAIN if ahead else NO_GAIN)
        one = _Tried(name, *chosen, choice, logits[best], _size(student, made, held))
        tried.append(
            one if _ranks(evidence, one, cell) else replace(one, edits=(), needs=BY_CHANCE)
        )
    choices = [one.choice for one in tried if one.choice and one.needs != BY_CHANCE]
    measured = _measured(tuner, parent, evidence, tried, cell)
    of_best = gain_of_levers(choices)
    others = () if few else baselines_of(evidence, still[0], counts, cell, seed)
    gains = of_best.gain, of_best.ap_change
    likely, proposed = not by_ap and cell is None, recommended(measured)
    lever = next((one for one in tried if proposed and one.name == proposed.name), None)
    skilled = not likely or lever is None or _above_chance(evidence, lever.logits)
    doubted = tune_noise(evidence.one_of_each)
    how = {"by_likelihood": likely, "above_chance": skilled, "baselines": others}
    how["tune_doubted"] = is_possible(doubted) and not doubted.denied
    repair = ClassRepair(shift, tuple(measured), *gains, **how)
    repair = replace(repair, lost=_lost(tuner, parent, evidence, tried, repair.taken))
    small = too_small(cells_of_tune(evidence, by), MIN_POSITIVES) if by else ""
    return _without_limits(repair, small) if small else repair


def _size(student: ClassFit, terms: Terms, held: Box | None) -> int:
    """Return the number of concepts of a student under ``terms``, within bounds after thumbs."""
    return int(np.count_nonzero(student.under(terms, held).weights))


def _ranks(evidence: Evidence, lever: _Tried, cell: Cell) -> bool:
    """Return True if a lever's student tells images apart: it has concepts and, if the worst group
    compares, ranks better than chance. A constant calls ties of all groups at equal shares, and so
    has no group that is much worse than the others."""
    if not lever.edits:
        return True
    return bool(lever.concepts) and (cell is None or _above_chance(evidence, lever.logits))


def _above_chance(evidence: Evidence, logits: Array) -> bool:
    """Return True if the logits (n,) of a student rank the photos of tune better than chance, by
    the rule that says whether a teacher knows a class. If not, their labels teach nothing, as if
    they were wrong."""
    ranking = Outcome(evidence.tune_label, logits, group=evidence.tune_group)
    return bool(teacher_skill(ranking).knows)


def _without_limits(repair: ClassRepair, small_cells: str) -> ClassRepair:
    """Return the levers and baselines with gains in the worst group that have no limits."""

    def alone(gain: Change) -> Change:
        return replace(gain, few=True)

    return replace(
        repair,
        levers=tuple(replace(each, gain=alone(each.gain)) for each in repair.levers),
        baselines=tuple(replace(each, gain=alone(each.gain)) for each in repair.baselines),
        gain_of_best=alone(repair.gain_of_best),
        small_cells=small_cells,
    )


def _lost(
    tuner: Tuner, parent: Node, evidence: Evidence, tried: Sequence[_Tried], taken: Lever | None
) -> LostThreshold | None:
    """Return what the threshold would lose by the lever that is ``taken``, or None."""
    if taken is None:
        return None
    now, before = _as_shown(tuner, parent, evidence)
    logits = next(one.logits for one in tried if one.name == taken.name)
    after = Outcome(before.label, logits, cutoff=before.cutoff, group=before.group)
    spent = any(isinstance(edit, Repair) for edit in taken.edits)
    return lost_between(now, before, after, tuner.spec.views.noise(), spent=spent)


def _as_shown(tuner: Tuner, parent: Node, evidence: Evidence) -> tuple[Student, Outcome]:
    """Return the student of a class at ``parent``, and its outcome on the labelled photos of tune,
    as metrics show it."""
    student = tuner.at(parent, TUNE)[evidence.class_name]
    return student, student.outcome.among(np.isin(tuner.store.rows(TUNE), evidence.tune))


def _takes_best(edit: Intent | Repair) -> bool:
    """Return True if of the candidates of a lever with ``edit`` the best is taken."""
    only_aims = isinstance(edit, ReweightGroups) and not edit.free
    return isinstance(edit, Repair) and edit.best_taken and not only_aims


def _careful(edits: Sequence[Intent | Repair], *, few: bool) -> bool:
    """Return True if the unchanged student stays unless another gains more than one standard error.

    Where photos are learned or groups reweighted, the change was requested, and the best is taken;
    but labels of ``few`` positives are learned with care, since each of them moves the student."""
    labels = (isinstance(each, Learn) and each.source == LABELS for each in edits)
    return not any(map(_takes_best, edits)) or (few and any(labels))


@dataclass(frozen=True)
class _Tried:
    """A lever with the choice among its candidates, and the chosen edits, logits and number of
    ``concepts``. ``edits`` is empty if the unchanged student is chosen."""

    name: str
    edits: Sequence[Intent | Repair]
    needs: str
    choice: ChoiceGain | None
    logits: Array
    concepts: int


class _Given(NamedTuple):
    """Name, edits and needs of a lever. ``select`` is the function that chose the concepts with ✕
    by labels; None if no label did."""

    name: str
    edits: tuple[Intent | Repair, ...]
    needs: str
    select: Select | None = None


def _levers(
    tuner: Tuner, evidence: Evidence, shift: ClassShift, few: bool, by: str, kept: Sequence[str]
) -> Iterator[_Given]:
    """Yield the levers of a class, the simplest first; none removes a concept that is ``kept``."""
    name = evidence.class_name
    # With strength 0 it weighs nothing; free values are chosen by the worst group.
    aim = (ReweightGroups(name, by, 0.0),) if by else ()
    anew = Lambda(name)
    if not few:
        yield _Given("penalty λ", (*aim, anew), _TO_CHOOSE)
    yield _Given("teacher on tuning images", (*aim, Learn(name, TEACHER), anew), _TO_CHOOSE)
    if part_hashes(evidence.student.store):
        yield _Given("teacher on added photos", (*aim, Learn(name, MORE), anew), _TO_CHOOSE)
    yield _Given("labels of tuning images", (*aim, Learn(name, LABELS), anew), _TO_LEARN)
    if few:
        return
    if by:
        yield from _of_groups(evidence, by, kept, targets=tuner.refit == TARGET)
    yield from _thumbs(evidence, shift, kept, targets=tuner.refit == TARGET)


def _of_groups(
    evidence: Evidence, by: str, kept: Sequence[str], *, targets: bool
) -> Iterator[_Given]:
    """Yield the levers that reweight groups, and ✕ on the concept that divides images into them,
    and on the concept that the student relies on most in all photos; ``targets``: a thumb adjusts
    targets."""
    name, groups = evidence.class_name, ReweightGroups(evidence.class_name, by)
    yield _Given("reweight groups", (groups,), _TO_CHOOSE)
    yield _Given("reweight groups, penalty λ", (groups, Lambda(name)), _TO_CHOOSE)
    labels = (groups, Learn(name, LABELS))
    yield _Given("reweight groups, labels of tuning images", labels, _TO_LEARN)
    if not targets:
        return
    of_column = find_name(by, evidence.student.store.metadata_columns) is not None
    concept = None if of_column else find_name(by, evidence.concepts)
    select = partial(first_shared, besides=kept)
    if concept is not None and concept not in kept:
        yield _Given(f"✕ {concept}", (Intent(name, concept, REMOVE.key),), _TO_CHOOSE)
    for shared in select(evidence, 1):
        if shared != concept:
            thumb = (Intent(name, shared, REMOVE.key),)
            yield _Given("✕ shared suspect", thumb, _TO_CHOOSE, select)


def _thumbs(
    evidence: Evidence, shift: ClassShift, kept: Sequence[str], *, targets: bool
) -> Iterator[_Given]:
    """Yield the levers of thumbs; ``targets``: a thumb adjusts targets."""
    name, select = evidence.class_name, partial(first_suspects, besides=kept)
    suspects = [suspect.concept for suspect in shift.suspects if not suspect.removed][:SUSPECTS]
    if suspects:
        thumbs = tuple(Intent(name, concept, REMOVE.key) for concept in suspects)
        yield _Given("✕ suspects", thumbs, _TO_CHOOSE, select)
    word = own_word(evidence.student.store, name) if targets else None
    if word is not None:
        raised = (Intent(name, word.name, UP.key, WORD_FACTOR),)
        yield _Given("👍 word", raised, _TO_CHOOSE)
        if suspects:
            both = (*raised, thumbs[0])
            yield _Given("👍 word, ✕ first suspect", both, _TO_CHOOSE, select)
    if targets and len(suspects) > 1:
        yield _Given("✕ first suspect", thumbs[:1], _TO_CHOOSE, select)


@dataclass(frozen=True)
class _Thumbs:
    """Lever of thumbs on the student of ``photos`` at ``parent``; none removes a concept that is
    ``belonging`` to the class."""

    tuner: Tuner
    parent: Node
    evidence: Evidence
    intents: Sequence[Intent]
    select: Select | None = None

    def after(self, intents: Sequence[Intent]) -> tuple[Terms, Box]:
        """Return the terms and the bounds of the class's student after thumbs."""
        tuner, student = self.tuner, self.evidence.student
        bounds = in_force(self.parent.bounds, tuner.resolve(self.parent, intents))
        terms = student.terms
        if tuner.refit == TARGET:
            adjusted = tuner.adjusted(self.parent, intents)
            terms = replace(terms, adjusted=adjusted.get(student.name, terms.adjusted))
        return terms, box(bounds, [student.name], student.store.concepts)

    def candidates(self) -> tuple[list[Terms], Array, None]:
        """Return the terms of the lever, and its logits (1, n) on tune: cross-fitted, with suspects
        that are selected on the other folds; and None, since suspects differ between the folds."""
        evidence, student = self.evidence, self.evidence.student
        removed = [each for each in self.intents if each.direction == REMOVE.key]
        named = len(removed) if self.select else 0
        kept = [each for each in self.intents if not (named and each in removed)]
        terms, held = self.after(self.intents)
        if not named and not terms.fit_to_tune(student.store):
            base = student.under(terms, held).base
            return [terms], logits_of_each(base, evidence.tune_scores), None
        logits = np.empty((1, len(evidence.tune)))
        for fold in range(FOLDS):
            out = evidence.tune_folds == fold
            inside = evidence.on(evidence.tune[~out])
            suspects = self.select(inside, named) if self.select else ()
            intents = [*kept, *(Intent(student.name, each, REMOVE.key) for each in suspects)]
            of_fold, box_of_fold = self.after(intents)
            fits = fit_each(student, [of_fold], [evidence.tune[out]], box_of_fold)
            logits[:, out] = logits_of_each(fits, evidence.tune_scores[out])
        return [terms], logits, None


def _candidates(
    evidence: Evidence, edits: Sequence[Repair]
) -> tuple[list[Terms], Array, list[Fit] | None]:
    """Return the terms of each candidate of a lever, with logits and students of ``_scored``."""
    terms = compared_terms(evidence, edits)
    return terms, *_scored(evidence, terms)


def _taken(
    evidence: Evidence, logits: Array, *, careful: bool, by_ap: bool, cell: Cell, strength: NDArray
) -> tuple[int, int]:
    """Return the indices of the student to take and of the best on all photos (``choose``); the
    first competes only if ``careful``, and then stays unless another gains more than one standard
    error."""
    label, group = evidence.tune_label, evidence.tune_group
    how: dict[str, Any] = {"by_ap": by_ap, "cell": cell}
    if careful:
        choice = choose(label, logits, group, strength=strength, **how)
        return choice.taken, choice.best
    best = 1 + choose(label, logits[1:], group, strength=strength[1:], **how).best
    return best, best


def _scored(evidence: Evidence, tried: Sequence[Terms]) -> tuple[Array, list[Fit] | None]:
    """Return logits (m, n) on tune; cross-fitted if any of the terms learns from tune, with the
    students of each fold, else None."""
    student, rows, folds = evidence.student, evidence.tune, evidence.tune_folds
    if not any(terms.fit_to_tune(student.store) for terms in tried):
        return logits_of_each(fit_each(student, tried), evidence.tune_scores), None
    fits = fit_without_each(student, tried, rows, folds)
    return logits_by_fold(student.store, fits, rows, folds), fits


def _measured(
    tuner: Tuner, parent: Node, evidence: Evidence, tried: Sequence[_Tried], cell: Cell
) -> list[Lever]:
    measured = list[Lever]()
    before = _as_shown(tuner, parent, evidence)[1]
    ap, teacher, cutoff = before.value(AP.key), before.teacher, before.cutoff
    worst = np.nan if cell is None else _worst(evidence, before.all_logits, cell)
    for one in tried:
        gain, change = NO_CHANGE, NO_CHANGE
        if one.choice is not None:
            gain, change = one.choice.gain, one.choice.ap_change
        logits = before.all_logits if one.name == AS_IT_IS else one.logits
        share = float(np.mean(above(logits, cutoff) == teacher))
        of_worst = worst if cell is None else _bounded(worst + gain.estimate)
        after = _bounded(ap + change.estimate), share, one.concepts, change, of_worst
        measured.append(Lever(one.name, tuple(one.edits), one.needs, gain, *after))
    return measured


def _bounded(value: float) -> float:
    """Return the value, 0 to 1: a mean over draws may be beyond, added to a value near the end."""
    return float(np.clip(value, 0.0, 1.0))


def _worst(evidence: Evidence, logits: Array, cell: Cell) -> float:
    once = np.ones((1, len(logits)))
    return float(compared_values(evidence.tune_label, logits[None], once, cell)[0, 0])
