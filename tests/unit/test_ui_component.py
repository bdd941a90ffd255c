"""Components of the page, as the browser gets them."""

from __future__ import annotations

from inficond_panel.ui.component import Component


class One(Component):
    _esm = "export function render() { return 'one' }"


class Two(Component):
    _esm = "export function render() { return 'two' }"


def test_each_source_has_a_name_so_that_the_browser_takes_it_as_it_is() -> None:
    """Panel compiles a source without a name, and keeps one module for all of the same name."""
    first, again, other = (kind().get_root() for kind in (One, One, Two))
    assert first.bundle
    assert first.bundle == again.bundle != other.bundle
    assert (first.esm, other.esm) == (One._esm, Two._esm)
