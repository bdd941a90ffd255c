"""Classes of which each image has one, ranked by all students together."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp
from sklearn.metrics import average_precision_score

import inficond_panel
from inficond_panel.results.doctor.ranked_together import RANKED_TOGETHER, ranked_together

CLASSES = [f"c{at}" for at in range(5)]


def students_of(folder, **settings):
    """Each class is the nearest of five places in a plane: one of them is between the others."""
    rng, ids = np.random.default_rng(0), [f"{at:04d}" for at in range(1500)]
    places = np.array([(0.0, 0.0), (2.0, 0.0), (-2.0, 0.0), (0.0, 2.0), (0.0, -2.0)])
    class_ = rng.integers(0, 5, 1500)
    scores = places[class_] + rng.normal(size=(1500, 2))
    logits = -((scores[:, None] - places) ** 2).sum(axis=2) / 2
    made = inficond_panel.from_frames(
        pd.DataFrame(scores, ids, ["across", "along"]),
        pd.DataFrame(logits, ids, CLASSES),
        pd.DataFrame(np.eye(5, dtype=int)[class_], ids, CLASSES),
        split=pd.Series(np.repeat(["fit", "tune"], [900, 600]), ids),
        path=folder / "own.zarr",
        **{"task": "single_label", "activation": "softmax", **settings},
    )
    return made.fit()


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    return students_of(tmp_path_factory.mktemp("places"))


def test_the_mean_ap_is_that_of_the_log_odds(students):
    tuner = students.tuner
    rows = tuner.store.rows("tune")
    logits, label = tuner.logits(students.node, rows), tuner.store.label[rows]
    others = [logsumexp(np.delete(logits, k, axis=1), axis=1) for k in range(5)]
    odds = logits - np.column_stack(others)
    found = ranked_together(tuner, students.node.id)
    for values, told in ((logits, found.alone), (odds, found.together)):
        each = [average_precision_score(label[:, k], values[:, k]) for k in range(5)]
        assert told == pytest.approx(np.mean(each))


def test_the_doctor_says_so_of_all_classes(students):
    kinds = students.doctor()["findings"]["kind"]
    assert RANKED_TOGETHER in [*kinds]


def test_the_doctor_does_not_say_so_of_one_class(students):
    assert RANKED_TOGETHER not in [*students.doctor(["c0"])["findings"]["kind"]]


def test_one_softmax_student_ranks_so_already(students):
    joint = students.with_settings(link="softmax").fit()
    assert ranked_together(joint.tuner, joint.node.id) is None


def test_with_several_classes_per_image_it_is_not_asked(tmp_path):
    made = students_of(tmp_path, task="multi_label", activation="sigmoid")
    assert ranked_together(made.tuner, made.node.id) is None
