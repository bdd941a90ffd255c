"""Records of the vocabulary as the browser gets them."""

import json
from pathlib import Path

import inficond_panel
from inficond_panel.ui import browser

PACKAGE = Path(inficond_panel.__file__).parent
START = "const $vocabulary = "


def test_a_view_that_imports_the_vocabulary_gets_its_values_once_and_first():
    names = "knowledge/table/table embedding/embedding performance/performance detail/detail"
    for name in (*names.split(), "provenance/provenance"):
        source = browser.module(PACKAGE / "views" / f"{name}.js")
        assert source.startswith(START), name
        assert source.count(START) == 1, name


def test_values_are_those_that_people_read_and_press():
    assert "$vocabulary" not in browser.module(PACKAGE / "ui" / "connection.js")  # no import
    source = browser.module(PACKAGE / "views" / "knowledge" / "table" / "table.js")
    line = next(line for line in source.splitlines() if line.startswith(START))
    found = json.loads(line.removeprefix(START))
    assert found["directions"] == {
        "up": {"verb": "Raise", "mark": "▲", "key": "u", "icon": "thumb"},
        "down": {"verb": "Lower", "mark": "▼", "key": "d", "icon": "thumb"},
        "remove": {"verb": "Remove", "mark": "✕", "key": "x", "icon": "cross"},
        "release": {"verb": "Release", "mark": "◌", "key": "", "icon": "cross"},
    }
    recall = {"name": "Recall", "short": "Rec.", "column": "Recall", "beside": ""}
    assert found["metrics"]["recall"] == recall
    assert found["metrics"]["fidelity"]["beside"] == "accuracy"
    assert found["gapMetric"] == "ap"
    begin, gap, *_, fidelity = found["classSorts"]
    assert (begin["key"], begin["metric"], begin["points"]) == ("begin", "ap", True)
    assert gap == {
        "key": "gap",
        "name": "AP gap",
        "head": ["Gap, points", "Gap"],
        "metric": "ap",
        "points": True,
        "descending": True,
    }
    assert (fidelity["key"], fidelity["head"]) == ("fidelity", ["Fidelity", "Fid."])
    assert [sort["key"] for sort in found["conceptSorts"]][:2] == ["weight", "suspects"]
    assert found["background"] == "light-dark(#eff1f4, #0f1216)"


def test_colours_come_before_the_rules_that_use_them():
    sheets = browser.styles(PACKAGE / "views" / "knowledge" / "table" / "table.css")
    assert "  --uptune: light-dark(#2f6fde, #6699f5);\n" in sheets[0]
    assert sum("--uptune:" in sheet for sheet in sheets) == 1
