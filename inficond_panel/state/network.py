"""State of the user's own network: its last layer refitted to an iteration, and the new file."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import param

from inficond_panel.common.files import File
from inficond_panel.common.numbers import size_text
from inficond_panel.errors import CancelledError, ExportError, InficondError, Remedy
from inficond_panel.export.network.folder import check_meant, write_network
from inficond_panel.export.network.repair import NetworkRepair, check_inputs, repair_network
from inficond_panel.spec.sections.teacher import is_refitted
from inficond_panel.state.export import stem
from inficond_panel.state.jobs import Job, Jobs, Status, Working
from inficond_panel.state.selection import EVERYTHING, Rights
from inficond_panel.tuning import Tuner

#: Bytes of the largest network that goes to the browser, in one message.
MOST_BYTES = 200_000_000
_WAIT = 0.2  #: seconds between checks for cancellation while another session's network runs
_TURN = Lock()


class NetworkState(Working):
    """State of one refit of the teacher's network, and of the zip with its new file.

    Networks are loaded only for a session that may export, and run one at a time in all sessions of
    this process. The features of the photos are kept for other iterations.
    """

    KEY = "network"
    RUNNING = frozenset({"refitting", "writing"})

    missing = param.String("", doc="Why no network can be refitted here; empty: it can.")
    node_id = param.String("", doc="Iteration that was requested last; empty: none.")
    repair = param.ClassSelector(
        class_=NetworkRepair, default=None, doc="Refit of ``node_id``; None: not there yet."
    )
    file = param.ClassSelector(class_=File, default=None, doc="Zip just made; then None again.")

    def __init__(self, tuner: Tuner, jobs: Jobs, rights: Rights = EVERYTHING) -> None:
        super().__init__(jobs)
        self.tuner, self._rights = tuner, rights

    @property
    def offered(self) -> bool:
        """True if the session may export, and the spec's teacher is a network with a last layer."""
        return self._rights.export and is_refitted(self.tuner.spec.teacher)

    def look(self) -> None:
        """Set ``missing``: why no network can be refitted here. Loads no network."""
        self.missing = ""
        if not self.offered:
            return
        try:
            check_inputs(self.tuner.spec)
        except InficondError as error:
            self.missing = error.whole_for_page

    def refit(self, node_id: str) -> None:
        """Start to refit the network to the targets of an iteration, and to measure it.

        Raises ``TuningError`` if the session may not export."""
        self._rights.require("export")
        if self.busy or (self.repair is not None and self.node_id == node_id):
            return
        known = self.repair.network if self.repair is not None else None

        def work(job: Job) -> NetworkRepair:
            report = self.jobs.progress(job)
            with turn(job):
                report(0.0, "Loading the network")
                node = self.tuner.node(node_id)
                repair = repair_network(self.tuner, node, report, job.cancelled, known)
            return repair.measured()

        def done(repair: NetworkRepair) -> None:
            self.param.update(repair=repair, status=Status())

        status = Status("refitting", "Waiting for its turn")
        self.param.update(node_id=node_id, repair=None, status=status)
        self.jobs.submit(Job(self.KEY, work, done, self.fail, self._report, long=True))

    def write(self, world: str) -> None:
        """Make a zip of the network's folder, for thumbs that are meant for a ``world``.

        Raises ``TuningError`` if the session may not export, and ``ExportError`` without a refit or
        for a text that names no world."""
        self._rights.require("export")
        repair, name = self.repair, check_meant(world)
        if repair is None:
            raise ExportError("There is no refitted network yet.", "Refit the network first.")

        def done(file: File) -> None:
            text = f"{file.name} is ready, {size_text(len(file.content))}"
            self.param.update(file=file, status=Status("done", text, 1.0))
            self.file = None  # the browser has it now

        self.status = Status("writing", "Making the file")
        self.jobs.submit(Job(self.KEY, lambda _: zipped(repair, name), done, self.fail))


def zipped(repair: NetworkRepair, meant: str) -> File:
    """Return a zip of the folder that ``inficond repair-network`` writes; ``ExportError`` for more
    than ``MOST_BYTES``."""
    content, name = io.BytesIO(), f"{stem(repair.tuner, repair.node)}-network"
    with tempfile.TemporaryDirectory() as folder:
        files = write_network(repair, Path(folder) / name, meant)
        size = sum(path.stat().st_size for path in files.values())
        if size > MOST_BYTES:
            raise ExportError(
                f"The network's files have {size_text(size)}, over {size_text(MOST_BYTES)}, which "
                "is too large for the page.",
                Remedy(
                    f"inficond repair-network SPEC --node {repair.node.number} --output FOLDER",
                    f'students.repair_network("FOLDER", node={repair.node.number})',
                ),
            )
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in files.values():
                archive.write(path, f"{name}/{path.relative_to(Path(folder) / name)}")
    return File(f"{name}.zip", content.getvalue())


@contextmanager
def turn(job: Job) -> Iterator[None]:
    """Wait until no other session's network runs; ``CancelledError`` if the job is cancelled."""
    while not _TURN.acquire(timeout=_WAIT):
        if job.cancelled():
            raise CancelledError("Cancelled.")
    try:
        yield
    finally:
        _TURN.release()
