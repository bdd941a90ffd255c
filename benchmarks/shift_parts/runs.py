"""One biased student and what can be done about it, on photos that chose nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata
from suggest_parts.gains import change
from suggest_parts.thumbs import suggest_thumbs

from inficond_panel import from_frames
from inficond_panel.api.students import TunableStudents
from inficond_panel.concepts.own_words import class_words
from inficond_panel.distill import average_precision
from inficond_panel.results.refit_report import group_of
from inficond_panel.store import Store
from inficond_panel.tuning import Intent
from inficond_panel.tuning.repairs.penalty import Lambda
from inficond_panel.tuning.shift import ClassShift, class_shift
from inficond_panel.tuning.suggest import suggest
from inficond_panel.tuning.suggest.gain import Change
from inficond_panel.vocabulary.intents import ALL, REMOVE
from shift_parts.baselines import baselines, elastic_net, pool, stacked
from shift_parts.cases import Case
from shift_parts.pairs import Pair, Split, phi
from shift_parts.photos import photos_of
from shift_parts.repairs import holdout, references, repairs
from shift_parts.teachers import strong_logits

Lambda_ = float | str
#: AUC by which a concept may fall short of another that it is as good as.
AS_WELL = 0.02


@dataclass
class Run:
    """What is said of one student, and gains in AP on the holdout by title, against it."""

    target: str
    context: str
    phi: float
    shift: ClassShift
    rank: int  # of the context's word among the suspects, 0 where it is not there
    in_first_group: bool  # its word is the first suspect, or grouped with it
    tells_context: bool  # the first suspect tells its photos as well as its word, by AUC
    rank_by_influence: int = 0
    named: bool = False  # its word is the suspect that the finding names
    gains: dict[str, Change] = field(default_factory=dict)
    apart: dict[str, float] = field(default_factory=dict)  # gains where class and context disagree
    stated: float = 0.0  # gain that suggest states, in AP points
    positives: int = 0  # photos of tune that are labelled as showing the class


@dataclass(frozen=True)
class Measured:
    """Takes down what logits of the holdout gain, of students whose first class is judged."""

    run: Run
    students: TunableStudents
    context: NDArray | None = None  # labels (N,) of the context, of the photos of their store

    def __call__(self, title: str, logits: NDArray) -> None:
        """Take down the gains of these logits (holdout,)."""
        store = self.students.tuner.store
        rows = store.rows("holdout")
        label = np.asarray(store.label)[rows, 0]
        before = holdout(self.students, self.students.tuner.root())
        self.run.gains[title] = change(label, before, logits)
        if self.context is not None:
            kept = (label + self.context[rows] == 1) & (label >= 0)
            after, old = (average_precision(label[kept], x[kept]) for x in (logits, before))
            self.run.apart[title] = after - old


def make_students(
    store: Store,
    k: int,
    logits: NDArray,
    split: Split,
    fit: NDArray[np.intp],
    *,
    beside: bool = False,
    lambda_: Lambda_ = 1e-4,
    hidden: bool = False,
    without: Sequence[int] = (),
    columns: bool = False,
    shuffled: int | None = None,
) -> TunableStudents:
    """The student of one class, over the scores of the store, on another split.

    It comes first. ``beside``: the other classes of the store follow, with their labels.
    ``hidden``: tune has no labels. ``shuffled``: the class's labels on tune are, by this seed.
    ``without`` are concepts to leave out. ``columns``: the labels of the other classes are columns
    of metadata.
    """
    rows = np.concatenate([fit, split.tune, split.holdout])
    names = [str(store.images[row]) for row in rows]
    where = np.repeat(["fit", "tune", "holdout"], [len(fit), len(split.tune), len(split.holdout)])
    others = [other for other in range(len(store.classes)) if beside and other != k]
    label = np.asarray(store.label)[rows][:, [k, *others]].astype(float)
    if shuffled is not None:
        of_tune = where == "tune"
        label[of_tune, 0] = np.random.default_rng([shuffled, 99]).permutation(label[of_tune, 0])
    label[label < 0] = np.nan
    if hidden:
        label[where == "tune"] = np.nan
    taught = [logits, *(strong_logits(store, other, 0) for other in others)]
    kept = np.delete(np.arange(len(store.concepts)), list(without))
    concepts = [store.concepts[c] for c in kept]
    scores = np.asarray(store.concept_score[rows][:, kept], dtype=np.float32)
    classes = [store.classes[other] for other in (k, *others)]
    given = from_frames(
        pd.DataFrame(scores, index=names, columns=concepts),
        pd.DataFrame(np.stack(taught, axis=1)[rows], index=names, columns=classes),
        pd.DataFrame(label, index=names, columns=classes),
        split=pd.Series(where, index=names),
        metadata=_columns(store, k, rows, names) if columns else None,
    )
    return given.with_settings(lambda_=lambda_).fit()


def _columns(store: Store, k: int, rows: NDArray, names: list[str]) -> pd.DataFrame:
    label = np.asarray(store.label)[rows]
    return pd.DataFrame(
        {name: label[:, j].astype(str) for j, name in enumerate(store.classes) if j != k},
        index=names,
    ).replace("-1", "")


def student_of(case: Case, fit: NDArray[np.intp] | None = None, **how: Any) -> TunableStudents:
    """The students of a case, or of the same on other photos of ``fit``."""
    photos = case.fit if fit is None else fit
    return make_students(case.store, case.k, case.logits, case.split, photos, **how)


def biased_student(case: Case, **how: Any) -> Run:
    """The verdict and the suspects of the biased student of a pair."""
    return _biased(case, **how)[0]


def _biased(case: Case, **how: Any) -> tuple[Run, TunableStudents]:
    students, store, pair = student_of(case, **how), case.store, case.pair
    assert pair is not None
    shift = shift_of(students, store)
    words = [store.concepts[c] for c in pair.words]
    listed = [suspect.concept for suspect in shift.suspects]
    weight = np.abs(students.node.weights[:, 0])
    found = Run(
        store.classes[case.k],
        store.classes[pair.context],
        phi(store, case.fit, pair),
        shift,
        next((place for place, concept in enumerate(listed, 1) if concept in words), 0),
        not set(words).isdisjoint(_first(shift)),
        _tells_context(store, pair, listed[:1]),
        1 + int(np.count_nonzero(weight > weight[list(pair.words)].max())),
        bool(listed) and shift.first.concept in words,
    )
    return found, students


def run_pair(case: Case, *, brief: bool = False, beside: bool = False, **how: Any) -> Run:
    """The biased student of a pair: its verdict, its suspects, and what edits give back.

    ``brief`` leaves out all but suggest, the repairs that it may be, and plain baselines.
    """
    found, students = _biased(case, beside=beside, **how)
    store, split, pair = case.store, case.split, case.pair
    assert pair is not None
    context = _context(store, pair, students)
    measured = Measured(found, students, context)
    whole = student_of(case, split.fit, **how)
    measured("the unbiased student", holdout(whole, whole.node))
    same = student_of(case, split.smaller(len(case.fit), seed=case.seed).fit, **how)
    measured("the unbiased student of the same size", holdout(same, same.node))
    _repairs(measured, brief=brief)
    if brief:
        return found
    _edits(measured, store.concepts[pair.words[0]])
    tuned = whole.tuner.preview(whole.node, [Lambda(found.target)])
    measured("the unbiased student, lambda", holdout(whole, tuned))
    for title, mended in references(students, context):
        measured(title, mended)
    own = _own_scores(case)
    if own is not None:
        measured("the class's own word alone", own)
    return found


def run_class(case: Case, *, gains: bool, **how: Any) -> Run:
    """The student of a class without a bias: its verdict, and the ``gains`` that are brief."""
    students = student_of(case, **how)
    name, shift = case.store.classes[case.k], shift_of(students, case.store)
    found = Run(name, "", 0.0, shift, 0, in_first_group=False, tells_context=False)
    if gains:
        _repairs(Measured(found, students), brief=True)
    return found


def run_few(case: Case, *, shuffled: bool = False, **how: Any) -> Run:
    """The student of a case, with or without a bias: what suggest gains, and the labels pooled.

    ``shuffled``: the labels of the class on tune are.
    """
    students = student_of(case, shuffled=case.seed if shuffled else None, **how)
    context = case.store.classes[case.pair.context] if case.pair else ""
    name, shift = case.store.classes[case.k], shift_of(students, case.store)
    found = Run(name, context, 0.0, shift, 0, in_first_group=False, tells_context=False)
    tune = students.tuner.store.rows("tune")
    found.positives = int((np.asarray(students.tuner.store.label)[tune, 0] == 1).sum())
    measured = Measured(found, students)
    measured("pool: labels of tune, share and λ by AP", pool(students))
    measured("elastic net, pooled; share and penalties by AP", elastic_net(students))
    measured("labels beside the student's logit, L1 by AP", stacked(students))
    _suggest(measured)
    return found


def shift_of(students: TunableStudents, store: Store | None = None) -> ClassShift:
    """The shift of the first class, found anew, with the segments of a store (``photos_of``)."""
    return class_shift(photos_of(students, store))


def _edits(measured: Measured, word: str) -> None:
    """Thumbs as bounds, all weights fitted to the teacher again: what these strategies assume."""
    found, students = measured.run, measured.students
    tuner, root = students.tuner, students.node
    removed = {
        "remove the context's word": [word],
        "remove it with the group offered": _group(students, found.target, word),
        "remove the first suspect and its group": _first(found.shift),
        "remove all suspects": [suspect.concept for suspect in found.shift.suspects],
    }
    for title, concepts in removed.items():
        intents = [Intent(found.target, concept, REMOVE.key) for concept in concepts]
        node = tuner.fine_tune(root, intents, refit=ALL) if intents else root
        measured(title, holdout(students, node))
    for baseline in ("crossfit", "greedy"):
        made = suggest_thumbs(tuner, baseline, [found.target], tuner.store.rows("tune"))
        node = tuner.fine_tune(root, made.intents, refit=ALL) if made.intents else root
        measured(f"{baseline}, 5 thumbs", holdout(students, node))


def _repairs(measured: Measured, *, brief: bool) -> None:
    """Refits with other weights of photos, or other penalties, chosen by the labels of tune."""
    found, students = measured.run, measured.students
    for title, logits in (*repairs(students, found.shift, brief=brief), *baselines(students)):
        measured(title, logits)
    _suggest(measured)


def _suggest(measured: Measured) -> None:
    """The proposal of suggest, with the gain that it states."""
    students, node = measured.students, measured.students.node
    repaired = suggest(students.tuner, node, classes=[measured.run.target])
    if repaired.intents:
        node = students.tuner.preview(node, repaired.intents)
    measured("suggest", holdout(students, node))
    measured.run.stated = 100 * repaired.gain.estimate


def _group(students: TunableStudents, target: str, word: str) -> list[str]:
    group = group_of(students.tuner, students.tuner.at(students.node, "fit")[target], word)
    members = () if group is None else group.members
    return [word, *(m.concept for m in members if m.concept != word and not m.names_class)]


def _first(shift: ClassShift) -> list[str]:
    first = shift.suspects[:1]
    return [concept for suspect in first for concept in (suspect.concept, *suspect.group)]


def _tells_context(store: Store, pair: Pair, first: list[str]) -> bool:
    """True if the first suspect, if any, tells the photos of the context as well as its word."""
    if not first:
        return False
    columns = [store.concepts.index(first[0]), *pair.words]
    present = np.asarray(store.label)[:, pair.context] == 1
    ranks = rankdata(store.concept_score[:, columns], axis=0)
    positives, negatives = np.count_nonzero(present), np.count_nonzero(~present)
    auc = (ranks[present].mean(axis=0) - (positives + 1) / 2) / negatives
    return bool(auc[0] >= auc[1:].max() - AS_WELL)


def _own_scores(case: Case) -> NDArray | None:
    store = case.store
    own = class_words(store, store.classes[case.k])
    return store.concept_score[case.split.holdout][:, own].max(axis=1) if own else None


def _context(store: Store, pair: Pair, students: TunableStudents) -> NDArray:
    """Labels (N,) of the context, of the photos of the students' own store."""
    place = {str(name): row for row, name in enumerate(store.images)}
    rows = [place[str(name)] for name in students.tuner.store.images]
    return np.asarray(store.label)[rows, pair.context]
