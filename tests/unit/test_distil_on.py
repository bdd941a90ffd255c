"""Original students that are distilled on the images of tune too, by the teacher."""

import re

import numpy as np
import pytest
from factory import small_spec
from scipy.special import expit
from spread_shortcut import shifted_frames

import inficond_panel
from inficond_panel.distill import average_precision, decision_function
from inficond_panel.distill import fit as fit_students
from inficond_panel.distill.metrics.bootstrap import stratified_folds
from inficond_panel.errors import SpecError, TuningError
from inficond_panel.spec import load_spec, with_students
from inficond_panel.store import Store
from inficond_panel.tuning import History, Tuner
from inficond_panel.tuning.fitting.class_fit import FOLDS
from inficond_panel.tuning.repairs.label import Label, Taught
from inficond_panel.tuning.repairs.learn import Learn, Learned, LearnedPhotos
from inficond_panel.tuning.repairs.penalty import Lambda

BOTH = ["fit", "tune"]
L1 = 2e-3


@pytest.fixture(scope="module")
def fit_alone(tmp_path_factory) -> Tuner:
    folder = tmp_path_factory.mktemp("distil")
    frames = {**shifted_frames(seed=1), "path": folder / "own.zarr"}
    tuner = inficond_panel.from_frames(**frames).tuner
    return Tuner(tuner.store, with_students(tuner.spec, lambda_=L1), History(":memory:"))


@pytest.fixture
def tuner(fit_alone: Tuner) -> Tuner:
    spec = with_students(fit_alone.spec, distil_on=BOTH)
    return Tuner(fit_alone.store, spec, History(":memory:"))


def teacher_of(store: Store, rows: np.ndarray, k: int) -> np.ndarray:
    return expit(store.teacher_logit[rows, k].astype(float))


def by_hand(tuner: Tuner, k: int, outside: np.ndarray):
    """The student of the class at k of fit and tune, without some rows."""
    store = tuner.store
    rows = np.setdiff1d(np.r_[store.rows("fit"), store.rows("tune")], outside)
    targets = teacher_of(store, rows, k)[:, None]
    return fit_students(store.concept_score[rows], targets, l1=L1, tolerance=1e-8)


def test_students_are_of_both_splits_but_show_no_image_of_tune_they_learned(tuner, fit_alone):
    root, store, rows = tuner.root(), tuner.store, tuner.store.rows("tune")
    assert np.abs(root.weights - fit_alone.root().weights).max() > 0.1
    assert max(root.gap) < 1e-6
    for k, name in enumerate(store.classes):
        expected = by_hand(tuner, k, outside=[])
        np.testing.assert_allclose(root.weights[:, k], expected.weights[:, 0], atol=1e-2)
        folds, unseen = stratified_folds(store.label[rows, k][:, None], FOLDS, 0), np.empty(400)
        for fold in range(FOLDS):
            out = rows[folds == fold]
            made = by_hand(tuner, k, out)
            shown = decision_function(store.concept_score[out], made.weights, made.intercepts)
            unseen[folds == fold] = shown[:, 0]
        np.testing.assert_allclose(tuner.logits(root)[rows, k], unseen, atol=0.05)
        ap = average_precision(store.label[rows, k], unseen)
        assert tuner.metrics(root, "tune")[name].ap == pytest.approx(ap, abs=5e-3)
    seen = decision_function(store.concept_score, root.weights, root.intercepts)
    assert np.abs(tuner.logits(root)[rows] - seen[rows]).max() > 0.05
    for split in ("fit", "holdout"):
        at = store.rows(split)
        np.testing.assert_array_equal(tuner.logits(root)[at], seen[at])


def test_lambda_auto_is_chosen_by_folds_of_both_splits(tmp_path):
    """As by a store whose images of tune are images of fit, and that has too few to choose by."""
    frames = shifted_frames(seed=1)
    split = frames["split"].replace("tune", "fit")
    few = split[split == "holdout"].index[:20]  # a store cannot be without tune
    moved = {**frames, "split": split.mask(split.index.isin(few), "tune")}
    one = inficond_panel.from_frames(**frames, path=tmp_path / "one.zarr").tuner
    other = inficond_panel.from_frames(**moved, path=tmp_path / "other.zarr").tuner
    both = Tuner(one.store, with_students(one.spec, distil_on=BOTH), History(":memory:"))
    assert both.penalties == other.penalties
    assert both.penalties_chosen
    np.testing.assert_allclose(both.root().weights, other.root().weights, atol=2e-3)


def test_labels_of_a_fold_change_no_cross_fitted_logit_of_it(tuner, monkeypatch):
    """Nor does the teacher's logit: the students of a fold did not see the image."""
    rows = tuner.store.rows("tune")
    label = tuner.store.label[rows, 0]
    folds = stratified_folds(label[:, None], FOLDS, 0)
    node = tuner.fine_tune(tuner.root(), [Learn("truck", "labels", 1.0), Lambda("truck", 1e-3)])
    before = tuner.at(node, "tune")["truck"].outcome.logit
    out = rows[folds == 2]
    logit = np.array(tuner.store.teacher_logit)
    logit[out, 0] *= -1
    monkeypatch.setattr(tuner.store, "teacher_logit", logit)
    other = Tuner(tuner.store, tuner.spec, History(":memory:"))
    other.root()
    node = other.fine_tune(other.root(), node.repairs, resolved=node.resolved)
    after = other.at(node, "tune")["truck"].outcome.logit
    np.testing.assert_allclose(after[folds == 2], before[folds == 2], atol=2e-2)
    assert np.abs(after - before)[folds != 2].max() > 0.05


def test_a_weight_of_a_label_is_chosen_on_images_left_out(tuner):
    store, taught, judged = tuner.store, *np.split(tuner.store.rows("tune"), [20])
    labels = [Label("truck", store.images[row], int(store.label[row, 0])) for row in taught]
    node = tuner.fine_tune(tuner.root(), labels)
    terms = tuner.terms(node)["truck"]
    assert terms.get(Learned).by_source == (LearnedPhotos("teacher", 1.0),)
    folds = stratified_folds(store.label[judged, 0][:, None], FOLDS, 0)
    values = {}
    for weight in (0.0, 1.0, 3.0, 10.0, 30.0):
        logits = np.empty(len(judged))
        for fold in range(FOLDS):
            rows = np.r_[store.rows("fit"), judged[folds != fold]]
            targets = np.r_[teacher_of(store, rows, 0), store.label[taught, 0]]
            weights = np.r_[np.ones(len(rows)), np.full(20, weight)]
            options = {"sample_weight": weights, "l1": L1, "tolerance": 1e-6}
            learned = store.concept_score[np.r_[rows, taught]]
            made = fit_students(learned, targets[:, None], **options)
            scores = store.concept_score[judged[folds == fold]]
            shown = decision_function(scores, made.weights, made.intercepts)
            logits[folds == fold] = shown[:, 0]
        values[weight] = average_precision(store.label[judged, 0], logits)
    assert terms.get(Taught) is not None
    assert values[terms.get(Taught).weight] == pytest.approx(max(values.values()), abs=1e-3)


def test_what_cannot_be_distilled_is_refused_in_python_too(tmp_path, fit_alone, monkeypatch):
    for students, words in (
        ("distil_on: [tune]", "distil_on: must contain fit"),
        ("distil_on: [fit, holdout]", "expected fit or tune"),
        ("distil_on: []", "a list of fit, tune"),
        ("distil_on: [fit, tune], labels: {alpha: 1}", "on: cannot contain tune with labels"),
        ("distil_on: [fit, tune], targets: oracle", "with targets: oracle"),
        ("distil_on: [fit, tune], link: softmax", "with link: softmax"),
        ("distil_on: [fit, tune], temperature: 2, tempered: both", "with tempered: both"),
        ("solver: paper, distil_on: [fit, tune]", "distil_on"),
    ):
        spec = small_spec(tmp_path, extra=f"students: {{{students}}}\n")
        with pytest.raises(SpecError, match=re.escape(words)):
            load_spec(spec)
    with pytest.raises(TuningError, match="cannot contain tune with labels"):
        fit_alone.with_students(distil_on=BOTH, alpha=1.0)
    rows, none = fit_alone.store.rows, np.empty(0, np.intp)
    without = {"fit": rows("fit"), "tune": none, "holdout": rows("holdout")}
    monkeypatch.setattr(fit_alone.store, "rows", without.__getitem__)
    with pytest.raises(TuningError, match="the split 'tune' has no images"):
        fit_alone.with_students(distil_on=BOTH)
