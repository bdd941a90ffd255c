"""Formats of numbers and sizes, and undefined numbers."""

import math

import pytest

from inficond_panel.common.numbers import (
    bound,
    change_number,
    count,
    defined,
    factor,
    number,
    plain,
    points,
    share,
    short,
    signed,
    significant,
    size_text,
    written,
    written_range,
)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (signed(1.119), "+1.12"),
        (signed(-0.58), "−0.58"),
        (signed(-0.001), "0.00"),
        (signed(None), "–"),
        (number(0.7421), "0.742"),
        (number(math.nan), "–"),
        (points(0.019), "+1.9 points"),
        (points(-0.0001), "0.0 points"),
        (change_number(0.019, "points"), "+1.9 points"),
        (change_number(0.019), "+0.019"),
        (short(0.694), ".69"),
        (short(0.999), "1"),
        (short(0.0), ".00"),
        (short(10.25), "10.25"),
        (count(2476), "2,476"),
        (share(0.594), "59 %"),
        (factor(1.5), "×1.5"),
        (factor(2.0), "×2"),
        (bound(1.4, None), "≥ 1.40"),
        (bound(None, 0.75), "≤ 0.75"),
        (bound(0.0, 0.0), "= 0"),
        (bound(-1.0, 2.0), "≥ −1.00, ≤ 2.00"),
        (bound(None, None), ""),
        (count(1, "image"), "1 image"),
        (count(0, "image"), "0 images"),
        (count(2476, "image"), "2,476 images"),
        (written(0.12345), "0.123"),
        (written(-0.5, 1), "−0.5"),
        (written(-0.0001), "0.000"),
        (written(0.5, 1, sign=True), "+0.5"),
        (significant(-0.46), "−0.46"),
        (significant(0.000012345, 3), "1.23e−05"),
        (written(math.nan), "undefined"),
        (written(None), "undefined"),
        (written_range(0.79, 0.833), "[0.790, 0.833]"),
        (written_range(-0.003, 0.027, sign=True), "[−0.003, +0.027]"),
        (written_range(-1.0, 2.25, 1), "[−1.0, 2.2]"),
        (written_range(math.nan, 0.027), "undefined"),
        (size_text(0), "0 B"),
        (size_text(999), "999 B"),
        (size_text(1000), "1.0 kB"),
        (size_text(999_960), "1.0 MB"),
        (size_text(4.1e6), "4.1 MB"),
        (size_text(2.5e15), "2500.0 TB"),
    ],
)
def test_formats(shown, expected):
    assert shown == expected


def test_undefined_numbers_are_none():
    assert [defined(value) for value in (None, math.nan, math.inf, -math.inf)] == [None] * 4
    assert defined(2) == 2.0
    nested = {"a": [math.nan, 1.5, "nan"], "b": (math.inf, {"c": -math.inf}), "d": 3}
    assert plain(nested) == {"a": [None, 1.5, "nan"], "b": [None, {"c": None}], "d": 3}
