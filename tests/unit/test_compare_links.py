"""``inficond compare --link``: students per class and one softmax student, against scikit-learn."""

import numpy as np
import pytest
from factory import small_spec
from frames import JOINT_L1, joint_spec
from pandas.testing import assert_frame_equal
from scipy.special import expit
from sklearn.metrics import average_precision_score, balanced_accuracy_score

from inficond_panel.results.distillations import compare_links
from inficond_panel.tuning import open_tuner

pytestmark = pytest.mark.commands


def probability(tuner, link):
    """Linear outputs and probabilities of one link on tune, from the node's weights alone."""
    store = tuner.store
    root = tuner.with_students(link=link).root()
    linear = store.concept_score[store.rows("tune")].astype(float) @ root.weights + root.intercepts
    raw = np.exp(linear) if link == "softmax" else expit(linear)
    return linear, raw / raw.sum(axis=1, keepdims=True)


def by_hand(tuner, link):
    store = tuner.store
    rows = store.rows("tune")
    linear, p = probability(tuner, link)
    label = store.label[rows]
    truth, likeliest = label.argmax(1), p.argmax(1)
    right, largest = likeliest == truth, p.max(axis=1)
    bins = np.minimum((largest * 15).astype(int), 14)
    gaps = [abs((right[bins == b] - largest[bins == b]).sum()) for b in range(15)]
    order = p if link == "softmax" else linear  # AP ranks by each class's own logit
    return {
        "top1": right.mean(),
        "balanced_accuracy": balanced_accuracy_score(truth, likeliest),
        "top_ece": sum(gaps) / len(rows),
        "agreement": (likeliest == store.teacher_logit[rows].argmax(1)).mean(),
        "ap": np.mean([average_precision_score(label[:, k], order[:, k]) for k in range(3)]),
    }


def test_links_have_the_metrics_of_another_implementation_and_paired_differences(tmp_path):
    tuner = open_tuner(joint_spec(tmp_path, images=400, others=0), history=":memory:")
    found = compare_links(tuner, draws=100)
    expected = {link: by_hand(tuner, link) for link in ("sigmoid", "softmax")}
    for link, values in expected.items():
        assert found[link].to_dict() == pytest.approx(values)
    for key, change in found["change"].items():
        assert change == pytest.approx(expected["softmax"][key] - expected["sigmoid"][key])
    assert found.loc["agreement", "softmax"] > 1 / 3
    assert np.isnan(found.loc["agreement", "teacher"])
    facts = found.attrs["facts"]
    assert (facts["images"], facts["labelled"]) == (100, 100)
    assert facts["links"]["softmax"]["gap"] <= 1e-6
    # Images are drawn for both at once: the limits are those of the mean of each one's change.
    truth = tuner.store.label[tuner.store.rows("tune")].argmax(1)
    links = ("sigmoid", "softmax")
    first, second = (probability(tuner, link)[1].argmax(axis=1) == truth for link in links)
    gained = second.astype(float) - first
    rng = np.random.default_rng(0)
    drawn = [gained[rng.integers(len(gained), size=len(gained))].mean() for _ in range(100)]
    limits = found.loc["top1", ["change_low", "change_high"]]
    np.testing.assert_allclose(limits.astype(float), np.quantile(drawn, [0.025, 0.975]))
    again = compare_links(tuner, draws=100)  # from the history, on the same draws
    assert_frame_equal(again, found)


def test_students_that_cannot_be_one_softmax_are_told(run, tmp_path):
    for students, told in (
        ("", "task: single_label"),  # of several classes an image
        ("solver: paper", "'link' of students with solver: paper"),
        (f"l2: 0.1, lambda: {JOINT_L1}", "students.l2 is not used with link: softmax"),
        ("lambda: 0", "above 0"),
    ):
        spec = joint_spec(tmp_path) if students else small_spec(tmp_path)
        if students:
            spec.write_text(f"title: Own\nstore: own.zarr\nstudents: {{{students}}}\n")
        status, _, err = run("compare", spec, "--link", "--output", tmp_path / "out")
        assert status != 0
        assert told in err
        assert "Traceback" not in err
        assert not (tmp_path / "out").exists()
