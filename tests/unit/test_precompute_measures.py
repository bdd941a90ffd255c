"""Measures of segments by hand."""

import numpy as np
import pytest
from segment_parts.measures import (
    achievable_accuracy,
    boundary_recall,
    consistency,
    innermost,
    undersegmentation_error,
)

TRUTH = np.array([[0, 0, 0, 1, 1, 1]] * 4)


def test_the_truth_itself_is_perfect():
    assert boundary_recall(TRUTH, TRUTH, 0) == 1
    assert achievable_accuracy(TRUTH, TRUTH) == 1
    assert undersegmentation_error(TRUTH, TRUTH) == 0


def test_one_segment_for_all():
    whole = np.zeros_like(TRUTH)
    assert boundary_recall(whole, TRUTH) == 0
    assert boundary_recall(TRUTH, whole) == 1  # the truth has no boundary
    assert achievable_accuracy(whole, TRUTH) == 0.5
    assert undersegmentation_error(whole, TRUTH) == 1  # 12 pixels for each of two regions


def test_a_boundary_a_pixel_off():
    off = np.array([[5, 5, 5, 5, 9, 9]] * 4)
    assert boundary_recall(off, TRUTH, 0) == 0
    assert boundary_recall(off, TRUTH, 1) == 1
    assert achievable_accuracy(off, TRUTH) == pytest.approx(20 / 24)
    # segment 5 leaks 4 pixels over region 1's rim: min(12, 4) for region 0, min(4, 12) for region 1
    assert undersegmentation_error(off, TRUTH) == pytest.approx(8 / 24)


def test_cutting_up_costs_no_accuracy():
    fine = np.arange(24).reshape(4, 6)
    assert achievable_accuracy(fine, TRUTH) == 1
    assert undersegmentation_error(fine, TRUTH) == 0


def test_innermost_is_far_from_the_rim_also_of_the_image():
    mask = np.zeros((7, 9), dtype=bool)
    mask[:5, :5] = True
    mask[2, 5:] = True
    assert innermost(mask) == (2, 2)


def test_consistency_is_the_share_of_places_that_embed_like_their_own_region():
    embedded = np.zeros((2, 4, 2))
    embedded[:, :2, 0] = embedded[:, 2:, 1] = 3  # the regions' halves; no unit vectors
    truth = np.repeat([[0, 0, 0, 0, 5, 5, 5, 5]], 6, 0)
    assert consistency(embedded, truth) == 1
    embedded[0, 0] = [0, 1]  # one of eight looks like the other region
    assert consistency(embedded, truth) == 7 / 8
    assert consistency(embedded, np.zeros_like(truth)) == 1
