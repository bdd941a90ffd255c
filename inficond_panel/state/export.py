"""State of the export: the students of any iteration, or its edits file, as a file to save."""

from __future__ import annotations

import io
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import param

from inficond_panel.common.files import File, file_stem
from inficond_panel.common.numbers import share, size_text
from inficond_panel.errors import MissingExtraError
from inficond_panel.export import FORMATS, export
from inficond_panel.export.folder import edits_text
from inficond_panel.export.onnx_file import import_onnx
from inficond_panel.state.jobs import Job, Jobs, Status, Working
from inficond_panel.state.selection import EVERYTHING, Rights
from inficond_panel.tuning import Node, Tuner

SLICE = 0.3  #: seconds of work on a large file, after which other jobs may run


class ExportState(Working):
    """Export of one file at a time, with its progress; the browser saves the new ``file``."""

    KEY = "export"
    RUNNING = frozenset({"exporting"})

    formats = param.List([], item_type=dict, doc="See ``look``; empty until then.")
    file = param.ClassSelector(class_=File, default=None, doc="File just made; then None again.")
    asked = param.Event(doc="The user opens the export menu of the node shown.")
    page = param.Event(doc="The user requests the page as one HTML file.")

    def __init__(self, tuner: Tuner, jobs: Jobs, rights: Rights = EVERYTHING) -> None:
        super().__init__(jobs)
        self.rights = rights
        self.tuner = tuner

    def look(self) -> None:
        """Start a job that sets ``formats``: name and file of each export format; ``missing`` is
        the remedy for a missing package, or empty."""

        def work(_: Job) -> list[dict[str, str]]:
            missing = {}
            try:
                import_onnx()
            except MissingExtraError as error:
                missing["onnx"] = error.whole_for_page
            return [
                {"name": name, "file": file, "missing": missing.get(name, "")}
                for name, (file, _) in FORMATS.items()
            ]

        def done(formats: list[dict[str, str]]) -> None:
            self.formats = formats

        self.param.update(status=Status(), file=None)
        self.jobs.submit(Job("formats", work, done, self.fail))

    def students(self, node_id: str, formats: Sequence[str]) -> None:
        """Make a zip of the folder that ``inficond export`` writes for a node in these formats."""

        def make() -> File:
            node = self.tuner.node(node_id)
            name, content = stem(self.tuner, node), io.BytesIO()
            with tempfile.TemporaryDirectory() as folder:
                files = export(self.tuner, node, Path(folder) / name, formats)
                with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
                    for path in files.values():
                        archive.write(path, f"{name}/{path.name}")
            return File(f"{name}.zip", content.getvalue())

        self.make(make)

    def edits(self, node_id: str) -> None:
        """Make the edits file of the branch that leads to a node."""

        def make() -> File:
            node = self.tuner.node(node_id)
            content = edits_text(self.tuner, node).encode()
            return File(f"{stem(self.tuner, node)}-edits.yaml", content)

        self.make(make)

    def make(self, make: Callable[[], File]) -> None:
        """Make a file on the worker and set ``file``. ``TuningError`` if export is not allowed."""
        self.rights.require("export")
        self.status = Status("exporting", "Making the file")
        self.jobs.submit(Job(self.KEY, lambda _: make(), self._made, self.fail))

    def make_in_steps(
        self, prepare: Callable[[], Any], begin: Callable[[Any], Iterator[float | File]]
    ) -> None:
        """Make a large file as ``make`` does, in steps between which other jobs run.

        ``prepare`` runs on the worker thread; ``begin`` gets its result on the event loop and
        returns the steps. The steps run on the worker: each yields the share done, the last one the
        file.
        """
        self.rights.require("export")

        def go_on(steps: Iterator[float | File]) -> None:
            def made(step: float | File) -> None:
                if isinstance(step, File):
                    self._made(step)
                    return
                self.status = Status("exporting", f"Making the file, {share(step)}", step)
                go_on(steps)

            self.jobs.submit(Job(self.KEY, lambda _: _slice(steps), made, self.fail))

        self.status = Status("exporting", "Making the file")
        job = Job(self.KEY, lambda _: prepare(), lambda ready: go_on(begin(ready)), self.fail)
        self.jobs.submit(job)

    def _made(self, file: File) -> None:
        text = f"{file.name} is ready, {size_text(len(file.content))}"
        self.param.update(file=file, status=Status("done", text, 1.0))
        self.file = None  # the browser has it now


def _slice(steps: Iterator[float | File]) -> float | File:
    """Run steps for ``SLICE`` seconds, and return the last result: the share done, or the file."""
    end = time.monotonic() + SLICE
    step = next(steps)
    while not isinstance(step, File) and time.monotonic() < end:
        step = next(steps)
    return step


def stem(tuner: Tuner, node: Node) -> str:
    """Return the stem of file names for a node: data set, number and id, joined by hyphens."""
    title = file_stem(tuner.store.title) or "students"
    return f"{title}-{node.number}-{node.id}"
