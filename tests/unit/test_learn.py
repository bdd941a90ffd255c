"""A class learns the photos of tune, and each of them is shown by a student without it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from spread_shortcut import shifted_frames

import inficond_panel
from inficond_panel.distill import decision_function, fit
from inficond_panel.distill.metrics.bootstrap import stratified_folds
from inficond_panel.errors import EditsError, TuningError
from inficond_panel.results.metrics import evaluation_outcome
from inficond_panel.tuning import History, Node, Tuner, read_edits
from inficond_panel.tuning.edits import Label, Lambda, Learn, canonical_repairs
from inficond_panel.tuning.edits_file import dump_edits
from inficond_panel.tuning.fitting.class_fit import (
    FOLDS,
    held_out_logits,
    learns_from_tune,
)
from inficond_panel.tuning.fitting.terms import Learned, Terms
from inficond_panel.tuning.repairs.resolution import choose, compared_terms


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> Tuner:
    path = tmp_path_factory.mktemp("learn") / "own.zarr"
    return inficond_panel.from_frames(**shifted_frames(seed=1), path=path).fit().tuner


@pytest.fixture
def tuner(own) -> Tuner:
    """The same students with a history of their own."""
    return Tuner(own.store, own.spec, History(":memory:"))


def own_fit(tuner: Tuner, targets: np.ndarray, weight: float, inside: np.ndarray | None = None):
    """The student of truck on fit and tune, put together by hand."""
    store = tuner.store
    fit_rows, tune = store.rows("fit"), store.rows("tune")
    targets = np.concatenate([tuner.fit_data.teacher[:, 0], targets])
    weights = np.r_[np.ones(len(fit_rows)), np.full(len(tune), weight)]
    if inside is not None:
        weights[len(fit_rows) :] *= inside
    scores = store.concept_score[np.r_[fit_rows, tune]]
    given = {"l1": tuner.penalties[0], "sample_weight": weights, "tolerance": 1e-8}
    return fit(scores, targets[:, None], **given)


def tune_labels(tuner: Tuner) -> np.ndarray:
    return np.asarray(tuner.store.label)[tuner.store.rows("tune"), 0]


def unseen_by_hand(tuner: Tuner, weight: float) -> np.ndarray:
    """Logits of truck on tune by five students without a fold each."""
    rows, label = tuner.store.rows("tune"), tune_labels(tuner)
    folds, logits = stratified_folds(label[:, None], FOLDS, 0), np.empty(len(rows))
    for fold in range(FOLDS):
        out = folds == fold
        found = own_fit(tuner, label.astype(float), weight, ~out)
        scores = tuner.store.concept_score[rows[out]]
        logits[out] = decision_function(scores, found.weights, found.intercepts)[:, 0]
    return logits


@pytest.mark.parametrize("source", ["labels", "teacher"])
@pytest.mark.parametrize("weight", [1.0, 2.5])
def test_the_photos_of_tune_are_fitted_to(tuner, source: str, weight: float) -> None:
    node = tuner.fine_tune(tuner.root(), [Learn("truck", source, weight)])
    store = tuner.store
    by_teacher = tuner.fit_data.teacher_on(store.rows("tune"))[:, 0]
    targets = by_teacher if source == "teacher" else tune_labels(tuner).astype(float)
    found = own_fit(tuner, targets, weight)
    np.testing.assert_allclose(node.weights[:, 0], found.weights[:, 0], atol=2e-2)
    scores = store.concept_score[store.rows("holdout")]
    before = decision_function(scores, found.weights, found.intercepts)[:, 0]
    np.testing.assert_allclose(tuner.logits(node)[store.rows("holdout"), 0], before, atol=1e-2)
    np.testing.assert_array_equal(node.weights[:, 1], tuner.root().weights[:, 1])


def test_each_photo_of_tune_is_shown_by_a_student_without_it(tuner) -> None:
    node = tuner.fine_tune(tuner.root(), [Learn("truck", "labels", 2.0)])
    rows, label = tuner.store.rows("tune"), tune_labels(tuner)
    found, logits = tuner.logits(node)[rows, 0], unseen_by_hand(tuner, 2.0)
    np.testing.assert_allclose(found, logits, atol=0.05)
    scores = tuner.store.concept_score[rows]
    seen = decision_function(scores, node.weights, node.intercepts)[:, 0]
    assert np.abs(found - seen).max() > 0.1
    ap = pytest.importorskip("sklearn.metrics").average_precision_score
    assert tuner.metrics(node, "tune")["truck"].ap == pytest.approx(ap(label, logits), abs=5e-3)
    assert evaluation_outcome(tuner, node, "tune", "truck").logit == pytest.approx(logits, abs=0.1)


def test_taught_photos_of_tune_are_left_out_in_turn_too(tuner) -> None:
    store, rows = tuner.store, tuner.store.rows("tune")
    labels = [Label("truck", store.images[row], int(store.label[row, 0])) for row in rows[:40]]
    node = tuner.fine_tune(tuner.root(), labels)
    assert learns_from_tune(tuner.terms(node)["truck"], store)
    scores = store.concept_score[rows]
    seen = decision_function(scores, node.weights, node.intercepts)[:, 0]
    assert (tuner.logits(node)[rows, 0] != seen).mean() > 0.9


def test_a_taught_label_counts_in_place_of_the_learned(tuner) -> None:
    row = tuner.store.rows("tune")[0]
    given = Label("truck", tuner.store.images[row], 1 - int(tuner.store.label[row, 0]))
    taught = tuner.fine_tune(tuner.root(), [given])
    node = tuner.fine_tune(taught, [Learn("truck", "labels", 1.0)])
    data = tuner.data_at(node)
    learned = data.learned["labels"]
    places = np.flatnonzero(data.rows == row)
    assert [place for place in places if data.sample_weight[place, 0] > 0] == [places[0]]
    assert places[1] in range(learned.start, learned.stop)


def student_of(tuner: Tuner):
    return tuner.repairs.class_fit(tuner.root(), "truck")


def test_weight_and_lambda_are_those_of_highest_ap(tuner) -> None:
    repairs = [Learn("truck"), Lambda("truck")]
    node = tuner.fine_tune(tuner.root(), repairs)
    photos = tuner.repairs.photos(student_of(tuner))
    tried, label = compared_terms(photos, repairs), tune_labels(tuner)
    folds = stratified_folds(label[:, None], FOLDS, 0)
    student = photos.student
    logits = held_out_logits(student, tried, student.lower, student.upper, photos.tune, folds)
    ap = pytest.importorskip("sklearn.metrics").average_precision_score
    values = [ap(label, each) for each in logits]
    (learned,) = tuner.terms(node)["truck"].learned
    best = tried[int(np.argmax(values))]
    assert (learned.weight, tuner.terms(node)["truck"].penalty) == (
        best.learned[0].weight,
        best.penalty,
    )
    assert choose(label, logits).best == int(np.argmax(values))
    assert len({each.learned[0].weight for each in tried}) == 3
    assert len({each.penalty for each in tried}) == 4


def test_without_learning_terms_are_written_as_before() -> None:
    assert "learn" not in Terms(penalty=0.1).to_json()
    given = Terms(learned=(Learned("labels", 2.5), Learned("teacher", 1.0)), used=3)
    assert given.to_json()["learn"] == {"labels": 2.5, "teacher": 1.0}
    assert Terms.from_json(given.to_json(), 10) == given
    with pytest.raises(ValueError, match="unknown source of photos among attic"):
        Terms.from_json({**given.to_json(), "learn": {"attic": 1.0}}, 10)


def test_labels_too_few_are_refused_and_the_teacher_needs_none(tuner, monkeypatch) -> None:
    label = np.array(tuner.store.label)
    label[tuner.store.rows("tune"), 0] = -1
    monkeypatch.setattr(tuner.store, "label", label)
    with pytest.raises(TuningError, match="learn on 'truck' needs labels of tune"):
        tuner.fine_tune(tuner.root(), [Learn("truck")])
    node = tuner.fine_tune(tuner.root(), [Learn("truck", "teacher")])
    terms = tuner.terms(node)["truck"]
    assert (terms.learned, terms.used) == ((Learned("teacher", 1.0),), 0)


def test_one_learn_of_each_source_per_iteration() -> None:
    given = [Learn("a", "labels", 2), Learn("a"), Learn("a", "teacher"), Learn("b")]
    assert canonical_repairs(given) == (
        Learn("a", "labels", 2),
        Learn("a", "teacher"),
        Learn("b"),
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"source": "lables"}, "labels"),
        ({"value": 0.0}, "weight 0.0"),
        ({"value": float("inf")}, "weight inf"),
    ],
)
def test_what_cannot_be_learned_is_refused(given, words) -> None:
    with pytest.raises(TuningError, match=words):
        Learn("truck", **given)


def test_edits_files_hold_it(tuner, tmp_path: Path) -> None:
    path = tmp_path / "edits.yaml"
    given = [[Learn("truck", "labels", 2.5), Learn("truck", "teacher")]]
    path.write_text(dump_edits(given))
    assert [list(one) for one in read_edits(path, tuner.store)] == given
    path.write_text("- - {class: truck, direction: learn, from: lables, value: -1}\n")
    with pytest.raises(EditsError) as caught:
        read_edits(path, tuner.store)
    text = str(caught.value)
    assert ":1:44: expected labels or teacher" in text
    assert "expected a number above 0, or auto" in text


def test_shift_of_a_student_that_learned_is_of_photos_it_did_not_see(tuner) -> None:
    node: Node = tuner.fine_tune(tuner.root(), [Learn("truck", "labels", 2.0)])
    photos = tuner.repairs.photos(tuner.repairs.class_fit(node, "truck"))
    np.testing.assert_allclose(photos.tune_logits[0], unseen_by_hand(tuner, 2.0), atol=0.1)
