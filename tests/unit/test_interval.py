"""An interval writes itself: text, cells, changes, JSON and columns."""

import json
from math import nan

import pytest

from inficond_panel.common.interval import NO_INTERVAL, Interval

WIDE, ALONE = Interval(0.5, 0.25, 0.75), Interval(0.5, nan, nan)
SMALL = Interval(0.00019, -0.001, 0.001)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (WIDE.text(), "0.500 [0.250, 0.750]"),
        (WIDE.text(limits=False), "0.500"),
        (ALONE.text(), "0.500"),
        (NO_INTERVAL.text(), "–"),
        (SMALL.text(2, scale=100, unit="points", sign=True), "+0.02 points [−0.10, +0.10]"),
        (WIDE.written(), "0.500 [0.250, 0.750]"),
        (NO_INTERVAL.written(), "undefined"),
        (WIDE.written(sign=True), "+0.500 [+0.250, +0.750]"),
        (WIDE.cells(), ["0.500", "[0.250, 0.750]"]),
        (NO_INTERVAL.cells(), ["undefined", "undefined"]),
        (Interval(0.019, 0.004, 0.033).change("points"), ("+1.9 points", "[+0.4, +3.3]")),
        (Interval(-0.002, -0.004, 0.001).change(""), ("−0.002", "[−0.004, +0.001]")),
        (WIDE.columns("ap"), {"ap": 0.5, "ap_low": 0.25, "ap_high": 0.75}),
        (json.loads(json.dumps(ALONE.json())), {"estimate": 0.5, "low": None, "high": None}),
    ],
)
def test_forms(shown, expected):
    assert shown == expected


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ((0.2, 0.1, 0.3), "up"),
        ((-0.2, -0.3, -0.1), "down"),
        ((0.1, -0.1, 0.3), "within noise"),
        ((0.1, 0.0, 0.2), "within noise"),
        ((0.0, 0.0, 0.0), "unchanged"),
        ((nan, nan, nan), "undefined"),
    ],
)
def test_a_change_in_words(ends, words):
    assert Interval(*ends).words == words
