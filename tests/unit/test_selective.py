"""Selective prediction: by hand, against scikit-learn, and on the students of a store."""

import numpy as np
import pytest
from factory import ATTRS, small_arrays, small_spec
from frames import single_frames
from sklearn.metrics import accuracy_score, f1_score

from inficond_panel import from_frames, open_students
from inficond_panel.distill import Outcome, metric_intervals
from inficond_panel.distill.metrics.bootstrap import stratified_folds
from inficond_panel.distill.metrics.thresholds import LEAST_DECIDED, Decisions, class_decisions
from inficond_panel.errors import DataError, TuningError
from inficond_panel.export import predictions
from inficond_panel.export.folder import as_exported
from inficond_panel.export.predictions import LikeliestClass, abstaining, decision_frame
from inficond_panel.results.frame import text_table
from inficond_panel.store import write_store


@pytest.fixture(scope="module")
def by_hand() -> Decisions:
    """20 of 20 right at a confidence of 4, 8 of 10 at 3, 4 of 10 at 2: 1, 28/30 and 32/40."""
    confidence = np.repeat([2.0, 4.0, 3.0], [10, 20, 10])
    right = np.concatenate([np.arange(10) < 4, np.ones(20), np.arange(10) < 8]).astype(bool)
    return Decisions(confidence, right, right & (np.arange(40) % 2 == 0))


def test_thresholds_by_hand(by_hand):
    found = by_hand
    asked = (1.0, 0.95, 28 / 30, 0.9, 0.8, 0.1)
    assert [found.threshold(each) for each in asked] == [4, 4, 3, 3, 2, 2]
    assert found.best == 1


def test_an_accuracy_that_no_threshold_reaches_has_none():
    confidence = np.repeat([2.0, 4.0, 3.0], [10, 20, 10])
    right = np.concatenate([np.arange(10) < 4, np.ones(20), np.arange(10) < 8]).astype(bool)
    assert np.isnan(Decisions(confidence, ~right).threshold(0.9))


def test_the_curve_by_hand(by_hand):
    found = by_hand
    points = found.curve()
    shares = [(point.threshold, point.answered, point.coverage) for point in points]
    assert shares == [(4, 20, 0.5), (3, 30, 0.75), (2, 40, 1)]
    np.testing.assert_allclose([p.accuracy.estimate for p in points], [1, 28 / 30, 0.8])
    gains = [p.gain.estimate for p in points]
    np.testing.assert_allclose(gains, [0.2, 28 / 30 - 0.8, 0], atol=1e-15)
    f1 = [20 / 20, 28 / (28 + 2), 32 / (32 + 8)]  # 2 TP / (2 TP + wrong): 10, 14, 16 TP
    np.testing.assert_allclose([p.f1.estimate for p in points], f1)


def test_gains_are_of_the_same_draws(by_hand):
    points = by_hand.curve()
    assert points[0].gain.low > 0
    assert (points[2].gain.low, points[2].gain.high) == (0, 0)  # the same draws


def test_few_sure_images_choose_nothing():
    few = LEAST_DECIDED - 1  # all right, but no evidence of an accuracy of 1
    confidence = np.repeat([4.0, 3.0], [few, 21])
    right = np.arange(few + 21) < few
    found = Decisions(confidence, right)
    assert np.isnan(found.threshold(0.9))
    assert found.best == pytest.approx(few / (few + 21))


def test_no_images_choose_nothing():
    none = Decisions(np.empty(0), np.empty(0, bool))
    assert not none.rule(0.9).reached
    assert (none.curve(), np.isnan(none.best)) == ([], True)


def drawn(seed):
    rng = np.random.default_rng(seed)
    logit = np.round(rng.normal(size=300), 1)  # with ties
    label = (logit + rng.normal(size=300) > 0.6).astype(int)
    label[rng.random(300) < 0.1] = -1
    return label, logit


@pytest.mark.parametrize("seed", range(3))
def test_a_class_against_scikit_learn(seed):
    label, logit = drawn(seed)
    known, outcome = label >= 0, Outcome(label, logit, cutoff=0.3)
    for point in class_decisions(outcome).curve():
        answered = known & (np.abs(logit - 0.3) >= point.threshold)
        truth, said = label[answered], logit[answered] > 0.3
        assert point.answered == answered.sum()
        assert point.coverage == pytest.approx(answered.sum() / known.sum())
        assert point.accuracy.estimate == pytest.approx(accuracy_score(truth, said))
        assert point.f1.estimate == pytest.approx(f1_score(truth, said))
        assert point.accuracy.low <= point.accuracy.estimate <= point.accuracy.high
    for name, interval in metric_intervals(outcome, ["accuracy", "f1"]).items():
        assert getattr(point, name) == interval  # of all images: the usual one


def test_the_rule_is_judged_by_images_that_did_not_choose_it():
    label, logit = drawn(1)
    found = class_decisions(Outcome(label, logit))
    rule = found.rule(0.85)
    folds = stratified_folds(found.right[:, None], 5, 0)
    answered = np.zeros(len(folds), bool)
    for fold in range(5):
        out = folds == fold
        chosen = Decisions(found.confidence[~out], found.right[~out]).threshold(0.85)
        answered[out] = found.confidence[out] >= chosen
    assert rule.coverage == answered.mean()
    assert rule.accuracy.estimate == found.right[answered].mean()
    sure = found.confidence >= rule.threshold
    assert found.right[sure].mean() >= 0.85
    more = [cut for cut in np.unique(found.confidence) if cut < rule.threshold]
    assert all(found.right[found.confidence >= cut].mean() < 0.85 for cut in more)


def predicted(name: str, logit: float, photo: str = "a") -> predictions.Prediction:
    return predictions.Prediction(photo, name, logit, 0.0, logit > 0, None, None, 0.0, ())


def test_students_of_a_store(tmp_path):
    students = open_students(small_spec(tmp_path, images=400)).fit()
    name = students.tuner.store.classes[0]
    frame = students.coverage(name)
    student = students.tuner.at(students.node, "tune")[name]
    right = (student.logits > 0) == (student.labels == 1)
    known = student.labels >= 0
    for share, row in frame.iterrows():
        sure = known & (np.abs(student.logits) >= row["threshold"])
        assert row["accuracy"] == pytest.approx(right[sure].mean())
        assert share == pytest.approx(sure.sum() / known.sum())
    drawn = students.plot.coverage(name).Curve.I.dframe()
    np.testing.assert_allclose(drawn["coverage"], frame.index)
    np.testing.assert_allclose(drawn["accuracy"], frame["accuracy"])
    given = as_exported(students.tuner, students.node, {}), students.tuner.store
    rules = abstaining(*given, 0.9)
    at = rules.rules[name].threshold
    assert right[known & (np.abs(student.logits) >= at)].mean() >= 0.9
    found = rules.apply([predicted(name, at), predicted(name, -at), predicted(name, at / 2)])
    assert [one.answered for one in found] == [True, True, False]
    assert decision_frame(found)["student_decision"].fillna(-1).tolist() == [1, 0, -1]
    with pytest.raises(DataError, match="above 0, up to 1"):
        abstaining(*given, 1.5)
    with pytest.raises(TuningError, match="Name one class"):
        students.coverage()
    with pytest.raises(TuningError, match="Did you mean"):
        students.coverage(name[:-1])


def test_what_cannot_be_reached_is_said(tmp_path):
    spec, arrays = small_spec(tmp_path), small_arrays()
    arrays["label"] = np.random.default_rng(0).integers(0, 2, arrays["label"].shape)
    write_store(tmp_path / "small.zarr", arrays, ATTRS)
    students = open_students(spec).fit()
    store = students.tuner.store
    rules = abstaining(as_exported(students.tuner, students.node, {}), store, 0.99)
    assert not any(rule.reached for rule in rules.rules.values())
    told = list(rules.lacking())
    assert told[0].startswith(f"{store.classes[0]}: no 20 or more images of tune")
    assert not rules.apply([predicted(store.classes[0], 99.0)])[0].answered
    assert list(rules.among([store.classes[1]]).rules) == [store.classes[1]]


def test_one_class_an_image_is_answered_as_a_whole(tmp_path):
    students = from_frames(**single_frames(images=240), path=tmp_path / "own.zarr").fit()
    frame = students.coverage()
    assert frame.index[-1] == 1
    top1 = students.metrics_together("tune").loc["top1", "students"]
    assert frame["accuracy"].iloc[-1] == pytest.approx(top1)
    exported = as_exported(students.tuner, students.node, {})
    rules = abstaining(exported, students.tuner.store, 0.5)
    assert list(rules.rules) == [predictions.ALL_CLASSES]
    names = students.classes
    alike = [predicted(name, 0.0, "flat") for name in names]
    sure = [predicted(name, 9.0 if name == names[1] else -9.0, "sure") for name in names]
    found = rules.apply([*alike, *sure])
    assert [one.answered for one in found] == [False] * len(names) + [True] * len(names)
    flat, dog = LikeliestClass("cat", 0.4, None, False), LikeliestClass("dog", 0.9, None, True)
    named = {"flat": flat, "sure": dog}
    rows = text_table(decision_frame(found, named))[1]
    assert [row[1] for row in rows] == [predictions.DONT_KNOW] * len(names) + ["dog"] * len(names)


def test_labels_of_tune_that_chose_lambda_do_not_judge(tmp_path):
    students = from_frames(**single_frames(), path=tmp_path / "own.zarr").fit()
    students.tune([{"class": "cat", "direction": "lambda", "value": "auto"}])
    tuner, node = students.tuner, students.node
    store, rows, k = tuner.store, tuner.store.rows("tune"), students.classes.index("cat")
    label, own = store.label[rows].argmax(1), store.concept_score[rows] @ node.weights[:, k]
    logits = [tuner.at(node, "tune")[name].outcome.all_logits for name in students.classes]
    assert np.abs(logits[k] - own - node.intercepts[k]).max() > 1e-3
    assert students.coverage("cat").index[-1] == 1
    decided = np.argmax(logits, axis=0) == k
    assert students.coverage("cat")["accuracy"].iloc[-1] == np.mean(decided == (label == k))
    whole = tuner.logits(node)[rows].copy()
    whole[:, k] = logits[k]
    right = whole.argmax(1) == label
    assert students.coverage()["accuracy"].iloc[-1] == right.mean()
    assert students.metrics_together("tune").loc["top1", "students"] == right.mean()
