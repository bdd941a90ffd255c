"""Still pictures of live cells: what is drawn, when it changes, and what a notebook keeps."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import IPython.display
import pytest
from factory import small_spec
from waiting import until

import inficond_panel
from inficond_panel.ui import notebook_cell
from inficond_panel.ui.drawing import Drawing, cut
from inficond_panel.ui.notebook_cell import NOT_YET, Still

SVG = "{http://www.w3.org/2000/svg}"


def texts(drawing: Drawing) -> list[str]:
    return [
        "".join(each.itertext())
        for each in ElementTree.fromstring(drawing.svg()).iter(SVG + "text")
    ]


def test_a_drawing_escapes_its_texts_and_cuts_them_to_their_room():
    drawing = Drawing(100, 40)
    drawing.text((0, 10), "<script>alert('&')</script>")
    drawing.text((0, 30), "a very long name of a concept", room=60)
    assert texts(drawing) == ["<script>alert('&')</script>", "a very…"]
    assert "<script" not in drawing.svg()
    assert cut("short", 200) == "short"
    assert cut("whole, however long it may be", 0) == "whole, however long it may be"


class Outputs(list):
    """Outputs of a notebook: what is displayed, and each change of it."""

    def display(self, data, raw, display_id):
        assert raw
        assert display_id
        self.append([data])
        at = len(self) - 1
        return SimpleNamespace(update=lambda data, raw: self[at].append(data))


@pytest.fixture
def outputs(monkeypatch):
    found = Outputs()
    monkeypatch.setattr(notebook_cell, "in_kernel", lambda: True)
    monkeypatch.setattr(notebook_cell, "CALM", 0)
    monkeypatch.setattr(IPython.display, "display", found.display)
    return found


def drawn(words: str) -> Drawing:
    drawing = Drawing(50, 20)
    drawing.text((0, 10), words)
    return drawing


def test_several_changes_make_one_new_picture_and_none_makes_none(outputs):
    shown = ["first"]

    async def changes() -> None:
        still = Still(lambda: drawn(shown[0]))
        still.change_soon()
        assert still._waiting is None  # nobody has displayed it
        still.show()
        still.change_soon()
        await until(lambda: still._waiting is None)
        assert len(outputs[0]) == 1  # it is as it was
        shown[0] = "second"
        still.change_soon()
        still.change_soon()
        await until(lambda: len(outputs[0]) == 2)
        still.close()
        still.change_soon()
        assert still._waiting is None

    asyncio.run(changes())
    first, second = (each["text/html"] for each in outputs[0])
    assert drawn("first").uri() in first
    assert drawn("second").uri() in second
    assert "<script" not in second  # stays whole where a notebook is not trusted


def test_while_it_opens_a_sentence_stands_in_its_place(outputs):
    Still(lambda: None).show()
    [[bundle]] = outputs
    assert NOT_YET in bundle["text/html"]


def test_outside_a_kernel_nothing_is_displayed(monkeypatch):
    monkeypatch.setattr(IPython.display, "display", lambda *_, **__: pytest.fail("displayed"))
    Still(lambda: drawn("words")).show()
    monkeypatch.delitem(sys.modules, "IPython")
    Still(lambda: drawn("words")).show()


def test_each_view_and_the_page_have_a_picture(tmp_path: Path) -> None:
    async def pictures() -> None:
        explorer = inficond_panel.explore(small_spec(tmp_path))
        assert explorer._draw("") is None
        await until(lambda: explorer.app is not None)
        names = [name for name in dir(explorer.views) if explorer.place(name)]
        classes = explorer.app.store.classes
        before = {name: explorer._draw(name) for name in names}
        assert before.pop("detail") is None  # nothing is selected
        assert set(classes) <= set(texts(before["performance"]))
        explorer.app.selection.open_concept(explorer.app.store.concepts[0], classes[0])
        for name in names:
            found = explorer._draw(name)
            assert found is not None, name
            assert texts(found) or name == "embedding", name
            assert len(found.uri()) < 100_000
        whole = texts(explorer._draw(""))
        assert classes[0] in whole
        assert "Fine-tuning provenance" in whole
        explorer.close()

    asyncio.run(pictures())
