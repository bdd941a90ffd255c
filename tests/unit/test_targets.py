"""Targets that the students are fitted to, as frame and file, against the formula by hand."""

import json

import numpy as np
import pandas as pd
import pytest
from factory import oracle_spec, small_spec
from frames import joint_spec
from more_factory import added_part
from scipy.special import expit

from inficond_panel import TunableStudents, open_students
from inficond_panel.store.more_photos import more_photos
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.repairs.label import Label
from inficond_panel.tuning.repairs.learn import Learn
from inficond_panel.tuning.thumb_targets import LOWER_GAIN, RAISE_GAIN

pytestmark = pytest.mark.commands

TARGET = "tuning: {refit: target}\n"
NAME, CONCEPT = "bicycle", "wheel"
UP, DOWN = RAISE_GAIN, -LOWER_GAIN / 2  #: gains of thumbs by 2


def students_of(folder, extra=TARGET) -> TunableStudents:
    return TunableStudents(open_tuner(small_spec(folder, extra=extra), history=":memory:"))


@pytest.fixture
def students(tmp_path) -> TunableStudents:
    return students_of(tmp_path)


def by_class(frame: pd.DataFrame, name: str = NAME) -> pd.DataFrame:
    return frame.xs(name, level="class")


def adjusted_by_hand(store, gain: float, rows=None) -> np.ndarray:
    """sigmoid(t + sd · gain · max(0, z)), with sd and z standardised on fit."""
    fit, c = store.rows("fit"), store.concepts.index(CONCEPT)
    rows = fit if rows is None else rows
    t, score = store.teacher_logit[:, 0].astype(float), store.concept_score[:, c].astype(float)
    z = (score - score[fit].mean()) / score[fit].std()
    return expit(t[rows] + t[fit].std() * np.clip(gain * np.maximum(z[rows], 0), -3, 3))


def test_without_thumbs_the_student_is_fitted_to_the_teacher(students):
    frame = by_class(students.targets())
    store = students.tuner.store
    rows = store.rows("fit")
    assert list(frame.index) == [store.images[row] for row in rows]
    np.testing.assert_allclose(frame["teacher"], expit(store.teacher_logit[rows, 0].astype(float)))
    np.testing.assert_array_equal(frame["adjusted"], frame["teacher"])


@pytest.mark.parametrize(
    ("thumb", "gain"),
    [(("up", 2.0), UP), (("up", 3.0), 2 * UP), (("down", 2.0), DOWN), (("remove",), DOWN)],
)
def test_a_thumb_adjusts_the_targets_of_its_class(students, thumb, gain):
    frame = by_class(students.tune([(NAME, CONCEPT, *thumb)]).targets())
    expected = adjusted_by_hand(students.tuner.store, gain)
    np.testing.assert_allclose(frame["adjusted"], expected, atol=1e-5)


def test_the_teacher_beside_a_thumb_is_as_it_is(students):
    before = students.targets()["teacher"]
    pd.testing.assert_series_equal(students.up(NAME, CONCEPT).targets()["teacher"], before)


def test_targets_of_other_classes_are_the_teachers(students):
    frame = by_class(students.up(NAME, CONCEPT).targets(), "bird")
    np.testing.assert_array_equal(frame["adjusted"], frame["teacher"])


def test_an_earlier_iteration_has_its_own_targets(students):
    root = students.targets()
    students.up(NAME, CONCEPT)
    pd.testing.assert_frame_equal(students.targets(node=0), root)


def test_temperature_divides_the_adjusted_log_odds(tmp_path):
    extra = f"{TARGET}students: {{lambda: 1.0e-4, temperature: 2}}\n"
    students = students_of(tmp_path, extra).up(NAME, CONCEPT, 2.0)
    odds = np.log(p := adjusted_by_hand(students.tuner.store, UP)) - np.log1p(-p)
    np.testing.assert_allclose(by_class(students.targets())["adjusted"], expit(odds / 2), atol=1e-5)


def test_learned_photos_follow_with_their_source(students):
    store = students.tuner.store
    frame = by_class(students.tune([Learn(NAME, "labels", 0.5)]).targets())
    learned = frame[frame["source"] == "learn labels"]
    rows = store.rows("tune")
    known = rows[store.label[rows, 0] >= 0]
    assert list(learned.index) == [store.images[row] for row in known]
    np.testing.assert_array_equal(learned["adjusted"], store.label[known, 0])
    np.testing.assert_allclose(
        learned["teacher"], expit(store.teacher_logit[known, 0].astype(float))
    )
    assert set(learned["weight"]) == {0.5}


def test_photos_that_learn_from_the_teacher_are_adjusted(students):
    store = students.tuner.store
    students.tune([Learn(NAME, "teacher", 1.0)]).up(NAME, CONCEPT, 2.0)
    frame = by_class(students.targets())
    learned = frame.loc[frame["source"] == "learn teacher", "adjusted"]
    np.testing.assert_allclose(learned, adjusted_by_hand(store, UP, store.rows("tune")), atol=1e-5)


def test_added_photos_are_adjusted_beside_their_teacher(students):
    part = added_part(students.tuner.store, 9)
    students.tune([Learn(NAME, "more", 1.0)]).up(NAME, CONCEPT, 2.0)
    frame = by_class(students.targets())
    learned, store = frame[frame["source"] == "learn more"], students.tuner.store
    assert len(learned) == part.images == 9
    more, fit, c = more_photos(store), store.rows("fit"), store.concepts.index(CONCEPT)
    t, score = more.teacher_logit[:, 0].astype(float), store.concept_score[fit, c].astype(float)
    z = (more.score[:, c] - score.mean()) / score.std()
    sd = store.teacher_logit[fit, 0].astype(float).std()
    np.testing.assert_allclose(learned["teacher"], expit(t))
    expected = expit(t + sd * UP * np.maximum(z, 0))
    np.testing.assert_allclose(learned["adjusted"], expected, atol=1e-5)


def test_a_label_of_a_person_is_a_row_of_its_class_alone(students):
    image = students.images("fit")[3]
    frame = students.tune([Label(NAME, image, 1)]).targets()
    (row,) = frame[frame["source"] == "label"].reset_index().to_dict("records")
    assert (row["image"], row["class"], row["adjusted"]) == (image, NAME, 1.0)


def test_labels_of_the_store_are_mixed_in_after_thumbs(tmp_path):
    extra = f"{TARGET}students: {{lambda: 1.0e-4, labels: {{alpha: 3}}}}\n"
    students = students_of(tmp_path, extra).up(NAME, CONCEPT, 2.0)
    store, frame = students.tuner.store, by_class(students.targets())
    label, soft = store.label[store.rows("fit"), 0], adjusted_by_hand(students.tuner.store, UP)
    expected = np.where(label < 0, soft, (label + 3 * soft) / 4)
    np.testing.assert_allclose(frame["adjusted"], expected, atol=1e-5)


def test_targets_of_a_softmax_student_sum_to_1(tmp_path):
    students = open_students(joint_spec(tmp_path), history=":memory:")
    frame = students.targets()[["teacher", "adjusted"]].groupby("image").sum()
    np.testing.assert_allclose(frame, 1, atol=1e-12)


def test_an_oracles_targets_stand_beside_the_teachers(tmp_path):
    students = open_students(oracle_spec(tmp_path), history=":memory:")
    frame = by_class(students.with_settings(targets="oracle").targets())
    store = students.tuner.store
    rows = store.rows("fit")
    oracle = expit(
        store.teacher_logit[rows, 0] + 2 * (2.0 * np.maximum(store.label[rows, 0], 0) - 1)
    )
    np.testing.assert_allclose(frame["adjusted"], oracle, atol=1e-5)
    np.testing.assert_allclose(frame["teacher"], expit(store.teacher_logit[rows, 0].astype(float)))


# --- as a file ------------------------------------------------------------------------------------
def test_a_command_writes_the_rows_of_the_frame_as_csv(run, spec_file, tmp_path):
    file = tmp_path / "targets.csv"
    status, out, _ = run("export", spec_file, "--targets", file, "--json")
    assert (status, json.loads(out)["targets"]) == (0, str(file))
    expected = open_students(spec_file).targets()
    found = pd.read_csv(file, dtype={"image": str}).set_index(["image", "class"])
    pd.testing.assert_frame_equal(found, expected, check_exact=True, check_dtype=False)


def test_a_command_writes_parquet(run, spec_file, tmp_path):
    pytest.importorskip("pyarrow")
    assert run("export", spec_file, "--targets", tmp_path / "targets.parquet")[0] == 0
    found = pd.read_parquet(tmp_path / "targets.parquet")
    np.testing.assert_array_equal(found["adjusted"], open_students(spec_file).targets()["adjusted"])


def test_a_command_writes_students_beside_targets(run, spec_file, tmp_path):
    file, folder = tmp_path / "targets.csv", tmp_path / "out"
    run("export", spec_file, "--targets", file, "--format", "npz", "--output", folder)
    assert file.exists()
    assert (folder / "students.npz").exists()


@pytest.mark.parametrize("name", ["targets", "targets.xlsx"])
def test_another_kind_of_file_is_refused_in_words(run, spec_file, tmp_path, name):
    status, _, told = run("export", spec_file, "--targets", tmp_path / name)
    assert (status, (tmp_path / name).exists()) == (1, False)
    assert ".csv or .parquet" in told


def test_an_export_of_nothing_is_refused_in_words(run, spec_file):
    status, _, told = run("export", spec_file)
    assert (status, "nothing to export" in told) == (1, True)
