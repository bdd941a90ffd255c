"""Makes the pictures in docs/images anew: the demo with two iterations and a thumb that waits.

    CHROMIUM=/usr/bin/chromium python docs/pictures.py

Needs the extra ``dev`` and a Chromium. Look at each picture before you keep it.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from inficond_panel.tuning import Intent, open_tuner

IMAGES = Path(__file__).with_name("images")
VIEWS = ("configuration", "performance", "embedding", "knowledge", "detail", "provenance")
PORT = 5099
URL = f"http://localhost:{PORT}/app?class=bicycle&concept=traffic+light"
SLOW = 120_000


def make_history(file: Path) -> None:
    """Two iterations: one of another class, and the demo's culprit."""
    tuner = open_tuner("demo", history=file)
    first = tuner.fine_tune(tuner.root(), [Intent("dog", "soccer ball", "remove")])
    second = tuner.fine_tune(first, [Intent("bicycle", "traffic light", "down")])
    tuner.set_head(second, "fine-tune")
    tuner.history.close()


def open_page(page: Page) -> None:
    """The page with a preview, all of it painted."""
    page.goto(URL)
    row = page.locator('.knowledge .row[data-key="traffic light"]')
    row.locator(".thumb.remove").click(timeout=SLOW)
    expect(page.locator(".knowledge .status")).to_contain_text("sides", timeout=SLOW)
    expect(page.locator(".detail .tile path.line").first).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Not now").click()
    page.mouse.move(0, 0)
    page.wait_for_load_state("networkidle")
    shot, before = page.screenshot(), b""
    while shot != before:
        page.wait_for_timeout(1500)  # pictures and curves come later
        shot, before = page.screenshot(), shot


def save(shot: bytes, name: str, colours: int = 0) -> None:
    """Keep a picture, with fewer colours if asked."""
    image = Image.open(io.BytesIO(shot)).convert("RGB")
    (image.quantize(colours) if colours else image).save(IMAGES / f"{name}.png", optimize=True)


def main() -> None:
    """Serve the demo, and take the whole page in both themes and each view."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        history = Path(folder) / "demo.history.sqlite"
        make_history(history)
        command = ["inficond_panel", "demo", "--port", str(PORT), "--history", str(history)]
        server = subprocess.Popen(  # noqa: S603 - ours
            [sys.executable, "-m", *command], stdout=subprocess.PIPE, text=True
        )
        try:
            assert server.stdout is not None
            server.stdout.readline()  # says where the page is, once it answers
            browser = playwright.chromium.launch(
                executable_path=os.environ.get("CHROMIUM"), args=["--no-sandbox"]
            )
            for theme in ("light", "dark"):
                page = browser.new_page(
                    viewport={"width": 1920, "height": 1080}, color_scheme=theme
                )
                open_page(page)
                save(page.screenshot(), f"demo-{theme}", 256)
                for view in VIEWS if theme == "light" else ():
                    save(page.locator(f".place[data-view={view}]").screenshot(), f"view-{view}")
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
