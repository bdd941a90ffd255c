"""Students refitted over the scores of a pocket, against the students of the store's own scores."""

import numpy as np
import pytest
from factory import small_spec
from frames import joint_spec

from inficond_panel.export.pocket.learn import refitted_students
from inficond_panel.tuning import open_tuner
from inficond_panel.vocabulary.splits import FIT


@pytest.fixture(scope="module", params=["sigmoid", "softmax"])
def tuner(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("refit")
    make = joint_spec if request.param == "softmax" else small_spec
    return open_tuner(make(folder), history=":memory:")


def own(tuner):
    """The root, the indices of its used concepts, and their scores on fit."""
    node = tuner.root()
    used = np.flatnonzero((node.weights != 0).any(axis=1))
    return node, used, tuner.store.scores_of(FIT)[:, used].astype(np.float64)


def logits(made, scores):
    linear = scores @ made.weights + made.intercepts
    return linear - linear.mean(axis=1, keepdims=True)


def test_over_the_own_scores_they_are_the_students(tuner):
    node, used, scores = own(tuner)
    made = refitted_students(tuner, node, scores, used)
    np.testing.assert_allclose(made.weights, node.weights[used], atol=2e-2)


def test_the_scale_of_a_score_does_not_matter(tuner):
    node, used, scores = own(tuner)
    plain = refitted_students(tuner, node, scores, used)
    scale = np.linspace(0.3, 1, len(used))
    shrunk = scores * scale
    made = refitted_students(tuner, node, shrunk, used)
    np.testing.assert_allclose(logits(made, shrunk), logits(plain, scores), atol=1e-2)


def test_a_score_that_does_not_vary_has_no_weight(tuner):
    node, used, scores = own(tuner)
    scores[:, 0] = 0.25
    made = refitted_students(tuner, node, scores, used)
    np.testing.assert_array_equal(made.weights[0], 0)
