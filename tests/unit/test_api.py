"""Results of students in a script: the same numbers and looks as elsewhere."""

import csv
import io
import re
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factory import small_arrays, small_spec
from intervals import change_interval
from scipy.special import expit

import inficond_panel
from inficond_panel import TunableStudents, open_students
from inficond_panel.distill import average_precision
from inficond_panel.errors import DataError, TuningError
from inficond_panel.results.concepts import concepts_file
from inficond_panel.results.gallery import gallery_file, take_gallery
from inficond_panel.results.metrics import students_file
from inficond_panel.results.snapshot import take_snapshot
from inficond_panel.results.what_if_curves import refit_curve


@pytest.fixture
def students(spec_file: Path) -> TunableStudents:
    return open_students(spec_file).fit()


def test_the_package_has_the_version_of_the_project():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert inficond_panel.__version__ == project["version"]


def test_the_package_lists_its_public_names():
    assert dir(inficond_panel) == sorted(inficond_panel.__all__)


def test_the_notebooks_page_has_each_public_name_of_the_students():
    page = (Path(__file__).parents[2] / "docs" / "notebook.md").read_text(encoding="utf-8")
    table = page.split("The object has these methods and attributes")[1].split("\n\nMethods")[0]
    rows = re.findall(r"^\| (`.+?) \| ", table, re.MULTILINE)
    listed = {name for row in rows for name in re.findall(r"`(\w+)", row)}
    assert listed == {name for name in dir(TunableStudents) if name[0] != "_"}


@pytest.mark.parametrize("name", inficond_panel.__all__)
def test_the_package_has_each_name_that_it_lists(name):
    assert hasattr(inficond_panel, name)


def test_the_package_has_no_other_name():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = inficond_panel.nothing


def test_predictions(tmp_path):
    extra = "students: {lambda: 1e-4, threshold: {bicycle: 0.7}}\n"
    students = open_students(small_spec(tmp_path, extra=extra), history=":memory:").fit()
    store, node = students.tuner.store, students.node
    expected = students.scores("tune") @ node.weights + node.intercepts
    frame = pd.DataFrame(students.scores("tune"), columns=students.concepts)
    shuffled = frame[frame.columns[::-1]].assign(other=1.0)
    for X in ("tune", students.scores("tune"), shuffled):
        np.testing.assert_allclose(students.decision_function(X), expected, atol=1e-9)
    np.testing.assert_allclose(students.predict_proba("tune"), expit(expected), atol=1e-9)
    np.testing.assert_array_equal(students.predict("tune"), expected > [0.7, 0, 0, 0])
    assert students.images("tune") == [store.images[row] for row in store.rows("tune")]
    with pytest.raises(DataError, match="no column for 1 concept,"):
        students.predict(frame.drop(columns="wheel"))
    with pytest.raises(DataError, match="shape"):
        students.predict(np.zeros((3, 4)))


def test_metrics_and_their_changes(students):
    students.tune([("bicycle", "wheel", "down", 8), ("bird", "fur", "remove")])
    store, rows = students.tuner.store, students.tuner.store.rows("tune")
    start = students.tuner.logits(students.tuner.root())[rows]
    label, logit = store.label[rows], students.decision_function("tune")
    metrics = students.metrics("tune", intervals=True)
    assert metrics["ap_gap"].is_monotonic_decreasing
    changes = students.changes("start")
    for k, name in enumerate(students.classes):
        ap, low, high = metrics.loc[name, ["ap", "ap_low", "ap_high"]]
        assert ap == pytest.approx(average_precision(label[:, k], logit[:, k]), abs=1e-12)
        assert low <= ap <= high
        expected = change_interval(label[:, k], start[:, k], logit[:, k])
        limits = changes.loc[name, ["change", "change_low", "change_high"]].tolist()
        assert limits == pytest.approx([expected.estimate, expected.low, expected.high], abs=1e-12)
    assert changes.loc["sheep", "words"] == "unchanged"
    pd.testing.assert_frame_equal(changes, students.changes(0))
    pd.testing.assert_frame_equal(changes, students.changes("parent"))
    with pytest.raises(TuningError, match="no metric 'auc'"):
        students.changes(metric="auc")
    assert list(students.report()["classes"].index) == ["bicycle", "bird"]


def test_the_gap_to_the_teacher_has_the_limits_of_paired_draws(students):
    store, rows = students.tuner.store, students.tuner.store.rows("tune")
    metrics = students.metrics("tune", intervals=True)
    for k, name in enumerate(students.classes):
        logit = students.decision_function("tune")[:, k]
        expected = change_interval(store.label[rows, k], logit, store.teacher_log_odds[rows, k])
        found = metrics.loc[name, ["ap_gap", "ap_gap_low", "ap_gap_high"]].tolist()
        assert found == pytest.approx([expected.estimate, expected.low, expected.high], abs=1e-12)


def test_what_a_student_knows_and_what_if_with_the_others_solved_again(students):
    students.tune([("bicycle", "wheel", "down")])
    known = students.concepts_of("bicycle")
    store, rows = students.tuner.store, students.tuner.store.rows("tune")
    weights = students.node.weights[:, 0]
    assert set(known.index) == {store.concepts[c] for c in np.flatnonzero(weights)}
    assert known["influence"].abs().is_monotonic_decreasing
    wheel = store.concepts.index("wheel")
    own = weights[wheel] * students.scores("tune")[:, wheel]
    without = students.decision_function("tune")[:, 0] - own
    expected = average_precision(store.label[rows, 0], without)
    assert known.loc["wheel", "ap_without"] == pytest.approx(expected, abs=1e-12)
    assert known.loc["wheel", "upper_bound"] == students.node.bounds["bicycle", "wheel"][1]
    scores = students.scores("fit")
    for name, r in students.twins("wheel", least=0.2).items():
        other = scores[:, store.concepts.index(name)]
        assert r == pytest.approx(np.corrcoef(scores[:, wheel], other)[0, 1], abs=1e-6)
    table = students.what_if("bicycle", "wheel", "f1", refit=True)
    points = refit_curve(students.tuner, students.student("bicycle", "tune"), "wheel")
    expected = sorted((each.influence, each.metrics.f1) for each in points)
    np.testing.assert_allclose(table["f1"].reset_index(), expected, atol=1e-12)
    now = students.metrics("tune").loc["bicycle", "f1"]
    np.testing.assert_allclose(table["change"], table["f1"] - now, atol=1e-12)
    assert (table["change_low"] <= table["change"]).all()
    assert students.what_if("bicycle", "wheel", refit=True)["change_low"].isna().all()


def test_gallery_has_the_lines_of_the_file_and_says_where_none_is_assigned(students, monkeypatch):
    found = students.gallery("bicycle", "wheel", filters=["wrong"])
    student = students.tuner.at(students.node, "tune")["bicycle"]
    file = gallery_file(students.tuner.store, take_gallery(student, "wheel"), ["wrong"], {})
    lines = list(csv.DictReader(io.StringIO(file.content.decode())))
    assert list(found.index) == [line["image"] for line in lines]
    assert lines
    for column in ("concept_score", "student_logit", "student_decision", "label"):
        np.testing.assert_allclose(found[column].astype(float), [float(x[column]) for x in lines])

    none = np.empty(0, np.intp)
    monkeypatch.setattr("inficond_panel.results.gallery.assigned_images", lambda *_: none)
    with pytest.warns(UserWarning, match="No segment of the split tune is assigned to 'wheel'"):
        assert students.gallery("bicycle", "wheel").empty
    monkeypatch.setattr(type(students.tuner.store), "holds", lambda _, what: what != "segments")
    every = students.gallery("bicycle", "wheel", filters=())
    assert len(students.gallery("bicycle", "wheel")) == len(every)


def test_an_estimator_is_alike_each_look_at_holdout_is_counted_one_image_taken_apart(students):
    students.tune([("bicycle", "wheel", "remove")])
    estimator = students.estimator()
    frame = pd.DataFrame(students.scores("tune"), columns=students.concepts)
    logits = students.decision_function("tune")
    np.testing.assert_allclose(estimator.decision_function(frame), logits, atol=1e-12)
    teacher = students.tuner.store.teacher_logit[students.tuner.store.rows("fit")]
    again = type(estimator)(**estimator.get_params()).fit(students.scores("fit"), teacher)
    assert again.coef_[0, students.concepts.index("wheel")] == 0  # the bounds go along
    np.testing.assert_allclose(again.coef_, estimator.coef_, atol=0.02)
    image, scores = students.images("holdout")[3], students.scores("holdout")[3:4]
    assert students.tuner.looks() == 0
    found = students.explain("bicycle", image)
    total = found.intercept + sum(part.logit for part in found.parts)
    assert total == pytest.approx(students.decision_function(scores)[0, 0], abs=1e-9)
    looks = (
        lambda: students.metrics("holdout"),
        lambda: students.changes("start", split="holdout"),
        lambda: students.predict("holdout"),
        lambda: students.concepts_of("bicycle", "holdout"),
        lambda: students.gallery("bicycle", "wheel", "holdout"),
        lambda: students.to_xarray("holdout"),
    )
    for count, look in enumerate(looks, start=2):
        look()
        assert students.tuner.looks() == count


def test_columns_are_named_as_in_the_csv_files_and_in_a_dataset(students):
    file = students_file(take_snapshot(students.tuner, students.node, "tune"), students.classes)
    header = file.content.decode().splitlines()[0].split(",")
    named = {"class", "student", "split"}
    assert {*students.metrics("tune").columns} - {"chosen_on"} == {*header} - named
    known = set(students.concepts_of("bicycle").columns) - {"ap_without"}
    own = students.student("bicycle", "tune")
    header = concepts_file(own.store, "tune", own, []).content.decode().splitlines()[0].split(",")
    assert known == {*header} - named - {"concept"}
    students.tune([("bicycle", "wheel", "remove"), ("bird", "fur", "down")])
    found = students.to_xarray("tune")
    logits = found.concept_score.astype(float) @ found.influence + found.intercept
    logits = logits.transpose("image", "class_name")
    np.testing.assert_allclose(found.student_logit, logits, atol=1e-9)
    assert list(found.image.values) == students.images("tune")
    removed = found.sel(class_name="bicycle", concept="wheel")
    assert removed.upper_bound == removed.lower_bound == 0
    limited = found.sel(class_name="bird", concept="fur")
    assert limited.upper_bound == students.node.bounds["bird", "fur"][1]
    assert np.isinf(limited.lower_bound)
    assert found.attrs["id"] == students.node.id
    apart = students.concepts_of("bicycle")["discrepancy_p"]
    sides = found.sel(class_name="bicycle")
    chosen = (sides.label == 1).values
    differ = ((sides.student_logit > 0) != (sides.teacher_logit > 0)).values
    scores = sides.concept_score.sel(concept=list(apart.index)).values
    expected = scores[chosen & differ].mean(axis=0) - scores[chosen & ~differ].mean(axis=0)
    np.testing.assert_allclose(apart, expected, atol=1e-6)


def test_html_in_a_notebook_is_escaped(tmp_path):
    arrays = small_arrays()
    arrays["concept"][0], arrays["class_name"][0] = "<b>wheel", "<i>bicycle"
    spec = small_spec(tmp_path, make=lambda: arrays, title="<s>title")
    students = open_students(spec, history=":memory:").fit()
    students.tune([("<i>bicycle", "<b>wheel", "remove")])
    given = (students, students.report(), students.history, students.suggest())
    for shown in (*given, students.estimator()):
        html = shown._repr_html_()
        assert "&lt;" in html
        assert not re.search(r"<s>title|<b>wheel|<i>bicycle", html)
