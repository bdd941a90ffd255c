"""Rows of views in the spec become columns of the page."""

from __future__ import annotations

import pytest

from inficond_panel.spec.sections.page import Layout
from inficond_panel.views.page.shell import make_layout

ROWS = [["configuration", "performance", "knowledge"], ["embedding", "detail", "provenance"]]


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
