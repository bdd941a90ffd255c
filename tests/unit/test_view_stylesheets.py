"""In a notebook no style sheet is linked; on a server Panel's links stay."""

from __future__ import annotations

import panel as pn
import pytest
from bokeh.document import Document
from bokeh.models import ImportedStyleSheet, InlineStyleSheet
from bokeh.models.ui import UIElement
from panel.io.resources import CDN_DIST
from pyviz_comms import Comm

from inficond_panel.ui.stylesheets import InlineStyles
from inficond_panel.views.page.page import OpeningView


@pytest.fixture(params=[True, False], ids=["inline", "linked"])
def inline(request):
    with pn.config.set(inline=request.param):
        yield request.param


def links(root):
    models = [model for model in root.select({"type": UIElement}) if isinstance(model, UIElement)]
    sheets = [sheet for model in models for sheet in model.stylesheets]
    return [sheet.url for sheet in sheets if isinstance(sheet, ImportedStyleSheet)]


def test_what_comes_later_is_inline_too(inline):
    opening = OpeningView()
    page = pn.Column(opening, hooks=[InlineStyles()])
    root = page.get_root(Document(), Comm())
    assert bool(links(root)) is not inline
    opening.report(0.5, "Half of it")
    page.append(pn.Row(pn.widgets.Button(label="Press"), pn.pane.HTML("<b>bold</b>")))
    assert bool(links(root)) is not inline


@pytest.mark.parametrize("inline", [True], ids=["inline"], indirect=True)
@pytest.mark.usefixtures("inline")
def test_each_sheet_is_there_once_and_others_stay():
    button = pn.widgets.Button(label="Press", stylesheets=["./own.css"])
    root = pn.Column(button, pn.widgets.Button(), hooks=[InlineStyles()]).get_root(
        Document(), Comm()
    )
    assert links(root) == ["./own.css"]
    sheets = [model.stylesheets for model in root.select({"type": UIElement})]
    shared = {sheet for each in sheets for sheet in each if isinstance(sheet, InlineStyleSheet)}
    texts = [sheet.css for sheet in shared]
    assert len(texts) == len(set(texts)) > 0
    assert not any(CDN_DIST in text for text in texts)
