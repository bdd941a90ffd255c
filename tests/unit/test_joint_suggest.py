"""Thumbs by a machine on the joint student: each has room beside the bounds of other classes."""

from __future__ import annotations

import numpy as np
import pytest
from frames import SINGLE as CLASSES
from test_joint_students import joint_spec, tuner  # noqa: F401

from inficond_panel.tuning import Intent
from inficond_panel.tuning.suggest import carry_out, suggest
from inficond_panel.tuning.suggest.suggestion import ClassSuggestion, Gain
from inficond_panel.tuning.suggest.task import Task


@pytest.mark.parametrize(
    ("strategy", "direction"),
    [("random", "up"), ("random", "remove"), ("greedy", "remove"), ("crossfit", "up")],
)
def test_thumbs_have_room_beside_those_of_other_classes(tuner, strategy, direction):  # noqa: F811
    """Cat and dog hold two concepts, so that bird's weights of these are limited too."""
    held = [Intent(name, c, direction) for name in ("cat", "dog") for c in "ab"]
    node = tuner.fine_tune(tuner.root(), held)
    found = suggest(tuner, node, strategy=strategy, classes=["bird"], budget=2)
    assert found.scope == ("bird",)
    carry_out(tuner, found)


def test_the_room_of_a_class_is_what_the_others_leave(tuner):  # noqa: F811
    held = [Intent("bird", "a", "up", bound=1.0), Intent("cat", "a", "up", bound=0.5)]
    node = tuner.fine_tune(tuner.root(), [*held, Intent("bird", "b", "remove")])
    low, high = tuner.cures.class_fit(node, "dog").room()
    np.testing.assert_array_equal(low, -np.inf)
    np.testing.assert_array_equal(high, [-1.5, *[np.inf] * 4])
    moves = Task(tuner, node, tuner.store.rows("tune"), None, 5, 0).trial(2).moves((1.5,))
    assert [direction for direction, _ in moves.thumbs] == ["up", "down", "remove"]
    assert (moves.levels[0, 0] <= -1.5) == moves.moves[0, 0]
    assert not moves.moves[2, 0]


def test_classes_whose_bounds_cannot_be_kept_together_are_left_out(tuner):  # noqa: F811
    """By hand: of a concept's influences, which add up to 0, two may be lifted and no third."""
    task = Task(tuner, tuner.root(), tuner.store.rows("tune"), None, 5, 0)
    lifted = {
        name: ClassSuggestion((Intent(name, "a", "up", bound=1.0),), Gain(gain, 0, 1), ("",))
        for name, gain in zip(CLASSES, [0.01, 0.03, 0.02], strict=True)
    }
    assert list(task.together(lifted)) == ["cat", "dog"]
    assert task.skipped == {"bird": "its bounds and those of other classes cannot all be kept"}


def test_the_gain_expected_is_of_the_classes_that_are_not_left_out(tuner):  # noqa: F811
    left = 0
    for seed in range(4):
        found = suggest(tuner, strategy="random", seed=seed)
        assert carry_out(tuner, found) is not None
        total = sum(each.gain.estimate for each in found.classes.values())
        assert found.gain.estimate == pytest.approx(total / 3)
        left += len(found.skipped)
    assert left > 0


def test_other_bounds_of_a_joint_student_are_obeyed(tuner):  # noqa: F811
    bounds = {("cat", "a"): (0.0, 0.0), ("dog", "b"): (0.5, None)}
    found = tuner.cures.class_fit(tuner.root(), "dog", bounds=bounds)
    dog, _, cat = found.base.weights.T
    assert dog[1] >= 0.5 - 1e-9
    assert cat[0] == pytest.approx(0, abs=1e-9)
