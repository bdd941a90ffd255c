"""The example notebook runs in a kernel of its own, and shows what its text says."""

from __future__ import annotations

import base64
import copy
import re
import zlib
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from keep_outputs import keep, run, texts

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "examples" / "tuning.ipynb"


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebook")
    notebook = run(NOTEBOOK, folder)
    assert not [path for path in folder.iterdir() if "history" in path.name]
    return notebook


@pytest.fixture(scope="module")
def cells(executed):
    """Outputs of the executed notebook by id of the cell, each as text, HTML or mime types."""
    return {cell.id: cell.get("outputs", []) for cell in executed.cells}


def text(outputs):
    parts = [out.get("text", "") or out.get("data", {}).get("text/plain", "") for out in outputs]
    return "\n".join(parts)


def script(data):
    """Script of an output, unpacked; "" for none."""
    kept = data.get("application/javascript", "")
    packed = re.search(r'atob\("([^"]+)"\)', kept)
    return zlib.decompress(base64.b64decode(packed[1])).decode() if packed else kept


def table(outputs) -> pd.DataFrame:
    [html] = [out.data["text/html"] for out in outputs if "text/html" in out.get("data", {})]
    rows = [
        [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row, re.S)]
        for row in re.findall(r"<tr.*?>(.*?)</tr>", html, re.S)
    ]
    body = [row for row in rows[1:] if any(row[1:])]  # the row with the index's name is empty
    return pd.DataFrame([row[1:] for row in body], [row[0] for row in body], rows[0][1:])


def test_the_committed_notebook_shows_what_it_shows_now(executed):
    """After another demo or another text: ``make notebooks``."""
    stored = nbformat.read(NOTEBOOK, 4)
    nbformat.validate(stored)
    assert texts(stored) == texts(keep(copy.deepcopy(executed)))


def test_it_is_small_and_keeps_a_still_picture_of_the_page_and_nothing_of_the_run():
    stored = nbformat.read(NOTEBOOK, 4)
    assert NOTEBOOK.stat().st_size < 400_000
    code = [cell for cell in stored.cells if cell.cell_type == "code"]
    assert not any(cell.execution_count or cell.metadata for cell in code)
    [still] = code[-1].outputs
    assert still.data.keys() == {"image/png", "text/plain"}


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("fit", r"16 classes, \d+ concepts, at #0"),
        ("culprit", r"^\('traffic light'"),  # the planted one
        ("culprit", "vertical traffic light"),
        ("holdout", "looks at the holdout so far: 1"),
        ("explain", "traffic light = 0"),
        ("explain", "predictions on tuning images changed"),
        ("export", r"students\.onnx"),
        ("search", r"'lambda_': .* fidelity 0\.9\d"),
    ],
)
def test_cells_tell_the_story(cells, cell, shown):
    assert re.search(shown, text(cells[cell]))


def test_tables_show_the_classes_farthest_behind(cells):
    gap = table(cells["gap"])["ap_gap"].astype(float)
    assert gap.is_monotonic_decreasing
    assert gap.iloc[0] > 0.1
    assert {"dog", "tv monitor"} <= set(gap.index)


def test_the_table_of_concepts_shows_the_culprit(cells):
    assert table(cells["knowledge"]).index[0] == "bicycle"


def test_tables_show_a_change_that_is_more_than_noise(cells):
    changes = table(cells["changes"])
    assert float(changes.loc["bicycle", "change_low"]) > 0
    assert float(changes.loc["dog", "change"]) == 0  # not tuned: not touched
    up = [table(cells[cell]).loc["bicycle", "words"] for cell in ("changes", "fidelity", "holdout")]
    assert up == ["up"] * 3


def test_the_table_of_the_history_shows_both_branches(cells):
    history = table(cells["history"])
    assert list(history["parent"])[1:] == ["0", "0"]
    assert list(history["here"]) == ["False", "True", "False"]


def test_exports_predict_the_same(cells):
    found = re.findall(r"largest difference (\S+)", text(cells["load"]))
    assert len(found) == 2
    assert all(float(value) <= 1e-6 for value in found)
    assert "Warning" not in text(cells["load"])


def test_the_page_is_in_the_cell_and_loads_nothing_from_outside(cells):
    [bundle] = [out.data for out in cells["explore"] if out.output_type == "execute_result"]
    assert "application/vnd.holoviews_exec.v0+json" in bundle  # what makes it live
    assert "Opening" in bundle["text/html"]
    scripts = "".join(script(out.data) for out in cells["explore"] if "data" in out)
    assert len(scripts) > 1_000_000  # Bokeh and Panel themselves
    listed = re.findall(r"(?:js_urls|css_urls|js_modules)\s*=\s*(\[.*?\]|\{.*?\});", scripts)
    assert listed
    assert not [urls for urls in listed if "http" in urls]


def test_the_page_takes_less_than_two_megabytes_of_a_saved_notebook(executed):
    [cell] = [cell for cell in executed.cells if cell.id == "explore"]
    assert len(nbformat.writes(nbformat.v4.new_notebook(cells=[cell]))) <= 2_000_000
