"""Groups of images with one class each in which the teacher is less often right."""

import numpy as np
import pytest
from cameras import of_cameras
from scipy.special import softmax
from sklearn.metrics import accuracy_score

from inficond_panel.common.interval import Interval
from inficond_panel.results.reliances import reliances
from inficond_panel.results.teacher_accuracy import groups_less_often_right
from inficond_panel.wording.groups import teacher_accuracy_sentence


@pytest.fixture(scope="module")
def worse():
    return of_cameras(0, noise=5.0)


def test_the_group_is_found_and_no_lens(worse):
    assert [(each.column, each.group) for each in groups_less_often_right(worse.tuner)] == [
        ("camera", "old")
    ]


def test_its_accuracy_is_that_of_scikit_learn(worse):
    [found] = groups_less_often_right(worse.tuner)
    store = worse.tuner.store
    rows = store.rows("tune")
    rows = rows[np.array(store.column("camera"))[rows] == "old"]
    named = softmax(store.teacher_logit[rows], axis=1).argmax(axis=1)
    assert found.images == len(rows)
    assert found.accuracy.estimate == accuracy_score(store.label[rows].argmax(axis=1), named)


@pytest.mark.parametrize(("copies", "told"), [(0, "69 tuning images ("), (2, "without copies (")])
def test_the_sentence_says_where_copies_do_not_count(copies, told):
    accuracy = Interval(0.64, 0.52, 0.74)
    assert told in teacher_accuracy_sentence("camera: old", 69, accuracy, 0.78, copies=copies)


def test_the_doctor_tells_it_of_the_teacher(worse):
    rows = worse.doctor()["findings"].reset_index()
    [told] = rows[(rows["about"] == "teacher") & rows["kind"].str.contains("group")]["finding"]
    assert told.startswith("In “camera: old” the teacher's likeliest class is right in ")


def test_the_card_has_it(worse):
    told = [each["class"] for each in reliances(worse.tuner, worse.node)["teacher_groups"]]
    assert "" in told


def test_equal_cameras_are_rarely_called_worse():
    found = [groups_less_often_right(of_cameras(seed).tuner) for seed in range(1, 7)]
    assert sum(map(bool, found)) <= 1


def test_where_an_image_may_have_several_classes_nothing_is_tested():
    assert groups_less_often_right(of_cameras(0, noise=5.0, task="multi_label").tuner) == ()
