"""Whether the photos of one other class are why photos of two splits differ, by hand."""

import numpy as np
import pytest

from inficond_panel.distill.through_class import NONE_OF_THEM, at_equal_shares, through_class

#: Of 40 photos of a split the first 10 show class 0, the next 10 class 1.
LABEL = np.zeros((40, 2), dtype=int)
LABEL[:10, 0] = LABEL[10:20, 1] = 1


def values(of_class_0=0.0, of_class_1=0.0, rest=0.0):
    return np.repeat([of_class_0, of_class_1, rest], [10, 10, 20])[:, None].astype(float)


def found(fit, tune=None, **given):
    return through_class(fit, values() if tune is None else tune, LABEL, LABEL, **given).tolist()


def test_a_class_whose_photos_alone_moved_is_the_reason():
    assert found(values(of_class_1=1.0)) == [1]


def test_photos_that_all_moved_have_no_class_as_reason():
    assert found(values(1.0, 1.0, 1.0)) == [NONE_OF_THEM]


def test_less_than_half_of_the_difference_may_be_left():
    """All: (10 × 2 + 30 × 0.3) / 40 = 0.725; without class 0: 0.3, and its own: 2."""
    assert found(values(2.0, 0.3, 0.3)) == [0]


def test_more_than_half_may_not():
    """All: (10 × 2 + 30 × 0.5) / 40 = 0.875; without class 0: 0.5."""
    assert found(values(2.0, 0.5, 0.5)) == [NONE_OF_THEM]


def test_what_else_of_the_difference_stays_counts():
    """All 0.25, besides 1: without class 1 there is 1 left of 1.25."""
    assert found(values(of_class_1=1.0), besides=[1.0]) == [NONE_OF_THEM]


def test_a_class_of_which_there_are_fewer_photos_is_not_the_reason():
    """Fewer photos of class 1 move the mean, but its photos are the same."""
    fit, label = values(of_class_1=-4.0)[15:], LABEL[15:]
    few = through_class(fit, values(of_class_1=-4.0), label, LABEL)
    assert few.tolist() == [NONE_OF_THEM]


@pytest.mark.parametrize(("shown", "reason"), [(10, 1), (9, NONE_OF_THEM)])
def test_few_photos_of_a_class_say_nothing(shown, reason):
    label = LABEL.copy()
    label[10 + shown : 20, 1] = 0
    fit = values(of_class_1=1.0) * (label[:, 1:] == 1)
    assert through_class(fit, values(), label, label).tolist() == [reason]


def test_without_another_class_there_is_no_reason():
    none = np.zeros((40, 0), dtype=int)
    assert through_class(values(1.0), values(), none, none).tolist() == [NONE_OF_THEM]


def test_a_class_that_is_rarer_is_the_reason():
    """Its photos are the same in both splits; there are few on tune, so the mean of all falls."""
    fit, tune = np.repeat([3.0, 0.0], [40, 60])[:, None], np.repeat([3.0, 0.0], [12, 88])[:, None]
    labels = (fit > 0).astype(int), (tune > 0).astype(int)
    assert through_class(fit, tune, *labels, by_share=True)[0] == 0


def test_weights_give_each_class_the_share_that_it_has_in_the_training_photos():
    fit = np.repeat(np.eye(3), [40, 30, 30], axis=0)
    tune = np.repeat(np.eye(3), [10, 50, 40], axis=0)
    weights = at_equal_shares(fit, tune)
    shares = weights @ tune / weights.sum()
    np.testing.assert_allclose(shares, fit.mean(axis=0))


def test_shares_that_differ_by_chance_change_no_weight():
    fit = np.repeat(np.eye(2), [52, 48], axis=0)
    tune = np.repeat(np.eye(2), [47, 53], axis=0)
    assert (at_equal_shares(fit, tune) == 1).all()
