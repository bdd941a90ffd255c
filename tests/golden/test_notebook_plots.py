"""Plots in a fresh kernel, without ``hv.extension``: each cell's output is a picture."""

from __future__ import annotations

import json

import pytest
from factory import small_spec
from test_notebook import script
from test_notebook_cells import LIVE, ROOT, Notebook, bundles

from inficond_panel.api.plotting import StudentPlots

#: Bytes of BokehJS and Panel's scripts, of which one loading has some 3 MB.
BOKEH = 1_000_000
FIGURE = '"name":"Figure"'
OPEN = """
import inficond_panel
students = inficond_panel.open_students({spec!r}, history=":memory:").fit()
"""
DEMO, SMALL = (OPEN.format(spec=spec) for spec in ("demo", "small.yaml"))
SWEEP = """
from types import SimpleNamespace
import numpy as np
from inficond_panel.quantify.gamma_sweep import measure_gammas
from inficond_panel.quantify.outputs import large_groups
store = students.tuner.store
rows = store.rows("fit")
oracle = SimpleNamespace(own=2 * store.teacher_logit[rows], other=store.other_logit[rows])
groups = large_groups(np.where(np.arange(len(rows)) < 30, np.arange(len(rows)) % 2, -1),
                      ["even", "odd"], 2, "by number")
sweep = measure_gammas(store, {1.0: oracle}, groups=groups, draws=5)
"""
PLOTS = {
    "performance": "",
    "knowledge": "'bicycle'",
    "what_if": "'bicycle', 'traffic light', 'f1'",
    "embedding": "'bicycle'",
    "provenance": "",
    "matrix": "",
    "confusion": "'bicycle'",
    "reliability": "'bicycle'",
    "coverage": "'bicycle'",
    "cost": repr(str(ROOT / "docs/pockets")),
    "gammas": "sweep",
    "gamma_reliability": "sweep",
    "gamma_maps": "sweep",
}


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    small_spec(tmp_path)
    notebook = Notebook(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with notebook.client.setup_kernel(cleanup_kc=True):
        yield notebook


def document(shown):
    """The Bokeh document in the HTML that the notebook runs, as JSON."""
    assert LIVE in shown, shown["text/plain"]
    html = shown["text/html"]
    found, _ = json.JSONDecoder().raw_decode(html[html.index('{"', html.index("docs_json")) :])
    return json.dumps(found, separators=(",", ":"))


def loadings(outputs):
    """How often the outputs bring BokehJS, all of it from this machine."""
    scripts = [script(data) for data in bundles(outputs)]
    assert all("cdn.bokeh.org/bokeh" not in each for each in scripts)
    return sum(len(each) > BOKEH for each in scripts)


def test_each_plot_shows_its_picture(notebook):
    assert {*PLOTS} == {name for name in vars(StudentPlots) if not name.startswith("_")}
    assert bundles(notebook.run(DEMO + SWEEP)) == []  # nothing is loaded before a plot is asked for
    found = 0
    for name, arguments in PLOTS.items():
        outputs = notebook.run(f"students.plot.{name}({arguments})")
        shown = bundles(outputs)[-1]
        assert FIGURE in document(shown), name
        assert "://cdn." not in shown["text/html"], name
        found += loadings(outputs)
    assert found == 1


def test_scripts_that_the_page_has_brought_are_not_brought_again(notebook):
    notebook.run(SMALL)
    assert loadings(notebook.run("session = students.explore()")) == 1
    outputs = notebook.run("students.plot.performance()")
    assert FIGURE in document(bundles(outputs)[-1])
    assert loadings(outputs) == 0


@pytest.mark.more  # without a kernel: test_session_of_others.py
def test_a_backend_that_the_notebook_has_loaded_stays(notebook):
    notebook.run("import holoviews as hv\nhv.extension('bokeh', logo=False)")
    notebook.run(SMALL)
    outputs = notebook.run("students.plot.performance()")
    assert FIGURE in document(bundles(outputs)[-1])
    assert not [data for data in bundles(outputs) if script(data)]
