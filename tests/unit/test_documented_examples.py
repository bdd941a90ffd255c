"""Examples run as they are shown: those of the API's docstrings, and the gallery of plots."""

import doctest
import importlib
import inspect
import pkgutil
import runpy
from pathlib import Path

import holoviews as hv
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import inficond_panel
import inficond_panel.api
from inficond_panel.api.plotting import StudentPlots

MODULES = [
    f"inficond_panel.api.{each.name}" for each in pkgutil.iter_modules(inficond_panel.api.__path__)
]
EXAMPLES = {
    example.name.rpartition("api.")[2]: example
    for module in map(importlib.import_module, MODULES)
    for example in doctest.DocTestFinder(exclude_empty=True).find(module)
    if example.examples
}
DOCS = Path(__file__).parents[2] / "docs"
GALLERY = runpy.run_path(str(DOCS / "gallery.py"), run_name="gallery")
PLOTS = GALLERY["EXAMPLES"]
METHODS = [
    name
    for name, member in inspect.getmembers(StudentPlots, inspect.isfunction)
    if not name.startswith("_")
]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_shows_what_it_says(name, tmp_path, monkeypatch):
    """``students`` are those of the demo, anew for each; numpy is ``np`` and pandas ``pd``."""
    monkeypatch.chdir(tmp_path)
    students = inficond_panel.open_students("demo", history=":memory:").fit()
    EXAMPLES[name].globs |= {"students": students, "np": np, "pd": pd}
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    assert runner.run(EXAMPLES[name], out=said.append).failed == 0, "".join(said)


def test_each_door_and_the_steps_of_the_main_job_have_an_example():
    names = {name.rpartition(".")[2] for name in EXAMPLES}
    assert names >= {"open_students", "from_frames", "load_students", "metrics", "doctor"}
    assert names >= {
        "concepts_of",
        "what_if",
        "tune",
        "changes",
        "compare_repairs",
        "undo",
        "export",
    }


def test_every_plot_is_in_the_gallery():
    """After a change of an example: ``python docs/gallery.py``."""
    assert sorted(plot.method for plot in PLOTS) == sorted(METHODS)
    assert all(f"plot.{plot.method}(" in plot.code for plot in PLOTS)
    assert (DOCS / "gallery.md").read_text(encoding="utf-8") == GALLERY["page"]()


def test_every_plot_has_a_picture():
    files = list((DOCS / "images" / "gallery").iterdir())
    assert {file.stem for file in files} == set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_a_picture_of_the_gallery_is_small_but_not_empty(name):
    (file,) = (DOCS / "images" / "gallery").glob(f"{name}.*")
    assert file.stat().st_size < 60_000, file
    with Image.open(file) as picture:
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 8, file
        assert min(picture.size) > 100, file


def test_the_code_of_every_plot_runs(monkeypatch):
    monkeypatch.setattr(hv.Store, "current_backend", "bokeh")  # as a script's hv.extension does
    made = dict(GALLERY["plots"](PLOTS))
    assert made.keys() == set(METHODS)
    for name, plot in made.items():
        assert hv.render(plot, backend="bokeh") is not None, name
