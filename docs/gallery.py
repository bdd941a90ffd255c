"""Makes the gallery of plots anew: docs/gallery.md and the pictures in docs/images/gallery.

    CHROMIUM=/usr/bin/chromium python docs/gallery.py

Needs the extras ``sklearn`` and ``dev`` and a Chromium. Look at each picture before you keep it.
"""

from __future__ import annotations

import ast
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import holoviews as hv
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Browser

DOCS = Path(__file__).parent
PAGE, PICTURES = DOCS / "gallery.md", DOCS / "images" / "gallery"
COLOURS = 64  #: of a picture

OPENING = """\
import inficond_panel

students = inficond_panel.open_students("demo", history=":memory:").fit()
students.down("bicycle", "traffic light").undo()
students.remove("bicycle", ["traffic light", "vertical traffic light"])
students.up("dog", "dog")
plot = students.plot"""


SWEEP = """\
from types import SimpleNamespace

from inficond_panel.quantify.gamma_sweep import measure_gammas
from inficond_panel.quantify.outputs import sample, single_label_groups
from inficond_panel.store.teacher_outputs import oracle_logits, oracle_others

store = students.tuner.store
groups = sample(single_label_groups(store.label[store.rows("fit")], store.classes))
oracle = SimpleNamespace(own=oracle_logits(store), other=oracle_others(store))
swept = measure_gammas(store, {0.5: oracle}, groups=groups)
"""


class Example(NamedTuple):
    """A plot of the gallery: what it shows, and the code whose last line is the plot."""

    method: str
    words: str
    code: str


EXAMPLES = [
    Example(
        "performance",
        "Who decides the positives (above) and the negatives of each class rightly: blue both, "
        "striped one of them, orange neither.",
        "plot.performance()",
    ),
    Example("knowledge", "The strongest concepts of a student.", 'plot.knowledge("bicycle")'),
    Example(
        "what_if",
        "A metric over the influence of a concept, the others fixed, with the interval of its "
        "change. The line marks the influence now.",
        'plot.what_if("bicycle", "traffic light", "f1")',
    ),
    Example(
        "embedding",
        "Concepts over the cloud of segments; the strongest of a class have names.",
        'plot.embedding("bicycle")',
    ),
    Example("provenance", "The tree of iterations; this one is filled.", "plot.provenance()"),
    Example(
        "matrix",
        "Influences of all students: blue for a class, orange against it.",
        "plot.matrix(top=20)",
    ),
    Example("confusion", "Labelled images by label and decision.", 'plot.confusion("bicycle")'),
    Example(
        "reliability",
        "Share of positives over the student's probability.",
        'plot.reliability("bicycle")',
    ),
    Example(
        "coverage",
        "Accuracy of the surest decisions over the share that they are, with the interval.",
        'plot.coverage("bicycle")',
    ),
    Example(
        "gammas",
        "Silhouettes and accuracy of oracles over γ. `students.oracle_sweep([0.5, 1, 2])` makes "
        "oracles with the teacher, in some minutes; here the one that the demo's store holds is "
        "measured beside the teacher (γ 0).",
        SWEEP + "plot.gammas(swept)",
    ),
    Example(
        "gamma_reliability",
        "Reliability of each oracle. Without `.layout()` a slider chooses γ.",
        "plot.gamma_reliability(swept).layout()",
    ),
    Example(
        "gamma_maps",
        "The t-SNE map of each oracle's logits, coloured by sub-class.",
        "plot.gamma_maps(swept).layout()",
    ),
    Example(
        "cost",
        "AP over the time per photo: [pockets](pocket.md#several-sizes) of four sizes, one of "
        "them in 8 bits, the students' encoder, and the teacher, a table of logits that has no "
        "time. This is of [18 classes of COCO](measured.md#a-small-network), whose card is in "
        "`docs/pockets`.",
        'plot.cost("pockets")',
    ),
]


def page() -> str:
    """The gallery as Markdown."""
    parts = [
        "# Gallery of plots",
        "`students.plot` makes these plots of the current iteration. Each is a HoloViews element, "
        'which a notebook shows. A script calls `hv.extension("bokeh")` first. `+`, `*`, `.opts` '
        "and `hv.save` work on the plots, and `element.dframe()` has the data of an element, or of "
        "one layer if there are several. [The Python API](notebook.md#plots) has the arguments. "
        "All plots here are of the embedded demo:",
        f"```python\n{OPENING}\n```",
    ]
    for example in EXAMPLES:
        parts += [
            f"## {example.method}",
            example.words,
            f"```python\n{example.code}\n```",
            f"![The plot {example.method} of the demo](images/gallery/{example.method}.png)",
        ]
    parts.append("`python docs/gallery.py` makes this page and its pictures.")
    return "\n\n".join(parts) + "\n"


def plots(examples: list[Example]) -> Iterator[tuple[str, Any]]:
    """Name and plot of each example, its code run after that of those before."""
    names: dict[str, Any] = {}
    exec(OPENING, names)  # noqa: S102 - ours
    for example in examples:
        *before, last = ast.parse(example.code).body
        assert isinstance(last, ast.Expr)
        exec(compile(ast.Module(before, []), example.method, "exec"), names)  # noqa: S102 - ours
        with chdir(DOCS):
            plot = eval(ast.unparse(last), names)  # noqa: S307 - ours
        yield example.method, plot


def save(browser: Browser, plot: Any, file: Path) -> None:
    """Keep a picture of a plot as a browser draws it."""
    with tempfile.TemporaryDirectory() as folder:
        html = Path(folder) / "plot.html"
        hv.save(plot, html, resources="inline")
        tab = browser.new_page(viewport={"width": 1300, "height": 300})
        tab.goto(html.as_uri())
        tab.locator(".bk-Canvas").first.wait_for()
        tab.add_style_tag(content="body { margin: 0 }")
        tab.wait_for_timeout(2000)  # the canvas is painted after it is there
        shot = tab.screenshot(full_page=True)
        tab.close()
    image = Image.open(io.BytesIO(shot)).convert("RGB")
    image.crop(_drawn(image)).quantize(COLOURS).save(file, optimize=True)


def _drawn(image: Image.Image) -> tuple[int, int, int, int]:
    """The part of a picture that is not white, with a margin."""
    dark = image.convert("L").point(lambda value: 255 if value < 250 else 0)
    left, top, right, bottom = dark.getbbox() or (0, 0, *image.size)
    right, bottom = min(right + 6, image.width), min(bottom + 6, image.height)
    return max(left - 6, 0), max(top - 6, 0), right, bottom


def main() -> None:
    """Make the page and all pictures."""
    hv.extension("bokeh")
    PICTURES.mkdir(parents=True, exist_ok=True)
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - readers of EXAMPLES need none

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM"), args=["--no-sandbox"]
        )
        for name, plot in plots(EXAMPLES):
            save(browser, plot, PICTURES / f"{name}.png")
            print(name)  # noqa: T201 - tells how far it is
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
