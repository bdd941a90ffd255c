"""A page as one HTML file: what its views show now, to be read without a server or network.

The models of the page go into the file as Bokeh has them, with all scripts and style sheets.
Pictures, which views ask the server for, come with it as the answers that it would have given.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bokeh.core.serialization import Serializer
from bokeh.core.types import ID
from bokeh.document import Document
from bokeh.embed.elements import html_page_for_render_items
from bokeh.embed.util import RenderItem
from bokeh.model import Model
from bokeh.resources import INLINE
from panel.io.resources import CDN_DIST, DIST_DIR, bundle_resources, set_resource_mode

from inficond_panel.common.numbers import count
from inficond_panel.ui.stylesheets import use_own_font

if TYPE_CHECKING:
    from bokeh.document.json import DocJson
    from panel.viewable import Viewer

    from inficond_panel.state import AppState

_SHEETS = "static/extensions/panel/"
_TEMPLATE = """{% block preamble %}<meta name="viewport" content="width=device-width">
<style>{{ css }}</style>{% endblock %}
{% block contents %}<p id="export" role="note">{{ told }}</p>{{ super() }}
<script id="answers" type="application/json">{{ answers }}</script>
<script>{{ script }}</script>{% endblock %}"""


@dataclass(frozen=True)
class Still:
    """A page at one moment: its models as JSON, its roots, and the scripts that they need."""

    page: DocJson
    roots: list[Model]
    bundle: Any


def take_still(document: Document, theme: str) -> Still:
    """The page as it is now, in one of the themes; on its event loop."""
    page = document.to_json(deferred=False)
    still = {"ShellPage": {"theme": theme, "still": True}, "Connection": {"over": True}}
    for model in _objects(page):
        if model.get("name") == "ImportedStyleSheet":
            _put_inline(model)
        own = still.get(model.get("attributes", {}).get("class_name"))
        if own:
            model["attributes"]["data"]["attributes"].update(own)
    use_own_font()
    with set_resource_mode("inline"):  # of the process: nothing else may run meanwhile
        bundle = bundle_resources(document.roots, INLINE)
    return Still(page, document.roots, bundle)


def put_rows(still: Still, views: Mapping[str, Viewer]) -> None:
    """Put what a view sends in parts, as it is asked for, into the page as a whole."""
    models = {model["id"]: model for model in _objects(still.page) if "attributes" in model}
    for view in views.values():
        if hasattr(view, "still"):
            given = {name: Serializer().encode(value) for name, value in view.still().items()}
            for model, _ in view.__panel__()._models.values():
                if model.id in models:
                    models[model.id]["attributes"]["data"]["attributes"].update(given)


def pictures(views: Mapping[str, Viewer]) -> dict[str, Any]:
    """Messages for the pictures of the views' components, by the id of their models."""
    answers = {}
    for view in views.values():
        if hasattr(view, "pictures"):
            models = [model.id for model, _ in view.__panel__()._models.values()]
            answers.update(dict.fromkeys(models, view.pictures()))
    return answers


def make_notice(app: AppState) -> str:
    """One line: that the page is an export, of what, and when."""
    node, store = app.students.node, app.store
    name = f" ({node.name})" if node.name else ""
    return (
        f"Export, read only. {app.dataset.title}, {count(len(store.images))} images, data hash "
        f"{store.content_hash[:12]}. Iteration #{node.number}{name}, id {node.id}. "
        f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}"
    )


def make_html(still: Still, views: Mapping[str, Viewer], notice: str) -> str:
    """The file: a page, what its views would still be sent, and the notice above it."""
    put_rows(still, views)
    answers = pictures(views)
    roots = {root: ID(f"root-{at}") for at, root in enumerate(still.roots)}
    return html_page_for_render_items(
        still.bundle,
        {ID("export"): still.page},
        [RenderItem(docid=ID("export"), roots=roots)],
        title=still.page["title"],
        template=_TEMPLATE,
        template_variables={
            "told": escape(notice),
            "answers": json.dumps(answers).replace("</", "<\\/"),
            "css": _own("static_page.css"),
            "script": _own("static_page.js"),
        },
    )


def _own(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _put_inline(model: dict[str, Any]) -> None:
    """Put what a link to one of Panel's style sheets stands for in its place."""
    url = model["attributes"]["url"].split("?")[0]
    file = DIST_DIR / url.rpartition(_SHEETS)[2].removeprefix(CDN_DIST)
    model.update(name="InlineStyleSheet", attributes={"css": file.read_text(encoding="utf-8")})


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """All JSON objects in ``value``, it included."""
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, dict | list):
            yield from _objects(item)
