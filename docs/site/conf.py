"""Documentation site: Sphinx reads docs/ by CommonMark, as a code host does. See ``make site``."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

import inficond_panel
from inficond_panel.vocabulary import palette

project = "InFiConD Panel"
author = "The InFiConD Panel developers"
copyright = author  # noqa: A001 - Sphinx's name
version = release = inficond_panel.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_external_toc",
]
external_toc_path = "site/navigation.yml"
exclude_patterns = ["site"]
myst_heading_anchors = 4
myst_enable_extensions = ["attrs_inline"]

#: Inherited members too, but for those of other libraries.
autodoc_default_options = {"members": True, "inherited-members": True}
#: Written as in the source, not as the union that they stand for.
autodoc_type_aliases = {name: name for name in ("ArrayLike", "NDArray", "Numbers", "RunTeacher")}
napoleon_google_docstring = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
maximum_signature_line_length = 88
python_use_unqualified_type_names = True
copybutton_selector = "div.highlight-sh pre, div.highlight-python pre, div.highlight-yaml pre"

_COLOURS = {
    "color-background-primary": palette.SURFACE,
    "color-background-secondary": palette.SUB,
    "color-background-hover": palette.HOVER,
    "color-background-border": palette.LINE,
    "color-foreground-primary": palette.INK,
    "color-foreground-secondary": palette.INK_2,
    "color-foreground-muted": palette.INK_3,
    "color-brand-primary": palette.UPTUNE_INK,
    "color-brand-content": palette.UPTUNE_INK,
    "color-brand-visited": palette.UPTUNE_INK,
    "color-sidebar-link-text": palette.INK_2,
    "color-sidebar-link-text--top-level": palette.INK_2,
    "color-code-background": palette.SUB,
    "color-highlight-on-target": palette.SELECTION,
    "color-api-name": palette.INK,
    "color-api-pre-name": palette.INK_3,
    "color-api-paren": palette.INK_2,
    "color-api-keyword": palette.INK_3,
}
_FONT = {"font-stack": "Inter, system-ui, sans-serif"}

html_theme = "furo"
html_title = project
html_static_path = [
    "style.css",
    *(f"../../inficond_panel/ui/fonts/{file}" for file in ("inter.woff2", "OFL.txt")),
]
html_css_files = ["style.css"]
html_show_sphinx = False
html_copy_source = False
#: Address of the source tree, once pyproject.toml has it: a link at the foot of each page.
_PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
_SOURCE = _PROJECT["project"].get("urls", {}).get("Source", "")
html_theme_options = {
    "footer_icons": [
        {"name": "Source", "url": url, "html": "Source", "class": ""} for url in [_SOURCE] if url
    ],
    "light_css_variables": {key: colour.light for key, colour in _COLOURS.items()} | _FONT,
    "dark_css_variables": {key: colour.dark for key, colour in _COLOURS.items()},
}

_ALIAS = re.compile(r"TypeAliasForwardRef\('(\w+)'\)")
#: A comment in a page, which a code host does not show; the site has the docstrings in its place.
_DOCSTRINGS = re.compile(r"<!-- (autoclass|autofunction|automodule): ([\w.]+) -->")
#: A link to a page outside docs/, which is not a page of the site: there it is a file to save.
_OUTSIDE = re.compile(r"\]\((\.\./[^)#]+\.md)\)")
#: The file's name as the text of a link: the site has the title of the page or section instead.
_FILE_NAME = re.compile(r"\[[\w-]+\.md\](?=\([\w-]+\.md)")
#: A picture that there is in light and in dark.
_PICTURE = re.compile(r"(!\[[^]]*\]\(images/demo)-light\.png\)")


def _as_site(app: Sphinx, docname: str, source: list[str]) -> None:
    """Change what a page says otherwise on the site than on a code host."""
    text = _DOCSTRINGS.sub(r"```{eval-rst}\n.. \1:: \2\n```", source[0])
    text = _PICTURE.sub(r"\1-light.png){.only-light} \1-dark.png){.only-dark}", text)
    text = _FILE_NAME.sub("[]", text)
    source[0] = _OUTSIDE.sub(r"](path:\1)", text)


def _with_aliases(*signature: Any) -> tuple[str, str | None] | None:
    """Arguments and result with a type alias by its name, also within a union."""
    arguments, result = signature[-2:]
    if arguments is None:  # a property
        return None
    return _ALIAS.sub(r"\1", arguments), result and _ALIAS.sub(r"\1", result)


def _is_foreign(
    app: Sphinx, what: str, name: str, member: Any, skip: bool, options: Any
) -> bool | None:
    """Skip what a class has from another library."""
    of = getattr(member, "fget", member)
    module = getattr(of, "__module__", None) or getattr(type(of), "__module__", "")
    return None if module.startswith("inficond_panel") else True


def setup(app: Sphinx) -> None:
    """Sphinx calls it."""
    app.connect("source-read", _as_site)
    app.connect("autodoc-skip-member", _is_foreign)
    app.connect("autodoc-process-signature", _with_aliases)
