"""The joint softmax student behind a spec: fitted, tuned, replayed, against other solvers."""

import contextlib
from dataclasses import replace

import joint_references
import numpy as np
import onnx
import onnxruntime
import pytest
from factory import ATTRS, small_arrays, small_spec
from frames import JOINT_L1, joint_spec, single_frames
from frames import JOINT_L1 as L1
from frames import SINGLE as CLASSES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from inficond_panel import distill, from_frames, load_students
from inficond_panel.api.students import TunableStudents
from inficond_panel.concepts.photo_scores import PhotoScores
from inficond_panel.distill.solver.joint import one_of_each
from inficond_panel.errors import SpecError, TuningError
from inficond_panel.export import export
from inficond_panel.export.folder import as_exported
from inficond_panel.export.onnx_file import onnx_bytes
from inficond_panel.export.predictions import decision_frame, part_frame, predict
from inficond_panel.results.local_explanation import take_apart
from inficond_panel.spec import load_spec
from inficond_panel.store import write_store
from inficond_panel.tuning import History, Intent, Tuner, open_tuner


@pytest.fixture
def tuner(tmp_path):
    return open_tuner(joint_spec(tmp_path), history=":memory:")


def problem(tuner):
    """Scores and soft targets of fit, from the arrays of the store."""
    store = tuner.store
    rows = store.rows("fit")
    logit = store.teacher_logit[rows].astype(float)
    return store.concept_score[rows].astype(float), softmax(logit, axis=1)


def objective(weights, intercepts, x, t, l1=L1):
    """Multinomial cross-entropy with the least L1 term of weights that predict alike."""
    logit = x @ weights + intercepts
    loss = (logsumexp(logit, axis=1) - (t * logit).sum(1)).mean()
    apart = np.abs(weights[:, :, None] - weights[:, None, :])  # one of K shifts is best
    return loss + np.einsum("ckj,k->cj", apart, np.broadcast_to(l1, t.shape[1])).min(axis=1).sum()


def reference(x, t, bound=None, l1=L1):
    """Least objective and its centred weights, by an interior-point solver of another library.

    ``bound`` is (concept, class, value of the centred weight); ``l1`` may be one of each class.
    """
    lower, upper = np.full((5, 3), -np.inf), np.full((5, 3), np.inf)
    if bound is not None:
        lower[bound[:2]] = upper[bound[:2]] = bound[2]
    case = {"scores": x, "targets": t, "l1": l1, "lower": lower, "upper": upper}
    least, _, weights = joint_references.conic(joint_references.problem(case))
    return least, weights - weights.mean(axis=1, keepdims=True)


def test_the_root_is_the_best_joint_student_and_an_image_taken_apart_adds_up(tuner):
    x, t = problem(tuner)
    root = tuner.root()
    best, weights = reference(x, t)
    assert objective(root.weights, root.intercepts, x, t) == pytest.approx(best, abs=2e-6)
    np.testing.assert_allclose(root.weights, weights, atol=2e-2)
    np.testing.assert_allclose(root.weights.sum(axis=1), 0, atol=1e-9)
    assert max(root.gap) <= 1e-6
    assert root.certificate == ("gap",) * 3
    node = tuner.root()
    student, row = tuner.at(node, "tune")["dog"], int(tuner.store.rows("tune")[3])
    found = take_apart(student, row)
    total = sum(part.logit for part in found.parts) + found.intercept + found.other_classes
    linear = tuner.store.concept_score[row] @ node.weights + node.intercepts
    assert total == pytest.approx(found.logit)
    assert found.logit == pytest.approx(linear[2] - logsumexp(linear[:2]))
    c = tuner.store.concepts.index(found.edit.concept)
    for beyond, present in ((1e-6, found.edit.present), (-1e-6, not found.edit.present)):
        influence = found.edit.before + found.edit.change * (1 + beyond)
        moved = tuner.store.concept_score[row] @ moved_alone(node, c, 2, influence)
        assert ((moved + node.intercepts).argmax() == 2) == present
    students = TunableStudents(tuner)
    table = students.concepts_of("cat")
    student = tuner.at(tuner.root(), "tune")["cat"]
    weights = moved_alone(tuner.root(), tuner.store.concepts.index(table.index[0]), 1, 0.0)
    p = softmax(student.scores @ weights + tuner.root().intercepts, axis=1)[:, 1]
    expected = average_precision_score(student.labels, p)
    assert table["ap_without"].iloc[0] == pytest.approx(expected)


def test_labels_alone_give_scikit_learns_multinomial_with_the_teacher_two_rows_each(tmp_path):
    def with_labels(alpha):
        spec = joint_spec(tmp_path, f"lambda: {L1}, labels: {{alpha: {alpha}}}")
        return open_tuner(spec, history=":memory:")

    alone, mixed = with_labels(0), with_labels(0.5)
    x, t = problem(alone)
    label = alone.store.label[alone.store.rows("fit")].argmax(1)
    options = {"l1_ratio": 1.0, "C": 1 / (L1 * len(x)), "max_iter": 200_000, "tol": 1e-9}
    saga = LogisticRegression(solver="saga", **options).fit(x, label)
    mine = softmax(x @ alone.root().weights + alone.root().intercepts, axis=1)
    np.testing.assert_allclose(mine, saga.predict_proba(x), atol=2e-3)
    rows, weight = (np.vstack([x, x]), np.vstack([np.eye(3)[label], t])), np.repeat([1, 0.5], 60)
    both = distill.fit_joint(*rows, l1=L1 / 1.5, sample_weight=weight, tolerance=1e-9)
    np.testing.assert_allclose(mixed.root().weights, both.centred, atol=5e-3)


def test_a_thumb_bounds_the_centred_weight_and_the_others_move(tuner):
    x, t = problem(tuner)
    root = tuner.root()
    c, k = np.unravel_index(np.abs(root.weights).argmax(), root.weights.shape)
    for direction, beyond in (("up", None), ("down", None), ("remove", None), ("down", -1.25)):
        given = None if beyond is None else root.weights[c, k] + beyond
        intent = Intent(CLASSES[k], tuner.store.concepts[c], direction, bound=given)
        node = tuner.fine_tune(root, [intent])
        lower, upper = node.bounds[intent.key]
        assert given in (None, upper)
        now = node.weights[c, k]
        limit = lower if lower is not None else upper
        assert now >= limit if direction == "up" else now <= limit
        assert now == 0 or direction != "remove"
        assert (node.weights[:, np.arange(3) != k] != root.weights[:, np.arange(3) != k]).any()
        best, _ = reference(x, t, (c, k, limit))  # the bound binds
        assert objective(node.weights, node.intercepts, x, t) == pytest.approx(best, abs=3e-6)
        assert max(node.gap) <= 1e-6
        free = tuner.fine_tune(node, [Intent(*intent.key, "release")])
        assert free.bounds == {}
        unbound = objective(root.weights, root.intercepts, x, t)
        assert objective(free.weights, free.intercepts, x, t) == pytest.approx(unbound, abs=2e-6)


def test_probabilities_metrics_and_exports_are_of_the_softmax(tuner, tmp_path):
    node = tuner.fine_tune(tuner.root(), [Intent("cat", "a", "remove")])
    rows = tuner.store.rows("tune")
    linear = tuner.store.concept_score[rows] @ node.weights + node.intercepts
    expected = softmax(linear, axis=1)
    logits = tuner.logits(node)[rows]
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), expected, atol=1e-12)
    found = TunableStudents(tuner).jump(node.id).predict_proba("tune")
    np.testing.assert_allclose(found, expected, atol=1e-12)
    label = tuner.store.label[rows]
    brier = ((expected - label) ** 2).mean(axis=0)
    found = [tuner.metrics(node, "tune")[name].brier for name in CLASSES]
    np.testing.assert_allclose(found, brier, atol=1e-12)
    node = tuner.fine_tune(tuner.root(), [Intent("cat", "a", "remove"), Intent("dog", "b", "up")])
    files = export(tuner, node, tmp_path / "out", ["npz", "sklearn", "onnx"])
    x = np.asarray(tuner.store.concept_score[tuner.store.rows("holdout")], dtype=np.float32)
    expected = softmax(x.astype(float) @ node.weights + node.intercepts, axis=1)
    mine = TunableStudents(tuner).jump(node.id).predict_proba(x)
    np.testing.assert_allclose(mine, expected, atol=1e-12)
    for kind in ("npz", "sklearn", "onnx"):
        loaded = load_students(files[kind])
        np.testing.assert_allclose(loaded.predict_proba(x), expected, atol=1e-12)
        assert loaded.link == "softmax"
        np.testing.assert_array_equal(loaded.predict(x).argmax(1), expected.argmax(1))
    card = (tmp_path / "out" / "card.md").read_text()
    assert "probabilities = softmax" in card
    assert "share one softmax" in card
    session = onnxruntime.InferenceSession(files["onnx"])
    logits, p, decided = session.run(None, {"score": x})
    np.testing.assert_allclose(p, expected, atol=1e-12)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), expected, atol=1e-12)
    assert (decided == (expected == expected.max(axis=1, keepdims=True))).all()


def test_a_softmax_needs_one_class_an_image_and_targets_of_a_sigmoid_add_up(tmp_path):
    spec = joint_spec(tmp_path)
    given = single_frames(others=0) | {"task": "multi_label", "activation": "sigmoid"}
    from_frames(**given, path=tmp_path / "many.zarr")
    spec.write_text(spec.read_text().replace("own.zarr", "many.zarr"))
    with pytest.raises(SpecError) as caught:
        open_tuner(spec, history=":memory:")
    (found,) = caught.value.problems
    assert (found.line, found.column) == (3, 12)
    assert "the store's task is multi_label; write sigmoid" in found.message
    plain = load_spec(tmp_path / "many.zarr")
    tuner = open_tuner(plain.path, history=":memory:")
    with pytest.raises(TuningError, match="link: softmax needs exactly"):
        tuner.with_students(link="softmax")
    given = single_frames(others=0) | {"activation": "sigmoid"}
    one_by_one = from_frames(**given, path=tmp_path / "s.zarr").tuner
    joint = one_by_one.with_students(link="softmax", temperature=2.0)
    z = given["logits"].to_numpy()[joint.store.rows("fit")] / 2
    p = 1 / (1 + np.exp(-z))
    np.testing.assert_allclose(
        joint.fit_data.targets.values, p / p.sum(1, keepdims=True), atol=1e-6
    )
    assert joint.root().gap[0] <= 1e-6


def moved_alone(node, c, k, influence):
    """Weights with one centred influence moved, the differences among the other classes held."""
    weights = node.weights.copy()
    weights[c, k] += (influence - weights[c, k]) * 3 / 2
    centred = weights - weights.mean(axis=1, keepdims=True)
    assert centred[c, k] == pytest.approx(influence)
    return centred


def test_exports_of_many_classes_stay_in_rows_and_predictions_add_up(tuner):
    """Against the slow way: each class against the log of the sum of all others' exp."""
    rng, classes = np.random.default_rng(0), 200
    own = as_exported(tuner, tuner.root(), {"versions": {"inficond-panel": "0"}})
    weights = 40 * rng.normal(size=(len(own.concepts), classes))  # some classes are next to sure
    names = [f"class {k}" for k in range(classes)]
    students = replace(
        own, weights=weights, intercepts=np.zeros(classes), classes=names,
        thresholds=[0.0] * classes,
    )  # fmt: skip
    content = onnx_bytes(students)
    graph = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(content)).graph
    assert {len(each.type.tensor_type.shape.dim) for each in graph.value_info} == {2}
    x = rng.random((50, len(own.concepts))).astype(np.float32)
    x[0] = 0  # all alike
    logits, p, _ = onnxruntime.InferenceSession(content).run(None, {"score": x})
    linear = x.astype(float) @ weights
    others = [logsumexp(np.delete(linear, k, axis=1), axis=1) for k in range(classes)]
    np.testing.assert_allclose(logits, linear - np.stack(others, axis=1), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(p, softmax(linear, axis=1), atol=1e-12)
    node = tuner.root()
    x = tuner.store.concept_score[:2]
    scores = PhotoScores(
        photos=["0", "1"], fault=["", ""], concepts=tuner.store.concepts, score=x,
        classes=tuner.store.classes, teacher=None, no_teacher="",
    )  # fmt: skip
    found = predict(as_exported(tuner, node, {}), scores)
    expected = softmax(x.astype(float) @ node.weights + node.intercepts, axis=1)
    frame = decision_frame(found)
    np.testing.assert_allclose(frame["student_probability"], expected.ravel(), atol=1e-12)
    for parts in (part_frame(found), part_frame(found, 1)):
        total = parts.groupby(level=["image", "class"], sort=False)["logit"].sum()
        np.testing.assert_allclose(total, frame["student_logit"])
    others = max(len(one.parts) for one in found) - 1
    assert f"{others} others" in parts["concept"].tolist()


def test_the_oracles_logits_are_learned_by_their_softmax(tmp_path):
    spec = small_spec(tmp_path)
    arrays = small_arrays()
    z = arrays["teacher_logit"]
    arrays["label"] = np.eye(4, dtype=np.int8)[z.argmax(1)]
    sharper = z + 2 * arrays["label"]
    fit = arrays["split"] == "fit"
    arrays["oracle_logit"] = np.where(fit[:, None], sharper, np.nan)
    facts = {"task": "single_label", "teacher_activation": "softmax"}
    write_store(tmp_path / "one.zarr", arrays, {**ATTRS, **facts})
    spec.write_text("title: One\nstore: one.zarr\nstudents: {link: softmax, targets: oracle}\n")
    tuner = open_tuner(spec, history=":memory:")
    np.testing.assert_allclose(
        tuner.fit_data.targets.values, softmax(sharper[fit], axis=1), atol=1e-6
    )
    np.testing.assert_allclose(tuner.fit_data.targets.teacher, softmax(z[fit], axis=1), atol=1e-6)
    assert max(tuner.root().gap) <= 1e-6


THUMB = st.builds(
    lambda name, concept, way: Intent(name, concept, *way),
    st.sampled_from(CLASSES),
    st.sampled_from("abcde"),
    st.sampled_from([("up", 1.5), ("up", 8.0), ("down", 2.0), ("remove", None)]),
)
BATCHES = st.lists(st.lists(THUMB, min_size=1, max_size=4), min_size=1, max_size=3)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    frames = single_frames(images=80)
    students = from_frames(**frames, path=tmp_path_factory.mktemp("own") / "own.zarr")
    return students.tuner.with_students(link="softmax", lambda_=JOINT_L1)


def carried_out(tuner, batches):
    """Nodes of the batches that can be; one whose bounds cannot hold together is left out."""
    nodes = [tuner.root()]
    for batch in batches:
        with contextlib.suppress(TuningError):
            nodes.append(tuner.fine_tune(nodes[-1], batch))
    return nodes


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(batches=BATCHES)
def test_every_iteration_obeys_all_bounds_and_is_proved(made, batches):
    first = carried_out(Tuner(made.store, made.spec, History(":memory:")), batches)
    again = Tuner(made.store, made.spec, History(":memory:"))
    second = carried_out(again, [batch[::-1] for batch in batches])
    for one, other in zip(first, second, strict=True):
        assert (one.id, one.weights_hash) == (other.id, other.weights_hash)
        assert max(one.gap) <= 1e-6
        np.testing.assert_allclose(one.weights.sum(axis=1), 0, atol=1e-9)
        for (name, concept), (low, high) in one.bounds.items():
            weight = one.weights["abcde".index(concept), CLASSES.index(name)]
            assert low is None or weight >= low
            assert high is None or weight <= high
        logits = again.logits(other)
        np.testing.assert_allclose((1 / (1 + np.exp(-logits))).sum(axis=1), 1, atol=1e-9)


def test_a_logit_moves_by_the_slope_per_unit_of_influence(tuner):
    """By 1 more influence, with the other classes' differences: by its definition."""
    at = tuner.at(tuner.root(), "tune")[CLASSES[0]]
    store, size = tuner.store, len(CLASSES)
    moved = at.node.weights.copy()
    moved[3] -= 1 / (size - 1)  # the mean over the classes stays
    moved[3, 0] += 1 + 1 / (size - 1)
    scores = store.concept_score[at.rows].astype(float)
    before, after = (scores @ w + at.node.intercepts for w in (at.node.weights, moved))
    change = [f[:, 0] - logsumexp(f[:, 1:], axis=1) for f in (before, after)]
    np.testing.assert_allclose(change[1] - change[0], at.slope(store.concepts[3]), rtol=1e-9)


def test_a_lower_bound_alone_clips_a_joint_student():
    weights = np.array([[0.5, -0.5]])
    made = distill.JointFit(weights, np.zeros(2), 0.1, 0.0, np.zeros((1, 2)), 1, True)
    clipped = one_of_each(made, np.array([[-1.0, -0.25]])).weights
    assert clipped.tolist() == [[0.5, -0.25]]
