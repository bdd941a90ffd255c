"""What the door for tables tells people who come from pandas and scikit-learn."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from frames import frames, single_frames
from sklearn.calibration import CalibratedClassifierCV

from inficond_panel import ConceptStudents, from_frames
from inficond_panel.errors import DataError, ExportError, TuningError
from inficond_panel.results.distillations import (
    DistillationSetting,
    compare_links,
    compare_settings,
)


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    return from_frames(**frames(), path=tmp_path_factory.mktemp("told") / "own.zarr").fit()


@pytest.fixture(scope="module")
def without_holdout(tmp_path_factory):
    given = frames()
    given["split"] = given["split"].replace("holdout", "tune")
    return from_frames(**given, path=tmp_path_factory.mktemp("told") / "two.zarr").fit()


@pytest.mark.parametrize("how", [pickle.dumps, copy.copy, copy.deepcopy])
def test_opened_students_say_how_to_keep_them_instead_of_a_pickle(students, how):
    with pytest.raises(TuningError, match=r"cannot be pickled or copied(.|\n)*open_students"):
        how(students)


@pytest.mark.parametrize("split", [None, {"fit": 0.6, "tune": 0.2, "holdout": 0.2}])
def test_without_splits_the_error_divides_a_table(split):
    given = frames()
    with pytest.raises(DataError, match=r"needs the split of each image") as told:
        from_frames(given["scores"], given["logits"], given["labels"], split=split)
    line = told.value.remedy.split("split = ")[1].partition(". Rows")[0]
    names = {"pandas": pd, "numpy": np, "scores": given["scores"]}
    divided = eval(line, names)
    assert from_frames(given["scores"], given["logits"], given["labels"], split=divided)


@pytest.mark.parametrize("seen", ["metrics", "decision_function"])
def test_a_holdout_without_images_is_named(without_holdout, seen):
    with pytest.raises(TuningError, match="no images of the split holdout"):
        getattr(without_holdout, seen)("holdout")


def test_settings_are_not_compared_on_a_holdout_without_images(without_holdout):
    tuner = without_holdout.tuner
    with pytest.raises(TuningError, match="no images of the split holdout"):
        compare_settings(tuner, [DistillationSetting.of(tuner.spec.students)], "holdout")
    assert tuner.looks() == 0


def test_links_are_not_compared_on_a_holdout_without_images():
    given = single_frames()
    given["split"] = given["split"].replace("holdout", "tune")
    tuner = from_frames(**given).fit().tuner
    with pytest.raises(TuningError, match="no images of the split holdout"):
        compare_links(tuner, "holdout")


def test_the_json_format_is_named(students, tmp_path):
    with pytest.raises(ExportError, match="sklearn is the JSON file"):
        students.export(tmp_path, "json")


@pytest.mark.parametrize("outputs", [None, "probabilities"])
def test_percentages_are_called_so(outputs):
    given = frames()
    given["logits"] = 100 / (1 + np.exp(-given["logits"]))
    with pytest.raises(DataError, match="if they are percentages, divide them by 100"):
        from_frames(**given, outputs=outputs)


def test_calibration_is_named_where_it_cannot_work():
    given = frames()
    students = CalibratedClassifierCV(ConceptStudents(1e-3, y_kind="probabilities"))
    with pytest.raises(AttributeError, match="CalibratedClassifierCV"):
        students.fit(given["scores"], given["labels"]["bird"])


def test_the_least_edit_prints_as_a_sentence(students):
    edit = students.explain("bird", students.images("tune")[0]).edit
    assert repr(edit).endswith("would change too.")
