"""Documentation site: Sphinx reads docs/ by CommonMark, as a code host does. See ``make site``."""

from __future__ import annotations

import re

from sphinx.application import Sphinx

import inficond_panel
from inficond_panel.vocabulary import palette

project = "InFiConD Panel"
author = "The InFiConD Panel developers"
copyright = author  # noqa: A001 - Sphinx's name
version = release = inficond_panel.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton", "sphinx_external_toc"]
external_toc_path = "site/navigation.yml"
exclude_patterns = ["site"]
myst_heading_anchors = 4

#: Inherited ones too, but for what other libraries give.
autodoc_default_options = {
    "members": True,
    "inherited-members": "BaseEstimator, BaseException, Parameterized, object",
}
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"

html_theme = "furo"
html_title = project
html_static_path = ["style.css"]
html_css_files = ["style.css"]
html_show_sphinx = False
html_copy_source = False
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": palette.UPTUNE_INK.light,
        "color-brand-content": palette.UPTUNE_INK.light,
    },
    "dark_css_variables": {
        "color-brand-primary": palette.UPTUNE_INK.dark,
        "color-brand-content": palette.UPTUNE_INK.dark,
    },
}

#: A comment in a page, which a code host does not show; the site has the docstrings in its place.
_DOCSTRINGS = re.compile(r"<!-- (autoclass|autofunction|automodule): ([\w.]+) -->")
#: A link to a page outside docs/, which is no page of the site: there it is a file to save.
_OUTSIDE = re.compile(r"\]\((\.\./[^)#]+\.md)\)")


def _as_site(app: Sphinx, docname: str, source: list[str]) -> None:
    """What a page says otherwise on the site than on a code host."""
    text = _DOCSTRINGS.sub(r"```{\1} \2\n```", source[0])
    source[0] = _OUTSIDE.sub(r"](path:\1)", text)


def setup(app: Sphinx) -> None:
    """Sphinx calls it."""
    app.connect("source-read", _as_site)
