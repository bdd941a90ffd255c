"""Repairs: what they resolve to, the fits under them, their history, and how they compose."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest
from factory import STUDENTS
from scipy.special import expit
from spread_shortcut import CONTEXT, shifted_frames

import inficond_panel
from inficond_panel.api.students import TunableStudents
from inficond_panel.cli import main
from inficond_panel.distill import average_precision, decision_function, fit, mixed_targets
from inficond_panel.distill.drift import balance
from inficond_panel.errors import HistoryError, TuningError
from inficond_panel.results.refit_report import explain
from inficond_panel.results.sensitivity import penalty_path
from inficond_panel.tuning import History, Intent, Node, Tuner
from inficond_panel.tuning.edits import Balance, Doubt, Label, Lambda
from inficond_panel.tuning.repairs import repair_terms
from inficond_panel.tuning.repairs.resolution import choose, lambda_path
from inficond_panel.tuning.replay import replay
from inficond_panel.wording.repairs import terms_words


@pytest.fixture(scope="module")
def students(tmp_path_factory) -> TunableStudents:
    folder = tmp_path_factory.mktemp("shifted")
    made = inficond_panel.from_frames(**shifted_frames(seed=1), path=folder / "own.zarr")
    return made.with_settings(tolerance=1e-9, lambda_=1e-4).fit()


@pytest.fixture
def tuner(students) -> Tuner:
    given = students.tuner
    return Tuner(given.store, given.spec, History(":memory:"))


def slopes(tuner: Tuner, node: Node, weight: np.ndarray, l1: np.ndarray | float) -> float:
    """Largest violation of the conditions of the optimum of ``truck``, by the definition.

    The loss is the weighted mean over the photos of fit; ``weight`` (n,) sums to 1.
    """
    store = tuner.store
    rows = store.rows("fit")
    scores, k = np.asarray(store.concept_score[rows], dtype=float), store.classes.index("truck")
    target = expit(store.teacher_logit[rows, k])
    w = node.weights[:, k]
    gradient = scores.T @ (weight * (expit(scores @ w + node.intercepts[k]) - target))
    at_zero = np.maximum(np.abs(gradient) - l1, 0)
    return float(np.where(w == 0, at_zero, np.abs(gradient + l1 * np.sign(w))).max())


def test_a_lambda_is_the_fit_with_that_penalty(tuner) -> None:
    node = tuner.fine_tune(tuner.root(), [Lambda("truck", 0.003)])
    size = len(tuner.store.rows("fit"))
    assert slopes(tuner, node, np.full(size, 1 / size), 0.003) < 1e-5
    assert slopes(tuner, tuner.root(), np.full(size, 1 / size), 0.003) > 1e-3
    assert max(node.gap) <= 1e-9
    other = tuner.store.classes.index("bird")
    np.testing.assert_array_equal(node.weights[:, other], tuner.root().weights[:, other])


def test_a_balance_is_the_fit_with_the_weights_of_the_density_ratio(tuner) -> None:
    store, names = tuner.store, CONTEXT[:3]
    node = tuner.fine_tune(tuner.root(), [Balance("truck", tuple(names))])
    columns = [store.concepts.index(name) for name in names]
    (fit_rows, tune_rows), k = (store.rows("fit"), store.rows("tune")), 0
    found = balance(
        store.concept_score[fit_rows][:, columns],
        store.label[fit_rows, k],
        store.concept_score[tune_rows][:, columns],
        store.label[tune_rows, k],
    )
    weight = found.weights.astype(np.float32) / found.weights.astype(np.float32).sum()
    l1 = tuner.spec.students.penalty("truck")
    assert slopes(tuner, node, weight, l1) < 1e-5
    terms = tuner.terms(node)["truck"]
    assert terms.balanced.effective == pytest.approx(found.effective)
    assert terms.used == len(tune_rows)


def test_balances_add_up_and_later_ones_refine(tuner) -> None:
    first = tuner.fine_tune(tuner.root(), [Balance("truck", (CONTEXT[0],))])
    second = tuner.fine_tune(first, [Balance("truck", (CONTEXT[1],))])
    both = tuner.fine_tune(tuner.root(), [Balance("truck", tuple(CONTEXT[:2]))])
    assert tuner.terms(second)["truck"] == tuner.terms(both)["truck"]
    np.testing.assert_allclose(second.weights, both.weights, atol=1e-3)


def test_a_doubt_multiplies_the_penalty_by_suspicion(tuner) -> None:
    node = tuner.fine_tune(tuner.root(), [Doubt("truck", 3.0)])
    terms, size = tuner.terms(node)["truck"], len(tuner.store.rows("fit"))
    photos = tuner.repairs.photos(tuner.repairs.class_fit(tuner.root(), "truck"))
    doubt = photos.suspicion().doubt
    doubt[tuner.store.concepts.index("truck")] = 0  # never the class's own word
    l1 = tuner.spec.students.penalty("truck") * (1 + 3.0 * doubt)
    assert slopes(tuner, node, np.full(size, 1 / size), l1) < 1e-5
    assert max(terms.doubted.factors, key=terms.doubted.factors.get) in CONTEXT
    assert "truck" not in terms.doubted.factors


def test_auto_takes_the_lambda_with_the_highest_ap_on_tune_beyond_noise(tuner) -> None:
    """Against students fitted one by one, by the definition; the spec's where nothing is gained."""
    node = tuner.fine_tune(tuner.root(), [Lambda("truck")])
    store = tuner.store
    rows, tune = store.rows("fit"), store.rows("tune")
    target = expit(store.teacher_logit[rows, :1])
    path = lambda_path(tuner.repairs.class_fit(tuner.root(), "truck"))
    found, logits = [], []
    for value in path:
        made = fit(store.concept_score[rows], target, l1=value, tolerance=1e-7)
        logit = decision_function(store.concept_score[tune], made.weights, made.intercepts)
        logits.append(logit[:, 0])
        found.append(average_precision(store.label[tune, 0], logit[:, 0]))
    assert path[0] == tuner.spec.students.penalty("truck")
    assert len(path) >= 4
    assert tuner.terms(node)["truck"].penalty == path[0]
    assert int(np.argmax(found)) != 0  # by no more than noise (tests/unit/test_repair_choice.py):
    assert choose(store.label[tune, 0], np.array(logits)).taken == 0


def test_a_label_is_a_photo_more_in_the_objective(tuner) -> None:
    store = tuner.store
    row = int(store.rows("tune")[0])
    root, value = tuner.root(), 1 - int(store.label[row, 0])  # it contradicts the store
    node = tuner.fine_tune(root, [Label("truck", store.images[row], value)])
    taught = tuner.terms(node)["truck"].taught
    assert dict(taught.labels) == {store.images[row]: value}
    rows = np.append(store.rows("fit"), row)
    target = np.append(expit(store.teacher_logit[rows[:-1], 0]), value)
    weight = np.append(np.ones(len(rows) - 1), taught.weight)
    made = fit(
        store.concept_score[rows],
        target[:, None],
        l1=tuner.spec.students.penalty("truck"),
        sample_weight=weight,
        tolerance=1e-8,
    )
    np.testing.assert_allclose(node.weights[:, 0], made.weights[:, 0], atol=1e-3)
    assert store.label[row, 0] == 1 - value  # the store is as it was


def test_a_taught_label_takes_the_place_of_one_mixed_in(tuner, tmp_path: Path, monkeypatch) -> None:
    """Where labels of fit are learned as well, against a fit to the labels as they should be."""
    spec = tmp_path / "own.yaml"
    students = "students: {lambda: 1e-4, labels: {alpha: 0.5}, tolerance: 1.0e-9}"
    spec.write_text(f"title: Own\nstore: {tuner.store.path}\n{students}\n")
    mixed = inficond_panel.open_students(spec, history=":memory:").tuner
    monkeypatch.setattr("inficond_panel.tuning.repairs.resolution.LABEL_WEIGHTS", (10.0,))
    store, row = mixed.store, int(mixed.store.rows("fit")[3])
    value = 1 - int(store.label[row, 0])
    node = mixed.fine_tune(mixed.root(), [Label("truck", store.images[row], value)])
    taught = mixed.terms(node)["truck"].taught
    rows = store.rows("fit")
    label = np.array(store.label)[rows][:, :1]
    label[3] = value
    target, weight, scale = mixed_targets(label, expit(store.teacher_logit[rows, :1]), 0.5)
    made = fit(
        store.concept_score[[*rows, row]],
        np.append(target[:, 0], value)[:, None],
        l1=mixed.spec.students.penalty("truck") * scale,
        sample_weight=np.append(weight[:, 0], taught.weight * weight[:, 0].mean()),
        tolerance=1e-9,
    )
    np.testing.assert_allclose(node.weights[:, 0], made.weights[:, 0], atol=1e-3)


def test_wrong_labels_get_no_weight(tuner) -> None:
    """The weight is that with the highest AP on the other photos: lies harm there."""
    store = tuner.store
    rows = store.rows("tune")[:40]
    lies = [Label("truck", store.images[row], 1 - int(store.label[row, 0])) for row in rows]
    node = tuner.fine_tune(tuner.root(), lies)
    terms = tuner.terms(node)["truck"]
    assert terms.taught.weight == 0
    assert "weight 0: no weight raises AP on the other photos of tune" in terms_words(terms)[0]


def test_thumbs_and_repairs_compose(tuner) -> None:
    root, word = tuner.root(), CONTEXT[0]
    repaird = tuner.fine_tune(root, [Lambda("truck", 0.001), Intent("truck", word, "remove")])
    assert repaird.bounds == {("truck", word): (0.0, 0.0)}
    later = tuner.fine_tune(repaird, [Intent("truck", "wheel", "up")])
    assert tuner.terms(later) == tuner.terms(repaird)
    assert later.weights[tuner.store.concepts.index(word), 0] == 0
    bound = later.bounds["truck", "wheel"][0]
    assert later.weights[tuner.store.concepts.index("wheel"), 0] >= bound
    elsewhere = tuner.fine_tune(root, [Intent("truck", "wheel", "up")])
    assert tuner.terms(elsewhere) == {}
    assert later.weights_hash != elsewhere.weights_hash


def test_a_thumb_is_measured_by_the_weight_before_it_and_the_untouched_step(tuner) -> None:
    """down x2: half of w0 where that is above the step, which is of the student at the spec's λ."""
    root, thumb, c = tuner.root(), Intent("truck", "wheel", "down", 2.0), 1
    repaird = tuner.fine_tune(root, [Lambda("truck", 0.03)])
    assert tuner.store.concepts[c] == "wheel"
    assert 0.05 * np.abs(root.weights[:, 0]).max() < repaird.weights[c, 0] < root.weights[c, 0]
    found = [
        tuner.fine_tune(repaird, [thumb]),
        tuner.fine_tune(root, [thumb, Lambda("truck", 0.03)]),
    ]
    bounds = [node.bounds["truck", "wheel"][1] for node in found]
    assert bounds == pytest.approx([repaird.weights[c, 0] / 2, root.weights[c, 0] / 2])


def test_one_id_whatever_the_order_and_none_changes_without_repairs(tuner) -> None:
    root = tuner.root()
    asked = [Balance("truck", ("road 1", "road 0")), Lambda("truck", 0.001), Lambda("truck")]
    one, other = tuner.fine_tune(root, asked), tuner.fine_tune(root, asked[::-1])
    assert one == other
    assert one.repairs == (Balance("truck", ("road 0", "road 1")), Lambda("truck", 0.001))
    assert "terms" not in tuner.fine_tune(root, [Intent("truck", "wheel", "up")]).settings


def test_a_replay_chooses_nothing_anew(tuner, monkeypatch) -> None:
    root = tuner.root()
    asked = [Balance("truck", tuple(CONTEXT[:3])), Doubt("truck"), Lambda("truck")]
    node = tuner.fine_tune(root, asked)
    tuner.fine_tune(node, [Intent("truck", "wheel", "up")])
    again = Tuner(tuner.store, tuner.spec, History(":memory:"))

    def refuse(*_: object) -> None:
        raise AssertionError("resolved anew")

    monkeypatch.setattr(repair_terms, "resolve_repairs", refuse)
    pairs = replay(tuner, again)
    assert len(pairs) == 3
    for old, new in pairs:
        assert (old.id, old.weights_hash) == (new.id, new.weights_hash)
    assert again.terms(again.node(pairs[-1][1].id)) == tuner.terms(tuner.node(pairs[-1][0].id))


def test_a_replay_on_other_photos_of_fit_is_refused(tuner, tmp_path: Path) -> None:
    tuner.fine_tune(tuner.root(), [Balance("truck", (CONTEXT[0],))])
    frames = shifted_frames(seed=1)
    frames["split"].iloc[:10] = "tune"
    other = inficond_panel.from_frames(**frames, path=tmp_path / "own.zarr").tuner
    with pytest.raises(TuningError, match="belong to other photos") as refused:
        replay(tuner, Tuner(other.store, other.spec, History(":memory:")))
    assert "weights of 790 photos" in str(refused.value.__cause__)


def test_altered_terms_are_told(students, tmp_path: Path) -> None:
    path, given = tmp_path / "history.sqlite", students.tuner
    tuner = Tuner(given.store, given.spec, History(path))
    node = tuner.fine_tune(tuner.root(), [Lambda("truck", 0.003)])
    tuner.history.close()
    with sqlite3.connect(path) as db:
        db.execute("DROP TRIGGER nodes_update")
        db.execute("UPDATE nodes SET settings = replace(settings, '0.003', '0.004')")
    with pytest.raises(HistoryError):
        Tuner(given.store, given.spec, History(path)).node(node.id)


@pytest.mark.parametrize(
    ("repair", "message"),
    [
        (Lambda("trck"), "no class 'trck' in the store. Did you mean 'truck'"),
        (Balance("truck", ("road 77",)), "no concept 'road 77'"),
        (Label("truck", "nowhere.jpg", 1), "no image 'nowhere.jpg'"),
        (Label("truck", "0803.jpg", 1), "'0803.jpg' is a photo of the holdout"),
    ],
)
def test_repairs_that_cannot_be(tuner, repair, message) -> None:
    with pytest.raises(TuningError, match=message):
        tuner.fine_tune(tuner.root(), [repair])


def test_values_that_cannot_be() -> None:
    for make in (lambda: Lambda("truck", -1), lambda: Doubt("truck", float("inf"))):
        with pytest.raises(TuningError, match="Give a number of 0 or more, or auto"):
            make()
    with pytest.raises(TuningError, match="Give 1 where the class is present"):
        Label("truck", "0802.jpg", 2)
    with pytest.raises(TuningError, match="names no concept"):
        Balance("truck", ())


def test_a_photo_has_one_label(tuner) -> None:
    two = [Label("truck", "0802.jpg", 1), Label("truck", "0802.jpg", 0)]
    with pytest.raises(TuningError, match="labelled both 0 and 1"):
        tuner.fine_tune(tuner.root(), two)


def test_too_few_labels_of_tune(tuner, monkeypatch) -> None:
    label = np.array(tuner.store.label)
    label[tuner.store.rows("tune")] = -1
    monkeypatch.setattr(tuner.store, "label", label)
    for repair in (Lambda("truck"), Doubt("truck", 1.0), Balance("truck", (CONTEXT[0],))):
        with pytest.raises(TuningError, match="on 'truck' needs labels of tune"):
            tuner.fine_tune(tuner.root(), [repair])
    node = tuner.fine_tune(tuner.root(), [Lambda("truck", 0.001)])
    assert tuner.terms(node)["truck"].used == 0
    taught = tuner.fine_tune(tuner.root(), [Label("truck", "0802.jpg", 1)])
    assert tuner.terms(taught)["truck"].taught.weight == 3.0


def test_too_few_photos_of_fit(tuner, monkeypatch) -> None:
    label, rows = np.array(tuner.store.label), tuner.store.rows("fit")
    label[rows[np.flatnonzero(label[rows, 0] == 1)[4:]], 0] = -1
    monkeypatch.setattr(tuner.store, "label", label)
    with pytest.raises(TuningError, match="doubt on 'truck' needs 10 positives"):
        tuner.fine_tune(tuner.root(), [Doubt("truck")])
    with pytest.raises(TuningError, match="balance on 'truck': 4 photos of fit and"):
        tuner.fine_tune(tuner.root(), [Balance("truck", (CONTEXT[0],))])


def test_the_same_in_python_as_mappings(students) -> None:
    opened = TunableStudents(students.tuner).fit()
    opened.tune(
        [
            {"class": "truck", "concepts": CONTEXT[:2], "direction": "balance"},
            {"class": "truck", "direction": "lambda", "value": 0.001},
            {"class": "truck", "concepts": CONTEXT[2:4], "direction": "down", "factor": 2},
            {"class": "bird", "concept": "feather", "direction": "up"},
        ]
    )
    assert opened.node.repairs == (Balance("truck", tuple(CONTEXT[:2])), Lambda("truck", 0.001))
    assert len(opened.node.intents) == 3
    told = opened.history["intents"].iloc[-1]
    assert "balance road 0, road 1 on truck; lambda 0.001 on truck" in told
    opened.tune({"class": "truck", "concept": CONTEXT[0], "direction": "balance"})
    assert opened.node.repairs == (Balance("truck", (CONTEXT[0],)),)
    with pytest.raises(TuningError, match="unknown direction 'balanse'"):
        opened.tune({"class": "truck", "concept": CONTEXT[0], "direction": "balanse"})
    for wrong in ({"class": "truck"}, {"class": "truck", "direction": "lambda"}, {"a": 1}):
        with pytest.raises(TuningError, match="is not an intent"):
            opened.tune([wrong])


def test_prices_of_bounds_are_those_of_the_repaird_student(tuner) -> None:
    """By the definition: the least objective with the bound a little looser."""
    asked = [Balance("truck", tuple(CONTEXT[:2])), Doubt("truck", 1.0), Lambda("truck", 0.002)]
    repaird = tuner.fine_tune(tuner.root(), asked)
    node = tuner.fine_tune(repaird, [Intent("truck", "wheel", "up")])
    report = explain(tuner, node).classes[0]
    price, limit = report.bounds[0].price.gain, node.bounds["truck", "wheel"][0]
    assert price > 0
    data, k = tuner.data_at(node), 0

    def least(lower: float) -> float:
        low = np.full((len(tuner.store.concepts), 1), -np.inf)
        low[tuner.store.concepts.index("wheel")] = lower
        made = fit(**data.problem([k]), lower=low, tolerance=1e-12)
        return float(made.objective[0])

    step = 1e-4 * limit
    assert (least(limit) - least(limit - step)) / step == pytest.approx(price, rel=1e-2)
    assert report.objective.after == pytest.approx(least(limit), rel=1e-6)
    assert report.objective.rise > 0


def test_the_path_of_lambda_is_measured(students, tuner, capsys, tmp_path: Path) -> None:
    root = tuner.root()
    path = penalty_path(tuner, root, "truck")
    assert list(path.index[path["now"]]) == [tuner.spec.students.penalty("truck")]
    assert list(path["concepts"]) == sorted(path["concepts"], reverse=True)
    third = path.iloc[2]
    node = tuner.fine_tune(root, [Lambda("truck", third.name)])
    rows = tuner.store.rows("tune")
    ap = average_precision(tuner.store.label[rows, 0], tuner.logits(node)[rows, 0])
    assert third["ap"] == pytest.approx(ap, abs=2e-3)
    assert third["ap_low"] < ap < third["ap_high"]
    assert penalty_path(tuner, node, "truck")["now"].iloc[2]
    spec = tmp_path / "own.yaml"
    spec.write_text(f"title: Own\nstore: {tuner.store.path}\n{STUDENTS}")
    assert main(["lambda", str(spec), "--class", "truck", "--history", ":memory:"]) == 0
    told = capsys.readouterr().out
    assert "lambda" in told
    assert "auto takes λ 0.0001, its starting value: " in told
    assert path.index[path["auto"]].tolist() == [path.index[0]]


@pytest.mark.parametrize(
    "asked",
    [
        [],
        [Intent("truck", CONTEXT[0], "remove")],
        [Lambda("truck", 0.003)],
        [Balance("truck", tuple(CONTEXT[:3])), Doubt("truck", 1.0)],
        [Label("truck", f"{row:04d}.jpg", 0) for row in range(800, 840, 2)],
    ],
)
def test_the_path_tells_what_auto_takes(tuner, asked) -> None:
    """As the repair itself takes it, whatever is in force; and it marks that value alone."""
    node = tuner.fine_tune(tuner.root(), asked) if asked else tuner.root()
    path = penalty_path(tuner, node, "truck")
    taken = tuner.terms(tuner.preview(node, [Lambda("truck")]))["truck"].penalty
    auto = path.attrs["facts"]["auto"]
    assert auto["taken"] == taken
    assert list(path.index[path["auto"]]) == [taken]
    best = path["ap"][auto["best"]]
    if not any(isinstance(repair, Label) for repair in asked):  # else fewer photos judge
        assert best == pytest.approx(path["ap"].max())
        assert auto["gain"] == pytest.approx(best - path["ap"].iloc[0])
