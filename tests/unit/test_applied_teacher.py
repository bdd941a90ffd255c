"""The teacher of new photos decides as that of a store does, by its sigmoid or its softmax."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from scipy.special import logit, softmax

from precompute.teachers.applied import AppliedTeacher

OUTPUTS = np.array([[2.0, 0.5, 1.9], [-1.0, 3.0, 0.2]], np.float32)  # two classes, one other


def log_odds(outputs: np.ndarray, **how: bool) -> np.ndarray:
    """What a teacher of two classes says of two photos, whose network gives these outputs."""
    network = SimpleNamespace(
        preprocessing=SimpleNamespace(prepare=lambda _: np.zeros((3, 2, 2))),
        logits=lambda images: outputs[: len(images)],
    )
    return AppliedTeacher(network, 2, **how).log_odds([Image.new("RGB", (2, 2))] * 2)


def test_a_sigmoid_has_its_logits_and_a_softmax_is_over_other_classes_too():
    """Above 0 where the class is likelier than not, which its logit does not tell."""
    np.testing.assert_array_equal(log_odds(OUTPUTS[:, :2]), OUTPUTS[:, :2])
    found = log_odds(OUTPUTS, softmax=True)
    likely = softmax(OUTPUTS.astype(float), axis=1)[:, :2]
    assert found == pytest.approx(logit(likely), abs=1e-5)
    assert found[0, 0] < 0 < OUTPUTS[0, 0]
