"""Students refitted over the scores of a pocket, against the students of the store's own scores."""

import numpy as np
import pytest
from factory import small_spec
from frames import joint_spec
from scipy.special import expit

from inficond_panel.export.pocket.learn import refitted_students, used_concepts
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.vocabulary.splits import FIT

TARGET = "tuning: {refit: target}\n"


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


def test_a_thumb_changes_the_targets_by_the_scores_of_the_pocket(tmp_path):
    """t + sd · gain · max(0, z), where z are the pocket's scores, standardised."""
    tuner = open_tuner(small_spec(tmp_path, extra=TARGET), history=":memory:")
    name, concept = tuner.store.classes[0], tuner.store.concepts[3]
    node = tuner.fine_tune(tuner.root(), [Intent(name, concept, "up")])
    rng = np.random.default_rng(0)
    scores = tuner.store.scores_of(FIT).astype(np.float64).copy()
    scores[:, 3] = rng.permutation(scores[:, 3])
    found = tuner.data_at(node, scores).targets.values[:, 0]
    (thumb,) = tuner.terms(node)[name].adjusted
    z = (scores[:, 3] - scores[:, 3].mean()) / scores[:, 3].std()
    odds = tuner.store.teacher_log_odds[tuner.store.rows(FIT), 0].astype(np.float64)
    expected = expit(odds + odds.std() * 0.4 * np.maximum(z, 0))
    assert thumb.gain == 0.4
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_pocket_has_the_scores_of_its_thumbs(tmp_path):
    spec = small_spec(tmp_path, extra=f"{TARGET}students: {{lambda: 1.0e-2}}")
    tuner = open_tuner(spec, history=":memory:")
    unused = int(np.flatnonzero(~tuner.root().weights.any(axis=1))[0])
    edit = Intent(tuner.store.classes[0], tuner.store.concepts[unused], "remove")
    node = tuner.fine_tune(tuner.root(), [edit])
    assert not node.weights[unused].any()
    assert unused in used_concepts(tuner, node)


def test_a_score_that_does_not_vary_has_no_weight(tuner):
    node, used, scores = own(tuner)
    scores[:, 0] = 0.25
    made = refitted_students(tuner, node, scores, used)
    np.testing.assert_array_equal(made.weights[0], 0)
