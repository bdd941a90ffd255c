"""The layout of the spec on the page, and the page's layout in the spec."""

from __future__ import annotations

from pathlib import Path

import pytest
from factory import spec_text
from hypothesis import given, settings
from hypothesis import strategies as st

from inficond_panel.spec import load_spec
from inficond_panel.spec.sections.page import VIEWS, Layout
from inficond_panel.views.page.shell import make_layout, read_layout

ROWS = [["configuration", "performance", "knowledge"], ["embedding", "detail", "provenance"]]
SIZE = st.floats(0.01, 100)
THEMES, SHOWN = st.sampled_from(["auto", "light", "dark"]), st.sampled_from(["full", "simple"])


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (ROWS, [(["performance"], 3), (["knowledge"], 5), (ROWS[1], 4)]),
        ([["performance", "knowledge"]], [(["performance"], 3), (["knowledge"], 5)]),
        ([["performance"], ["knowledge"]], [(["performance"], 3), (["knowledge"], 5)]),
        ([["embedding", "detail"]], [(["embedding"], 4), (["detail"], 4)]),
        ([["configuration"], ["provenance"]], [(["provenance"], 4)]),
        ([["embedding"], ["detail", "provenance"]],
         [(["embedding"], 4), (["detail", "provenance"], 4)]),
        ([["configuration"]], []),
    ],
)  # fmt: skip
def test_rows_of_the_spec_become_columns(rows, columns):
    page = make_layout(Layout(rows=rows))
    assert list(zip(page["columns"], page["widths"], strict=True)) == columns
    assert page["strip"] == any("configuration" in row for row in rows)


def test_columns_of_the_spec_are_those_of_the_page():
    columns = [["configuration", "detail", "performance"], ["knowledge"]]
    layout = Layout(columns=columns, widths=[1, 2], heights={"detail": 3}, collapsed=["knowledge"])
    assert make_layout(layout) == {
        "columns": [["detail", "performance"], ["knowledge"]],
        "widths": [1, 2],
        "heights": {"detail": 3},
        "collapsed": ["knowledge"],
        "strip": True,
    }


@st.composite
def pages(draw) -> dict:
    """A page as a person may leave it."""
    names = draw(st.permutations(VIEWS[1:]))
    names = names[: draw(st.integers(1, len(names)))]
    cuts = sorted(draw(st.sets(st.integers(1, len(names)), max_size=len(names) - 1)) - {len(names)})
    columns = [list(names[a:b]) for a, b in zip([0, *cuts], [*cuts, len(names)], strict=True)]
    return {
        "columns": columns,
        "widths": draw(st.lists(SIZE, min_size=len(columns), max_size=len(columns))),
        "heights": draw(st.dictionaries(st.sampled_from(names), SIZE)),
        "collapsed": draw(st.lists(st.sampled_from(names), unique=True)),
        "strip": draw(st.booleans()),
    }


@settings(max_examples=25)
@given(pages(), THEMES, SHOWN, st.booleans())
def test_what_the_page_saves_opens_the_same_page(tmp_path_factory, page, theme, show, tour):
    file = tmp_path_factory.getbasetemp() / "laid.yaml"
    file.write_text(spec_text())
    spec = load_spec(file, check_files=False)
    looks = {"theme": theme, "show": show}
    saved = spec.with_layout(read_layout(page, looks, Layout(tour=tour)))
    file.write_text(saved.to_yaml())

    again = load_spec(file, check_files=False)
    assert again == saved
    assert make_layout(again.layout) == page
    assert (again.layout.theme, again.layout.show, again.layout.tour) == (theme, show, tour)
    assert read_layout(make_layout(again.layout), looks, again.layout) == again.layout


def test_the_layout_alone_takes_the_place_of_that_in_a_file(tmp_path: Path):
    file = tmp_path / "small.yaml"
    file.write_text(spec_text("layout: {theme: dark}\n"))
    spec = load_spec(file, check_files=False)
    page = {**make_layout(spec.layout), "widths": [1, 2, 3]}
    section = spec.with_layout(
        read_layout(page, {"theme": "light", "show": "full"}, spec.layout)
    ).to_yaml(only="layout")
    file.write_text(spec_text(section))

    assert make_layout(load_spec(file, check_files=False).layout) == page
