"""Runs the notebooks of this folder and keeps what they show: ``make notebooks``.

Kept are texts, tables and pictures; a live page becomes a still picture, and what differs from run
to run is left out.
"""

from __future__ import annotations

import base64
import io
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
STILL = ROOT / "docs" / "images" / "demo-light.png"
SAID = "The page is live where the cell is run; this is a still picture."
#: Size of the still picture within a notebook, in pixels.
SMALL = (960, 540)
#: Differences of rounding, which differ between processors.
_ROUNDING = re.compile(r"\b\d(\.\d+)?e-\d\d\b")


class Manager(AsyncKernelManager):
    """Starts this Python, whatever kernels are installed on the machine."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """The kernel."""
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=command, language="python", display_name="Python")


def run(file: Path, folder: Path) -> NotebookNode:
    """The notebook with its outputs, run in a kernel of its own in an empty folder."""
    notebook = nbformat.read(file, 4)
    manager = Manager(connection_file=str(folder / "kernel.json"))
    with chdir(folder), _environment(PYTHONPATH=str(ROOT), HOME=str(folder)):
        NotebookClient(notebook, km=manager, timeout=900, iopub_timeout=900).execute(
            cleanup_kc=True
        )
    return notebook


@contextmanager
def _environment(**settings: str) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(settings)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def keep(notebook: NotebookNode) -> NotebookNode:
    """Leave in the cells what is kept of their outputs, and nothing of the run itself."""
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = [kept for output in cell.outputs for kept in _kept(output)]
    notebook.metadata.pop("language_info", None)
    return notebook


def _kept(output: NotebookNode) -> Iterator[NotebookNode]:
    if output.output_type == "stream":
        if output.name == "stdout":
            yield output
        return
    data = output.get("data", {})
    if "application/vnd.holoviews_exec.v0+json" in data:
        data = {"image/png": _still(), "text/plain": SAID}
    data = {kind: data[kind] for kind in ("image/png", "text/html", "text/plain") if kind in data}
    if output.output_type == "execute_result":
        yield nbformat.v4.new_output("display_data", data)


def _still() -> str:
    with Image.open(STILL) as picture:
        small = picture.convert("RGB").resize(SMALL, Image.Resampling.LANCZOS).quantize(64)
    content = io.BytesIO()
    small.save(content, "PNG", optimize=True)
    return base64.b64encode(content.getvalue()).decode()


def texts(notebook: NotebookNode) -> dict[str, str]:
    """Text of the outputs by id of the cell, without differences of rounding."""
    return {
        cell.id: _ROUNDING.sub("0e-00", "\n".join(map(_text, cell.outputs)))
        for cell in notebook.cells
        if cell.cell_type == "code"
    }


def _text(output: NotebookNode) -> str:
    return str(output.get("text") or output["data"]["text/plain"])


def main() -> None:
    """Run all notebooks, and write them."""
    for file in NOTEBOOKS:
        with tempfile.TemporaryDirectory() as folder:
            notebook = keep(run(file, Path(folder)))
        nbformat.write(notebook, file)
        print(f"{file.name}: {len(texts(notebook))} cells run")


if __name__ == "__main__":
    main()
