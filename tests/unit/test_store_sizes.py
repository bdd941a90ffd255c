"""Sizes in words."""

import pytest

from inficond_panel.common.numbers import size_text


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_960, "1.0 MB"), (4.1e6, "4.1 MB")],
)
def test_a_size_has_the_unit_that_fits(count, words):
    assert size_text(count) == words


def test_no_unit_is_larger_than_the_last():
    assert size_text(2.5e15) == "2500.0 TB"
