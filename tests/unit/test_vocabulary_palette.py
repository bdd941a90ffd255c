"""Colours by role."""

import re
from pathlib import Path

import pytest

from inficond_panel.vocabulary import palette


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
    for text, ground in (
        (palette.INK, palette.SURFACE),
        (palette.INK_2, palette.SURFACE),
        (palette.INK_3, palette.SURFACE),
        (palette.INK_2, palette.SUB),
        (palette.INK, palette.SELECTION),
        (palette.UPTUNE_INK, palette.UPTUNE_SOFT),
        (palette.DOWNTUNE_INK, palette.DOWNTUNE_SOFT),
        (palette.FAULT_INK, palette.FAULT_SOFT),
        (palette.ON_UPTUNE, palette.UPTUNE),
        (palette.ON_DOWNTUNE, palette.DOWNTUNE),
        (palette.ON_LOW, palette.LOW),
        (palette.ON_HIGH, palette.HIGH),
        (palette.SURFACE, palette.REMOVE),
    ):
        assert contrast(text.of(dark), ground.of(dark)) >= 4.5, (text.key, ground.key)


def test_each_variable_of_a_style_sheet_is_set():
    """By a sheet, by a script or by Panel, or it has a value to fall back on."""
    package = Path(palette.__file__).parents[1]
    files = [file for kind in ("css", "js", "py") for file in package.rglob(f"*.{kind}")]
    code = "\n".join([palette.css_variables(), *(file.read_text("utf-8") for file in files)])
    for name in set(re.findall(r"var\(--([\w-]+)\)", code)):
        assert re.search(rf"--{name}[\"']?\s*[:,]", code), name
