"""The gallery of plots has every plot, with its picture, and its code runs on the demo."""

from __future__ import annotations

import inspect
import runpy
from pathlib import Path

import holoviews as hv
import pytest
from PIL import Image

from inficond_panel.api.plotting import StudentPlots

DOCS = Path(__file__).parents[2] / "docs"
GALLERY = runpy.run_path(str(DOCS / "gallery.py"), run_name="gallery")
EXAMPLES = GALLERY["EXAMPLES"]
METHODS = [
    name
    for name, member in inspect.getmembers(StudentPlots, inspect.isfunction)
    if not name.startswith("_")
]


def test_every_plot_is_in_it_once():
    assert sorted(example.method for example in EXAMPLES) == sorted(METHODS)
    assert all(f"plot.{example.method}(" in example.code for example in EXAMPLES)


def test_the_page_is_made_from_it():
    """After a change of an example: ``python docs/gallery.py``."""
    assert (DOCS / "gallery.md").read_text(encoding="utf-8") == GALLERY["page"]()


@pytest.mark.parametrize("method", METHODS)
def test_each_plot_has_a_small_picture_that_shows_something(method):
    file = DOCS / "images" / "gallery" / f"{method}.png"
    assert file.stat().st_size < 60_000
    with Image.open(file) as picture:
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 8
        assert min(picture.size) > 100


def test_no_picture_is_of_a_plot_that_is_gone():
    assert {file.stem for file in (DOCS / "images" / "gallery").iterdir()} == set(METHODS)


def test_its_code_runs_on_the_demo():
    made = dict(GALLERY["plots"](EXAMPLES))
    assert made.keys() == set(METHODS)
    for name, plot in made.items():
        assert hv.render(plot, backend="bokeh") is not None, name
