"""What a browser draws before the page's scripts have arrived."""

import pytest
from bokeh.core.templates import MACROS

from inficond_panel.ui.browser import FIRST_TEMPLATE, PAGE_TEMPLATE
from inficond_panel.views.page.page import skeleton

pytestmark = pytest.mark.page


SCRIPT = "<script src='bokeh.js'></script>"
PARTS = {"bokeh_js": SCRIPT, "docs": [], "plot_script": "<plot>", "macros": MACROS}


@pytest.fixture
def html() -> str:
    return FIRST_TEMPLATE.render(first=skeleton(), title="InFiConD", **PARTS)


def test_the_skeleton_is_in_the_page_before_its_scripts(html):
    assert 0 < html.index("Opening") < html.index("bokeh.js") < html.index("<plot>")


def test_the_scripts_are_loaded_once(html):
    assert html.count("bokeh.js") == 1


def test_no_script_is_in_the_head(html):
    assert "<script" not in html.partition("<body>")[0]


def test_the_skeleton_hides_once_anything_is_drawn():
    assert "body:has([data-root-id] > *) > #skeleton { display: none; }" in skeleton()


def test_the_skeleton_says_after_a_while_that_no_answer_came():
    """Without a script: where the server refuses the connection, none of ours is ever sent."""
    assert "animation: late 0s 20s forwards" in skeleton()
    assert "The server has not answered for 20 s." in skeleton()


@pytest.mark.parametrize("template", [PAGE_TEMPLATE, FIRST_TEMPLATE], ids=["plain", "first"])
def test_a_phone_knows_its_size_before_any_script_measures_it(template):
    before = template.render(first="", title="InFiConD", **PARTS).partition("<script")[0]
    assert before.count('<meta name="viewport" content="width=device-width, initial-scale=1">') == 1
