"""Colour tokens."""

from __future__ import annotations

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
