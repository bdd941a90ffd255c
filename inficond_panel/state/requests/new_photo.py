"""A photo that somebody puts on the page: decided, taken apart, and kept nowhere."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import param
from PIL import Image

from inficond_panel.concepts.photo_scores import PhotoScores
from inficond_panel.errors import CancelledError, DataError, InficondError
from inficond_panel.export.abstaining import Abstaining, abstaining
from inficond_panel.export.folder import as_exported
from inficond_panel.export.predictions import Prediction, predict
from inficond_panel.state.jobs import Job, Jobs
from inficond_panel.state.preview import Status
from inficond_panel.state.rights import Rights
from inficond_panel.state.students import StudentsState
from inficond_panel.store import Store
from inficond_panel.tuning import Node

#: Bytes of the largest photo that is taken. As text, with a message of 1 MB around it, it fits.
MOST_BYTES = 600_000
#: Formats that a page sends.
FORMATS = ("JPEG", "PNG")
_KEY = "new photo"
_LEFT = 0.1  #: share of the bar that is done when the work begins


class PhotoScorer(Protocol):
    """Encoder and teacher of the page, loaded when they are first used."""

    @property
    def side(self) -> int:
        """Pixels of the longer side that a photo is scaled down to before it is sent."""

    def check(self, store: Store) -> None:
        """Raise an ``InficondError`` where photos cannot be scored here; loads nothing."""

    def score(
        self,
        store: Store,
        photo: bytes,
        progress: Callable[[str], None],
        cancelled: Callable[[], bool],
    ) -> PhotoScores:
        """Scores of one photo, given by its content."""


@dataclass(frozen=True, eq=False)
class DecidedPhoto:
    """Scores of a photo, and what the students of ``node`` make of them, by class.

    ``rules`` tell where the students abstain; None where they always decide.
    """

    node: Node
    scores: PhotoScores = field(repr=False)
    predictions: dict[str, Prediction] = field(repr=False)
    rules: Abstaining | None = field(default=None, repr=False)


class PhotoState(param.Parameterized):
    """One photo of this session; it is replaced by the next, and gone when it is closed.

    ``decided`` follows the students that are shown. Neither the photo nor anything of it goes to
    the disk or to the history.
    """

    status = param.ClassSelector(class_=Status, default=Status())
    decided = param.ClassSelector(class_=DecidedPhoto, default=None, doc="None: no photo is there.")
    missing = param.String("", doc="Why no photo can be decided here; empty: it can.")
    asked = param.Number(
        0.0,
        bounds=(0, 1),
        doc="Decided is only where as sure decisions on tune have this accuracy; 0: everywhere.",
    )

    def __init__(
        self, students: StudentsState, jobs: Jobs, scorer: PhotoScorer | None, rights: Rights
    ) -> None:
        self.students, self.jobs, self.scorer, self.rights = students, jobs, scorer, rights
        super().__init__()
        self.look()

    @property
    def busy(self) -> bool:
        """True if a photo is being decided."""
        return self.status.kind in {"deciding", "cancelling"}

    @property
    def side(self) -> int:
        """Pixels of the longer side of a photo that is taken; 0 where none is."""
        return 0 if self.scorer is None or self.missing else self.scorer.side

    def look(self) -> None:
        """Find out whether a photo can be decided here; loads nothing."""
        try:
            self.rights.require("photos")
            if self.scorer is None:
                raise DataError("This page has no encoder.", "Open it with inficond serve.")
            self.scorer.check(self.students.tuner.store)
        except InficondError as error:
            self.missing = error.whole_for_page
        else:
            self.missing = ""

    def put(self, photo: bytes) -> None:
        """Decide a photo, given by its content, in the place of the one that is there."""
        self.look()
        scorer = self.scorer
        if scorer is None or self.missing:
            return
        try:
            check_photo(photo, scorer.side)
        except DataError as error:
            self.jobs.cancel(_KEY)
            self.param.update(decided=None, status=Status.of(error))
            return
        store = self.students.tuner.store

        def work(job: Job) -> DecidedPhoto:
            report = self.jobs.progress(job)
            scores = scorer.score(store, photo, lambda text: report(_LEFT, text), job.cancelled)
            return self._decided(scores)

        self.param.update(decided=None, status=Status("deciding", "Waiting for its turn"))
        self._submit(work)

    def cancel(self) -> None:
        """Ask to stop; the photo is forgotten."""
        if self.status.kind == "deciding":
            self.status = Status("cancelling", "Cancelling")
            self.jobs.cancel(_KEY)

    def close(self) -> None:
        """Forget the photo, and stop what is done with it."""
        self.jobs.cancel(_KEY)
        status = Status("cancelling", "Cancelling") if self.busy else Status()
        self.param.update(decided=None, status=status)

    @param.depends("students.snapshot", "asked", watch=True)
    def _follow(self) -> None:
        """Decide the photo again by other students, or to another accuracy: its scores stay."""
        found = self.decided
        if found is None:
            return
        asked = found.rules.accuracy if found.rules else 0.0
        if (found.node, asked) != (self.students.node, self.asked):
            self._submit(lambda _: self._decided(found.scores))

    def _decided(self, scores: PhotoScores) -> DecidedPhoto:
        node, tuner, asked = self.students.node, self.students.tuner, self.asked
        students = as_exported(tuner, node, {})
        predictions, rules = predict(students, scores), None
        if asked:
            rules = abstaining(students, tuner.store, asked, tuner.spec.views.noise())
            predictions = rules.apply(predictions)
        return DecidedPhoto(node, scores, {one.class_name: one for one in predictions}, rules)

    def _submit(self, work: Callable[[Job], DecidedPhoto]) -> None:
        def checked(job: Job) -> DecidedPhoto:
            found = work(job)
            if job.cancelled():
                raise CancelledError("Cancelled.")
            return found

        def done(decided: DecidedPhoto) -> None:
            if job.cancelled():  # it was closed since, or one that cannot be read was put
                self._rest()
                return
            self.param.update(decided=decided, status=Status())
            self._follow()  # the students may be others since

        job = Job(_KEY, checked, done, self._fail, self._report)
        self.jobs.submit(job)

    def _report(self, share: float, text: str) -> None:
        if self.status.kind == "deciding":
            self.status = Status("deciding", text, share)

    def _fail(self, error: InficondError) -> None:
        if isinstance(error, CancelledError):
            self._rest()
        else:
            self.param.update(decided=None, status=Status.of(error))

    def _rest(self) -> None:
        """Tell that a photo was cancelled; a fault that is told of the next one stays."""
        if self.busy:
            self.status = Status()


def check_photo(photo: bytes, side: int) -> None:
    """Raise ``DataError`` for what is no photo as the page sends it: format, bytes, pixels.

    Only its head is read.
    """
    if len(photo) > MOST_BYTES:
        raise DataError(
            f"The photo has {len(photo):,} bytes, and {MOST_BYTES:,} are taken.", "Choose another."
        )
    try:
        with Image.open(io.BytesIO(photo), formats=FORMATS) as image:
            longest = max(image.size)
    except Exception as error:  # Pillow's readers raise many kinds for a damaged file
        raise DataError("This is no JPEG or PNG photo.", "Choose another.") from error
    if longest > side:
        raise DataError(
            f"The photo has {longest:,} pixels in its longer side, and {side:,} are taken.",
            "Choose another.",
        )
