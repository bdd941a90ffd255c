"""Penalties, labels, temperatures and targets of the spec reach the solver, and the ids."""

from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import histories
import numpy as np
import pytest
from factory import SPEC, oracle_arrays, small_arrays
from scipy.special import expit
from tuners import tuner_of

from inficond_panel import distill
from inficond_panel.errors import CancelledError, DataError, TuningError
from inficond_panel.results.refit_report import explain
from inficond_panel.spec import load_spec
from inficond_panel.store import Store
from inficond_panel.tuning import History, Intent, Tuner
from inficond_panel.tuning.fitting.images import Images
from inficond_panel.tuning.node import optimality_notices
from inficond_panel.tuning.repairs.reweight import Reweight

UP = Intent("bicycle", "wheel", "up")


def make_tuner(store: Store, folder: Path, students: str) -> Tuner:
    return histories.make_tuner(store, folder, f"students: {students}\n")


def of_arrays(arrays: dict[str, np.ndarray], folder: Path, students: str) -> Tuner:
    return tuner_of(arrays, folder, f"students: {students}\n")


def fit_rows(store: Store):
    rows = store.rows("fit")
    soft = expit(store.teacher_logit[rows].astype(float))
    return store.concept_score[rows], soft, store.label[rows]


def test_each_class_has_its_penalty(store: Store, tmp_path: Path) -> None:
    tuner = make_tuner(store, tmp_path, "{lambda: {default: 1e-3, bird: 1e-2}, l2: 1e-3}")
    scores, soft, _ = fit_rows(store)
    expected = distill.fit(scores, soft, l1=[1e-3, 1e-3, 1e-3, 1e-2], l2=1e-3)
    np.testing.assert_array_equal(tuner.root().weights, expected.weights)
    node = tuner.fine_tune(tuner.root(), [UP, Intent("bird", "sky", "remove")])
    assert (np.array(node.gap) <= 1e-6).all()
    lower = np.full((30, 1), -np.inf)
    lower[store.concepts.index("sky")] = 0.0
    given = {"l1": 1e-2, "l2": 1e-3, "lower": lower, "upper": np.abs(lower), "tolerance": 1e-9}
    held = distill.fit(scores, soft[:, 3:], **given).objective[0]
    objective = explain(tuner, node).of("bird").objective
    assert objective.optimum == pytest.approx(held, abs=1e-8)
    assert objective.after == pytest.approx(held, abs=1e-5)


@pytest.mark.parametrize(("alpha", "ignored"), [(0.25, True), (4.0, False)])
def test_labels_mixed_in_are_two_rows_an_image(tmp_path: Path, alpha, ignored) -> None:
    arrays = small_arrays()
    if not ignored:
        arrays["label"][arrays["label"] < 0] = 0
    students = f"{{labels: {{alpha: {alpha}}}, l2: 1e-2, lambda: 1e-3, tolerance: 1e-9}}"
    tuner = of_arrays(arrays, tmp_path, students)
    root, (scores, soft, label) = tuner.root(), fit_rows(tuner.store)
    assert ((label < 0).any()) == ignored
    for k in range(4):
        known = label[:, k] >= 0
        both = np.concatenate([scores[known], scores])
        targets = np.concatenate([label[known, k].astype(float), soft[:, k]])
        weight = np.concatenate([np.ones(known.sum()), np.full(len(soft), alpha)])
        mean = weight.sum() / len(soft)
        given = {"l1": 1e-3 / mean, "l2": 1e-2 / mean, "tolerance": 1e-9}
        alone = distill.fit(both, targets[:, None], sample_weight=weight, **given)
        np.testing.assert_allclose(root.weights[:, k], alone.weights[:, 0], atol=1e-3)
        np.testing.assert_allclose(root.intercepts[k], alone.intercepts[0], atol=1e-3)
    assert (np.array(root.gap) <= 1e-9).all()


def test_refits_with_labels_are_replayed_and_explained(store: Store, tmp_path: Path) -> None:
    students, batch = "{labels: {alpha: 1}, lambda: 1e-3}", [UP, Intent("bird", "fur", "remove")]
    first, again = (make_tuner(store, tmp_path, students) for _ in range(2))
    shares: list[float] = []
    node = first.fine_tune(first.root(), batch, progress=lambda share, _: shares.append(share))
    assert (shares[-1], shares) == (1, sorted(shares))
    assert node.weights_hash == again.fine_tune(again.root(), batch).weights_hash
    assert (np.array(node.gap) <= 1e-6).all()
    assert node.weights[:, 1].tobytes() == first.root().weights[:, 1].tobytes()
    objective = explain(first, node).of("bicycle").objective
    assert objective.free <= objective.before + 1e-12 <= objective.after
    assert objective.teacher_before != objective.loss_before
    with pytest.raises(CancelledError):
        first.fine_tune(first.root(), [Intent("bird", "sky", "down"), UP], cancelled=lambda: True)


def test_a_class_without_labels_needs_the_teacher_also_where_both_are_tempered(
    tmp_path: Path,
) -> None:
    arrays = small_arrays(images=40)
    arrays["label"][arrays["split"] == "fit", 2] = -1
    with pytest.raises(TuningError, match="'sheep' has no label"):
        of_arrays(arrays, tmp_path, "{labels: {alpha: 0}}").root()
    assert of_arrays(arrays, tmp_path, "{labels: {alpha: 0.1}}").root().number == 0
    arrays["label"][:, 2] = 0
    with pytest.raises(TuningError, match="Labels and teacher are certain of 'sheep'"):
        of_arrays(arrays, tmp_path, "{labels: {alpha: 0}}").root()
    arrays = small_arrays()
    arrays["label"][:, 0] = np.where(np.arange(len(arrays["label"])) % 2, 1, -1)
    text = "{temperature: 3, tempered: both, labels: {alpha: 0}}"
    with pytest.raises(TuningError, match="no finite intercept"):
        of_arrays(arrays, tmp_path, text).root()


def test_the_penalty_of_one_class_is_in_all_ids(store, tmp_path) -> None:
    def ids(*penalties: str) -> list[str]:
        return [make_tuner(store, tmp_path, f"{{lambda: {each}}}").root_id for each in penalties]

    plain = set(ids("1e-4", "{default: 1e-4}", "1e-4, l2: 0", "{default: 1e-4, bird: 1e-4}"))
    assert len(plain) == 1
    one = ids("{default: 1e-4, bird: 2e-4}", "{default: 1e-4, sheep: 2e-4}", "1e-4, l2: 1e-6")
    all_ = ids("2e-4", "{bird: 2e-4, sheep: 2e-4, bicycle: 2e-4, tv monitor: 2e-4}")
    assert len(set(all_)) == 1
    assert len({*plain, *one, *all_}) == 5


def test_keys_that_were_added_to_the_spec_leave_settings_of_a_history(store, tmp_path) -> None:
    tuner, common = make_tuner(store, tmp_path, "{lambda: 1e-4}"), {"solver", "lambda", "tolerance"}
    assert set(tuner.root().settings) == {"store", "temperature", *common}
    node = tuner.fine_tune(tuner.root(), [UP])
    assert set(node.settings) == {"reference", "step", *common}


@pytest.mark.torch
def test_a_recipe_that_ends_far_from_the_optimum_says_by_how_much(store, tmp_path) -> None:
    pytest.importorskip("torch")
    text = "{{solver: paper, epochs: {}, lr: {}, batch: 16}}"
    short = make_tuner(store, tmp_path, text.format(1, 0.001))
    optimum = make_tuner(store, tmp_path, "{lambda: 1e-4}").root()
    (line,) = optimality_notices(short.root(), store.classes)
    worst = int(np.argmax(short.root().gap))
    assert f"by {100 * short.root().gap[worst]:.1f} % for “{store.classes[worst]}”" in line
    given = {"l1": 1e-4, "intercepts": short.root().intercepts}
    scores, soft, _ = fit_rows(store)
    ended = distill.certify(scores, soft, short.root().weights, **given).objective
    best = distill.certify(scores, soft, optimum.weights, l1=1e-4).objective
    flat = distill.certify(scores, soft, np.zeros_like(optimum.weights), l1=1e-4).objective
    np.testing.assert_allclose(short.root().gap, (ended - best) / flat, atol=2e-4)
    longer = make_tuner(store, tmp_path, "{solver: paper, epochs: 200, lr: 0.3, lambda: 1e-3}")
    assert optimality_notices(longer.root(), store.classes) == []


@pytest.mark.parametrize("labels", ["", ", labels: {alpha: 0.5}"])
def test_the_temperature_can_divide_the_students_logits_too(store, tmp_path, labels) -> None:
    """The objective of the tuner's students, by the loss of Lee et al. written out."""
    plain = make_tuner(store, tmp_path, f"{{temperature: 3{labels}}}")
    tuner = make_tuner(store, tmp_path, f"{{temperature: 3, tempered: both, lambda: 1e-3{labels}}}")
    assert tuner.root_id != plain.root_id
    node = tuner.fine_tune(tuner.root(), [UP])
    assert (np.array(node.gap) <= 1e-6).all()
    report = explain(tuner, node).of("bicycle").objective
    scores, _, label = fit_rows(store)
    soft = expit(store.teacher_logit[store.rows("fit")][:, 0].astype(float) / 3)
    f = scores @ node.weights[:, 0] + node.intercepts[0]

    def bce(logit, target):
        return np.logaddexp(0, logit) - target * logit

    teacher = bce(f / 3, soft)
    hard = np.where(label[:, 0] >= 0, bce(f, label[:, 0]), 0.0)
    each = hard + 0.5 * teacher if labels else teacher
    assert report.loss_after == pytest.approx(each.mean(), abs=1e-9)
    assert report.teacher_after == pytest.approx(teacher.mean(), abs=1e-9)
    size = 1e-3 * np.abs(node.weights[:, 0]).sum()
    assert report.after == pytest.approx(each.mean() + size, abs=1e-9)
    assert report.optimum <= report.after + 1e-9
    with pytest.raises(TuningError, match="Repairs reweight a single loss"):
        tuner.fine_tune(node, [Reweight("bird", ("sky",))])


def test_a_price_under_both_temperatures_is_the_slope_of_the_optimum(store, tmp_path) -> None:
    text = "{temperature: 3, tempered: both, lambda: 1e-3, labels: {alpha: 0.5}}"
    tuner = make_tuner(store, tmp_path, text)
    node = tuner.fine_tune(tuner.root(), [UP])
    (bound,) = explain(tuner, node).of("bicycle").bounds
    data, wheel = tuner.data_at(node), store.concepts.index("wheel")
    values = []
    for moved in (-1e-3, 1e-3):
        lower = np.full((30, 1), -np.inf)
        lower[wheel] = bound.lower + moved
        problem = data.problem([0]).within(lower, None)
        values.append(distill.solve(problem, tolerance=1e-11).objective[0])
    assert bound.price.cost == pytest.approx((values[1] - values[0]) / 2e-3, rel=1e-3)


ORACLE = "{kind: torchscript, path: t.pt, oracle: {}, preprocessing: {size: [8, 8], mean: [0, 0, 0], std: [1, 1, 1]}}"  # fmt: skip  # noqa: E501


def with_oracle(store: Store, folder: Path, students: str) -> Tuner:
    """Students of a teacher that has an oracle, by the spec."""
    before = SPEC[SPEC.index("teacher:") :].splitlines()[0]
    text = SPEC.replace(before, f"teacher: {ORACLE}")
    (folder / "small.yaml").write_text(f"{text}students: {students}\n")
    return Tuner(store, load_spec(folder / "small.yaml", check_files=False), History(":memory:"))


@pytest.mark.parametrize("alpha", [None, 2.0])
def test_the_oracles_logits_are_learned_where_there_are_some(tmp_path: Path, store, alpha) -> None:
    arrays = oracle_arrays()
    arrays["label"] = np.maximum(arrays["label"], 0)
    own = of_arrays(arrays, tmp_path, "{}").store
    mixed = f", labels: {{alpha: {alpha}}}" if alpha else ""
    students = f"{{lambda: 1e-4, targets: oracle, temperature: 2{mixed}}}"
    rows, penalty = own.rows("fit"), 1e-4
    target, label = expit(own.oracle_logit[rows].astype(float) / 2), own.label[rows]
    if alpha:
        target, penalty = (label + alpha * target) / (1 + alpha), penalty / (1 + alpha)
    expected = distill.fit(own.concept_score[rows], target, l1=penalty, tolerance=1e-6)
    root = with_oracle(own, tmp_path, students).root()
    np.testing.assert_allclose(root.weights, expected.weights, atol=1e-4)
    with pytest.raises(DataError, match="has no oracle logits") as told:
        with_oracle(store, tmp_path, students).root()
    assert "teacher.oracle" in told.value.remedy


def test_near_equal_images_share_a_group_which_added_photos_do_not():
    store = SimpleNamespace(images=["a", "b", "c"], near_group=np.array([0, 0, 2]))
    images = Images(store, "cpu", np.array([0, 1, 2, -1, -1]), np.empty((5, 0)), Mock())
    assert images.groups.tolist() == [0, 0, 2, 6, 7]
