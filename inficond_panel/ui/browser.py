"""Sources for the browser: a JS module or style sheet joined with all its imports, font and icon.

Panel loads a component from one source, which cannot import by a relative path. The constants of
``vocabulary.js`` come from the records of ``inficond_panel.vocabulary``. A page loads nothing from
a CDN: a server delivers Panel's style sheets itself. In a notebook there is no server, and Panel
puts only the style sheets of the first display into the page; later links point to a CDN.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import panel as pn
from bokeh.model import Model
from bokeh.models import ImportedStyleSheet, InlineStyleSheet
from bokeh.models.ui import UIElement
from panel.io.resources import BASE_TEMPLATE, CDN_DIST, DIST_DIR, LOCAL_DIST

from inficond_panel.common.numbers import POINTS
from inficond_panel.vocabulary.intents import ASKED, DIRECTIONS, THUMBS
from inficond_panel.vocabulary.lengths import LENGTHS
from inficond_panel.vocabulary.metrics import AP, CLASS_SORTS, CONCEPT_SORTS, METRICS
from inficond_panel.vocabulary.palette import BACKGROUND, css_variables

#: Name of our font: an installed font called Inter may differ from our file.
FAMILY = "InFiConD Inter"
#: CSS font family of a page; the other fonts are for scripts that our font lacks.
FONT = f"'{FAMILY}', system-ui, sans-serif"
_PACKAGE = Path(__file__).parents[1]
_VOCABULARY = Path(__file__).resolve().with_name("vocabulary.js")
_BASE = Path(__file__).resolve().with_name("base.css")
_IMPORT = re.compile(r'^import \{([^}]*)\} from "([^"]+)"\n', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?(?:function\*?|const|class) (\w+))", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*(?://.*\n|/\*[^*]*(?:\*(?!/)[^*]*)*\*/[ \t]*\n)?", re.MULTILINE)
_STYLE_IMPORT = re.compile(r'^@import "([^"]+)";\n', re.MULTILINE)


@cache
def module(entry: Path) -> str:
    """Return the source of the ES module in the file ``entry``, joined with all its imports.

    Each imported file has a separate scope, so that two files may use the same private names. The
    files use ``import { name } from "./file.js"`` and ``export`` before functions, constants and
    classes; no other form is read. Raises ``ValueError`` where files import each other.
    """
    *imported, last = _in_order(entry, _IMPORT, 2)
    parts = [_vocabulary()] if _VOCABULARY in imported else []
    for file in imported:  # a constant that holds the exports of the file
        source = _bound(file)
        names = ", ".join(name for _, name in _EXPORT.findall(source))
        body = _EXPORT.sub(r"\1", source)
        parts.append(f"const {_name(file)} = (() => {{\n{body}\nreturn {{ {names} }}\n}})()\n")
    return "".join([*parts, _bound(last)])


@cache
def font_css() -> str:
    """Return CSS for a document with our font, as a data URI, and a variable with its name.

    Shadow roots cannot declare fonts, but inherit the variable. With the font inside (85 kB) a page
    looks the same on a server, behind a prefix, in a notebook and as a file, from the first moment.
    """
    data = b64encode(Path(__file__).parent.joinpath("fonts", "inter.woff2").read_bytes()).decode()
    return (
        f"@font-face {{ font-family: '{FAMILY}'; font-weight: 400 700; font-display: block; "
        f"src: url(data:font/woff2;base64,{data}) format('woff2'); }}\n"
        f":root {{ --inficond-font: {FONT}; }}"
    )


@cache
def styles(entry: Path) -> list[str]:
    """Return the texts of the style sheets that ``entry`` imports, in order, and its text last."""
    files = _in_order(entry, _STYLE_IMPORT, 1)
    colours = [css_variables()] if _BASE in files else []
    return [*colours, *(_STYLE_IMPORT.sub("", _read(file)) for file in files)]


def _in_order(entry: Path, imports: re.Pattern[str], group: int) -> list[Path]:
    """Return ``entry`` and all files it imports, sorted so that each file follows its imports."""
    order: list[Path] = []
    under_way: list[Path] = []

    def visit(file: Path) -> None:
        if file in order:
            return
        if file in under_way:
            raise ValueError(f"{file} imports a file that imports it: remove one import")
        under_way.append(file)
        for statement in imports.finditer(_read(file)):
            visit((file.parent / statement.group(group)).resolve())
        order.append(under_way.pop())

    visit(entry.resolve())
    return order


def _bound(file: Path) -> str:
    """Return a file's source, whose import lines now read the constants of other files."""

    def bind(match: re.Match[str]) -> str:
        return f"const {{{match.group(1)}}} = {_name((file.parent / match.group(2)).resolve())}\n"

    return _IMPORT.sub(bind, _read(file))


def _name(file: Path) -> str:
    return "$" + re.sub(r"\W", "_", str(file.relative_to(_PACKAGE).with_suffix("")))


def _read(file: Path) -> str:
    """Return the text of a file without indentation and without lines of comments."""
    return _COMMENT.sub("", file.read_text(encoding="utf-8"))


def _vocabulary() -> str:
    """Return the JS line that defines ``$vocabulary``, which ``vocabulary.js`` reads."""
    of_metric = ("name", "short", "column", "beside")
    of_sort = ("key", "name", "head", "metric", "points", "descending")
    records = {
        "metrics": {
            key: {name: getattr(metric, name) for name in of_metric}
            for key, metric in METRICS.items()
        },
        "gapMetric": AP.key,
        "classSorts": [
            {name: getattr(sort, name) for name in of_sort} for sort in CLASS_SORTS.values()
        ],
        "conceptSorts": [vars(sort) for sort in CONCEPT_SORTS.values()],
        "directions": {
            key: {
                "verb": direction.verb,
                "mark": direction.glyph,
                "key": direction.shortcut,
                "icon": direction.icon,
            }
            for key, direction in DIRECTIONS.items()
        },
        "points": POINTS,
        "lengths": LENGTHS,
        "asked": ASKED,
        "thumbs": list(THUMBS),
        "background": BACKGROUND.css,
    }
    return f"const $vocabulary = {json.dumps(records, ensure_ascii=False)}\n"


ICON = Path(__file__).with_name("icon.svg")


def use_own_files() -> None:
    """Let this session's page load files only from its server, and use our template and icon.

    Panel sets the address of style sheets when it answers the request for the page; with several
    processes the session may be made in another process, which would set a CDN. Panel's icon is
    missing behind a prefix (``upstream.OTHER_PROCESS``).
    """
    use_own_font()
    document = pn.state.curdoc
    if document is not None:
        icon = quote(ICON.read_text(encoding="utf-8").strip())
        document.template = PAGE_TEMPLATE
        document.template_variables.update(
            dist_url=LOCAL_DIST, app_favicon=f"data:image/svg+xml,{icon}"
        )


def show_first(html: str) -> None:
    """Let this session's page begin with ``html``, and load its scripts after that: in the head
    they would keep the page white until all of them have arrived."""
    document = pn.state.curdoc
    if document is not None:
        document.template = FIRST_TEMPLATE
        document.template_variables["first"] = html


#: Size of a page on a phone. Without it a phone draws the page 980 pixels wide, and small.
VIEWPORT = '<meta name="viewport" content="width=device-width, initial-scale=1">'

_HEAD = f"""{{% extends "base.html" %}}
{{% block preamble %}}{VIEWPORT}{{{{ super() }}}}{{% endblock %}}"""

#: Panel's page with our size on a phone.
PAGE_TEMPLATE = BASE_TEMPLATE.environment.from_string(_HEAD)

#: The same page, which begins with ``first``.
FIRST_TEMPLATE = BASE_TEMPLATE.environment.from_string(
    _HEAD
    + """
{% block js_resources %}{% endblock %}
{% block inner_body %}
{{ first }}
{{ bokeh_js if bokeh_js }}
{{ super() }}
{% endblock %}"""
)


def use_own_font() -> None:
    """Add our font to this session's page; without a session, to each page made from now on."""
    pn.config.global_css = list(dict.fromkeys([*pn.config.global_css, font_css()]))


@contextmanager
def own_font() -> Iterator[None]:
    """Context in which pages get our font, for a page that is made without a session."""
    before = pn.config.global_css
    use_own_font()
    try:
        yield
    finally:
        pn.config.global_css = before


class InlineStyles:
    """Panel hook of a page that replaces links to Panel's style sheets by their texts.

    It does nothing unless Panel is set to put its resources inline, as ``explore`` does. Each style
    sheet is sent once (``upstream.STYLES``).
    """

    def __init__(self) -> None:
        self._sheets: dict[tuple[str, str], InlineStyleSheet] = {}

    def __call__(
        self, page: object, root: Model, changed: object, old_models: object = None
    ) -> None:
        """Replace the links below ``root``; Panel calls this at each change of a page's models."""
        if not pn.config.inline:
            return
        for model in root.select({"type": UIElement}):
            if not isinstance(model, UIElement):
                continue  # for the type checker
            sheets = [self._inline(root.ref["id"], sheet) for sheet in model.stylesheets]
            if sheets != model.stylesheets:
                model.stylesheets = sheets

    def _inline(self, root: str, sheet: Any) -> Any:
        if not isinstance(sheet, ImportedStyleSheet) or not sheet.url.startswith(CDN_DIST):
            return sheet
        file = Path(DIST_DIR / sheet.url.removeprefix(CDN_DIST).split("?")[0])
        if not file.is_file():
            return sheet
        if (root, file.name) not in self._sheets:
            css = file.read_text(encoding="utf-8")
            self._sheets[root, file.name] = InlineStyleSheet(css=css)
        return self._sheets[root, file.name]
