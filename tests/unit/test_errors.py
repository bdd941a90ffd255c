"""Errors as a visitor of the page reads them: without folders of the server."""

from pathlib import Path

import pytest
from factory import small_spec

from inficond_panel.errors import InficondError, MissingExtraError, Problem, SpecError
from inficond_panel.predict import PageEncoder, PagePhotos
from inficond_panel.state.batch import Status
from inficond_panel.tuning import open_tuner
from inficond_panel.views.page.page import error_html


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("No store at /srv/own data/x.zarr.", "No store at own data/x.zarr."),
        ("'/srv/own data/x.zarr' is not a store", "'x.zarr' is not a store"),
        ("/srv/a/x.sqlite: disk full (/srv/b/y)", "x.sqlite: disk full (y)"),
        (r"C:\own\x.zarr is damaged", "x.zarr is damaged"),
        ("Either and/or, 3/4 of own/x.zarr", "Either and/or, 3/4 of own/x.zarr"),
        ("See https://example.org/a/b.html", "See https://example.org/a/b.html"),
    ],
)
def test_paths_are_told_by_their_last_names(text, told):
    error = InficondError(text, text)
    assert (error.for_page, error.remedy_for_page) == (told, told)
    assert str(error) == f"{text}\n{text}"  # the command line has them whole


def test_problems_of_a_file_are_told_without_its_folder():
    problems = [
        Problem(Path("/srv/private/own.yaml"), line, 1, "/srv/private/a/net.onnx is missing")
        for line in (1, 2)
    ]
    html = error_html(SpecError(problems, "Put it into /srv/private/a/b"))
    assert "srv" not in html
    assert "<li>own.yaml:2:1: net.onnx is missing</li>" in html


def test_what_to_install_is_told_without_the_place_of_this_installation(tmp_path, monkeypatch):
    tuner = open_tuner(small_spec(tmp_path))
    tuner.store.attrs["stages"] = {"segments": {}}
    monkeypatch.setattr("inficond_panel.predict.find_spec", lambda _: None)
    monkeypatch.setattr(type(tuner.spec), "check_making", lambda _: None)
    for check in (lambda: PagePhotos(tuner.spec).check(tuner.store), PageEncoder(tuner.spec).check):
        with pytest.raises(MissingExtraError) as told:
            check()
        page = Status.of(told.value)
        assert page.remedy == "On the page's server, run: pip install 'inficond-panel[precompute]'"
        assert "/" not in page.text
