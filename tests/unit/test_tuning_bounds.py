"""Intents resolve to bounds that lie where the thumb points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from inficond_panel.errors import TuningError
from inficond_panel.tuning.thumbs import (
    STEP_FLOOR,
    Intent,
    bound,
    box,
    canonical,
    check_names,
    in_force,
    resolve,
    step_sizes,
)

CLASSES, CONCEPTS = ["cat", "dog"], ["ear", "fur", "sky"]


@pytest.mark.parametrize(
    ("direction", "w", "expected"),
    [
        ("up", 2.0, (6.0, None)),  # the paper's x·w
        ("down", 6.0, (None, 2.0)),  # the paper's w/x
        ("up", -2.0, (2.0, None)),  # -2 + 2·2: towards the thumb, not 3·(-2)
        ("down", -6.0, (None, -10.0)),  # -6 - (2/3)·6
        ("up", 0.0, (1.0, None)),  # 0 + 2·s
        ("down", 0.0, (None, -1 / 3)),  # 0 - (2/3)·s
        ("up", 0.25, (1.25, None)),  # |w| < s: s counts
        ("remove", 5.0, (0.0, 0.0)),
    ],
)
def test_formula_with_factor_3_and_step_one_half(direction, w, expected):
    intent = Intent("cat", "ear", direction).resolved(3.0)
    assert bound(intent, w, 0.5) == pytest.approx(expected)


def test_step_is_a_share_of_the_largest_untouched_weight():
    assert step_sizes(np.array([1.0, -8.0, 3.0]), 0.05) == pytest.approx([0.4] * 3)
    assert step_sizes(np.zeros(3), 0.05) == pytest.approx([STEP_FLOOR] * 3)


def test_the_step_on_scores_of_several_scales_is_one_effect():
    weights, spread = np.array([1.0, -8.0, 0.0]), np.array([100.0, 0.5, 2.0])
    # the largest effect is 1 × 100; 5 % of it are 5 logits per spread
    assert step_sizes(weights, 0.05, spread) == pytest.approx([0.05, 10, 2.5])
    assert step_sizes(np.zeros(3), 0.05, spread) == pytest.approx(STEP_FLOOR / spread)


def _resolve(reference, *intents, parent=None):
    original = np.array([[4.0, 0.0], [-1.0, 10.0], [0.0, 0.0]])
    return resolve(
        canonical(intents, 2.0),
        classes=CLASSES,
        concepts=CONCEPTS,
        parent=original if parent is None else parent,
        original=original,
        reference=reference,
        step=0.05,
    )


def test_reference_parent_goes_on_from_the_parent_and_original_does_not():
    parent = np.array([[8.0, 0.0], [-1.0, 10.0], [0.0, 0.0]])
    intent = Intent("cat", "ear", "up")
    assert _resolve("parent", intent, parent=parent) == {("cat", "ear"): (16.0, None)}
    assert _resolve("original", intent, parent=parent) == {("cat", "ear"): (8.0, None)}


def test_later_bound_replaces_the_earlier_and_the_others_stay():
    earlier = {("cat", "ear"): (8.0, None), ("dog", "fur"): (0.0, 0.0)}
    later = {("cat", "ear"): (None, 4.0)}
    assert in_force(earlier, later) == {("cat", "ear"): (None, 4.0), ("dog", "fur"): (0.0, 0.0)}


def test_box_holds_the_bounds_of_the_classes_that_are_solved():
    bounds = {("cat", "ear"): (8.0, None), ("dog", "fur"): (None, 3.0), ("dog", "sky"): (0.0, 0.0)}
    lower, upper = box(bounds, ["dog"], CONCEPTS)
    assert lower.tolist() == [[-np.inf], [-np.inf], [0.0]]
    assert upper.tolist() == [[np.inf], [3.0], [0.0]]


@given(direction=st.sampled_from(["up", "down", "remove"]), x=st.none() | st.floats(1.001, 1e6))
def test_json_round_trip(direction, x):
    x = None if direction == "remove" else x
    intent = Intent("tv monitor", "wheel", direction, x)
    assert Intent.from_json(intent.to_json()) == intent
    assert set(intent.to_json()) == {"class", "concept", "direction", "factor"}


@given(st.floats())
def test_factor_must_be_finite_and_above_one(x):
    assume(not 1 < x < np.inf)
    with pytest.raises(TuningError, match="factor"):
        Intent("cat", "ear", "up", x)


def test_unknown_words_come_with_the_nearest():
    with pytest.raises(TuningError, match="Did you mean 'remove'"):
        Intent("cat", "ear", "removed")
    with pytest.raises(TuningError, match=r"no concept 'eer'.*Did you mean 'ear'"):
        check_names([Intent("cat", "eer", "up")], CLASSES, CONCEPTS)
    with pytest.raises(TuningError, match=r"no class 'Dog'.*Did you mean 'dog'"):
        check_names([Intent("Dog", "ear", "up")], CLASSES, CONCEPTS)


def test_factor_that_no_number_can_hold_is_refused():
    with pytest.raises(TuningError, match="'cat' on 'dog'") as caught:
        bound(Intent("dog", "cat", "up", 1e308), 100.0, 1.0)
    assert caught.value.remedy
    assert bound(Intent("dog", "cat", "down", 1e308), 100.0, 1.0) == (None, 0.0)
