"""One rule says whether a class is present: each door against NumPy's argmax and scikit-learn."""

import json

import numpy as np
import onnxruntime
import pytest
from frames import SINGLE as CLASSES
from frames import single_frames
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp
from sklearn.metrics import accuracy_score, confusion_matrix
from sklearn.metrics import precision_recall_fscore_support as scores_of

from inficond_panel import from_frames
from inficond_panel.cli import main
from inficond_panel.distill import influence_axis, what_if_curve
from inficond_panel.distill.metrics.outcome import Cutoffs, above, decided
from inficond_panel.errors import SpecError
from inficond_panel.results.concept_rows import discrepancies
from inficond_panel.results.gallery import gallery_frame, take_gallery
from inficond_panel.results.local_explanation import take_apart
from inficond_panel.results.refit_changes import churn
from inficond_panel.results.snapshot import take_snapshot
from inficond_panel.tuning import Intent, open_tuner

pytestmark = pytest.mark.commands

SINGLE, MULTI = "single_label", "multi_label"
#: Of the images that students decide rightly, with the teacher or alone.
RIGHT = ("both_right", "teacher_wrong")


def log_odds(linear):
    """Log-odds of a softmax over the columns, one by one."""
    classes = range(linear.shape[1])
    others = [logsumexp(np.delete(linear, k, axis=1), axis=1) for k in classes]
    return linear - np.stack(others, axis=1)


@given(seed=st.integers(0, 10**6), classes=st.integers(2, 6))
def test_cutoffs_of_a_softmax_hold_while_a_logit_moves(seed, classes):
    linear = np.random.default_rng(seed).normal(0, 2, (20, classes))
    cutoffs = Cutoffs(log_odds(linear), task=SINGLE, link="softmax")
    for k in range(classes):
        assert (above(log_odds(linear)[:, k], cutoffs.of(k)) == (linear.argmax(1) == k)).all()
        for step in (-3.0, -0.5, 0.5, 3.0):
            moved = linear.copy()
            moved[:, k] += step
            clear = np.ptp(np.sort(moved)[:, -2:], axis=1) > 1e-9
            found = above(log_odds(moved)[:, k], cutoffs.of(k))
            assert (found == (moved.argmax(axis=1) == k))[clear].all()


@given(seed=st.integers(0, 10**6))
def test_with_many_classes_an_image_each_has_its_threshold(seed):
    logits = np.random.default_rng(seed).normal(0, 1, (20, 3)).round(1)  # with ties
    thresholds = np.array([0.0, 0.5, -0.5])
    found = decided(logits, thresholds, MULTI)
    for k, threshold in enumerate(thresholds):
        assert found[:, k].tolist() == [value > threshold for value in logits[:, k]]
        assert Cutoffs(logits, thresholds).of(k) == threshold
    assert (decided(logits) == (logits > 0)).all()


@pytest.fixture(scope="module", params=["sigmoid", "softmax"])
def made(request, tmp_path_factory):
    found = from_frames(**single_frames(), path=tmp_path_factory.mktemp("own") / "own.zarr")
    return found.with_settings(link=request.param, lambda_=1e-4).fit()


@pytest.fixture
def students(made):
    return made.jump("0")


def truth(students, node=None, split="tune"):
    """Labels, and the classes that students and teacher name, by NumPy from the store's arrays."""
    store, node = students.tuner.store, node or students.node
    rows = store.rows(split)
    logit = store.concept_score[rows].astype(np.float64) @ node.weights + node.intercepts
    return store.label[rows].argmax(1), logit.argmax(1), store.teacher_logit[rows].argmax(1)


def expected(label, student, teacher):
    """Metrics of one class from masks (n,), by scikit-learn."""
    scores = scores_of(label, student, average="binary", zero_division=np.nan)
    return {
        "accuracy": accuracy_score(label, student),
        "fidelity": accuracy_score(teacher, student),
        **dict(zip(("precision", "recall", "f1"), scores[:3], strict=True)),
    }


def test_a_row_of_metrics_agrees_with_its_counts_and_with_scikit_learn(students):
    label, student, teacher = truth(students)
    frame = students.metrics("tune", intervals=True)
    for k, name in enumerate(CLASSES):
        row, sides = frame.loc[name], (label == k, student == k, teacher == k)
        for key, value in expected(*sides).items():
            assert row[key] == pytest.approx(value, nan_ok=True), (name, key)
        (tn, fp), (fn, tp) = confusion_matrix(label == k, student == k)
        for side, right, wrong in (("positives", tp, fn), ("negatives", tn, fp)):
            assert sum(row[f"{side}_{count}"] for count in RIGHT) == right
            assert sum(row[f"{side}_{count}"] for count in ("student_wrong", "both_wrong")) == wrong
        assert row["accuracy"] == pytest.approx((tp + tn) / (tp + tn + fp + fn))
        assert row["differ"] == np.sum((student == k) != (teacher == k))
        share = np.mean(teacher == k)
        assert row["constant_fidelity"] == pytest.approx(max(share, 1 - share))


def test_images_that_change_sides_are_those_of_which_another_class_is_named(students):
    before = students.node
    students.tune([Intent("cat", "a", "remove"), Intent("dog", "b", "up", 3.0)])
    old, new = truth(students, before)[1], truth(students)[1]
    tuner = students.tuner
    for k, name in enumerate(CLASSES):
        found = churn(tuner.at(before, "tune")[name], tuner.at(students.node, "tune")[name])
        images, turned = np.array(students.images("tune")), (old == k) != (new == k)
        assert sorted(found.ids()) == images[turned].tolist()
        assert sorted(found.ids(present=True)) == images[turned & (new == k)].tolist()
        nodes = (before, students.node)
        bars = [take_snapshot(tuner, node, "tune").agreement[name].positives for node in nodes]
        hits = [bar.both_right + bar.teacher_wrong for bar in bars]
        gained, lost = (found.count(present=present, label=1) for present in (True, False))
        assert hits[1] - hits[0] == gained - lost
    assert (old != new).any()


def test_what_if_meets_the_metrics_at_the_present_weight_and_moves_by_the_likeliest(students):
    label, _, teacher = truth(students)
    node, store = students.node, students.tuner.store
    rows, joint = store.rows("tune"), students.tuner.joint
    x = store.concept_score[rows].astype(np.float64)
    for k, name in enumerate(CLASSES):
        student = students.student(name, "tune")
        weight = student.weight("a")
        low, high = influence_axis(student.weights, weight)
        curve = what_if_curve(
            student.slope("a"), student.logits, weight, student.labels, low, high,
            cutoff=student.cutoff, teacher=student.teacher_decided,
        )  # fmt: skip
        for influence in (weight, *np.linspace(low, high, 5)[1:-1]):
            step = np.zeros(3)
            step[k] = influence - weight
            if joint:  # centred: the others give way alike
                step = np.where(np.arange(3) == k, step[k], -step[k] / 2)
            named = (x @ node.weights + node.intercepts + x[:, [0]] * step).argmax(axis=1)
            for key, value in expected(label == k, named == k, teacher == k).items():
                assert curve.at(influence)[key] == pytest.approx(value, nan_ok=True), (name, key)


def test_marks_edits_predictions_and_discrepancies_go_by_the_likeliest_class(students):
    label, student, teacher = truth(students)
    rows, x = students.tuner.store.rows("tune"), students.scores("tune").astype(np.float64)
    assert students.predict("tune").argmax(axis=1).tolist() == student.tolist()
    assert (students.predict("tune").sum(axis=1) == 1).all()
    for k, name in enumerate(CLASSES):
        own = students.student(name, "tune")
        gallery = take_gallery(own, "a")
        for image, row in gallery_frame(students.tuner.store, gallery, (), {}).iterrows():
            at = students.images("tune").index(image)
            assert row["teacher_decision"] == (teacher[at] == k)
            assert row["student_decision"] == (student[at] == k)
        for at in range(4):
            apart = take_apart(own, int(rows[at]))
            assert (apart.present, apart.named) == (student[at] == k, CLASSES[student[at]])
            if not students.tuner.joint:  # of a joint one: test_joint_students
                c = students.concepts.index(apart.edit.concept)
                for beyond in (1e-6, -1e-6):
                    weights = students.node.weights.copy()
                    weights[c, k] = apart.edit.before + apart.edit.change * (1 + beyond)
                    logits = x[at] @ weights + students.node.intercepts
                    assert (logits.argmax() == k) == (apart.edit.present == (beyond > 0))
        differ, positive = (student == k) != (teacher == k), label == k
        if (differ & positive).any() and (~differ & positive).any():
            by_hand = x[differ & positive].mean(0) - x[~differ & positive].mean(0)
            np.testing.assert_allclose(discrepancies(own, "discrepancy_p"), by_hand, rtol=1e-5)


def test_exports_decide_alike(students, tmp_path):
    label, student, teacher = truth(students)
    files = students.export(tmp_path / "out", ["onnx", "sklearn", "npz"])
    session = onnxruntime.InferenceSession(files["onnx"])
    scores = students.scores("tune").astype(np.float32)
    decisions = session.run(["decisions"], {"score": scores})[0]
    assert (decisions.sum(axis=1) == 1).all()
    assert decisions.argmax(axis=1).tolist() == student.tolist()
    assert students.estimator().predict(scores).argmax(axis=1).tolist() == student.tolist()
    card = json.loads((tmp_path / "out" / "card.json").read_text())
    assert card["task"] == SINGLE
    for k, name in enumerate(CLASSES):
        found = card["metrics"]["tune"][name]
        for key, value in expected(label == k, student == k, teacher == k).items():
            assert found[key]["estimate"] == pytest.approx(value)


def test_one_refit_changes_decisions_rivals_are_cross_fitted_no_thresholds(tmp_path, capsys):
    """What is kept of a student that was not refitted must not be its decisions."""
    chosen = from_frames(**single_frames(), path=tmp_path / "own.zarr").fit()
    before = chosen.metrics("tune")
    chosen.tune([Intent("cat", "a", "up", 9.0)])
    label, student, teacher = truth(chosen)
    after = chosen.metrics("tune")
    assert after.loc["dog", "ap"] == before.loc["dog", "ap"]
    for k, name in enumerate(CLASSES):
        for key, value in expected(label == k, student == k, teacher == k).items():
            assert after.loc[name, key] == pytest.approx(value, nan_ok=True)
    others = [frame.loc[["bird", "dog"], "fidelity"].tolist() for frame in (before, after)]
    assert others[0] != others[1]
    chosen.jump("0").tune([{"class": "cat", "direction": "lambda", "value": "auto"}])
    outcomes = [chosen.tuner.at(chosen.node, "tune")[name].outcome for name in CLASSES]
    named = np.argmax([outcome.all_logits for outcome in outcomes], axis=0)
    label, frame = truth(chosen)[0], chosen.metrics("tune")
    for k, outcome in enumerate(outcomes):
        assert outcome.all_decided.tolist() == (named == k).tolist()
        row = frame.loc[CLASSES[k]]
        right = sum(row[f"{side}_{who}"] for side in ("positives", "negatives") for who in RIGHT)
        assert row["accuracy"] == right / row["images"] == np.mean((named == k) == (label == k))
    spec, text = tmp_path / "own.yaml", "title: Own\nstore: own.zarr\n"
    spec.write_text(f"{text}students: {{threshold: {{cat: 0.5}}}}\n")
    with pytest.raises(SpecError, match="not used with one class per image"):
        open_tuner(spec, history=":memory:")
    spec.write_text(text)
    assert main(["thresholds", str(spec), "--history", str(tmp_path / "h.db")]) != 0
    assert "thresholds are not used" in capsys.readouterr().err
