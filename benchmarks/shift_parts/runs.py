"""One biased student and what can be done about it, on photos that chose nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from inficond_panel import distill, from_frames
from inficond_panel.analysis.refits.refit_report import group_of
from inficond_panel.api.students import TunableStudents
from inficond_panel.concepts.texts import words_for
from inficond_panel.distill import average_precision
from inficond_panel.store import Store
from inficond_panel.tuning import Intent, Node
from inficond_panel.tuning.intents.cures import Lambda
from inficond_panel.tuning.shift.class_shift import ClassShift, class_shifts
from inficond_panel.tuning.suggest import carry_out, suggest
from inficond_panel.tuning.suggest.suggestion import Change, change
from inficond_panel.vocabulary.directions import REMOVE
from shift_parts.baselines import baselines
from shift_parts.cures import cures, holdout, references
from shift_parts.pairs import Pair, Split, biased, phi

Lambda_ = float | str
#: AUC by which a concept may fall short of another that it is as good as.
AS_WELL = 0.02
#: Logits of a strong teacher: this far from 0, with this standard deviation.
STRONG = (2.5, 1.2)


@dataclass
class Run:
    """Gains in AP on the holdout by name, against the biased student; and what was said of it."""

    target: str
    context: str
    phi: float
    shift: ClassShift
    rank: int  # of the context's word among the suspects, 0 where it is not there
    in_first_group: bool  # its word is the first suspect, or grouped with it
    tells_context: bool  # the first suspect tells its photos as well as its word, by AUC
    rank_by_influence: int = 0
    gains: dict[str, Change] = field(default_factory=dict)
    stated: float = 0.0  # gain that suggest repair states, in AP points
    conflicting: float = 0.0  # its change in AP where class and context disagree


def strong_logits(store: Store, k: int, seed: int) -> NDArray:
    """Logits (N,) of a teacher that is nearly always right, whatever the context.

    It does not know where the label is not known.
    """
    rng = np.random.default_rng([seed, k, 3])
    label = np.asarray(store.label)[:, k]
    sign = 1.0 * (label == 1) - 1.0 * (label == 0)
    return STRONG[0] * sign + rng.normal(0, STRONG[1], len(sign))


def honest_logits(store: Store, k: int, fit: NDArray[np.intp]) -> NDArray:
    """Logits (N,) of a logistic regression on the labels of fit as it was drawn."""
    label = np.asarray(store.label)[fit, k]
    known = fit[label >= 0]
    targets = (label[label >= 0] == 1).astype(float)[:, None]
    head = distill.fit(store.concept_score[known], targets, l1=1e-3, tolerance=1e-4)
    return distill.decision_function(store.concept_score, head.weights, head.intercepts)[:, 0]


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
) -> TunableStudents:
    """The student of one class, over the scores of the store, on another split.

    It comes first. ``beside``: the other classes of the store follow, with their labels.
    ``hidden``: tune has no labels.
    """
    rows = np.concatenate([fit, split.tune, split.holdout])
    names = [str(store.images[row]) for row in rows]
    where = np.repeat(["fit", "tune", "holdout"], [len(fit), len(split.tune), len(split.holdout)])
    others = [other for other in range(len(store.classes)) if beside and other != k]
    label = np.asarray(store.label)[rows][:, [k, *others]].astype(float)
    label[label < 0] = np.nan
    if hidden:
        label[where == "tune"] = np.nan
    taught = [logits, *(strong_logits(store, other, 0) for other in others)]
    scores = np.asarray(store.concept_score[rows], dtype=np.float32)
    classes = [store.classes[other] for other in (k, *others)]
    given = from_frames(
        pd.DataFrame(scores, index=names, columns=store.concepts),
        pd.DataFrame(np.stack(taught, axis=1)[rows], index=names, columns=classes),
        pd.DataFrame(label, index=names, columns=classes),
        split=pd.Series(where, index=names),
    )
    return given.with_settings(lambda_=lambda_).fit()


def biased_student(
    store: Store,
    pair: Pair,
    split: Split,
    logits: NDArray,
    leak: float,
    seed: int,
    *,
    beside: bool = False,
    lambda_: Lambda_ = 1e-4,
    most: int | None = None,
) -> tuple[Run, TunableStudents]:
    """The biased student of a pair, and the run with its verdict and its suspects.

    ``most``: of at most so many photos of fit.
    """
    fit = biased(store, split.fit, pair, leak, seed)
    fit = replace(split, fit=fit).smaller(most, seed=seed).fit
    how: dict[str, Any] = {"beside": beside, "lambda_": lambda_}
    students = make_students(store, pair.target, logits, split, fit, **how)
    name = store.classes[pair.target]
    shift = class_shifts(students.tuner, students.node, classes=[name])[name]
    words = [store.concepts[c] for c in pair.words]
    listed = [suspect.concept for suspect in shift.suspects]
    weight = np.abs(students.node.weights[:, 0])
    found = Run(
        name,
        store.classes[pair.context],
        phi(store, fit, pair),
        shift,
        next((place for place, concept in enumerate(listed, 1) if concept in words), 0),
        not set(words).isdisjoint(_first(shift)),
        _tells_context(store, pair, listed[:1]),
        1 + int(np.count_nonzero(weight > weight[list(pair.words)].max())),
    )
    return found, students


def run_pair(
    store: Store,
    pair: Pair,
    split: Split,
    logits: NDArray,
    leak: float,
    seed: int,
    *,
    brief: bool = False,
    beside: bool = False,
    lambda_: Lambda_ = 1e-4,
    most: int | None = None,
) -> Run:
    """The biased student of a pair: its verdict, its suspects, and what edits give back.

    ``brief`` leaves out all but suggest repair, the cures that it may be, and plain baselines.
    """
    given = (store, pair, split, logits, leak, seed)
    found, students = biased_student(*given, beside=beside, lambda_=lambda_, most=most)
    whole = make_students(store, pair.target, logits, split, split.fit, lambda_=lambda_)
    found.gains["the unbiased student"] = _gain(students, holdout(whole, whole.node))
    context = _context(store, pair, students)
    _cures(found, students, context, brief=brief)
    same = split.smaller(len(students.tuner.store.rows("fit")), seed=seed).fit
    fair = make_students(store, pair.target, logits, split, same, lambda_=lambda_)
    found.gains["the unbiased student of the same size"] = _gain(students, holdout(fair, fair.node))
    if brief:
        return found
    _edits(found, students, store.concepts[pair.words[0]])
    tuned = whole.tuner.preview(whole.node, [Lambda(found.target)])
    found.gains["the unbiased student, lambda"] = _gain(students, holdout(whole, tuned))
    for title, mended in references(students, context):
        found.gains[title] = _gain(students, mended)
    own = _own_scores(store, pair, split)
    if own is not None:
        found.gains["the class's own word alone"] = _gain(students, own)
    return found


def _edits(found: Run, students: TunableStudents, word: str) -> None:
    tuner, root = students.tuner, students.node
    removed = {
        "remove the context's word": [word],
        "remove it with the group offered": _group(students, found.target, word),
        "remove the first suspect and its group": _first(found.shift),
        "remove all suspects": [suspect.concept for suspect in found.shift.suspects],
    }
    for title, concepts in removed.items():
        intents = [Intent(found.target, concept, REMOVE.key) for concept in concepts]
        node = tuner.fine_tune(root, intents) if intents else root
        found.gains[title] = _gain(students, holdout(students, node))
    for strategy in ("crossfit", "greedy"):
        node = (
            carry_out(tuner, suggest(tuner, root, strategy=strategy, classes=[found.target]))
            or root
        )
        found.gains[f"suggest {strategy}, 5 thumbs"] = _gain(students, holdout(students, node))


def _cures(found: Run, students: TunableStudents, context: NDArray, *, brief: bool) -> None:
    """Refits with other weights of photos, or other penalties, chosen by the labels of tune."""
    for title, logits in (*cures(students, found.shift, brief=brief), *baselines(students)):
        found.gains[title] = _gain(students, logits)
    node = students.node
    repaired = suggest(students.tuner, node, strategy="repair", classes=[found.target])
    if repaired.intents:
        node = students.tuner.preview(node, repaired.intents)
    found.gains["suggest repair"] = _gain(students, holdout(students, node))
    found.stated = 100 * repaired.gain.estimate
    found.conflicting = _conflicting(students, node, context)


def _group(students: TunableStudents, target: str, word: str) -> list[str]:
    group = group_of(students.tuner, students.tuner.at(students.node, "fit")[target], word)
    members = () if group is None else group.members
    return [word, *(m.concept for m in members if m.concept != word and not m.own)]


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


def _own_scores(store: Store, pair: Pair, split: Split) -> NDArray | None:
    own = words_for(store.classes[pair.target], store.concepts, store.synonyms)
    return store.concept_score[split.holdout][:, own].max(axis=1) if own else None


def _context(store: Store, pair: Pair, students: TunableStudents) -> NDArray:
    """Labels (N,) of the context, of the photos of the students' own store."""
    place = {str(name): row for row, name in enumerate(store.images)}
    rows = [place[str(name)] for name in students.tuner.store.images]
    return np.asarray(store.label)[rows, pair.context]


def _conflicting(students: TunableStudents, node: Node, context: NDArray) -> float:
    """Change in AP of positives without the context against negatives with it, on the holdout."""
    store = students.tuner.store
    rows = store.rows("holdout")
    label, here = np.asarray(store.label)[rows, 0], context[rows]
    kept = ((label == 1) & (here == 0)) | ((label == 0) & (here == 1))
    before, after = (holdout(students, n)[kept] for n in (students.tuner.root(), node))
    return average_precision(label[kept], after) - average_precision(label[kept], before)


def _gain(students: TunableStudents, logits: NDArray) -> Change:
    store = students.tuner.store
    label = np.asarray(store.label)[store.rows("holdout"), 0]
    return change(label, holdout(students, students.tuner.root()), logits)


def run_class(store: Store, k: int, split: Split, logits: NDArray, **how: Any) -> Run:
    """The student of a class without a bias: what repair and the plain baselines give it."""
    students = make_students(store, k, logits, split, split.fit, **how)
    name = store.classes[k]
    shift = class_shifts(students.tuner, students.node, classes=[name])[name]
    found = Run(name, "", 0.0, shift, 0, in_first_group=False, tells_context=False)
    _cures(found, students, np.zeros(len(students.tuner.store.images)), brief=True)
    return found
