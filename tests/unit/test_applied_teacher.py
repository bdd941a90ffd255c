"""The teacher of new photos decides as that of a store does, by its sigmoid or its softmax."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from scipy.special import logit, softmax

from precompute.teachers.applied import AppliedTeacher

OUTPUTS = np.array([[2.0, 0.5, 1.9], [-1.0, 3.0, 0.2]], np.float32)  # two classes, one other


def network(outputs: np.ndarray) -> SimpleNamespace:
    return SimpleNamespace(
        preprocessing=SimpleNamespace(prepare=lambda _: np.zeros((3, 2, 2))),
        logits=lambda images: outputs[: len(images)],
    )


PHOTOS = [Image.new("RGB", (2, 2))] * 2


def test_a_softmax_over_other_classes_too() -> None:
    """Above 0 where the class is likelier than not, which its logit does not tell."""
    found = AppliedTeacher(network(OUTPUTS), 2, softmax=True).log_odds(PHOTOS)
    likely = softmax(OUTPUTS.astype(float), axis=1)[:, :2]
    assert found == pytest.approx(logit(likely), abs=1e-5)
    assert found[0, 0] < 0 < OUTPUTS[0, 0]


def test_a_sigmoid_has_its_logits() -> None:
    found = AppliedTeacher(network(OUTPUTS[:, :2]), 2).log_odds(PHOTOS)
    np.testing.assert_array_equal(found, OUTPUTS[:, :2])
