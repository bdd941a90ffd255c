"""A small network of the demo within a built site: ``python docs/site/try_demo.py FOLDER``.

It is there to try without installing: what ``inficond page --try`` writes, with scenes of the demo
to choose from. The network is in the tree, since it takes torch and minutes to learn:

    inficond pocket demo --output pocket
    cp pocket/pocket-int8.onnx docs/site/demo-pocket.onnx
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import inficond_panel
from inficond_panel.try_page.page import make_page, write_page
from inficond_panel.vocabulary.splits import TUNE

POCKET = Path(__file__).with_name("demo-pocket.onnx")
PAGE, FRONT, PLACE = "try", "pocket.html", '<section id="in-a-browser">'
TOLD = "This one sees by the demo's small encoder, in 8 bits."
#: Classes of which a scene of ``tune`` is offered.
CLASSES = ("dog", "boat", "train", "tv monitor", "cat", "bus")


def write(folder: Path) -> int:
    """Write the page, and name it in the section on it; return the bytes of all its files."""
    with tempfile.TemporaryDirectory() as scenes:
        page = make_page(POCKET, _scenes(Path(scenes)))
    sizes = write_page(page, folder / PAGE)
    front = folder / FRONT
    text = front.read_text(encoding="utf-8")
    start = text.find("</h2>", text.find(PLACE)) + len("</h2>")
    if PLACE not in text:
        sys.exit(f"{FRONT} has no section to put the link into.")
    told = (
        f'<p><a href="{PAGE}/index.html">Try it here</a>, with drawn scenes of the demo. {TOLD}</p>'
    )
    front.write_text(text[:start] + told + text[start:], encoding="utf-8")
    return sum(sizes.values())


def _scenes(folder: Path) -> list[Path]:
    store = inficond_panel.open_students("demo", history=":memory:").tuner.store
    files: list[Path] = []
    rows = list(store.rows(TUNE))
    for name in CLASSES:
        label = store.label[:, store.classes.index(name)]
        row = next(row for row in rows if label[row] == 1)
        rows.remove(row)  # a scene with two of the classes is offered once
        files.append(folder / f"{name}.jpg")
        files[-1].write_bytes(store.thumbnail(row))
    return files


if __name__ == "__main__":
    size = write(Path(sys.argv[1]))
    sys.stdout.write(f"{PAGE}: {size / 1e6:.1f} MB\n")
