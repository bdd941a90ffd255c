"""Knowledge points, their counts, and how they come and go over checkpoints."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from inficond_panel.errors import DataError
from inficond_panel.quantify.hypotheses import distance_travelled, kept_share, learned_at
from inficond_panel.quantify.knowledge_points import contrast, count_points, knowledge_points

ENTROPY = arrays(np.float32, (3, 4, 5), elements=st.floats(-4, 4, width=32))
MASK = arrays(bool, (3, 4, 5))


def test_contrast_is_the_mean_of_the_background_less_the_pixel():
    entropy = np.array([[[1.0, 2.0], [3.0, 6.0]]])
    mask = np.array([[[True, False], [False, False]]])
    # background 2, 3, 6: mean 11/3
    assert contrast(entropy, mask)[0] == pytest.approx(11 / 3 - entropy[0])
    points = knowledge_points(contrast(entropy, mask), b=1)
    assert points[0].tolist() == [[True, True], [False, False]]
    counts = count_points(points, mask)
    assert (counts.foreground[0], counts.background[0], counts.ratio[0]) == (1, 1, 0.5)


@given(ENTROPY, MASK)
def test_every_point_is_counted_once(entropy, mask):
    points = knowledge_points(contrast(entropy, mask))
    counts = count_points(points, mask)
    usable = mask.any((1, 2)) & ~mask.all((1, 2))
    total = counts.foreground + counts.background
    assert np.array_equal(total[usable], points[usable].sum((1, 2)))
    assert np.isnan(total[~usable]).all()
    ratio = counts.ratio[usable & (total > 0)]
    assert ((ratio >= 0) & (ratio <= 1)).all()
    assert np.isnan(counts.ratio[total == 0]).all()


@pytest.mark.parametrize("shape", [(3, 5, 4), (2, 4, 5), (4, 5)])
def test_masks_of_another_size_are_refused(shape):
    with pytest.raises(DataError, match="masks have shape"):
        contrast(np.zeros((3, 4, 5)), np.zeros(shape, bool))


def test_the_distance_travelled_is_the_sum_of_the_steps_over_the_first_size():
    weights = [
        {"a": np.array([3.0, 0.0]), "b": np.array([[4.0]])},  # size 5
        {"a": np.array([3.0, 3.0]), "b": np.array([[8.0]])},  # a step of 5
        {"a": np.array([3.0, 3.0]), "b": np.array([[6.0]])},  # a step of 2
    ]
    assert distance_travelled(weights) == pytest.approx([0, 1, 1.4])


@pytest.mark.parametrize("count", [0, 1])
def test_a_run_without_checkpoints_is_told(count):
    with pytest.raises(DataError, match="too few checkpoints"):
        distance_travelled([{"a": np.ones(2)}] * count)


def test_an_image_is_learned_where_it_first_has_most_points():
    counts = np.array([[1, 0, 5, np.nan], [4, 0, 5, 1], [4, 0, 2, 1]])
    found = learned_at(counts, np.array([0.5, 0.7, 1.1]))
    assert found == pytest.approx([0.7, np.nan, 0.5, np.nan], nan_ok=True)


def test_the_kept_share_is_of_all_points_that_ever_were():
    points = np.zeros((3, 2, 1, 4), bool)
    points[0, 0, 0, [0, 1]] = points[1, 0, 0, 2] = points[2, 0, 0, [1, 3]] = True
    mask = np.array([[[True, True, True, False]], [[True, True, True, True]]])
    # foreground points of image 0: {0, 1}, {2}, {1}: one of three is kept; image 1 has none
    assert kept_share(points, mask) == pytest.approx([1 / 3, np.nan], nan_ok=True)


@given(arrays(bool, (4, 2, 3, 3)), arrays(bool, (2, 3, 3)))
def test_the_kept_share_lies_between_0_and_1_and_is_1_for_points_that_stay(points, mask):
    share = kept_share(points, mask)
    defined = ~np.isnan(share)
    assert ((share[defined] >= 0) & (share[defined] <= 1)).all()
    growing = np.logical_or.accumulate(points, 0)
    kept = kept_share(growing, mask)
    assert (kept[~np.isnan(kept)] == 1).all()
