"""Near words at the end of messages."""

import pytest

from inficond_panel.common.near_words import near


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("weel", " Did you mean 'wheel'?"),
        ("WEEL", " Did you mean 'wheel'?"),
        ("sky", " Did you mean 'Sky'?"),
        ("xylophone", ""),
        ("", ""),
    ],
)
def test_near_words(word, said):
    assert near(word, ["wheel", "Sky", "grass"]) == said


def test_nothing_is_near_without_choices():
    assert near("wheel", []) == ""
