"""Spelling suggestions."""

from __future__ import annotations

import pytest

from inficond_panel.common.near_words import near


@pytest.mark.parametrize(
    ("word", "choices", "expected"),
    [
        ("weel", ["sky", "wheel"], " Did you mean 'wheel'?"),
        ("WHEEL", ["sky", "Wheel"], " Did you mean 'Wheel'?"),
        ("xyz", ["sky", "wheel"], ""),
        ("weel", [], ""),
    ],
)
def test_the_nearest_choice_ends_a_message(word, choices, expected):
    assert near(word, choices) == expected


def test_several_choices_stand_best_first():
    assert near("layr1", ["layer1", "layer10", "head"], 2) == (
        " Did you mean 'layer1' or 'layer10'?"
    )
