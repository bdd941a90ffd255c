"""Groups of near-equal images in folds, bootstrap draws, permutations and counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inficond_panel.distill import Outcome, metric_intervals
from inficond_panel.distill.metrics.bootstrap import FOLDS, draw_counts, stratified_folds
from inficond_panel.distill.metrics.groups import distinct, first_of, of_rows, part_means, parts_of
from inficond_panel.distill.metrics.permutation_tests import Luck, SliceTest
from inficond_panel.distill.metrics.top_class import TopClass
from inficond_panel.distill.suspects import UnseenLogits

groups = st.lists(st.integers(0, 8), min_size=2, max_size=40).map(np.array)


@given(groups, st.integers(0, 3))
def test_a_fold_holds_groups_whole(group, seed):
    label = np.arange(len(group))[:, None] % 3 == 0
    folds = stratified_folds(label, FOLDS, seed, group)
    assert all(len(set(folds[group == one])) == 1 for one in group)


def test_folds_of_groups_are_as_even_as_folds_of_images():
    group = np.repeat(np.arange(50), 2)
    label = np.repeat(np.arange(50) % 5 == 0, 2)[:, None]
    folds = stratified_folds(label, FOLDS, 0, group)
    assert np.bincount(folds[label[:, 0]]).tolist() == [4] * FOLDS  # ten groups of two positives


def test_images_alone_are_folded_as_without_groups():
    label = np.arange(30)[:, None] % 4 == 0
    expected = stratified_folds(label, FOLDS, 3)
    assert stratified_folds(label, FOLDS, 3, np.arange(30)).tolist() == expected.tolist()


@given(groups, st.integers(0, 3))
def test_a_draw_has_groups_whole(group, seed):
    counts = draw_counts(len(group), 7, seed, group)
    assert all(len(np.unique(counts[:, group == one], axis=1).T) == 1 for one in group)


def test_a_draw_has_as_many_groups_as_there_are():
    group = np.array([0, 0, 0, 1, 2, 2])
    first = [0, 3, 4]
    assert (draw_counts(6, 50, 0, group)[:, first].sum(axis=1) == 3).all()


def test_the_interval_of_copies_is_that_of_the_originals():
    rng = np.random.default_rng(0)
    label, logit = rng.integers(0, 2, 60), rng.normal(size=60)
    once = metric_intervals(Outcome(label, logit), ("accuracy",))["accuracy"]
    twice = Outcome(np.tile(label, 2), np.tile(logit, 2), group=np.tile(np.arange(60), 2))
    assert metric_intervals(twice, ("accuracy",))["accuracy"] == once


def test_the_interval_of_copies_without_groups_is_too_narrow():
    rng = np.random.default_rng(0)
    label, logit = rng.integers(0, 2, 60), rng.normal(size=60)
    width = [
        np.subtract(*[getattr(each, end) for end in ("high", "low")])
        for each in (
            metric_intervals(Outcome(np.tile(label, n), np.tile(logit, n)), ("accuracy",))[
                "accuracy"
            ]
            for n in (1, 4)
        )
    ]
    assert width[1] == pytest.approx(width[0] / 2, rel=0.2)  # the error of a mean of four times n


def test_some_images_of_a_group_may_be_alone():
    group = np.array([0, 0, 2, 3])
    assert of_rows(group, np.array([0, 2, 3])) is None


def test_positives_of_a_group_count_once():
    outcome = Outcome(np.array([1, 1, 0, -1, 1]), np.zeros(5), group=np.array([0, 0, 0, 3, 3]))
    assert (outcome.distinct(True), outcome.distinct(False)) == (2, 1)


def test_without_groups_each_image_counts():
    assert distinct(None, np.array([True, False, True])) == 2


def test_parts_are_images_of_equal_group_and_label():
    part = parts_of(np.array([7, 7, 2, 7]), np.array([1, 0, 1, 1]))
    assert (part[0] == part[3], len(set(part))) == (True, 3)


@given(groups)
def test_part_means_are_means_of_each_part(group):
    values = np.arange(len(group), dtype=float) ** 2
    part = parts_of(group, np.zeros(len(group)))
    expected = [values[group == one].mean() for one in group]
    np.testing.assert_allclose(part_means(values, part)[part], expected)


@given(groups)
def test_first_of_names_the_first_image_of_each_part(group):
    part = parts_of(group, np.zeros(len(group)))
    assert sorted(first_of(part)) == sorted({list(group).index(one) for one in group})


def test_separation_counts_copies_once():
    label, logits = np.array([1, 1, 1, 0, 0, 0]), np.array([[3.0, 1, 2, 0, -1, -2]])
    once = UnseenLogits(label, logits).separation
    group = np.tile(np.arange(6), 3)
    assert UnseenLogits(np.tile(label, 3), np.tile(logits, 3), group).separation == once


def test_equal_logits_have_no_separation_by_rounding():
    logits = np.full((1, 7), 0.1)  # means of 3 and of 4 of them differ in the last digit
    assert UnseenLogits(np.array([1, 1, 1, 0, 0, 0, 0]), logits).separation == (0.0, 0.0)


def test_permutations_move_copies_together():
    rng = np.random.default_rng(1)
    group = np.repeat(np.arange(40), 3)
    label = np.repeat(rng.integers(0, 2, 40), 3)
    outcome = Outcome(label, rng.normal(size=120), group=group)
    (block,) = Luck(outcome, "ap", 0)._places(120, 0, 8)
    places = block.reshape(len(block), 40, 3)
    assert (places == places[:, :, :1]).all()


def test_a_slice_of_copies_is_no_more_significant_than_its_originals():
    """Half of the images, with errors by chance: the same images five times must not be sure."""
    rng = np.random.default_rng(4)
    label, logit = rng.integers(0, 2, 60), rng.normal(size=60)
    member = np.arange(60) < 30
    values = Outcome(label, logit).values("accuracy", member[None].astype(np.uint8))[0]
    once = Luck(Outcome(label, logit), "accuracy", 0).first(SliceTest("cat", member, values))
    five = Outcome(np.repeat(label, 5), np.repeat(logit, 5), group=np.repeat(np.arange(60), 5))
    copies = SliceTest("cat", np.repeat(member, 5), values)
    assert Luck(five, "accuracy", 0).first(copies).p == once.p


def test_groups_of_named_classes_are_those_of_the_labelled_images():
    group = np.array([0, 0, 1, 1, 2])
    made = TopClass(np.array([0, 1, 1, 0, -1]), np.full((5, 2), 0.5), group=group)
    assert made.groups("top1").tolist() == [0, 0, 1, 1]
