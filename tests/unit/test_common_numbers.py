"""Formats of numbers and sizes, and undefined numbers."""

import math

import pytest

from inficond_panel.common import numbers


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (numbers.signed(1.119), "+1.12"),
        (numbers.signed(-0.58), "−0.58"),
        (numbers.signed(-0.001), "0.00"),
        (numbers.signed(None), "–"),
        (numbers.number(0.7421), "0.742"),
        (numbers.number(math.nan), "–"),
        (numbers.points(0.019), "+1.9 points"),
        (numbers.points(-0.0001), "0.0 points"),
        (numbers.change_number(0.019, "points"), "+1.9 points"),
        (numbers.change_number(0.019), "+0.019"),
        (numbers.short(0.694), ".69"),
        (numbers.short(0.999), "1"),
        (numbers.short(0.0), ".00"),
        (numbers.short(10.25), "10.25"),
        (numbers.count(2476), "2,476"),
        (numbers.share(0.594), "59 %"),
        (numbers.share(0.2016, 1), "20.2 %"),
        (numbers.share_range(0.021, 0.07), "2 to 7 %"),
        (numbers.share_range(0.0, 0.004), "0 %"),
        (numbers.factor(1.5), "×1.5"),
        (numbers.factor(2.0), "×2"),
        (numbers.bound(1.4, None), "≥ 1.40"),
        (numbers.bound(None, 0.75), "≤ 0.75"),
        (numbers.bound(0.0, 0.0), "= 0"),
        (numbers.bound(-1.0, 2.0), "≥ −1.00, ≤ 2.00"),
        (numbers.bound(None, None), ""),
        (numbers.count(1, "image"), "1 image"),
        (numbers.count(0, "image"), "0 images"),
        (numbers.count(2476, "image"), "2,476 images"),
        (numbers.count(1, "class"), "1 class"),
        (numbers.count(2, "class"), "2 classes"),
        (numbers.written(0.12345), "0.123"),
        (numbers.written(-0.5, 1), "−0.5"),
        (numbers.written(-0.0001), "0.000"),
        (numbers.written(0.5, 1, sign=True), "+0.5"),
        (numbers.significant(-0.46), "−0.46"),
        (numbers.significant(0.000012345, 3), "1.23e−05"),
        (numbers.written(math.nan), "undefined"),
        (numbers.written(None), "undefined"),
        (numbers.written_range(0.79, 0.833), "[0.790, 0.833]"),
        (numbers.written_range(-0.003, 0.027, sign=True), "[−0.003, +0.027]"),
        (numbers.written_range(-1.0, 2.25, 1), "[−1.0, 2.2]"),
        (numbers.written_range(math.nan, 0.027), "undefined"),
        (numbers.size_text(0), "0 B"),
        (numbers.size_text(999), "999 B"),
        (numbers.size_text(1000), "1.0 kB"),
        (numbers.size_text(999_960), "1.0 MB"),
        (numbers.size_text(4.1e6), "4.1 MB"),
        (numbers.size_text(2.5e15), "2500.0 TB"),
    ],
)
def test_formats(shown, expected):
    assert shown == expected


def test_undefined_numbers_are_none():
    assert [numbers.defined(value) for value in (None, math.nan, math.inf, -math.inf)] == [None] * 4
    assert numbers.defined(2) == 2.0
    nested = {"a": [math.nan, 1.5, "nan"], "b": (math.inf, {"c": -math.inf}), "d": 3}
    assert numbers.plain(nested) == {"a": [None, 1.5, "nan"], "b": [None, {"c": None}], "d": 3}


def test_half_a_percent_is_rounded_up_as_the_browser_does():
    assert (numbers.share(1 / 40), numbers.share(3 / 200)) == ("3 %", "2 %")
