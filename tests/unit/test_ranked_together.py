"""Classes of which each image has one, ranked by all students together."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp
from sklearn.metrics import average_precision_score

import inficond_panel
from inficond_panel.results.doctor.ranked_together import RANKED_TOGETHER, ranked_together
from inficond_panel.tuning.repairs.learn import Learn
from inficond_panel.vocabulary.intents import LABELS

CLASSES = [f"c{at}" for at in range(5)]


def students_of(folder, *, shuffled=False, **settings):
    """Each class is the nearest of five places in a plane: one of them is between the others."""
    rng, ids = np.random.default_rng(0), [f"{at:04d}" for at in range(1500)]
    places = np.array([(0.0, 0.0), (2.0, 0.0), (-2.0, 0.0), (0.0, 2.0), (0.0, -2.0)])
    class_ = rng.integers(0, 5, 1500)
    scores = places[class_] + rng.normal(size=(1500, 2))
    logits = -((scores[:, None] - places) ** 2).sum(axis=2) / 2
    labelled = rng.permutation(class_) if shuffled else class_
    made = inficond_panel.from_frames(
        pd.DataFrame(scores, ids, ["across", "along"]),
        pd.DataFrame(logits, ids, CLASSES),
        pd.DataFrame(np.eye(5, dtype=int)[labelled], ids, CLASSES),
        split=pd.Series(np.repeat(["fit", "tune"], [900, 600]), ids),
        path=folder / "own.zarr",
        **{"task": "single_label", "activation": "softmax", **settings},
    )
    return made.fit()


def mean_ap(tuner, logits):
    """The mean AP on tune by the log-odds of a softmax of logits (n, 5), by scikit-learn."""
    others = [logsumexp(np.delete(logits, k, axis=1), axis=1) for k in range(5)]
    label, odds = tuner.store.label[tuner.store.rows("tune")], logits - np.column_stack(others)
    return np.mean([average_precision_score(label[:, k], odds[:, k]) for k in range(5)])


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    return students_of(tmp_path_factory.mktemp("places"))


def test_the_mean_ap_is_that_of_the_log_odds(students):
    tuner = students.tuner
    logits = tuner.logits(students.node, tuner.store.rows("tune"))
    assert ranked_together(tuner, students.node.id).together == pytest.approx(
        mean_ap(tuner, logits)
    )


def test_the_doctor_says_so_of_all_classes(students):
    kinds = students.doctor()["findings"]["kind"]
    assert RANKED_TOGETHER in [*kinds]


def test_the_doctor_does_not_say_so_of_one_class(students):
    assert RANKED_TOGETHER not in [*students.doctor(["c0"])["findings"]["kind"]]


def test_labels_by_chance_are_ranked_no_better_together(tmp_path):
    """A control: the log-odds gain by what the classes are, not by their form."""
    made = students_of(tmp_path, shuffled=True)
    assert ranked_together(made.tuner, made.node.id) is None


def test_students_that_learned_the_labels_are_judged_by_images_that_they_have_not_seen(students):
    tuner = students.tuner
    node = tuner.fine_tune(students.node, [Learn("c0", LABELS, value=1.0)])
    unseen = np.column_stack([each.logits for each in tuner.at(node, "tune").values()])
    assert ranked_together(tuner, node.id).together == pytest.approx(mean_ap(tuner, unseen))


def test_one_softmax_student_ranks_so_already(students):
    joint = students.with_settings(link="softmax").fit()
    assert ranked_together(joint.tuner, joint.node.id) is None


def test_with_several_classes_per_image_it_is_not_asked(tmp_path):
    made = students_of(tmp_path, task="multi_label", activation="sigmoid", outputs="logits")
    assert ranked_together(made.tuner, made.node.id) is None
