"""Makes the pictures in docs/images anew: the demo with two iterations and a thumb that waits.

And the one that moves: the demo from its first screen to a student that is repaired. And the page
that runs a small network in the browser, with a scene of the demo.

    CHROMIUM=/usr/bin/chromium python docs/pictures.py

Needs the extra ``dev`` and a Chromium. Look at each picture before you keep it.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from inficond_panel.try_page.page import make_page, write_page
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.vocabulary.splits import TUNE

IMAGES = Path(__file__).with_name("images")
POCKET = Path(__file__).parent / "site/demo-pocket.onnx"  #: see docs/site/try_demo.py
VIEWS = ("configuration", "performance", "embedding", "knowledge", "detail", "provenance")
PORT = 5099
URL = f"http://localhost:{PORT}/app?class=bicycle&concept=traffic+light&show=details"
SLOW = 120_000


def make_history(file: Path) -> None:
    """Two iterations: one of another class, and the demo's culprit."""
    tuner = open_tuner("demo", history=file)
    first = tuner.fine_tune(tuner.root(), [Intent("dog", "soccer ball", "remove")])
    second = tuner.fine_tune(first, [Intent("bicycle", "traffic light", "down")])
    tuner.set_head(second, "fine-tune")
    tuner.history.close()


def open_page(page: Page) -> bytes:
    """The page with a preview, all of it painted; a picture of it."""
    page.goto(URL)
    row = page.locator('.knowledge .row[data-key="traffic light"]')
    row.locator(".thumb.remove").click(timeout=SLOW)
    expect(page.locator(".knowledge .status")).to_contain_text("prediction", timeout=SLOW)
    expect(page.locator(".detail .tile path.line").first).to_be_visible(timeout=SLOW)
    return painted(page)


def painted(page: Page) -> bytes:
    """Picture of the page once it is as it stays."""
    page.mouse.move(0, 0)
    page.wait_for_load_state("networkidle")
    shot, before = page.screenshot(), b""
    while shot != before:
        page.wait_for_timeout(1500)  # pictures and curves come later
        shot, before = page.screenshot(), shot
    return shot


def parts(page: Page) -> Iterator[tuple[str, bytes]]:
    """Name and picture of parts of an open page: both worlds, the evidence, a photo to answer."""
    knowledge = page.locator(".knowledge")
    yield "two-worlds", knowledge.locator("fieldset.worlds").screenshot()
    knowledge.get_by_role("button", name="Evidence").click()
    painted(page)
    yield "evidence", knowledge.locator(".unfold.repair-panel").screenshot()
    knowledge.get_by_role("button", name="Look at 20 photos").click()
    dialog = page.locator("dialog.asking[open]")
    expect(dialog.locator(".photo img")).to_be_visible(timeout=SLOW)
    painted(page)
    yield "twenty-photos", dialog.screenshot()


def frames(page: Page) -> Iterator[bytes]:
    """The demo's story: all students, the one of bicycle, two thumbs with what they do where the
    concept is and where it is not, and the refit."""
    page.goto(URL.partition("?")[0])
    expect(page.locator(".start .cards img")).to_have_count(10, timeout=SLOW)
    yield painted(page)
    page.locator('.performance [data-key="bicycle"]').click()
    row = page.locator('.knowledge .row[data-key="traffic light"]')
    row.locator("button.open").click(timeout=SLOW)
    expect(page.locator(".detail .tile path.line").first).to_be_visible(timeout=SLOW)
    yield painted(page)
    row.locator(".thumb.remove").click()
    expect(page.locator(".knowledge .status")).to_contain_text("prediction", timeout=SLOW)
    yield painted(page)
    page.locator('.knowledge .row[data-key="bicycle"] .thumb.up').click()
    expect(page.locator(".knowledge .block")).to_have_count(2, timeout=SLOW)
    expect(page.locator(".knowledge fieldset.worlds")).to_be_visible(timeout=SLOW)
    yield painted(page)
    page.get_by_role("button", name="Fine-tune").click()
    expect(page.locator(".knowledge").get_by_text("now right")).to_be_visible(timeout=SLOW)
    yield painted(page)


def save_moving(shots: Iterable[bytes]) -> None:
    """Keep pictures as one that moves, three seconds each."""
    images = [Image.open(io.BytesIO(shot)).convert("RGB") for shot in shots]
    images[0].save(
        IMAGES / "demo.webp", save_all=True, append_images=images[1:], duration=3000, loop=0,
        quality=80, method=6,
    )  # fmt: skip


def save(shot: bytes, name: str, colours: int = 0) -> None:
    """Keep a picture, with fewer colours if asked."""
    image = Image.open(io.BytesIO(shot)).convert("RGB")
    (image.quantize(colours) if colours else image).save(IMAGES / f"{name}.png", optimize=True)


def try_page(page: Page, folder: Path) -> bytes:
    """Picture of the demo's small network in a browser: the first scene of *tune* without a dog. It
    is called one by a soccer ball, which stands beside most dogs of the training images."""
    store = open_tuner("demo", history=":memory:").store
    label = store.label[:, store.classes.index("dog")]
    scene = folder / "dog.jpg"
    scene.write_bytes(store.thumbnail(next(row for row in store.rows(TUNE) if label[row] == 0)))
    write_page(make_page(POCKET, [scene]), folder / "try.html")
    page.goto((folder / "try.html").as_uri())
    page.locator(".examples button").first.click(timeout=SLOW)
    expect(page.locator(".status")).to_contain_text("Decided", timeout=SLOW)
    page.locator(".classes button", has_text="dog").click()
    page.locator(".concepts .where").first.click()
    expect(page.locator("figcaption")).not_to_be_empty(timeout=SLOW)
    return painted(page)


@contextmanager
def serving(history: Path) -> Iterator[None]:
    """Serve the demo with a history."""
    command = ["inficond_panel", "demo", "--port", str(PORT), "--history", str(history)]
    server = subprocess.Popen(  # noqa: S603 - ours
        [sys.executable, "-m", *command], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        server.stdout.readline()  # says where the page is, once it answers
        yield
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    """Serve the demo, and take the whole page in both themes, each view, and the story."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 720, "height": 1180}, color_scheme="light")
        save(try_page(page, Path(folder)), "try-page", 256)
        with serving(Path(folder) / "story.history.sqlite"):
            page = browser.new_page(viewport={"width": 1440, "height": 810}, color_scheme="light")
            save_moving(frames(page))
        history = Path(folder) / "demo.history.sqlite"
        make_history(history)
        with serving(history):
            for theme in ("light", "dark"):
                page = browser.new_page(
                    viewport={"width": 1920, "height": 1080}, color_scheme=theme
                )
                save(open_page(page), f"demo-{theme}", 256)
                if theme == "light":
                    for view in VIEWS:
                        save(page.locator(f".place[data-view={view}]").screenshot(), f"view-{view}")
                    for name, shot in parts(page):
                        save(shot, name, 128)


if __name__ == "__main__":
    main()
