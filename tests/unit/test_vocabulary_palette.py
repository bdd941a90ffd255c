"""Colours by role, and records of the vocabulary as the browser gets them."""

import json
import re
from pathlib import Path

import pytest

import inficond_panel
from inficond_panel.ui import browser
from inficond_panel.vocabulary import palette

pytestmark = pytest.mark.page


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


PACKAGE = Path(inficond_panel.__file__).parent
START = "const $vocabulary = "


def test_a_view_that_imports_the_vocabulary_gets_its_values_once_and_first():
    names = "knowledge/table/table embedding/embedding performance/performance detail/detail"
    for name in (*names.split(), "provenance/provenance"):
        source = browser.module(PACKAGE / "views" / f"{name}.js")
        assert source.startswith(START), name
        assert source.count(START) == 1, name


def test_a_module_without_the_vocabulary_gets_none():
    assert "$vocabulary" not in browser.module(PACKAGE / "ui" / "connection.js")  # no import


@pytest.fixture(scope="module")
def in_browser() -> dict:
    """The vocabulary as a module of the browser gets it."""
    source = browser.module(PACKAGE / "views" / "knowledge" / "table" / "table.js")
    line = next(line for line in source.splitlines() if line.startswith(START))
    return json.loads(line.removeprefix(START))


def test_directions_are_those_that_people_press(in_browser):
    found = in_browser
    assert found["directions"] == {
        "up": {"verb": "Raise", "mark": "▲", "key": "u", "icon": "thumb"},
        "down": {"verb": "Lower", "mark": "▼", "key": "d", "icon": "thumb"},
        "remove": {"verb": "Remove", "mark": "✕", "key": "x", "icon": "cross"},
        "release": {"verb": "Release", "mark": "◌", "key": "", "icon": "cross"},
    }


def test_metrics_are_named_as_people_read_them(in_browser):
    found = in_browser
    recall = {"name": "Recall", "short": "Rec.", "column": "Recall", "beside": ""}
    assert found["metrics"]["recall"] == recall
    assert (found["metrics"]["fidelity"]["beside"], found["gapMetric"]) == ("accuracy", "ap")


def test_sorts_are_named_as_people_read_them(in_browser):
    found = in_browser
    begin, gap, *_, fidelity = found["classSorts"]
    assert (begin["key"], begin["metric"], begin["points"]) == ("begin", "ap", True)
    words = {"key": "gap", "name": "AP gap", "head": ["Gap, points", "Gap"], "metric": "ap"}
    assert gap == {**words, "points": True, "descending": True}
    assert (fidelity["key"], fidelity["head"]) == ("fidelity", ["Fidelity", "Fid."])
    assert [sort["key"] for sort in found["conceptSorts"]][:2] == ["weight", "suspects"]


def test_the_background_is_that_of_the_page(in_browser):
    found = in_browser
    assert found["background"] == "light-dark(#eff1f4, #0f1216)"


def test_colours_come_before_the_rules_that_use_them():
    sheets = browser.styles(PACKAGE / "views" / "knowledge" / "table" / "table.css")
    assert "  --uptune: light-dark(#2f6fde, #6699f5);\n" in sheets[0]
    assert sum("--uptune:" in sheet for sheet in sheets) == 1
