"""Number formats and colour tokens."""

from __future__ import annotations

import math

import pytest

from inficond_panel.ui import theme


def luminance(color: str) -> float:
    """Relative luminance of ``#rrggbb`` (WCAG 2.1)."""
    shares = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (theme.signed(1.119), "+1.12"),
        (theme.signed(-0.58), "−0.58"),
        (theme.signed(-0.001), "0.00"),
        (theme.signed(None), "–"),
        (theme.number(0.7421), "0.742"),
        (theme.number(math.nan), "–"),
        (theme.points(0.019), "+1.9 pp"),
        (theme.points(-0.0001), "0.0 pp"),
        (theme.interval(0.004, 0.033), "[+0.4, +3.3]"),
        (theme.short(0.694), ".69"),
        (theme.short(0.999), "1"),
        (theme.short(0.0), ".00"),
        (theme.short(10.25), "10.25"),
        (theme.count(2476), "2,476"),
        (theme.share(0.594), "59 %"),
        (theme.factor(1.5), "×1.5"),
        (theme.factor(2.0), "×2"),
        (theme.bound(1.4, None), "≥ 1.40"),
        (theme.bound(None, 0.75), "≤ 0.75"),
        (theme.bound(0.0, 0.0), "= 0"),
        (theme.bound(-1.0, 2.0), "≥ −1.00, ≤ 2.00"),
        (theme.bound(None, None), ""),
    ],
)
def test_formats(shown, expected):
    assert shown == expected


@pytest.mark.parametrize("dark", [False, True])
def test_text_is_readable_on_its_ground(dark):
    t = theme.tokens(dark)
    for text, ground in (
        (t.ink, t.surface),
        (t.ink_2, t.surface),
        (t.ink_3, t.surface),
        (t.ink_2, t.sub),
        (t.ink, t.sel),
        (t.blue_ink, t.blue_soft),
        (t.orange_ink, t.orange_soft),
        (t.on_blue, t.blue),
        (t.on_orange, t.orange),
    ):
        assert contrast(text, ground) >= 4.5, (text, ground)
