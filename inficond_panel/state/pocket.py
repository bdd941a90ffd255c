"""State of the small networks of an iteration: those that are kept, a new one, and their files."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import param

from inficond_panel.common.files import File, file_stem
from inficond_panel.common.numbers import size_text
from inficond_panel.errors import CancelledError, ExportError, InficondError, Remedy
from inficond_panel.export.network.folder import CARD, CARD_JSON
from inficond_panel.export.pocket.folder import MODEL, MODEL_SMALL, REFERENCE
from inficond_panel.export.pocket.kept import KeptPocket, kept_pockets, pockets_folder, trunks_here
from inficond_panel.export.pocket.learn import trunk_name, usual_trunk
from inficond_panel.export.pocket.sizes import make_pockets, write_pockets
from inficond_panel.state.export import stem
from inficond_panel.state.jobs import Job, Jobs, Status, Working
from inficond_panel.state.network import MOST_BYTES, turn
from inficond_panel.state.selection import EVERYTHING, Rights
from inficond_panel.tuning import Node, Tuner

#: Sides of the input that the page offers, in pixels; 0: the trunk's own.
INPUT_SIDES = (0, 224, 160, 128)
#: Files that go to the browser, as far as a pocket has them.
_FILES = (MODEL, MODEL_SMALL, REFERENCE, CARD, CARD_JSON)


class PocketState(Working):
    """State of the pockets of one iteration, and of one that is being built.

    Pockets are kept in a folder beside the history, where ``inficond pocket`` can write them, too;
    with a history that is no file they are kept until the session ends. Networks are loaded only
    for a session that may export, and run one at a time in all sessions of this process.
    """

    KEY = "pocket"
    RUNNING = frozenset({"building"})

    missing = param.String("", doc="Why no pocket can be built here; empty: it can.")
    trunks = param.List([], item_type=str, doc="Trunks that can be chosen; empty: not known yet.")
    why = param.String("", doc="Why the first trunk is the usual one; empty: there is no other.")
    node_id = param.String("", doc="Iteration whose pockets are shown; empty: none.")
    kept = param.List([], item_type=KeptPocket, doc="Pockets of ``node_id``.")
    building = param.String("", doc="Iteration whose pocket was requested last; empty: none.")
    saving = param.ClassSelector(
        class_=Status, default=Status(), doc="Status of the file that is made, beside a build's."
    )
    file = param.ClassSelector(class_=File, default=None, doc="File just made; then None again.")

    def __init__(self, tuner: Tuner, jobs: Jobs, rights: Rights = EVERYTHING) -> None:
        super().__init__(jobs)
        self.tuner, self._rights = tuner, rights
        self._session: tempfile.TemporaryDirectory[str] | None = None
        self._usual = ("", "")

    @property
    def offered(self) -> bool:
        """True if the session may export, and there are photos from which a network can learn and
        from which the scores were made."""
        store = self.tuner.store
        return self._rights.export and store.holds("photos") and not store.given

    @property
    def folder(self) -> Path:
        """Folder of all pockets of the history, which may not exist yet."""
        kept = pockets_folder(self.tuner.history.path)
        if kept is not None:
            return kept
        if self._session is None:
            self._session = tempfile.TemporaryDirectory(prefix="inficond-pockets-")
        return Path(self._session.name)

    def look(self, node_id: str) -> None:
        """Start to look for the pockets of an iteration, and for what one can be built from."""
        if not self.offered:
            return
        if node_id != self.node_id:
            self.param.update(node_id=node_id, kept=[])

        def work(_: Job) -> dict[str, Any]:
            kept = kept_pockets(self.tuner, self.tuner.node(node_id), self.folder)
            try:
                return {"missing": "", "kept": kept, **self._trunks()}
            except InficondError as error:
                return {"missing": error.whole_for_page, "kept": kept, "trunks": []}

        def done(seen: dict[str, Any]) -> None:
            self.param.update(**seen)

        def failed(error: InficondError) -> None:  # the status is that of a build, which may run
            self.missing = error.whole_for_page

        self.jobs.submit(Job("pockets", work, done, failed))

    def _trunks(self) -> dict[str, Any]:
        """Return the trunks that are offered, the usual one first, and why it is."""
        trunks = trunks_here(self.tuner.spec)
        if len(trunks) == 1:
            return {"trunks": trunks, "why": ""}
        if not self._usual[0]:
            self._usual = usual_trunk(self.tuner)
        name, why = self._usual
        return {"trunks": sorted(trunks, key=lambda each: each != name), "why": why}

    def build(self, node_id: str, trunk: str, sides: Sequence[int]) -> None:
        """Start to build pockets of an iteration, one per side of the input.

        Raises ``TuningError`` if the session may not export, and ``ExportError`` for a trunk or a
        side that the page does not offer."""
        self._rights.require("export")
        if trunk not in self.trunks or not sides or not {*sides} <= {*INPUT_SIDES}:
            raise ExportError(
                "The page does not offer this small network.", "Choose a trunk and a size."
            )
        if self.busy:
            return

        def work(job: Job) -> list[KeptPocket]:
            report = self.jobs.progress(job)

            def tell(share: float, line: str) -> None:
                if job.cancelled():
                    raise CancelledError("Cancelled.")
                report(share, line)

            names = [trunk_name(trunk, side) for side in sorted({*sides})]
            with turn(job):
                node = self.tuner.node(node_id)
                files = make_pockets(self.tuner, node, names, progress=tell)
            self.folder.mkdir(parents=True, exist_ok=True)
            write_pockets(files, _free(self.folder, node, trunk))
            return kept_pockets(self.tuner, node, self.folder)

        def done(kept: list[KeptPocket]) -> None:
            shown = {"kept": kept} if self.node_id == node_id else {}
            self.param.update(status=Status(), **shown)

        status = Status("building", "Waiting for its turn")
        self.param.update(building=node_id, status=status)
        self.jobs.submit(Job(self.KEY, work, done, self.fail, self._report, long=True))

    def key_of(self, kept: KeptPocket) -> str:
        """Return the path of a pocket below ``folder``, which names it on the page."""
        return kept.folder.relative_to(self.folder).as_posix()

    def find(self, key: str) -> KeptPocket:
        """Return the pocket of ``node_id`` with a key; ``ExportError`` if there is none."""
        for kept in self.kept:
            if self.key_of(kept) == key:
                return kept
        raise ExportError("There is no such small network.", "Build it first.")

    def write(self, key: str) -> None:
        """Make a zip of the files of a pocket; raises as ``make`` and ``find``."""
        kept = self.find(key)
        self.make(lambda: zipped(kept, self.stem(kept)))

    def stem(self, kept: KeptPocket) -> str:
        """Return the stem of names of a pocket's files."""
        of_node = stem(self.tuner, self.tuner.node(self.node_id))
        return f"{of_node}-pocket-{file_stem(kept.trunk)}-{kept.side}"

    def make(self, make: Callable[[], File]) -> None:
        """Make a file on the worker and set ``file``, also while a pocket is built; ``TuningError``
        if export is not allowed."""
        self._rights.require("export")
        if self.saving.kind == "writing":
            return

        def done(file: File) -> None:
            text = f"{file.name} is ready, {size_text(len(file.content))}"
            self.param.update(file=file, saving=Status("done", text, 1.0))
            self.file = None  # the browser has it now

        def failed(error: InficondError) -> None:
            self.saving = Status.of(error)

        self.saving = Status("writing", "Making the file")
        self.jobs.submit(Job("pocket-file", lambda _: make(), done, failed))


def zipped(kept: KeptPocket, name: str) -> File:
    """Return a zip of a pocket's files; ``ExportError`` for more than ``MOST_BYTES``."""
    files = [file for each in _FILES if (file := kept.folder / each).is_file()]
    size = sum(file.stat().st_size for file in files)
    if size > MOST_BYTES:
        number = kept.card["node"]["number"]
        raise ExportError(
            f"The small network has {size_text(size)}, over {size_text(MOST_BYTES)}, which is too "
            "large for the page.",
            Remedy(
                f"inficond pocket SPEC --node {number} --output FOLDER",
                f'students.pocket("FOLDER", node={number})',
            ),
        )
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, f"{name}/{file.name}")
    return File(f"{name}.zip", content.getvalue())


def _free(folder: Path, node: Node, trunk: str) -> Path:
    """Return the path of a new folder for pockets of an iteration."""
    number = 1
    while (path := folder / f"{node.id}-{trunk}-{number}").exists():
        number += 1
    return path
