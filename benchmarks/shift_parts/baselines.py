"""Baselines: steps that a plain user would take with the same photos and labels, without a tool."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegressionCV
from sklearn.preprocessing import StandardScaler

from inficond_panel import distill
from inficond_panel.api.students import TunableStudents
from inficond_panel.distill.metrics.bootstrap import FOLDS, stratified_folds
from inficond_panel.store import Store
from inficond_panel.tuning.repairs.choosing import ap_values, logits_of_tune
from inficond_panel.tuning.repairs.learn import Learn
from inficond_panel.tuning.repairs.penalty import Lambda
from inficond_panel.tuning.repairs.resolution import compared_terms
from inficond_panel.vocabulary.intents import LABELS
from shift_parts.repairs import holdout

#: L1 penalties of a model of tune; and inverse L2 penalties, of standardised scores.
L1 = (3e-4, 1e-3, 3e-3, 1e-2)
INVERSE_L2 = tuple(np.geomspace(1e-5, 1e-1, 5))
#: Weight of a label of tune (with 500 photos of fit and 100 of tune the shares are 0.17, 0.3 and
#: 0.7), L1 and L2 penalty of the elastic nets of fit and tune pooled.
ELASTIC = tuple(product((1, 2.1, 11.7), np.geomspace(1e-4, 1e-2, 5).tolist(), (0, 3e-3)))
#: L1 penalties of a model of tune beside the student's logit, which bears a thousandth of them.
STACKED, FREE = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1), 1e3


def baselines(students: TunableStudents) -> Iterator[tuple[str, NDArray]]:
    """Title and logits of the holdout of each."""
    tuner, store = students.tuner, students.tuner.store
    tune, name = store.rows("tune"), store.classes[0]
    known = tune[store.label[tune, 0] >= 0]
    label = (store.label[known, 0] == 1).astype(float)
    scores, shown = store.concept_score[known], store.concept_score[store.rows("holdout")]
    yield "a model of the labels of tune, L1 (DFR)", _lasso(scores, label, shown)
    yield "a model of the labels of tune, L2 (DFR)", _ridge(scores, label, shown)
    pooled = tuner.preview(students.node, [Learn(name, LABELS, 1.0)])
    yield "fit and the labels of tune pooled", holdout(students, pooled)
    teacher = tuner.fit_data.source.teacher_on(tune)[:, [0]]
    alone = distill.fit(store.concept_score[tune], teacher, l1=tuner.penalties[0])
    yield "the teacher on tune's photos alone", _logits(alone, shown)


def pool(students: TunableStudents) -> NDArray:
    """Logits of the holdout by fit, with its teacher, and the labels of tune: share of the labels
    and λ by cross-validated AP."""
    repairs, name = students.tuner.repairs, students.classes[0]
    evidence = repairs.evidence(repairs.class_fit(students.node, name))
    tried = compared_terms(evidence, [Learn(name, LABELS), Lambda(name)])
    once = np.ones((1, len(evidence.tune)))
    values = ap_values(evidence.tune_label, logits_of_tune(evidence, tried), once)
    student = evidence.student.under(tried[int(np.argmax(values))])
    return student.logits(student.base, students.tuner.store.rows("holdout"))


def elastic_net(students: TunableStudents) -> NDArray:
    """Logits of the holdout by an elastic net of fit, with its teacher, and the labels of tune:
    share and penalties by cross-validated AP."""
    store, known, label, fold = _of_tune(students)
    fit = store.rows("fit")
    scores = store.concept_score[np.concatenate([fit, known])]
    targets = np.concatenate([expit(store.teacher_log_odds[fit, 0]), label])

    def fitted(some: list[tuple[float, float, float]], kept: NDArray) -> distill.Fit:
        weights = [[np.ones(len(fit)), one[0] * keep] for one, keep in zip(some, kept, strict=True)]
        return distill.fit(
            scores,
            np.repeat(targets[:, None], len(some), axis=1),
            l1=[one[1] for one in some],
            l2=[one[2] for one in some],
            sample_weight=np.stack([np.concatenate(each) for each in weights], axis=1),
            tolerance=1e-3,
        )

    tried = fitted([*ELASTIC] * FOLDS, np.repeat(_outside(fold), len(ELASTIC), axis=0))
    best = ELASTIC[_best(tried, store.concept_score[known], label, fold)]
    return _logits(fitted([best], np.ones((1, len(known)))), _shown(students))


def stacked(students: TunableStudents) -> NDArray:
    """Logits of the holdout by a sparse model of the labels of tune, in which the student's logit
    is a feature (nearly) without a penalty: the others' penalty by cross-validated AP."""
    store, known, label, fold = _of_tune(students)
    weights = students.node.weights[:, 0]
    spread = (store.concept_score[known] @ weights).std() or 1.0

    def beside(scores: NDArray) -> NDArray:
        return np.column_stack([FREE * (scores @ weights) / spread, scores])

    scores = beside(store.concept_score[known])
    tried = distill.fit(
        scores,
        np.repeat(label[:, None], FOLDS * len(STACKED), axis=1),
        l1=STACKED * FOLDS,
        sample_weight=np.repeat(_outside(fold), len(STACKED), axis=0).T.astype(float),
        tolerance=1e-3,
    )
    best = STACKED[_best(tried, scores, label, fold)]
    model = distill.fit(scores, label[:, None], l1=best, tolerance=1e-3)
    return _logits(model, beside(_shown(students)))


def _of_tune(students: TunableStudents) -> tuple[Store, NDArray[np.intp], NDArray, NDArray]:
    """The store, the labelled rows of tune, their labels and folds."""
    store = students.tuner.store
    tune = store.rows("tune")
    known = tune[store.label[tune, 0] >= 0]
    label = (store.label[known, 0] == 1).astype(float)
    return store, known, label, stratified_folds(label[:, None].astype(int), FOLDS, 0)


def _outside(fold: NDArray) -> NDArray[np.bool_]:
    """Mask (FOLDS, n) of the photos outside each fold."""
    return fold != np.arange(FOLDS)[:, None]


def _best(tried: distill.Fit, scores: NDArray, label: NDArray, fold: NDArray) -> int:
    """Index of the setting with the highest AP on photos outside its fits, fold by fold."""
    logits = distill.decision_function(scores, tried.weights, tried.intercepts)
    each = logits.reshape(len(label), FOLDS, -1)[np.arange(len(label)), fold]
    return int(np.argmax([distill.average_precision(label, column) for column in each.T]))


def _shown(students: TunableStudents) -> NDArray:
    store = students.tuner.store
    return store.concept_score[store.rows("holdout")]


def _lasso(scores: NDArray, label: NDArray, shown: NDArray) -> NDArray:
    """Logits by L1; the penalty by the AP on a fifth of the photos."""
    part = stratified_folds(label[:, None], 5, 0) == 0
    targets = np.repeat(label[~part, None], len(L1), axis=1)
    tried = distill.fit(scores[~part], targets, l1=L1, tolerance=1e-4)
    logits = distill.decision_function(scores[part], tried.weights, tried.intercepts)
    values = [distill.average_precision(label[part], column) for column in logits.T]
    best = L1[int(np.nanargmax(values))]
    return _logits(distill.fit(scores, label[:, None], l1=best, tolerance=1e-4), shown)


def _ridge(scores: NDArray, label: NDArray, shown: NDArray) -> NDArray:
    """Logits by L2, the penalty by the AP of five folds, as scikit-learn has it."""
    scaler = StandardScaler().fit(scores)
    model = LogisticRegressionCV(
        Cs=INVERSE_L2,
        cv=5,
        scoring="average_precision",
        l1_ratios=(0,),
        use_legacy_attributes=False,
    ).fit(scaler.transform(scores), label)
    return np.asarray(model.decision_function(scaler.transform(shown)))


def _logits(found: distill.Fit, scores: NDArray) -> NDArray:
    return distill.decision_function(scores, found.weights, found.intercepts)[:, 0]
