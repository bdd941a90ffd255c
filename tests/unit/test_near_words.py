"""Spelling suggestions."""

from __future__ import annotations

import pytest

from inficond_panel.common.near_words import missing, near, unknown


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


def test_what_is_unknown_is_one_sentence_and_the_remedy_names_what_there_is():
    assert unknown("metric", "app", ["ap", "f1"]) == (
        "There is no metric 'app'. Did you mean 'ap'?",
        "There are: ap, f1.",
    )
    assert unknown("word", "zzz", map(str, range(14)))[1] == (
        "There are: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, and 2 more."
    )
    assert unknown("typed concept", "moss", [])[1] == "There are: none."
    assert missing("class", "dgo", ["dog"], "in the store") == (
        "There is no class 'dgo' in the store. Did you mean 'dog'?"
    )


def test_several_choices_stand_best_first():
    assert near("layr1", ["layer1", "layer10", "head"], 2) == (
        " Did you mean 'layer1' or 'layer10'?"
    )
