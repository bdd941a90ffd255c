"""Tables that a person saves: what a spreadsheet would run is text there."""

import csv
import io
import json

import pandas as pd
import pytest

from inficond_panel.common.files import as_cell, make_table
from inficond_panel.study.results.study_tables import write


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-2+3", "@SUM(1)", "\t=1", '=LINK("http://x")'])
def test_a_text_that_begins_like_a_formula_is_marked_as_text(text, tmp_path):
    assert as_cell(text) == f"'{text}"
    content = make_table("t", ["a", text], [[text, -1.5]]).content.decode()
    rows = list(csv.reader(io.StringIO(content, newline="")))
    assert rows == [["a", f"'{text}"], [f"'{text}", "-1.5"]]
    file = write(
        pd.DataFrame({"answer": [text], "n": [-2]}).set_index("answer"), tmp_path / "t.csv"
    )
    with file.open(newline="") as opened:
        assert list(csv.reader(opened)) == [["answer", "n"], [f"'{text}", "-2"]]


def test_a_formula_behind_a_semicolon_is_marked_too_and_ends_of_lines_stay_inside_their_cell():
    assert as_cell("x;=1+1;-y;z") == "x;'=1+1;'-y;z"
    assert as_cell("\r=1") == "'\n=1"
    content = make_table("t", ["a"], [["one\r\ntwo\rthree"]]).content.decode()
    assert list(csv.reader(io.StringIO(content))) == [["a"], ["one\ntwo\nthree"]]


def test_other_values_and_other_formats_stay_as_they_are():
    for value in ("traffic light", "", "a=b", "a; b", "-3", "+2.5e-3", "-inf", -1, 2.5, None, True):
        assert as_cell(value) == value
    assert json.loads(make_table("t", ["a"], [["=1"]], "json").content) == [{"a": "=1"}]
