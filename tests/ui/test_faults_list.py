"""Faults of the data on the start page."""

from lines import of_lines
from playwright.sync_api import expect
from test_accessibility import findings


def test_the_faults_of_the_data_are_a_list_without_an_accessibility_fault(
    serve, tmp_path, open_page
) -> None:
    of_lines(0, path=tmp_path / "own.zarr")
    page = open_page(serve(tmp_path / "own.zarr").url)
    faults = page.get_by_role("list", name="What to look at in the data")
    expect(faults).to_contain_text("the columns c0 and c1 look exchanged")
    assert [each for each in findings(page) if "What to look at" in each] == []
