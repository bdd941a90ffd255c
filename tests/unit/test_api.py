"""Students in a script: the same numbers, history and looks as elsewhere."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factory import ATTRS, small_arrays, small_spec
from intervals import change_interval
from scipy.special import expit

import inficond_panel
from inficond_panel import TunableStudents, open_students
from inficond_panel.distill import average_precision
from inficond_panel.errors import DataError, TuningError
from inficond_panel.results.concepts import concepts_file
from inficond_panel.results.metrics import students_file, take_snapshot
from inficond_panel.results.refit_report import explain
from inficond_panel.results.refit_words import sentences
from inficond_panel.store import write_store
from inficond_panel.tuning import Intent, open_tuner


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    return small_spec(tmp_path)


@pytest.fixture
def students(spec: Path) -> TunableStudents:
    return open_students(spec).fit()


def test_the_version_is_the_projects():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert inficond_panel.__version__ == project["version"]


def test_names_are_found_without_loading_anything():
    assert set(inficond_panel.__all__) <= set(dir(inficond_panel))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = inficond_panel.nothing


def test_classes_of_a_mapping_are_named_as_in_an_edits_file(students, spec):
    first = {"classes": "all", "concept": "fur", "direction": "remove"}
    second = {"classes": ["bicycle", "bird"], "concepts": ["sky", "wheel"], "direction": "up"}
    students.tune([first, second])
    tuner = open_tuner(spec, history=":memory:")
    batch = [Intent(name, "fur", "remove") for name in tuner.store.classes]
    batch += [Intent(k, c, "up") for k in ("bicycle", "bird") for c in ("sky", "wheel")]
    assert students.node.id == tuner.fine_tune(tuner.root(), batch).id


@pytest.mark.parametrize(
    "named",
    [{"classes": []}, {"classes": "bird"}, {"classes": ["bird"], "class": "bird"}, {"classes": 3}],
)
def test_classes_that_cannot_be_are_refused(students, named):
    with pytest.raises(TuningError, match="is not an intent"):
        students.tune({**named, "concept": "fur", "direction": "remove"})


def test_moves_go_to_the_history(students, spec):
    students.tune([("bicycle", "wheel", "up")]).tune([("bird", "fur", "remove")])
    assert students.undo().node.number == 1
    assert students.redo().node.number == 2
    assert students.jump("#0").node.number == 0
    students.tune([("bicycle", "wheel", "down")])
    assert students.history["parent"].tolist() == [pd.NA, 0, 1, 0]
    assert students.history["here"].tolist() == [False, False, False, True]
    assert students.history.loc[1, "intents"] == "up wheel ×2 on bicycle"
    kinds = [event.kind for event in students.tuner.history.events(students.tuner.root_id)]
    assert [kind for kind in kinds if kind != "add"] == [
        "fine-tune", "fine-tune", "undo", "redo", "jump", "fine-tune",
    ]  # fmt: skip
    again = open_students(spec)
    assert again.resume().node == students.node
    assert again.fit().node.number == 0
    with pytest.raises(TuningError, match="nothing to undo"):
        again.undo()
    with pytest.raises(TuningError, match="no iteration '9'"):
        again.jump(9)


def test_predictions(students):
    store, node = students.tuner.store, students.node
    expected = students.scores("tune") @ node.weights + node.intercepts
    frame = pd.DataFrame(students.scores("tune"), columns=students.concepts)
    shuffled = frame[frame.columns[::-1]].assign(other=1.0)
    for X in ("tune", students.scores("tune"), shuffled):
        np.testing.assert_allclose(students.decision_function(X), expected, atol=1e-9)
    np.testing.assert_allclose(students.predict_proba("tune"), expit(expected), atol=1e-9)
    np.testing.assert_array_equal(students.predict("tune"), expected > 0)
    assert students.images("tune") == [store.images[row] for row in store.rows("tune")]
    with pytest.raises(DataError, match="no column for 1 concepts"):
        students.predict(frame.drop(columns="wheel"))
    with pytest.raises(DataError, match="shape"):
        students.predict(np.zeros((3, 4)))


def test_predictions_keep_to_the_thresholds(tmp_path):
    spec = small_spec(tmp_path, extra="students: {lambda: 1e-4, threshold: {bicycle: 0.7}}\n")
    students = open_students(spec, history=":memory:").fit()
    expected = students.decision_function("tune") > [0.7, 0, 0, 0]
    np.testing.assert_array_equal(students.predict("tune"), expected)


def test_metrics_and_their_changes(students):
    students.tune([("bicycle", "wheel", "down", 8), ("bird", "fur", "remove")])
    store, rows = students.tuner.store, students.tuner.store.rows("tune")
    start = students.tuner.logits(students.tuner.root())[rows]
    label, logit = store.label[rows], students.decision_function("tune")
    metrics = students.metrics("tune", intervals=True)
    assert metrics["ap_gap"].is_monotonic_decreasing
    changes = students.changes("start")
    for k, name in enumerate(students.classes):
        assert metrics.loc[name, "ap"] == pytest.approx(
            average_precision(label[:, k], logit[:, k]), abs=1e-12
        )
        assert (
            metrics.loc[name, "ap_low"] <= metrics.loc[name, "ap"] <= metrics.loc[name, "ap_high"]
        )
        expected = change_interval(label[:, k], start[:, k], logit[:, k])
        assert changes.loc[name, ["change", "change_low", "change_high"]].tolist() == pytest.approx(
            [expected.estimate, expected.low, expected.high], abs=1e-12
        )
    assert changes.loc["sheep", "words"] == "unchanged"
    pd.testing.assert_frame_equal(changes, students.changes(0))
    pd.testing.assert_frame_equal(changes, students.changes("parent"))
    with pytest.raises(TuningError, match="no metric 'auc'"):
        students.changes(metric="auc")
    assert list(students.report()["classes"].index) == ["bicycle", "bird"]


def test_what_a_student_knows(students):
    students.tune([("bicycle", "wheel", "down")])
    known = students.concepts_of("bicycle")
    store, rows = students.tuner.store, students.tuner.store.rows("tune")
    weights = students.node.weights[:, 0]
    assert set(known.index) == {store.concepts[c] for c in np.flatnonzero(weights)}
    assert known["influence"].abs().is_monotonic_decreasing
    wheel = store.concepts.index("wheel")
    without = (
        students.decision_function("tune")[:, 0]
        - weights[wheel] * students.scores("tune")[:, wheel]
    )
    expected = average_precision(store.label[rows, 0], without)
    assert known.loc["wheel", "ap_without"] == pytest.approx(expected, abs=1e-12)
    assert known.loc["wheel", "upper_bound"] == students.node.bounds["bicycle", "wheel"][1]
    scores = students.scores("fit")
    twins = students.twins("wheel", least=0.2)
    for name, r in twins.items():
        other = scores[:, store.concepts.index(name)]
        assert r == pytest.approx(np.corrcoef(scores[:, wheel], other)[0, 1], abs=1e-6)
    for call in (students.twins, students.concepts_of):
        with pytest.raises(TuningError, match="There is no"):
            call("whel")


def test_each_look_at_the_holdout_is_counted(students):
    assert students.tuner.looks() == 0
    for count, look in enumerate(
        [
            lambda: students.metrics("holdout"),
            lambda: students.changes("start", split="holdout"),
            lambda: students.predict("holdout"),
            lambda: students.concepts_of("bicycle", "holdout"),
        ],
        start=1,
    ):
        look()
        assert students.tuner.looks() == count


def test_an_estimator_with_the_same_students(students):
    pytest.importorskip("sklearn")
    students.tune([("bicycle", "wheel", "remove")])
    estimator = students.estimator()
    frame = pd.DataFrame(students.scores("tune"), columns=students.concepts)
    np.testing.assert_allclose(
        estimator.decision_function(frame), students.decision_function("tune"), atol=1e-12
    )
    teacher = students.tuner.store.teacher_logit[students.tuner.store.rows("fit")]
    again = type(estimator)(**estimator.get_params()).fit(students.scores("fit"), teacher)
    assert again.coef_[0, students.concepts.index("wheel")] == 0  # the bounds go along
    np.testing.assert_allclose(again.coef_, estimator.coef_, atol=0.02)
    assert students.tuner.looks() == 0


def test_the_page_opens_at_this_iteration(students):
    students.tune([("bicycle", "wheel", "up")]).tune([("bicycle", "wheel", "up")])
    students._node = students.tuner.node(students.node.parent)  # as after a jump elsewhere
    explorer = students.explore()
    explorer.close()
    assert explorer.specs == [students.tuner]
    assert students.tuner.head() == students.node


def test_columns_are_named_as_in_the_csv_files(students):
    file = students_file(take_snapshot(students.tuner, students.node, "tune"), students.classes)
    header = file.content.decode().splitlines()[0].split(",")
    named = {"class", "student", "split"}
    assert {*students.metrics("tune").columns} - {"chosen_on"} == {*header} - named
    known = set(students.concepts_of("bicycle").columns) - {"ap_without"}
    own = students.student("bicycle", "tune")
    header = concepts_file(own.store, "tune", own, []).content.decode().splitlines()[0].split(",")
    assert known == {*header} - named - {"concept"}
    apart = students.concepts_of("bicycle")["discrepancy_p"]
    sides = students.to_xarray().sel(class_name="bicycle")
    chosen = (sides.label == 1).values
    differ = ((sides.student_logit > 0) != (sides.teacher_logit > 0)).values
    scores = sides.concept_score.sel(concept=list(apart.index)).values
    expected = scores[chosen & differ].mean(axis=0) - scores[chosen & ~differ].mean(axis=0)
    np.testing.assert_allclose(apart, expected, atol=1e-6)


def test_a_dataset_of_students_and_images(students):
    students.tune([("bicycle", "wheel", "remove"), ("bird", "fur", "down")])
    found = students.to_xarray("tune")
    logits = found.concept_score.astype(float) @ found.influence + found.intercept
    np.testing.assert_allclose(
        found.student_logit, logits.transpose("image", "class_name"), atol=1e-9
    )
    assert list(found.image.values) == students.images("tune")
    assert found.upper_bound.sel(class_name="bicycle", concept="wheel") == 0
    assert found.lower_bound.sel(class_name="bicycle", concept="wheel") == 0
    limits = students.node.bounds["bird", "fur"]
    assert found.upper_bound.sel(class_name="bird", concept="fur") == limits[1]
    assert np.isinf(found.lower_bound.sel(class_name="bird", concept="fur"))
    assert found.attrs["id"] == students.node.id
    students.to_xarray("holdout")
    assert students.tuner.looks() == 1


def test_a_report_tells_itself(students):
    students.tune([("bicycle", "wheel", "remove")])
    report = students.report()
    heading, *told = str(report).splitlines()
    assert heading == f"#1 {students.node.id} from #0 {students.tuner.root_id}"
    own = sentences(explain(students.tuner, students.node, lift=True).of("bicycle"))
    assert told[:-1] == [f"bicycle: {line}" for line in own]
    others = [name for name in students.classes if name != "bicycle"]
    assert told[-1] == f"Not tuned by #1: {', '.join(others)}."
    with pytest.raises(TuningError):
        students.fit().report()


def test_html_in_a_notebook_is_escaped(tmp_path):
    arrays = small_arrays()
    arrays["concept"][0], arrays["class_name"][0] = "<b>wheel", "<i>bicycle"
    write_store(tmp_path / "own.zarr", arrays, {**ATTRS, "title": "<s>title"})
    students = open_students(tmp_path / "own.zarr", history=":memory:")
    students.fit().tune([("<i>bicycle", "<b>wheel", "remove")])
    suggested = students.suggest()
    estimator = students.estimator()
    for shown in (students, students.report(), students.history, suggested, estimator):
        html = shown._repr_html_()
        assert "&lt;" in html
        assert not {"<s>title", "<b>wheel", "<i>bicycle"} & set(
            re.findall(r"<s>title|<b>wheel|<i>bicycle", html)
        )


def test_bounds_are_given_and_released_by_name(students):
    c, k = students.concepts.index("wheel"), students.classes.index("bicycle")
    held = students.down("bicycle", ["wheel", "spoke"], bound=-0.46).node
    assert held.weights[c, k] <= -0.46
    assert set(held.bounds.values()) == {(None, -0.46)}
    assert students.up("bicycle", "wheel", bound=0.5).node.weights[c, k] >= 0.5
    assert set(students.release("bicycle", "wheel").node.bounds) == {("bicycle", "spoke")}
    students.tune({"class": "bicycle", "concepts": ["wheel", "sky"], "direction": "up", "bound": 1})
    assert students.node.bounds["bicycle", "sky"] == (1.0, None)
